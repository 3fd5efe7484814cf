/* The cells of a study: which settings each has. */
#include "study.h"

#include "scenario/settings_files.h"

void
study_free(Study *study)
{
  if (study == NULL)
    return;
  g_free(study->path);
  g_free(study->name);
  g_array_unref(study->seeds);
  g_ptr_array_unref(study->run);
  g_ptr_array_unref(study->grid);
  g_free(study);
}

Study *
study_of_one(const char *name, const Settings *base, guint n_seeds)
{
  Study *study = g_new0(Study, 1);

  study->path = g_strdup("");
  study->name = g_strdup(name);
  study->seeds = g_array_new(FALSE, FALSE, sizeof(guint64));
  study->run = g_ptr_array_new();
  study->grid = g_ptr_array_new();
  study->base = base;
  for (guint i = 0; i < n_seeds; i++) {
    guint64 seed = base->seed + i;
    g_array_append_val(study->seeds, seed);
  }
  return study;
}

gboolean
study_check_outputs(const Study *study, const NamedFile *outputs, guint n_outputs, GError **error)
{
  const GPtrArray *const lists[] = {study->run, study->grid};

  if (!output_file_check(outputs, n_outputs, &(NamedFile){"STUDY.ini", study->path}, 1, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
    for (guint k = 0; k < lists[i]->len; k++) {
      const StudyOption *option = g_ptr_array_index(lists[i], k);
      for (char **value = option->values; *value != NULL; value++) {
        g_autoptr(Settings) named = settings_new();
        if (settings_set(named, option->name, *value, NULL) &&
            !settings_check_outputs(named, outputs, n_outputs, NULL, 0, error))
          return FALSE;
      }
    }
  return TRUE;
}

guint
study_points(const Study *study)
{
  guint points = 1;

  for (guint i = 0; i < study->grid->len; i++)
    points *= g_strv_length(((StudyOption *)g_ptr_array_index(study->grid, i))->texts);
  return points;
}

guint
study_choice(const Study *study, guint point, guint option)
{
  for (guint i = study->grid->len - 1; i > option; i--)
    point /= g_strv_length(((StudyOption *)g_ptr_array_index(study->grid, i))->texts);
  return point % g_strv_length(((StudyOption *)g_ptr_array_index(study->grid, option))->texts);
}

/* The values were checked when they were read. */
static void
set_checked(Settings *settings, const char *name, const char *value)
{
  if (!settings_set(settings, name, value, NULL))
    g_assert_not_reached();
}

Settings *
study_settings(const Study *study, guint point, guint seed)
{
  g_autofree char *seed_text =
      g_strdup_printf("%" G_GUINT64_FORMAT, g_array_index(study->seeds, guint64, seed));
  Settings *settings = study->base != NULL ? settings_copy(study->base) : settings_new();

  for (guint i = 0; i < study->run->len; i++) {
    const StudyOption *option = g_ptr_array_index(study->run, i);
    if (study->base == NULL || !settings_given(study->base, option->name))
      set_checked(settings, option->name, option->values[0]);
  }
  for (guint i = 0; i < study->grid->len; i++) {
    const StudyOption *option = g_ptr_array_index(study->grid, i);
    set_checked(settings, option->name, option->values[study_choice(study, point, i)]);
  }
  set_checked(settings, "seed", seed_text);
  return settings;
}
