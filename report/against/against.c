/* Collects both sides of each pair as the run reports its requests, and summarizes both in the same
 * way. */
#include "against.h"

#include <math.h>

#include "sim/units.h"

typedef struct {
  GArray *measured_ps, *simulated_ps, *error_ps; /* of gint64 */
} Lists;

struct Against {
  Observer observer; /* first */
  const Measured *measured;
  Lists lists[LATENCIES];
  guint64 requests, left_out;
  gint64 first_measured_ps,
      first_simulated_ps; /* TTFT of the request that arrives first; -1: none */
};

double
against_error(const LatencyAgainst *latency, Statistic statistic)
{
  double measured_s = quantiles_get(&latency->measured_s, statistic);
  double simulated_s = quantiles_get(&latency->simulated_s, statistic);

  return measured_s > 0 ? simulated_s / measured_s - 1 : NAN;
}

static void
add_pair(Lists *lists, gint64 measured_ps, gint64 simulated_ps)
{
  gint64 error_ps = ABS(simulated_ps - measured_ps);

  g_array_append_val(lists->measured_ps, measured_ps);
  g_array_append_val(lists->simulated_ps, simulated_ps);
  g_array_append_val(lists->error_ps, error_ps);
}

/* As sim/metrics.c rounds it. */
static gint64
tpot_ps(gint64 decode_ps, guint32 output_tokens)
{
  gint64 gaps = (gint64)output_tokens - 1;
  return (decode_ps + gaps / 2) / gaps;
}

static void
on_request(Observer *self, const RequestResult *result)
{
  Against *against = (Against *)self;
  gint64 pair = g_array_index(against->measured->pairs, gint64, result->request);
  gint64 ttft_ps = result->first_token_ps - result->arrival_ps;
  const MeasuredRequest *measured;

  if (pair < 0)
    return;
  measured = &g_array_index(against->measured->requests, MeasuredRequest, pair);
  if (result->status != STATUS_FINISHED || result->first_token_ps < 0 || measured->ttft_ps < 0 ||
      result->generated_tokens != measured->output_tokens) {
    against->left_out++;
    return;
  }
  against->requests++;
  if (result->request == 0) {
    against->first_measured_ps = measured->ttft_ps;
    against->first_simulated_ps = ttft_ps;
  }
  add_pair(&against->lists[LATENCY_TTFT], measured->ttft_ps, ttft_ps);
  add_pair(&against->lists[LATENCY_E2E], measured->e2e_ps, result->finish_ps - result->arrival_ps);
  if (result->generated_tokens > 1)
    add_pair(&against->lists[LATENCY_TPOT],
             tpot_ps(measured->e2e_ps - measured->ttft_ps, measured->output_tokens),
             tpot_ps(result->last_token_ps - result->first_token_ps, result->generated_tokens));
}

Against *
against_new(const Measured *measured)
{
  Against *against = g_new0(Against, 1);

  g_assert(measured->pairs != NULL);
  against->observer = (Observer){.request = on_request};
  against->measured = measured;
  against->first_measured_ps = against->first_simulated_ps = -1;
  for (guint i = 0; i < LATENCIES; i++) {
    Lists *lists = &against->lists[i];
    lists->measured_ps = g_array_new(FALSE, FALSE, sizeof(gint64));
    lists->simulated_ps = g_array_new(FALSE, FALSE, sizeof(gint64));
    lists->error_ps = g_array_new(FALSE, FALSE, sizeof(gint64));
  }
  return against;
}

void
against_free(Against *against)
{
  if (against == NULL)
    return;
  for (guint i = 0; i < LATENCIES; i++) {
    g_array_unref(against->lists[i].measured_ps);
    g_array_unref(against->lists[i].simulated_ps);
    g_array_unref(against->lists[i].error_ps);
  }
  g_free(against);
}

Observer *
against_observer(Against *against)
{
  return &against->observer;
}

AgainstFigures *
against_figures(const Against *against)
{
  AgainstFigures *figures = g_new0(AgainstFigures, 1);

  figures->file = g_strdup(against->measured->file);
  figures->requests = against->requests;
  figures->left_out = against->left_out;
  figures->doubts = g_new0(char *, against->measured->doubts->len + 1);
  for (guint i = 0; i < against->measured->doubts->len; i++)
    figures->doubts[i] = g_strdup(g_ptr_array_index(against->measured->doubts, i));
  figures->first_measured_s =
      against->first_measured_ps < 0 ? -1 : ps_to_s(against->first_measured_ps);
  figures->first_simulated_s =
      against->first_simulated_ps < 0 ? -1 : ps_to_s(against->first_simulated_ps);
  for (guint i = 0; i < LATENCIES; i++) {
    quantiles_of(against->lists[i].measured_ps, &figures->latencies[i].measured_s);
    quantiles_of(against->lists[i].simulated_ps, &figures->latencies[i].simulated_s);
    quantiles_of(against->lists[i].error_ps, &figures->latencies[i].error_s);
  }
  return figures;
}

void
against_figures_free(AgainstFigures *figures)
{
  if (figures == NULL)
    return;
  g_free(figures->file);
  g_strfreev(figures->doubts);
  g_free(figures);
}
