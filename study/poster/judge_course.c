/* F8 and F9, from the course of the burst at 12 %: figure 5. */
#include "judge.h"

#include <math.h>

#include "report/text/format.h"

#define FEW 3      /* rises: fewer show no period */
#define UNEVEN 0.5 /* standard deviation / mean of the gaps: more is no period */

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

  if (d->timelines[policy] == NULL) {
    g_autofree char *what =
        g_strdup_printf("%s at %u %%", poster_policy_names[policy], (guint)POSTER_TIMELINE_PERCENT);
    poster_lacks(f, what);
    return;
  }
  count_events(d->timelines[policy], &pattern);
  count_rises(d->timelines[policy], &pattern);
  explained = policy == POSTER_RECOMPUTE ? pattern.rises_with_either : pattern.rises_with_new;
  f->numbers = pattern_text(&pattern);
  if (pattern.evictions == 0 || pattern.rises < FEW)
    f->verdict = POSTER_CANNOT_BE_TOLD;
  else
    f->verdict =
        poster_holds_if(most(explained, pattern.rises) && most(pattern.falls, pattern.evictions) &&
                        most(pattern.rises_of_use, pattern.resumes));
}

void
poster_judge_f8(const PosterData *data, PosterFinding *finding)
{
  judge_timeline(data, POSTER_RECOMPUTE, finding);
}

void
poster_judge_f9(const PosterData *data, PosterFinding *finding)
{
  judge_timeline(data, POSTER_SWAP, finding);
}
