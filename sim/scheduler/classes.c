/* The engines by name: each set of rules, and vLLM's by its version. */
#include "sim/scheduler.h"

#include <string.h>

#define VLLM_PREFIX "vllm-0."
#define KNOWN                                                                                      \
  "vllm (the newest known), vllm-0.8 to vllm-0.33, vllm-v1, vllm-0.6, vllm-0.5, sglang, trtllm"
G_STATIC_ASSERT(SCHEDULER_VLLM_OLDEST == 8 && SCHEDULER_VLLM_NEWEST == 33); /* the text above */

#define NEWEST scheduler_vllm_versions[SCHEDULER_VLLM_NEWEST - SCHEDULER_VLLM_OLDEST]

G_DEFINE_QUARK(spillway - scheduler - error, scheduler_error)

const SchedulerClass *const scheduler_classes[] = {
    &NEWEST,
    &scheduler_vllm_v1,
    &scheduler_vllm_06,
    &scheduler_vllm_05,
    &scheduler_sglang,
    &scheduler_trtllm,
    NULL,
};

/* Parses "18" or "18.1": the minor version, and the patch, 0 if there is none. */
static gboolean
parse_version(const char *text, guint64 *minor, guint64 *patch)
{
  g_auto(GStrv) parts = g_strsplit(text, ".", -1);
  guint n = g_strv_length(parts);

  *patch = 0;
  return n >= 1 && n <= 2 && g_ascii_string_to_unsigned(parts[0], 10, 0, 999, minor, NULL) &&
         (n == 1 || g_ascii_string_to_unsigned(parts[1], 10, 0, 999, patch, NULL));
}

static const SchedulerClass *
vllm_version(guint64 minor, guint64 patch)
{
  if (minor == 5)
    return patch <= 3 ? &scheduler_vllm_05 : &scheduler_vllm_06;
  if (minor == 6)
    return &scheduler_vllm_06;
  if (minor < SCHEDULER_VLLM_OLDEST || minor > SCHEDULER_VLLM_NEWEST)
    return NULL;
  return &scheduler_vllm_versions[minor - SCHEDULER_VLLM_OLDEST];
}

/* TRUE for "vllm-" and a version above the newest known. */
static gboolean
is_newer(const char *name)
{
  g_auto(GStrv) parts = NULL;
  guint64 numbers[3] = {0};

  if (!g_str_has_prefix(name, "vllm-"))
    return FALSE;
  parts = g_strsplit(name + strlen("vllm-"), ".", -1);
  if (g_strv_length(parts) > G_N_ELEMENTS(numbers))
    return FALSE;
  for (guint i = 0; parts[i] != NULL; i++)
    if (!g_ascii_string_to_unsigned(parts[i], 10, 0, 999, &numbers[i], NULL))
      return FALSE;
  return numbers[0] > 0 || numbers[1] > SCHEDULER_VLLM_NEWEST;
}

const SchedulerClass *
scheduler_class_from_name(const char *name, GError **error)
{
  const SchedulerClass *class = NULL;
  guint64 minor, patch;

  for (guint i = 0; scheduler_classes[i] != NULL; i++)
    if (g_str_equal(scheduler_classes[i]->name, name))
      return scheduler_classes[i];
  if (g_str_equal(name, "vllm"))
    return &NEWEST;
  if (g_str_has_prefix(name, VLLM_PREFIX) &&
      parse_version(name + strlen(VLLM_PREFIX), &minor, &patch))
    class = vllm_version(minor, patch);
  if (class == NULL && is_newer(name))
    g_set_error(error, SCHEDULER_ERROR, SCHEDULER_ERROR_NEWER,
                "found '%s', whose rules are not known: the newest known is %s", name, NEWEST.name);
  else if (class == NULL)
    g_set_error(error, SCHEDULER_ERROR, SCHEDULER_ERROR_UNKNOWN,
                "found '%s', expected one of " KNOWN, name);
  return class;
}

const char **
scheduler_names(void)
{
  GPtrArray *names = g_ptr_array_new();

  g_ptr_array_add(names, (gpointer) "vllm");
  for (guint i = 0; scheduler_classes[i] != NULL; i++)
    if (scheduler_classes[i] != &NEWEST)
      g_ptr_array_add(names, (gpointer)scheduler_classes[i]->name);
  for (guint i = 0; i <= SCHEDULER_VLLM_NEWEST - SCHEDULER_VLLM_OLDEST; i++)
    g_ptr_array_add(names, (gpointer)scheduler_vllm_versions[i].name);
  g_ptr_array_add(names, NULL);
  return (const char **)g_ptr_array_free(names, FALSE);
}

const SchedulerClass *
scheduler_class_first_with(guint32 features)
{
  for (guint i = 0; i <= SCHEDULER_VLLM_NEWEST - SCHEDULER_VLLM_OLDEST; i++)
    if ((scheduler_vllm_versions[i].features & features) == features)
      return &scheduler_vllm_versions[i];
  return NULL;
}
