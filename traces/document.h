/* A file that is one JSON document, over several lines or an array: its objects, to be read as JSON
 * lines are. */
#pragma once

#include "traces/source.h"

#include <jansson.h>

/* Whether the first line of content begins a document that is no object on one line. */
gboolean document_begins(const char *line, const char *end);

/* Reads the rest of the file. An array of objects, also where the file has one object. The caller
 * calls json_decref(). */
json_t *document_read(Source *source, const char *line, const char *end, GError **error);
