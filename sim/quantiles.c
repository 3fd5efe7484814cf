#include "quantiles.h"

#include "units.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/* Ranges that a list is split into to find order statistics; so few that their counts stay in a
 * cache. */
#define SELECT_RANGES (1u << 14)
/* Lists up to this long are sorted. */
#define SORT_VALUES 1024

__extension__ typedef unsigned __int128 WideSum; /* a sum over requests can pass 2^63 ps */

static const struct {
  const char *name, *label;
  gsize offset; /* in Quantiles */
  double level;
} statistics[STATISTICS] = {
    [STATISTIC_MEAN] = {"mean", "mean", offsetof(Quantiles, mean), -1},
    [STATISTIC_P50] = {"p50", "median", offsetof(Quantiles, p50), 0.50},
    [STATISTIC_P90] = {"p90", "p90", offsetof(Quantiles, p90), 0.90},
    [STATISTIC_P95] = {"p95", "p95", offsetof(Quantiles, p95), 0.95},
    [STATISTIC_P99] = {"p99", "p99", offsetof(Quantiles, p99), 0.99},
    [STATISTIC_MAX] = {"max", "max", offsetof(Quantiles, max), 1},
};

#define LEVELS (QUANTILE_RANKS / 2)

const Quantiles quantiles_none = {NAN, NAN, NAN, NAN, NAN, NAN};

const char *
statistic_name(Statistic statistic)
{
  return statistics[statistic].name;
}

const char *
statistic_label(Statistic statistic)
{
  return statistics[statistic].label;
}

double
statistic_level(Statistic statistic)
{
  return statistics[statistic].level;
}

double
quantiles_get(const Quantiles *quantiles, Statistic statistic)
{
  return *(const double *)(gconstpointer)((const char *)quantiles + statistics[statistic].offset);
}

void
quantiles_ranks(guint64 n, guint64 ranks[QUANTILE_RANKS])
{
  g_assert(n > 0);
  for (guint i = 0; i < LEVELS; i++) {
    double level = statistics[STATISTIC_P50 + i].level;
    guint64 rank = MIN((guint64)((double)(n - 1) * level), n - 1);
    ranks[2 * i] = rank;
    ranks[2 * i + 1] = MIN(rank + 1, n - 1);
  }
}

/* As NumPy: from whichever end is nearer, so that both ends are met exactly. */
static double
interpolate(double a, double b, double t)
{
  return t >= 0.5 ? b - (b - a) * (1 - t) : a + (b - a) * t;
}

void
quantiles_set(Quantiles *quantiles, guint64 n, const double values_ps[QUANTILE_RANKS])
{
  double *out[] = {&quantiles->p50, &quantiles->p90, &quantiles->p95, &quantiles->p99};

  for (guint i = 0; i < LEVELS; i++) {
    double position = (double)(n - 1) * statistics[STATISTIC_P50 + i].level;
    guint64 rank = MIN((guint64)position, n - 1);
    *out[i] = interpolate(values_ps[2 * i], values_ps[2 * i + 1], position - (double)rank) /
              (double)PS_PER_S;
  }
}

/* An order statistic to find, and where to write it. */
typedef struct {
  guint64 rank;
  double *out;
} Wanted;

/* How many of a list's values lie in each of SELECT_RANGES equal ranges (a radix select). */
typedef struct {
  gint64 least_ps;
  guint shift;
  guint32 *count;
} Digits;

/* A range with some of the order statistics to find: their ranks within it, and its values. */
typedef struct {
  guint range;
  guint n_wanted;
  Wanted wanted[QUANTILE_RANKS];
  gint64 *values_ps;
  guint32 found;
} Place;

static guint
range_of(const Digits *digits, gint64 value_ps)
{
  return (guint)((guint64)(value_ps - digits->least_ps) >> digits->shift);
}

static Digits
count_digits(const gint64 *values_ps, guint n, gint64 least_ps, gint64 largest_ps)
{
  Digits digits = {.least_ps = least_ps, .count = g_new0(guint32, SELECT_RANGES)};

  while ((guint64)(largest_ps - least_ps) >> digits.shift >= SELECT_RANGES)
    digits.shift++;
  for (guint i = 0; i < n; i++)
    digits.count[range_of(&digits, values_ps[i])]++;
  return digits;
}

