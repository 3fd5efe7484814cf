/* A report as one HTML file: data, script, style and chart library within, nothing fetched. */
#pragma once

#include "report/stored/stored.h"

/* A file of the folder page/, embedded by the build (page/embed); NULL-terminated table. */
typedef struct {
  const char *name;
  const char *text;
} PageFile;

extern const PageFile page_files[];

/* A page of other data, an object, that a script of the folder (by its name) draws: a skeleton with
 * a title and an empty <main>. Adds what all pages share to the data.
 * library: the path of Chart.js; NULL looks where distributions put it. */
gboolean page_write_data(json_t *data, const char *script, const char *library, const char *path,
                         GError **error);

gboolean page_write(Stored *stored, const char *library, const char *path, GError **error);
