#include "figures.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "sim/units.h"

#define AT(member) offsetof(RunRecord, member)
/* What requests wait for, as texts call it. */
#define QUEUED "queued"
#define TTFT "first token"
#define TPOT "time per token"
#define ITL "between tokens"
#define E2E "end to end"

#define QUANTILE(key, what, member, label, column)                                                 \
  {                                                                                                \
    key, FIGURE_DOUBLE, AT(member), label, BETTER_LOW, .help = what, .heading = column             \
  }
/* Quantiles of a latency. Those with a label have a row in a comparison; the mean has a column in a
 * study's table. */
#define QUANTILES(key, what, member, mean_label, p50_label, p99_label, max_label, mean_heading,    \
                  p99_heading)                                                                     \
  QUANTILE(key ".mean", what ", mean", member.mean, mean_label, mean_heading),                     \
      QUANTILE(key ".p50", what ", median", member.p50, p50_label, NULL),                          \
      QUANTILE(key ".p90", what ", 90th percentile", member.p90, NULL, NULL),                      \
      QUANTILE(key ".p95", what ", 95th percentile", member.p95, NULL, NULL),                      \
      QUANTILE(key ".p99", what ", 99th percentile", member.p99, p99_label, p99_heading),          \
      QUANTILE(key ".max", what ", longest", member.max, max_label, NULL)
static const char *const component_labels[COST_COMPONENTS] = {
    [COST_LINEAR] = "projections and MLP", [COST_ATTENTION] = "attention",
    [COST_ELEMENTWISE] = "elementwise",    [COST_HEAD] = "output head",
    [COST_COMM] = "communication",         [COST_HOST] = "host",
    [COST_SWAP_OUT] = "copies out",        [COST_SWAP_IN] = "copies in",
};

#define COMPONENT(name, component)                                                                 \
  {                                                                                                \
    "time_s." name, FIGURE_PS, AT(summary.component_ps[component]), NULL, BETTER_NEITHER,          \
        .help = "busy time of the component " name                                                 \
  }

