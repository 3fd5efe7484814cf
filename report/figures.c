#include "figures.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "sim/policies/policy.h"
#include "sim/units.h"

#define AT(member) offsetof(RunRecord, member)
#define QUANTILES(key, member, mean_label, p50_label, p99_label, max_label)                        \
  {key ".mean", FIGURE_DOUBLE, AT(member.mean), mean_label, BETTER_LOW},                           \
      {key ".p50", FIGURE_DOUBLE, AT(member.p50), p50_label, BETTER_LOW},                          \
      {key ".p90", FIGURE_DOUBLE, AT(member.p90), NULL, BETTER_LOW},                               \
      {key ".p95", FIGURE_DOUBLE, AT(member.p95), NULL, BETTER_LOW},                               \
      {key ".p99", FIGURE_DOUBLE, AT(member.p99), p99_label, BETTER_LOW},                          \
  {                                                                                                \
    key ".max", FIGURE_DOUBLE, AT(member.max), max_label, BETTER_LOW                               \
  }
#define COMPONENT(name, component)                                                                 \
  {                                                                                                \
    "time_s." name, FIGURE_PS, AT(summary.component_ps[component]), NULL, BETTER_NEITHER           \
  }

static const Figure table[] = {
    {"requests", FIGURE_U64, AT(summary.requests), NULL, BETTER_NEITHER},
    {"finished", FIGURE_U64, AT(summary.finished), "requests finished", BETTER_HIGH},
    {"ignored", FIGURE_U64, AT(summary.ignored), NULL, BETTER_LOW},
    {"aborted", FIGURE_U64, AT(summary.aborted), NULL, BETTER_LOW},
    {"makespan_s", FIGURE_PS, AT(summary.makespan_ps), "makespan", BETTER_LOW},
    {"requests_per_s", FIGURE_DOUBLE, AT(summary.requests_per_s), "requests / s", BETTER_HIGH},
    {"output_tokens_per_s", FIGURE_DOUBLE, AT(summary.output_tokens_per_s), "output tokens / s",
     BETTER_HIGH},
    QUANTILES("ttft_s", summary.ttft_s, "first token, mean", "first token, p50", "first token, p99",
              NULL),
    QUANTILES("tpot_s", summary.tpot_s, "time per token, mean", "time per token, p50",
              "time per token, p99", NULL),
    QUANTILES("itl_s", summary.itl_s, NULL, NULL, "between tokens, p99", "between tokens, max"),
    QUANTILES("e2e_s", summary.e2e_s, "end to end, mean", "end to end, p50", "end to end, p99",
              NULL),
    QUANTILES("queue_s", summary.queue_s, "queued, mean", NULL, "queued, p99", NULL),
    {"preemptions", FIGURE_U64, AT(summary.preemptions), "preemptions", BETTER_LOW},
    {"recomputed_tokens", FIGURE_U64, AT(summary.recomputed_tokens), "recomputed tokens",
     BETTER_NEITHER},
    {"swapped_out_blocks", FIGURE_U64, AT(summary.swapped_out_blocks), "blocks swapped out",
     BETTER_NEITHER},
    {"swapped_in_blocks", FIGURE_U64, AT(summary.swapped_in_blocks), "blocks swapped in",
     BETTER_NEITHER},
    {"overhead_s.recompute", FIGURE_PS, AT(summary.overhead_recompute_ps), "overhead, recompute",
     BETTER_NEITHER},
    {"overhead_s.swap_out", FIGURE_PS, AT(summary.overhead_swap_out_ps), "overhead, swap out",
     BETTER_NEITHER},
    {"overhead_s.swap_in", FIGURE_PS, AT(summary.overhead_swap_in_ps), "overhead, swap in",
     BETTER_NEITHER},
    {"num_gpu_blocks", FIGURE_U32, AT(num_gpu_blocks), NULL, BETTER_NEITHER},
    {"num_cpu_blocks", FIGURE_U32, AT(num_cpu_blocks), NULL, BETTER_NEITHER},
    {"peak_gpu_blocks", FIGURE_U32, AT(summary.peak_gpu_blocks), "GPU blocks, peak",
     BETTER_NEITHER},
    {"steps", FIGURE_U64, AT(summary.steps), "steps", BETTER_NEITHER},
    {"measured_share", FIGURE_MEASURED_SHARE, 0, "measured share of time", BETTER_NEITHER},
    {"wall_s", FIGURE_DOUBLE, AT(wall_s), NULL, BETTER_NEITHER},
    {"end", FIGURE_END, 0, NULL, BETTER_NEITHER},
    {"end_reason", FIGURE_END_REASON, 0, NULL, BETTER_NEITHER},
    {"slowdown", FIGURE_DOUBLE, AT(slowdown), "makespan / unlimited", BETTER_LOW},
    {"latency_slowdown", FIGURE_DOUBLE, AT(latency_slowdown), "latency / unlimited", BETTER_LOW},
    {"scaled_share", FIGURE_SCALED_SHARE, 0, "scaled share of time", BETTER_NEITHER},
    {"measured_spread", FIGURE_DOUBLE, AT(measured_spread), NULL, BETTER_NEITHER},
    {"prompt_tokens", FIGURE_U64, AT(summary.prompt_tokens), NULL, BETTER_NEITHER},
    {"output_tokens", FIGURE_U64, AT(summary.output_tokens), NULL, BETTER_NEITHER},
    {"prefix_hit_tokens", FIGURE_U64, AT(summary.prefix_hit_tokens), NULL, BETTER_NEITHER},
    {"preempted_requests", FIGURE_U64, AT(summary.preempted_requests), NULL, BETTER_LOW},
    {"swap_fallbacks", FIGURE_U64, AT(summary.swap_fallbacks), NULL, BETTER_LOW},
    {"peak_cpu_blocks", FIGURE_U32, AT(summary.peak_host_blocks), "host blocks, peak",
     BETTER_NEITHER},
    {"mean_batch", FIGURE_DOUBLE, AT(summary.mean_batch), "sequences a step, mean", BETTER_NEITHER},
    {"busy_s", FIGURE_PS, AT(summary.busy_ps), NULL, BETTER_NEITHER},
    COMPONENT("linear", COST_LINEAR),
    COMPONENT("attention", COST_ATTENTION),
    COMPONENT("elementwise", COST_ELEMENTWISE),
    COMPONENT("head", COST_HEAD),
    COMPONENT("comm", COST_COMM),
    COMPONENT("host", COST_HOST),
    COMPONENT("swap_out", COST_SWAP_OUT),
    COMPONENT("swap_in", COST_SWAP_IN),
};

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

