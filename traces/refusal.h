/* Files that people have and that are no traces: what they are, and what to do. */
#pragma once

#include <glib.h>

/* Of a first line (or a document on one line): two lines of text, the first what it is, the second
 * what to do; NULL where it is none that is known. */
const char *trace_refusal(const char *line, const char *end);
