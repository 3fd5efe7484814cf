/* Formats by hand into the sink's buffer: a log has a line a step, so a long run writes gigabytes.
 * What all repeats of a step share is formatted once.
 */
#include "decision_log.h"

#include <stddef.h>
#include <string.h>

#include "report/text/format.h"
#include "sink.h"

#define DECISION_LOG_FORMAT 1

struct DecisionLog {
  Observer observer; /* first */
  Sink *sink;
  const Workload *workload;
  char **names; /* ids that are texts, as JSON, filled when first needed; NULL: ids are numbers */
  gboolean is_sglang; /* its last line was of SGLang */
  GString *shared;    /* from "scheduled" to what differs between repeats */
};

static void
append_uint(GString *text, guint64 value)
{
  char digits[20];
  guint n = sizeof digits;

  do {
    digits[--n] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  g_string_append_len(text, digits + n, (gssize)(sizeof digits - n));
}

static void
append_key(GString *text, const char *key, guint64 value)
{
  g_string_append_c(text, ',');
  g_string_append_c(text, '"');
  g_string_append(text, key);
  g_string_append_len(text, "\":", 2);
  append_uint(text, value);
}

static void
append_id(DecisionLog *log, GString *text, guint32 request)
{
  const Workload *workload = log->workload;

  if (log->names != NULL) {
    if (log->names[request] == NULL)
      log->names[request] = workload_id_json(workload, request);
    g_string_append(text, log->names[request]);
  } else {
    gint64 id = workload->ids != NULL ? g_array_index(workload->ids, gint64, request) : request;
    if (id < 0)
      g_string_append_c(text, '-');
    append_uint(text, id < 0 ? 0 - (guint64)id : (guint64)id);
  }
}

static void
append_entries(DecisionLog *log, GString *text, const Step *step)
{
  g_string_append(text, ",\"scheduled\":[");
  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    g_string_append(text, i > 0 ? ",[" : "[");
    append_id(log, text, entry->request);
    g_string_append_c(text, ',');
    append_uint(text, entry->tokens);
    g_string_append_len(text, ",\"", 2);
    g_string_append_c(text, (char)entry->kind);
    g_string_append_len(text, "\"]", 2);
  }
  g_string_append_c(text, ']');
}

static void
append_victims(DecisionLog *log, GString *text, const Step *step)
{
  g_string_append(text, ",\"preempted\":[");
  for (guint i = 0; i < step->victims->len; i++) {
    const StepVictim *victim = &g_array_index(step->victims, StepVictim, i);
    g_string_append(text, i > 0 ? ",[" : "[");
    append_id(log, text, victim->request);
    g_string_append_printf(text, ",\"%s\"]", overflow_action_name(victim->action));
  }
  g_string_append_c(text, ']');
}

/* The ids of requests whose places stand in an array, the first at `requests`, each `stride` bytes
 * on. */
static void
append_ids(DecisionLog *log, GString *text, const char *key, const guint32 *requests, guint n,
           gsize stride)
{
  const guint8 *place = (const guint8 *)requests;

  g_string_append_printf(text, ",\"%s\":[", key);
  for (guint i = 0; i < n; i++, place += stride) {
    if (i > 0)
      g_string_append_c(text, ',');
    append_id(log, text, *(const guint32 *)(gconstpointer)place);
  }
  g_string_append_c(text, ']');
}

static void
append_requests(DecisionLog *log, GString *text, const char *key, const GArray *requests)
{
  append_ids(log, text, key, (const guint32 *)(gpointer)requests->data, requests->len,
             sizeof(guint32));
}

/* A list of records that begin with their request. */
static void
append_retracted(DecisionLog *log, GString *text, const Step *step)
{
  G_STATIC_ASSERT(offsetof(StepVictim, request) == 0);
  append_ids(log, text, "retracted", (const guint32 *)(gpointer)step->victims->data,
             step->victims->len, sizeof(StepVictim));
}

static void
append_swapped_in(DecisionLog *log, GString *text, const Step *step)
{
  G_STATIC_ASSERT(offsetof(StepSwapIn, request) == 0);
  append_ids(log, text, "swapped_in", (const guint32 *)(gpointer)step->swapped_in->data,
             step->swapped_in->len, sizeof(StepSwapIn));
}

