/* Names for runs: only what differs between them is worth reading.
 *
 * Some settings follow from others, such as the number of blocks from the memory. They are left
 * out: a setting is in the label only if it tells runs apart that the settings before it do not.
 */
#include "label.h"

#include "report/text/flatten.h"
#include "sim/policies/policy.h"

/* The first to be looked at; then all others, in the order of the alphabet. */
static const char *const preferred[] = {
    "overflow",   "scheduler", "victim",     "model", "device", "kv_memory", "swap_space",
    "block_size", "copy_path", "time_scale", "trace", "limit",  NULL,
};

/* Whether the setting is never an axis: replicas differ in it, or it identifies what another
 * setting names, or tells what follows from others and from the run. */
static gboolean
is_no_axis(const char *key)
{
  return g_str_equal(key, "seed") || g_str_equal(key, "program_version") ||
         g_str_equal(key, "assumed") || g_str_has_prefix(key, "profile.") ||
         g_str_has_prefix(key, "defaults.");
}

char *
stored_setting(const StoredRun *run, const char *key)
{
  json_t *leaf = json_object_get(run->record.config, key);

  return leaf != NULL ? json_leaf_text(leaf) : g_strdup("");
}

/* The runs' texts of some settings, and how many of them differ. */
static guint
count_distinct(const Stored *stored, const GPtrArray *keys, const char *more)
{
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < stored->runs->len; i++) {
    const StoredRun *run = g_ptr_array_index(stored->runs, i);
    GString *text = g_string_new(NULL);
    for (guint k = 0; k < keys->len; k++) {
      g_autofree char *value = stored_setting(run, g_ptr_array_index(keys, k));
      g_string_append_printf(text, "%s\n", value);
    }
    if (more != NULL) {
      g_autofree char *value = stored_setting(run, more);
      g_string_append(text, value);
    }
    g_hash_table_add(seen, g_string_free(text, FALSE));
  }
  return g_hash_table_size(seen);
}

static void
add_if_telling(const Stored *stored, GPtrArray *keys, const char *key)
{
  if (!is_no_axis(key) && count_distinct(stored, keys, key) > count_distinct(stored, keys, NULL))
    g_ptr_array_add(keys, g_strdup(key));
}

static int
compare_keys(gconstpointer a, gconstpointer b)
{
  return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
stored_axes(const Stored *stored)
{
  GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

  for (guint i = 0; i < stored->columns->len; i++)
    add_if_telling(stored, keys, g_ptr_array_index(stored->columns, i));
  for (guint i = 0; preferred[i] != NULL; i++)
    add_if_telling(stored, keys, preferred[i]);
  for (guint i = 0; i < stored->runs->len; i++) {
    const StoredRun *run = g_ptr_array_index(stored->runs, i);
    const char *key;
    json_t *value;
    json_object_foreach(run->record.config, key, value)
    {
      if (g_hash_table_contains(seen, key))
        continue;
      g_ptr_array_add(others, g_strdup(key));
      g_hash_table_add(seen, g_ptr_array_index(others, others->len - 1));
    }
  }
  g_ptr_array_sort(others, compare_keys);
  for (guint i = 0; i < others->len; i++)
    add_if_telling(stored, keys, g_ptr_array_index(others, i));
  return keys;
}

guint
stored_seeds(const Stored *stored)
{
  g_autoptr(GPtrArray) none = g_ptr_array_new();

  return count_distinct(stored, none, "seed");
}

/* "swap, kv-memory 20%": policies are known by their names alone. */
static char *
describe(const StoredRun *run, const GPtrArray *keys, gboolean with_seed)
{
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < keys->len; i++) {
    const char *key = g_ptr_array_index(keys, i);
    g_autofree char *value = stored_setting(run, key);
    g_autofree char *option = g_strdelimit(g_strdup(key), "_", '-');
    if (text->len > 0)
      g_string_append(text, ", ");
    if (g_str_equal(key, "overflow") || g_str_equal(key, "scheduler") ||
        g_str_equal(key, "model") || g_str_equal(key, "device"))
      g_string_append(text, value);
    else
      g_string_append_printf(text, "%s %s", option, *value != '\0' ? value : "not set");
    g_string_append(text, policy_setting_is_bound(key, value) ? POLICY_BOUND_LABEL : "");
  }
  if (text->len == 0)
    g_string_append(text, run->name);
  if (with_seed) {
    g_autofree char *seed = stored_setting(run, "seed");
    g_string_append_printf(text, ", seed %s", seed);
  }
  return g_string_free(text, FALSE);
}

static gboolean
is_unique(const Stored *stored, guint index)
{
  const StoredRun *run = g_ptr_array_index(stored->runs, index);

  for (guint i = 0; i < stored->runs->len; i++)
    if (i != index &&
        g_str_equal(((StoredRun *)g_ptr_array_index(stored->runs, i))->label, run->label))
      return FALSE;
  return TRUE;
}

void
stored_label(Stored *stored)
{
  g_autoptr(GPtrArray) keys = stored_axes(stored);
  gboolean seeds = stored_seeds(stored) > 1;
  g_autofree gboolean *unique = g_new(gboolean, stored->runs->len);

  for (guint i = 0; i < stored->runs->len; i++) {
    StoredRun *run = g_ptr_array_index(stored->runs, i);
    run->label = describe(run, keys, seeds);
  }
  for (guint i = 0; i < stored->runs->len; i++)
    unique[i] = is_unique(stored, i);
  for (guint i = 0; i < stored->runs->len; i++) {
    StoredRun *run = g_ptr_array_index(stored->runs, i);
    g_autofree char *file = g_path_get_basename(run->file);
    g_autofree char *shown = g_utf8_make_valid(file, -1);
    g_autofree char *label = g_steal_pointer(&run->label);
    run->label = unique[i] ? g_strdup(label)
                 : stored->files->len > 1
                     ? g_strdup_printf("%s, %s run %" G_GINT64_FORMAT, label, shown, run->id)
                     : g_strdup_printf("%s, run %" G_GINT64_FORMAT, label, run->id);
    run->record.name = run->label;
  }
}
