/* A checkpoint: one file, or shards with an index that says which tensor is in which.
 *
 * Everything that the layout needs is looked up and checked when the source is made, so that a
 * missing tensor of the last layer is told before gigabytes are read. */
#include "weights.h"

#include <jansson.h>
#include <string.h>

#include "safetensors.h"

#define INDEX "model.safetensors.index.json"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

typedef struct {
  Safetensors *file;
  const SafetensorsTensor *tensor;
} Place;

typedef struct {
  WeightSource base;
  GHashTable *files;  /* path → Safetensors */
  GHashTable *places; /* tensor's name → Place */
} CheckpointSource;

static void refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
refuse(GError **error, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  if (error != NULL)
    *error = g_error_new_valist(WEIGHTS_ERROR, WEIGHTS_ERROR_INPUT, format, args);
  va_end(args);
}

static Safetensors *
open_file(CheckpointSource *source, const char *path, GError **error)
{
  Safetensors *file = g_hash_table_lookup(source->files, path);

  if (file == NULL && (file = safetensors_open(path, error)) != NULL)
    g_hash_table_insert(source->files, g_strdup(path), file);
  return file;
}

static gboolean
has_shape(const SafetensorsTensor *found, const WeightTensor *tensor)
{
  if (tensor->is_vector)
    return found->dimensions == 1 && found->shape[0] == tensor->columns;
  return found->dimensions == 2 && found->shape[0] == tensor->rows &&
         found->shape[1] == tensor->columns;
}

static gboolean
place_tensor(CheckpointSource *source, Safetensors *file, const WeightTensor *tensor,
             GError **error)
{
  const SafetensorsTensor *found = safetensors_find(file, tensor->name);
  const char *path = safetensors_path(file);
  Place *place;

  if (found == NULL) {
    refuse(error, "%s: has no tensor %s, which the config.json beside it asks for", path,
           tensor->name);
    return FALSE;
  }
  if (found->type == TENSOR_OTHER) {
    refuse(error, "%s: %s: found the type %.20s, expected F32, F16 or BF16", path, tensor->name,
           found->type_name);
    return FALSE;
  }
  if (!has_shape(found, tensor)) {
    g_autofree char *rows = tensor->is_vector
                                ? g_strdup("")
                                : g_strdup_printf("%" G_GUINT64_FORMAT " x ", tensor->rows);
    refuse(error,
           "%s: %s: found %u dimensions, %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT
           ", expected %s%" G_GUINT64_FORMAT " as config.json says",
           path, tensor->name, found->dimensions, found->shape[0], found->shape[1], rows,
           tensor->columns);
    return FALSE;
  }
  place = g_new(Place, 1);
  *place = (Place){file, found};
  g_hash_table_insert(source->places, g_strdup(tensor->name), place);
  return TRUE;
}

static gboolean
place_all_in_file(CheckpointSource *source, const char *path, const WeightLayout *layout,
                  GError **error)
{
  Safetensors *file = open_file(source, path, error);

  for (guint i = 0; file != NULL && i < layout->tensors->len; i++)
    if (!place_tensor(source, file, &g_array_index(layout->tensors, WeightTensor, i), error))
      return FALSE;
  return file != NULL;
}

static gboolean
place_all_by_index(CheckpointSource *source, const char *folder, const char *index,
                   const WeightLayout *layout, GError **error)
{
  json_error_t at;
  g_autoptr(json_t) root = json_load_file(index, JSON_REJECT_DUPLICATES, &at);
  const json_t *map = json_object_get(root, "weight_map");

  if (!json_is_object(map)) {
    refuse(error, "%s:%d:%d: %s; expected an object with \"weight_map\"", index, at.line, at.column,
           root == NULL ? at.text : "found none");
    return FALSE;
  }
  for (guint i = 0; i < layout->tensors->len; i++) {
    const WeightTensor *tensor = &g_array_index(layout->tensors, WeightTensor, i);
    const char *shard = json_string_value(json_object_get(map, tensor->name));
    g_autofree char *path = NULL;
    Safetensors *file;
    if (shard == NULL || strchr(shard, '/') != NULL) {
      refuse(error, "%s: weight_map: found %s for %s, expected the name of a file beside it", index,
             shard != NULL ? shard : "nothing", tensor->name);
      return FALSE;
    }
    path = g_build_filename(folder, shard, NULL);
    file = open_file(source, path, error);
    if (file == NULL || !place_tensor(source, file, tensor, error))
      return FALSE;
  }
  return TRUE;
}

/* model.safetensors, or the folder's only file of that kind. *path is NULL where there is none. */
static gboolean
find_single(const char *folder, char **path, GError **error)
{
  g_autofree char *usual = g_build_filename(folder, "model.safetensors", NULL);
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  const char *name;

  *path = NULL;
  if (g_file_test(usual, G_FILE_TEST_EXISTS)) {
    *path = g_steal_pointer(&usual);
    return TRUE;
  }
  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    if (!g_str_has_suffix(name, ".safetensors"))
      continue;
    if (*path != NULL) {
      g_clear_pointer(path, g_free);
      refuse(error,
             "%s: found several .safetensors files and no " INDEX
             " that says which tensor is in which",
             folder);
      return FALSE;
    }
    *path = g_build_filename(folder, name, NULL);
  }
  return TRUE;
}

static gboolean
read_tensor(WeightSource *base, const WeightTensor *tensor, guint64 first, gsize n, float *values,
            GError **error)
{
  const Place *place = g_hash_table_lookup(((CheckpointSource *)base)->places, tensor->name);

  return safetensors_read(place->file, place->tensor, first, n, values, error);
}

static void
checkpoint_free(WeightSource *base)
{
  CheckpointSource *source = (CheckpointSource *)base;

  g_hash_table_unref(source->places);
  g_hash_table_unref(source->files);
  g_free(source);
}

static CheckpointSource *
checkpoint_new(void)
{
  CheckpointSource *source = g_new0(CheckpointSource, 1);

  source->base =
      (WeightSource){.name = "safetensors", .read = read_tensor, .free = checkpoint_free};
  source->files =
      g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)safetensors_free);
  source->places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  return source;
}

WeightSource *
weights_safetensors_open(const char *folder, const WeightLayout *layout, GError **error)
{
  g_autofree char *index = g_build_filename(folder, INDEX, NULL);
  g_autofree char *single = NULL;
  CheckpointSource *source;
  gboolean worked;

  if (g_file_test(index, G_FILE_TEST_EXISTS)) {
    source = checkpoint_new();
    worked = place_all_by_index(source, folder, index, layout, error);
  } else if (!find_single(folder, &single, error) || single == NULL) {
    return NULL;
  } else {
    source = checkpoint_new();
    worked = place_all_in_file(source, single, layout, error);
  }
  if (worked)
    return &source->base;
  checkpoint_free(&source->base);
  return NULL;
}
