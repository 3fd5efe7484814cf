#include "attention_skew.h"

#include "calib/curve.h"
#include "rounding.h"
#include "sim/units.h"

#include <string.h>

#define FULL_SHARE 0.8 /* of the blocks that it wants; with fewer a kernel splits */

enum {
  BLOCKS_WANTED = 2,      /* thread blocks a multiprocessor */
  SAMPLE_NEW = 0,         /* fields of OP_ATTENTION_SKEW */
  SAMPLE_DECODES = 2,     /* all of them */
  SAMPLE_BIG_DECODES = 3, /* of them the long ones */
  SAMPLE_CONTEXT = 4,     /* of the others */
  SAMPLE_BIG_CONTEXT = 5, /* of the long ones */
  TAIL_CONTEXT_MIN = 512, /* tokens: below it a kernel's fixed time is much of it */
};

struct AttentionSkew {
  double multiprocessors;
  double heads, kv_heads;
  double tail_speed;
};

/* vLLM captures sizes of 1, 2, 4 and multiples of 8. */
static gboolean
is_split(const AttentionSkew *skew, guint64 decodes)
{
  guint64 captured = decodes > 4 ? (decodes + 7) / 8 * 8 : decodes;

  return (double)captured * skew->kv_heads < FULL_SHARE * BLOCKS_WANTED * skew->multiprocessors;
}

static double
mean_of(const ProfileSample *sample)
{
  double n = (double)sample->shape[SAMPLE_DECODES], big = (double)sample->shape[SAMPLE_BIG_DECODES];

  return ((n - big) * (double)sample->shape[SAMPLE_CONTEXT] +
          big * (double)sample->shape[SAMPLE_BIG_CONTEXT]) /
         n;
}

static double
tokens_each(const AttentionSkew *skew, const ProfileSample *sample)
{
  return (double)sample->shape[SAMPLE_DECODES] * skew->kv_heads * mean_of(sample) /
         skew->multiprocessors;
}

/* *others: the tokens that a multiprocessor has read when the short contexts have ended; *left:
 * those that are left of a long one then. Long ones come last in a sample, so they start with the
 * last wave. */
static void
find_tail(const AttentionSkew *skew, const ProfileSample *sample, double *others, double *left)
{
  double n = (double)(sample->shape[SAMPLE_DECODES] - sample->shape[SAMPLE_BIG_DECODES]);
  double context = (double)sample->shape[SAMPLE_CONTEXT];

  *others = n * skew->kv_heads * context / skew->multiprocessors;
  *left = MAX(1, (double)sample->shape[SAMPLE_BIG_CONTEXT] - MIN(context, *others));
}

/* Whether one long context ends alone. */
static gboolean
tells_tail(const AttentionSkew *skew, const ProfileSample *sample)
{
  return sample->shape[SAMPLE_NEW] == 0 && sample->shape[SAMPLE_BIG_DECODES] == 1 &&
         !is_split(skew, (guint64)sample->shape[SAMPLE_DECODES]) &&
         sample->shape[SAMPLE_CONTEXT] >= TAIL_CONTEXT_MIN;
}

double
attention_skew_of_sample(const AttentionSkew *skew, const ProfileSample *sample)
{
  double others, left;

  if (is_split(skew, (guint64)sample->shape[SAMPLE_DECODES]))
    return 1;
  find_tail(skew, sample, &others, &left);
  return MAX(1, (others + left / skew->tail_speed) / tokens_each(skew, sample));
}

static gboolean
same_batch(const ProfileSample *a, const ProfileSample *b)
{
  return memcmp(a->shape, b->shape, sizeof a->shape) == 0 && strcmp(a->dtype, b->dtype) == 0;
}

static gboolean
is_for(const ProfileSample *sample, const AttentionKey *key)
{
  return sample->shape[6] == key->shape[0] && sample->shape[7] == key->shape[1] &&
         sample->shape[8] == key->shape[2] && g_str_equal(sample->dtype, key->dtype);
}

/* The median over the samples with a long context that ends alone; 0 where there is none. Sorted
 * samples are three runs, max, mean and skew, each in the same order of shapes. */
static double
find_tail_speed(const AttentionSkew *skew, const Profile *profile, const AttentionKey *key)
{
  guint n, third;
  const ProfileSample *samples = profile_samples(profile, OP_ATTENTION_SKEW, &n);
  g_autoptr(GArray) speeds = g_array_new(FALSE, FALSE, sizeof(double));

  third = n / 3;
  for (guint i = 0; n % 3 == 0 && i < third; i++) {
    const ProfileSample *mean = &samples[third + i], *unequal = &samples[2 * third + i];
    double others, left, tail, speed;
    if (!is_for(mean, key) || !same_batch(mean, unequal) || !tells_tail(skew, unequal))
      continue;
    find_tail(skew, unequal, &others, &left);
    tail = unequal->median_ns / mean->median_ns * tokens_each(skew, unequal) - others;
    speed = tail > 0 ? left / tail : skew->multiprocessors;
    speed = CLAMP(speed, 1, skew->multiprocessors);
    g_array_append_val(speeds, speed);
  }
  if (speeds->len == 0)
    return 0;
  g_array_sort(speeds, curve_compare_doubles);
  return g_array_index(speeds, double, speeds->len / 2);
}

AttentionSkew *
attention_skew_new(const Profile *profile, const AttentionKey *key, double multiprocessors)
{
  g_autoptr(AttentionSkew) skew = g_new0(AttentionSkew, 1);

  skew->multiprocessors = multiprocessors;
  skew->heads = (double)key->shape[0];
  skew->kv_heads = (double)key->shape[1];
  skew->tail_speed = find_tail_speed(skew, profile, key);
  return skew->tail_speed > 0 ? g_steal_pointer(&skew) : NULL;
}

void
attention_skew_free(AttentionSkew *skew)
{
  g_free(skew);
}

/* The expected tokens left of a context when the others have ended. */
static double
left_of(double longest, double mean, double waves)
{
  double last_start = (waves - 1) * mean, gap = waves * mean - longest, late = 0;

  if (gap <= 0)
    late = last_start / 2 - gap;
  else if (gap < last_start)
    late = (last_start - gap) * (last_start - gap) / (2 * last_start);
  return MAX(0, -gap) / waves + late * (1 - 1 / waves);
}

gint64
attention_skew_tokens(const AttentionSkew *skew, const DecodeContexts *contexts,
                      gboolean with_prefills)
{
  double blocks = contexts->count * (with_prefills ? skew->heads : skew->kv_heads);
  guint64 whole = contexts->count > 0 ? contexts->sum / contexts->count : 0;
  guint64 shift = whole % ATTENTION_SKEW_STRIDE;
  double mean, longest, excess;

  if (contexts->count < 2 || contexts->largest <= contexts->least ||
      (!with_prefills && is_split(skew, contexts->count)))
    return 0;
  mean = (double)(contexts->sum - shift * contexts->count) / contexts->count;
  longest = (double)(contexts->largest - shift);
  excess = left_of(longest, mean, MAX(1, blocks / skew->multiprocessors)) / skew->tail_speed;
  return round_within(excess * contexts->count * skew->multiprocessors / blocks, TIME_MAX_PS);
}

guint32
attention_skew_steps(const DecodeContexts *contexts)
{
  return (guint32)(ATTENTION_SKEW_STRIDE - contexts->sum / contexts->count % ATTENTION_SKEW_STRIDE);
}
