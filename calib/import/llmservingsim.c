/* LLMServingSim: layer times of one model on one device, as its profiler writes them.
 *
 *   meta.yaml          gpu, model, variant, versions
 *   dense.csv          layer,tokens,time_us
 *   per_sequence.csv   layer,sequences,time_us
 *   attention.csv, skew.csv, linear_attention.csv   see llmservingsim_attention.c
 *   moe.csv            tokens,activated_experts,time_us and, of newer versions, ep
 *
 * The tables stand beside meta.yaml, or in folders tp1, tp2 … there, one a tensor-parallel degree.
 * Shapes come from the model that meta.yaml names; its hf_overrides are those of the last degree
 * profiled, a shard of one layer, and are not read. A degree is profiled as such a shard on one
 * device: its head and sampler have that share of the vocabulary. moe.csv is read by itself, too,
 * where the model and the device are given.
 */
#include "llmservingsim.h"

#include "files/input.h"

#include <stdlib.h>
#include <string.h>

/* The value of a top-level key of meta.yaml, NULL if it is not there. The caller frees it. */
static char *
meta_value(const char *const *lines, const char *key)
{
  gsize bytes = strlen(key);

  for (; *lines != NULL; lines++)
    if (g_str_has_prefix(*lines, key) && (*lines)[bytes] == ':') {
      char *value = g_strstrip(g_strdup(*lines + bytes + 1));
      gsize end = strlen(value);
      if (end >= 2 && strchr("'\"", value[0]) != NULL && value[end - 1] == value[0]) {
        value[end - 1] = '\0';
        memmove(value, value + 1, end - 1);
      }
      if (*value != '\0')
        return value;
      g_free(value);
    }
  return NULL;
}

static char *
need_meta(const char *const *lines, const char *path, const char *key, GError **error)
{
  char *value = meta_value(lines, key);

  if (value == NULL)
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE, "%s: has no line \"%s: …\"", path, key);
  return value;
}

/* Fills in the origin but for its source, which each table sets. */
static void
read_origin(LlmServingSim *reader, const char *const *lines)
{
  g_autofree char *vllm = meta_value(lines, "vllm_version");
  g_autofree char *version = meta_value(lines, "profiler_version");
  g_autofree char *repeats = meta_value(lines, "measurement_iterations");

  reader->cuda = meta_value(lines, "cuda_version");
  reader->date = meta_value(lines, "profiled_at");
  if (vllm != NULL)
    reader->engine = g_strconcat("vLLM ", vllm, NULL);
  if (version != NULL)
    reader->program = g_strconcat("LLMServingSim profiler ", version, NULL);
  if (repeats != NULL)
    reader->count = (guint32)g_ascii_strtoull(repeats, NULL, 10);
}

/* Versions under category_provenance: a line "  TABLE:", below it "    vllm_version: V". */
static void
read_versions(LlmServingSim *reader, const char *const *lines)
{
  g_autofree char *table = NULL;
  gboolean is_there = FALSE;

  for (; *lines != NULL; lines++) {
    const char *line = *lines;
    gsize indent = strspn(line, " ");
    if (indent == 0)
      is_there = g_str_has_prefix(line, "category_provenance:");
    if (!is_there || indent == 0)
      continue;
    if (g_str_has_suffix(line, ":")) {
      g_free(table);
      table = g_strndup(line + indent, strlen(line + indent) - 1);
    } else if (table != NULL && g_str_has_prefix(line + indent, "vllm_version:")) {
      g_hash_table_replace(reader->versions, g_strdup(table),
                           meta_value((const char *const[]){line + indent, NULL}, "vllm_version"));
    }
  }
}

/* "…/tp2" is 2, any other name 0. */
static gint64
ranks_of(const char *folder)
{
  g_autofree char *name = g_path_get_basename(folder);
  char *stop;
  gint64 ranks;

  if (!g_str_has_prefix(name, "tp") || !g_ascii_isdigit(name[2]))
    return 0;
  ranks = g_ascii_strtoll(name + 2, &stop, 10);
  return *stop == '\0' ? ranks : 0;
}

static gboolean
is_ranks_folder(const char *path)
{
  return ranks_of(path) > 0;
}

/* Where meta.yaml is, and what of it is meant. */
typedef struct {
  char *folder; /* that holds meta.yaml */
  char *ranks;  /* the one tpN folder that is meant, NULL for all */
  char *only;   /* the one table that is meant, NULL for all */
} Place;

static void
place_clear(Place *place)
{
  g_free(place->folder);
  g_free(place->ranks);
  g_free(place->only);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

static gboolean
has_meta(const char *folder)
{
  g_autofree char *meta = g_build_filename(folder, "meta.yaml", NULL);

  return g_file_test(meta, G_FILE_TEST_IS_REGULAR);
}

static gboolean
find_place(const char *path, Place *place)
{
  g_autofree char *folder = g_canonicalize_filename(path, NULL);
  g_autofree char *perf = g_build_filename(folder, "perf", NULL);

  if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
    g_autofree char *file = g_steal_pointer(&folder);
    place->only = g_path_get_basename(file);
    folder = g_path_get_dirname(file);
    if (g_str_equal(place->only, "meta.yaml"))
      g_clear_pointer(&place->only, g_free);
    else if (!llmservingsim_is_table(place->only))
      return FALSE;
  } else if (has_meta(perf)) {
    place->folder = g_steal_pointer(&perf);
    return TRUE;
  }
  if (!has_meta(folder) && is_ranks_folder(folder)) {
    place->ranks = g_steal_pointer(&folder);
    folder = g_path_get_dirname(place->ranks);
  }
  place->folder = g_steal_pointer(&folder);
  return has_meta(place->folder);
}

