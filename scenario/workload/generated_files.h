/* The files that lengths of a generated trace are drawn from (`--prompt empirical:FILE`). */
#pragma once

#include <glib.h>

/* What stands for a file's name from then on, which the caller frees; NULL: nothing goes on. */
typedef char *(*GeneratedFile)(const char *name, gpointer data);

/* The trace's name "gen:OPTIONS", whose words are read as a shell reads them, with
 * each file's name replaced by file(name, data). Any other name, and one whose quotes do not match
 * (which generated_trace() refuses), stays as it is. NULL where a call gave NULL. The caller frees
 * it. */
char *generated_files_replace(const char *trace, GeneratedFile file, gpointer data);
