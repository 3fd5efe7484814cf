/* A run held against what a server did: the requests of a file (--against), paired with those of
 * the trace; an observer that collects the run's latencies beside the measured ones; and what they
 * come to.
 *
 * TTFT, TPOT and latency (end to end) are defined as in sim/metrics.h. A pair counts if the request
 * finished on both sides with the same number of output tokens. The statistics of both sides are
 * over the same pairs.
 */
#pragma once

#include <jansson.h>

#include "sim/quantiles.h"
#include "sim/observer.h"

/* A request of the file. */
typedef struct {
  char *id;
  guint64 line;           /* where it stands */
  gint64 arrival_ps;      /* since the file's earliest */
  gint64 ttft_ps, e2e_ps; /* -1, both: it did not finish */
  guint32 prompt_tokens;
  guint32 output_tokens; /* that it got */
  gboolean may_be_cut;   /* the file is of a run, whose max_model_len may have cut the output */
} MeasuredRequest;

/* The file, and once paired, which of its requests is which of the workload's. */
typedef struct {
  char *file;
  GArray *requests;  /* of MeasuredRequest, in the file's order */
  GArray *pairs;     /* of gint64, one a request of the workload: index into requests, -1: none */
  GPtrArray *doubts; /* of char *, what in the file contradicts itself (traces/result_doubts.h) */
} Measured;

/* Reads one of these forms; path ends in .gz or not:
 *  - what benchmarks write of a run: AIPerf's records, results of vllm bench serve and of
 *    sglang.bench_serving (traces/results.h).
 *  - JSON lines of a serving benchmark: input_toks, output_toks, arrival_time, first_token_ts,
 *    last_token_ts in seconds, and where there are any request_id, queued_ts. The last three are on
 *    the engine's clock, on which a request arrives at arrival_time + min(queued_ts -
 *    arrival_time). Where no request has queued_ts, there is one clock.
 *  - CSV of `run --requests`: id, arrival_s, prompt_tokens, output_tokens, first_token_s, finish_s.
 * Messages begin with FILE:LINE. */
Measured *measured_read(const char *path, GError **error);
void measured_free(Measured *measured);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Measured, measured_free)

/* Pairs by id; where no id is common and those of one side are mere numbers, by order of arrival.
 * Fails, with FILE:LINE, where a pair's lengths differ, and where nothing can be paired. `notes`
 * (of char *) takes what is to be said: how many are in one only. */
gboolean measured_pair(Measured *measured, const Workload *workload, GPtrArray *notes,
                       GError **error);

typedef enum { LATENCY_TTFT, LATENCY_TPOT, LATENCY_E2E, LATENCIES } Latency;

typedef struct {
  Quantiles measured_s, simulated_s;
  Quantiles error_s; /* of |simulated - measured| of each request */
} LatencyAgainst;

typedef struct {
  char *file;
  guint64 requests; /* pairs that count */
  guint64 left_out; /* pairs that do not */
  char **doubts;    /* of the file */
  LatencyAgainst latencies[LATENCIES];
  /* TTFT of the request that came first, -1: it does not count. A server's first request may wait
   * for what is compiled or allocated at its first use, which is not simulated. */
  double first_measured_s, first_simulated_s;
} AgainstFigures;

void against_figures_free(AgainstFigures *figures);

/* What is compared of each latency: its mean and quantiles, not its longest. */
#define AGAINST_STATISTICS STATISTIC_MAX

/* simulated / measured - 1; NAN where nothing was measured. */
double against_error(const LatencyAgainst *latency, Statistic statistic);

/* The observer of one run. `measured` is paired and outlives it. */
typedef struct Against Against;

Against *against_new(const Measured *measured);
void against_free(Against *against);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Against, against_free)
Observer *against_observer(Against *against);
/* After the run; the caller's, for against_figures_free(). */
AgainstFigures *against_figures(const Against *against);

/* A new reference: {"file", "requests", "left_out", "doubts": [text …], "ttft_s": {"mean":
 * {"measured", "simulated", "error"} …} …, "per_request": {"ttft_s": {"median_abs_error",
 * "p90_abs_error"} …}, "first_request": {"measured_ttft_s", "simulated_ttft_s"} or null}. error is
 * a fraction of the measured, the others are seconds. */
json_t *against_to_json(const AgainstFigures *figures);
/* The table, the errors a request, and a sentence. name: of the run among others, or NULL. */
void against_append_text(GString *text, const AgainstFigures *figures, const char *name);
