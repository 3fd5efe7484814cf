/* --vllm-args, --sglang-args, --trtllm-args: the command line of a deployment, as it is.
 *
 * Flags that Spillway has are set as if they had been typed, but for those that were: what is typed
 * goes first, and so does the size of the pool by its name. What is left out is said, flag by flag
 * (Settings.notes, which a scenario prints).
 */
#pragma once

#include "settings.h"

/* Sets what the settings have of such command lines; nothing where they have none. FALSE for what
 * no server would take: a flag without its value, a value out of its range, a quote that does not
 * end; and for another engine's. */
gboolean server_args_apply(Settings *settings, GError **error);
