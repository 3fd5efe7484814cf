/* spillway selfcheck: parses the options. run.c, which runs the check, is in spillway-gpu only. */
#include "selfcheck.h"

#include "cli/cli.h"
#include "cli/format_option.h"
#include "cli/gpu.h"

#define SUMMARY                                                                                    \
  "Compares every kernel with its reference on the CPU, over random and edge shapes, then times\n" \
  "them beside what the card can do. Takes less than five minutes."

#define EXAMPLES                                                                                   \
  "Kernels:\n"                                                                                     \
  "  kv-copy kv-write decode decode-lists prefill prefill-cuts prefill-wgmma\n"                    \
  "  prefill-wgmma-cuts prefill-wgmma-wide prefill-wgmma-maps mixed gemm embedding\n"              \
  "  rms-norm residual-norm head-norm bias rope silu-gate sampling stream-copy\n"                  \
  "  launch-ahead\n"                                                                               \
  "\n"                                                                                             \
  "Examples:\n"                                                                                    \
  "  spillway selfcheck\n"                                                                         \
  "  spillway selfcheck --only decode,kv-copy --format json\n"                                     \
  "  compute-sanitizer --error-exitcode 1 spillway-gpu selfcheck --quick --no-timings\n"           \
  "\n"                                                                                             \
  "Exit status: 0 all passed, however fast; 1 a check failed, or there is no GPU; 2 the command\n" \
  "line is wrong."

/* As typed. */
typedef struct {
  char *only, *number, *seed, *format, *output;
} TypedOptions;

static void
typed_options_clear(TypedOptions *typed)
{
  g_free(typed->only);
  g_free(typed->number);
  g_free(typed->seed);
  g_free(typed->format);
  g_free(typed->output);
}

static gboolean
read_format(const TypedOptions *typed, SelfcheckOptions *options, GError **error)
{
  OutputFormat format;

  if (!output_format_parse(typed->format, &format, error))
    return FALSE;
  options->json = format == OUTPUT_JSON;
  if (format != OUTPUT_CSV)
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--format: found 'csv', expected table or json");
  return FALSE;
}

static gboolean
read_typed(const TypedOptions *typed, SelfcheckOptions *options, GError **error)
{
  guint64 number = 0, seed = g_random_int() >> 1; /* it is a number in JSON, too */

  options->number = -1;
  options->output = typed->output;
  if (typed->only != NULL)
    options->kernels = g_strsplit(typed->only, ",", -1);
  if (!read_format(typed, options, error))
    return FALSE;
  if (typed->seed != NULL && !typed_uint(typed->seed, "--seed", 0, G_MAXINT32, &seed, error))
    return FALSE;
  options->seed = (guint32)seed;
  if (typed->number == NULL)
    return TRUE;
  if (options->kernels == NULL || g_strv_length(options->kernels) != 1) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--case: it is of one kernel; give that with --only");
    return FALSE;
  }
  if (!typed_uint(typed->number, "--case", 0, G_MAXINT32, &number, error))
    return FALSE;
  options->number = (gint64)number;
  return TRUE;
}

/* FALSE where the verb returns *status at once. */
static gboolean
parse(TypedOptions *typed, SelfcheckOptions *options, int *argc, char ***argv, int *status)
{
  const GOptionEntry entries[] = {
      {"quick", 0, 0, G_OPTION_ARG_NONE, &options->quick,
       "few and small shapes, and a timing a kernel", NULL},
      {"no-timings", 0, 0, G_OPTION_ARG_NONE, &options->no_timings, "only whether they are right",
       NULL},
      {"only", 0, 0, G_OPTION_ARG_STRING, &typed->only, "only these kernels", "NAME[,…]"},
      {"case", 0, 0, G_OPTION_ARG_STRING, &typed->number,
       "this case of the one kernel that --only names", "N"},
      {"seed", 0, 0, G_OPTION_ARG_STRING, &typed->seed,
       "of the random shapes and numbers (default: another each time)", "N"},
      {"format", 0, 0, G_OPTION_ARG_STRING, &typed->format, "table (default) or json", "FORMAT"},
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &typed->output,
       "write the results as JSON to this file, too", "FILE"},
      {NULL},
  };
  g_autoptr(GError) error = NULL;
  const VerbOptions usage = {
      .name = "selfcheck", .summary = SUMMARY, .examples = EXAMPLES, .own = entries};

  if (!verb_parse(&usage, argc, argv, status))
    return FALSE;
  if (*argc > 1)
    *status = cli_error(CLI_USAGE, "selfcheck", "found '%s', expected only options", (*argv)[1]);
  else if (!read_typed(typed, options, &error))
    *status = cli_error(CLI_USAGE, "selfcheck", "%s", error->message);
  else
    return TRUE;
  return FALSE;
}

int
selfcheck_verb(int argc, char **argv, int (*run)(const SelfcheckOptions *options))
{
  g_auto(GStrv) words = g_strdupv(argv);
  SelfcheckOptions options = {0};
  TypedOptions typed = {0};
  int status = CLI_DONE;

  if (parse(&typed, &options, &argc, &argv, &status))
    status = run != NULL ? run(&options) : gpu_run(words);
  typed_options_clear(&typed);
  g_strfreev(options.kernels);
  return status;
}

int
command_selfcheck(int argc, char **argv)
{
  return selfcheck_verb(argc, argv, NULL);
}
