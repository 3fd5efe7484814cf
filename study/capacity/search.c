/* Rates are searched for by doubling or halving from half of what the server does with all requests
 * at once, then by bisection of the ratio; numbers in flight likewise, whole.
 *
 * A run whose limit can no longer hold is stopped: a quantile when so many requests are beyond it
 * that it lies among them whatever the others do, a mean when the sum is.
 */
#include "search.h"

#include <math.h>

#include "report/summary.h"
#include "report/text/json_values.h"
#include "scenario/run/execute.h"
#include "sim/units.h"

#define RATE_PRECISION 1.01 /* the load that fails is at most so many times the one that holds */
#define RATE_RANGE 4096     /* of rates that are tried, each way from the first */

const char *const search_kinds[] = {"rate", "concurrency", NULL};
const char *const search_units[] = {"requests / s", "requests"};

/* Watches a run's limits. */
typedef struct {
  Observer observer; /* first */
  const Slo *slo;
  guint32 requests;
  guint64 beyond[SLO_LIMITS_MAX];
  gint64 sum_ps[SLO_LIMITS_MAX];
  gboolean hopeless;
} Watch;

/* FALSE: the request has no such time. */
static gboolean
time_of(const RequestResult *r, SloMetric metric, gint64 *time_ps)
{
  gint64 gaps = (gint64)r->generated_tokens - 1;

  switch (metric) {
  case SLO_TTFT:
    *time_ps = r->first_token_ps - r->arrival_ps;
    return r->first_token_ps >= 0;
  case SLO_TPOT:
    *time_ps = gaps > 0 ? (r->last_token_ps - r->first_token_ps + gaps / 2) / gaps : 0;
    return gaps > 0;
  case SLO_E2E:
    *time_ps = r->finish_ps - r->arrival_ps;
    return r->status == STATUS_FINISHED;
  default:
    *time_ps = r->first_scheduled_ps - r->arrival_ps;
    return r->first_scheduled_ps >= 0;
  }
}

/* How many requests at the limit or beyond put the statistic of all n there. A quantile lies
 * between two order statistics: these are the requests from the lower of the two on. */
static guint64
enough(Statistic statistic, guint32 n)
{
  double level = statistic_level(statistic);

  return n - (guint64)floor(level * (n - 1.0));
}

static void
on_request(Observer *self, const RequestResult *result)
{
  Watch *watch = (Watch *)self;

  for (guint i = 0; i < watch->slo->n; i++) {
    const SloLimit *limit = &watch->slo->limits[i];
    gint64 time_ps;
    if (!time_of(result, limit->metric, &time_ps))
      continue;
    watch->beyond[i] += time_ps >= limit->limit_ps;
    watch->sum_ps[i] = MIN(watch->sum_ps[i] + time_ps, G_MAXINT64 / 2);
    if (limit->statistic == STATISTIC_MEAN)
      watch->hopeless |= (double)watch->sum_ps[i] / watch->requests >= (double)limit->limit_ps;
    else
      watch->hopeless |= watch->beyond[i] >= enough(limit->statistic, watch->requests);
  }
}

static gboolean
is_hopeless(gpointer data)
{
  return ((const Watch *)data)->hopeless;
}

typedef struct {
  const Settings *settings;
  SearchKind kind;
  Shelf *shelf;
  json_t *trials;
  json_t *figures; /* of the highest load that holds; NULL: none does yet */
  json_t *last;    /* of the run that was done last */
  char *key; /* of the limit that the last load did not hold; NULL: it held all, or ended badly */
  gboolean is_curve; /* the search is over: only the trials are wanted */
  double throughput; /* of the run that was done last, requests a second */
  double highest;    /* concurrency: all requests */
} Search;

static gboolean
set_load(const Search *s, Settings *settings, double load, GError **error)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  const char *text = isinf(load) ? "inf" : g_ascii_formatd(buffer, sizeof buffer, "%.12g", load);

  if (s->kind == SEARCH_RATE)
    return settings_set(settings, "request-rate", text, error);
  return (settings_given(settings, "request-rate") ||
          settings_set(settings, "request-rate", "inf", error)) &&
         settings_set(settings, "max-concurrency", text, error);
}

