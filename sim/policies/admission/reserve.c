/* Reserve: room for the outputs to come, foreseen as a share of what clients allow. The share is
 * learned from the requests that end: it begins at an option's value and moves towards each
 * one's share. SGLang reserves in this way, with a share that falls by steps and rises when it has
 * to retract.
 */
#include "sim/policies/admission.h"

enum { FIRST, LEARNING };

typedef struct {
  gboolean begun;
  double share;
} State;

static double
share_of(const State *state, const PolicyValues *options)
{
  return state->begun ? state->share : options->of[FIRST];
}

static double
foreseen_tokens(const AdmissionSequence *sequence, double share)
{
  double left = share * sequence->max_tokens - sequence->generated;

  return MAX(left, 1);
}

/* Blocks that all sequences are foreseen to take yet. */
static double
foreseen_blocks(const AdmissionQuery *query, double share)
{
  double tokens = 0, blocks = 0;

  for (guint32 i = 0; i <= query->n_running; i++) {
    const AdmissionSequence *s = i == 0 ? &query->candidate : &query->running[i - 1];
    double more = foreseen_tokens(s, share);
    tokens += more;
    if (query->groups != NULL)
      blocks += (double)admission_group_growth(query, s->length, (guint64)more);
  }
  return query->groups != NULL ? blocks : tokens / query->block_size;
}

static gboolean
admits(const AdmissionPolicy *self G_GNUC_UNUSED, const AdmissionQuery *query)
{
  double share = share_of(query->state, query->options);

  return query->whole_blocks + foreseen_blocks(query, share) <= query->free_blocks;
}

static void
finished(gpointer data, const PolicyValues *options, const AdmissionSequence *sequence)
{
  State *state = data;
  double share = share_of(state, options);
  double its = (double)sequence->generated / sequence->max_tokens;

  state->share = share + options->of[LEARNING] * (its - share);
  state->begun = TRUE;
}

const AdmissionPolicy admission_reserve = {
    .base = {.name = "reserve",
             .help = "only if what all are foreseen to generate finds room, by a share of what "
                     "clients allow that is learned",
             .options = {[FIRST] = {.name = "reserve-share",
                                    .argument = "X",
                                    .help = "the share at the beginning",
                                    .fallback = 0.7,
                                    .max = 1},
                         [LEARNING] = {.name = "reserve-learning",
                                       .argument = "X",
                                       .help = "how far each completion moves the share; 0: never",
                                       .fallback = 0.02,
                                       .max = 1}}},
    .sees_running = TRUE,
    .admits = admits,
    .state_bytes = sizeof(State),
    .finished = finished,
};
