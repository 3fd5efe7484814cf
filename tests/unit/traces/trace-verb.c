/* `spillway trace`: exit statuses, and that the shipped traces are what their commands make.
 *
 * The verb runs in this process; its messages go to standard error, where a test's reader wants
 * them.
 */
#include "cli/cli.h"
#include "scenario/workload/generated_trace.h"
#include "traces/stats.h"
#include "traces/trace.h"

#include <glib/gstdio.h>
#include <string.h>

static int
run(const char *line)
{
  g_auto(GStrv) argv = NULL;
  g_autofree char **arguments = NULL; /* GOption removes what it took */
  int argc;

  g_assert_true(g_shell_parse_argv(line, &argc, &argv, NULL));
  arguments = g_new0(char *, (gsize)argc + 1);
  memcpy(arguments, argv, (gsize)argc * sizeof *argv);
  return command_trace(argc, arguments);
}

static void
test_statuses(void)
{
  static const struct {
    const char *line;
    int status;
  } cases[] = {
      {"trace", CLI_USAGE},
      {"trace gne", CLI_USAGE},
      {"trace show", CLI_USAGE},
      {"trace show /nowhere/t.csv", CLI_USAGE},
      {"trace show no-such-trace", CLI_USAGE},
      {"trace show --format xml x", CLI_USAGE},
      {"trace show --trace-format azur x", CLI_USAGE},
      {"trace convert x", CLI_USAGE},
      {"trace convert a b -o -", CLI_USAGE},
      {"trace convert x -o - --to burstgpt", CLI_USAGE},
      {"trace gen", CLI_USAGE},
      {"trace gen stray", CLI_USAGE},
      {"trace gen --requests 5 --prompt fixed:1 --output fixed:1", CLI_USAGE},
      {"trace gen --requests 5 --rate 1 --prompt fixed:1", CLI_USAGE},
      {"trace gen --requests 5 --rate 1 --prompt fixed:1 --output fixed:x", CLI_USAGE},
      {"trace gen --requests 5 --rate 1 --prompt fixed:1 --output fixed:1 --turns 2", CLI_USAGE},
      {"trace gen --requests 5 --rate 1 --cv 2 --prompt fixed:1 --output fixed:1", CLI_USAGE},
      {"trace gen --requests 5 --rate 1 --prompt fixed:1 --output fixed:1 -o /nowhere/t",
       CLI_FAILED},
      {"trace gen --requests 5 --rate 1 --prompt fixed:1 --output fixed:1 -o /dev/full",
       CLI_FAILED},
      {"trace gen --requests 5 --rate 1 --prompt fixed:1 --output fixed:1 -o /dev/null", CLI_DONE},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    if (run(cases[i].line) != cases[i].status)
      g_error("%s: expected status %d", cases[i].line, cases[i].status);
}

static char *
shipped_file(const char *name)
{
  return g_test_build_filename(G_TEST_DIST, "..", "traces", "shipped", name, NULL);
}

/* The first "spillway trace gen --…" in a text, up to the line's end and without an -o. */
static char *
find_command(const char *text)
{
  const char *start = strstr(text, "spillway trace gen --"), *out;
  char *line;

  g_assert_nonnull(start);
  start += strlen("spillway ");
  line = g_strndup(start, strcspn(start, "\n"));
  out = strstr(line, " -o ");
  if (out != NULL)
    line[out - line] = '\0';
  return line;
}

/* Every shipped trace again from its command, byte for byte. */
static void
test_shipped(void)
{
  static const char *const names[] = {"study-burst.csv", "chat-hour.csv", "code-hour.csv",
                                      "demo.csv", "chat-turns.jsonl"};
  g_autofree char *folder = g_dir_make_tmp("spillway-shipped-XXXXXX", NULL);

  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    gboolean has_comment = g_str_has_suffix(names[i], ".csv");
    g_autofree char *path = shipped_file(names[i]);
    g_autofree char *source = has_comment ? g_strdup(path) : shipped_file("README.md");
    g_autofree char *again = g_build_filename(folder, names[i], NULL);
    g_autofree char *expected = NULL, *found = NULL, *text = NULL, *command = NULL, *line = NULL;

    g_assert_true(g_file_get_contents(source, &text, NULL, NULL));
    command = find_command(text);
    line = g_strdup_printf("%s -o %s", command, again);
    g_assert_cmpint(run(line), ==, CLI_DONE);
    g_assert_true(g_file_get_contents(path, &expected, NULL, NULL));
    g_assert_true(g_file_get_contents(again, &found, NULL, NULL));
    g_assert_true(g_str_equal(expected, found));
    g_remove(again);
  }
  g_rmdir(folder);
}

static void
test_convert(void)
{
  g_autofree char *folder = g_dir_make_tmp("spillway-convert-XXXXXX", NULL);
  g_autofree char *from = shipped_file("demo.csv");
  g_autofree char *to = g_build_filename(folder, "t.jsonl.gz", NULL);
  g_autofree char *line =
      g_strdup_printf("trace convert %s -o %s --to mooncake --limit 50 --time-scale 2", from, to);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint(run(line), ==, CLI_DONE);
  g_autoptr(Workload) whole = trace_read(from, NULL, NULL, &error);
  g_autoptr(Workload) part = trace_read(to, "mooncake", NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(workload_count(part), ==, 50);
  for (guint32 i = 0; i < 50; i++)
    g_assert_cmpint(workload_request(part, i)->arrival_ps, ==,
                    2 * workload_request(whole, i)->arrival_ps);
  g_remove(to);
  g_rmdir(folder);
}

static void
test_generate(void)
{
  const char *options = "--requests 9 --rate 2 --prompt uniform:1,99 --output fixed:3";
  const guint64 seed = 5;
  g_autoptr(GError) error = NULL;
  g_autoptr(Workload) a = generated_trace(options, &seed, &error);
  g_autoptr(Workload) b = generated_trace(
      "--seed 5 --requests 9 --rate 2 --prompt uniform:1,99 --output fixed:3", NULL, &error);

  g_assert_no_error(error);
  for (guint32 i = 0; i < 9; i++)
    g_assert_cmpint(workload_request(a, i)->arrival_ps, ==, workload_request(b, i)->arrival_ps);
  g_assert_null(generated_trace("--requests", NULL, &error));
  g_assert_nonnull(error);
  g_clear_error(&error);
  g_assert_null(generated_trace("--requests 5 stray --rate 2 --prompt fixed:1 --output fixed:1",
                                NULL, &error));
  g_assert_nonnull(error);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/trace-verb/statuses", test_statuses);
  g_test_add_func("/trace-verb/shipped", test_shipped);
  g_test_add_func("/trace-verb/convert", test_convert);
  g_test_add_func("/trace-verb/generate", test_generate);
  return g_test_run();
}
