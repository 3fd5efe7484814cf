/* The tables of LLMServingSim, as operations; llmservingsim.c finds them and says what they
 * are of.
 */
#include "llmservingsim.h"

#include <string.h>

static void
add(LlmServingSim *reader, OperationKind kind, const char *variant, const gint64 *shape,
    double time_us)
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
} TableLayer;

static gboolean
find_layer(const LlmServingSim *reader, const char *name, TableLayer *layer)
{
  const Model *model = reader->model;
  gint64 ranks = reader->ranks, hidden = model->hidden, dim = model->head_dim;
  gint64 heads = model->heads / ranks, kv_heads = MAX(model->kv_heads / ranks, 1);
  gint64 ffn = model->ffn / ranks;
  const struct {
    const char *name;
    TableLayer layer;
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
add_layer(LlmServingSim *reader, const char *name, gint64 rows, double time_us)
{
  TableLayer layer;

  if (g_str_equal(name, "sampler"))
    add(reader, OP_SAMPLING, "", (gint64[]){rows, reader->model->vocab / reader->ranks}, time_us);
  else if (!find_layer(reader, name, &layer))
    g_hash_table_add(reader->left_out, g_strdup(name));
  else if (layer.variant == NULL)
    add(reader, OP_GEMM, "", (gint64[]){rows, layer.n, layer.k}, time_us);
  else
    add(reader, OP_ELEMENTWISE, layer.variant, (gint64[]){rows, layer.n}, time_us);
}

static gboolean
read_layers(LlmServingSim *reader, CsvTable *table, const char *rows_name, GError **error)
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
read_dense(LlmServingSim *reader, CsvTable *table, GError **error)
{
  return read_layers(reader, table, "tokens", error);
}

static gboolean
read_per_sequence(LlmServingSim *reader, CsvTable *table, GError **error)
{
  return read_layers(reader, table, "sequences", error);
}

/* kv_prefill is what is cached before the chunk: a chunk of 2048 after kv_prefill 2048 takes 2.4
 * times one after 0, which it would not if the chunk were counted in it. */
static gboolean
read_attention(LlmServingSim *reader, CsvTable *table, GError **error)
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
read_skew(LlmServingSim *reader, CsvTable *table, GError **error)
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

/* One layer's routed experts, by tokens and by how many of the experts on the device they touch.
 * Of a group of `ep` devices each holds experts whole; else all are split by the folder's degree.
 */
static gboolean
read_moe(LlmServingSim *reader, CsvTable *table, GError **error)
{
  int tokens = csv_table_need(table, "tokens"), ep = csv_table_column(table, "ep");
  int touched = csv_table_need(table, "activated_experts");
  int time = csv_table_need(table, "time_us");
  const Model *model = reader->model;

  while (csv_table_next(table)) {
    gint64 groups = ep >= 0 ? csv_table_whole(table, ep, 1) : 1;
    const gint64 shape[] = {
        csv_table_whole(table, tokens, 1),
        model->hidden,
        model->ffn,
        model->active_experts,
        model->experts,
        MAX(reader->ranks / groups, 1),
        groups,
        csv_table_whole(table, touched, 1),
    };
    double time_us = csv_table_time(table, time);
    if (csv_table_ok(table) && model->experts == 0)
      csv_table_fail(table, touched, "none, as %s has no experts", model->name);
    if (csv_table_ok(table) && shape[7] > model->experts / groups)
      csv_table_fail(table, touched, "at most the %u experts of %s on %" G_GINT64_FORMAT " devices",
                     model->experts, model->name, groups);
    if (csv_table_ok(table))
      add(reader, OP_MOE, MOE_TOUCHED, shape, time_us);
  }
  return csv_table_finish(table, error);
}

typedef gboolean (*ReadTable)(LlmServingSim *reader, CsvTable *table, GError **error);

static const struct {
  const char *file;
  ReadTable read;
} tables[] = {
    {"dense.csv", read_dense},
    {"per_sequence.csv", read_per_sequence},
    {"attention.csv", read_attention},
    {"skew.csv", read_skew},
    {"moe.csv", read_moe},
};

/* A table that was measured again with another engine has that engine's version under its name. */
static char *
engine_of(const LlmServingSim *reader, const char *path)
{
  g_autofree char *file = g_path_get_basename(path);
  g_autofree char *category = g_strndup(file, strcspn(file, "."));
  const char *version = g_hash_table_lookup(reader->versions, category);

  return version != NULL ? g_strconcat("vLLM ", version, NULL) : g_strdup(reader->engine);
}

static void
add_origin(LlmServingSim *reader, const char *path)
{
  g_autofree char *source = import_source("llmservingsim", path);
  g_autofree char *engine = engine_of(reader, path);
  const ProfileOrigin origin = {
      .source = source,
      .measured_device = reader->gpu,
      .measured_model = reader->model_name,
      .engine = engine,
      .cuda = reader->cuda,
      .date = reader->date,
      .program_version = reader->program,
  };

  reader->origin = profile_add_origin(reader->profile, &origin);
}

static gboolean
check_ranks(const LlmServingSim *reader, const char *folder, GError **error)
{
  const Model *model = reader->model;

  if (reader->ranks >= 1 && model->heads % reader->ranks == 0 && model->ffn % reader->ranks == 0)
    return TRUE;
  g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE,
              "%s: the %u heads of %s cannot be shared by %" G_GINT64_FORMAT " devices", folder,
              model->heads, model->name, reader->ranks);
  return FALSE;
}

static gboolean
read_file(LlmServingSim *reader, const char *path, ReadTable read, GError **error)
{
  g_autoptr(CsvTable) table = csv_table_open(path, error);

  if (table == NULL)
    return FALSE;
  add_origin(reader, path);
  return read(reader, table, error);
}

gboolean
llmservingsim_read_moe(LlmServingSim *reader, const char *path, GError **error)
{
  return read_file(reader, path, read_moe, error);
}

/* Tables of the folder that are not read, with their rows. */
static gboolean
note_others(LlmServingSim *reader, const char *folder, GError **error)
{
  g_autoptr(GDir) dir = g_dir_open(folder, 0, error);
  GList *names = NULL;
  const char *name;

  if (dir == NULL)
    return FALSE;
  while ((name = g_dir_read_name(dir)) != NULL)
    if (g_str_has_suffix(name, ".csv") && !llmservingsim_is_table(name) &&
        !g_str_equal(name, "skew_fit.csv"))
      names = g_list_insert_sorted(names, g_strdup(name), (GCompareFunc)strcmp);
  for (GList *at = names; at != NULL; at = at->next) {
    g_autofree char *path = g_build_filename(folder, at->data, NULL);
    g_autoptr(CsvTable) table = csv_table_open(path, NULL);
    guint rows = 0;
    while (table != NULL && csv_table_next(table))
      rows++;
    import_add_note(reader->profile, "%u rows of %s were left out: a table that no cost asks for.",
                    rows, (const char *)at->data);
  }
  g_list_free_full(names, g_free);
  return TRUE;
}

gboolean
llmservingsim_read_folder(LlmServingSim *reader, const char *folder, const char *only,
                          guint *n_tables, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
    g_autofree char *path = g_build_filename(folder, tables[i].file, NULL);
    if ((only != NULL && !g_str_equal(only, tables[i].file)) ||
        !g_file_test(path, G_FILE_TEST_EXISTS))
      continue;
    if (!check_ranks(reader, folder, error) || !read_file(reader, path, tables[i].read, error))
      return FALSE;
    ++*n_tables;
  }
  return only != NULL || note_others(reader, folder, error);
}

gboolean
llmservingsim_is_table(const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
    if (g_str_equal(tables[i].file, name))
      return TRUE;
  return FALSE;
}