/* NAN, where there is none, is kept only by what can say so. */
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

gboolean
run_record_counts(const RunRecord *record)
{
  return record->summary.end == RUN_DONE &&
         (record->summary.finished > 0 || record->summary.requests == 0);
}

gboolean
run_record_is_bound(const RunRecord *record)
{
  for (guint kind = 0; kind < POLICY_KINDS; kind++) {
    const char *name =
        json_string_value(json_object_get(record->config, policy_kinds[kind].option));
    if (name != NULL && policy_is_bound(&policy_kinds[kind], name))
      return TRUE;
  }
  return FALSE;
}

/* Differences that the last printed digit would not show are none. */
static gboolean
ties(double a, double b)
{
  return fabs(a - b) <= 1e-9 * MAX(fabs(a), fabs(b));
}

int
figure_best(const Figure *figure, const RunRecord *records, guint n_records)
{
  gboolean differ = FALSE;
  double best = 0;
  int index = -1;
  gboolean all_bounds = TRUE;

  for (guint i = 0; i < n_records; i++)
    all_bounds &= run_record_is_bound(&records[i]);
  for (guint i = 0; figure->better != BETTER_NEITHER && i < n_records; i++) {
    double value = figure_real(figure, &records[i]);
    if (!run_record_counts(&records[i]) || isnan(value) ||
        (run_record_is_bound(&records[i]) && !all_bounds))
      continue;
    differ = differ || (index >= 0 && !ties(value, best));
    if (index < 0 || (!ties(value, best) && (value < best) == (figure->better == BETTER_LOW))) {
      best = value;
      index = (int)i;
    }
  }
  return differ ? index : -1;
}

gboolean
figure_is_best(const Figure *figure, const RunRecord *records, guint index, int best)
{
  return best >= 0 && run_record_counts(&records[index]) &&
         run_record_is_bound(&records[index]) == run_record_is_bound(&records[best]) &&
         ties(figure_real(figure, &records[index]), figure_real(figure, &records[best]));
}
