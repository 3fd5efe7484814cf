/* Within models/: what the keys of a decoder within a file are if it leaves them out.
 *
 * transformers writes all keys of a file's own object, but of one within it (text_config) only
 * those that differ from its class's defaults. */
#pragma once

#include <jansson.h>

/* The defaults of that model_type's class; NULL: none are known. The caller drops the reference. */
json_t *class_defaults(const char *type);
