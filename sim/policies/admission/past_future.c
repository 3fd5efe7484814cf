/* Past-future: room at the worst moment to come, by foreseen output lengths. A request's is a
 * quantile of the recently finished outputs that are longer than what it has so far, at most what
 * its client allows; and just that before enough requests have finished. After the scheduler of
 * LightLLM (Gong et al., ASPLOS 2025), which draws from these outputs at random.
 */
#include "sim/policies/admission.h"

#include <string.h>

enum { QUANTILE };

#define KEPT 1000 /* outputs of the past */
#define ENOUGH 20 /* of them to foresee by */

typedef struct {
  guint32 sorted[KEPT];
  guint32 by_age[KEPT]; /* a ring */
  guint32 n, oldest;
} State;

/* How many of the kept outputs are at most `tokens` long. */
static guint32
count_up_to(const State *state, guint32 tokens)
{
  guint32 low = 0, high = state->n;

  while (low < high) {
    guint32 middle = (low + high) / 2;
    if (state->sorted[middle] <= tokens)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static guint32
foreseen_output(const State *state, double quantile, const AdmissionSequence *sequence)
{
  guint32 shorter = count_up_to(state, sequence->generated), longer = state->n - shorter;
  guint32 place = shorter + (guint32)(quantile * longer);

  if (state->n < ENOUGH || longer == 0)
    return sequence->max_tokens;
  return MIN(sequence->max_tokens, state->sorted[MIN(place, state->n - 1)]);
}

static gboolean
admits(const AdmissionPolicy *self G_GNUC_UNUSED, const AdmissionQuery *query)
{
  g_autofree guint32 *outputs = g_new(guint32, query->n_running + 1);
  double quantile = query->options->of[QUANTILE];

  for (guint32 i = 0; i < query->n_running; i++)
    outputs[i] = foreseen_output(query->state, quantile, &query->running[i]);
  outputs[query->n_running] = foreseen_output(query->state, quantile, &query->candidate);
  return admission_all_fit(query, outputs);
}

static void
forget(State *state, guint32 tokens)
{
  guint32 place = count_up_to(state, tokens) - 1;

  state->n--;
  memmove(&state->sorted[place], &state->sorted[place + 1],
          (state->n - place) * sizeof *state->sorted);
}

static void
finished(gpointer data, const PolicyValues *options G_GNUC_UNUSED,
         const AdmissionSequence *sequence)
{
  State *state = data;
  guint32 tokens = sequence->generated, place;

  if (state->n == KEPT) {
    forget(state, state->by_age[state->oldest]);
    state->oldest = (state->oldest + 1) % KEPT;
  }
  place = count_up_to(state, tokens);
  memmove(&state->sorted[place + 1], &state->sorted[place],
          (state->n - place) * sizeof *state->sorted);
  state->sorted[place] = tokens;
  state->by_age[(state->oldest + state->n++) % KEPT] = tokens;
}

const AdmissionPolicy admission_past_future = {
    .base = {.name = "past-future",
             .help = "only if all fit at the worst moment to come, by outputs foreseen from those "
                     "that ended",
             .options = {[QUANTILE] = {.name = "past-future-quantile",
                                       .argument = "X",
                                       .help = "the quantile of past outputs that are longer",
                                       .fallback = 0.9,
                                       .max = 1}}},
    .sees_running = TRUE,
    .admits = admits,
    .state_bytes = sizeof(State),
    .finished = finished,
};
