/* SQLite files, of which any may come from a stranger: how all of them are opened.
 *
 * A name is a file's name, never a URI. What a file says is data: its triggers do not fire, its
 * views are not read, no statement attaches another file, no value is longer than
 * DATABASE_VALUE_MAX_BYTES, and no statement takes more steps than a file of that length is worth.
 * A reader compares the tables with those that its own program makes (database_schema_fault())
 * before it believes them.
 */
#pragma once

#include <glib.h>
#include <sqlite3.h>

#define DATABASE_VALUE_MAX_BYTES (16 << 20)

/* What was committed is there after a loss of power: the journal's end is synced, too, or the
 * journal would come back and undo it. */
#define DATABASE_DURABLE "PRAGMA synchronous = EXTRA"

/* Why no database can be at `path`, such as "it is a folder"; NULL where nothing speaks against it.
 * There need be no such file yet. */
const char *database_refusal(const char *path);

/* sqlite3_open_v2() with its flags and its result, and the defences above. *db is to be closed
 * whatever the result. wait_ms: how long a statement waits for another program's lock. */
int database_open(const char *path, int flags, guint wait_ms, sqlite3 **db);

/* Attaches the file at `path` as the schema DATABASE_ATTACHED, once until it is detached. SQLite's
 * result. Outside of a transaction. */
#define DATABASE_ATTACHED "other"
int database_attach(sqlite3 *db, const char *path);

/* What the tables and indexes of a schema ("main", or one attached) are otherwise than `script`
 * makes them in an empty database, such as "it has no table run". NULL: nothing, or *failed is set,
 * where they cannot be read (sqlite3_errmsg() says why). Both: there was no memory for it.
 *
 * Tables in `optional` (NULL-terminated, or NULL) may be absent. Tables that the script does not
 * make are let be; a trigger is a fault wherever it is. The caller frees the text. */
char *database_schema_fault(sqlite3 *db, const char *schema, const char *script,
                            const char *const *optional, gboolean *failed);
