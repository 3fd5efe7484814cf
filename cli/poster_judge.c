/* Findings F1 to F9 of the poster, each judged from the numbers by a rule that its function states.
 *
 * The poster's figures are not in its text, so a finding is judged by its shape: what falls, what
 * rises, what crosses. Where its words leave two readings, both are told and the verdict is of the
 * first.
 */
#include "poster.h"

#include <math.h>

#include "report/format.h"
#include "sim/units.h"

#define LENGTH_AT 3      /* 2,048 tokens: near a sequence of the burst when it is evicted */
#define SIZE_AT 4        /* 16 tokens a block */
#define SMALL_EFFECT 0.1 /* a tenth: less is called none */
#define FEW 3            /* rises: less shows no period */
#define UNEVEN 0.5       /* of the mean gap: more is no period */

const char *
poster_verdict_name(PosterVerdict verdict)
{
  static const char *const names[] = {"holds", "does not hold", "cannot be told"};
  return names[verdict];
}

static PosterVerdict
holds_if(gboolean it_does)
{
  return it_does ? POSTER_HOLDS : POSTER_DOES_NOT_HOLD;
}

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

/* "0.5 to 2.5". */
static char *
range_text(double low, double high)
{
  g_autofree char *a = format_number(low), *b = format_number(high);

  return g_str_equal(a, b) ? g_strdup(a) : g_strdup_printf("%s to %s", a, b);
}

/* The least and the most recompute overhead of the replays with blocks from `from` to `to` tokens.
 */
static char *
replay_range(const PosterData *d, guint32 from, guint32 to, guint64 *evictions)
{
  double low = INFINITY, high = 0;

  *evictions = 0;
  for (guint i = 0; i < POSTER_REPLAY_SIZES; i++) {
    const PosterRun *run = &d->by_size[i][POSTER_RECOMPUTE];
    if (poster_replay_sizes[i] < from || poster_replay_sizes[i] > to)
      continue;
    low = MIN(low, ps_to_s(run->recompute_ps));
    high = MAX(high, ps_to_s(run->recompute_ps));
    *evictions = MAX(*evictions, run->preemptions);
  }
  return range_text(low, high);
}

/* F1: no cost model here knows the block size of an attention kernel, so only a replay can differ.
 */
static void
judge_f1(const PosterData *d, PosterFinding *f)
{
  guint64 few, many;
  g_autofree char *usual = replay_range(d, 8, 32, &few), *large = replay_range(d, 64, 256, &many);
  g_autofree char *cost =
      format_number(ps_to_s(d->pinned[SIZE_AT][length_at(d)].recompute_ps) * 1000);

  f->verdict = POSTER_CANNOT_BE_TOLD;
  f->numbers = g_strdup_printf(
      "Recomputing %u tokens takes %s ms at any block size, because the costs know no block size "
      "of attention: an assumption, not a result. In the replayed burst at 12 %%, vLLM's blocks of "
      "8 to 32 tokens make the overhead %s s, with %" G_GUINT64_FORMAT
      " evictions at most; blocks of 64 to 256 make it %s s, with up to %" G_GUINT64_FORMAT ".%s",
      poster_lengths[length_at(d)], cost, usual, few, large, many,
      many > 10 * few ? " A pool of less than 100 blocks has no watermark in vLLM 0.x (1 % of it, "
                        "rounded down), and a request that comes back is evicted at once."
                      : "");
}

/* F2: at every length a larger block is never dearer, and 256 saves a tenth or more over 16. */
static void
judge_f2(const PosterData *d, PosterFinding *f)
{
  gboolean falls = TRUE;
  guint at = length_at(d);
  double one_s = swap_s(&d->pinned[0][at]), usual_s = swap_s(&d->pinned[SIZE_AT][at]);
  double large_s = swap_s(&d->pinned[POSTER_BLOCK_SIZES - 1][at]);
  g_autofree char *one = format_number(one_s * 1000), *usual = format_number(usual_s * 1000);
  g_autofree char *large = format_number(large_s * 1000);

  for (guint i = 1; i < POSTER_BLOCK_SIZES; i++)
    for (guint n = 0; n < d->longest; n++)
      falls = falls && poster_swap_ps(&d->pinned[i][n]) <= poster_swap_ps(&d->pinned[i - 1][n]);
  f->verdict = holds_if(falls && large_s < (1 - SMALL_EFFECT) * usual_s);
  f->numbers = g_strdup_printf(
      "Swapping %u tokens out and in takes %s ms in blocks of 1 token, %s ms of 16, %s ms of 256.",
      poster_lengths[at], one, usual, large);
}

