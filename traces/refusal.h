/* Files that people have and that are no traces. */
#pragma once

#include <glib.h>

/* What a file with that first line is and, in a second line, what to do with it; NULL: not known.
 */
const char *trace_refusal(const char *line, const char *end);
