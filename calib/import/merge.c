/* Rows that measure one key become one sample. */
#include "common.h"

#include <stdlib.h>

static int
compare_numbers(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* One sample of n of one key. */
static ProfileSample
merge(const ProfileSample *samples, const guint32 *indices, guint n)
{
  ProfileSample merged = samples[indices[0]];
  g_autofree double *medians = g_new(double, n);

  for (guint i = 0; i < n; i++) {
    const ProfileSample *sample = &samples[indices[i]];
    medians[i] = sample->median_ns;
    merged.p10_ns = MIN(merged.p10_ns, sample->p10_ns);
    merged.p90_ns = MAX(merged.p90_ns, sample->p90_ns);
    merged.derived |= sample->derived;
    merged.count += i > 0 ? sample->count : 0;
  }
  qsort(medians, n, sizeof *medians, compare_numbers);
  merged.median_ns = (medians[(n - 1) / 2] + medians[n / 2]) / 2;
  return merged;
}

static gint
compare_samples(gconstpointer a, gconstpointer b, gpointer user_data)
{
  const ProfileSample *samples = user_data;
  guint32 i = *(const guint32 *)a, j = *(const guint32 *)b;
  int order = profile_compare_keys(&samples[i], &samples[j]);

  return order != 0 ? order : (i > j) - (i < j);
}

void
import_merge_repeats(Profile *profile, guint first)
{
  const ProfileSample *samples = (const ProfileSample *)(gconstpointer)profile->samples->data;
  guint n = profile->samples->len - first, merged = 0;
  g_autofree guint32 *order = g_new(guint32, n);
  g_autoptr(GArray) out = g_array_sized_new(FALSE, FALSE, sizeof(ProfileSample), n);

  for (guint i = 0; i < n; i++)
    order[i] = first + i;
  g_qsort_with_data(order, (gint)n, sizeof *order, compare_samples, (gpointer)samples);
  for (guint i = 0, j; i < n; i = j) {
    for (j = i + 1; j < n && profile_compare_keys(&samples[order[i]], &samples[order[j]]) == 0;)
      j++;
    ProfileSample sample = merge(samples, order + i, j - i);
    g_array_append_val(out, sample);
    merged += j - i - 1;
  }
  g_array_set_size(profile->samples, first);
  g_array_append_vals(profile->samples, out->data, out->len);
  if (merged > 0)
    profile_add_note(profile, "%u timings repeat a shape and went into one sample with it.",
                     merged);
}
