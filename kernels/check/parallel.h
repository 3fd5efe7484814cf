/* Runs references, which are slow, on all of the machine's processors. */
#pragma once

#include <glib.h>

/* Calls call(data, i) for i = 0 … count - 1, in any order and from several threads, and returns
 * when all are done. Within such a call it runs in the calling thread. */
void parallel_for(gsize count, void (*call)(gpointer data, gsize i), gpointer data);
