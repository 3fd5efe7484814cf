/* What is said on standard error, and the exit status that goes with it: 0 done, 1 the run could
 * not be done, 2 the command line or an input is wrong.
 */
#pragma once

#include <glib.h>

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* Prints "spillway VERB: MESSAGE" to standard error and returns `status`. */
int cli_error(int status, const char *verb, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Prints a text for people to standard output. What a name in it holds is shown, not obeyed:
 * control characters but line breaks, and bytes that are no UTF-8, are printed as \xNN. */
void cli_print(const char *text);

/* A note that changes nothing: "spillway VERB: note: MESSAGE" to standard error. */
void cli_note(const char *verb, const char *format, ...) G_GNUC_PRINTF(2, 3);
