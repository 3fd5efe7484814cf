/* Settings for verbs that run a scenario under several policies, named in lists. */
#pragma once

#include "settings.h"

/* The names in "a,b,c", or all of the kind for "all"; for g_strfreev(). NULL with an error if a
 * name is there twice. Unknown names are found when a scenario is made of the settings. */
char **settings_policy_list(const PolicyKind *kind, const char *text, GError **error);

/* Resets, in the settings for the policy `name`, the options of the other policies in the list. */
void settings_forget_others(Settings *settings, const PolicyKind *kind, const char *name,
                            const char *const *names);
