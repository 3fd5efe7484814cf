/* Verbs that need a GPU are the program spillway-gpu's, which links CUDA; this one starts it. */
#pragma once

#include <glib.h>

/* Runs spillway-gpu with these arguments (argv[0] is the verb) in this program's place. Returns
 * only if it could not: the exit status, after a message that says what is missing. */
int gpu_run(char **argv);
