/* The values of vLLM's Helm chart (production-stack) as a command line. */
#pragma once

#include <glib.h>

/* TRUE if the lines, up to NULL, have the chart's key `vllmConfig`. */
gboolean server_chart_is(char **lines);

/* Adds what the chart makes of the first model's `modelURL` and `vllmConfig`, but for `extraArgs`,
 * and empties the lines of further models. Its image; NULL: none. The caller frees that. */
char *server_chart_read(char **lines, GPtrArray *words);
