/* LLMServingSim's tables of attention, of skewed contexts and of layers with a state.
 *
 *   attention.csv         prefill_chunk,kv_prefill or prefill_key,n_decode,kv_decode,time_us
 *   skew.csv              n,nb,pc,kp,kvs,kv_big,t_mean_us,t_max_us,t_skew_us
 *   linear_attention.csv  layer,prefill_tokens,n_decode,time_us
 *
 * Newer versions of the first two have layer and decode_q_len, too.
 *
 * prefill_key is the mean over the chunk's tokens of how far its own sequence looks back: what is
 * cached and half of its chunk. A key below half of the tokens is of as few equal chunks, of
 * sequences of their own, as make it so (the profiler's categories.py).
 *
 * A sparse layer runs two kernels on the same axes, the indexer and attention; their times add up
 * to one sample. Of rows that repeat a kernel at one shape the mean counts.
 */
#include "llmservingsim.h"

#include <math.h>
#include <string.h>

/* The first kind of layers with a mixer of this kind; NULL: there is none. */
static const Layer *
layer_of(const Model *model, MixerKind kind)
{
  for (guint i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].mixer.kind == kind)
      return &model->kinds[i];
  return NULL;
}

/* What a layer of the table is: a kernel of an operation, and which of the n_parts that a sample is
 * made of. */
typedef struct {
  OperationKind operation;
  const char *variant;
  const Mixer *mixer;
  guint part, n_parts;
} Kernel;

enum { PART_ATTENTION, PART_INDEXER, PARTS };

static gboolean
find_kernel(const Model *model, const char *name, Kernel *kernel)
{
  const Layer *full = layer_of(model, MIXER_FULL), *latent = layer_of(model, MIXER_LATENT);
  const Layer *sparse = layer_of(model, MIXER_SPARSE);
  gboolean is_latent = sparse != NULL && sparse->mixer.latent_dim > 0;
  gboolean is_attention = g_str_equal(name, "attention");

  if (is_attention && full != NULL)
    *kernel = (Kernel){OP_ATTENTION, "", &full->mixer, PART_ATTENTION, 1};
  else if (is_attention && latent != NULL)
    *kernel = (Kernel){OP_MLA, "", &latent->mixer, PART_ATTENTION, 1};
  else if (sparse != NULL && g_str_equal(name, "indexer"))
    *kernel = (Kernel){.part = PART_INDEXER};
  else if (sparse != NULL && g_str_equal(name, is_latent ? "attention" : "sparse_attention"))
    *kernel = (Kernel){.part = PART_ATTENTION};
  else
    return FALSE;
  if (kernel->mixer == NULL) {
    kernel->operation = is_latent ? OP_MLA : OP_ATTENTION_SPARSE;
    kernel->variant = is_latent ? MLA_SPARSE : "";
    kernel->mixer = &sparse->mixer;
    kernel->n_parts = PARTS;
  }
  return TRUE;
}

/* The fields from heads on. */
static void
set_heads(const Kernel *kernel, gint64 ranks, gint64 *shape)
{
  const Mixer *mixer = kernel->mixer;

  shape[0] = mixer->heads / ranks;
  if (kernel->operation == OP_MLA) {
    shape[1] = mixer->latent_dim;
    shape[2] = mixer->rope_dim;
    shape[3] = mixer->value_dim;
    return;
  }
  shape[1] = MAX(mixer->kv_heads / ranks, 1);
  shape[2] = mixer->head_dim;
  if (kernel->operation == OP_ATTENTION_SPARSE)
    shape[3] = mixer->window;
}

/* A sample whose parts come in rows of their own, one or several each. */
typedef struct {
  ProfileSample sample;
  guint n_parts;
  double part_ns[PARTS]; /* of all its rows */
  guint rows[PARTS];
} Sum;

static guint
hash_shape(gconstpointer key)
{
  const ProfileSample *sample = key;
  guint hash = sample->operation;

  for (guint i = 0; i < OPERATION_SHAPE_MAX; i++)
    hash = hash * 31 + (guint)sample->shape[i];
  return hash;
}

static gboolean
equal_shape(gconstpointer a, gconstpointer b)
{
  const ProfileSample *x = a, *y = b;

  return x->operation == y->operation && memcmp(x->shape, y->shape, sizeof x->shape) == 0;
}

static void
add_part(LlmServingSim *reader, GHashTable *sums, const Kernel *kernel, const gint64 *shape,
         double time_us)
{
  ProfileSample sample = llmservingsim_sample(
      reader, kernel->operation, kernel->variant,
      kernel->operation == OP_RECURRENT ? reader->plain_dtype : reader->attention_dtype, shape,
      time_us);
  Sum *sum;

  if (kernel->n_parts == 1) {
    profile_add(reader->profile, &sample);
    return;
  }
  sum = g_hash_table_lookup(sums, &sample);
  if (sum == NULL) {
    sum = g_new0(Sum, 1);
    sum->sample = sample;
    sum->n_parts = kernel->n_parts;
    g_hash_table_insert(sums, &sum->sample, sum);
  }
  sum->part_ns[kernel->part] += sample.median_ns;
  sum->rows[kernel->part]++;
}