static void
append_hits(DecisionLog *log, GString *text, const Step *step)
{
  gboolean any = FALSE;

  for (guint i = 0; i < step->hits->len; i++) {
    const StepHit *hit = &g_array_index(step->hits, StepHit, i);
    if (hit->tokens == 0)
      continue;
    g_string_append(text, any ? ",[" : ",\"cached\":[[");
    any = TRUE;
    append_id(log, text, hit->request);
    g_string_append_c(text, ',');
    append_uint(text, hit->tokens);
    g_string_append_c(text, ']');
  }
  if (any)
    g_string_append_c(text, ']');
}

/* Native offload. */
static void
append_jobs(DecisionLog *log, GString *text, const Step *step)
{
  for (guint i = 0; i < step->stores->len; i++) {
    const StepStore *store = &g_array_index(step->stores, StepStore, i);
    g_string_append(text, i > 0 ? ",[" : ",\"store\":[[");
    append_id(log, text, store->request);
    g_string_append_printf(text, ",%u]%s", store->blocks, i + 1 == step->stores->len ? "]" : "");
  }
  for (guint i = 0; i < step->loads->len; i++) {
    const StepLoad *load = &g_array_index(step->loads, StepLoad, i);
    g_string_append(text, i > 0 ? ",[" : ",\"load\":[[");
    append_id(log, text, load->request);
    g_string_append_printf(text, ",%u,%u]%s", load->hit_tokens, load->tokens,
                           i + 1 == step->loads->len ? "]" : "");
  }
  for (guint i = 0; i < step->flushes->len; i++)
    g_string_append_printf(text, "%s%u%s", i > 0 ? "," : ",\"flush\":[",
                           g_array_index(step->flushes, guint32, i),
                           i + 1 == step->flushes->len ? "]" : "");
}

/* Of swapped blocks, beside the steps. */
static void
append_copies(DecisionLog *log, GString *text, const char *key, const GArray *copies,
              CopyDirection direction, gboolean is_ahead)
{
  gboolean any = FALSE;

  for (guint i = 0; i < copies->len; i++) {
    const StepCopy *copy = &g_array_index(copies, StepCopy, i);
    if (copy->direction != direction || copy->is_ahead != is_ahead)
      continue;
    if (!any)
      g_string_append_printf(text, ",\"%s\":[", key);
    g_string_append(text, any ? ",[" : "[");
    any = TRUE;
    append_id(log, text, copy->request);
    g_string_append_printf(text, ",%u]", copy->blocks);
  }
  if (any)
    g_string_append_c(text, ']');
}

static void
append_overlap(DecisionLog *log, GString *text, const Step *step)
{
  append_copies(log, text, "copied_ahead", step->copied, COPY_OUT, TRUE);
  append_copies(log, text, "copied_out", step->copied, COPY_OUT, FALSE);
  append_copies(log, text, "copied_in", step->copied, COPY_IN, FALSE);
  append_copies(log, text, "copied_to_disk", step->copied, COPY_TO_DISK, FALSE);
  append_copies(log, text, "copied_from_disk", step->copied, COPY_FROM_DISK, FALSE);
  append_copies(log, text, "copies_ahead", step->copies, COPY_OUT, TRUE);
  append_copies(log, text, "copies_out", step->copies, COPY_OUT, FALSE);
  append_copies(log, text, "copies_in", step->copies, COPY_IN, FALSE);
  append_copies(log, text, "copies_to_disk", step->copies, COPY_TO_DISK, FALSE);
  append_copies(log, text, "copies_from_disk", step->copies, COPY_FROM_DISK, FALSE);
  if (step->starved->len > 0)
    append_requests(log, text, "wait_for_copies", step->starved);
}