static const Figure table[] = {
    {"requests", FIGURE_U64, AT(summary.requests), NULL, BETTER_NEITHER,
     .help = "requests of the trace"},
    {"finished", FIGURE_U64, AT(summary.finished), "requests finished", BETTER_HIGH,
     .help = "requests that were completed", .always = TRUE, .heading = "finished"},
    {"ignored", FIGURE_U64, AT(summary.ignored), NULL, BETTER_LOW,
     .help = "requests that the engine dropped: they can never fit"},
    {"aborted", FIGURE_U64, AT(summary.aborted), NULL, BETTER_LOW,
     .help = "requests that were left behind when the run ended early"},
    {"makespan_s", FIGURE_PS, AT(summary.makespan_ps), "makespan", BETTER_LOW,
     .help = "first arrival to the end of the last step"},
    {"requests_per_s", FIGURE_DOUBLE, AT(summary.requests_per_s), "requests / s", BETTER_HIGH,
     .help = "finished requests by the makespan", .heading = "req/s"},
    {"output_tokens_per_s", FIGURE_DOUBLE, AT(summary.output_tokens_per_s), "output tokens / s",
     BETTER_HIGH, .help = "output tokens by the makespan", .heading = "tokens/s"},
    QUANTILES("ttft_s", "arrival to first token", summary.ttft_s, TTFT ", mean", TTFT ", p50",
              TTFT ", p99", NULL, "TTFT mean", "TTFT p99"),
    QUANTILES("tpot_s", "time per output token after the first", summary.tpot_s, TPOT ", mean",
              TPOT ", p50", TPOT ", p99", NULL, "TPOT mean", NULL),
    QUANTILES("itl_s", "between two tokens of a request", summary.itl_s, NULL, NULL, ITL ", p99",
              ITL ", max", NULL, NULL),
    QUANTILES("e2e_s", "arrival to finish", summary.e2e_s, E2E ", mean", E2E ", p50", E2E ", p99",
              NULL, NULL, NULL),
    QUANTILES("queue_s", "arrival to the first step that worked on it", summary.queue_s,
              QUEUED ", mean", NULL, QUEUED ", p99", NULL, NULL, NULL),
    {"preemptions", FIGURE_U64, AT(summary.preemptions), "preemptions", BETTER_LOW,
     .help = "victims: sequences that lost their place in the KV cache", .always = TRUE,
     .heading = "preempted"},
    {"recomputed_tokens", FIGURE_U64, AT(summary.recomputed_tokens), "recomputed tokens",
     BETTER_NEITHER, .help = "tokens whose KV was computed again"},
    {"swapped_out_blocks", FIGURE_U64, AT(summary.swapped_out_blocks), "blocks swapped out",
     BETTER_NEITHER, .help = "blocks copied to the host"},
    {"swapped_in_blocks", FIGURE_U64, AT(summary.swapped_in_blocks), "blocks swapped in",
     BETTER_NEITHER, .help = "blocks copied back"},
    {"overhead_s.recompute", FIGURE_PS, AT(summary.overhead_recompute_ps), "overhead, recompute",
     BETTER_NEITHER, .help = "device time spent on KV that was computed before"},
    {"overhead_s.swap_out", FIGURE_PS, AT(summary.overhead_swap_out_ps), "overhead, swap out",
     BETTER_NEITHER, .help = "time by which copies out lengthened steps"},
    {"overhead_s.swap_in", FIGURE_PS, AT(summary.overhead_swap_in_ps), "overhead, swap in",
     BETTER_NEITHER, .help = "time by which copies in lengthened steps"},
    {"num_gpu_blocks", FIGURE_U32, AT(num_gpu_blocks), NULL, BETTER_NEITHER,
     .help = "size of the pool of KV blocks"},
    {"num_cpu_blocks", FIGURE_U32, AT(num_cpu_blocks), NULL, BETTER_NEITHER,
     .help = "size of the host's pool"},
    {"peak_gpu_blocks", FIGURE_U32, AT(summary.peak_gpu_blocks), "GPU blocks, peak", BETTER_NEITHER,
     .help = "most blocks in use"},
    {"steps", FIGURE_U64, AT(summary.steps), "steps", BETTER_NEITHER, .help = "steps run"},
    {"measured_share", FIGURE_MEASURED_SHARE, 0, "measured share of time", BETTER_NEITHER,
     .help = "share of the busy time that comes from measurements, 0 to 1"},
    {"wall_s", FIGURE_DOUBLE, AT(wall_s), NULL, BETTER_NEITHER,
     .help = "real time of the simulation"},
    {"end", FIGURE_END, 0, NULL, BETTER_NEITHER, .help = "done, abort, stuck or livelock"},
    {"end_reason", FIGURE_END_REASON, 0, NULL, BETTER_NEITHER, .help = "why, as a sentence"},
    {"slowdown", FIGURE_DOUBLE, AT(slowdown), "makespan / unlimited", BETTER_LOW,
     .help = "the makespan as a multiple of that with unlimited memory"},
    {"latency_slowdown", FIGURE_DOUBLE, AT(latency_slowdown), "latency / unlimited", BETTER_LOW,
     .help = "the mean time from arrival to finish, likewise"},
    {"scaled_share", FIGURE_SCALED_SHARE, 0, "scaled share of time", BETTER_NEITHER,
     .help = "share of the busy time that is scaled from nearby measurements, 0 to 1"},
    {"measured_spread", FIGURE_DOUBLE, AT(measured_spread), NULL, BETTER_NEITHER,
     .help = "spread of the timings behind the measured part: (p90 - p10) / median"},
    {"prompt_tokens", FIGURE_U64, AT(summary.prompt_tokens), NULL, BETTER_NEITHER,
     .help = "prompt tokens of all requests"},
    {"output_tokens", FIGURE_U64, AT(summary.output_tokens), NULL, BETTER_NEITHER,
     .help = "output tokens generated"},
    {"prefix_hit_tokens", FIGURE_U64, AT(summary.prefix_hit_tokens), NULL, BETTER_NEITHER,
     .help = "prompt tokens found in the prefix cache"},
    {"preempted_requests", FIGURE_U64, AT(summary.preempted_requests), NULL, BETTER_LOW,
     .help = "requests that were a victim at least once"},
    {"swap_fallbacks", FIGURE_U64, AT(summary.swap_fallbacks), NULL, BETTER_LOW,
     .help = "victims recomputed although the policy wanted to swap"},
    {"peak_cpu_blocks", FIGURE_U32, AT(summary.peak_host_blocks), "host blocks, peak",
     BETTER_NEITHER, .help = "most blocks in use on the host"},
    {"mean_batch", FIGURE_DOUBLE, AT(summary.mean_batch), "sequences a step, mean", BETTER_NEITHER,
     .help = "sequences in a step, on average"},
    {"busy_s", FIGURE_PS, AT(summary.busy_ps), NULL, BETTER_NEITHER,
     .help = "sum of the steps' durations"},
    COMPONENT("linear", COST_LINEAR),
    COMPONENT("attention", COST_ATTENTION),
    COMPONENT("elementwise", COST_ELEMENTWISE),
    COMPONENT("head", COST_HEAD),
    COMPONENT("comm", COST_COMM),
    COMPONENT("host", COST_HOST),
    COMPONENT("swap_out", COST_SWAP_OUT),
    COMPONENT("swap_in", COST_SWAP_IN),
    {"swapped_out_bytes", FIGURE_DOUBLE, AT(swapped_out_bytes), "bytes swapped out", BETTER_NEITHER,
     .help = "bytes that a card copied to the host"},
    {"swapped_in_bytes", FIGURE_DOUBLE, AT(swapped_in_bytes), "bytes swapped in", BETTER_NEITHER,
     .help = "bytes that a card copied back"},
    {"copy_wait_s", FIGURE_PS, AT(summary.copy_wait_ps), "device waits for copies", BETTER_NEITHER,
     .help = "time for which the device was idle until copies beside the steps had ended"},
    {"starved_s", FIGURE_PS, AT(summary.starved_ps), "sequences wait for copies", BETTER_NEITHER,
     .help = "time for which running sequences lacked blocks until then, summed over them"},
    {"goodput_per_s", FIGURE_DOUBLE, AT(summary.goodput_per_s), "goodput, requests / s",
     BETTER_HIGH,
     .help = "requests that finished within every limit of --slo, by the makespan; none without it",
     .always = TRUE},
    {"good_share", FIGURE_DOUBLE, AT(summary.good_share), "within the limits", BETTER_HIGH,
     .help = "share of the requests within every limit of --slo, 0 to 1", .always = TRUE},
    {"num_disk_blocks", FIGURE_U32, AT(num_disk_blocks), NULL, BETTER_NEITHER,
     .help = "size of the disk's pool"},
    {"peak_disk_blocks", FIGURE_U32, AT(summary.peak_disk_blocks), "disk blocks, peak",
     BETTER_NEITHER, .help = "most blocks in use on the disk"},
    {"disk_written_blocks", FIGURE_U64, AT(summary.disk_written_blocks), "blocks to the disk",
     BETTER_NEITHER, .help = "blocks copied from the host to the disk"},
    {"disk_read_blocks", FIGURE_U64, AT(summary.disk_read_blocks), "blocks from the disk",
     BETTER_NEITHER, .help = "blocks copied from the disk to the host"},
    {"disk_written_bytes", FIGURE_DOUBLE, AT(disk_written_bytes), "bytes to the disk",
     BETTER_NEITHER, .help = "bytes written to the disk, of all cards"},
    {"disk_read_bytes", FIGURE_DOUBLE, AT(disk_read_bytes), "bytes from the disk", BETTER_NEITHER,
     .help = "bytes read from the disk, of all cards"},
    {"disk_wait_s", FIGURE_PS, AT(summary.disk_wait_ps), "sequences wait for the disk",
     BETTER_NEITHER,
     .help =
         "time for which victims waited for room on the host, and returning sequences for their "
         "blocks, summed over them"},
};

