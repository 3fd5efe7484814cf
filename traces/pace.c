#include "pace.h"

#include <math.h>

static gboolean
refuse(GError **error, const char *what, const char *value, const char *instead)
{
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
              "%s \"%.40s\", without start_times: nothing tells when its requests were sent.\n%s",
              what, value, instead);
  return FALSE;
}

/* Positive and finite, or `otherwise`. */
static double
positive(const json_t *object, const char *key, double otherwise)
{
  double value = json_number_value(json_object_get(object, key));

  return isfinite(value) && value > 0 ? value : otherwise;
}

/* Absent, null or 0: any number. */
static gboolean
read_concurrency(const json_t *object, guint *concurrency, GError **error)
{
  const json_t *found = json_object_get(object, "max_concurrency");
  double value = json_number_value(found);
  g_autofree char *text = NULL;

  *concurrency = 0;
  if (found == NULL || json_is_null(found))
    return TRUE;
  if (json_is_number(found) && value >= 0 && value <= G_MAXINT32 && value == floor(value)) {
    *concurrency = (guint)value;
    return TRUE;
  }
  text = json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT);
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
              "max_concurrency: found %.40s, expected a whole number up to %d, or null", text,
              G_MAXINT32);
  return FALSE;
}

gboolean
bench_pace_read(const json_t *object, BenchPace *pace, GError **error)
{
  const char *ramp = json_string_value(json_object_get(object, "ramp_up_strategy"));
  const char *word = json_string_value(json_object_get(object, "request_rate"));

  *pace = (BenchPace){
      .rate = positive(object, "request_rate", 0),
      .burstiness = positive(object, "burstiness", 1),
  };
  if (!read_concurrency(object, &pace->concurrency, error))
    return FALSE;
  if (ramp != NULL)
    return refuse(error, "a rate that grew, ramp_up_strategy", ramp,
                  "Run it again with --save-detailed of a release that writes start_times.");
  if (word != NULL && g_ascii_strcasecmp(word, "inf") != 0)
    return refuse(error, "request_rate", word,
                  "Replay the trace that it was, with --trace, and give this file to --against.");
  return TRUE;
}
