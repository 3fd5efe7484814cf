/* spillway calibrate, as a user types it, on a synthetic device: this program starts itself with
 * --verb and what the device is like, and then is spillway-gpu.
 */
#include "config.h"

#include "cli/calibrate/calibrate.h"
#include "calib/store/database.h"
#include "calib/store/text.h"
#include "scenario/resolve.h"
#include "tests/unit/calib/synthetic_device.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the device is like, of the program with --verb. */
static SyntheticOptions device = {.seed = 3, .noise = 0.003, .failing = OP_HOST};

static BenchDevice *
open_device(GError **error G_GNUC_UNUSED)
{
  return synthetic_device_new(&device);
}

/* "sleep=2000,card=NAME": of SyntheticOptions. */
static void
describe_device(const char *text)
{
  g_auto(GStrv) parts = g_strsplit(text, ",", -1);

  for (char **part = parts; *part != NULL && **part != '\0'; part++) {
    g_auto(GStrv) pair = g_strsplit(*part, "=", 2);
    if (g_str_equal(pair[0], "sleep"))
      device.sleep_us = (guint)atoi(pair[1]);
    else if (g_str_equal(pair[0], "lost"))
      device.lost_after = (guint)atoi(pair[1]);
    else if (g_str_equal(pair[0], "busy"))
      device.is_busy = TRUE;
    else if (g_str_equal(pair[0], "hot"))
      device.throttle_after_s = atof(pair[1]);
    else if (g_str_equal(pair[0], "failing"))
      g_assert_true(operation_find(pair[1], &device.failing));
    else if (g_str_equal(pair[0], "card"))
      device.card = g_intern_string(pair[1]);
    else if (g_str_equal(pair[0], "refused")) {
      device.is_refused = TRUE;
      device.refusal = (BenchError)atoi(pair[1]);
    } else
      g_assert_not_reached();
  }
}

typedef struct {
  char *folder;
  char *out, *err;
  int status; /* of the program; -1: it died of a signal */
} Fixture;

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  f->folder = g_dir_make_tmp("calibrate-XXXXXX", NULL);
  g_assert_nonnull(f->folder);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *path = g_build_filename(f->folder, name, NULL);
    g_assert_true(g_str_has_suffix(name, ".db")); /* nothing else was left behind */
    g_unlink(path);
  }
  g_assert_cmpint(g_rmdir(f->folder), ==, 0);
  g_free(f->folder);
  g_free(f->out);
  g_free(f->err);
}

/* The program's words: itself, the device, and those of `line`, cut at spaces. */
static char **
words_of(const char *what, const char *line)
{
  g_auto(GStrv) typed = g_strsplit(line, " ", -1);
  GPtrArray *words = g_ptr_array_new();

  g_ptr_array_add(words, g_file_read_link("/proc/self/exe", NULL));
  g_ptr_array_add(words, g_strdup("--verb"));
  g_ptr_array_add(words, g_strdup(what));
  for (char **word = typed; *word != NULL; word++)
    g_ptr_array_add(words, g_strdup(*word));
  g_ptr_array_add(words, NULL);
  return (char **)g_ptr_array_free(words, FALSE);
}

