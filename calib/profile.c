/* Profiles in memory: interned texts, one flat array of samples, sorted once. */
#include "profile.h"

#include "curve.h"

#include <stdarg.h>
#include <string.h>

G_DEFINE_QUARK(spillway - profile - error - quark, profile_error)

typedef struct {
  gpointer made;
  GDestroyNotify free_made;
} Kept;

static void
kept_free(gpointer data)
{
  Kept *kept = data;

  kept->free_made(kept->made);
  g_free(kept);
}

Profile *
profile_new(const char *name, const char *device)
{
  Profile *profile = g_new0(Profile, 1);

  profile->name = g_strdup(name);
  profile->device = g_strdup(device);
  profile->note = g_strdup("");
  profile->origins = g_array_new(FALSE, FALSE, sizeof(ProfileOrigin));
  profile->samples = g_array_new(FALSE, FALSE, sizeof(ProfileSample));
  profile->texts = g_string_chunk_new(4096);
  profile->made = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, kept_free);
  return profile;
}

void
profile_free(Profile *profile)
{
  if (profile == NULL)
    return;
  g_free(profile->name);
  g_free(profile->device);
  g_free(profile->note);
  g_array_unref(profile->origins);
  g_array_unref(profile->samples);
  g_string_chunk_free(profile->texts);
  g_free(profile->digest_read);
  g_free(profile->kernels_left_out);
  g_hash_table_unref(profile->made);
  g_free(profile);
}

gpointer
profile_kept(const Profile *profile, const char *name)
{
  const Kept *kept = g_hash_table_lookup(profile->made, name);

  return kept != NULL ? kept->made : NULL;
}

void
profile_keep(const Profile *profile, const char *name, gpointer made, GDestroyNotify free_made)
{
  Kept *kept = g_new(Kept, 1);

  *kept = (Kept){made, free_made};
  g_hash_table_insert(profile->made, g_strdup(name), kept);
}

static const char *
keep(Profile *profile, const char *text)
{
  return g_string_chunk_insert_const(profile->texts, text != NULL ? text : "");
}

guint16
profile_add_origin(Profile *profile, const ProfileOrigin *origin)
{
  const ProfileOrigin copy = {
      .source = keep(profile, origin->source),
      .measured_device = keep(profile, origin->measured_device),
      .measured_model = keep(profile, origin->measured_model),
      .engine = keep(profile, origin->engine),
      .driver = keep(profile, origin->driver),
      .cuda = keep(profile, origin->cuda),
      .clocks = keep(profile, origin->clocks),
      .date = keep(profile, origin->date),
      .program_version = keep(profile, origin->program_version),
  };

  g_assert(profile->origins->len < G_MAXUINT16);
  g_array_append_val(profile->origins, copy);
  return (guint16)(profile->origins->len - 1);
}

void
profile_add(Profile *profile, const ProfileSample *sample)
{
  ProfileSample copy = *sample;

  g_assert(sample->operation < OPERATIONS && sample->origin < profile->origins->len);
  copy.variant = keep(profile, sample->variant);
  copy.dtype = keep(profile, sample->dtype);
  copy.kernel = keep(profile, sample->kernel);
  for (guint i = operation_n_shape(sample->operation); i < OPERATION_SHAPE_MAX; i++)
    copy.shape[i] = 0;
  if (copy.p10_ns == 0)
    copy.p10_ns = copy.median_ns;
  if (copy.p90_ns == 0)
    copy.p90_ns = copy.median_ns;
  g_array_append_val(profile->samples, copy);
  g_hash_table_remove_all(profile->made);
}

void
profile_add_note(Profile *profile, const char *format, ...)
{
  g_autofree char *before = profile->note;
  g_autofree char *sentence = NULL;
  va_list args;

  va_start(args, format);
  sentence = g_strdup_vprintf(format, args);
  va_end(args);
  profile->note = *before != '\0' ? g_strconcat(before, " ", sentence, NULL) : g_strdup(sentence);
}