static gint
compare_sums(gconstpointer a, gconstpointer b)
{
  const Sum *x = a, *y = b;

  return memcmp(x->sample.shape, y->sample.shape, sizeof x->sample.shape);
}

/* The time of all parts; FALSE where one has no row. */
static gboolean
add_up(const Sum *sum, double *ns)
{
  *ns = 0;
  for (guint i = 0; i < sum->n_parts; i++) {
    if (sum->rows[i] == 0)
      return FALSE;
    *ns += sum->part_ns[i] / sum->rows[i];
  }
  return TRUE;
}

static void
add_sums(LlmServingSim *reader, GHashTable *sums)
{
  g_autoptr(GList) all = g_list_sort(g_hash_table_get_values(sums), compare_sums);

  for (GList *at = all; at != NULL; at = at->next) {
    Sum *sum = at->data;
    if (add_up(sum, &sum->sample.median_ns))
      profile_add(reader->profile, &sum->sample);
    else
      llmservingsim_leave_out(reader, "shapes of sparse attention that lack the indexer's row or "
                                      "the kernel's");
  }
}

/* How the chunks of a row are split: `prefills` of new_tokens each after cached_tokens. FALSE if
 * they are not equal, or more than there are tokens. */
static gboolean
split_chunks(gint64 tokens, double key, gint64 *prefills, gint64 *new_tokens, gint64 *cached_tokens)
{
  double chunks = ceil((double)tokens / (2 * key));

  if (chunks > (double)tokens)
    return FALSE;
  *prefills = MAX(1, (gint64)chunks);
  *new_tokens = tokens / *prefills;
  *cached_tokens = (gint64)MAX(0, llround(key - (double)*new_tokens / 2));
  return tokens % *prefills == 0;
}

gboolean
llmservingsim_read_attention(LlmServingSim *reader, CsvTable *table, GError **error)
{
  g_autoptr(GHashTable) sums = g_hash_table_new_full(hash_shape, equal_shape, NULL, g_free);
  int key = csv_table_column(table, "prefill_key");
  int chunk = csv_table_need(table, "prefill_chunk");
  int cached = key >= 0 ? -1 : csv_table_need(table, "kv_prefill");
  int decodes = csv_table_need(table, "n_decode"), context = csv_table_need(table, "kv_decode");
  int time = csv_table_need(table, "time_us"), layer = csv_table_column(table, "layer");
  int queries = csv_table_column(table, "decode_q_len");

  while (csv_table_next(table)) {
    const char *name = layer >= 0 ? csv_table_text(table, layer) : "attention";
    gint64 tokens = csv_table_whole(table, chunk, 0), before = 0;
    gint64 shape[OPERATION_SHAPE_MAX] = {tokens > 0, tokens};
    double time_us = csv_table_time(table, time), looks_back = 0;
    Kernel kernel = {0};
    if (key >= 0)
      looks_back = csv_table_number(table, key);
    else
      before = csv_table_whole(table, cached, 0);
    shape[2] = before;
    shape[3] = csv_table_whole(table, decodes, 0);
    shape[4] = csv_table_whole(table, context, 0);
    if (csv_table_ok(table) && tokens == 0 && shape[3] == 0)
      csv_table_fail(table, decodes, "a prefill chunk or decodes above 0");
    if (csv_table_ok(table) && key >= 0 && tokens > 0 && looks_back <= 0)
      csv_table_fail(table, key, "a mean above 0, as there is a prefill chunk");
    if (!csv_table_ok(table))
      break;
    if (queries >= 0 && csv_table_whole(table, queries, 1) > 1)
      llmservingsim_leave_out(reader, "decodes of several tokens each (checking drafted tokens), "
                                      "which no cost asks for");
    else if (!find_kernel(reader->model, name, &kernel))
      llmservingsim_leave_out_layer(reader, name);
    else if (key >= 0 && tokens > 0 &&
             !split_chunks(tokens, looks_back, &shape[0], &shape[1], &shape[2]))
      llmservingsim_leave_out(reader, "chunks that are not equal");
    else {
      set_heads(&kernel, reader->ranks, shape + 5);
      add_part(reader, sums, &kernel, shape, time_us);
    }
  }
  add_sums(reader, sums);
  return csv_table_finish(table, error);
}

