/* What the verbs share: the command table's shape, messages, option parsing, names that come near.
 *
 * A verb is one file with one function, listed in command.c. It returns the exit status: 0 done,
 * 1 the run could not be done, 2 the command line or an input is wrong.
 */
#pragma once

#include <glib.h>

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

typedef struct {
  const char *name;
  const char *summary;               /* one line, for `spillway --help` */
  int (*run)(int argc, char **argv); /* argv[0] is the verb's name */
} Command;

extern const Command commands[];

int command_run(int argc, char **argv);
int command_compare(int argc, char **argv);
int command_live(int argc, char **argv);
int command_validate(int argc, char **argv);
int command_selfcheck(int argc, char **argv);
int command_crossover(int argc, char **argv);
int command_report(int argc, char **argv);
int command_plot(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_merge(int argc, char **argv);
int command_study(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_trace(int argc, char **argv);
int command_profile(int argc, char **argv);
int command_calibrate(int argc, char **argv);
int command_model(int argc, char **argv);
int command_list(int argc, char **argv);

/* Prints "spillway VERB: MESSAGE" to standard error and returns `status`. */
int cli_error(int status, const char *verb, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* A note that changes nothing: "spillway VERB: note: MESSAGE" to standard error. */
void cli_note(const char *verb, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* g_option_context_parse() with messages of ours: an unknown option is named with the nearest one
 * of the context's own (`entries`, terminated by a NULL long_name), leftover arguments that begin
 * with a dash are refused. FALSE where the verb is to return *status: after a message, or after
 * --help was printed to standard output. TRUE leaves *status as it is. */
gboolean cli_parse(GOptionContext *context, const char *verb, const GOptionEntry *entries,
                   int *argc, char ***argv, int *status);

/* The same for options that stand within another: no --help, an error rather than a message, and
 * NULL-terminated words of which the first is skipped. Those that are no options are left. */
gboolean cli_parse_words(GOptionContext *context, const GOptionEntry *entries, char ***words,
                         GError **error);

/* TRUE if both are regular files, and the same one. NULL is none. */
gboolean cli_is_same_file(const char *a, const char *b);
/* FALSE with an error where the file that is to be written would lie in a folder that is not there.
 */
gboolean cli_check_folder(const char *path, const char *option, GError **error);

/* The candidate (NULL-terminated) nearest to what was typed by edit distance, or NULL if none is
 * near. */
const char *cli_nearest(const char *typed, const char *const *candidates);

/* Numbers as people type them. Each sets an error that says what was found and what is expected;
 * `what` names the option or field. Whole text must match; no NaN, no infinity, no sign but '-'. */
gboolean cli_parse_uint(const char *text, const char *what, guint64 min, guint64 max,
                        guint64 *value, GError **error);
gboolean cli_parse_double(const char *text, const char *what, double min, double max, double *value,
                          GError **error);
/* "4GiB", "512MiB", "1.5GB", "1073741824" → bytes. A bare number is scaled by `bare_unit` bytes. */
gboolean cli_parse_bytes(const char *text, const char *what, guint64 bare_unit, guint64 *bytes,
                         GError **error);
/* "90s", "5m", "1h30m", "45" (seconds) → microseconds, at least one second. */
gboolean cli_parse_duration(const char *text, const char *what, gint64 *duration_us,
                            GError **error);
/* "12%" → 0.12. FALSE without an error if the text does not end in '%'. */
gboolean cli_parse_percent(const char *text, double *fraction);

/* A file of the shipped data: kind is "devices", "models", "profiles" or "traces". NULL if there is
 * none of that name; the installed place or the build's source tree, whichever this program belongs
 * to. */
char *cli_data_file(const char *kind, const char *name, const char *suffix);
/* The names of all shipped files of a kind with that suffix (removed), sorted. NULL-terminated,
 * caller frees with g_strfreev(). */
char **cli_data_names(const char *kind, const char *suffix);