static json_t *
figures_of(const RunRecord *record)
{
  json_t *object = json_object();
  guint n;
  const Figure *all = figures(&n);

  for (guint i = 0; i < n; i++) {
    double value = figure_is_text(&all[i]) ? NAN : figure_real(&all[i], record);
    if (isfinite(value) && !g_str_equal(all[i].key, "wall_s"))
      json_object_set_new(object, all[i].key, json_real(value));
  }
  return object;
}

/* The trial's row; sets s->key. */
static json_t *
judge(Search *s, double load, const Slo *slo, const RunRecord *record, gboolean stopped,
      gboolean *holds)
{
  const Summary *summary = &record->summary;
  json_t *values = json_array();

  *holds = !stopped && summary->end == RUN_DONE && summary->finished == summary->requests;
  g_clear_pointer(&s->key, g_free);
  for (guint i = 0; i < slo->n; i++) {
    json_array_append_new(values, stopped ? json_null()
                                          : json_real_or_null(slo_value(&slo->limits[i], summary)));
    if (stopped || slo_holds(&slo->limits[i], summary))
      continue;
    *holds = FALSE;
    if (s->key == NULL)
      s->key = slo_key(&slo->limits[i]);
  }
  return json_pack("{s:o, s:b, s:b, s:f, s:o}", "load",
                   isinf(load) ? json_string("inf") : json_real(load), "holds", *holds != FALSE,
                   "stopped", stopped != FALSE, "requests_per_s", summary->requests_per_s, "values",
                   values);
}

static void
keep_figures(Search *s, const RunRecord *record, gboolean holds)
{
  json_decref(s->last);
  s->last = figures_of(record);
  if (!holds || s->is_curve)
    return;
  json_decref(s->figures);
  s->figures = json_incref(s->last);
}

/* Runs one load. to_end: also where a limit can no longer hold. */
static gboolean
try(Search *s, double load, gboolean to_end, gboolean *holds, GError **error)
{
  g_autoptr(Settings) settings = settings_copy(s->settings);
  g_autoptr(Scenario) scenario = NULL;
  const Workload *workload = NULL;
  g_autofree char *failure = NULL;
  Unlimited unlimited = {.known = TRUE, .makespan_ps = -1};
  Watch watch = {.observer = {.request = on_request}};
  RunRecord record;

  if (!set_load(s, settings, load, error) ||
      (workload = shelf_workload(s->shelf, settings, error)) == NULL ||
      (scenario = scenario_new_shared(settings, s->shelf, TRUE, error)) == NULL)
    return FALSE;
  watch.slo = &scenario->slo;
  watch.requests = workload_count(workload);
  const Execution execution = {.workload = workload,
                               .settings = settings,
                               .verb = "capacity",
                               .stride = !settings->no_stride,
                               .observer = &watch.observer,
                               .failure = &failure,
                               .stop = to_end ? NULL : is_hopeless,
                               .stop_data = &watch,
                               .unlimited = &unlimited};
  execute_scenario(scenario, &execution, &record);
  s->throughput = record.summary.requests_per_s;
  s->highest = watch.requests;
  json_array_append_new(s->trials, judge(s, load, &scenario->slo, &record,
                                         watch.hopeless && record.summary.end != RUN_DONE, holds));
  if (s->key == NULL && !*holds)
    for (guint i = 0; i < scenario->slo.n && s->key == NULL; i++)
      if (scenario->slo.limits[i].statistic != STATISTIC_MEAN &&
          watch.beyond[i] >= enough(scenario->slo.limits[i].statistic, watch.requests))
        s->key = slo_key(&scenario->slo.limits[i]);
  keep_figures(s, &record, *holds);
  run_record_clear(&record);
  return TRUE;
}

/* To four digits. */
static double
rounded(double load)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd(buffer, sizeof buffer, "%.4g", load);
  return g_ascii_strtod(buffer, NULL);
}

