/* spillway merge: results databases joined, such as those of a sweep's shards. */
#include "cli.h"

#include <glib/gstdio.h>
#include <stdio.h>

#include "study/store/store.h"
#include "files/output.h"

#define VERB "merge"

#define SUMMARY                                                                                    \
  "Joins results databases: of a sweep's shards, of several studies, of single runs. What two\n"   \
  "of them hold is kept once. FILE.db may hold results already; they stay."

#define EXAMPLES                                                                                   \
  "Examples:\n"                                                                                    \
  "  spillway merge part1.db part2.db part3.db -o memory.db\n"                                     \
  "\n"                                                                                             \
  "Exit status: 0 done; 1 a file cannot be written; 2 the command line is wrong, or a file is "    \
  "no\n"                                                                                           \
  "results database or does not go with the others: then that file is left out and the message\n"  \
  "says why."

/* Before anything is written. */
static gboolean
check_inputs(char **paths, int n_paths, const char *output)
{
  for (int i = 0; i < n_paths; i++) {
    if (!g_file_test(paths[i], G_FILE_TEST_IS_REGULAR)) {
      cli_error(CLI_USAGE, VERB, "%s: there is no such file", paths[i]);
      return FALSE;
    }
    if (output_is_same(paths[i], output)) {
      cli_error(CLI_USAGE, VERB,
                "%s is the output, too; what it holds stays anyway: leave it out of the others",
                paths[i]);
      return FALSE;
    }
  }
  return TRUE;
}

static void
print_merged(const char *path, guint n_runs, const char *output)
{
  g_autofree char *text =
      g_strdup_printf("%s: %u run%s, new in %s\n", path, n_runs, n_runs == 1 ? "" : "s", output);

  cli_print(text);
}

static int
merge(char **paths, int n_paths, const char *output)
{
  g_autoptr(Results) results = NULL;
  g_autoptr(GError) error = NULL;
  gboolean is_new = !g_file_test(output, G_FILE_TEST_EXISTS), took_any = FALSE;
  int status = CLI_DONE;

  if (!check_inputs(paths, n_paths, output))
    return CLI_USAGE;
  results = results_open(output, RESULTS_LOCK_WAIT_MS, &error);
  if (results == NULL)
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  for (int i = 0; i < n_paths; i++) {
    guint n_runs = 0;
    gboolean took = results_merge(results, paths[i], &n_runs, &error);
    took_any |= took;
    if (took)
      print_merged(paths[i], n_runs, output);
    else
      status = cli_error(error->code == RESULTS_ERROR_FAILED ? CLI_FAILED : CLI_USAGE, VERB, "%s",
                         error->message);
    g_clear_error(&error);
  }
  if (is_new && !took_any) /* an empty one is of no use, and the next try would find it */
    (void)g_unlink(output);
  return status;
}

int
command_merge(int argc, char **argv)
{
  g_autofree char *output = NULL;
  const GOptionEntry entries[] = {
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "the database that takes all of them",
       "FILE.db"},
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  int status = CLI_DONE;
  const VerbOptions usage = {.name = VERB,
                             .arguments = "FILE.db…",
                             .summary = SUMMARY,
                             .examples = EXAMPLES,
                             .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (argc < 2)
    return cli_error(CLI_USAGE, VERB, "files are missing: spillway merge A.db B.db -o ALL.db");
  if (output == NULL)
    return cli_error(CLI_USAGE, VERB, "-o is missing: the database that takes all of them");
  return merge(argv + 1, argc - 1, output);
}
