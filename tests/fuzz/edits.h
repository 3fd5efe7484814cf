/* Edits of a SQLite database, as bytes that any input is: what a file holds is changed, not how it
 * is kept, so that the checks of values are reached and not SQLite's own.
 *
 * An edit is a table, a column and a row (a byte each, modulo how many there are), a kind (EDIT_…),
 * and for a whole number or a real 8 bytes, for a text or a blob a length in one byte and as many
 * bytes.
 */
#pragma once

#include <glib.h>

enum {
  EDIT_NULL,
  EDIT_WHOLE,
  EDIT_SMALL,
  EDIT_REAL,
  EDIT_TEXT,
  EDIT_BLOB,
  EDIT_DELETE,
  EDIT_REPEAT,
  EDITS
};

/* Learns the tables of the database. */
void edits_begin(const char *path);
/* Writes the database `to`: that at `path`, edited. */
void edits_apply(const char *path, const char *to, const guint8 *data, gsize bytes);
/* Forgets the tables; nothing where none were learnt. */
void edits_end(void);
