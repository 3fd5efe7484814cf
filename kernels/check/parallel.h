/* Work on all of the machine's processors: references are slow. */
#pragma once

#include <glib.h>

/* Calls for 0 … count - 1, in any order, and returns when all are done. Calls within calls are
 * made one after the other. */
void parallel_for(gsize count, void (*call)(gpointer data, gsize i), gpointer data);
