/* spillway calibrate: measures a GPU into a profile.
 *
 * The options are checked before anything is opened, so that spillway, which has no GPU, refuses a
 * wrong command line itself and then starts spillway-gpu with the same words.
 */
#include "config.h"

#include "calibrate.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "calib/measure/plan.h"
#include "calib/store/file.h"
#include "calib/store/sniff.h"
#include "progress.h"
#include "cli/gpu.h"
#include "cli/profile/profile.h"
#include "scenario/resolve.h"
#include "scenario/shipped.h"

#define VERB "calibrate"
#define FULL_LIMIT_US (5 * 60 * (gint64)G_USEC_PER_SEC)
#define QUICK_LIMIT_US (60 * (gint64)G_USEC_PER_SEC)
#define TARGET 0.02

#define SUMMARY                                                                                    \
  "Measures the GPU of this machine into a profile, which --device takes: its ceilings, every\n"   \
  "operation of the models asked for, copies, copies beside kernels, whole steps; most where\n"    \
  "interpolation is furthest off. Ended at any moment it keeps what it has, and the same\n"        \
  "command goes on."

#define EXAMPLES                                                                                   \
  "Examples:\n"                                                                                    \
  "  spillway calibrate --quick -o h100.db\n"                                                      \
  "  spillway calibrate --model llama-3.1-8b,qwen3-8b --time-limit 20m -o h100.db\n"               \
  "  spillway run --device h100.db --model llama-3.1-8b --trace demo --overflow swap\n"            \
  "\n"                                                                                             \
  "Exit status: 0 done, or time was up; 1 there is no GPU that can be used, it failed, or the\n"   \
  "calibration was interrupted; 2 the command line or the output file is wrong."

typedef struct {
  char **models; /* as typed */
  char *time_limit, *out, *name, *seed, *target, *device, *format;
  gboolean is_quick;
} TypedOptions;

typedef struct {
  GPtrArray *models; /* of Model; empty: those that fit */
  char *path, *name;
  Device *nominal; /* NULL: by the card's name */
  Host *host;
  gint64 limit_us;
  guint64 seed;
  double target;
  gboolean is_quick;
  OutputFormat format;
} CalibrateRequest;

static volatile sig_atomic_t stop_seen;

static void
on_stop_signal(int signal_number)
{
  stop_seen = 1;
  signal(signal_number, SIG_DFL); /* the second one ends it at once; the file stays whole */
}

static void
typed_options_clear(TypedOptions *typed)
{
  g_strfreev(typed->models);
  g_free(typed->time_limit);
  g_free(typed->out);
  g_free(typed->name);
  g_free(typed->seed);
  g_free(typed->target);
  g_free(typed->device);
  g_free(typed->format);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TypedOptions, typed_options_clear)

static void
request_clear(CalibrateRequest *request)
{
  g_clear_pointer(&request->models, g_ptr_array_unref);
  device_free(request->nominal);
  host_free(request->host);
  g_free(request->path);
  g_free(request->name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CalibrateRequest, request_clear)

static void
free_model(gpointer model)
{
  model_free(model);
}

static gboolean
take_models(char **words, GPtrArray *models, GError **error)
{
  for (; words != NULL && *words != NULL; words++) {
    g_auto(GStrv) names = g_strsplit(*words, ",", -1);
    for (char **name = names; *name != NULL; name++) {
      Model *model = resolve_model(*name, error);
      if (model == NULL) {
        g_prefix_error(error, "--model: ");
        return FALSE;
      }
      g_ptr_array_add(models, model);
    }
  }
  return TRUE;
}

static gboolean
take_target(const char *text, double *target, GError **error)
{
  *target = TARGET;
  if (text == NULL)
    return TRUE;
  if (!typed_percent(text, target))
    return typed_real(text, "--target", 0.0001, 1, target, error);
  if (*target >= 0.0001 && *target <= 1)
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--target: found '%s', expected an error from 0.01%% to 100%%", text);
  return FALSE;
}

/* Refuses an output that cannot be written, or is no profile, before anything is measured. */
static gboolean
check_path(const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname(path);
  gboolean exists = g_file_test(path, G_FILE_TEST_EXISTS);
  int problem = 0;

  if (exists && g_file_test(path, G_FILE_TEST_IS_DIR))
    problem = EISDIR;
  else if (access(folder, W_OK) != 0 || (exists && access(path, R_OK | W_OK) != 0))
    problem = errno;
  if (problem == 0)
    return !exists || profile_file_may_replace(path, error);
  g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(problem),
              "-o %s: cannot be written: %s", path, g_strerror(problem));
  return FALSE;
}