static double
gain(const CrossoverCost costs[POSTER_BLOCK_SIZES][POSTER_LENGTHS], guint at)
{
  double large_s = swap_s(&costs[POSTER_BLOCK_SIZES - 1][at]);

  return large_s > 0 ? swap_s(&costs[SIZE_AT][at]) / large_s : 1;
}

/* F3: from 16 to 256 tokens a block, pinned memory gains more than pageable, by a tenth or more. */
static void
judge_f3(const PosterData *d, PosterFinding *f)
{
  guint at = length_at(d);
  double pinned = gain(d->pinned, at), pageable = gain(d->pageable, at);
  g_autofree char *a = format_number(pinned), *b = format_number(pageable);
  g_autofree char *slow = format_number(swap_s(&d->pageable[POSTER_BLOCK_SIZES - 1][at]) * 1000);
  g_autofree char *fast = format_number(swap_s(&d->pinned[POSTER_BLOCK_SIZES - 1][at]) * 1000);

  f->verdict =
      holds_if(pinned > 1 + SMALL_EFFECT && pinned - 1 > (1 + SMALL_EFFECT) * (pageable - 1));
  f->numbers =
      g_strdup_printf("Blocks of 256 instead of 16 tokens make a swap %s times as fast with "
                      "pinned memory, %s times with pageable; %u tokens then take %s and %s "
                      "ms.",
                      a, b, poster_lengths[at], fast, slow);
}

/* F4: both costs rise with every doubling. */
static void
judge_f4(const PosterData *d, PosterFinding *f)
{
  const CrossoverCost *row = d->pinned[SIZE_AT];
  const CrossoverCost *first = &row[0], *last = &row[d->longest - 1];
  gboolean rises = TRUE, swap_rises = TRUE;
  g_autofree char *r0 = format_number(ps_to_s(first->recompute_ps) * 1000);
  g_autofree char *r1 = format_number(ps_to_s(last->recompute_ps) * 1000);
  g_autofree char *s0 = format_number(swap_s(first) * 1000);
  g_autofree char *s1 = format_number(swap_s(last) * 1000);

  for (guint n = 1; n < d->longest; n++) {
    rises = rises && row[n].recompute_ps > row[n - 1].recompute_ps;
    swap_rises = swap_rises && poster_swap_ps(&row[n]) > poster_swap_ps(&row[n - 1]);
  }
  f->verdict = holds_if(rises && swap_rises);
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
  return fabs(ratio - 1) < SMALL_EFFECT;
}

static const char *
tie_text(double near, double far)
{
  return is_tie(near) && is_tie(far) ? " Both are ties, within what the costs err by."
         : is_tie(near)              ? " The first is a tie, within what the costs err by."
         : is_tie(far)               ? " The second is a tie, within what the costs err by."
                                     : "";
}

/* F5: in blocks of 16, swapping is the cheaper at the longest context, and its advantage there is
 * larger than at 1,024 tokens. A tie there cannot be told: published tables err by as much. */
static void
judge_f5(const PosterData *d, PosterFinding *f)
{
  guint last = d->longest - 1, middle = MIN(2, last);
  GString *text = g_string_new(NULL);
  double near = advantage(d, SIZE_AT, middle), far = advantage(d, SIZE_AT, last);

  f->verdict =
      is_tie(far) ? POSTER_CANNOT_BE_TOLD : holds_if(far > 1 && (far > near || isinf(far)));
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
    for (guint i = 0; i < POSTER_BLOCK_SIZES; i++) {
      g_string_append(text, i > 0 ? "; " : "");
      append_crossing(d, i, text);
    }
    g_string_append_c(text, '.');
  }
  f->numbers = g_string_free(text, FALSE);
}

