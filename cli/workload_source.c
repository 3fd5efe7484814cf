/* Where a run's requests come from: a file, standard input, or a shipped trace by its name. */
#include "cli.h"
#include "scenario.h"
#include "traces/trace.h"

/* A path as it is if there is such a file; else a shipped trace of that name. */
static char *
find_trace(const char *name, GError **error)
{
  static const char *const suffixes[] = {".csv", ".jsonl"};
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  const char *near;

  if (g_str_equal(name, "-") || g_file_test(name, G_FILE_TEST_EXISTS))
    return g_strdup(name);
  for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
    char *path = cli_data_file("traces", name, suffixes[i]);
    if (path != NULL)
      return path;
  }
  for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
    g_auto(GStrv) shipped = cli_data_names("traces", suffixes[i]);
    for (guint j = 0; shipped[j] != NULL; j++)
      g_ptr_array_add(names, g_strdup(shipped[j]));
  }
  g_ptr_array_add(names, NULL);
  near = cli_nearest(name, (const char *const *)names->pdata);
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
              "--trace: there is no file '%s', and no shipped trace of that name%s%s%s", name,
              near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
              near != NULL ? "'?" : " ('spillway list traces')");
  return NULL;
}

Workload *
scenario_read_workload(const Settings *settings, const char *verb, GError **error)
{
  g_autoptr(Workload) workload = NULL;
  g_autoptr(TraceNotes) notes = trace_notes_new();
  g_autofree char *path = NULL;

  if (settings->trace == NULL) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--trace is missing: a file, or a name from 'spillway list traces'");
    return NULL;
  }
  path = find_trace(settings->trace, error);
  if (path == NULL)
    return NULL;
  workload = trace_read(path, settings->trace_format, notes, error);
  for (guint i = 0; workload != NULL && i < notes->texts->len; i++)
    cli_note(verb, "%s", (const char *)g_ptr_array_index(notes->texts, i));
  if (workload == NULL ||
      !workload_trim(workload, (guint32)settings->limit, settings->time_scale, error))
    return NULL;
  return g_steal_pointer(&workload);
}
