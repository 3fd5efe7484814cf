/* The figures that a map of policies keeps of each run: the columns of policy_run, and what
 * study/policies/ reads from them. */
#pragma once

#include <glib.h>

#define MAP_FIGURES 9
enum { MAP_FINISHED = 4, MAP_PREEMPTIONS = 5 };    /* places of two of them */
extern const char *const map_figures[MAP_FIGURES]; /* keys of report/figures.h */
