/* Where a run's requests come from: a file, standard input, a shipped trace by its name, or
 * "gen:OPTIONS", a trace that `spillway trace gen OPTIONS` would make with the run's seed.
 */
#include "message.h"
#include "trace_name.h"
#include "generated_trace.h"
#include "scenario.h"

#include <string.h>

static Workload *
read_named(const Settings *settings, const char *verb, GError **error)
{
  g_autoptr(TraceNotes) notes = trace_notes_new();
  g_autofree char *path = trace_name_path(settings->trace, error);
  g_autoptr(Workload) workload = NULL;

  if (path == NULL)
    return NULL;
  workload = trace_read_part(path, settings->trace_format, (guint32)settings->limit,
                             settings->time_scale, notes, error);
  for (guint i = 0; verb != NULL && workload != NULL && i < notes->texts->len; i++)
    cli_note(verb, "%s", (const char *)g_ptr_array_index(notes->texts, i));
  return g_steal_pointer(&workload);
}

Workload *
scenario_read_workload(const Settings *settings, const char *verb, GError **error)
{
  g_autoptr(Workload) workload = NULL;

  if (settings->trace == NULL) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--trace is missing: a file, or a name from 'spillway list traces'");
    return NULL;
  }
  if (!trace_name_check_format(settings->trace_format, error))
    return NULL;
  if (!g_str_has_prefix(settings->trace, TRACE_GENERATED))
    return read_named(settings, verb, error);
  workload = generated_trace(settings->trace + strlen(TRACE_GENERATED), &settings->seed, error);
  if (workload == NULL)
    g_prefix_error(error, "--trace gen: ");
  if (workload == NULL ||
      !workload_trim(workload, (guint32)settings->limit, settings->time_scale, error))
    return NULL;
  return g_steal_pointer(&workload);
}
