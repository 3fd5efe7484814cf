/* All samples of one operation, variant and dtype are of one engine and one device. Others run
 * other kernels, and a curve through points of two kernels fits neither.
 */
#include "common.h"

#include <string.h>

/* What the card is: one that is known by its name, another as its source calls it. */
static const char *
card_of(const ProfileOrigin *origin)
{
  const char *card = import_guess_card(origin->measured_device);

  return card != NULL ? card : origin->measured_device;
}

/* The field in which two origins differ, where both have it; NULL: none. */
static const char *
difference(const ProfileOrigin *a, const ProfileOrigin *b, const char **found,
           const char **expected)
{
  const char *one = card_of(a), *other = card_of(b);

  if (*one != '\0' && *other != '\0' && strcmp(one, other) != 0) {
    *found = a->measured_device;
    *expected = b->measured_device;
    return "device";
  }
  if (*a->engine != '\0' && *b->engine != '\0' && strcmp(a->engine, b->engine) != 0) {
    *found = a->engine;
    *expected = b->engine;
    return "engine";
  }
  return NULL;
}

static const ProfileOrigin *
origin_of(const Profile *profile, const ProfileSample *sample)
{
  return &g_array_index(profile->origins, ProfileOrigin, sample->origin);
}

static char *
group_name(const ProfileSample *sample)
{
  return g_strjoin(" ", operations[sample->operation].name, sample->dtype, sample->variant, NULL);
}

/* Checks a sample's origin against the first one of its operation, variant and dtype. */
static gboolean
check_sample(const Profile *profile, const ProfileSample *sample, GHashTable *firsts,
             const char *path, GError **error)
{
  g_autofree char *group = group_name(sample);
  const ProfileOrigin *origin = origin_of(profile, sample), *first;
  const char *found, *expected, *what;

  first = g_hash_table_lookup(firsts, group);
  if (first == NULL) {
    g_hash_table_insert(firsts, g_steal_pointer(&group), (gpointer)origin);
    return TRUE;
  }
  what = first != origin ? difference(origin, first, &found, &expected) : NULL;
  if (what == NULL)
    return TRUE;
  g_strchomp(group);
  g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_MIXED,
              "%s: its %s is of the %s %s, and the profile has that of %s (%s): one profile takes "
              "an operation from one; import them into two, or say which with --engine",
              path, group, what, found, expected, first->source);
  return FALSE;
}

gboolean
import_check_origins(const Profile *profile, guint first, const char *path, GError **error)
{
  g_autoptr(GHashTable) firsts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  const ProfileSample *samples = (const ProfileSample *)(gconstpointer)profile->samples->data;
  gboolean is_one = TRUE;

  for (guint i = 0; i < profile->samples->len && is_one; i++) {
    gboolean repeats = i > 0 && i != first && samples[i].origin == samples[i - 1].origin &&
                       samples[i].operation == samples[i - 1].operation &&
                       samples[i].variant == samples[i - 1].variant &&
                       samples[i].dtype == samples[i - 1].dtype;
    if (!repeats)
      is_one = check_sample(profile, &samples[i], firsts, path, error);
  }
  return is_one;
}
