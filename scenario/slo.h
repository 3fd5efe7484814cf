/* Limits on latencies, as operators write them: 'ttft:p99<2s,tpot:p99<50ms'.
 *
 *   METRIC  ttft, tpot, e2e, queue (defined in sim/metrics.h)
 *   STAT    mean, p50, p90, p95, p99, max of a run's requests
 *   TIME    a number with s, ms or us
 *
 * A run holds a limit if its statistic is below it; a request meets it if its own value is.
 */
#pragma once

#include "sim/quantiles.h"

enum { SLO_LIMITS_MAX = 8 };

typedef enum { SLO_TTFT, SLO_TPOT, SLO_E2E, SLO_QUEUE, SLO_METRICS } SloMetric;

typedef struct {
  SloMetric metric;
  Statistic statistic;
  gint64 limit_ps;
} SloLimit;

typedef struct {
  guint n;
  SloLimit limits[SLO_LIMITS_MAX];
} Slo;

/* FALSE with an error that says what was found and what is expected. text NULL: no limits. */
gboolean slo_parse(const char *text, Slo *slo, GError **error);

/* The limits on a single request. */
RequestLimits slo_request_limits(const Slo *slo);

/* The run's value of a limit's statistic, in seconds; NAN: of nothing. */
double slo_value(const SloLimit *limit, const Summary *summary);
/* TRUE if the run holds it, as one does that has nothing to measure. */
gboolean slo_holds(const SloLimit *limit, const Summary *summary);
/* The name of the figure that it limits: "ttft_s.p99". The caller frees it. */
char *slo_key(const SloLimit *limit);
