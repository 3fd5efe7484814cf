/* SGLang's admission with --ignore-eos and without a radix cache: it knows when each request ends,
 * so it looks whether the pool lasts to the end of each. Rules: sglang's
 * managers/schedule_policy.py (add_one_req_ignore_eos).
 */
#include "sglang_adder.h"

/* Tokens that must be left for each request whenever one ends. */
#define IGNORE_EOS_RESERVE_TOKENS 1

/* The end of a request. */
typedef struct {
  guint32 tokens_left; /* output tokens until then */
  guint32 occupied;    /* tokens that it frees */
} ReqEnd;

static void
add_end(Adder *a, const Sequence *sequence, gboolean in_order)
{
  guint32 outputs = sglang_outputs(a->scheduler, sequence);
  const ReqEnd end = {sequence->max_tokens - outputs, sequence->result.prompt_tokens + outputs};
  guint at = 0;

  if (sequence->max_tokens <= outputs)
    return;
  if (!in_order) {
    g_array_append_val(a->ends, end);
    return;
  }
  /* One that ends last goes before the last: the engine's mistake. */
  while (at + 1 < a->ends->len && end.tokens_left > g_array_index(a->ends, ReqEnd, at).tokens_left)
    at++;
  g_array_insert_val(a->ends, at, end);
}

static int
compare_ends(gconstpointer a, gconstpointer b)
{
  guint32 x = ((const ReqEnd *)a)->tokens_left, y = ((const ReqEnd *)b)->tokens_left;

  return (x > y) - (x < y);
}

static void
list_ends(Adder *a, const Sequence *candidate)
{
  Scheduler *self = a->scheduler;

  if (a->ends != NULL) {
    add_end(a, candidate, TRUE);
    return;
  }
  a->ends = g_array_new(FALSE, FALSE, sizeof(ReqEnd));
  add_end(a, candidate, FALSE);
  for (const Sequence *s = self->running.head; s != NULL; s = s->next)
    add_end(a, s, FALSE);
  for (const Sequence *s = self->prefilling.head; s != NULL; s = s->next)
    add_end(a, s, FALSE);
  g_array_sort(a->ends, compare_ends); /* stable */
}

/* TRUE if the pool lasts to the end of each of them. */
static gboolean
lasts_to_all_ends(const Adder *a, gint64 tokens)
{
  gint64 base = adder_available_tokens(a) - a->current - tokens, freed = 0;

  for (guint i = 0; i < a->ends->len; i++) {
    const ReqEnd *end = &g_array_index(a->ends, ReqEnd, i);
    gint64 batch = a->ends->len - i;
    if (base + freed - (gint64)end->tokens_left * batch <= IGNORE_EOS_RESERVE_TOKENS * batch)
      return FALSE;
    freed += end->occupied;
  }
  return TRUE;
}

AddResult
adder_add_ignoring_eos(Adder *a, Sequence *sequence)
{
  const PoolPrefix prefix = pool_find(&a->scheduler->pool, sequence, sequence_length(sequence) - 1);
  gint64 kept = prefix.tokens, fill = sequence_length(sequence) - kept;
  gint64 need = adder_paged(a, fill) + a->scheduler->config.block_size;
  gboolean is_cut = a->chunks && fill > a->chunk;
  gint64 tokens;

  if ((double)(need + kept) > MIN((double)(adder_available_tokens(a) - a->current), adder_left(a)))
    return ADD_NO_TOKEN;
  if (sglang_has_windows(a->scheduler)) {
    if (adder_window_tokens(a, fill, sglang_outputs_left(a->scheduler, sequence)) >
        adder_window_left(a))
      return ADD_NO_TOKEN;
  } else {
    list_ends(a, sequence);
  }
  if (!sglang_has_windows(a->scheduler) && !lasts_to_all_ends(a, need + kept))
    return ADD_NO_TOKEN;
  if (is_cut && a->chunk == 0)
    return ADD_OTHER;
  tokens = is_cut ? a->chunk : fill;
  if (!adder_policy_admits(a, sequence, tokens, fill))
    return ADD_NO_TOKEN;
  adder_admit(a, sequence, &prefix, tokens, is_cut, tokens);
  return adder_budget(a);
}
