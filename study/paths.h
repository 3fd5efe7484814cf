/* Files that a study names, from the folder that it lies in. */
#pragma once

/* An option's value for settings_set(): a trace, model or device that is a file in the folder is
 * that file, unless one of that name ships. The caller frees. */
char *study_value(const char *folder, const char *option, const char *text);
