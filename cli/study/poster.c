/* spillway study poster: a published study, repeated and judged. */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/gpu.h"
#include "cli/live.h"
#include "study/poster/live.h"
#include "poster.h"
#include "files/output.h"
#include "study.h"

#define VERB "study poster"
#define DEVICE "a100-40gb"
#define MODEL "yarn-llama-2-7b-64k"

/* The command line. */
typedef struct {
  char *device, *model, *folder, *executor, *burst_text;
  PosterBurst burst;
  double minutes;
  gboolean live;
} PosterOptions;

static void
poster_options_clear(PosterOptions *options)
{
  g_free(options->device);
  g_free(options->model);
  g_free(options->folder);
  g_free(options->executor);
  g_free(options->burst_text);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PosterOptions, poster_options_clear)

static void
poster_clear(Poster *poster)
{
  poster_findings_free(poster->findings);
  poster_data_free(poster->study);
  poster_findings_free(poster->live_findings);
  poster_data_free(poster->live);
  g_clear_pointer(&poster->live_missing, g_ptr_array_unref);
  g_clear_pointer(&poster->engines, g_ptr_array_unref);
  g_clear_pointer(&poster->changes, g_ptr_array_unref);
  g_clear_pointer(&poster->errors, g_ptr_array_unref);
  shelf_free(poster->shelf);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Poster, poster_clear)

static gboolean
poster_make(Poster *poster, const PosterSetting *study, GError **error)
{
  poster->shelf = shelf_new();
  poster->study = poster_measure(study, poster->shelf, error);
  if (poster->study == NULL)
    return FALSE;
  poster->findings = poster_judge(poster->study);
  return TRUE;
}

static gboolean
make_others(Poster *poster, const PosterSetting *study, GError **error)
{
  poster->engines = poster_engines(study, poster->shelf, error);
  poster->changes = poster->engines != NULL ? poster_changes(study, poster->shelf, error) : NULL;
  poster->errors = poster->changes != NULL ? poster_errors(study, poster->shelf, error) : NULL;
  return poster->errors != NULL;
}

static gboolean
make_live(Poster *poster, const PosterSetting *study, const PosterOptions *options,
          const LiveDeviceClass *gpu, GError **error)
{
  const PosterLiveOptions live = {.executor = options->executor != NULL ? options->executor : "gpu",
                                  .gpu = gpu,
                                  .folder = options->folder,
                                  .minutes = options->minutes};

  poster->live = poster_live(study, poster->shelf, &live, &poster->live_missing, error);
  if (poster->live == NULL)
    return FALSE;
  poster->live_findings = poster_judge(poster->live);
  return TRUE;
}

static gboolean
write_text(const char *folder, const char *name, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);

  return output_write(path, text, -1, error);
}

static gboolean
write_findings(const Poster *poster, const char *folder, GError **error)
{
  g_autofree char *markdown = poster_markdown(poster);
  json_t *root = poster_json(poster);
  char *dump = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  g_autofree char *text = g_strconcat(dump, "\n", NULL);
  gboolean worked = write_text(folder, "findings.md", markdown, error) &&
                    write_text(folder, "findings.json", text, error);

  free(dump);
  json_decref(root);
  return worked;
}

/* Prints how many settings of --live were not measured. The exit status. */
static int
tell_missing(const Poster *poster)
{
  if (poster->live == NULL || poster->live_missing->len == 0)
    return CLI_DONE;
  return cli_error(CLI_FAILED, VERB, "%u %s missing, %s; the same command goes on from here",
                   poster->live_missing->len,
                   poster->live_missing->len == 1 ? "setting is" : "settings are",
                   (const char *)g_ptr_array_index(poster->live_missing, 0));
}

static int
write_all(const Poster *poster, const char *folder)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *summary = poster_summary(poster);
  int status = CLI_DONE;

  cli_print(summary);
  if (!write_findings(poster, folder, &error) || !poster_write_data(poster, folder, &error))
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  if (!poster_draw(poster, folder, &error))
    status = cli_error(CLI_FAILED, VERB, "%s", error->message);
  else
    printf("\nFigures, data and findings.md with the numbers: %s\n", folder);
  return MAX(status, tell_missing(poster));
}

static int
study_poster(const PosterOptions *options, const LiveDeviceClass *gpu)
{
  const PosterSetting study = {.title = "the study",
                               .device = options->device != NULL ? options->device : DEVICE,
                               .model = options->model != NULL ? options->model : MODEL,
                               .scheduler = "vllm-0.6",
                               .copy_path = "per-layer",
                               .burst = options->burst};
  g_auto(Poster) poster = {0};
  g_autoptr(GError) error = NULL;

  if (g_file_test(options->folder, G_FILE_TEST_EXISTS) &&
      !g_file_test(options->folder, G_FILE_TEST_IS_DIR)) /* told before anything is measured */
    return cli_error(CLI_USAGE, VERB, "-o: %s cannot be made: %s; name another folder",
                     options->folder, g_strerror(ENOTDIR));
  if (!poster_make(&poster, &study, &error) ||
      (!options->live && !make_others(&poster, &study, &error)))
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  if (g_mkdir_with_parents(options->folder, 0777) != 0)
    return cli_error(CLI_USAGE, VERB, "-o: %s cannot be made: %s; name another folder",
                     options->folder, g_strerror(errno));
  if (options->live && !make_live(&poster, &study, options, gpu, &error))
    return cli_error(error->domain == LIVE_ERROR ? CLI_FAILED : CLI_USAGE, VERB, "%s",
                     error->message);
  return write_all(&poster, options->folder);
}