static const FigureLatency latencies[] = {
    {"queue_s", QUEUED, AT(summary.queue_s)}, {"ttft_s", TTFT, AT(summary.ttft_s)},
    {"tpot_s", TPOT, AT(summary.tpot_s)},     {"itl_s", ITL, AT(summary.itl_s)},
    {"e2e_s", E2E, AT(summary.e2e_s)},
};

const char *
figure_component_label(CostComponent component)
{
  return component_labels[component];
}

const FigureLatency *
figure_latencies(guint *n)
{
  *n = G_N_ELEMENTS(latencies);
  return latencies;
}

const Quantiles *
figure_quantiles(const FigureLatency *latency, const RunRecord *record)
{
  return (const Quantiles *)(gconstpointer)((const char *)record + latency->offset);
}

const Figure *
figures(guint *n)
{
  *n = G_N_ELEMENTS(table);
  return table;
}

const Figure *
figure_find(const char *key)
{
  for (guint i = 0; i < G_N_ELEMENTS(table); i++)
    if (g_str_equal(table[i].key, key))
      return &table[i];
  return NULL;
}

gboolean
figure_is_text(const Figure *figure)
{
  return figure->type == FIGURE_END || figure->type == FIGURE_END_REASON;
}

gboolean
figure_is_count(const Figure *figure)
{
  return figure->type == FIGURE_U64 || figure->type == FIGURE_U32;
}

