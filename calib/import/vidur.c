/* Vidur: layers of one model on one device against tokens and tensor-parallel degree (…_mlp.csv),
 * attention (…_attention.csv), and the host's time of a step (…cpu_overheads….csv).
 *
 * Times are in ms, in steps of 1 us. The shape is that of the whole model; what one device holds is
 * that divided by the degree. mlp_up_proj is gate and up in one product where use_gated_mlp.
 */
#include "time_stats.h"

#include <string.h>

/* The shape of one device, from a row. */
typedef struct {
  gint64 ranks, hidden, heads, kv_heads, head_dim, ffn, up;
} Shard;

/* The columns of a shape. */
typedef struct {
  int ranks, heads, kv_heads, hidden, ffn, gated, tokens;
} ShapeColumns;

static ShapeColumns
need_shape(CsvTable *table)
{
  return (ShapeColumns){
      .ranks = time_stats_need_ranks(table),
      .heads = csv_table_need(table, "n_head"),
      .kv_heads = csv_table_need(table, "n_kv_head"),
      .hidden = csv_table_need(table, "n_embd"),
      .ffn = csv_table_need(table, "n_expanded_embd"),
      .gated = csv_table_need(table, "use_gated_mlp"),
      .tokens = csv_table_need(table, "num_tokens"),
  };
}

static Shard
read_shard(CsvTable *table, const ShapeColumns *columns)
{
  const char *gated = csv_table_text(table, columns->gated);
  gboolean is_gated = g_ascii_strcasecmp(gated, "true") == 0 || g_str_equal(gated, "1");
  gint64 heads = csv_table_whole(table, columns->heads, 1);
  gint64 kv_heads = csv_table_whole(table, columns->kv_heads, 1);
  gint64 ffn = csv_table_whole(table, columns->ffn, 1);
  Shard shard = {
      .ranks = csv_table_whole(table, columns->ranks, 1),
      .hidden = csv_table_whole(table, columns->hidden, 1),
  };

  if (heads % shard.ranks != 0 || ffn % shard.ranks != 0)
    csv_table_fail(table, columns->ranks, "a divisor of n_head and n_expanded_embd");
  if (shard.hidden % heads != 0)
    csv_table_fail(table, columns->hidden, "a multiple of n_head");
  shard.head_dim = shard.hidden / heads;
  shard.heads = heads / shard.ranks;
  shard.kv_heads = MAX(kv_heads / shard.ranks, 1);
  shard.ffn = ffn / shard.ranks;
  shard.up = is_gated ? 2 * shard.ffn : shard.ffn;
  return shard;
}

/* An operation's column and what it is: a GEMM if the variant is NULL. */
typedef struct {
  const char *name, *variant;
} Column;

enum { EMB, NORM_1, NORM_2, PRE, ROPE, POST, UP, ACT, DOWN, ADD, COLUMNS };

static const Column columns[COLUMNS] = {
    [EMB] = {"emb", ELEMENTWISE_EMBEDDING},
    [NORM_1] = {"input_layernorm", ELEMENTWISE_NORM},
    [NORM_2] = {"post_attention_layernorm", ELEMENTWISE_NORM},
    [PRE] = {"attn_pre_proj", NULL},
    [ROPE] = {"attn_rope", ELEMENTWISE_ROPE},
    [POST] = {"attn_post_proj", NULL},
    [UP] = {"mlp_up_proj", NULL},
    [ACT] = {"mlp_act", ELEMENTWISE_ACTIVATION},
    [DOWN] = {"mlp_down_proj", NULL},
    [ADD] = {"add", ELEMENTWISE_RESIDUAL},
};

static void
set_shape(ProfileSample *sample, guint column, gint64 tokens, const Shard *shard)
{
  const gint64 shapes[COLUMNS][2] = {
      [EMB] = {shard->hidden},
      [NORM_1] = {shard->hidden},
      [NORM_2] = {shard->hidden},
      [PRE] = {(shard->heads + 2 * shard->kv_heads) * shard->head_dim, shard->hidden},
      [ROPE] = {(shard->heads + shard->kv_heads) * shard->head_dim},
      [POST] = {shard->hidden, shard->heads * shard->head_dim},
      [UP] = {shard->up, shard->hidden},
      [ACT] = {shard->ffn},
      [DOWN] = {shard->hidden, shard->ffn},
      [ADD] = {shard->hidden},
  };

  sample->operation = columns[column].variant != NULL ? OP_ELEMENTWISE : OP_GEMM;
  sample->variant = columns[column].variant;
  sample->shape[0] = tokens;
  memcpy(sample->shape + 1, shapes[column], sizeof shapes[column]);
}

