/* A YAML file, or a part of one, as settings: "kv_cache_config/dtype" is fp8. */
#pragma once

#include <glib.h>

typedef struct {
  char *path;  /* keys from the outermost in, joined by slashes */
  char *value; /* without quotes; NULL: a list of lines with dashes */
  guint line;  /* from 1 */
} YamlSetting;

/* Of lines[from] and those behind it, up to one that is indented by `outside` or less (-1: all).
 * Lines that are no "key: value" and items of lists are passed over. The caller unrefs the array,
 * which owns its elements. */
GPtrArray *yaml_settings(char **lines, guint from, int outside);
