/* What tells the runs of a report apart: the settings in which they differ. */
#pragma once

#include "stored.h"

/* A setting's text; "" where the run has none. Caller frees. */
char *stored_setting(const StoredRun *run, const char *key);

/* Gives every run its label. */
void stored_label(Stored *stored);

/* The settings in which the runs differ, but the seed: a study's columns, or those found by
 * comparing; one that says no more than those before it is left out. Of char *, caller unrefs. */
GPtrArray *stored_axes(const Stored *stored);
/* How many different seeds there are. */
guint stored_seeds(const Stored *stored);
