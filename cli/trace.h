/* What the sub-verbs of `spillway trace` share, and generated traces for other verbs. */
#pragma once

#include "traces/trace.h"

#include <glib.h>

int command_trace_gen(int argc, char **argv);
int command_trace_convert(int argc, char **argv);
int command_trace_show(int argc, char **argv);

/* The path of a trace that was named on the command line: the file of that name, "-", or else the
 * shipped trace's. NULL and an error that lists the shipped ones if there is neither. Caller frees.
 */
char *cli_trace_path(const char *name, GError **error);

/* The format of that name; NULL after a message that names the nearest. to_write: it must be one
 * that can be written. */
const TraceFormat *cli_trace_format(const char *verb, const char *name, gboolean to_write);

/* A trace from `options` as `spillway trace gen` takes them; `seed` (or NULL) replaces the default
 * one where the options have none. */
Workload *cli_trace_generate(const char *options, const guint64 *seed, GError **error);
