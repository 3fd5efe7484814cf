/* The results that serving benchmarks write of their requests, from parsed JSON: lengths, and times
 * where the file has them. Two kinds: one object a run with arrays (`vllm bench serve` with
 * --save-detailed, sglang.bench_serving with --output-details) or with an object a request
 * (GuideLLM's benchmarks.json of one benchmark), and one object a request (AIPerf's
 * profile_export.jsonl). As traces they are traces/formats/run_result.c and aiperf.c beside it; as
 * what a server did, `--against`.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "pace.h"

typedef struct {
  gint64 start_ps; /* since the client's zero; -1: not in the file */
  guint32 prompt_tokens, output_tokens;
  double ttft_s, e2e_s; /* since the request was sent; NAN: not in the file */
  double span_s; /* e2e_s, told in another way: by the client's clock, or as a sum; NAN: not */
} ResultRequest;

/* Numbers that JSON does not have, as Python writes them: NaN, Infinity and -Infinity outside of
 * texts become null or an empty text, in as many bytes, so that columns stay. In place. */
void results_mend_json(char *text, gsize bytes);

/* TRUE if the object is of a run: arrays of its requests, or a summary without lengths. */
gboolean results_is_run(const json_t *object);

typedef struct {
  GArray *requests;    /* of ResultRequest, in the order of the arrays */
  gint64 zero_s;       /* seconds that start_ps count from */
  gboolean has_starts; /* start_times are there */
  BenchPace pace;      /* of the client, where they are not */
  GError *no_pace;     /* why neither start times nor the pace tell when requests were sent */
} ResultRun;

/* The caller frees with results_run_clear(). FALSE and a message without position: what was found,
 * what was expected and, in a second line, what to do. */
gboolean results_read_run(const json_t *object, ResultRun *run, GError **error);
void results_run_clear(ResultRun *run);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ResultRun, results_run_clear)

/* When the i-th request was sent: its start time (since zero_s), or evenly spaced at the client's
 * rate, or 0. */
gint64 results_arrival_ps(const ResultRun *run, guint i);

/* TRUE if the object is a request of AIPerf's profile_export.jsonl. */
gboolean results_is_aiperf(const json_t *object);

typedef enum {
  RESULT_TAKEN,
  RESULT_WARM_UP,
  RESULT_FAILED, /* or was cancelled */
} ResultFate;

/* Sets the request where it is taken, else only *fate and *id. start_ps is since *zero_ns, which is
 * set where it is negative. *id is the file's text, or NULL. */
gboolean results_read_aiperf(const json_t *object, gint64 *zero_ns, ResultRequest *request,
                             const char **id, ResultFate *fate, GError **error);

/* How AIPerf and GuideLLM sent, as the file has it; NAN, 0 or less: no limit, no rate. */
typedef struct {
  double concurrency; /* most under way */
  double rate;        /* a second */
  double burstiness;  /* 1: Poisson */
} ResultPace;

/* Of AIPerf's profile_export_aiperf.json: of the phase that was measured, in input_config.phases,
 * or of older versions all there is, input_config.loadgen. FALSE: the file does not say. */
gboolean results_aiperf_pace(const json_t *object, ResultPace *pace);
/* Of one of GuideLLM's benchmarks. FALSE: its strategy, *name (NULL: it has none), is not known. */
gboolean results_guidellm_pace(const json_t *benchmark, ResultPace *pace, const char **name);

/* object[metric][member] in seconds, by the unit beside it; `unit` is taken where there is none
 * (NULL: then it is not known). NAN where it is not there, or its unit is not known. */
double results_metric_s(const json_t *object, const char *metric, const char *member,
                        const char *unit);
