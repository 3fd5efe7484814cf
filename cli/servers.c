/* spillway servers: published measurements of servers against predictions. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#include "format_option.h"
#include "report/page/page.h"
#include "run_options.h"
#include "scenario/output_file.h"
#include "scenario/settings_files.h"
#include "scenario/resolve.h"
#include "study/servers/servers.h"
#include "study/transport.h"

#define VERB "servers"

#define SUMMARY                                                                                    \
  "Runs every published point of a file as its benchmark ran, on all cores, and says how far "     \
  "the\n"                                                                                          \
  "predicted TTFT and TPOT are from the published ones, by what points share. POINTS is a table\n" \
  "(id, model_path, system, backend …), or what a benchmark wrote: vllm bench serve,\n"          \
  "sglang.bench_serving, AIPerf or GuideLLM. Options of a run go before what a point says."

#define EXAMPLES                                                                                   \
  "Examples:\n"                                                                                    \
  "  spillway servers points.csv --profile h100.db -o servers.html\n"                              \
  "  spillway servers points.csv --commands | head -1\n"                                           \
  "  spillway servers result.json --model llama-3.1-8b --device l40s\n"                            \
  "\n"                                                                                             \
  "Exit status: 0 done, points that cannot be predicted say why; 1 stopped (what was run is "      \
  "told),\n"                                                                                       \
  "or the page cannot be written; 2 the command line or a file is wrong."

typedef struct {
  Settings *settings;
  char **profiles;
  char *model_dir, *output, *format, *jobs, *library;
  gboolean commands;
  Shelf *shelf;
  GPtrArray *points;
} Servers;

/* The first profile of the point's card whose name has the engine's in it, else the card's first;
 * NULL: there is none. */
static const char *
profile_for(const ServerPoint *point, char **paths, const GPtrArray *profiles)
{
  const char *found = NULL;

  for (guint i = 0; i < profiles->len; i++) {
    const Profile *profile = g_ptr_array_index(profiles, i);
    if (g_strcmp0(profile->device, point->card) != 0)
      continue;
    if (strstr(profile->name, point->engine) != NULL)
      return paths[i];
    if (found == NULL)
      found = paths[i];
  }
  return found;
}

static void
set_profile(ServerPoint *point, const char *path)
{
  for (guint i = 0; i < point->options->len; i += 2)
    if (g_str_equal(g_ptr_array_index(point->options, i), "device")) {
      g_free(point->options->pdata[i + 1]);
      point->options->pdata[i + 1] = g_strdup(path);
    }
}

static gboolean
use_profiles(Servers *s, GError **error)
{
  g_autoptr(GPtrArray) profiles = g_ptr_array_new_with_free_func((GDestroyNotify)profile_free);

  for (guint i = 0; s->profiles != NULL && s->profiles[i] != NULL; i++) {
    Profile *profile = resolve_profile(s->profiles[i], error);
    if (profile == NULL) {
      if (error != NULL && *error == NULL)
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "found '%s', expected a profile's name or file", s->profiles[i]);
      g_prefix_error(error, "--profile: ");
      return FALSE;
    }
    g_ptr_array_add(profiles, profile);
  }
  for (guint i = 0; i < s->points->len; i++) {
    ServerPoint *point = g_ptr_array_index(s->points, i);
    const char *path = profile_for(point, s->profiles, profiles);
    if (path != NULL)
      set_profile(point, path);
  }
  return TRUE;
}

static gboolean
check_page(const Servers *s, const char *name, const char *path, GError **error)
{
  const NamedFile page = {"-o", s->output}, input = {name, path};

  return settings_check_outputs(s->settings, &page, 1, &input, 1, error);
}

/* The page must not replace a config.json of --model-dir, which the points name. */
static gboolean
check_models(const Servers *s, GError **error)
{
  for (guint i = 0; i < s->points->len; i++) {
    const ServerPoint *point = g_ptr_array_index(s->points, i);
    for (guint j = 0; j < point->options->len; j += 2)
      if (g_str_equal(point->options->pdata[j], "model") &&
          !check_page(s, "--model-dir", point->options->pdata[j + 1], error))
        return FALSE;
  }
  return TRUE;
}

