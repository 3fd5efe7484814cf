/* Text files that may be compressed by gzip: they are read as if they were not. */
#pragma once

#include <glib.h>

/* The whole text. Errors (PROFILE_ERROR) name the file. The caller frees the string. */
GString *packed_text_read(const char *path, GError **error);

/* The first bytes, at most size - 1 and a NUL behind them; how many, 0 where it cannot be read. */
gsize packed_text_head(const char *path, char *head, gsize size);
