/* Words of commands that are printed to be pasted into a shell. */
#pragma once

#include <glib.h>

/* The word as a shell takes it: in quotes only where it needs them. The caller frees it. */
char *shell_word(const char *text);