typedef double (*Measure)(const PosterRun *run);

static double
lost_s(const PosterRun *run)
{
  return run->lost_ps < 0 ? NAN : ps_to_s(run->lost_ps);
}

static double
device_s(const PosterRun *run)
{
  return ps_to_s(poster_overhead_ps(run));
}

/* At the poster's shares, 10, 20 … 50 %, up to `until`, or until there is none left. */
static gboolean
falls_until(const PosterData *d, PosterPolicy policy, Measure measure, guint32 until)
{
  double before = INFINITY;

  for (guint i = 0; i < POSTER_SHARES; i++) {
    double now = measure(&d->runs[i][policy]);
    if (poster_percents[i] % 10 != 0 || poster_percents[i] > until)
      continue;
    if (!(now < before) && now != 0)
      return FALSE;
    before = now;
  }
  return TRUE;
}

/* The share of the least, up to `until`; 0 where the least is none at all. */
static guint32
least_share(const PosterData *d, PosterPolicy policy, Measure measure, guint32 until)
{
  double least = INFINITY;
  guint32 percent = 0;

  for (guint i = 0; i < POSTER_SHARES; i++) {
    double now = measure(&d->runs[i][policy]);
    if (poster_percents[i] % 10 == 0 && poster_percents[i] <= until && now < least) {
      least = now;
      percent = poster_percents[i];
    }
  }
  return least > 0 ? percent : 0;
}

static void
append_shares(const PosterData *d, PosterPolicy policy, Measure measure, GString *text)
{
  gboolean first = TRUE;

  g_string_append_printf(text, "%s ", poster_policy_names[policy]);
  for (guint i = 0; i < POSTER_SHARES; i++) {
    double value = measure(&d->runs[i][policy]);
    g_autofree char *number = isfinite(value) ? format_number(value) : g_strdup("no end");
    if (poster_percents[i] % 10 != 0)
      continue;
    g_string_append_printf(text, "%s%s", first ? "" : ", ", number);
    first = FALSE;
  }
}

static gboolean
all_ended(const PosterData *d)
{
  for (guint i = 0; i < POSTER_SHARES; i++)
    for (guint p = 0; p < POSTER_POLICIES; p++)
      if (d->runs[i][p].end != RUN_DONE || d->runs[i][p].lost_ps < 0)
        return FALSE;
  return TRUE;
}

static gboolean
overflows_at(const PosterData *d, guint32 percent)
{
  for (guint i = 0; i < POSTER_SHARES; i++)
    if (poster_percents[i] == percent)
      return d->runs[i][POSTER_RECOMPUTE].preemptions > 0;
  return FALSE;
}

/* F6: the time lost against unlimited memory falls from 10 to 40 % under both policies. */
static void
judge_f6(const PosterData *d, PosterFinding *f)
{
  GString *text =
      g_string_new("Time lost against unlimited memory at 10, 20, 30, 40, 50 %, in s: ");
  gboolean lost = TRUE, device = TRUE;

  for (guint p = 0; p < POSTER_POLICIES; p++) {
    lost = lost && falls_until(d, (PosterPolicy)p, lost_s, 40);
    device = device && falls_until(d, (PosterPolicy)p, device_s, 40);
    g_string_append(text, p > 0 ? "; " : "");
    append_shares(d, (PosterPolicy)p, lost_s, text);
  }
  g_string_append(text, ". Time spent on recomputing and copies alone, in s: ");
  for (guint p = 0; p < POSTER_POLICIES; p++) {
    g_string_append(text, p > 0 ? "; " : "");
    append_shares(d, (PosterPolicy)p, device_s, text);
  }
  g_string_append_printf(text, "; if that is the overhead, the finding %s.",
                         poster_verdict_name(holds_if(device)));
  f->verdict = !all_ended(d) || !overflows_at(d, 10) ? POSTER_CANNOT_BE_TOLD : holds_if(lost);
  f->numbers = g_string_free(text, FALSE);
}

