/* F1 to F5, from what evicting and restoring tokens costs: figures 2 and 3. */
#include "judge.h"

#include <math.h>

#include "report/text/format.h"
#include "sim/units.h"

#define LENGTH_AT 3 /* 2,048 tokens: near a sequence of the burst when it is evicted */

static double
swap_s(const CrossoverCost *cost)
{
  return ps_to_s(poster_swap_ps(cost));
}

static guint
length_at(const PosterData *d)
{
  return MIN(LENGTH_AT, d->longest - 1);
}

/* FALSE with a verdict where a block size that the finding is about was not measured. */
static gboolean
has_sizes(const gboolean priced[POSTER_BLOCK_SIZES], PosterFinding *f)
{
  const guint sizes[] = {0, POSTER_SIZE_AT, POSTER_BLOCK_SIZES - 1};

  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
    if (!priced[sizes[i]]) {
      g_autofree char *what = g_strdup_printf("blocks of %u", poster_block_sizes[sizes[i]]);
      poster_lacks(f, what);
      return FALSE;
    }
  return TRUE;
}

/* "0.5 to 2.5". */
static char *
range_text(double low, double high)
{
  g_autofree char *a = format_number(low), *b = format_number(high);

  return g_str_equal(a, b) ? g_strdup(a) : g_strdup_printf("%s to %s", a, b);
}

/* The least and the most recompute overhead of the replays with blocks from `from` to `to` tokens.
 * NULL where there is none. */
static char *
replay_range(const PosterData *d, guint32 from, guint32 to, guint64 *evictions)
{
  double low = INFINITY, high = 0;

  *evictions = 0;
  for (guint i = 0; i < POSTER_REPLAY_SIZES; i++) {
    const PosterRun *run = &d->by_size[i][POSTER_RECOMPUTE];
    if (run->missing || poster_replay_sizes[i] < from || poster_replay_sizes[i] > to)
      continue;
    low = MIN(low, ps_to_s(run->recompute_ps));
    high = MAX(high, ps_to_s(run->recompute_ps));
    *evictions = MAX(*evictions, run->preemptions);
  }
  return low <= high ? range_text(low, high) : NULL;
}

/* What the block size does to the burst, whose schedule it changes, too. */
static void
append_replays(const PosterData *d, GString *text)
{
  guint64 few, many;
  g_autofree char *usual = replay_range(d, 8, 32, &few), *large = replay_range(d, 64, 256, &many);

  if (usual == NULL)
    return;
  g_string_append_printf(
      text,
      " In the replayed burst at 12 %%, vLLM's blocks of 8 to 32 tokens make the "
      "overhead %s s, with %" G_GUINT64_FORMAT " evictions at most",
      usual, few);
  if (large != NULL)
    g_string_append_printf(
        text, "; blocks of 64 to 256 make it %s s, with up to %" G_GUINT64_FORMAT, large, many);
  g_string_append_c(text, '.');
  if (large != NULL && many > 10 * few)
    g_string_append(text, " A pool of less than 100 blocks has no watermark in vLLM 0.x (1 % of "
                          "it, rounded down), and a request that comes back is evicted at once.");
}

/* Of recomputing as many tokens, over the block sizes that were measured. */
static void
recompute_range(const PosterData *d, double *low_ms, double *high_ms)
{
  *low_ms = INFINITY;
  *high_ms = 0;
  for (guint i = 0; i < POSTER_BLOCK_SIZES; i++) {
    double ms = ps_to_s(d->pinned[i][length_at(d)].recompute_ps) * 1000;
    if (!d->priced[i])
      continue;
    *low_ms = MIN(*low_ms, ms);
    *high_ms = MAX(*high_ms, ms);
  }
}

/* F1: where it is measured, block sizes differ by less than a tenth. No cost model here knows the
 * block size of an attention kernel, so a simulation cannot tell. */
