/* Settings for verbs that run a scenario under several policies, named in lists. */
#pragma once

#include "settings.h"

/* "a,b,c", or "all" of that kind: the names, for g_strfreev(). An error if one is there twice;
 * names that no policy has are found when a scenario is made of them. */
char **settings_policy_list(const PolicyKind *kind, const char *text, GError **error);

/* Takes from the settings, which are `name`'s, the options of the others in the list. */
void settings_forget_others(Settings *settings, const PolicyKind *kind, const char *name,
                            const char *const *names);
