/* A spread is read into percentiles in rising order, the least and the most among them. */
#include "result_spread.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define MARKOV_SLACK 1.2 /* of percentiles between the values of few requests */

void
result_doubt(GPtrArray *doubts, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_ptr_array_add(doubts, g_strdup_vprintf(format, args));
  va_end(args);
}

double
result_number(const json_t *json, const char *path)
{
  g_auto(GStrv) steps = g_strsplit(path, ".", -1);

  for (guint i = 0; json != NULL && steps[i] != NULL; i++)
    json = json_object_get(json, steps[i]);
  return json_is_number(json) ? json_number_value(json) : NAN;
}

double
result_first_number(double a, double b)
{
  return isnan(a) ? b : a;
}

typedef struct {
  double percent; /* 0: the least, 100: the most */
  double value;
  const char *key; /* the object's */
} Percentile;

typedef struct {
  char *name; /* for people */
  double mean;
  GArray *percentiles; /* of Percentile */
} Spread;

static void
spread_clear(Spread *spread)
{
  g_free(spread->name);
  g_array_unref(spread->percentiles);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Spread, spread_clear)

static void
spread_add(Spread *spread, double percent, const char *key, const json_t *value)
{
  const Percentile one = {percent, json_number_value(value), key};

  if (json_is_number(value))
    g_array_append_val(spread->percentiles, one);
}

/* "p99" is 99, "p99.9" 99.9, and of GuideLLM "p999" 99.9 and "p001" 0.1; -1: no percentile. */
static double
percent_of(const char *key)
{
  static const struct {
    const char *key;
    double percent;
  } words[] = {{"min", 0}, {"median", 50}, {"max", 100}};
  char *end;
  double percent;

  for (guint i = 0; i < G_N_ELEMENTS(words); i++)
    if (g_str_equal(words[i].key, key))
      return words[i].percent;
  if (key[0] != 'p' || !g_ascii_isdigit(key[1]))
    return -1;
  percent = g_ascii_strtod(key + 1, &end);
  if (*end != '\0')
    return -1;
  if (end - key == 4 && strchr(key, '.') == NULL && !g_str_equal(key, "p100"))
    percent /= 10;
  return percent <= 100 ? percent : -1;
}

static int
by_percent(gconstpointer a, gconstpointer b)
{
  const Percentile *first = a, *second = b;

  return (first->percent > second->percent) - (first->percent < second->percent);
}

/* One sentence a metric is enough: what comes after the first follows from it. */
static void
check_spread(Spread *spread, double requests, GPtrArray *doubts)
{
  const double slack = RESULT_SLACK * fabs(spread->mean);
  const Percentile *first;

  g_array_sort(spread->percentiles, by_percent);
  first = (const Percentile *)(gpointer)spread->percentiles->data;
  for (guint i = 0; i < spread->percentiles->len; i++) {
    const Percentile *p = &g_array_index(spread->percentiles, Percentile, i), *before = p - 1;
    if (i > 0 && p->percent > before->percent &&
        p->value < before->value - RESULT_SLACK * fabs(before->value)) {
      result_doubt(doubts, "%s: its %s is %.6g, and its %s less, %.6g", spread->name, before->key,
                   before->value, p->key, p->value);
      return;
    }
    if ((p->percent == 0 && spread->mean < p->value - slack) ||
        (p->percent == 100 && spread->mean > p->value + slack)) {
      result_doubt(doubts, "%s: its mean is %.6g, which is %s than its %s, %.6g", spread->name,
                   spread->mean, p->percent == 0 ? "less" : "more", p->key, p->value);
      return;
    }
    if (p->percent < 100 && first->value >= 0 && requests >= RESULT_MIN_TO_JUDGE &&
        p->value * (1 - p->percent / 100) > MARKOV_SLACK * spread->mean + slack) {
      result_doubt(doubts,
                   "%s: its %s is %.6g, more than a mean of %.6g allows; are both in one unit?",
                   spread->name, p->key, p->value, spread->mean);
      return;
    }
  }
}

void
result_spread_check(const char *name, const json_t *metric, double requests, GPtrArray *doubts)
{
  g_auto(Spread) spread = {
      .name = g_strdup(name),
      .mean = result_first_number(result_number(metric, "mean"), result_number(metric, "avg")),
      .percentiles = g_array_new(FALSE, FALSE, sizeof(Percentile))};
  const json_t *const objects[] = {metric, json_object_get(metric, "percentiles")};

  for (guint i = 0; i < G_N_ELEMENTS(objects); i++) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)objects[i], key, value)
    {
      if (percent_of(key) >= 0)
        spread_add(&spread, percent_of(key), key, value);
    }
  }
  if (!isnan(spread.mean))
    check_spread(&spread, requests, doubts);
}

void
result_spread_check_members(const char *metric, const json_t *object, double requests,
                            GPtrArray *doubts)
{
  g_autofree char *ending = g_strdup_printf("_%s_ms", metric);
  g_autofree char *mean = g_strconcat("mean", ending, NULL);
  g_auto(Spread) spread = {.name = g_strdup_printf("%s_ms", metric),
                           .mean = result_number(object, mean),
                           .percentiles = g_array_new(FALSE, FALSE, sizeof(Percentile))};
  const char *key;
  json_t *value;

  json_object_foreach((json_t *)object, key, value)
  {
    g_autofree char *statistic = NULL;
    if (!g_str_has_suffix(key, ending))
      continue;
    statistic = g_strndup(key, strlen(key) - strlen(ending));
    if (percent_of(statistic) >= 0)
      spread_add(&spread, percent_of(statistic), key, value);
  }
  if (!isnan(spread.mean))
    check_spread(&spread, requests, doubts);
}