/* A table of experts without meta.yaml. */
static gboolean
is_lone_moe(const char *path)
{
  static const char *const columns[] = {"tokens", "activated_experts", "time_us", NULL};

  return import_header_has(path, columns);
}

static gboolean
sniff(const char *path)
{
  g_auto(Place) place = {0};

  return llmservingsim_is_hardware(path) || find_place(path, &place) || is_lone_moe(path);
}

static gboolean
read_place(LlmServingSim *reader, const Place *place, GError **error)
{
  g_autoptr(GDir) folder = NULL;
  guint n_tables = 0;
  const char *name;

  reader->ranks = MAX(ranks_of(place->folder), 1);
  if (place->ranks == NULL &&
      !llmservingsim_read_folder(reader, place->folder, place->only, &n_tables, error))
    return FALSE;
  folder = g_dir_open(place->folder, 0, error);
  if (folder == NULL)
    return FALSE;
  while ((name = g_dir_read_name(folder)) != NULL) {
    g_autofree char *path = g_build_filename(place->folder, name, NULL);
    if (!is_ranks_folder(path) || !g_file_test(path, G_FILE_TEST_IS_DIR) ||
        (place->ranks != NULL && !g_str_equal(place->ranks, path)) ||
        (place->ranks == NULL && place->only != NULL))
      continue;
    reader->ranks = ranks_of(path);
    if (!llmservingsim_read_folder(reader, path, place->only, &n_tables, error))
      return FALSE;
  }
  if (n_tables == 0)
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE,
                "%s: no table beside meta.yaml, expected dense.csv, per_sequence.csv, "
                "attention.csv, linear_attention.csv, skew.csv, moe.csv, there or in tp1, tp2, …",
                place->folder);
  return n_tables > 0;
}

/* vLLM 0.28 on an RTX PRO 6000, the same steps with graphs and without, in turn: 0.587 ms of
 * Llama-3.1-8B's 32 layers, 1.068 of Qwen3-32B's 64, whatever the batch; and by the kernels in the
 * graph: 0.482 of 32 layers where attention is not in it. Of 10 kernels a layer that is 1.83 and
 * 1.67 us each (the profiler's README, Step sweep; step.csv). */
#define LAUNCH_US 1.75
#define LAUNCH_SOURCE                                                                              \
  "LLMServingSim's profiler (README, Step sweep; RTX PRO 6000, vLLM 0.28): a captured graph "      \
  "takes "                                                                                         \
  "0.587 ms less than Llama-3.1-8B's kernels launched one by one, 1.068 ms of Qwen3-32B: 1.83 "    \
  "and "                                                                                           \
  "1.67 us a kernel"

static void
add_launch(LlmServingSim *reader)
{
  const ProfileOrigin origin = {.source = LAUNCH_SOURCE};
  const ProfileSample sample = {
      .operation = OP_LAUNCH,
      .derived = 1,
      .origin = profile_add_origin(reader->profile, &origin),
      .variant = "",
      .dtype = "",
      .kernel = "",
      .shape = {1},
      .median_ns = LAUNCH_US * NS_PER_US,
  };

  profile_add(reader->profile, &sample);
}

/* What was left out, by reason. */
static void
tell_left_out(LlmServingSim *reader)
{
  g_autoptr(GList) names =
      g_list_sort(g_hash_table_get_keys(reader->left_out), (GCompareFunc)strcmp);

  for (GList *name = names; name != NULL; name = name->next)
    import_add_note(reader->profile, "%u rows were left out: %s.",
                    GPOINTER_TO_UINT(g_hash_table_lookup(reader->left_out, name->data)),
                    (const char *)name->data);
}

static gboolean
read_collectives(LlmServingSim *reader, const char *path, GError **error)
{
  if (!llmservingsim_read_hardware(reader, path, error))
    return FALSE;
  import_know_device(reader->profile, reader->gpu);
  tell_left_out(reader);
  return TRUE;
}

static void
add_notes(LlmServingSim *reader)
{
  import_add_note(reader->profile,
                  "LLMServingSim: kernel time of an eager model of one layer, without the host's; "
                  "shapes are those of %s; a norm adds the residual, and there are two a layer; "
                  "cached_tokens of attention are those before the chunk.",
                  reader->model->name);
  import_add_note(reader->profile,
                  "attention_skew is timed on three times the scale of attention: only ratios of "
                  "its variants count. Its published fit (skew_fit.csv) is not read.");
  tell_left_out(reader);
}

