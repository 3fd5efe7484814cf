#include "slo.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "sim/units.h"
#include "typed.h"

static const struct {
  const char *name;
  gsize offset; /* of its quantiles in Summary */
} metrics[SLO_METRICS] = {
    [SLO_TTFT] = {"ttft", offsetof(Summary, ttft_s)},
    [SLO_TPOT] = {"tpot", offsetof(Summary, tpot_s)},
    [SLO_E2E] = {"e2e", offsetof(Summary, e2e_s)},
    [SLO_QUEUE] = {"queue", offsetof(Summary, queue_s)},
};

static gboolean
refuse(const char *found, const char *expected, GError **error)
{
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--slo: found '%s', expected %s",
              found, expected);
  return FALSE;
}

static gboolean
read_time(const char *text, const char *part, gint64 *limit_ps, GError **error)
{
  static const struct {
    const char *suffix;
    double seconds;
  } units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"s", 1}};

  for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
    g_autofree char *number = NULL;
    double value;
    if (!g_str_has_suffix(text, units[i].suffix))
      continue;
    number = g_strndup(text, strlen(text) - strlen(units[i].suffix));
    if (!typed_real(number, "--slo", 0, 1e6, &value, NULL) ||
        value * units[i].seconds * (double)PS_PER_S < 1)
      break;
    *limit_ps = llround(value * units[i].seconds * (double)PS_PER_S);
    return TRUE;
  }
  return refuse(part, "a time behind '<', such as 2s, 50ms or 300us", error);
}

/* "ttft:p99<2s". */
static gboolean
read_limit(const char *part, SloLimit *limit, GError **error)
{
  const char *colon = strchr(part, ':'), *less = strchr(part, '<');
  g_autofree char *metric = NULL, *statistic = NULL;

  if (colon == NULL || less == NULL || less < colon)
    return refuse(part, "METRIC:STAT<TIME, such as ttft:p99<2s", error);
  metric = g_strndup(part, (gsize)(colon - part));
  statistic = g_strndup(colon + 1, (gsize)(less - colon - 1));
  limit->metric = 0;
  while (limit->metric < SLO_METRICS && !g_str_equal(metric, metrics[limit->metric].name))
    limit->metric++;
  if (limit->metric == SLO_METRICS)
    return refuse(metric, "ttft, tpot, e2e or queue", error);
  limit->statistic = STATISTIC_MEAN;
  while (limit->statistic < STATISTICS && !g_str_equal(statistic, statistic_name(limit->statistic)))
    limit->statistic++;
  if (limit->statistic == STATISTICS)
    return refuse(statistic, "mean, p50, p90, p95, p99 or max", error);
  return read_time(less + 1, part, &limit->limit_ps, error);
}

gboolean
slo_parse(const char *text, Slo *slo, GError **error)
{
  g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", ",", -1);

  *slo = (Slo){0};
  for (guint i = 0; parts[i] != NULL; i++) {
    if (slo->n == SLO_LIMITS_MAX)
      return refuse(text, "at most 8 limits", error);
    if (!read_limit(g_strstrip(parts[i]), &slo->limits[slo->n++], error))
      return FALSE;
  }
  return TRUE;
}

RequestLimits
slo_request_limits(const Slo *slo)
{
  gint64 least[SLO_METRICS];

  for (guint m = 0; m < SLO_METRICS; m++)
    least[m] = G_MAXINT64;
  for (guint i = 0; i < slo->n; i++)
    least[slo->limits[i].metric] = MIN(least[slo->limits[i].metric], slo->limits[i].limit_ps);
  return (RequestLimits){.are_set = slo->n > 0,
                         .ttft_ps = least[SLO_TTFT],
                         .tpot_ps = least[SLO_TPOT],
                         .e2e_ps = least[SLO_E2E],
                         .queue_ps = least[SLO_QUEUE]};
}

double
slo_value(const SloLimit *limit, const Summary *summary)
{
  const char *at = (const char *)summary + metrics[limit->metric].offset;

  return quantiles_get((const Quantiles *)(gconstpointer)at, limit->statistic);
}

gboolean
slo_holds(const SloLimit *limit, const Summary *summary)
{
  double value = slo_value(limit, summary);

  return isnan(value) || value < ps_to_s(limit->limit_ps);
}

char *
slo_key(const SloLimit *limit)
{
  return g_strdup_printf("%s_s.%s", metrics[limit->metric].name, statistic_name(limit->statistic));
}
