/* The cells of a study: which settings each has. */
#include "study.h"

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
  Settings *settings = settings_new();

  for (guint i = 0; i < study->run->len; i++) {
    const StudyOption *option = g_ptr_array_index(study->run, i);
    set_checked(settings, option->name, option->values[0]);
  }
  for (guint i = 0; i < study->grid->len; i++) {
    const StudyOption *option = g_ptr_array_index(study->grid, i);
    set_checked(settings, option->name, option->values[study_choice(study, point, i)]);
  }
  set_checked(settings, "seed", seed_text);
  return settings;
}
