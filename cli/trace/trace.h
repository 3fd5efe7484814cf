/* What the sub-verbs of `spillway trace` share, and generated traces for other verbs. */
#pragma once

#include "traces/trace.h"

#include <glib.h>

/* What begins a trace's name that is no name but the options of a generator. */
#define TRACE_GENERATED "gen:"

int command_trace_gen(int argc, char **argv);
int command_trace_convert(int argc, char **argv);
int command_trace_show(int argc, char **argv);

/* The path of a trace that was named on the command line: the file of that name, "-", or else the
 * shipped trace's. NULL and an error that lists the shipped ones if there is neither. Caller frees.
 */
char *cli_trace_path(const char *name, GError **error);

/* Whether --trace-format may be that: a format's name, auto, or NULL where it was not given. */
gboolean cli_trace_format_check(const char *name, GError **error);

/* The format that --to names, one that can be written; where it was not given (NULL), the one that
 * the output's name ends in. */
const TraceFormat *cli_trace_format_to_write(const char *name, const char *out, GError **error);

/* A trace from `options` as `spillway trace gen` takes them; `seed` (or NULL) replaces the default
 * one where the options have none. */
Workload *cli_trace_generate(const char *options, const guint64 *seed, GError **error);
