/* --vllm-args: the command line of a vLLM deployment, as it is.
 *
 * Flags that Spillway has are set as if they had been typed, but for those that were: what is typed
 * goes first, and so does the size of the pool by its name. What is left out is said, flag by flag
 * (Settings.notes, which a scenario prints).
 */
#pragma once

#include "settings.h"

/* Where settings are from that are neither typed nor by default. */
#define VLLM_ARGS_ORIGIN "--vllm-args"

/* Sets what settings->vllm_args has; nothing where that is NULL. FALSE for what no server would
 * take: a flag without its value, a value out of its range, a quote that does not end. */
gboolean vllm_args_apply(Settings *settings, GError **error);