static void
append_least(const PosterData *d, Measure measure, GString *text)
{
  for (guint p = 0; p < POSTER_POLICIES; p++) {
    guint32 below = least_share(d, (PosterPolicy)p, measure, 40);
    guint32 all = least_share(d, (PosterPolicy)p, measure, 50);

    g_string_append_printf(text, "%s%s ", p > 0 ? "; " : "", poster_policy_names[p]);
    if (all == 0)
      g_string_append(text, "none where nothing overflows");
    else
      g_string_append_printf(text, "at %u %%, of those up to 40 %% at %u %%", all, below);
  }
}

/* F7: of the five shares, 30 or 50 % has the least time lost, under both policies. */
static void
judge_f7(const PosterData *d, PosterFinding *f)
{
  GString *text = g_string_new("Least time lost: ");
  gboolean right = TRUE, any = TRUE;

  for (guint p = 0; p < POSTER_POLICIES; p++) {
    guint32 percent = least_share(d, (PosterPolicy)p, lost_s, 50);
    any = any && percent != 0;
    right = right && (percent == 30 || percent == 50);
  }
  append_least(d, lost_s, text);
  g_string_append(text, ". Least time spent on recomputing and copies: ");
  append_least(d, device_s, text);
  g_string_append_c(text, '.');
  f->verdict = !all_ended(d) || !any ? POSTER_CANNOT_BE_TOLD : holds_if(right);
  f->numbers = g_string_free(text, FALSE);
}

typedef struct {
  guint evictions, falls, resumes, rises_of_use;
  guint rises, rises_with_new, rises_with_resumed, rises_with_either;
  double gap_s, gap_spread; /* between rises: mean; standard deviation / mean */
} Pattern;

/* A step that brings one back and evicts another may go either way. */
static void
count_events(const PosterTimeline *timeline, Pattern *pattern)
{
  const GArray *events = poster_timeline_events(timeline);

  for (guint i = 0; i < events->len; i++) {
    const PosterEvent *event = &g_array_index(events, PosterEvent, i);
    if (event->evicted > 0) {
      pattern->evictions++;
      pattern->falls += event->after_blocks < event->before_blocks;
    }
    if (event->resumed > 0 && event->evicted == 0) {
      pattern->resumes++;
      pattern->rises_of_use += event->after_blocks > event->before_blocks;
    }
  }
}

/* Windows side by side are one rise. */
static void
count_rises(const PosterTimeline *timeline, Pattern *pattern)
{
  const GArray *windows = poster_timeline_windows(timeline);
  double sum = 0, squares = 0, last_s = -1;
  guint gaps = 0;

  for (guint i = 0; i < windows->len; i++) {
    const PosterWindow *window = &g_array_index(windows, PosterWindow, i);
    gboolean fresh = i == 0 || !g_array_index(windows, PosterWindow, i - 1).rise;
    if (!window->rise || !fresh)
      continue;
    pattern->rises++;
    pattern->rises_with_new += window->new_tokens > 0;
    pattern->rises_with_resumed += window->resumed_tokens > 0;
    pattern->rises_with_either += window->new_tokens + window->resumed_tokens > 0;
    if (last_s >= 0) {
      sum += window->time_s - last_s;
      squares += (window->time_s - last_s) * (window->time_s - last_s);
      gaps++;
    }
    last_s = window->time_s;
  }
  if (gaps > 0) {
    pattern->gap_s = sum / gaps;
    pattern->gap_spread =
        sqrt(MAX(0, squares / gaps - pattern->gap_s * pattern->gap_s)) / pattern->gap_s;
  }
}

static gboolean
most(guint part, guint whole)
{
  return part * 10 >= whole * 9;
}

