/* Frontier: attention of one model on one device, prefills and decodes apart, in the columns that
 * it has from Vidur; the reader is for both.
 *
 *   time_stats.attn_prefill, attn_decode, attn_kv_cache_save   (ms, in steps of 1 us)
 *   n_embd,n_q_head,n_kv_head,num_tensor_parallel_workers
 *   batch_size,prefill_chunk_size,kv_cache_size,is_prefill
 *
 * kv_cache_size is what is cached before the chunk (chunk and cache reach max_model_len together),
 * or the context of each of batch_size decodes. A row is of one operation, and has 0 for the times
 * of the other.
 */
#include "time_stats.h"

#include <string.h>

typedef struct {
  Profile *profile;
  CsvTable *table;
  TimeStats prefill, decode, kv_write;
  gboolean has_kv_write;
  int hidden, heads, kv_heads, ranks, batch, chunk, cache, is_prefill, backend;
  guint16 origin;
} Reader;

static void
need_columns(Reader *reader)
{
  CsvTable *table = reader->table;

  reader->hidden = csv_table_need(table, "n_embd");
  reader->heads = csv_table_need(table, "n_q_head");
  reader->kv_heads = csv_table_need(table, "n_kv_head");
  reader->ranks = time_stats_need_ranks(table);
  reader->batch = csv_table_need(table, "batch_size");
  reader->chunk = csv_table_need(table, "prefill_chunk_size");
  reader->cache = csv_table_need(table, "kv_cache_size");
  reader->is_prefill = csv_table_need(table, "is_prefill");
  reader->backend = csv_table_column(table, "attention_backend");
  if (!time_stats_find(&reader->prefill, table, "attn_prefill"))
    csv_table_need(table, "time_stats.attn_prefill.median");
  if (!time_stats_find(&reader->decode, table, "attn_decode"))
    csv_table_need(table, "time_stats.attn_decode.median");
  reader->has_kv_write = time_stats_find(&reader->kv_write, table, "attn_kv_cache_save");
}

static gboolean
read_is_prefill(Reader *reader)
{
  const char *text = csv_table_text(reader->table, reader->is_prefill);
  gboolean is_true = g_ascii_strcasecmp(text, "true") == 0 || g_str_equal(text, "1");

  if (!is_true && g_ascii_strcasecmp(text, "false") != 0 && !g_str_equal(text, "0"))
    csv_table_fail(reader->table, reader->is_prefill, "True or False");
  return is_true;
}

/* "AttentionBackend.FLASHINFER" is flashinfer. The caller frees it. */
static char *
read_kernel(const Reader *reader)
{
  const char *text = reader->backend >= 0 ? csv_table_text(reader->table, reader->backend) : "";
  const char *point = strrchr(text, '.');

  return g_ascii_strdown(point != NULL ? point + 1 : text, -1);
}

static void
add_row(Reader *reader)
{
  CsvTable *table = reader->table;
  gboolean is_prefill = read_is_prefill(reader);
  gint64 hidden = csv_table_whole(table, reader->hidden, 1);
  gint64 heads = csv_table_whole(table, reader->heads, 1);
  gint64 kv_heads = csv_table_whole(table, reader->kv_heads, 1);
  gint64 ranks = csv_table_whole(table, reader->ranks, 1);
  gint64 batch = csv_table_whole(table, reader->batch, 1);
  gint64 chunk = csv_table_whole(table, reader->chunk, is_prefill ? 1 : 0);
  gint64 cache = csv_table_whole(table, reader->cache, 0);
  gint64 head_dim = hidden / heads, shard = MAX(kv_heads / ranks, 1);
  const gint64 prefill[] = {batch, chunk, cache, 0, 0, heads / ranks, shard, head_dim};
  const gint64 decode[] = {0, 0, 0, batch, cache, heads / ranks, shard, head_dim};
  g_autofree char *kernel = read_kernel(reader);
  ProfileSample sample = {
      .operation = OP_ATTENTION,
      .origin = reader->origin,
      .dtype = "float16",
      .kernel = kernel,
  };
  ProfileSample kv_write = {
      .operation = OP_ELEMENTWISE,
      .origin = reader->origin,
      .variant = is_prefill ? "kv_write_prefill" : ELEMENTWISE_KV_WRITE,
      .dtype = "float16",
      .shape = {is_prefill ? batch * chunk : batch, 2 * shard * head_dim},
  };

  if (hidden % heads != 0)
    csv_table_fail(table, reader->hidden, "a multiple of n_q_head");
  if (heads % ranks != 0)
    csv_table_fail(table, reader->ranks, "a divisor of n_q_head");
  memcpy(sample.shape, is_prefill ? prefill : decode, sizeof prefill);
  csv_table_time(table, is_prefill ? reader->prefill.median : reader->decode.median);
  time_stats_read(is_prefill ? &reader->prefill : &reader->decode, &sample);
  if (reader->has_kv_write)
    time_stats_read(&reader->kv_write, &kv_write);
  if (!csv_table_ok(table))
    return;
  profile_add(reader->profile, &sample);
  if (kv_write.median_ns > 0)
    profile_add(reader->profile, &kv_write);
}

gboolean
time_stats_read_attention(Profile *profile, const char *importer, const char *path, const char *gpu,
                          GError **error)
{
  g_autoptr(CsvTable) table = csv_table_open(path, error);
  Reader reader = {.profile = profile, .table = table};

  if (table == NULL)
    return FALSE;
  reader.origin = time_stats_add_origin(profile, importer, path, gpu, NULL);
  need_columns(&reader);
  while (csv_table_next(table))
    add_row(&reader);
  import_add_note(
      profile,
      "Attention of %s: float16, in steps of 1 us; prefills and decodes apart, no mixed "
      "batches. KV writes of its prefills take many times those of as many decodes, and "
      "are kept apart, as kv_write_prefill.",
      importer);
  return csv_table_finish(table, error);
}

gboolean
time_stats_is_attention(const char *path)
{
  static const char *const names[] = {"time_stats.attn_prefill.median", "kv_cache_size",
                                      "is_prefill", NULL};

  return import_header_has(path, names);
}

static gboolean
read_file(Profile *profile, const char *path, const char *gpu,
          const char *engine G_GNUC_UNUSED, GError **error)
{
  return time_stats_read_attention(profile, "frontier", path, gpu, error);
}

static const ImportFiles files = {
    .takes = time_stats_is_attention,
    .gpu = time_stats_gpu,
    .read = read_file,
};

const ProfileImporter profile_importer_frontier = {
    .name = "frontier",
    .help = "a file or folder of Frontier: attention",
    .files = &files,
};