/* "h100.db" is called h100. */
static char *
name_of(const char *path)
{
  g_autofree char *base = g_path_get_basename(path);

  if (g_str_has_suffix(base, ".db") && !g_str_equal(base, ".db"))
    base[strlen(base) - strlen(".db")] = '\0';
  return g_utf8_make_valid(base, -1);
}

static gboolean
read_options(const TypedOptions *typed, CalibrateRequest *request, GError **error)
{
  request->is_quick = typed->is_quick;
  request->limit_us = typed->is_quick ? QUICK_LIMIT_US : FULL_LIMIT_US;
  request->seed = 1;
  if (typed->out == NULL) {
    g_set_error(
        error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "-o is missing: give -o FILE.db, the profile to write; an existing one is continued");
    return FALSE;
  }
  if (!profile_format_parse(typed->format, &request->format, error) ||
      !take_target(typed->target, &request->target, error) ||
      (typed->time_limit != NULL &&
       !typed_duration(typed->time_limit, "--time-limit", &request->limit_us, error)) ||
      (typed->seed != NULL &&
       !typed_uint(typed->seed, "--seed", 0, G_MAXUINT64, &request->seed, error)) ||
      !take_models(typed->models, request->models, error))
    return FALSE;
  if (typed->device != NULL) {
    request->nominal = resolve_device(typed->device, error);
    if (request->nominal == NULL) {
      g_prefix_error(error, "--device: ");
      return FALSE;
    }
  }
  request->path = g_strdup(typed->out);
  request->name = typed->name != NULL ? g_strdup(typed->name) : name_of(typed->out);
  return check_path(request->path, error);
}

/* Sets the shipped device whose driver name is the card's, unless --device named one. */
static gboolean
find_nominal(CalibrateRequest *request, const BenchIdentity *identity, GError **error)
{
  g_auto(GStrv) names = shipped_names("devices", ".ini");

  for (char **name = names; request->nominal == NULL && *name != NULL; name++) {
    g_autoptr(Device) device = resolve_device(*name, error);
    if (device == NULL)
      return FALSE;
    if (device_has_driver_name(device, identity->name))
      request->nominal = g_steal_pointer(&device);
  }
  if (request->nominal != NULL)
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "no shipped device is known as '%s'; say whose nominal figures stand behind the "
              "profile: --device with the nearest of 'spillway list devices', or a file of your "
              "own",
              identity->name);
  return FALSE;
}

/* The models of --model, or all built-in ones that the card can hold. */
static gboolean
find_models(CalibrateRequest *request, const BenchIdentity *identity, GError **error)
{
  g_auto(GStrv) names = NULL;

  for (guint i = 0; i < request->models->len; i++) {
    const Model *model = g_ptr_array_index(request->models, i);
    if (!calibration_plan_fits(model, identity))
      cli_note(VERB,
               "%s does not fit the card's memory: its operations are measured, its whole steps "
               "cannot be",
               model->name);
  }
  if (request->models->len > 0)
    return TRUE;
  names = shipped_names("models", ".json");
  for (char **name = names; *name != NULL; name++) {
    Model *model = resolve_model(*name, error);
    if (model == NULL)
      return FALSE;
    if (calibration_plan_fits(model, identity))
      g_ptr_array_add(request->models, model);
    else
      model_free(model);
  }
  if (request->models->len > 0)
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "no built-in model fits the card's memory of %.1f GB; name one with --model",
              (double)identity->memory_bytes / 1e9);
  return FALSE;
}

static void
on_progress(gpointer data, const CalibrationProgress *now)
{
  calibrate_progress_show(data, now);
}

static void
on_note(gpointer data, const char *text)
{
  calibrate_progress_clear(data);
  cli_note(VERB, "%s", text);
}

static gboolean
on_stop(gpointer data G_GNUC_UNUSED)
{
  return stop_seen != 0;
}

static CalibrationReport *
run(const CalibrateRequest *request, BenchDevice *bench, const BenchIdentity *identity,
    GError **error)
{
  CalibrateProgress progress;
  const CalibrationConfig config = {
      .bench = bench,
      .identity = identity,
      .nominal = request->nominal,
      .host = request->host,
      .models = (const Model *const *)request->models->pdata,
      .n_models = request->models->len,
      .path = request->path,
      .name = request->name,
      .is_quick = request->is_quick,
      .limit_us = request->limit_us,
      .seed = request->seed,
      .target = request->target,
      .listener = {on_progress, on_note, on_stop, &progress},
  };
  void (*on_int)(int) = signal(SIGINT, on_stop_signal);
  void (*on_term)(int) = signal(SIGTERM, on_stop_signal);
  CalibrationReport *report;

  calibrate_progress_start(&progress);
  report = calibration_run(&config, error);
  calibrate_progress_clear(&progress);
  signal(SIGINT, on_int);
  signal(SIGTERM, on_term);
  return report;
}