gboolean
figure_is_duration(const Figure *figure)
{
  return figure->type == FIGURE_PS ||
         (figure->type == FIGURE_DOUBLE &&
          (strstr(figure->key, "_s.") != NULL || g_str_equal(figure->key, "wall_s")));
}

gboolean
figure_is_share(const Figure *figure)
{
  return figure->type == FIGURE_MEASURED_SHARE || figure->type == FIGURE_SCALED_SHARE;
}

const char *
figure_text(const Figure *figure, const RunRecord *record)
{
  if (figure->type == FIGURE_END)
    return run_end_name(record->summary.end);
  return record->summary.end_reason != NULL ? record->summary.end_reason : "";
}

guint64
figure_count(const Figure *figure, const RunRecord *record)
{
  const char *at = (const char *)record + figure->offset;

  if (figure->type == FIGURE_U32) {
    guint32 count;
    memcpy(&count, at, sizeof count);
    return count;
  } else {
    guint64 count;
    memcpy(&count, at, sizeof count);
    return count;
  }
}

double
figure_real(const Figure *figure, const RunRecord *record)
{
  const char *at = (const char *)record + figure->offset;
  const Summary *summary = &record->summary;
  double real = 0;
  gint64 time_ps;

  switch (figure->type) {
  case FIGURE_U64:
  case FIGURE_U32:
    return (double)figure_count(figure, record);
  case FIGURE_DOUBLE:
    memcpy(&real, at, sizeof real);
    return real;
  case FIGURE_PS:
    memcpy(&time_ps, at, sizeof time_ps);
    return ps_to_s(time_ps);
  case FIGURE_MEASURED_SHARE:
    return summary->busy_ps > 0 ? (double)summary->measured_ps / (double)summary->busy_ps : 0;
  case FIGURE_SCALED_SHARE:
    return summary->busy_ps > 0 ? (double)summary->scaled_ps / (double)summary->busy_ps : 0;
  case FIGURE_END:
  case FIGURE_END_REASON:
    break;
  }
  return 0;
}

double
figure_host_share(const RunRecord *record)
{
  const Summary *summary = &record->summary;

  return summary->busy_ps > 0 ? (double)summary->component_ps[COST_HOST] / (double)summary->busy_ps
                              : 0;
}

/* NAN (no value) is kept only in types that can hold it. */
void
figure_set_real(const Figure *figure, RunRecord *record, double value)
{
  char *at = (char *)record + figure->offset;
  Summary *summary = &record->summary;
  guint64 count = value >= 0 ? (guint64)llround(value) : 0;
  guint32 small = (guint32)count;
  gint64 time_ps = isnan(value) ? 0 : llround(value * (double)PS_PER_S);

  switch (figure->type) {
  case FIGURE_U64:
    memcpy(at, &count, sizeof count);
    break;
  case FIGURE_U32:
    memcpy(at, &small, sizeof small);
    break;
  case FIGURE_DOUBLE:
    memcpy(at, &value, sizeof value);
    break;
  case FIGURE_PS:
    memcpy(at, &time_ps, sizeof time_ps);
    break;
  case FIGURE_MEASURED_SHARE:
    summary->measured_ps = llround(value * (double)summary->busy_ps);
    break;
  case FIGURE_SCALED_SHARE:
    summary->scaled_ps = llround(value * (double)summary->busy_ps);
    break;
  case FIGURE_END:
  case FIGURE_END_REASON:
    break;
  }
}

void
figure_set_text(const Figure *figure, RunRecord *record, const char *text)
{
  if (figure->type == FIGURE_END_REASON) {
    g_free(record->summary.end_reason);
    record->summary.end_reason = g_strdup(text);
    return;
  }
  for (RunEnd end = RUN_DONE; end <= RUN_LIVELOCK; end++)
    if (g_str_equal(run_end_name(end), text))
      record->summary.end = end;
}

double
figure_largest(const Figure *figure, const RunRecord *records, guint n_records)
{
  double value = 0;

  for (guint i = 0; i < n_records; i++)
    value = fmax(value, figure_real(figure, &records[i]));
  return value;
}

gboolean
figure_is_shown(const Figure *figure, const RunRecord *records, guint n_records)
{
  gboolean is_there = FALSE;

  if (figure->label == NULL)
    return FALSE;
  for (guint i = 0; i < n_records; i++)
    is_there |= !isnan(figure_real(figure, &records[i]));
  return is_there && (figure->always || figure_largest(figure, records, n_records) > 0);
}
