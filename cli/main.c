/* The program: finds the verb and runs it. */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>

#include "cli.h"
#include "gpu.h"

static void
print_help(FILE *out)
{
  fputs("Usage:\n  spillway VERB [OPTION…]\n\n"
        "Replays traces of requests through the schedulers of LLM serving engines and says what\n"
        "happens, and what it costs, when the KV cache overflows.\n\nVerbs:\n",
        out);
  for (guint i = 0; commands[i].name != NULL; i++)
    fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
  fputs("\nOptions:\n  --help       this text; 'spillway VERB --help' for a verb's\n"
        "  --version    the program's version\n"
        "\nExamples:\n"
        "  spillway compare --model llama-2-7b --device a100-40gb --trace demo --kv-memory 12%\n"
        "  spillway crossover --model llama-2-7b --device a100-40gb\n"
        "  spillway list devices\n",
        out);
}

static int
unknown_option(const char *option)
{
  static const char *const options[] = {"--help", "--version", NULL};
  const char *near = cli_nearest(option, options);

  if (near != NULL)
    return cli_error(CLI_USAGE, NULL, "unknown option %s; did you mean %s?", option, near);
  return cli_error(CLI_USAGE, NULL, "unknown option %s; a verb comes first: 'spillway --help'",
                   option);
}

static int
unknown_verb(const char *verb)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  const char *near;

  for (guint i = 0; commands[i].name != NULL; i++)
    g_ptr_array_add(names, (gpointer)commands[i].name);
  g_ptr_array_add(names, NULL);
  near = cli_nearest(verb, (const char *const *)names->pdata);
  if (near != NULL)
    return cli_error(CLI_USAGE, NULL, "there is no verb '%s'; did you mean %s?", verb, near);
  return cli_error(CLI_USAGE, NULL, "there is no verb '%s'; 'spillway --help' lists them", verb);
}

/* The status of a program that has said all that it has to say. One that failed has said why. */
static int
finish(const char *verb, int status)
{
  if ((fflush(stdout) == 0 && ferror(stdout) == 0) || status != CLI_DONE)
    return status;
  return cli_error(CLI_FAILED, verb, "standard output cannot be written: %s", g_strerror(errno));
}

int
main(int argc, char **argv)
{
  setlocale(LC_CTYPE, "");
  /* A full disk or a file too large is told by the write that fails. */
  signal(SIGXFSZ, SIG_IGN);
  if (argc < 2) {
    print_help(stderr);
    return CLI_USAGE;
  }
  if (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h") ||
      g_str_equal(argv[1], "help")) {
    print_help(stdout);
    return finish(NULL, CLI_DONE);
  }
  if (g_str_equal(argv[1], "--version")) {
    printf("spillway %s\n", PACKAGE_VERSION);
    return finish(NULL, CLI_DONE);
  }
  if (argv[1][0] == '-')
    return unknown_option(argv[1]);
  for (guint i = 0; commands[i].name != NULL; i++)
    if (g_str_equal(commands[i].name, argv[1]))
      return finish(argv[1], commands[i].run(argc - 1, argv + 1));
  if (gpu_verb(argv[1]))
    return gpu_run(argv + 1);
  return unknown_verb(argv[1]);
}
