/* A file that is one JSON document, over several lines or an array, whose objects are read like
 * JSON lines. */
#pragma once

#include "traces/source.h"

#include <jansson.h>

/* TRUE if the first line of content begins a document that is not an object on one line. */
gboolean document_begins(const char *line, const char *end);

/* Reads the rest of the file, whose first line is [line, end). Returns an array of objects, of one
 * where the file is an object; the caller calls json_decref(). */
json_t *document_read(Source *source, const char *line, const char *end, GError **error);