/* "32,1500,1024". */
static gboolean
parse_burst(const char *text, PosterBurst *burst, GError **error)
{
  g_auto(GStrv) words = g_strsplit(text, ",", -1);
  guint64 values[3];

  if (g_strv_length(words) != G_N_ELEMENTS(values)) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--burst: found '%s', expected requests, tokens in and tokens out, such as "
                "32,1500,1024",
                text);
    return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS(values); i++)
    if (!typed_uint(words[i], "--burst", i < 2 ? 1 : 2, 1000000, &values[i], error))
      return FALSE;
  *burst = (PosterBurst){(guint32)values[0], (guint32)values[1], (guint32)values[2]};
  return TRUE;
}

static int
check_options(PosterOptions *o, int argc, char **argv)
{
  g_autoptr(GError) error = NULL;

  if (argc > 1)
    return cli_error(CLI_USAGE, VERB, "found '%s', expected only options", argv[1]);
  if (o->folder == NULL || *o->folder == '\0')
    return cli_error(CLI_USAGE, VERB, "-o is missing: the folder for the files, such as -o poster");
  if (!o->live && (o->executor != NULL || o->minutes != 0))
    return cli_error(CLI_USAGE, VERB, "--%s needs --live: a simulation takes a second",
                     o->executor != NULL ? "executor" : "minutes");
  if (o->executor != NULL && !g_str_equal(o->executor, "gpu") && !g_str_equal(o->executor, "cpu"))
    return cli_error(CLI_USAGE, VERB, "--executor: found '%s', expected gpu or cpu, which compute",
                     o->executor);
  if (o->minutes < 0)
    return cli_error(CLI_USAGE, VERB, "--minutes: found %g, expected 0 or more", o->minutes);
  if (o->burst_text != NULL && !parse_burst(o->burst_text, &o->burst, &error))
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  return CLI_DONE;
}

/* Starts spillway-gpu with "study" before argv, whose first word is "poster". */
static int
run_on_gpu(char **argv)
{
  g_autoptr(GPtrArray) words = g_ptr_array_new();

  g_ptr_array_add(words, (char *)"study");
  for (; *argv != NULL; argv++)
    g_ptr_array_add(words, *argv);
  g_ptr_array_add(words, NULL);
  return gpu_run((char **)words->pdata);
}

int
poster_verb(int argc, char **argv, const LiveDeviceClass *gpu)
{
  g_auto(PosterOptions) o = {0};
  g_auto(GStrv) words = g_strdupv(argv);
  const GOptionEntry entries[] = {
      {"device", 0, 0, G_OPTION_ARG_FILENAME, &o.device,
       "a shipped device or profile, or the file of one (default " DEVICE ", the study's own)",
       "NAME"},
      {"model", 0, 0, G_OPTION_ARG_FILENAME, &o.model,
       "a model, or its config.json (default " MODEL ", the study's own)", "NAME"},
      {"burst", 0, 0, G_OPTION_ARG_STRING, &o.burst_text,
       "requests, tokens in, tokens out (default 32,1500,1024); memory is scaled with it",
       "N,IN,OUT"},
      {"live", 0, 0, G_OPTION_ARG_NONE, &o.live,
       "compute it, too, on this machine's GPU, and judge that beside the simulation", NULL},
      {"executor", 0, 0, G_OPTION_ARG_STRING, &o.executor,
       "of --live: gpu (default), or cpu, for a small model", "NAME"},
      {"minutes", 0, 0, G_OPTION_ARG_DOUBLE, &o.minutes,
       "of --live: begin no further setting after that long; the same command goes on", "N"},
      {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.folder, "where the files go; it is made", "FOLDER"},
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  int status = CLI_DONE;
  const VerbOptions usage = {
      .name = VERB,
      .summary =
          "Repeats the poster \"Uncover the Overhead and Resource Usage for Handling KV Cache "
          "Overflow\n"
          "in LLM Inference\" (SC 2024): its figures 2 to 5 (SVG, PNG, CSV, gnuplot), and its "
          "nine\n"
          "findings, each judged: holds, does not hold, cannot be told (findings.md, "
          "findings.json).\n"
          "Then what other engines, errors of the costs, and today's copy paths, models and "
          "devices\n"
          "change. Figures need gnuplot.\n\n"
          "With --live every setting is computed as well, and kept as soon as it is (live/, and "
          "the\n"
          "runs in live.db): Ctrl-C ends after the one under way, and the same command goes on.",
      .examples = "Examples:\n"
                  "  spillway study poster -o poster\n"
                  "  spillway study poster --device h100-sxm -o poster-h100\n"
                  "  spillway study poster --device a100.db -o poster-measured\n"
                  "  spillway study poster --live --device h100-sxm -o poster-live\n"
                  "  spillway study poster --live --executor cpu --model tiny/config.json --burst "
                  "32,60,40 \\\n"
                  "      -o poster-tiny",
      .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  status = check_options(&o, argc, argv);
  if (status != CLI_DONE)
    return status;
  if (o.live && g_strcmp0(o.executor, "cpu") != 0 && gpu == NULL)
    return run_on_gpu(words);
  if (o.live && g_strcmp0(o.executor, "cpu") != 0 && !live_gpu_is_there(gpu, VERB, &status))
    return status;
  return study_poster(&o, gpu);
}

int
command_study_poster(int argc, char **argv)
{
  return poster_verb(argc, argv, NULL);
}
