/* The tables of LLMServingSim, as operations; llmservingsim.c finds them and says what they
 * are of.
 */
#include "llmservingsim.h"

#include <string.h>

static void
add(LlmServingSim *reader, OperationKind kind, const char *variant, const char *dtype,
    const gint64 *shape, double time_us)
{
  const ProfileSample sample = llmservingsim_sample(reader, kind, variant, dtype, shape, time_us);

  profile_add(reader->profile, &sample);
}

/* The kinds of layers that tables name their parts of; NULL where the model has none. */
typedef struct {
  const Layer *full, *sparse, *latent, *states, *dense;
} Kinds;

static Kinds
find_kinds(const Model *model)
{
  Kinds kinds = {NULL};

  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    const Layer **kind = layer->mixer.latent_dim > 0            ? &kinds.latent
                         : layer->mixer.kind == MIXER_FULL      ? &kinds.full
                         : layer->mixer.kind == MIXER_SPARSE    ? &kinds.sparse
                         : layer->mixer.kind == MIXER_RECURRENT ? &kinds.states
                                                                : NULL;
    if (kind != NULL && *kind == NULL)
      *kind = layer;
    if (kinds.dense == NULL && layer->experts == 0 && layer->ffn > 0)
      kinds.dense = layer;
  }
  return kinds;
}

/* A layer as an operation: a GEMM if the variant is NULL. */
typedef struct {
  const char *variant;
  gint64 n, k;       /* of a GEMM; n is the width otherwise */
  gboolean is_plain; /* at 16 bits, whatever the weights are */
} TableLayer;

/* The products of a mixer that read the layer's input, fused or launched one after the other: as
 * many outputs as all of them have. NULL: none. */
static TableLayer
input_products(const Layer *layer, gint64 hidden, gint64 ranks)
{
  TableLayer sum = {NULL, 0, hidden, FALSE};

  for (guint i = 0; layer != NULL && i < layer->n_mixer_matrices; i++)
    if (layer->matrices[i].split != SPLIT_INPUTS && (gint64)layer->matrices[i].k == hidden)
      sum.n += (gint64)matrix_rank_n(&layer->matrices[i], &layer->mixer, (guint32)ranks);
  return sum;
}

/* A mixer's product of all that its heads have made: the last of those that are split by inputs. */
static TableLayer
output_product(const Layer *layer, gint64 hidden, gint64 ranks)
{
  TableLayer out = {NULL, 0, 0, FALSE};

  for (guint i = 0; layer != NULL && i < layer->n_mixer_matrices; i++)
    if (layer->matrices[i].split == SPLIT_INPUTS)
      out = (TableLayer){NULL, hidden, (gint64)matrix_rank_k(&layer->matrices[i], (guint32)ranks),
                         FALSE};
  return out;
}

static gboolean
find_layer(const LlmServingSim *reader, const char *name, TableLayer *layer)
{
  const Model *model = reader->model;
  const Kinds kinds = find_kinds(model);
  gint64 ranks = reader->ranks, hidden = model->hidden;
  gint64 rotated =
      kinds.full != NULL
          ? (gint64)(kinds.full->mixer.heads / ranks + MAX(kinds.full->mixer.kv_heads / ranks, 1)) *
                kinds.full->mixer.head_dim
          : 0;
  gint64 ffn = kinds.dense != NULL ? kinds.dense->ffn / ranks : 0;
  const Layer *mixed = kinds.full != NULL ? kinds.full : kinds.latent;
  const struct {
    const char *name;
    TableLayer layer;
  } layers[] = {
      {"embedding", {ELEMENTWISE_EMBEDDING, hidden, 0, TRUE}},
      {"layernorm", {ELEMENTWISE_NORM, hidden, 0, TRUE}},
      {"input_layernorm", {ELEMENTWISE_NORM, hidden, 0, TRUE}},
      {"post_attention_layernorm", {ELEMENTWISE_NORM, hidden, 0, TRUE}},
      {"qkv_proj", input_products(kinds.full, hidden, ranks)},
      {"sparse_qkv_proj", input_products(kinds.sparse, hidden, ranks)},
      {"gdn_in_proj", input_products(kinds.states, hidden, ranks)},
      {"qk_norm", {ELEMENTWISE_QK_NORM, rotated, 0, TRUE}},
      {"rotary_emb", {ELEMENTWISE_ROPE, rotated, 0, TRUE}},
      {"o_proj", output_product(mixed, hidden, ranks)},
      {"sparse_o_proj", output_product(kinds.sparse, hidden, ranks)},
      {"gdn_out_proj", output_product(kinds.states, hidden, ranks)},
      {"gate_up_proj", {NULL, 2 * ffn, hidden, FALSE}},
      {"act_fn", {ELEMENTWISE_ACTIVATION, ffn, 0, TRUE}},
      {"down_proj", {NULL, ffn > 0 ? hidden : 0, ffn, FALSE}},
      {"moe_gate", {NULL, model->experts, hidden, TRUE}},
      {"final_layernorm", {ELEMENTWISE_FINAL_NORM, hidden, 0, TRUE}},
      {"lm_head", {NULL, (gint64)model_rank_vocab(model, (guint32)ranks), hidden, TRUE}},
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
    add(reader, OP_SAMPLING, "", reader->plain_dtype,
        (gint64[]){rows, (gint64)model_rank_logits(reader->model, (guint32)reader->ranks)},
        time_us);
  else if (!find_layer(reader, name, &layer))
    llmservingsim_leave_out_layer(reader, name);
  else if (layer.variant == NULL)
    add(reader, OP_GEMM, "", layer.is_plain ? reader->plain_dtype : reader->dtype,
        (gint64[]){rows, layer.n, layer.k}, time_us);
  else
    add(reader, OP_ELEMENTWISE, layer.variant, reader->plain_dtype, (gint64[]){rows, layer.n},
        time_us);
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
      add(reader, OP_MOE, MOE_TOUCHED, reader->dtype, shape, time_us);
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
    {"attention.csv", llmservingsim_read_attention},
    {"linear_attention.csv", llmservingsim_read_states},
    {"skew.csv", llmservingsim_read_skew},
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

static guint
count_rows(const char *path)
{
  g_autoptr(CsvTable) table = csv_table_open(path, NULL);
  guint rows = 0;

  while (table != NULL && csv_table_next(table))
    rows++;
  return rows;
}

/* moe_components/HASH/components.csv: parts of an expert layer on one rank of a group. */
static void
note_components(LlmServingSim *reader, const char *folder)
{
  g_autofree char *all = g_build_filename(folder, "moe_components", NULL);
  g_autoptr(GDir) dir = g_dir_open(all, 0, NULL);
  const char *name;
  guint rows = 0;

  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *path = g_build_filename(all, name, "components.csv", NULL);
    rows += count_rows(path);
  }
  if (rows > 0)
    import_add_note(reader->profile,
                    "%u rows of moe_components were left out: parts of what moe.csv has in one.",
                    rows);
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
    import_add_note(reader->profile, "%u rows of %s were left out: a table that no cost asks for.",
                    count_rows(path), (const char *)at->data);
  }
  g_list_free_full(names, g_free);
  note_components(reader, folder);
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
