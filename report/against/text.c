/* The comparison with what was measured, for people and as JSON. */
#include "against.h"

#include <math.h>

#include "report/text/format.h"
#include "report/text/table.h"
#include "report/text/json_values.h"

/* A first request that takes this many times as long as simulated, and is later by this much, met a
 * cold server. */
#define COLD_FACTOR 2
#define COLD_LEAST_S 0.1

static const struct {
  const char *key, *label;
} latencies[LATENCIES] = {
    [LATENCY_TTFT] = {"ttft_s", "TTFT"},
    [LATENCY_TPOT] = {"tpot_s", "TPOT"},
    [LATENCY_E2E] = {"e2e_s", "latency"},
};

static json_t *
latency_to_json(const LatencyAgainst *latency)
{
  json_t *object = json_object();

  for (Statistic s = STATISTIC_MEAN; s < AGAINST_STATISTICS; s++)
    json_object_set_new(object, statistic_name(s),
                        json_pack("{s:o, s:o, s:o}", "measured",
                                  json_real_or_null(quantiles_get(&latency->measured_s, s)),
                                  "simulated",
                                  json_real_or_null(quantiles_get(&latency->simulated_s, s)),
                                  "error", json_real_or_null(against_error(latency, s))));
  return object;
}

json_t *
against_to_json(const AgainstFigures *figures)
{
  json_t *object = json_object(), *per_request = json_object(), *doubts = json_array();
  g_autofree char *file = g_utf8_make_valid(figures->file, -1);

  json_object_set_new(object, "file", json_string(file));
  json_object_set_new(object, "requests", json_integer((json_int_t)figures->requests));
  json_object_set_new(object, "left_out", json_integer((json_int_t)figures->left_out));
  for (char **doubt = figures->doubts; *doubt != NULL; doubt++)
    json_array_append_new(doubts, json_string(*doubt));
  json_object_set_new(object, "doubts", doubts);
  for (guint i = 0; i < LATENCIES; i++) {
    const LatencyAgainst *latency = &figures->latencies[i];
    json_object_set_new(object, latencies[i].key, latency_to_json(latency));
    json_object_set_new(per_request, latencies[i].key,
                        json_pack("{s:o, s:o}", "median_abs_error",
                                  json_real_or_null(latency->error_s.p50), "p90_abs_error",
                                  json_real_or_null(latency->error_s.p90)));
  }
  json_object_set_new(object, "per_request", per_request);
  json_object_set_new(object, "first_request",
                      figures->first_measured_s < 0
                          ? json_null()
                          : json_pack("{s:f, s:f}", "measured_ttft_s", figures->first_measured_s,
                                      "simulated_ttft_s", figures->first_simulated_s));
  return object;
}

/* "+4.34 %"; nothing where nothing was measured. */
static char *
format_error(double error)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite(error))
    return g_strdup("");
  if (fabs(error) < 0.00005)
    return g_strdup("0 %");
  g_ascii_formatd(buffer, sizeof buffer, fabs(error) < 0.1 ? "%+.2f" : "%+.1f", error * 100);
  return g_strdup_printf("%s %%", buffer);
}

/* Signed, in the unit that suits it; what is below a nanosecond is rounding. */
static char *
format_difference(double difference_s)
{
  g_autofree char *magnitude = NULL;

  if (fabs(difference_s) < 1e-9)
    return g_strdup("0 s");
  magnitude = format_duration(fabs(difference_s));
  return g_strconcat(difference_s < 0 ? "-" : "+", magnitude, NULL);
}

static void
add_latency(Table *table, const char *label, const LatencyAgainst *latency)
{
  const DurationUnit *unit = format_duration_unit(latency->measured_s.p99);

  for (Statistic s = STATISTIC_MEAN; s < AGAINST_STATISTICS; s++) {
    double measured_s = quantiles_get(&latency->measured_s, s);
    double simulated_s = quantiles_get(&latency->simulated_s, s);
    table_add(table, s == STATISTIC_MEAN ? label : "");
    table_add(table, statistic_label(s));
    table_take(table, format_duration_in(measured_s, unit));
    table_take(table, format_duration_in(simulated_s, unit));
    table_take(table, format_difference(simulated_s - measured_s));
    table_take(table, format_error(against_error(latency, s)));
  }
}

/* A latency of which nothing was measured: TPOT where no output has two tokens. */
static gboolean
is_empty(const LatencyAgainst *latency)
{
  return isnan(latency->measured_s.max);
}

