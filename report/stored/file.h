/* What stored.c and read.c share: databases that are read, and their rows. */
#pragma once

#include "report/results/private.h"
#include "stored.h"

typedef struct {
  char *path;
  Results *results;
} StoredFile;

/* Sets an error about the file; FALSE. */
gboolean stored_refuse(GError **error, const char *path, const char *text);

/* NULL with an error. */
sqlite3_stmt *stored_prepare(const StoredFile *file, const char *sql, GError **error);
/* TRUE at the next row. FALSE at the end, without an error, and on an error; then the statement is
 * finalized. */
gboolean stored_next(const StoredFile *file, sqlite3_stmt *statement, GError **error);

/* NAN for NULL. */
double stored_real(sqlite3_stmt *statement, int column);
/* Valid UTF-8, the caller's. */
char *stored_text(sqlite3_stmt *statement, int column);

const StoredFile *stored_file(const Stored *stored, const StoredRun *run);
