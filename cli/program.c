/* A program from its table of verbs: finds the verb and runs it. */
#include "config.h"

#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
print_help(const Program *program, FILE *out)
{
  fprintf(out, "Usage:\n  %s VERB [OPTION…]\n\n%s\nVerbs:\n", program->name, program->about);
  for (const Command *c = program->commands; c->name != NULL; c++)
    fprintf(out, "  %-12s %s\n", c->name, c->summary);
  fprintf(out,
          "\nOptions:\n  --help       this text; '%s VERB --help' for a verb's\n"
          "  --version    the program's version\n\nExamples:\n%s",
          program->name, program->examples);
}

static int
unknown_option(const Program *program, const char *option)
{
  static const char *const options[] = {"--help", "--version", NULL};
  const char *near = typed_nearest(option, options);

  if (near != NULL)
    return cli_error(CLI_USAGE, NULL, "unknown option %s; did you mean %s?", option, near);
  return cli_error(CLI_USAGE, NULL, "unknown option %s; a verb comes first: '%s --help'", option,
                   program->name);
}

static int
unknown_verb(const Program *program, const char *verb)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  const char *near;

  for (const Command *c = program->commands; c->name != NULL; c++)
    g_ptr_array_add(names, (gpointer)c->name);
  g_ptr_array_add(names, NULL);
  near = typed_nearest(verb, (const char *const *)names->pdata);
  if (near != NULL)
    return cli_error(CLI_USAGE, NULL, "there is no verb '%s'; did you mean %s?", verb, near);
  return cli_error(CLI_USAGE, NULL, "there is no verb '%s'; '%s --help' lists them", verb,
                   program->name);
}

gboolean
program_lost_reader(void)
{
  struct pollfd output = {.fd = STDOUT_FILENO};

  return ferror(stdout) != 0 && poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

/* Flushes standard output at the program's end. The exit status: that of the verb, or of a write
 * that failed. */
static int
finish(const char *verb, int status)
{
  gboolean unwritten = ferror(stdout) != 0;
  int cause = fflush(stdout) != 0 ? errno : 0;

  if (program_lost_reader()) { /* ends as a program does that never ignored SIGPIPE */
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
  }
  if (status != CLI_DONE || (!unwritten && cause == 0))
    return status;
  /* The errno of an earlier write that failed is lost; one more write sets it again. */
  if (cause == 0 && write(STDOUT_FILENO, "\n", 1) != 1)
    cause = errno;
  return cli_error(CLI_FAILED, verb, "standard output cannot be written: %s",
                   cause != 0 ? g_strerror(cause) : "for a while there was no room");
}

/* GLib ends the program where there is no memory; before that it says so here. */
static void
on_log(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  if ((level & G_LOG_LEVEL_ERROR) == 0 || g_strcmp0(domain, "GLib") != 0 ||
      strstr(message, "failed to allocate") == NULL) {
    g_log_default_handler(domain, level, message, data);
    return;
  }
  fputs("spillway: there is not enough memory for this; ask for less at once (--limit reads fewer "
        "requests), or allow more (ulimit -v)\n",
        stderr);
  _exit(CLI_FAILED);
}

/* Names and texts are UTF-8 where the locale knows nothing beyond ASCII, too, as in a cron job or a
 * container. Numbers are written and read as in C whatever the locale. */
static void
set_charset(void)
{
  setlocale(LC_CTYPE, "");
  if (g_str_equal(nl_langinfo(CODESET), "ANSI_X3.4-1968"))
    setlocale(LC_CTYPE, "C.UTF-8");
}

/* A file that is opened would take the place of a standard one that is closed, and what is said
 * would go into it. These refuse to be read (0) and written (1, 2), as closed ones do. */
static void
hold_standard_files(void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
      (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int
program_main(const Program *program, int argc, char **argv)
{
  char help[] = "--help";

  hold_standard_files();
  set_charset();
  g_log_set_default_handler(on_log, NULL);
  /* A full disk or a file too large is told by the write that fails. */
  signal(SIGXFSZ, SIG_IGN);
  /* So is a pipe that closes: what else was asked for is still to be done. */
  signal(SIGPIPE, SIG_IGN);
  if (argc < 2) {
    print_help(program, stderr);
    return CLI_USAGE;
  }
  if (argc > 2 && g_str_equal(argv[1], "help")) { /* "help run" is "run --help" */
    argv[1] = argv[2];
    argv[2] = help;
  }
  if (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h") ||
      g_str_equal(argv[1], "help")) {
    print_help(program, stdout);
    return finish(NULL, CLI_DONE);
  }
  if (g_str_equal(argv[1], "--version") || g_str_equal(argv[1], "version")) {
    printf("%s %s\n", program->name, PACKAGE_VERSION);
    return finish(NULL, CLI_DONE);
  }
  if (argv[1][0] == '-')
    return unknown_option(program, argv[1]);
  for (const Command *c = program->commands; c->name != NULL; c++)
    if (g_str_equal(c->name, argv[1]))
      return finish(argv[1], c->run(argc - 1, argv + 1));
  return unknown_verb(program, argv[1]);
}
