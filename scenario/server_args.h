/* --vllm-args, --sglang-args, --trtllm-args: the command line of a deployment, as it is.
 *
 * Flags that Spillway has are set as if they had been typed. An option that was typed wins over the
 * flag, and a typed size of the pool over every flag that sizes it. Settings.notes gets a sentence
 * for each flag that is left out; a scenario prints them.
 */
#pragma once

#include "settings.h"

/* Applies the command lines in the settings, if there are any. FALSE with an error for what no
 * server takes (a flag without its value, a value out of its range, a quote that is not closed),
 * and for another engine's command line. */
gboolean server_args_apply(Settings *settings, GError **error);