void
poster_judge_f1(const PosterData *d, PosterFinding *f)
{
  GString *text;
  double low_ms, high_ms;
  g_autofree char *range = NULL;

  if (!has_sizes(d->priced, f))
    return;
  text = g_string_new(NULL);
  recompute_range(d, &low_ms, &high_ms);
  range = range_text(low_ms, high_ms);
  g_string_append_printf(text, "Recomputing %u tokens takes %s ms ", poster_lengths[length_at(d)],
                         range);
  if (d->executor == NULL) {
    f->verdict = POSTER_CANNOT_BE_TOLD;
    g_string_append(text, "at any block size, because the costs know no block size of attention: "
                          "an assumption, not a result.");
  } else {
    f->verdict = poster_holds_if(high_ms < (1 + POSTER_SMALL_EFFECT) * low_ms);
    g_string_append(text, "over all block sizes.");
  }
  append_replays(d, text);
  f->numbers = g_string_free(text, FALSE);
}

/* The next larger block size that was measured. */
static guint
next_size(const PosterData *d, guint size)
{
  do
    size++;
  while (size < POSTER_BLOCK_SIZES && !d->priced[size]);
  return size;
}

/* A larger block is never dearer; where it is measured, by no more than a tenth. */
static gboolean
falls_with_size(const PosterData *d)
{
  double tolerance = d->executor != NULL ? POSTER_SMALL_EFFECT : 0;

  for (guint i = 0, next; (next = next_size(d, i)) < POSTER_BLOCK_SIZES; i = next)
    for (guint n = 0; n < d->longest; n++)
      if ((double)poster_swap_ps(&d->pinned[next][n]) >
          (1 + tolerance) * (double)poster_swap_ps(&d->pinned[i][n]))
        return FALSE;
  return TRUE;
}

/* F2: at every length a larger block is never dearer, and 256 saves a tenth or more over 16. */
void
poster_judge_f2(const PosterData *d, PosterFinding *f)
{
  guint at = length_at(d);
  double one_s = swap_s(&d->pinned[0][at]), usual_s = swap_s(&d->pinned[POSTER_SIZE_AT][at]);
  double large_s = swap_s(&d->pinned[POSTER_BLOCK_SIZES - 1][at]);
  g_autofree char *one = format_number(one_s * 1000), *usual = format_number(usual_s * 1000);
  g_autofree char *large = format_number(large_s * 1000);

  if (!has_sizes(d->priced, f))
    return;
  f->verdict = poster_holds_if(falls_with_size(d) && large_s < (1 - POSTER_SMALL_EFFECT) * usual_s);
  f->numbers = g_strdup_printf(
      "Swapping %u tokens out and in takes %s ms in blocks of 1 token, %s ms of 16, %s ms of 256.",
      poster_lengths[at], one, usual, large);
}

static double
gain(const CrossoverCost costs[POSTER_BLOCK_SIZES][POSTER_LENGTHS], guint at)
{
  double large_s = swap_s(&costs[POSTER_BLOCK_SIZES - 1][at]);

  return large_s > 0 ? swap_s(&costs[POSTER_SIZE_AT][at]) / large_s : 1;
}

/* F3: from 16 to 256 tokens a block, pinned memory gains more than pageable, by a tenth or more. */
void
poster_judge_f3(const PosterData *d, PosterFinding *f)
{
  guint at = length_at(d);
  double pinned = gain(d->pinned, at), pageable = gain(d->pageable, at);
  g_autofree char *a = format_number(pinned), *b = format_number(pageable);
  g_autofree char *slow = format_number(swap_s(&d->pageable[POSTER_BLOCK_SIZES - 1][at]) * 1000);
  g_autofree char *fast = format_number(swap_s(&d->pinned[POSTER_BLOCK_SIZES - 1][at]) * 1000);

  if (!has_sizes(d->priced, f))
    return;
  if (d->one_host_memory) {
    poster_lacks(f, "pageable host memory, which this executor does not tell from pinned");
    return;
  }
  if (!has_sizes(d->priced_pageable, f))
    return;
  f->verdict = poster_holds_if(pinned > 1 + POSTER_SMALL_EFFECT &&
                               pinned - 1 > (1 + POSTER_SMALL_EFFECT) * (pageable - 1));
  f->numbers =
      g_strdup_printf("Blocks of 256 instead of 16 tokens make a swap %s times as fast with "
                      "pinned memory, %s times with pageable; %u tokens then take %s and %s "
                      "ms.",
                      a, b, poster_lengths[at], fast, slow);
}