/* Between two loads; 0 where they are as near as is asked for. */
static double
between(const Search *s, double low, double high)
{
  double middle;

  if (s->kind == SEARCH_CONCURRENCY)
    return high - low > 1 ? floor((low + high) / 2) : 0;
  middle = rounded(sqrt(low * high));
  return high / low > RATE_PRECISION && middle > low && middle < high ? middle : 0;
}

/* Brackets the load: *low holds or is 0, *high does not hold or is infinite. */
static gboolean
find_bracket(Search *s, double *low, double *high, GError **error)
{
  gboolean holds;
  double load, first;

  *low = 0;
  *high = INFINITY;
  /* All at once: is there a limit at all, and what can be done a second? */
  if (!try(s, s->kind == SEARCH_RATE ? INFINITY : 1, TRUE, &holds, error))
    return FALSE;
  if (s->kind == SEARCH_CONCURRENCY) {
    *low = holds ? 1 : 0;
    *high = holds ? INFINITY : 1;
    for (load = 2; holds; load = MIN(load * 2, s->highest)) {
      if (load > s->highest || *low == s->highest)
        return TRUE;
      if (!try(s, load, FALSE, &holds, error))
        return FALSE;
      *(holds ? low : high) = load;
    }
    return TRUE;
  }
  if (holds) {
    *low = INFINITY;
    return TRUE;
  }
  first = rounded(s->throughput > 0 ? s->throughput / 2 : 1);
  if (!try(s, first, FALSE, &holds, error))
    return FALSE;
  *(holds ? low : high) = first;
  for (load = first;
       (*low == 0 || isinf(*high)) && load < first * RATE_RANGE && load > first / RATE_RANGE;) {
    load = rounded(isinf(*high) ? load * 2 : load / 2);
    if (!try(s, load, FALSE, &holds, error))
      return FALSE;
    *(holds ? low : high) = load;
  }
  return TRUE;
}

/* Loads below and above, for the curve of latency. */
static gboolean
add_curve(Search *s, double load, GError **error)
{
  static const double shares[] = {0.25, 0.5, 0.7, 0.85, 1.1, 1.25};
  double last = 0;

  s->is_curve = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(shares); i++) {
    double at = s->kind == SEARCH_RATE ? rounded(load * shares[i]) : round(load * shares[i]);
    gboolean holds;
    if (at <= last || at == load || at < (s->kind == SEARCH_RATE ? 1e-9 : 1) ||
        (s->kind == SEARCH_CONCURRENCY && at > s->highest))
      continue;
    if (!try(s, last = at, TRUE, &holds, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
run_search(Search *s, double *low, double *high, char **limited_by, GError **error)
{
  double middle;
  gboolean holds;

  if (!find_bracket(s, low, high, error))
    return FALSE;
  *limited_by = g_strdup(s->key);
  while (*low > 0 && isfinite(*low) && isfinite(*high) && (middle = between(s, *low, *high)) > 0) {
    if (!try(s, middle, FALSE, &holds, error))
      return FALSE;
    *(holds ? low : high) = middle;
    if (!holds && s->key != NULL) {
      g_free(*limited_by);
      *limited_by = g_strdup(s->key);
    }
  }
  if (s->figures == NULL)
    s->figures = json_incref(s->last);
  return !isfinite(*low) || *low == 0 || add_curve(s, *low, error);
}

static json_t *
load_or_null(double load)
{
  return load > 0 && isfinite(load) ? json_real(load) : json_null();
}

json_t *
capacity_search(const Settings *settings, SearchKind kind, Shelf *shelf, GError **error)
{
  Search s = {.settings = settings, .kind = kind, .shelf = shelf, .trials = json_array()};
  g_autofree char *limited_by = NULL;
  double low, high;
  json_t *found = NULL;

  if (run_search(&s, &low, &high, &limited_by, error))
    found = json_pack("{s:o, s:o, s:b, s:o, s:O, s:O}", "low", load_or_null(low), "high",
                      load_or_null(high), "unlimited", isinf(low) || (low > 0 && isinf(high)),
                      "limited_by", limited_by != NULL ? json_string(limited_by) : json_null(),
                      "figures", s.figures, "trials", s.trials);
  json_decref(s.trials);
  json_decref(s.figures);
  json_decref(s.last);
  g_free(s.key);
  return found;
}
