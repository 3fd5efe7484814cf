/* The shipped data: devices, disks, hosts, models, profiles and traces. */
#pragma once

#include <glib.h>

/* A file of the shipped data: kind is "devices", "disks", "hosts", "models", "profiles" or "traces".
 * NULL if there is none of that name; the installed place or the build's source tree, whichever
 * this program belongs to. */
char *shipped_file(const char *kind, const char *name, const char *suffix);
/* The names of all shipped files of a kind with that suffix (removed), sorted. NULL-terminated,
 * caller frees with g_strfreev(). */
char **shipped_names(const char *kind, const char *suffix);

/* The shipped model that is published under that name ("meta-llama/Llama-3.1-8B"), or the one that
 * it is called after ("…/Llama-3.1-8B-Instruct"). NULL if none is. The caller frees it. */
char *shipped_model(const char *name);
char *shipped_model_tuned(const char *name);
