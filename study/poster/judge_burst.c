/* F6 and F7, from the burst at each share of memory: figure 4. */
#include "judge.h"

#include <math.h>

#include "report/text/format.h"
#include "sim/units.h"

typedef double (*Measure)(const PosterRun *run);

static double
lost_s(const PosterRun *run)
{
  return run->lost_ps < 0 ? NAN : ps_to_s(run->lost_ps);
}

static double
makespan_s(const PosterRun *run)
{
  return ps_to_s(run->makespan_ps);
}

static double
device_s(const PosterRun *run)
{
  return ps_to_s(poster_overhead_ps(run));
}

/* Whether the measure falls from each of the poster's shares (10, 20 … 50 %) to the next, up to
 * `until`; where it is 0 it may stay there. */
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

/* The share of memory with the least of the measure, up to `until`; 0 where the least is 0 because
 * nothing overflows. */
static guint32
least_share(const PosterData *d, PosterPolicy policy, Measure measure, guint32 until)
{
  double least = INFINITY;
  guint32 percent = 0;

  for (guint i = 0; i < POSTER_SHARES; i++) {
    double now = measure(&d->runs[i][policy]);
    if (poster_percents[i] % 10 == 0 && poster_percents[i] <= until && now < least) {
      least = now;
      percent = now > 0 || d->runs[i][policy].preemptions > 0 ? poster_percents[i] : 0;
    }
  }
  return percent;
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
has_run(const PosterData *d, guint share, PosterPolicy policy, PosterFinding *f)
{
  if (!d->runs[share][policy].missing)
    return TRUE;
  g_autofree char *what =
      g_strdup_printf("%s at %u %%", poster_policy_names[policy], poster_percents[share]);
  poster_lacks(f, what);
  return FALSE;
}

/* FALSE with a verdict where one of the poster's shares was not run. */
static gboolean
has_runs(const PosterData *d, PosterFinding *f)
{
  for (guint i = 0; i < POSTER_SHARES; i++)
    for (guint p = 0; p < POSTER_POLICIES; p++)
      if (poster_percents[i] % 10 == 0 && !has_run(d, i, (PosterPolicy)p, f))
        return FALSE;
  return TRUE;
}

static gboolean
all_ended(const PosterData *d, gboolean with_lost)
{
  for (guint i = 0; i < POSTER_SHARES; i++)
    for (guint p = 0; p < POSTER_POLICIES; p++)
      if (poster_percents[i] % 10 == 0 &&
          (d->runs[i][p].end != RUN_DONE || (with_lost && d->runs[i][p].lost_ps < 0)))
        return FALSE;
  return TRUE;
}

/* The first reading of overhead: the time lost against unlimited memory. Where no run had unlimited
 * memory, the makespan, which is that time and a constant. */
typedef struct {
  Measure measure;
  const char *name;
  gboolean known;
} Reading;

static Reading
first_reading(const PosterData *d)
{
  if (d->executor == NULL || all_ended(d, TRUE))
    return (Reading){lost_s, "time lost against unlimited memory", all_ended(d, TRUE)};
  return (Reading){makespan_s, "makespan, since nothing ran with unlimited memory,",
                   all_ended(d, FALSE)};
}

static void
append_capital(GString *text, const char *words)
{
  g_string_append_c(text, g_ascii_toupper(*words));
  g_string_append(text, words + 1);
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
void
poster_judge_f6(const PosterData *d, PosterFinding *f)
{
  const Reading reading = first_reading(d);
  GString *text;
  gboolean lost = TRUE, device = TRUE;

  if (!has_runs(d, f))
    return;
  text = g_string_new(NULL);
  append_capital(text, reading.name);
  g_string_append(text, " at 10, 20, 30, 40, 50 %, in s: ");
  for (guint p = 0; p < POSTER_POLICIES; p++) {
    lost = lost && falls_until(d, (PosterPolicy)p, reading.measure, 40);
    device = device && falls_until(d, (PosterPolicy)p, device_s, 40);
    g_string_append(text, p > 0 ? "; " : "");
    append_shares(d, (PosterPolicy)p, reading.measure, text);
  }
  g_string_append(text, ". Time spent on recomputing and copies alone, in s: ");
  for (guint p = 0; p < POSTER_POLICIES; p++) {
    g_string_append(text, p > 0 ? "; " : "");
    append_shares(d, (PosterPolicy)p, device_s, text);
  }
  g_string_append_printf(text, "; if that is the overhead, the finding %s.",
                         poster_verdict_name(poster_holds_if(device)));
  f->verdict =
      !reading.known || !overflows_at(d, 10) ? POSTER_CANNOT_BE_TOLD : poster_holds_if(lost);
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
void
poster_judge_f7(const PosterData *d, PosterFinding *f)
{
  const Reading reading = first_reading(d);
  GString *text;
  gboolean right = TRUE, any = TRUE;

  if (!has_runs(d, f))
    return;
  for (guint p = 0; p < POSTER_POLICIES; p++) {
    guint32 percent = least_share(d, (PosterPolicy)p, reading.measure, 50);
    any = any && percent != 0;
    right = right && (percent == 30 || percent == 50);
  }
  text = g_string_new(reading.measure == lost_s ? "Least time lost: " : "Least makespan: ");
  append_least(d, reading.measure, text);
  g_string_append(text, ". Least time spent on recomputing and copies: ");
  append_least(d, device_s, text);
  g_string_append_c(text, '.');
  f->verdict = !reading.known || !any ? POSTER_CANNOT_BE_TOLD : poster_holds_if(right);
  f->numbers = g_string_free(text, FALSE);
}
