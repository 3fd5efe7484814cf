#include "flatten.h"

#include "format.h"

void
json_flatten(json_t *value, const char *prefix, FlattenVisit visit, gpointer user_data)
{
  const char *name;
  json_t *member;

  if (!json_is_object(value)) {
    visit(prefix, value, user_data);
    return;
  }
  json_object_foreach(value, name, member)
  {
    g_autofree char *key = prefix != NULL ? g_strdup_printf("%s.%s", prefix, name) : g_strdup(name);
    json_flatten(member, key, visit, user_data);
  }
}

char *
json_leaf_text(json_t *leaf)
{
  char buffer[FORMAT_SECONDS_MAX];

  switch (json_typeof(leaf)) {
  case JSON_STRING:
    return g_strdup(json_string_value(leaf));
  case JSON_INTEGER:
    return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(leaf));
  case JSON_REAL:
    return g_strdup(format_real(json_real_value(leaf), buffer));
  case JSON_TRUE:
    return g_strdup("true");
  case JSON_FALSE:
    return g_strdup("false");
  case JSON_NULL:
    return g_strdup("");
  default:
    return json_dumps(leaf, JSON_COMPACT | JSON_REAL_PRECISION(12));
  }
}
