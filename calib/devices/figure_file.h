/* Key files of figures: one table row a number, with its place, its unit and its range.
 *
 * What device.c and host.c read with. Each number has beside it, as `KEY.source`, where it is from.
 * Keys that the table does not know are refused, so a misspelt one is found; so are numbers that
 * are not finite or not plausible.
 *
 * Errors (DEVICE_ERROR) name the file, the line where there is one, the group and key, what was
 * found and what was expected.
 */
#pragma once

#include <glib.h>

#define DEVICE_ERROR (device_error_quark())
GQuark device_error_quark(void);

typedef enum {
  DEVICE_ERROR_OPEN,   /* the file cannot be read or is no key file */
  DEVICE_ERROR_FORMAT, /* written in another format */
  DEVICE_ERROR_VALUE,  /* a key is missing, unknown or out of range */
} DeviceError;

typedef struct {
  const char *group, *key;
  gsize offset; /* of a double in the record */
  double unit;  /* a number in the file x unit = the field */
  double min, max;
  gboolean optional; /* absent: the field is left as it is */
} FigureRow;

/* A figure that says between what it lies: KEY of a group, KEY's least and most. All are rows. */
typedef struct {
  const char *group, *key, *least, *most;
} FigureRange;

typedef struct {
  const char *kind; /* "device": what it is the file of, and its first group */
  guint format;     /* of `format=` in that group, which must be there */
  const FigureRow *rows;
  guint n_rows;
  const FigureRange *ranges;
  guint n_ranges;
  const char *const *texts; /* other keys of the first group, NULL-terminated */
  const char *passed_over;  /* groups that begin so are another's; NULL: none */
} FigureForm;

#define FIGURE_RATE 1, 1e6, 1e18
#define FIGURE_SHARE 1, 0.01, 1
#define FIGURE_MICROSECONDS (double)PS_PER_US, 0, 1e6

/* What was read: its keys, and for messages its path and its text. */
typedef struct {
  GKeyFile *keys;
  char *path, *text;
} FigureFile;

FigureFile *figure_file_ref(FigureFile *file);
void figure_file_unref(FigureFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FigureFile, figure_file_unref)

/* Fills the record, a struct of doubles among others. The caller unrefs what it returns. */
FigureFile *figure_file_read(const char *path, const FigureForm *form, gpointer record,
                             GError **error);
/* From another's file that was read, the groups that begin with `groups` alone. */
gboolean figure_file_take(const FigureFile *file, const FigureForm *form, const char *groups,
                          gpointer record, GError **error);

/* Says what is wrong with one key; FALSE. found: NULL for nothing. */
gboolean figure_file_refuse(const FigureFile *file, const char *group, const char *key,
                            const char *found, const char *expected, GError **error);

/* One line "GROUP KEY=VALUE: SOURCE" for each number; the caller frees with g_strfreev(). A number
 * without a source says "no source given". */
char **figure_file_sources(const FigureFile *file, const FigureForm *form);
