/* LLMServingSim: layer times of one model on one device, as its profiler writes them.
 *
 *   meta.yaml          gpu, model, variant, versions
 *   dense.csv          layer,tokens,time_us
 *   per_sequence.csv   layer,sequences,time_us
 *   attention.csv      prefill_chunk,kv_prefill,n_decode,kv_decode,time_us
 *   skew.csv           n,nb,pc,kp,kvs,kv_big,t_mean_us,t_max_us,t_skew_us
 *
 * The tables stand beside meta.yaml, or in folders tp1, tp2 … there, one a tensor-parallel degree.
 * Shapes come from the model that meta.yaml names; its hf_overrides are those of the last degree
 * profiled, a shard of one layer, and are not read.
 */
#include "import_common.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  Profile *profile;
  Model *model;
  char *dtype;
  char *gpu, *model_name, *engine, *cuda, *date, *program; /* for the origin */
  GHashTable *left_out; /* layers that are no known operation, set of names */
  gint64 ranks;         /* tensor-parallel degree of the folder at hand */
  guint32 count;        /* timings behind a row */
  guint16 origin;
} Reader;

static void
add(Reader *reader, OperationKind kind, const char *variant, const gint64 *shape, double time_us)
{
  ProfileSample sample = {
      .operation = (guint8)kind,
      .origin = reader->origin,
      .count = reader->count,
      .variant = variant,
      .dtype = reader->dtype,
      .median_ns = time_us * NS_PER_US,
  };

  memcpy(sample.shape, shape, operation_n_shape(kind) * sizeof *shape);
  profile_add(reader->profile, &sample);
}

/* A layer as an operation: a GEMM if the variant is NULL. */
typedef struct {
  const char *variant;
  gint64 n, k; /* of a GEMM; n is the width otherwise */
} Layer;

static gboolean
find_layer(const Reader *reader, const char *name, Layer *layer)
{
  const Model *model = reader->model;
  gint64 ranks = reader->ranks, hidden = model->hidden, dim = model->head_dim;
  gint64 heads = model->heads / ranks, kv_heads = MAX(model->kv_heads / ranks, 1);
  gint64 ffn = model->ffn / ranks;
  const struct {
    const char *name;
    Layer layer;
  } layers[] = {
      {"embedding", {ELEMENTWISE_EMBEDDING, hidden, 0}},
      {"layernorm", {ELEMENTWISE_NORM, hidden, 0}},
      {"input_layernorm", {ELEMENTWISE_NORM, hidden, 0}},
      {"post_attention_layernorm", {ELEMENTWISE_NORM, hidden, 0}},
      {"qkv_proj", {NULL, (heads + 2 * kv_heads) * dim, hidden}},
      {"qk_norm", {"qk_norm", (heads + kv_heads) * dim, 0}},
      {"rotary_emb", {ELEMENTWISE_ROPE, (heads + kv_heads) * dim, 0}},
      {"o_proj", {NULL, hidden, heads * dim}},
      {"gate_up_proj", {NULL, 2 * ffn, hidden}},
      {"act_fn", {ELEMENTWISE_ACTIVATION, ffn, 0}},
      {"down_proj", {NULL, hidden, ffn}},
      {"moe_gate", {NULL, model->experts, hidden}},
      {"final_layernorm", {ELEMENTWISE_FINAL_NORM, hidden, 0}},
      {"lm_head", {NULL, model->vocab / ranks, hidden}},
  };

  for (guint i = 0; i < G_N_ELEMENTS(layers); i++)
    if (g_str_equal(layers[i].name, name)) {
      *layer = layers[i].layer;
      return layer->n > 0;
    }
  return FALSE;
}

static void
add_layer(Reader *reader, const char *name, gint64 rows, double time_us)
{
  Layer layer;

  if (g_str_equal(name, "sampler"))
    add(reader, OP_SAMPLING, "", (gint64[]){rows, reader->model->vocab}, time_us);
  else if (!find_layer(reader, name, &layer))
    g_hash_table_add(reader->left_out, g_strdup(name));
  else if (layer.variant == NULL)
    add(reader, OP_GEMM, "", (gint64[]){rows, layer.n, layer.k}, time_us);
  else
    add(reader, OP_ELEMENTWISE, layer.variant, (gint64[]){rows, layer.n}, time_us);
}