static void
format_shared(DecisionLog *log, const Step *step)
{
  GString *text = log->shared;

  g_string_truncate(text, 0);
  if (step->sglang.mode != NULL)
    g_string_append_printf(text, ",\"mode\":\"%s\"", step->sglang.mode);
  append_entries(log, text, step);
  if (step->victims->len > 0 && step->sglang.mode != NULL)
    append_retracted(log, text, step);
  else if (step->victims->len > 0)
    append_victims(log, text, step);
  if (step->swapped_in->len > 0)
    append_swapped_in(log, text, step);
  if (step->ignored->len > 0)
    append_requests(log, text, step->sglang.mode != NULL ? "aborted" : "ignored", step->ignored);
  append_hits(log, text, step);
  append_jobs(log, text, step);
  append_overlap(log, text, step);
}

static void
begin_line(GString *text, guint64 step_index, gint64 start_ps)
{
  char seconds[FORMAT_SECONDS_MAX];

  g_string_append(text, "{\"step\":");
  append_uint(text, step_index);
  g_string_append(text, ",\"t\":");
  g_string_append(text, format_seconds_ps(start_ps, seconds));
}

static void
write_abort(DecisionLog *log, const StepReport *report)
{
  GString *text = sink_text(log->sink);
  json_auto_t *message = json_string(report->step->abort);
  g_autofree char *quoted = json_dumps(message, JSON_ENCODE_ANY);

  begin_line(text, report->step_index, report->start_ps);
  g_string_append_printf(text, ",\"abort\":%s", quoted != NULL ? quoted : "\"\"");
  append_victims(log, text, report->step);
  append_swapped_in(log, text, report->step);
  g_string_append(text, "}\n");
  sink_flush_if_full(log->sink);
}

/* SGLang's lines. */
static void
append_sglang(GString *text, const StepReport *report, guint32 free_blocks, double ratio)
{
  const Step *step = report->step;
  guint32 block_size = step->block_size;

  append_key(text, "free", (guint64)free_blocks * block_size);
  append_key(text, "evictable", (guint64)step->sglang.evictable_blocks * block_size);
  if (step->sglang.has_windows) {
    guint32 taken = step->gpu_free_blocks - free_blocks; /* by repeats, from both pools */
    append_key(text, "swa_free", (guint64)(step->sglang.window_free_blocks - taken) * block_size);
    append_key(text, "swa_evictable", (guint64)step->sglang.window_evictable_blocks * block_size);
  }
  append_key(text, "waiting", step->waiting);
  append_key(text, "running", step->running);
  g_string_append_printf(text, ",\"ratio\":%.9f,\"full\":%s", ratio,
                         step->sglang.batch_is_full ? "true" : "false");
}

static void
append_state(GString *text, const Step *step, guint32 free_blocks)
{
  append_key(text, "gpu_free", free_blocks);
  append_key(text, "cpu_free", step->host_free_blocks);
  append_key(text, "waiting", step->waiting);
  append_key(text, "running", step->running);
  append_key(text, "swapped", step->swapped);
  if (step->has_tier)
    append_key(text, "host_used", step->tier_used_blocks);
  if (step->has_disk)
    append_key(text, "disk_used", step->disk_used_blocks);
}

static void
append_finished(DecisionLog *log, GString *text, const StepReport *report)
{
  const Step *step = report->step;

  append_ids(log, text, "finished", report->finished, report->n_finished, sizeof(guint32));
  if (step->sglang.mode != NULL)
    append_key(text, "free_end", (guint64)report->gpu_free_end_blocks * step->block_size);
  else
    append_key(text, "gpu_free_end", report->gpu_free_end_blocks);
}

/* For how long the device was idle before the step. */
static void
append_waited(GString *text, gint64 waited_ps)
{
  char seconds[FORMAT_SECONDS_MAX];

  g_string_append_printf(text, ",\"waited_for_copies_s\":%s",
                         format_seconds_ps(waited_ps, seconds));
}

