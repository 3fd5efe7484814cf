/* What --trace, --trace-format and --to name. */
#pragma once

#include "traces/trace.h"

/* What begins a trace's name that is no name but the options of a generator (generated_trace.h). */
#define TRACE_GENERATED "gen:"

/* The path of a trace that was named on the command line: the file of that name, "-", or else the
 * shipped trace's. NULL and an error that lists the shipped ones if there is neither. Caller frees.
 */
char *trace_name_path(const char *name, GError **error);

/* Whether --trace-format may be that: a format's name, auto, or NULL where it was not given. */
gboolean trace_name_check_format(const char *name, GError **error);


/* The format that --to names, one that can be written; where it was not given (NULL), the one that
 * the output's name ends in. */
const TraceFormat *trace_name_format_to_write(const char *name, const char *out, GError **error);