/* Prints why the calibration failed, and where what it measured is kept. The exit status. */
static int
fail(const CalibrateRequest *request, const GError *error)
{
  if (error->domain == BENCH_ERROR)
    return cli_error(CLI_FAILED, VERB,
                     "%s; what was measured is kept in %s, and the same command goes on",
                     error->message, request->path);
  return cli_error(error->domain == PROFILE_ERROR && error->code == PROFILE_ERROR_WRITE ? CLI_FAILED
                                                                                        : CLI_USAGE,
                   VERB, "%s", error->message);
}

static int
calibrate(CalibrateRequest *request, BenchDevice *bench, const BenchIdentity *identity)
{
  g_autoptr(CalibrationReport) report = NULL;
  g_autoptr(GError) error = NULL;
  CalibrateResult result = {
      .path = request->path, .identity = identity, .is_quick = request->is_quick};
  int status;

  if (!find_nominal(request, identity, &error) || !find_models(request, identity, &error) ||
      (request->host = resolve_host(NULL, request->nominal, NULL, &error)) == NULL)
    return cli_error(CLI_FAILED, VERB, "%s", error->message);
  if (identity->note != NULL)
    cli_note(VERB, "%s", identity->note);
  report = run(request, bench, identity, &error);
  if (report == NULL)
    return fail(request, error);
  result.nominal = request->nominal;
  result.report = report;
  status = calibrate_report_print(&result, request->format);
  if (report->end != CALIBRATION_STOPPED)
    return status;
  return cli_error(CLI_FAILED, VERB,
                   "stopped; what was measured is kept in %s, and the same "
                   "command goes on",
                   request->path);
}

static int
open_and_calibrate(CalibrateRequest *request, BenchOpen open)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(BenchDevice) bench = open(&error);
  BenchIdentity identity;

  if (bench == NULL || !bench_identify(bench, &identity, &error))
    return cli_error(CLI_FAILED, VERB, "%s", error->message);
  return calibrate(request, bench, &identity);
}

int
calibrate_verb(int argc, char **argv, BenchOpen open)
{
  g_auto(TypedOptions) typed = {0};
  g_auto(CalibrateRequest) request = {.models = g_ptr_array_new_with_free_func(free_model)};
  g_auto(GStrv) again = g_strdupv(argv);
  const GOptionEntry entries[] = {
      {"out", 'o', 0, G_OPTION_ARG_FILENAME, &typed.out, "the profile, made or continued",
       "FILE.db"},
      {"model", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &typed.models,
       "names or paths of a config.json, comma-separated or given again; default: the built-in "
       "models that fit the card",
       "MODEL,…"},
      {"quick", 0, 0, G_OPTION_ARG_NONE, &typed.is_quick, "a usable profile in a minute", NULL},
      {"time-limit", 0, 0, G_OPTION_ARG_STRING, &typed.time_limit,
       "when to stop, such as 90s, 5m or 1h30m (default: 5m; 1m with --quick)", "TIME"},
      {"target", 0, 0, G_OPTION_ARG_STRING, &typed.target,
       "error on held-out shapes that is good enough, the median (default: 2%)", "X%"},
      {"device", 0, 0, G_OPTION_ARG_FILENAME, &typed.device,
       "the device whose nominal figures stand behind the profile; default: by the card's name",
       "NAME|FILE"},
      {"name", 0, 0, G_OPTION_ARG_STRING, &typed.name,
       "what the profile is called (default: as its file)", "NAME"},
      {"seed", 0, 0, G_OPTION_ARG_STRING, &typed.seed,
       "of the order of shapes and of those held out (default: 1)", "N"},
      {"format", 0, 0, G_OPTION_ARG_STRING, &typed.format, "of the report: table (default) or json",
       "FORMAT"},
      {NULL},
  };
  int status = CLI_DONE;
  g_autoptr(GError) error = NULL;
  const VerbOptions usage = {
      .name = VERB, .summary = SUMMARY, .examples = EXAMPLES, .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (argc > 1)
    return cli_error(CLI_USAGE, VERB, "unexpected argument '%s'", argv[1]);
  if (!read_options(&typed, &request, &error))
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  return open != NULL ? open_and_calibrate(&request, open) : gpu_run(again);
}

int
command_calibrate(int argc, char **argv)
{
  return calibrate_verb(argc, argv, NULL);
}
