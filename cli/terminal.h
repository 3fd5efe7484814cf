/* How wide the terminal is that a text is for. */
#pragma once

#include <glib.h>

typedef struct {
  guint fallback; /* where standard output is no terminal */
  guint min, max; /* that a text can make use of */
} TerminalColumns;

guint terminal_columns(const TerminalColumns *terminal);
