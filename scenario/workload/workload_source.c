/* A trace is read as it is. The settings' client then determines how many of its requests are sent,
 * and when.
 */
#include "workload_source.h"

#include <math.h>
#include <string.h>

#include "generated_trace.h"
#include "scenario/message.h"
#include "scenario/resolver.h"
#include "trace_name.h"
#include "traces/bench.h"

/* Options of the client; from the fourth on those of random lengths. */
static const char *const of_client[] = {"num-prompts",       "request-rate",
                                        "burstiness",        "random-input-len",
                                        "random-output-len", "random-range-ratio"};

WorkloadSource
workload_source(const Settings *settings)
{
  if (settings->trace != NULL)
    return g_str_has_prefix(settings->trace, TRACE_GENERATED) ? WORKLOAD_GENERATED : WORKLOAD_FILE;
  for (guint i = 0; i < G_N_ELEMENTS(of_client); i++)
    if (settings_given(settings, of_client[i]))
      return WORKLOAD_RANDOM;
  return WORKLOAD_NONE;
}

gboolean
workload_is_seeded(const Settings *settings)
{
  WorkloadSource source = workload_source(settings);

  return source == WORKLOAD_GENERATED || source == WORKLOAD_RANDOM ||
         settings_given(settings, "request-rate");
}

gboolean
workload_source_check(const Settings *settings, GError **error)
{
  static const char *const contradictions[][2] = {
      {"num-prompts", "limit"},
      {"request-rate", "time-scale"},
  };

  if (workload_source(settings) == WORKLOAD_NONE)
    return resolver_refuse(error,
                           "--trace is missing: a file, or a name from 'spillway list traces' (or "
                           "--num-prompts N: requests of random lengths)");
  for (guint i = 3; settings->trace != NULL && i < G_N_ELEMENTS(of_client); i++)
    if (settings_given(settings, of_client[i]))
      return resolver_refuse(
          error, "--%s: lengths are drawn where there is no --trace; leave one of them out",
          of_client[i]);
  for (guint i = 0; i < G_N_ELEMENTS(contradictions); i++)
    if (settings_given(settings, contradictions[i][0]) &&
        settings_given(settings, contradictions[i][1]))
      return resolver_refuse(error, "--%s and --%s contradict each other: give one of them",
                             contradictions[i][0], contradictions[i][1]);
  if (settings_given(settings, "burstiness") &&
      (settings->request_rate == 0 || isinf(settings->request_rate)))
    return resolver_refuse(error, "--burstiness: is of the gaps at a --request-rate, which is %s",
                           settings->request_rate == 0 ? "not given" : "inf");
  return trace_name_check_format(settings->trace_format, error);
}

char *
workload_source_key(const Settings *settings)
{
  return g_strdup_printf(
      "%s\n%s\n%" G_GUINT64_FORMAT " %.17g %" G_GUINT64_FORMAT "\n%" G_GUINT64_FORMAT
      " %.17g %.17g %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %.17g",
      settings->trace != NULL ? settings->trace : "",
      settings->trace_format != NULL ? settings->trace_format : "", settings->limit,
      settings->time_scale, workload_is_seeded(settings) ? settings->seed : 0,
      settings->num_prompts, settings->request_rate, settings->burstiness,
      settings->random_input_len, settings->random_output_len, settings->random_range_ratio);
}

/* How many of a trace's requests are used. */
static guint32
limit_of(const Settings *settings)
{
  return (guint32)(settings->num_prompts > 0 ? settings->num_prompts : settings->limit);
}

/* Sends the requests that are left of a trace at the client's rate. */
static gboolean
send_first(Workload *workload, const Settings *settings, GError **error)
{
  if (settings->num_prompts > workload_count(workload))
    return resolver_refuse(error,
                           "--num-prompts: found %" G_GUINT64_FORMAT
                           ", expected at most %u, the requests that the trace has",
                           settings->num_prompts, workload_count(workload));
  return !settings_given(settings, "request-rate") ||
         bench_set_arrivals(workload, settings->request_rate, settings->burstiness, settings->seed,
                            error);
}

gboolean
workload_send(Workload *workload, const Settings *settings, GError **error)
{
  return workload_trim(workload, limit_of(settings), settings->time_scale, error) &&
         send_first(workload, settings, error);
}

static Workload *
read_named(const Settings *settings, const char *verb, GError **error)
{
  g_autoptr(TraceNotes) notes = trace_notes_new();
  g_autofree char *path = trace_name_path(settings->trace, error);
  g_autoptr(Workload) workload = NULL;

  if (path == NULL)
    return NULL;
  workload = trace_read_part(path, settings->trace_format, limit_of(settings), settings->time_scale,
                             notes, error);
  for (guint i = 0; verb != NULL && workload != NULL && i < notes->texts->len; i++)
    cli_note(verb, "%s", (const char *)g_ptr_array_index(notes->texts, i));
  return workload != NULL && send_first(workload, settings, error) ? g_steal_pointer(&workload)
                                                                   : NULL;
}

static Workload *
draw_prompts(const Settings *settings, GError **error)
{
  const BenchPrompts prompts = {
      .num_prompts =
          (guint32)(settings->num_prompts > 0 ? settings->num_prompts : BENCH_NUM_PROMPTS),
      .input_len = (guint32)settings->random_input_len,
      .output_len = (guint32)settings->random_output_len,
      .range_ratio = settings->random_range_ratio,
      .seed = settings->seed,
  };

  return bench_prompts_new(&prompts, error);
}

static Workload *
generate(const Settings *settings, GError **error)
{
  Workload *workload =
      generated_trace(settings->trace + strlen(TRACE_GENERATED), &settings->seed, error);

  if (workload == NULL)
    g_prefix_error(error, "--trace gen: ");
  return workload;
}

Workload *
scenario_read_workload(const Settings *settings, const char *verb, GError **error)
{
  g_autoptr(Workload) workload = NULL;
  WorkloadSource source = workload_source(settings);

  if (!workload_source_check(settings, error))
    return NULL;
  if (source == WORKLOAD_FILE)
    return read_named(settings, verb, error);
  workload = source == WORKLOAD_RANDOM ? draw_prompts(settings, error) : generate(settings, error);
  if (workload == NULL || !workload_send(workload, settings, error))
    return NULL;
  return g_steal_pointer(&workload);
}
