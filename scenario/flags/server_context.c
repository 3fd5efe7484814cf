#include "server_context.h"

#include <jansson.h>

/* Original context times factor, or max_position_embeddings, wherever in the object they are; 0:
 * it has neither. The first counts. */
static guint64
context_in(const json_t *object)
{
  double factor = json_number_value(json_object_get(object, "factor"));
  json_int_t original =
      json_integer_value(json_object_get(object, "original_max_position_embeddings"));
  json_int_t positions = json_integer_value(json_object_get(object, "max_position_embeddings"));
  guint64 found = 0;
  const char *key;
  json_t *within;

  if (factor >= 1 && original > 0 && factor * (double)original < G_MAXINT32)
    return (guint64)(factor * (double)original);
  json_object_foreach((json_t *)object, key, within)
  {
    found = found == 0 ? context_in(within) : found;
  }
  return found == 0 && positions > 0 && positions < G_MAXINT32 ? (guint64)positions : found;
}

guint32
server_context_tokens(const char *value)
{
  json_t *object = value != NULL ? json_loads(value, JSON_REJECT_DUPLICATES, NULL) : NULL;
  guint64 tokens = context_in(object);

  json_decref(object);
  return (guint32)tokens;
}