const char *
profile_sample_kernels(const ProfileSample *sample)
{
  const char *kernel = sample->kernel, *end;

  if (kernel == NULL || !operation_is_of_kernels(sample->operation) ||
      !g_str_has_prefix(kernel, "sm_") || !g_ascii_isdigit(kernel[3]))
    return "";
  end = kernel + 3;
  while (g_ascii_isalnum(*end))
    end++;
  return *end == '\0' || g_str_has_prefix(end, " without ") ? kernel : "";
}

int
profile_compare_keys(const ProfileSample *a, const ProfileSample *b)
{
  int order = (int)a->operation - (int)b->operation;

  if (order == 0)
    order = strcmp(a->variant, b->variant);
  if (order == 0)
    order = strcmp(a->dtype, b->dtype);
  for (guint i = 0; order == 0 && i < OPERATION_SHAPE_MAX; i++)
    order = (a->shape[i] > b->shape[i]) - (a->shape[i] < b->shape[i]);
  if (order == 0 && a->kernel != b->kernel)
    order = strcmp(profile_sample_kernels(a), profile_sample_kernels(b));
  return order;
}

gint
profile_compare_places(gconstpointer a, gconstpointer b, gpointer samples)
{
  const ProfileSample *all = samples;
  guint32 i = *(const guint32 *)a, j = *(const guint32 *)b;
  int order = profile_compare_keys(&all[i], &all[j]);

  return order != 0 ? order : (i > j) - (i < j);
}

static gboolean
is_sealed(const ProfileSample *samples, guint n)
{
  for (guint i = 1; i < n; i++)
    if (profile_compare_keys(&samples[i - 1], &samples[i]) >= 0)
      return FALSE;
  return TRUE;
}

void
profile_seal(Profile *profile)
{
  guint n = profile->samples->len;
  ProfileSample *samples = (ProfileSample *)(gpointer)profile->samples->data;
  g_autofree guint32 *order = NULL;
  GArray *sorted;

  if (is_sealed(samples, n)) /* a file that this program wrote */
    return;
  sorted = g_array_sized_new(FALSE, FALSE, sizeof(ProfileSample), n);
  order = g_new(guint32, n);
  for (guint32 i = 0; i < n; i++)
    order[i] = i;
  g_qsort_with_data(order, (gint)n, sizeof *order, profile_compare_places, samples);
  for (guint i = 0; i < n; i++)
    if (i + 1 == n || profile_compare_keys(&samples[order[i]], &samples[order[i + 1]]) != 0)
      g_array_append_val(sorted, samples[order[i]]);
  g_array_unref(profile->samples);
  profile->samples = sorted;
}

/* The index of the first sample of this operation or a later one. */
static guint
first_from(const ProfileSample *samples, guint n, guint operation)
{
  guint low = 0, high = n;

  while (low < high) {
    guint middle = low + (high - low) / 2;
    if (samples[middle].operation < operation)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

const ProfileSample *
profile_samples(const Profile *profile, OperationKind kind, guint *n)
{
  const ProfileSample *samples = (const ProfileSample *)(gpointer)profile->samples->data;
  guint first = first_from(samples, profile->samples->len, kind);

  *n = first_from(samples, profile->samples->len, (guint)kind + 1) - first;
  return samples != NULL ? samples + first : NULL;
}

/* Of more samples than this every so many-th is looked at. */
#define SPREAD_SAMPLES 1001

double
profile_spread(const Profile *profile, OperationKind kind)
{
  guint n, kept = 0;
  const ProfileSample *samples = profile_samples(profile, kind, &n);
  double spreads[SPREAD_SAMPLES];

  for (guint i = 0; i < n; i += n / SPREAD_SAMPLES + 1)
    if (samples[i].median_ns > 0)
      spreads[kept++] = (samples[i].p90_ns - samples[i].p10_ns) / samples[i].median_ns;
  if (kept == 0)
    return 0;
  qsort(spreads, kept, sizeof *spreads, curve_compare_doubles);
  return spreads[kept / 2];
}