static char *
pattern_text(const Pattern *p)
{
  g_autofree char *gap = format_number(p->gap_s), *spread = format_percent(p->gap_spread);

  return g_strdup_printf(
      "%u rises of throughput above twice its median, %s s apart on average (standard deviation %s "
      "of that%s); new requests are prefilled in %u of them, evicted ones recomputed in %u. KV use "
      "falls in %u of %u steps that evict, and rises in %u of %u that only bring back.",
      p->rises, gap, spread, p->gap_spread > UNEVEN ? ": they recur, but at no even period" : "",
      p->rises_with_new, p->rises_with_resumed, p->falls, p->evictions, p->rises_of_use,
      p->resumes);
}

/* F8: nine in ten rises are with requests that waited or came back, and nine in ten evictions and
 * resumes move the use of KV as they should. F9: the same, with the prompts of waiting requests
 * only. Whether the rises are evenly apart is told, not judged. */
static void
judge_timeline(const PosterData *d, PosterPolicy policy, PosterFinding *f)
{
  Pattern pattern = {0};
  guint explained;

  count_events(d->timelines[policy], &pattern);
  count_rises(d->timelines[policy], &pattern);
  explained = policy == POSTER_RECOMPUTE ? pattern.rises_with_either : pattern.rises_with_new;
  f->numbers = pattern_text(&pattern);
  if (pattern.evictions == 0 || pattern.rises < FEW)
    f->verdict = POSTER_CANNOT_BE_TOLD;
  else
    f->verdict =
        holds_if(most(explained, pattern.rises) && most(pattern.falls, pattern.evictions) &&
                 most(pattern.rises_of_use, pattern.resumes));
}

PosterFinding *
poster_judge(const PosterData *data)
{
  static const PosterFinding claims[POSTER_FINDINGS] = {
      {.id = "F1",
       .figure = 2,
       .claim = "recompute: block size has minimal effect",
       .depends = "the attention kernel; only a live run can tell"},
      {.id = "F2",
       .figure = 2,
       .claim = "swap: overhead falls as the block grows",
       .depends = "a copy a block, layer and K or V; not where a block's layers lie together or "
                  "copies are submitted as one"},
      {.id = "F3",
       .figure = 2,
       .claim = "swap: large blocks gain most, with pinned memory",
       .depends = "a link that pinned memory fills and pageable memory does not"},
      {.id = "F4",
       .figure = 3,
       .claim = "both overheads grow with the number of tokens, and with sequence length",
       .depends = "nothing that was varied, unless copies are hidden"},
      {.id = "F5",
       .figure = 3,
       .claim = "swap is cheaper for long sequences, and when more tokens are evicted",
       .depends = "KV bytes a token against the link and the FLOPs: block size and copy path"},
      {.id = "F6",
       .figure = 4,
       .claim = "overhead falls as available memory grows, up to 40 %",
       .depends = "what is called overhead"},
      {.id = "F7",
       .figure = 4,
       .claim = "least overhead at 30 % or 50 %",
       .depends = "what is called overhead; how many whole sequences a share holds"},
      {.id = "F8",
       .figure = 5,
       .claim = "recompute at 12 %: throughput rises periodically as waiting and resumed requests "
                "are processed; KV use falls at an eviction, rises at a resume",
       .depends = "nothing that was varied"},
      {.id = "F9",
       .figure = 5,
       .claim =
           "swap at 12 %: sharp periodic rises of throughput are prompts of waiting requests; KV "
           "use as in F8",
       .depends = "nothing that was varied"},
  };
  static void (*const judges[])(const PosterData *, PosterFinding *) = {
      judge_f1, judge_f2, judge_f3, judge_f4, judge_f5, judge_f6, judge_f7};
  PosterFinding *findings = g_new(PosterFinding, POSTER_FINDINGS);

  for (guint i = 0; i < POSTER_FINDINGS; i++) {
    findings[i] = claims[i];
    if (i < G_N_ELEMENTS(judges))
      judges[i](data, &findings[i]);
    else
      judge_timeline(data, i == G_N_ELEMENTS(judges) ? POSTER_RECOMPUTE : POSTER_SWAP,
                     &findings[i]);
  }
  return findings;
}

void
poster_findings_free(PosterFinding *findings)
{
  for (guint i = 0; findings != NULL && i < POSTER_FINDINGS; i++)
    g_free(findings[i].numbers);
  g_free(findings);
}
