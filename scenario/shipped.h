/* The shipped data: devices, disks, hosts, models, profiles and traces. */
#pragma once

#include <glib.h>

/* The path of a shipped file, in the installed place or in the build's source tree, whichever this
 * program belongs to; NULL: there is none. kind: "devices", "disks", "hosts", "models", "profiles"
 * or "traces". The caller frees it. */
char *shipped_file(const char *kind, const char *name, const char *suffix);
/* The names, without the suffix, of all shipped files of a kind that have it, sorted; for
 * g_strfreev(). */
char **shipped_names(const char *kind, const char *suffix);

/* Sorts names (of char*) and returns them, NULL-terminated; frees the array. */
char **shipped_sort(GPtrArray *names);

/* The shipped model that is published under that name ("meta-llama/Llama-3.1-8B"); NULL: none. The
 * caller frees its name. */
char *shipped_model(const char *name);
/* The shipped model that one is tuned from, by its name ("…/Llama-3.1-8B-Instruct"); as above. */
char *shipped_model_tuned(const char *name);