/* F4: both costs rise with every doubling. */
void
poster_judge_f4(const PosterData *d, PosterFinding *f)
{
  const CrossoverCost *row = d->pinned[POSTER_SIZE_AT];
  const CrossoverCost *first = &row[0], *last = &row[d->longest - 1];
  gboolean rises = TRUE, swap_rises = TRUE;
  g_autofree char *r0 = format_number(ps_to_s(first->recompute_ps) * 1000);
  g_autofree char *r1 = format_number(ps_to_s(last->recompute_ps) * 1000);
  g_autofree char *s0 = format_number(swap_s(first) * 1000);
  g_autofree char *s1 = format_number(swap_s(last) * 1000);

  if (!d->priced[POSTER_SIZE_AT]) {
    poster_lacks(f, "blocks of 16");
    return;
  }
  for (guint n = 1; n < d->longest; n++) {
    rises = rises && row[n].recompute_ps > row[n - 1].recompute_ps;
    swap_rises = swap_rises && poster_swap_ps(&row[n]) > poster_swap_ps(&row[n - 1]);
  }
  f->verdict = poster_holds_if(rises && swap_rises);
  f->numbers =
      g_strdup_printf("From %u to %u tokens, recomputing goes from %s to %s ms and swapping "
                      "from %s to %s ms.",
                      poster_lengths[0], poster_lengths[d->longest - 1], r0, r1, s0, s1);
}

static double
advantage(const PosterData *d, guint size, guint n)
{
  double swap = swap_s(&d->pinned[size][n]);

  return swap > 0 ? ps_to_s(d->pinned[size][n].recompute_ps) / swap : INFINITY;
}

static void
append_crossing(const PosterData *d, guint size, GString *text)
{
  const GArray *points = d->crossings[size];
  const CrossoverPoint *last = &g_array_index(points, CrossoverPoint, points->len - 1);

  g_string_append_printf(text, "%u: ", poster_block_sizes[size]);
  if (!last->swap_cheaper)
    g_string_append(text, "recomputing");
  else if (points->len == 1)
    g_string_append(text, "swapping at every length");
  else
    g_string_append_printf(text, "swapping from %u tokens", last->tokens);
}

static gboolean
is_tie(double ratio)
{
  return fabs(ratio - 1) < POSTER_SMALL_EFFECT;
}

static const char *
tie_text(double near, double far)
{
  return is_tie(near) && is_tie(far) ? " Both are ties, less than a tenth apart."
         : is_tie(near)              ? " The first is a tie, less than a tenth apart."
         : is_tie(far)               ? " The second is a tie, less than a tenth apart."
                                     : "";
}

/* F5: in blocks of 16, swapping is the cheaper at the longest context, and its advantage there is
 * larger than at 1,024 tokens. A tie there cannot be told: published tables err by as much. */
void
poster_judge_f5(const PosterData *d, PosterFinding *f)
{
  guint last = d->longest - 1, middle = last > 2 ? 2 : 0;
  GString *text;
  double near = advantage(d, POSTER_SIZE_AT, middle), far = advantage(d, POSTER_SIZE_AT, last);

  if (!d->priced[POSTER_SIZE_AT]) {
    poster_lacks(f, "blocks of 16");
    return;
  }
  text = g_string_new(NULL);
  f->verdict =
      is_tie(far) ? POSTER_CANNOT_BE_TOLD : poster_holds_if(far > 1 && (far > near || isinf(far)));
  if (isinf(far)) {
    g_string_append(text, "Swapping costs nothing here.");
  } else {
    g_autofree char *a = format_number(near), *b = format_number(far);
    g_string_append_printf(
        text,
        "Recomputing takes %s times as long as swapping in blocks of 16 at %u "
        "tokens, %s times at %u.%s The cheaper of the two for long sequences, by "
        "block size: ",
        a, poster_lengths[middle], b, poster_lengths[last], tie_text(near, far));
    for (guint i = next_size(d, (guint)-1), first = i; i < POSTER_BLOCK_SIZES;
         i = next_size(d, i)) {
      g_string_append(text, i > first ? "; " : "");
      append_crossing(d, i, text);
    }
    g_string_append_c(text, '.');
  }
  f->numbers = g_string_free(text, FALSE);
}
