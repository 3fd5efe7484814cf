/* How wide the terminal is that a text is for. */
#pragma once

#include <glib.h>

typedef struct {
  guint fallback; /* where standard output is no terminal */
  guint min, max; /* the widths that a text can use */
} TerminalColumns;

/* The terminal's width in columns, within min and max. */
guint terminal_columns(const TerminalColumns *terminal);