static void
type(Fixture *f, const char *what, const char *line)
{
  g_auto(GStrv) words = words_of(what, line);
  g_autoptr(GError) error = NULL;
  int status;

  g_clear_pointer(&f->out, g_free);
  g_clear_pointer(&f->err, g_free);
  g_spawn_sync(f->folder, words, NULL, G_SPAWN_DEFAULT, NULL, NULL, &f->out, &f->err, &status,
               &error);
  g_assert_no_error(error);
  f->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
has(const char *text, const char *expected)
{
  if (strstr(text, expected) == NULL)
    g_error("expected '%s' in\n%s", expected, text);
}

static void
has_not(const char *text, const char *unexpected)
{
  if (strstr(text, unexpected) != NULL)
    g_error("did not expect '%s' in\n%s", unexpected, text);
}

/* Of messages that end a program there is one, which may say in a second line what to do. */
static void
refuses(Fixture *f, int status, const char *what, const char *line, const char *expected)
{
  g_auto(GStrv) lines = NULL;

  type(f, what, line);
  if (f->status != status || *f->out != '\0')
    g_error("'%s' ended with %d, expected %d\n%s%s", line, f->status, status, f->out, f->err);
  has(f->err, expected);
  lines = g_strsplit(f->err, "\n", -1);
  g_assert_true(g_str_has_prefix(lines[0], "spillway "));
  g_assert_cmpuint(g_strv_length(lines), <=, 3);
  g_assert_false(g_str_has_prefix(lines[1], "spillway "));
}

static Profile *
profile_of(const Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename(f->folder, name, NULL);
  g_autoptr(GError) error = NULL;
  Profile *profile = profile_store_read(path, &error);

  g_assert_no_error(error);
  return profile;
}

static void
test_quick(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(Profile) profile = NULL;

  type(f, "", "calibrate --quick --model llama-2-7b -o h100.db");
  g_assert_cmpint(f->status, ==, 0);
  g_assert_cmpstr(f->err, ==, "");
  for (const char *const *expected =
           (const char *const[]){"NVIDIA H100 80GB HBM3, driver 580.1, CUDA 13.0",
                                 "h100.db now has samples of gemm (", "held out", "attention",
                                 "copy h2d/pinned", "without --quick",
                                 "spillway run --device h100.db", "spillway profile check h100.db",
                                 NULL};
       *expected != NULL; expected++)
    has(f->out, *expected);
  profile = profile_of(f, "h100.db");
  g_assert_cmpstr(profile->name, ==, "h100");
  g_assert_cmpstr(profile->device, ==, "h100-sxm");
}

/* Models by list, by repetition and by path; the report as JSON, and nothing else there. */
static void
test_models(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  json_t *report;
  json_error_t problem;
  const char *end;

  type(f, "card=Some New Card",
       "calibrate --quick --model qwen2.5-0.5b,llama-3.2-1b --model " SPILLWAY_SRCDIR
       "/tests/models/tiny-gpu.json --device h200 --name mine --format json -o a.db");
  g_assert_cmpint(f->status, ==, 0);
  report = json_loads(f->out, 0, &problem);
  g_assert_nonnull(report);
  g_assert_cmpint(json_unpack(report, "{s:s}", "end", &end), ==, 0);
  g_assert_cmpstr(end, ==, "done");
  g_assert_cmpstr(json_string_value(json_object_get(report, "device")), ==, "h200");
  g_assert_cmpint(json_integer_value(json_object_get(report, "measured")), >, 500);
  g_assert_cmpint(json_array_size(json_object_get(report, "errors")), >, 5);
  json_decref(report);
}

/* A whole one, for the models that fit, ends by its time; then by being done. */
static void
test_full(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  type(f, "", "calibrate --time-limit 100s -o made.db");
  g_assert_cmpint(f->status, ==, 0);
  has(f->out, "planned shapes are left: the same command goes on");
  has(f->out, "qwen3-30b-a3b: products of experts are not measured");
  type(f, "", "calibrate --model qwen2.5-0.5b --time-limit 10h --target 5% -o one.db");
  g_assert_cmpint(f->status, ==, 0);
  has(f->out, "attention_skew");
  has_not(f->out, "the same command");
  type(f, "", "calibrate --model qwen2.5-0.5b --time-limit 10h --target 5% -o one.db");
  g_assert_cmpint(f->status, ==, 0);
  has(f->out, "0 shapes measured");
  has(f->out, "were there already");
}

/* The program's end of a terminal is its standard error. */
static void
use_terminal(gpointer terminal)
{
  dup2(GPOINTER_TO_INT(terminal), STDERR_FILENO);
}

/* In a terminal there is a bar with the time left, and it is gone in the end. */
static void
test_terminal(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_auto(GStrv) words = words_of("sleep=1500,busy=1",
                                 "calibrate --quick --model qwen2.5-0.5b --time-limit 8s -o x.db");
  int master = posix_openpt(O_RDWR | O_NOCTTY), slave, pid, status;
  g_autoptr(GString) seen = g_string_new(NULL);
  g_autoptr(GError) error = NULL;
  char block[4096];
  gssize got;

  if (master < 0) {
    g_test_skip("no pseudo-terminal is to be had");
    return;
  }
  g_assert_true(grantpt(master) == 0 && unlockpt(master) == 0);
  slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  g_assert_cmpint(slave, >=, 0);
  g_spawn_async(f->folder, words, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
                use_terminal, GINT_TO_POINTER(slave), &pid, &error);
  g_assert_no_error(error);
  close(slave);
  while ((got = read(master, block, sizeof block)) > 0)
    g_string_append_len(seen, block, got);
  g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
  close(master);
  g_assert_cmpint(status, ==, 0);
  has(seen->str, "\rcalibrate [");
  has(seen->str, " shapes, ");
  has(seen->str, " s left\033[K");
  has(seen->str, "note: the card is busy");
  g_assert_true(g_str_has_suffix(seen->str, "\r\033[K"));
}

/* A signal ends it whole, and the same command goes on. */
static void
test_interrupted(Fixture *f, gconstpointer data)
{
  const char *line = "calibrate --quick --model llama-2-7b -o h100.db";
  g_auto(GStrv) words = words_of("sleep=20000", line);
  g_autofree char *path = g_build_filename(f->folder, "h100.db", NULL);
  g_autoptr(Profile) profile = NULL;
  g_autoptr(GError) error = NULL;
  int pid, status;

  g_spawn_async(f->folder, words, NULL,
                G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                NULL, NULL, &pid, &error);
  g_assert_no_error(error);
  while (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_assert_cmpint(waitpid(pid, &status, WNOHANG), ==, 0); /* it has not ended */
    g_usleep(10000);
  }
  g_usleep(700000);
  g_assert_cmpint(kill(pid, GPOINTER_TO_INT(data)), ==, 0);
  g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
  g_assert_true(WIFEXITED(status));
  g_assert_cmpint(WEXITSTATUS(status), ==, 1);
  profile = profile_of(f, "h100.db");
  g_assert_cmpuint(profile->samples->len, >, 5);
  type(f, "", line);
  g_assert_cmpint(f->status, ==, 0);
  has(f->out, "were there already");
}

static void
test_usage(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  static const struct {
    const char *line, *expected;
  } wrong[] = {
      {"calibrate", "give -o FILE.db"},
      {"calibrate -o x.db --model lama-2-7b", "did you mean llama-2-7b?"},
      {"calibrate -o x.db --model llama-2-7b,", "--model: found ''"},
      {"calibrate -o x.db --time-limit 5x", "expected a time of at least a second, such as 90s"},
      {"calibrate -o x.db --time-limit 0", "expected a time"},
      {"calibrate -o x.db --target 0%", "expected an error from 0.01%"},
      {"calibrate -o x.db --target much", "--target: found 'much'"},
      {"calibrate -o x.db --seed -1", "--seed: found '-1'"},
      {"calibrate -o x.db --device h100", "did you mean h100-"},
      {"calibrate -o x.db --format csv", "expected table or json"},
      {"calibrate -o x.db --quik", "did you mean --quick?"},
      {"calibrate -o x.db --quick=yes", "expected no value"},
      {"calibrate -o x.db h100", "unexpected argument 'h100'"},
      {"calibrate -o nowhere/x.db", "-o nowhere/x.db: cannot be written: No such file"},
      {"calibrate -o .", "-o .: cannot be written: Is a directory"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
    refuses(f, 2, "", wrong[i].line, wrong[i].expected);
}

/* What is there already: of something else, or of another card. */
static void
test_foreign(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autofree char *letter = g_build_filename(f->folder, "letter.db", NULL);

  g_assert_true(g_file_set_contents(letter, "a letter", -1, NULL));
  refuses(f, 2, "", "calibrate --quick --model llama-2-7b -o letter.db", "is no profile");
  type(f, "", "calibrate --quick --model qwen2.5-0.5b --time-limit 2s -o h100.db");
  g_assert_cmpint(f->status, ==, 0);
  refuses(f, 2, "card=NVIDIA H200", "calibrate --quick --model qwen2.5-0.5b -o h100.db",
          "was measured on 'NVIDIA H100 80GB HBM3', and this is 'NVIDIA H200'");
}

/* Every error that ends a calibration, one line each; a lost card leaves what there was. */
static void
test_fatal(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  static const BenchError refusals[] = {BENCH_ERROR_DRIVER, BENCH_ERROR_CARD, BENCH_ERROR_PINNED,
                                        BENCH_ERROR_LOST};
  g_autoptr(Profile) profile = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
    g_autofree char *what = g_strdup_printf("refused=%d", (int)refusals[i]);
    refuses(f, 1, what, "calibrate --quick -o x.db", "calibrate: the card is not to be had");
  }
  refuses(f, 1, "card=GeForce 256", "calibrate --quick -o x.db",
          "no shipped device is known as 'GeForce 256'");
  refuses(f, 1, "lost=300", "calibrate --quick --model llama-2-7b -o kept.db",
          "no longer answers; what was measured is kept in kept.db");
  profile = profile_of(f, "kept.db");
  g_assert_cmpuint(profile->samples->len, >, 100);
}

static void
copy_devices(const char *to)
{
  g_autofree char *from = g_build_filename(SPILLWAY_SRCDIR, "calib", "devices", NULL);

  g_assert_cmpint(symlink(from, to), ==, 0);
}

/* Its text, as one would ship it: found by name, all samples there. */
static void
test_shipped(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autofree char *folder = g_dir_make_tmp("shipped-XXXXXX", NULL);
  g_autofree char *profiles = g_build_filename(folder, "profiles", NULL);
  g_autofree char *devices = g_build_filename(folder, "devices", NULL);
  g_autofree char *text = g_build_filename(profiles, "h100-sxm.csv.gz", NULL);
  g_autoptr(Profile) made = NULL;
  g_autoptr(Profile) shipped = NULL;
  g_autoptr(Device) device_behind = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *digest = NULL;
  g_autofree char *shipped_digest = NULL;

  type(f, "", "calibrate --quick --model llama-2-7b -o made.db");
  g_assert_cmpint(f->status, ==, 0);
  made = profile_of(f, "made.db");
  g_assert_cmpint(g_mkdir(profiles, 0700), ==, 0);
  copy_devices(devices);
  g_assert_true(profile_text_write(made, text, &error));
  g_setenv("SPILLWAY_DATADIR", folder, TRUE);
  resolve_costs("h100-sxm", NULL, &device_behind, &shipped, &error);
  g_unsetenv("SPILLWAY_DATADIR");
  g_assert_no_error(error);
  g_assert_nonnull(shipped); /* before the device of that name */
  g_assert_cmpstr(device_behind->name, ==, "h100-sxm");
  g_assert_cmpuint(shipped->samples->len, ==, made->samples->len);
  digest = profile_digest(made);
  shipped_digest = profile_digest(shipped);
  g_assert_cmpstr(shipped_digest, ==, digest);
  g_unlink(text);
  g_unlink(devices);
  g_rmdir(profiles);
  g_assert_cmpint(g_rmdir(folder), ==, 0);
}

/* What is wrong with a card is said while it is measured, and at the end. */
static void
test_troubles(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  type(f, "busy=1,hot=10,failing=sampling",
       "calibrate --model qwen2.5-0.5b --time-limit 100s -o x.db");
  g_assert_cmpint(f->status, ==, 0);
  has(f->err, "note: the card is busy");
  has(f->err, "4711 (python3)");
  has(f->err, "note: the card lowers its clocks (heat)");
  has(f->out, "are marked: the card had drifted");
  has(f->out, "shapes could not be measured");
  has(f->out, "sampling sequences");
}

#define ADD(name, function, data) g_test_add(name, Fixture, data, set_up, function, tear_down)

int
main(int argc, char **argv)
{
  if (argc > 3 && g_str_equal(argv[1], "--verb")) {
    describe_device(argv[2]);
    return calibrate_verb(argc - 3, argv + 3, open_device);
  }
  g_test_init(&argc, &argv, NULL);
  ADD("/calibrate/quick", test_quick, NULL);
  ADD("/calibrate/models", test_models, NULL);
  ADD("/calibrate/full", test_full, NULL);
  ADD("/calibrate/interrupted", test_interrupted, GINT_TO_POINTER(SIGINT));
  ADD("/calibrate/terminated", test_interrupted, GINT_TO_POINTER(SIGTERM));
  ADD("/calibrate/terminal", test_terminal, NULL);
  ADD("/calibrate/usage", test_usage, NULL);
  ADD("/calibrate/foreign", test_foreign, NULL);
  ADD("/calibrate/fatal", test_fatal, NULL);
  ADD("/calibrate/shipped", test_shipped, NULL);
  ADD("/calibrate/troubles", test_troubles, NULL);
  return g_test_run();
}