static Model *
find_model(const ImportContext *context, const char *name, const char *meta, GError **error)
{
  Model *model = NULL;
  g_autoptr(GError) why = NULL;

  if (context->find_model != NULL)
    model = context->find_model(name, context->data, &why);
  if (model == NULL)
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_MODEL,
                "%s: the shape of the model \"%s\" is needed (the tables have none): give its "
                "config.json with --model%s%s",
                meta, name, why != NULL ? "; " : "", why != NULL ? why->message : "");
  return model;
}

static void
reader_clear(LlmServingSim *reader)
{
  g_free(reader->gpu);
  g_free(reader->model_name);
  g_free(reader->engine);
  g_free(reader->cuda);
  g_free(reader->date);
  g_free(reader->program);
  g_free(reader->dtype);
  g_free(reader->attention_dtype);
  model_free(reader->model);
  g_hash_table_unref(reader->left_out);
  g_hash_table_unref(reader->versions);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LlmServingSim, reader_clear)

/* "bf16", "fp8-kvfp8": weights and, where it is not theirs, KV. FP8 is with scales as the model has
 * them. */
static void
set_dtypes(LlmServingSim *reader, const char *variant)
{
  const char *kv = strstr(variant, "-kv");
  g_autofree char *weights =
      kv != NULL ? g_strndup(variant, (gsize)(kv - variant)) : g_strdup(variant);
  const char *dtype = import_dtype(weights);

  reader->plain_dtype = g_str_equal(dtype, "float16") ? "float16" : "bfloat16";
  reader->attention_dtype =
      kv != NULL ? g_strdup_printf("%s+%skv", reader->plain_dtype, import_dtype(kv + strlen("-kv")))
                 : g_strdup(reader->plain_dtype);
  if (g_str_equal(dtype, "fp8") && g_str_equal(reader->model->dtype, "fp8_block"))
    dtype = "fp8_block";
  reader->dtype = g_strdup(dtype);
}

static gboolean
read_meta(LlmServingSim *reader, const char *path, const ImportContext *context, GError **error)
{
  g_autofree char *content = NULL, *variant = NULL;
  g_auto(GStrv) text = NULL;
  const char *const *lines;

  content = input_read(path, INPUT_PLAIN, INPUT_TEXT_MAX_BYTES, NULL, error);
  if (content == NULL) {
    g_prefix_error(error, "%s: cannot be read: ", path);
    return FALSE;
  }
  text = g_strsplit(content, "\n", -1);
  lines = (const char *const *)text;
  reader->gpu = meta_value(lines, "gpu");
  if (reader->gpu == NULL)
    reader->gpu = need_meta(lines, path, "hardware", error);
  if (reader->gpu != NULL)
    reader->model_name = need_meta(lines, path, "model", error);
  if (reader->model_name != NULL)
    variant = need_meta(lines, path, "variant", error);
  if (variant == NULL)
    return FALSE;
  read_origin(reader, lines);
  read_versions(reader, lines);
  reader->model = find_model(context, reader->model_name, path, error);
  if (reader->model != NULL)
    set_dtypes(reader, variant);
  return reader->model != NULL;
}

/* The table has no shape, no dtype and no device: they are the given model's and device's. */
static gboolean
read_lone_moe(LlmServingSim *reader, const char *path, const ImportContext *context, GError **error)
{
  g_autofree char *file = g_path_get_basename(path);

  reader->ranks = 1;
  reader->gpu = g_strdup(reader->profile->device);
  reader->model_name = g_strdup("");
  reader->model = find_model(context, "of this table", path, error);
  if (reader->model == NULL)
    return FALSE;
  set_dtypes(reader, reader->model->dtype);
  reader->engine = g_strdup("");
  if (!llmservingsim_read_moe(reader, path, error))
    return FALSE;
  import_know_device(reader->profile, reader->gpu);
  import_add_note(reader->profile,
                  "LLMServingSim: %s is of %s in %s on one device, as was said: it names none.",
                  file, reader->model->name, reader->dtype);
  return TRUE;
}

static gboolean
import_read(Profile *profile, const char *path, const ImportContext *context, GError **error)
{
  g_auto(Place) place = {0};
  g_autofree char *meta = NULL;
  g_auto(LlmServingSim) reader = {.profile = profile};

  reader.left_out = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  reader.versions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  if (llmservingsim_is_hardware(path))
    return read_collectives(&reader, path, error);
  if (!find_place(path, &place)) {
    if (is_lone_moe(path))
      return read_lone_moe(&reader, path, context, error);
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE,
                "%s: expected a folder with meta.yaml, one that holds such a folder as perf, or "
                "one of its tables",
                path);
    return FALSE;
  }
  meta = g_build_filename(place.folder, "meta.yaml", NULL);
  if (!read_meta(&reader, meta, context, error) || !read_place(&reader, &place, error))
    return FALSE;
  import_know_device(profile, reader.gpu);
  add_launch(&reader);
  add_notes(&reader);
  return TRUE;
}

const ProfileImporter profile_importer_llmservingsim = {
    .name = "llmservingsim",
    .help = "a folder of LLMServingSim's profiler: meta.yaml and its tables",
    .sniff = sniff,
    .read = import_read,
};
