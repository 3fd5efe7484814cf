/* What decides a run: a digest of its resolved settings, the contents of the model, the profile and
 * the trace behind it, its seed, and the program's version. Names of files are not in it. */
#pragma once

#include "scenario/shelf.h"

/* NULL and an error where the settings cannot be resolved. *measure (may be NULL): the key of the
 * unlimited run that its slowdown is measured against (unlimited_table.h). The caller frees both.
 */
char *run_identity(const Settings *settings, Shelf *shelf, char **measure, GError **error);