static int
compare_ps(gconstpointer a, gconstpointer b)
{
  const gint64 *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

static int
compare_doubles(gconstpointer a, gconstpointer b)
{
  const double *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

double
quantiles_median(GArray *values)
{
  guint n = values->len;

  if (n == 0)
    return NAN;
  g_array_sort(values, compare_doubles);
  return (g_array_index(values, double, (n - 1) / 2) + g_array_index(values, double, n / 2)) / 2;
}

static void
select_by_sorting(const gint64 *values_ps, guint n, const Wanted *wanted, guint n_wanted)
{
  gint64 sorted_ps[SORT_VALUES];

  for (guint i = 0; i < n; i++)
    sorted_ps[i] = values_ps[i];
  qsort(sorted_ps, n, sizeof *sorted_ps, compare_ps);
  for (guint i = 0; i < n_wanted; i++)
    *wanted[i].out = (double)sorted_ps[wanted[i].rank];
}

/* Finds the ranges of the wanted, which are in rising order of rank; returns how many ranges. */
static guint
find_places(const Digits *digits, const Wanted *wanted, guint n_wanted, Place *places)
{
  guint64 before = 0;
  guint range = 0, n = 0;

  for (guint i = 0; i < n_wanted; i++) {
    for (; wanted[i].rank >= before + digits->count[range]; range++)
      before += digits->count[range];
    if (n == 0 || places[n - 1].range != range)
      places[n++] = (Place){.range = range};
    places[n - 1].wanted[places[n - 1].n_wanted++] =
        (Wanted){wanted[i].rank - before, wanted[i].out};
  }
  return n;
}

/* Collects the values of all these ranges in one pass. */
static void
collect(const Digits *digits, const gint64 *values_ps, guint n, Place *places, guint n_places)
{
  g_autofree guint8 *place_of = g_new0(guint8, SELECT_RANGES); /* 0: none */

  for (guint i = 0; i < n_places; i++) {
    place_of[places[i].range] = (guint8)(i + 1);
    places[i].values_ps = g_new(gint64, digits->count[places[i].range]);
  }
  for (guint i = 0; i < n; i++) {
    guint8 number = place_of[range_of(digits, values_ps[i])];
    if (number > 0)
      places[number - 1].values_ps[places[number - 1].found++] = values_ps[i];
  }
}

/* All values lie from least_ps to largest_ps. wanted: in rising order of rank, below n. */
static void
select_values(const gint64 *values_ps, guint n, gint64 least_ps, gint64 largest_ps,
              const Wanted *wanted, guint n_wanted)
{
  Place places[QUANTILE_RANKS];
  guint n_places;
  Digits digits;

  if (n <= SORT_VALUES) {
    select_by_sorting(values_ps, n, wanted, n_wanted);
    return;
  }
  digits = count_digits(values_ps, n, least_ps, largest_ps);
  n_places = find_places(&digits, wanted, n_wanted, places);
  if (digits.shift > 0)
    collect(&digits, values_ps, n, places, n_places);
  for (guint i = 0; i < n_places; i++) {
    Place *place = &places[i];
    gint64 from_ps = least_ps + ((gint64)place->range << digits.shift);
    if (digits.shift > 0)
      select_values(place->values_ps, place->found, from_ps,
                    from_ps + ((gint64)1 << digits.shift) - 1, place->wanted, place->n_wanted);
    else
      for (guint j = 0; j < place->n_wanted; j++)
        *place->wanted[j].out = (double)from_ps;
    g_free(place->values_ps);
  }
  g_free(digits.count);
}

static int
compare_wanted(gconstpointer a, gconstpointer b)
{
  const Wanted *x = a, *y = b;

  return (x->rank > y->rank) - (x->rank < y->rank);
}

void
quantiles_of(const GArray *list, Quantiles *quantiles)
{
  const gint64 *values_ps = (const gint64 *)(gpointer)list->data;
  guint64 ranks[QUANTILE_RANKS];
  double found_ps[QUANTILE_RANKS];
  Wanted wanted[QUANTILE_RANKS];
  gint64 least_ps = G_MAXINT64, largest_ps = 0;
  WideSum sum_ps = 0;

  *quantiles = quantiles_none;
  if (list->len == 0)
    return;
  for (guint i = 0; i < list->len; i++) {
    least_ps = MIN(least_ps, values_ps[i]);
    largest_ps = MAX(largest_ps, values_ps[i]);
    sum_ps += (guint64)values_ps[i];
  }
  quantiles->mean = (double)sum_ps / (double)list->len / (double)PS_PER_S;
  quantiles->max = ps_to_s(largest_ps);
  quantiles_ranks(list->len, ranks);
  for (guint i = 0; i < QUANTILE_RANKS; i++)
    wanted[i] = (Wanted){ranks[i], &found_ps[i]};
  qsort(wanted, QUANTILE_RANKS, sizeof *wanted, compare_wanted);
  select_values(values_ps, list->len, least_ps, largest_ps, wanted, QUANTILE_RANKS);
  quantiles_set(quantiles, list->len, found_ps);
}
