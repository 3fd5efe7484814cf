/* What the sub-verbs of `spillway trace` share. */
#pragma once

#include "traces/trace.h"

#include <glib.h>

int command_trace_gen(int argc, char **argv);
int command_trace_convert(int argc, char **argv);
int command_trace_show(int argc, char **argv);

/* The format that --to names, one that can be written; where it was not given (NULL), the one that
 * the output's name ends in. */
const TraceFormat *cli_trace_format_to_write(const char *name, const char *out, GError **error);
