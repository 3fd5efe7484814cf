/* Messages on standard error, and exit statuses: 0 done, 1 the run failed, 2 the command line or an
 * input is wrong.
 */
#pragma once

#include <glib.h>

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* Prints "spillway VERB: MESSAGE" to standard error and returns `status`. */
int cli_error(int status, const char *verb, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Prints a text for people to standard output. Control characters, except line breaks, and bytes
 * that are not UTF-8 are printed as \xNN, so that a name in a file cannot control the terminal. */
void cli_print(const char *text);

/* Prints "spillway VERB: note: MESSAGE" to standard error. */
void cli_note(const char *verb, const char *format, ...) G_GNUC_PRINTF(2, 3);
