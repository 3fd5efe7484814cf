/* A JSON value as rows: every leaf with its path, '.' between an object and its member; of an empty
 * object there is none. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* `leaf` is no object. An array is a leaf. */
typedef void (*FlattenVisit)(const char *key, json_t *leaf, gpointer user_data);

void json_flatten(json_t *value, const char *prefix, FlattenVisit visit, gpointer user_data);

/* A leaf's text: a string as it is, null as nothing, an array as JSON. Caller frees. */
char *json_leaf_text(json_t *leaf);