gboolean
llmservingsim_read_skew(LlmServingSim *reader, CsvTable *table, GError **error)
{
  static const char *const names[] = {"pc", "kp", "n", "nb", "kvs", "kv_big"};
  static const char *const variants[] = {"mean", "max", "skew"};
  int columns[G_N_ELEMENTS(names)], times[G_N_ELEMENTS(variants)];
  int layer = csv_table_column(table, "layer"), queries = csv_table_column(table, "decode_q_len");
  const Layer *full = layer_of(reader->model, MIXER_FULL);

  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    columns[i] = csv_table_need(table, names[i]);
  for (guint i = 0; i < G_N_ELEMENTS(variants); i++) {
    g_autofree char *name = g_strdup_printf("t_%s_us", variants[i]);
    times[i] = csv_table_need(table, name);
  }
  while (csv_table_next(table)) {
    gint64 shape[OPERATION_SHAPE_MAX] = {0};
    double times_us[G_N_ELEMENTS(variants)];
    if (full == NULL || (layer >= 0 && !g_str_equal(csv_table_text(table, layer), "attention")) ||
        (queries >= 0 && csv_table_whole(table, queries, 1) > 1)) {
      llmservingsim_leave_out(reader, "skewed contexts of other kernels than attention to the "
                                      "whole context, of one token a decode");
      continue;
    }
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
      shape[i] = csv_table_whole(table, columns[i], 0);
    shape[6] = full->mixer.heads / reader->ranks;
    shape[7] = MAX(full->mixer.kv_heads / reader->ranks, 1);
    shape[8] = full->mixer.head_dim;
    for (guint i = 0; i < G_N_ELEMENTS(variants); i++)
      times_us[i] = csv_table_time(table, times[i]);
    for (guint i = 0; csv_table_ok(table) && i < G_N_ELEMENTS(variants); i++) {
      const ProfileSample sample = llmservingsim_sample(
          reader, OP_ATTENTION_SKEW, variants[i], reader->attention_dtype, shape, times_us[i]);
      profile_add(reader->profile, &sample);
    }
  }
  return csv_table_finish(table, error);
}

/* Kernels of gated delta rule by regime: the prompt's convolution; what follows it and the scan,
 * which are one kernel of ours; the decodes' two. */
static const struct {
  const char *layer, *variant;
  guint part, n_parts;
} state_kernels[] = {
    {"gdn_conv_prefill", "gdn/causal_conv1d_fn/prefill", 0, 1},
    {"gdn_post_conv", "gdn/chunk_gated_delta_rule/prefill", 0, 2},
    {"gdn_prefill", "gdn/chunk_gated_delta_rule/prefill", 1, 2},
    {"gdn_conv_decode", "gdn/causal_conv1d_update/decode", 0, 1},
    {"gdn_decode", "gdn/fused_recurrent_gated_delta_rule/decode", 0, 1},
};

gboolean
llmservingsim_read_states(LlmServingSim *reader, CsvTable *table, GError **error)
{
  g_autoptr(GHashTable) sums = g_hash_table_new_full(hash_shape, equal_shape, NULL, g_free);
  const Layer *states = layer_of(reader->model, MIXER_RECURRENT);
  int layer = csv_table_need(table, "layer"), chunk = csv_table_need(table, "prefill_tokens");
  int decodes = csv_table_need(table, "n_decode"), time = csv_table_need(table, "time_us");

  while (csv_table_next(table)) {
    const char *name = csv_table_text(table, layer);
    gint64 tokens = csv_table_whole(table, chunk, 0),
           sequences = csv_table_whole(table, decodes, 0);
    double time_us = csv_table_time(table, time);
    guint i = 0;
    if (!csv_table_ok(table))
      break;
    while (i < G_N_ELEMENTS(state_kernels) && !g_str_equal(name, state_kernels[i].layer))
      i++;
    if (tokens > 0 && sequences > 0) {
      llmservingsim_leave_out(reader, "layers with a state in a step of prefills and decodes (the "
                                      "kernels of each stand for it)");
      continue;
    }
    if (i == G_N_ELEMENTS(state_kernels) || states == NULL ||
        states->mixer.recurrent != RECURRENT_DELTA) {
      llmservingsim_leave_out_layer(reader, name);
      continue;
    }
    const Mixer *mixer = &states->mixer;
    const Kernel kernel = {.operation = OP_RECURRENT,
                           .variant = state_kernels[i].variant,
                           .part = state_kernels[i].part,
                           .n_parts = state_kernels[i].n_parts};
    const gint64 shape[OPERATION_SHAPE_MAX] = {
        tokens > 0 ? 1 : sequences,
        MAX(tokens, 1),
        reader->model->hidden,
        mixer->groups / reader->ranks,
        mixer->head_dim,
        mixer->heads / reader->ranks,
        mixer->value_dim,
        mixer->conv_width,
    };
    add_part(reader, sums, &kernel, shape, time_us);
  }
  add_sums(reader, sums);
  return csv_table_finish(table, error);
}
