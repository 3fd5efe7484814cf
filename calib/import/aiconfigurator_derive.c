/* Chunks after cached tokens, from a table of prompts without. */
#include "aiconfigurator.h"

#include <string.h>

/* Whether two samples are of one series: all but their new tokens is equal. */
static gboolean
is_one_series(const ProfileSample *a, const ProfileSample *b)
{
  const gsize rest = (OPERATION_SHAPE_MAX - 2) * sizeof *a->shape;

  return a->operation == b->operation && a->shape[0] == b->shape[0] &&
         memcmp(a->shape + 2, b->shape + 2, rest) == 0 && g_str_equal(a->dtype, b->dtype);
}

static gint
compare_series(gconstpointer a, gconstpointer b)
{
  const ProfileSample *x = a, *y = b;
  int order = x->operation != y->operation ? (int)x->operation - (int)y->operation
                                           : strcmp(x->dtype, y->dtype);

  for (guint i = 2; order == 0 && i < OPERATION_SHAPE_MAX; i++)
    order = (x->shape[i] > y->shape[i]) - (x->shape[i] < y->shape[i]);
  for (guint i = 0; order == 0 && i < 2; i++)
    order = (x->shape[i] > y->shape[i]) - (x->shape[i] < y->shape[i]);
  return order;
}

enum { SHAPE_WINDOW = 8 }; /* of OP_ATTENTION_WINDOW */

static gint64
window_of(const ProfileSample *sample)
{
  return sample->operation == OP_ATTENTION_WINDOW ? sample->shape[SHAPE_WINDOW] : G_MAXINT64;
}

/* Pairs of a query and a key that n tokens after c make, of which each sees `window` at most. */
static double
pairs_of(double n, double c, double window)
{
  double growing = CLAMP(window - c, 0, n);

  return growing * c + growing * growing / 2 + (n - growing) * window;
}

/* A chunk of n tokens after c: it has n c + n^2/2 of the (n + c)^2/2 pairs of a whole prompt of
 * n + c, and takes that share of what the prompt takes above a prompt of one token; no less than
 * n tokens after none; with a window both have as many pairs as it leaves. Held against tables that
 * have the prefix axis, chunks of at least a third of what is before them are 5 to 14 % off in
 * median, shorter ones 40 %, so those are not derived.
 */
static ProfileSample
derive_chunk(const ProfileSample *least, const ProfileSample *whole, const ProfileSample *cached,
             double alone_ns)
{
  ProfileSample chunk = *whole;
  double n = (double)(whole->shape[1] - cached->shape[1]), c = (double)cached->shape[1];
  double window = (double)window_of(whole);
  double share = pairs_of(n, c, window) / pairs_of(n + c, 0, window);

  chunk.shape[1] = whole->shape[1] - cached->shape[1];
  chunk.shape[2] = cached->shape[1];
  chunk.median_ns = least->median_ns + (whole->median_ns - least->median_ns) * share;
  chunk.median_ns = MAX(chunk.median_ns, alone_ns);
  chunk.p10_ns = chunk.p90_ns = 0;
  chunk.derived = 1;
  return chunk;
}

/* The time of n tokens after none from those of the series below: the longest of at most n. */
static double
time_alone(const ProfileSample *series, guint length, gint64 n)
{
  double time_ns = 0;

  for (guint i = 0; i < length && series[i].shape[1] <= n; i++)
    time_ns = MAX(time_ns, series[i].median_ns);
  return time_ns;
}

/* Whether a shorter prompt fills the window already: what comes after either takes the same. */
static gboolean
is_beyond_window(const ProfileSample *series, guint j)
{
  return j > 0 && series[j - 1].shape[1] >= window_of(&series[j]);
}

static guint
derive_series(Profile *profile, const ProfileSample *series, guint length)
{
  guint derived = 0;

  for (guint i = 1; i < length; i++)
    for (guint j = 0; j < i; j++) {
      gint64 n = series[i].shape[1] - series[j].shape[1];
      if (series[j].shape[1] < 16 || 3 * n < series[j].shape[1] || is_beyond_window(series, j))
        continue;
      ProfileSample chunk =
          derive_chunk(&series[0], &series[i], &series[j], time_alone(series, length, n));
      profile_add(profile, &chunk);
      derived++;
    }
  return derived;
}

static gboolean
is_attention(const ProfileSample *sample)
{
  return sample->operation == OP_ATTENTION || sample->operation == OP_ATTENTION_WINDOW ||
         (sample->operation == OP_MLA && *sample->variant == '\0');
}

void
aiconfigurator_derive_cached(Aiconfigurator *reader)
{
  g_autoptr(GArray) prompts = g_array_new(FALSE, FALSE, sizeof(ProfileSample));
  guint derived = 0;

  for (guint i = reader->first; i < reader->profile->samples->len; i++) {
    ProfileSample sample = g_array_index(reader->profile->samples, ProfileSample, i);
    if (!is_attention(&sample) || sample.shape[2] > 0)
      return;
    if (sample.shape[0] > 0)
      g_array_append_val(prompts, sample);
  }
  g_array_sort(prompts, compare_series);
  for (guint i = 0, j; i < prompts->len; i = j) {
    const ProfileSample *series = &g_array_index(prompts, ProfileSample, i);
    for (j = i + 1; j < prompts->len && is_one_series(series, series + (j - i));)
      j++;
    derived += derive_series(reader->profile, series, j - i);
  }
  if (derived > 0)
    profile_add_note(
        reader->profile,
        "The table of prompts has no cached tokens: %u samples of n tokens after c "
        "(n >= c/3) are derived from prompts of n + c by the share of query-key pairs, "
        "n c + n^2/2 of (n + c)^2/2, above the time of the shortest prompt.",
        derived);
}
