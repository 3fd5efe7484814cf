/* What --trace, --trace-format and --to name. */
#pragma once

#include "traces/trace.h"

/* A trace's name that begins so is the options of a generator (generated_trace.h). */
#define TRACE_GENERATED "gen:"

/* The path of a trace that was named on the command line: the file of that name, "-", or else the
 * shipped trace's. NULL, with an error that lists the shipped ones, if there is neither. The caller
 * frees it. */
char *trace_name_path(const char *name, GError **error);

/* TRUE if --trace-format may be that: a format's name, auto, or NULL where it was not given. */
gboolean trace_name_check_format(const char *name, GError **error);

/* The format that --to names, one that can be written; where it was not given (NULL), the one by
 * the ending of the output's name, before .gz. */
const TraceFormat *trace_name_format_to_write(const char *name, const char *out, GError **error);
/* The help of --to, which names all formats that can be written. */
const char *trace_name_formats_help(void);
