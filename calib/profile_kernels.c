#include "profile_kernels.h"

#include <string.h>

/* Of newer GPUs first; a name that leaves ways out is longer. */
static int
compare_kinds(gconstpointer a, gconstpointer b)
{
  const char *one = *(const char *const *)a, *other = *(const char *const *)b;
  gsize one_length = strcspn(one, " "), other_length = strcspn(other, " ");
  int order = strncmp(other, one, MAX(one_length, other_length));

  if (order == 0)
    order = (strlen(one) > strlen(other)) - (strlen(one) < strlen(other));
  return order != 0 ? order : strcmp(one, other);
}

const char **
profile_kernels(const Profile *profile)
{
  GPtrArray *kinds = g_ptr_array_new();
  const char *last = "";

  for (guint i = 0; i < profile->samples->len; i++) {
    const ProfileSample *sample = &g_array_index(profile->samples, ProfileSample, i);
    const ProfileOrigin *origin = &g_array_index(profile->origins, ProfileOrigin, sample->origin);
    const char *kind = profile_sample_kernels(sample);
    if (*kind != '\0' && kind != last && g_str_has_prefix(origin->source, "calibrate") &&
        !g_ptr_array_find_with_equal_func(kinds, kind, g_str_equal, NULL))
      g_ptr_array_add(kinds, (gpointer)kind);
    last = kind;
  }
  g_ptr_array_sort(kinds, compare_kinds);
  g_ptr_array_add(kinds, NULL);
  return (const char **)g_ptr_array_free(kinds, FALSE);
}

char *
profile_kernels_text(const Profile *profile)
{
  g_autofree const char **kinds = profile_kernels(profile);

  return g_strjoinv(", ", (char **)kinds);
}

static void
leave_out_others(Profile *profile, const char *kernels)
{
  const ProfileSample *samples = (const ProfileSample *)(gconstpointer)profile->samples->data;
  GArray *kept = g_array_new(FALSE, FALSE, sizeof(ProfileSample));

  for (guint i = 0; i < profile->samples->len; i++) {
    const char *kind = profile_sample_kernels(&samples[i]);
    if (*kind == '\0' || g_str_equal(kind, kernels))
      g_array_append_val(kept, samples[i]);
  }
  g_array_unref(profile->samples);
  profile->samples = kept;
  g_hash_table_remove_all(profile->made);
}

gboolean
profile_use_kernels(Profile *profile, const char *kernels, GError **error)
{
  g_autofree const char **kinds = profile_kernels(profile);
  g_autofree char *all = g_strjoinv(", ", (char **)kinds);
  const char *used = kernels != NULL ? kernels : kinds[0];
  g_autoptr(GPtrArray) others = g_ptr_array_new();

  if (kinds[0] == NULL)
    return TRUE;
  if (!g_strv_contains(kinds, used)) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_INCOMPLETE,
                "%s was measured with the kernels '%s', and not with '%s'", profile->name, all,
                used);
    return FALSE;
  }
  for (const char **kind = kinds; *kind != NULL; kind++)
    if (!g_str_equal(*kind, used))
      g_ptr_array_add(others, (gpointer)*kind);
  if (others->len == 0)
    return TRUE;
  g_ptr_array_add(others, NULL);
  profile->kernels_left_out = g_strjoinv(", ", (char **)others->pdata);
  leave_out_others(profile, used);
  return TRUE;
}
