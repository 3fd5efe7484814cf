#include "duration_histogram.h"

#include "quantiles.h"
#include "units.h"

#define SUB_BITS 10
#define SUB_BUCKETS (1u << SUB_BITS)
/* Fewer values than this are counted sooner bucket by bucket. */
#define WALK_VALUES 8
#define N_BUCKETS ((63 - SUB_BITS + 1) * SUB_BUCKETS)

__extension__ typedef unsigned __int128 WideSum; /* a sum over tokens can pass 2^64 ps */

struct DurationHistogram {
  guint64 *count;
  WideSum *above_lower_ps; /* sum of (duration - lower end of the bucket) */
  guint lowest, highest;   /* buckets in use */
  guint64 total;
  WideSum sum_ps;
  gint64 max_ps;
};

DurationHistogram *
duration_histogram_new(void)
{
  DurationHistogram *histogram = g_new0(DurationHistogram, 1);
  histogram->count = g_new0(guint64, N_BUCKETS);
  histogram->above_lower_ps = g_new0(WideSum, N_BUCKETS);
  histogram->lowest = N_BUCKETS;
  return histogram;
}

void
duration_histogram_free(DurationHistogram *histogram)
{
  if (histogram == NULL)
    return;
  g_free(histogram->count);
  g_free(histogram->above_lower_ps);
  g_free(histogram);
}

/* The first two octaves' worth of buckets are one picosecond wide; each later octave doubles that.
 */
static guint
shift_of(guint64 duration_ps)
{
  guint bits = 64 - (guint)__builtin_clzll(duration_ps | 1);

  return bits > SUB_BITS + 1 ? bits - SUB_BITS - 1 : 0;
}

/* A duration's bucket: how wide it is, and what of the duration lies above its lower end. */
typedef struct {
  guint index;
  guint64 width_ps, above_ps;
} Bucket;

static inline Bucket
bucket_of(guint64 duration_ps)
{
  guint shift = shift_of(duration_ps);
  guint64 width_ps = (guint64)1 << shift;

  return (Bucket){.index = shift * SUB_BUCKETS + (guint)(duration_ps >> shift),
                  .width_ps = width_ps,
                  .above_ps = duration_ps & (width_ps - 1)};
}

static guint64
bucket_lower_ps(guint bucket)
{
  guint shift = bucket < 2 * SUB_BUCKETS ? 0 : bucket / SUB_BUCKETS - 1;
  return (guint64)(bucket - shift * SUB_BUCKETS) << shift;
}

void
duration_histogram_add(DurationHistogram *histogram, gint64 duration_ps, guint64 weight)
{
  const Bucket bucket = bucket_of((guint64)duration_ps);

  g_assert(duration_ps >= 0);
  if (weight == 0)
    return;
  histogram->count[bucket.index] += weight;
  histogram->above_lower_ps[bucket.index] += (WideSum)bucket.above_ps * weight;
  histogram->lowest = MIN(histogram->lowest, bucket.index);
  histogram->highest = MAX(histogram->highest, bucket.index);
  histogram->total += weight;
  histogram->sum_ps += (WideSum)(guint64)duration_ps * weight;
  histogram->max_ps = MAX(histogram->max_ps, duration_ps);
}

/* A row of equally spaced values that is being counted. */
typedef struct {
  guint64 at_ps, growth_ps, left, weight;
} Ramp;

/* Those of the first one's bucket: as many as lie below its upper end. What lies above a bucket's
 * lower end is less than its width, 2^44 ps at most where a run can be, so those sums fit 64 bits.
 */
static void
fill_bucket(DurationHistogram *histogram, Ramp *ramp)
{
  const Bucket bucket = bucket_of(ramp->at_ps);
  guint64 growth_ps = ramp->growth_ps, inside = ramp->left;

  if (growth_ps > 0) {
    guint64 most = (bucket.width_ps - bucket.above_ps + growth_ps - 1) / growth_ps;
    inside = MIN(inside, most);
  }
  histogram->count[bucket.index] += inside * ramp->weight;
  histogram->above_lower_ps[bucket.index] +=
      (WideSum)(inside * bucket.above_ps + growth_ps * (inside * (inside - 1) / 2)) * ramp->weight;
  ramp->at_ps += inside * growth_ps;
  ramp->left -= inside;
}

