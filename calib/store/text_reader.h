/* What reads a profile's text: the file and its head in text_read.c, the header and the
 * rows in text_row.c. Internal to these two. Errors are of file.h.
 */
#pragma once

#include "text.h"

enum { PROFILE_COLUMNS = 11 };

typedef struct {
  Profile *profile;
  const char *path;
  guint64 line;        /* from 1 */
  char *start;         /* of the line */
  char *name, *device; /* as the head has them */
  GArray *origins;     /* of ProfileOrigin; texts are the profile's */
  guint origins_before;
  gint64 samples; /* as the head promises, -1 where it does not */
  guint64 rows;
  int columns[PROFILE_COLUMNS]; /* a column of each role, -1 where there is none */
  guint n_columns;
  char *cells[PROFILE_COLUMNS]; /* of the row, by column */
} ProfileReader;

/* Sets an error at `where`, which points into the line. FALSE. */
gboolean profile_reader_fail(const ProfileReader *reader, const char *where, GError **error,
                             const char *format, ...) G_GNUC_PRINTF(4, 5);
/* Undoes \n, \r and \\, in place. */
void profile_reader_unescape(char *text);
/* The whole of `text` as a whole number up to `max`. */
gboolean profile_reader_whole(const char *text, gint64 max, gint64 *value);

/* Both change the line. */
gboolean profile_reader_header(ProfileReader *reader, char *line, GError **error);
gboolean profile_reader_row(ProfileReader *reader, char *line, GError **error);