static gboolean
read_layers(Reader *reader, CsvTable *table, const char *rows_name, GError **error)
{
  int layer = csv_table_need(table, "layer"), rows = csv_table_need(table, rows_name);
  int time = csv_table_need(table, "time_us");

  while (csv_table_next(table)) {
    gint64 count = csv_table_whole(table, rows, 1);
    double time_us = csv_table_time(table, time);
    if (csv_table_ok(table))
      add_layer(reader, csv_table_text(table, layer), count, time_us);
  }
  return csv_table_finish(table, error);
}

static gboolean
read_dense(Reader *reader, CsvTable *table, GError **error)
{
  return read_layers(reader, table, "tokens", error);
}

static gboolean
read_per_sequence(Reader *reader, CsvTable *table, GError **error)
{
  return read_layers(reader, table, "sequences", error);
}

/* kv_prefill is what is cached before the chunk: a chunk of 2048 after kv_prefill 2048 takes 2.4
 * times one after 0, which it would not if the chunk were counted in it. */
static gboolean
read_attention(Reader *reader, CsvTable *table, GError **error)
{
  int chunk = csv_table_need(table, "prefill_chunk"), cached = csv_table_need(table, "kv_prefill");
  int decodes = csv_table_need(table, "n_decode"), context = csv_table_need(table, "kv_decode");
  int time = csv_table_need(table, "time_us");
  const Model *model = reader->model;

  while (csv_table_next(table)) {
    gint64 new_tokens = csv_table_whole(table, chunk, 0);
    gint64 shape[] = {
        new_tokens > 0,
        new_tokens,
        csv_table_whole(table, cached, 0),
        csv_table_whole(table, decodes, 0),
        csv_table_whole(table, context, 0),
        model->heads / reader->ranks,
        MAX(model->kv_heads / reader->ranks, 1),
        model->head_dim,
    };
    double time_us = csv_table_time(table, time);
    if (csv_table_ok(table) && new_tokens == 0 && shape[3] == 0)
      csv_table_fail(table, decodes, "a prefill chunk or decodes above 0");
    if (csv_table_ok(table))
      add(reader, OP_ATTENTION, "", shape, time_us);
  }
  return csv_table_finish(table, error);
}

static gboolean
read_skew(Reader *reader, CsvTable *table, GError **error)
{
  static const char *const names[] = {"pc", "kp", "n", "nb", "kvs", "kv_big"};
  static const char *const variants[] = {"mean", "max", "skew"};
  int columns[G_N_ELEMENTS(names)], times[G_N_ELEMENTS(variants)];
  const Model *model = reader->model;

  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    columns[i] = csv_table_need(table, names[i]);
  for (guint i = 0; i < G_N_ELEMENTS(variants); i++) {
    g_autofree char *name = g_strdup_printf("t_%s_us", variants[i]);
    times[i] = csv_table_need(table, name);
  }
  while (csv_table_next(table)) {
    gint64 shape[OPERATION_SHAPE_MAX] = {0};
    double times_us[G_N_ELEMENTS(variants)];
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
      shape[i] = csv_table_whole(table, columns[i], 0);
    shape[6] = model->heads / reader->ranks;
    shape[7] = MAX(model->kv_heads / reader->ranks, 1);
    shape[8] = model->head_dim;
    for (guint i = 0; i < G_N_ELEMENTS(variants); i++)
      times_us[i] = csv_table_time(table, times[i]);
    for (guint i = 0; csv_table_ok(table) && i < G_N_ELEMENTS(variants); i++)
      add(reader, OP_ATTENTION_SKEW, variants[i], shape, times_us[i]);
  }
  return csv_table_finish(table, error);
}

static const struct {
  const char *file;
  gboolean (*read)(Reader *reader, CsvTable *table, GError **error);
} tables[] = {
    {"dense.csv", read_dense},
    {"per_sequence.csv", read_per_sequence},
    {"attention.csv", read_attention},
    {"skew.csv", read_skew},
};

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

/* All of the origin but its source, which each table sets. */
static void
read_origin(Reader *reader, const char *const *lines)
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

static void
add_origin(Reader *reader, const char *path)
{
  g_autofree char *source = import_source("llmservingsim", path);
  const ProfileOrigin origin = {
      .source = source,
      .measured_device = reader->gpu,
      .measured_model = reader->model_name,
      .engine = reader->engine,
      .cuda = reader->cuda,
      .date = reader->date,
      .program_version = reader->program,
  };

  reader->origin = profile_add_origin(reader->profile, &origin);
}