/* From the first one's bucket on, through those that it passes through, as far as they
 * are of one width. A bucket takes `few` or one more, by how far above its lower end the first one
 * lies: neither a division nor a branch, since this is where long outputs would take their time. */
static void
fill_octave(DurationHistogram *histogram, Bucket first, Ramp *ramp)
{
  guint64 growth_ps = ramp->growth_ps, weight = ramp->weight, left = ramp->left;
  guint64 few = first.width_ps / growth_ps, few_ps = growth_ps * (few * (few - 1) / 2);
  guint64 rest_ps = first.width_ps - few * growth_ps, one_more_ps = growth_ps * few;
  guint64 above_ps = first.above_ps;
  guint bucket = first.index, end = (bucket / SUB_BUCKETS + 1) * SUB_BUCKETS;

  for (; bucket < end && left > few; bucket++) {
    guint64 more = -(guint64)(above_ps < rest_ps); /* 0, or all bits */
    guint64 inside = few - more;
    histogram->count[bucket] += inside * weight;
    histogram->above_lower_ps[bucket] +=
        (WideSum)(inside * above_ps + few_ps + (more & one_more_ps)) * weight;
    above_ps += (more & growth_ps) - rest_ps;
    left -= inside;
  }
  ramp->at_ps = bucket_lower_ps(bucket) + above_ps;
  ramp->left = left;
}

void
duration_histogram_add_rising(DurationHistogram *histogram, gint64 first_ps, gint64 growth_ps,
                              guint32 n, guint64 weight)
{
  Ramp ramp = {(guint64)first_ps, (guint64)growth_ps, n, weight};
  gint64 last_ps = first_ps + (gint64)(n - 1) * growth_ps;
  guint first_bucket = bucket_of(ramp.at_ps).index;
  guint last_bucket = bucket_of((guint64)last_ps).index;

  g_assert(growth_ps >= 0);
  if (weight == 0)
    return;
  histogram->lowest = MIN(histogram->lowest, first_bucket);
  histogram->highest = MAX(histogram->highest, last_bucket);
  histogram->max_ps = MAX(histogram->max_ps, last_ps);
  histogram->total += n * weight;
  histogram->sum_ps += (((WideSum)first_ps + (WideSum)last_ps) * n / 2) * weight;
  fill_bucket(histogram, &ramp);
  while (ramp.left > 0) {
    if (ramp.left >= WALK_VALUES) {
      const Bucket bucket = bucket_of(ramp.at_ps);
      if (bucket.width_ps > ramp.growth_ps)
        fill_octave(histogram, bucket, &ramp);
    }
    if (ramp.left > 0)
      fill_bucket(histogram, &ramp);
  }
}

static double
histogram_value(const DurationHistogram *histogram, guint64 rank)
{
  guint64 seen = 0;
  guint bucket = histogram->lowest;

  for (; bucket < histogram->highest; bucket++) {
    seen += histogram->count[bucket];
    if (seen > rank)
      break;
  }
  return (double)bucket_lower_ps(bucket) +
         (double)histogram->above_lower_ps[bucket] / (double)histogram->count[bucket];
}

void
duration_histogram_quantiles(const DurationHistogram *histogram, Quantiles *quantiles)
{
  guint64 ranks[QUANTILE_RANKS];
  double values_ps[QUANTILE_RANKS];

  *quantiles = quantiles_none;
  if (histogram->total == 0)
    return;
  quantiles->mean = (double)histogram->sum_ps / (double)histogram->total / (double)PS_PER_S;
  quantiles->max = ps_to_s(histogram->max_ps);
  quantiles_ranks(histogram->total, ranks);
  for (guint i = 0; i < QUANTILE_RANKS; i++)
    values_ps[i] = histogram_value(histogram, ranks[i]);
  quantiles_set(quantiles, histogram->total, values_ps);
}