static void
write_steps(DecisionLog *log, const StepReport *report)
{
  const Step *step = report->step;
  GString *text = sink_text(log->sink);
  gint64 start_ps = report->start_ps, duration_ps = report->first_ps;
  guint32 gpu_free_blocks = step->gpu_free_blocks;
  double ratio = step->sglang.new_token_ratio;

  format_shared(log, step);
  log->is_sglang = step->sglang.mode != NULL;
  for (guint32 i = 0; i < report->repeats; i++) {
    if (i > 0)
      gpu_free_blocks -= (guint32)step_growth_blocks(step, i);
    begin_line(text, report->step_index + i, start_ps);
    g_string_append_len(text, log->shared->str, (gssize)log->shared->len);
    if (report->waited_ps > 0)
      append_waited(text, report->waited_ps);
    if (step->sglang.mode != NULL)
      append_sglang(text, report, gpu_free_blocks, ratio);
    else
      append_state(text, step, gpu_free_blocks);
    append_key(text, "tokens", report->tokens);
    if (i + 1 == report->repeats && report->n_finished > 0)
      append_finished(log, text, report);
    g_string_append_len(text, "}\n", 2);
    sink_flush_if_full(log->sink);
    start_ps += duration_ps;
    duration_ps += report->growth_ps;
    ratio = MAX(ratio - step->sglang.ratio_decay, step->sglang.ratio_min);
  }
}

static void
on_step(Observer *self, const StepReport *report)
{
  DecisionLog *log = (DecisionLog *)self;

  if (report->step->abort != NULL)
    write_abort(log, report);
  else if (!step_is_empty(report->step))
    write_steps(log, report);
}

static void
on_end(Observer *self, const RunOutcome *outcome)
{
  DecisionLog *log = (DecisionLog *)self;
  GString *text = sink_text(log->sink);
  char seconds[FORMAT_SECONDS_MAX];

  g_string_append_printf(text, "{\"kind\":\"footer\",\"end\":\"%s\"", run_end_name(outcome->end));
  append_key(text, "last_step", outcome->last_step);
  append_key(text, "lines", outcome->lines);
  append_key(text, log->is_sglang ? "retractions" : "preemptions", outcome->preemptions);
  append_key(text, "finished", outcome->finished);
  append_key(text, "ignored", outcome->ignored);
  append_key(text, "tokens", outcome->tokens);
  append_key(text, "unfinished", outcome->unfinished);
  append_key(text, "peak_cpu_blocks", outcome->peak_host_blocks);
  g_string_append_printf(text, ",\"end_s\":%s}\n", format_seconds_ps(outcome->end_ps, seconds));
}

static gboolean
write_header(DecisionLog *log, json_t *config, GError **error)
{
  json_auto_t *header = json_pack("{s:s, s:i}", "kind", "header", "format", DECISION_LOG_FORMAT);
  g_autofree char *line = NULL;

  json_object_update_missing(header, config);
  json_object_del(header, "executor");
  json_object_del(header, "live");
  json_object_del(header, "defaults"); /* the origin of a value decides nothing */
  line = json_dumps(header, JSON_COMPACT | JSON_REAL_PRECISION(12));
  if (line == NULL) {
    g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "the configuration cannot be written as JSON");
    return FALSE;
  }
  g_string_append_printf(sink_text(log->sink), "%s\n", line);
  return TRUE;
}

DecisionLog *
decision_log_open(const char *path, const Workload *workload, json_t *config, GError **error)
{
  g_autoptr(Sink) sink = sink_open(path, error);
  g_autoptr(DecisionLog) log = NULL;

  if (sink == NULL)
    return NULL;
  log = g_new0(DecisionLog, 1);
  log->observer = (Observer){.step = on_step, .end = on_end, .needs_decodes = TRUE};
  log->sink = g_steal_pointer(&sink);
  log->workload = workload;
  log->shared = g_string_new(NULL);
  if (workload->names != NULL)
    log->names = g_new0(char *, workload_count(workload));
  if (!write_header(log, config, error))
    return NULL;
  return g_steal_pointer(&log);
}

Observer *
decision_log_observer(DecisionLog *log)
{
  return &log->observer;
}

gboolean
decision_log_close(DecisionLog *log, GError **error)
{
  return sink_close(log->sink, error);
}

void
decision_log_free(DecisionLog *log)
{
  if (log == NULL)
    return;
  for (guint32 i = 0; log->names != NULL && i < workload_count(log->workload); i++)
    g_free(log->names[i]);
  g_free(log->names);
  sink_free(log->sink);
  g_string_free(log->shared, TRUE);
  g_free(log);
}