static gboolean
check_ranks(const Reader *reader, const char *folder, GError **error)
{
  const Model *model = reader->model;

  if (reader->ranks >= 1 && model->heads % reader->ranks == 0 && model->ffn % reader->ranks == 0)
    return TRUE;
  g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE,
              "%s: the %u heads of %s cannot be shared by %" G_GINT64_FORMAT " devices", folder,
              model->heads, model->name, reader->ranks);
  return FALSE;
}

/* The tables of one tensor-parallel degree; counts them. */
static gboolean
read_folder(Reader *reader, const char *folder, const char *only, guint *n_tables, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
    g_autofree char *path = g_build_filename(folder, tables[i].file, NULL);
    if ((only != NULL && !g_str_equal(only, tables[i].file)) ||
        !g_file_test(path, G_FILE_TEST_EXISTS))
      continue;
    g_autoptr(CsvTable) table = csv_table_open(path, error);
    if (table == NULL || !check_ranks(reader, folder, error))
      return FALSE;
    add_origin(reader, path);
    if (!tables[i].read(reader, table, error))
      return FALSE;
    ++*n_tables;
  }
  return TRUE;
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
is_table(const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
    if (g_str_equal(tables[i].file, name))
      return TRUE;
  return FALSE;
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
    else if (!is_table(place->only))
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

static gboolean
sniff(const char *path)
{
  g_auto(Place) place = {0};

  return find_place(path, &place);
}

static gboolean
read_place(Reader *reader, const Place *place, GError **error)
{
  g_autoptr(GDir) folder = NULL;
  guint n_tables = 0;
  const char *name;

  reader->ranks = MAX(ranks_of(place->folder), 1);
  if (place->ranks == NULL && !read_folder(reader, place->folder, place->only, &n_tables, error))
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
    if (!read_folder(reader, path, place->only, &n_tables, error))
      return FALSE;
  }
  if (n_tables == 0)
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE,
                "%s: no table beside meta.yaml, expected dense.csv, per_sequence.csv, "
                "attention.csv, skew.csv, there or in tp1, tp2, …",
                place->folder);
  return n_tables > 0;
}

static void
add_notes(Reader *reader)
{
  g_autoptr(GList) names =
      g_list_sort(g_hash_table_get_keys(reader->left_out), (GCompareFunc)strcmp);

  import_add_note(reader->profile,
                  "LLMServingSim: kernel time of an eager model of one layer, without the host's; "
                  "shapes are those of %s; a norm adds the residual, and there are two a layer; "
                  "cached_tokens of attention are those before the chunk.",
                  reader->model->name);
  import_add_note(reader->profile,
                  "attention_skew is timed on three times the scale of attention: only ratios of "
                  "its variants count. Its published fit (skew_fit.csv) is not read.");
  for (GList *name = names; name != NULL; name = name->next)
    import_add_note(reader->profile, "The layer %s is no known operation and was left out.",
                    (const char *)name->data);
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
reader_clear(Reader *reader)
{
  g_free(reader->gpu);
  g_free(reader->model_name);
  g_free(reader->engine);
  g_free(reader->cuda);
  g_free(reader->date);
  g_free(reader->program);
  g_free(reader->dtype);
  model_free(reader->model);
  g_hash_table_unref(reader->left_out);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reader, reader_clear)

static gboolean
read_meta(Reader *reader, const char *path, const ImportContext *context, GError **error)
{
  g_autofree char *content = NULL, *variant = NULL;
  g_auto(GStrv) text = NULL;
  const char *const *lines;

  if (!g_file_get_contents(path, &content, NULL, error))
    return FALSE;
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
  reader->dtype = g_strdup(import_dtype(variant));
  read_origin(reader, lines);
  reader->model = find_model(context, reader->model_name, path, error);
  return reader->model != NULL;
}

static gboolean
import_read(Profile *profile, const char *path, const ImportContext *context, GError **error)
{
  g_auto(Place) place = {0};
  g_autofree char *meta = NULL;
  g_auto(Reader) reader = {.profile = profile};

  reader.left_out = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  if (!find_place(path, &place)) {
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
  add_notes(&reader);
  return TRUE;
}

const ProfileImporter profile_importer_llmservingsim = {
    .name = "llmservingsim",
    .help = "a folder of LLMServingSim's profiler: meta.yaml and its tables",
    .sniff = sniff,
    .read = import_read,
};
