/* Rows that measure one key become one sample. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

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

/* How many samples each kernel has, by its text, which the profile interns. */
static GHashTable *
count_kernels(const ProfileSample *samples, guint n)
{
  GHashTable *counts = g_hash_table_new(NULL, NULL);

  for (guint i = 0; i < n; i++) {
    gpointer key = (gpointer)samples[i].kernel;
    g_hash_table_insert(counts, key,
                        GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(counts, key)) + 1));
  }
  return counts;
}

/* Keeps, of n samples of one key, those of one kernel. Returns how many are left. */
static guint
keep_one_kernel(const ProfileSample *samples, guint32 *indices, guint n, GHashTable *counts,
                const char **dropped)
{
  const char *best = samples[indices[0]].kernel;
  guint kept = 0;

  for (guint i = 1; i < n; i++) {
    const char *kernel = samples[indices[i]].kernel;
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, kernel));
    guint most = GPOINTER_TO_UINT(g_hash_table_lookup(counts, best));
    if (count > most || (count == most && strcmp(kernel, best) < 0))
      best = kernel;
  }
  for (guint i = 0; i < n; i++)
    if (samples[indices[i]].kernel == best)
      indices[kept++] = indices[i];
    else
      *dropped = samples[indices[i]].kernel;
  return kept;
}

void
import_merge_repeats(Profile *profile, guint first)
{
  if (profile->samples->len == first)
    return;
  const ProfileSample *samples = (const ProfileSample *)(gconstpointer)profile->samples->data;
  guint n = profile->samples->len - first, merged = 0, of_others = 0;
  g_autofree guint32 *order = g_new(guint32, n);
  g_autoptr(GArray) out = g_array_sized_new(FALSE, FALSE, sizeof(ProfileSample), n);
  g_autoptr(GHashTable) counts = count_kernels(samples + first, n);
  const char *dropped = "";

  for (guint i = 0; i < n; i++)
    order[i] = first + i;
  g_qsort_with_data(order, (gint)n, sizeof *order, profile_compare_places, (gpointer)samples);
  for (guint i = 0, j; i < n; i = j) {
    for (j = i + 1; j < n && profile_compare_keys(&samples[order[i]], &samples[order[j]]) == 0;)
      j++;
    guint kept = keep_one_kernel(samples, order + i, j - i, counts, &dropped);
    ProfileSample sample = merge(samples, order + i, kept);
    g_array_append_val(out, sample);
    merged += kept - 1;
    of_others += j - i - kept;
  }
  g_array_set_size(profile->samples, first);
  g_array_append_vals(profile->samples, out->data, out->len);
  if (merged > 0)
    profile_add_note(profile, "%u timings repeat a shape and went into one sample with it.",
                     merged);
  if (of_others > 0)
    profile_add_note(profile,
                     "%u timings were left out: they are of another kernel (%s), and one with "
                     "more timings has the same shapes.",
                     of_others, *dropped != '\0' ? dropped : "without a name");
}