static gboolean
read_files(Servers *s, char **paths, GError **error)
{
  if (!check_page(s, "--chart-js", s->library, error))
    return FALSE;
  for (guint i = 0; s->profiles != NULL && s->profiles[i] != NULL; i++)
    if (!check_page(s, "--profile", s->profiles[i], error))
      return FALSE;
  for (guint i = 0; paths[i] != NULL; i++)
    if (!check_page(s, "POINTS", paths[i], error) ||
        !server_points_read(paths[i], s->model_dir, s->points, error))
      return FALSE;
  for (guint i = 0; i < s->points->len; i++)
    server_point_name(g_ptr_array_index(s->points, i), s->settings);
  return check_models(s, error) &&
         (s->output == NULL || output_file_check_page(s->output, "-o", error)) &&
         use_profiles(s, error);
}

static void
print_commands(const Servers *s)
{
  for (guint i = 0; i < s->points->len; i++) {
    const ServerPoint *point = g_ptr_array_index(s->points, i);
    g_autofree char *command = server_point_command(point, s->settings);
    g_autofree char *line = point->refused != NULL
                                ? g_strdup_printf("# %s: %s\n", point->id, point->refused)
                                : g_strconcat(command, "\n", NULL);
    cli_print(line);
  }
}

static int
servers(Servers *s, char **paths)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;
  guint64 jobs = 0;
  guint n_done, n_runnable;
  OutputFormat format;

  if ((s->jobs != NULL && !typed_uint(s->jobs, "--jobs", 1, JOBS_MAX, &jobs, &error)) ||
      !output_format_parse(s->format, &format, &error) || !read_files(s, paths, &error))
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  if (s->commands) {
    print_commands(s);
    return CLI_DONE;
  }
  s->shelf = shelf_new();
  if (!servers_predict(s->points, s->settings, s->shelf, (guint)jobs, &n_done, &n_runnable, &error))
    return cli_error(CLI_FAILED, VERB, "%s", error->message);
  text = format == OUTPUT_JSON  ? servers_json(s->points)
         : format == OUTPUT_CSV ? servers_csv(s->points)
                                : servers_text(s->points);
  output_format_print(format, text);
  if (n_done < n_runnable)
    return cli_error(CLI_FAILED, VERB, "stopped: %u of %u points were run%s%s%s", n_done,
                     n_runnable, s->output != NULL ? "; " : "", s->output != NULL ? s->output : "",
                     s->output != NULL ? " is not written" : "");
  if (s->output != NULL) {
    json_auto_t *data = servers_page_data(s->points);
    if (!page_write_data(data, "servers.js", s->library, s->output, &error))
      return cli_error(CLI_FAILED, VERB, "%s", error->message);
  }
  return CLI_DONE;
}

static void
servers_clear(Servers *s)
{
  settings_free(s->settings);
  g_strfreev(s->profiles);
  g_free(s->model_dir);
  g_free(s->output);
  g_free(s->format);
  g_free(s->jobs);
  g_free(s->library);
  shelf_free(s->shelf);
  g_ptr_array_unref(s->points);
}

int
command_servers(int argc, char **argv)
{
  Servers s = {.settings = settings_new(),
               .points = g_ptr_array_new_with_free_func(server_point_free)};
  const GOptionEntry entries[] = {
      {"profile", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &s.profiles,
       "measured costs, for the points of its card; may be given several times", "NAME|FILE"},
      {"model-dir", 0, 0, G_OPTION_ARG_FILENAME, &s.model_dir,
       "where config.json files of models lie that do not ship", "DIR"},
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &s.output,
       "a page with predicted against published, and the error by concurrency", "FILE.html"},
      CHART_JS_OPTION(s.library),
      FORMAT_OPTION(s.format),
      {"commands", 0, 0, G_OPTION_ARG_NONE, &s.commands,
       "print each point as a command line, and run nothing", NULL},
      {"jobs", 'j', 0, G_OPTION_ARG_STRING, &s.jobs,
       "how many points to run at once (default: the number of cores)", "N"},
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  const VerbOptions options = {.name = VERB,
                               .summary = SUMMARY,
                               .examples = EXAMPLES,
                               .arguments = "POINTS…",
                               .own = entries};
  int status = CLI_DONE;

  if (settings_parse_beside(s.settings, &options, &argc, &argv, &status))
    status = argc > 1 ? servers(&s, argv + 1)
                      : cli_error(CLI_USAGE, VERB,
                                  "a file is missing: a table of points, or the result of "
                                  "vllm bench serve, SGLang, AIPerf or GuideLLM");
  servers_clear(&s);
  return status;
}