static void
append_errors(GString *text, const AgainstFigures *figures)
{
  g_autoptr(Table) table = table_new("lrr");

  table_add(table, "|difference| of a request");
  table_add(table, "median");
  table_add(table, "p90");
  for (guint i = 0; i < LATENCIES; i++) {
    const Quantiles *error_s = &figures->latencies[i].error_s;
    const DurationUnit *unit = format_duration_unit(error_s->p90);
    if (is_empty(&figures->latencies[i]))
      continue;
    table_take(table, g_strconcat("  ", latencies[i].label, NULL));
    table_take(table, format_duration_in(error_s->p50, unit));
    table_take(table, format_duration_in(error_s->p90, unit));
  }
  table_append(table, "  ", text);
}

/* "4.3 % above the measured", "0.4 % below", "as measured". */
static char *
in_words(double error, gboolean is_first)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (fabs(error) < 0.0005)
    return g_strdup("as measured");
  g_ascii_formatd(buffer, sizeof buffer, "%.1f", fabs(error) * 100);
  return g_strdup_printf("%s %% %s%s", buffer, error < 0 ? "below" : "above",
                         is_first ? " the measured" : "");
}

/* "Mean TTFT is 4.3 % above the measured, mean TPOT 0.4 % below, mean latency as measured; the
 * largest difference is -7.5 %, in the p95 of TTFT." */
static void
append_words(GString *text, const AgainstFigures *figures)
{
  Statistic worst_statistic = STATISTIC_MEAN;
  const char *worst_latency = NULL;
  double worst = 0;
  guint said = 0;

  for (guint i = 0; i < LATENCIES; i++) {
    const LatencyAgainst *latency = &figures->latencies[i];
    g_autofree char *words = NULL;
    if (!isfinite(against_error(latency, STATISTIC_MEAN)))
      continue;
    words = in_words(against_error(latency, STATISTIC_MEAN), said == 0);
    g_string_append_printf(text, "%s %s %s%s", said == 0 ? "Mean" : ", mean", latencies[i].label,
                           said == 0 ? "is " : "", words);
    said++;
    for (Statistic s = STATISTIC_MEAN; s < AGAINST_STATISTICS; s++)
      if (fabs(against_error(latency, s)) > fabs(worst)) {
        worst = against_error(latency, s);
        worst_latency = latencies[i].label;
        worst_statistic = s;
      }
  }
  if (fabs(worst) >= 0.0005) {
    g_autofree char *error = format_error(worst);
    g_string_append_printf(text, "; the largest difference is %s, in the %s of %s", error,
                           statistic_label(worst_statistic), worst_latency);
  }
  g_string_append(text, said > 0 ? ".\n" : "");
}

/* That the first request waited for a cold server, where it took so much longer than simulated. */
static void
append_cold_start(GString *text, const AgainstFigures *figures)
{
  double late_s = figures->first_measured_s - figures->first_simulated_s;

  if (figures->first_measured_s > COLD_FACTOR * figures->first_simulated_s && late_s > COLD_LEAST_S)
    g_string_append_printf(text,
                           "The first request took %.2f s to its first token, %.2f s here: a cold "
                           "start is not simulated, and counts above.\n",
                           figures->first_measured_s, figures->first_simulated_s);
}

static void
append_head(GString *text, const AgainstFigures *figures, const char *name)
{
  g_autofree char *requests = format_count(figures->requests);
  g_autofree char *left_out = format_count(figures->left_out);

  g_string_append_printf(text, "%s%s %s, %s request%s", name != NULL ? name : "",
                         name != NULL ? " against" : "Against", figures->file, requests,
                         figures->requests == 1 ? "" : "s");
  if (figures->left_out > 0)
    g_string_append_printf(text, "; %s left out, not finished alike in both", left_out);
  g_string_append_c(text, '\n');
}

void
against_append_text(GString *text, const AgainstFigures *figures, const char *name)
{
  static const char *const heads[] = {"", "", "measured", "simulated", "difference", ""};
  g_autoptr(Table) table = table_new("llrrrr");

  g_string_append_c(text, '\n');
  append_head(text, figures, name);
  if (figures->requests == 0)
    return;
  for (guint i = 0; i < G_N_ELEMENTS(heads); i++)
    table_add(table, heads[i]);
  for (guint i = 0; i < LATENCIES; i++)
    if (!is_empty(&figures->latencies[i]))
      add_latency(table, latencies[i].label, &figures->latencies[i]);
  table_append(table, "  ", text);
  append_errors(text, figures);
  append_words(text, figures);
  append_cold_start(text, figures);
}