static gboolean
read_layers(Profile *profile, CsvTable *table, guint16 origin, GError **error)
{
  TimeStats stats[COLUMNS];
  gboolean has[COLUMNS];
  ShapeColumns shape = need_shape(table);

  for (guint i = 0; i < COLUMNS; i++)
    has[i] = time_stats_find(&stats[i], table, columns[i].name);
  while (csv_table_next(table)) {
    Shard shard = read_shard(table, &shape);
    gint64 tokens = csv_table_whole(table, shape.tokens, 1);
    for (guint i = 0; i < COLUMNS; i++) {
      ProfileSample sample = {.origin = origin, .dtype = "float16"};
      if (!has[i])
        continue;
      csv_table_time(table, stats[i].median);
      time_stats_read(&stats[i], &sample);
      set_shape(&sample, i, tokens, &shard);
      if (csv_table_ok(table))
        profile_add(profile, &sample);
    }
  }
  import_add_note(profile,
                  "Vidur: layers in float16, in steps of 1 us, each alone; norm is without the "
                  "residual, which is by itself; p10 and p90 are from the standard deviation.");
  return csv_table_finish(table, error);
}

/* The host's time of a step: all that Vidur adds to a step's kernels, each by its median;
 * ray_comm_time by its mean, which is all there is. */
static gboolean
read_host(Profile *profile, CsvTable *table, guint16 origin, GError **error)
{
  static const char *const names[] = {"schedule_median", "sampler_e2e_median",
                                      "prepare_inputs_e2e_median", "process_model_outputs_median",
                                      "ray_comm_time_mean"};
  int parts[G_N_ELEMENTS(names)], batch = csv_table_need(table, "batch_size");
  int ranks = csv_table_need(table, "tensor_parallel_degree");

  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    parts[i] = csv_table_need(table, names[i]);
  while (csv_table_next(table)) {
    gint64 sequences = csv_table_whole(table, batch, 1);
    g_autofree char *variant =
        g_strdup_printf("vidur-tp%" G_GINT64_FORMAT, csv_table_whole(table, ranks, 1));
    ProfileSample sample = {
        .operation = OP_HOST,
        .origin = origin,
        .variant = variant,
        .shape = {sequences, sequences},
    };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
      sample.median_ns += csv_table_number(table, parts[i]) * NS_PER_MS;
    if (csv_table_ok(table))
      profile_add(profile, &sample);
  }
  import_add_note(
      profile, "Host time of Vidur is of decode steps of an engine that drives its workers "
               "through Ray (schedule, prepare_inputs, process_model_outputs, and sampler, which "
               "waits for its kernels; medians, and the mean of ray_comm_time).");
  return csv_table_finish(table, error);
}

static gboolean
is_layers(const char *path)
{
  static const char *const names[] = {"time_stats.mlp_up_proj.median", "n_expanded_embd", NULL};

  return import_header_has(path, names);
}

static gboolean
is_host(const char *path)
{
  static const char *const names[] = {"schedule_median", "batch_size", NULL};

  return import_header_has(path, names);
}

/* Tables that are Vidur's only. */
static gboolean
is_own(const char *path)
{
  return is_layers(path) || is_host(path);
}

static gboolean
takes(const char *path)
{
  return is_own(path) || time_stats_is_attention(path);
}

static gboolean
read_file(Profile *profile, const char *path, const char *gpu,
          const char *engine G_GNUC_UNUSED, GError **error)
{
  g_autoptr(CsvTable) table = NULL;
  g_autofree char *model = is_host(path) ? import_first_text(path, "model_name") : NULL;
  guint16 origin;

  if (time_stats_is_attention(path))
    return time_stats_read_attention(profile, "vidur", path, gpu, error);
  table = csv_table_open(path, error);
  if (table == NULL)
    return FALSE;
  origin = time_stats_add_origin(profile, "vidur", path, gpu, model);
  return (model != NULL ? read_host : read_layers)(profile, table, origin, error);
}

static const ImportFiles files = {
    .takes = takes,
    .is_own = is_own,
    .gpu = time_stats_gpu,
    .read = read_file,
};

const ProfileImporter profile_importer_vidur = {
    .name = "vidur",
    .help = "a file or folder of Vidur: layers, attention, CPU overheads",
    .files = &files,
};
