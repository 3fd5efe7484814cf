/* Attention on the CUDA device, over a pool of blocks in random order. Each turn reads blocks of
 * its own, so that the KV is as cold as a layer of a step finds it.
 */
#include "config.h"

#include "internal.h"

#include <math.h>
#include <string.h>

enum { BLOCK_TOKENS = 16, PARTS_MOST = 2 };
enum { ALIGN_BYTES = 256 };

static guint32
blocks_of(guint32 tokens)
{
  return (tokens + BLOCK_TOKENS - 1) / BLOCK_TOKENS;
}

/* A batch's arrays in one piece of host memory, as they will lie in BUFFER_LISTS. */
typedef struct {
  guint32 sequences, rows, stride, blocks; /* stride: of a block table; blocks: that a set takes */
  gsize starts, contexts, tables, plan;    /* offsets */
  gsize table_elements;                    /* of a set */
  GByteArray *bytes;
} Lists;

static gsize
place(gsize *end, gsize bytes)
{
  gsize at = (*end + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;

  *end = at + bytes;
  return at;
}

static void
count(Lists *lists, const AttentionPart *parts, guint n_parts)
{
  for (guint p = 0; p < n_parts; p++) {
    lists->sequences += parts[p].count;
    lists->rows += parts[p].count * parts[p].new_tokens;
    lists->blocks += parts[p].count * blocks_of(parts[p].context);
    if (parts[p].count > 0)
      lists->stride = MAX(lists->stride, blocks_of(parts[p].context));
  }
  lists->table_elements = (gsize)lists->sequences * lists->stride;
}

/* Every set has the blocks that the shuffle gives it. Padding of tables is block 0. */
static void
list(BenchCuda *self, Lists *lists, const AttentionPart *parts, guint n_parts, guint32 sets)
{
  g_autofree gint32 *blocks = bench_cuda_shuffled(self, lists->blocks * sets);
  const gint32 *next = blocks;
  gsize end = 0;
  gint32 *starts, *contexts, *tables;
  guint32 s = 0;

  lists->starts = place(&end, (lists->sequences + 1) * sizeof(gint32));
  lists->contexts = place(&end, lists->sequences * sizeof(gint32));
  lists->tables = place(&end, lists->table_elements * sets * sizeof(gint32));
  lists->bytes = g_byte_array_new();
  g_byte_array_set_size(lists->bytes, (guint)end);
  memset(lists->bytes->data, 0, end);
  starts = (gint32 *)(gpointer)(lists->bytes->data + lists->starts);
  contexts = (gint32 *)(gpointer)(lists->bytes->data + lists->contexts);
  tables = (gint32 *)(gpointer)(lists->bytes->data + lists->tables);
  for (guint p = 0; p < n_parts; p++)
    for (guint32 i = 0; i < parts[p].count; i++, s++) {
      starts[s + 1] = starts[s] + (gint32)parts[p].new_tokens;
      contexts[s] = (gint32)parts[p].context;
    }
  for (guint32 i = 0; i < lists->sequences * sets; i++) {
    guint32 n = blocks_of((guint32)contexts[i % lists->sequences]);
    memcpy(tables + (gsize)i * lists->stride, next, n * sizeof(gint32));
    next += n;
  }
}

/* Worked out on the host from the lengths, sent along with the lists. */
static gboolean
plan(BenchCuda *self, Lists *lists, AttentionCall *call, GError **error)
{
  AttentionBatch batch = call->batch;
  gsize end = lists->bytes->len;
  const void *data;
  size_t bytes;
  int status;

  if (self->attention_plan != NULL)
    attention_plan_free(self->attention_plan);
  self->attention_plan = NULL;
  batch.query_starts = (const int32_t *)(gconstpointer)(lists->bytes->data + lists->starts);
  batch.context_lens = (const int32_t *)(gconstpointer)(lists->bytes->data + lists->contexts);
  batch.block_tables = (const int32_t *)(gconstpointer)(lists->bytes->data + lists->tables);
  status =
      attention_plan_new(&self->attention, &call->shape, &call->kv, &batch, &self->attention_plan);
  if (status != 0)
    return bench_cuda_fail(status, error);
  call->plan = self->attention_plan;
  data = attention_plan_data(self->attention_plan, &bytes);
  lists->plan = place(&end, bytes);
  g_byte_array_set_size(lists->bytes, (guint)end);
  memcpy(lists->bytes->data + lists->plan, data, bytes);
  return TRUE;
}

static gboolean
send(BenchCuda *self, const Lists *lists, AttentionCall *call, GError **error)
{
  const char *base = bench_cuda_lists(self, lists->bytes->data, lists->bytes->len, error);

  if (base == NULL)
    return FALSE;
  call->batch.query_starts = (const int32_t *)(gconstpointer)(base + lists->starts);
  call->batch.context_lens = (const int32_t *)(gconstpointer)(base + lists->contexts);
  call->batch.block_tables = (const int32_t *)(gconstpointer)(base + lists->tables);
  call->plan_data = base + lists->plan;
  call->workspace =
      bench_cuda_buffer(self, BUFFER_WORK, attention_plan_workspace_bytes(self->attention_plan),
                        BENCH_FILL_NONE, error);
  return call->workspace != NULL;
}

/* Blocks as the live executor keeps a layer's: all of K, then all of V. */
static gboolean
allocate(BenchCuda *self, const Lists *lists, const HeadsShape *heads, AttentionCall *call,
         BenchFill fill, GError **error)
{
  gsize block_elements = (gsize)heads->kv_heads * BLOCK_TOKENS * heads->head_dim;
  gsize half = block_elements * lists->blocks * call->sets;
  gsize q_width = (gsize)heads->heads * heads->head_dim;
  gsize row = q_width + 2 * (gsize)heads->kv_heads * heads->head_dim;
  guint16 *pool = bench_cuda_buffer(self, BUFFER_DATA, 2 * half * sizeof(guint16), fill, error);

  if (pool == NULL)
    return FALSE;
  call->kv = (PagedKv){.k = pool,
                       .v = pool + half,
                       .block_stride = block_elements,
                       .head_stride = (gsize)BLOCK_TOKENS * heads->head_dim,
                       .token_stride = heads->head_dim,
                       .block_size = BLOCK_TOKENS,
                       .kv_heads = heads->kv_heads,
                       .head_dim = heads->head_dim};
  call->shape = (AttentionShape){.heads = heads->heads,
                                 .scale = (float)(1 / sqrt(heads->head_dim)),
                                 .q_row_stride = row,
                                 .out_row_stride = q_width};
  call->q = bench_cuda_buffer(self, BUFFER_IN, lists->rows * row * sizeof(guint16), fill, error);
  if (call->q == NULL)
    return FALSE;
  call->out = bench_cuda_buffer(self, BUFFER_OUT, lists->rows * q_width * sizeof(guint16),
                                BENCH_FILL_NONE, error);
  return call->out != NULL;
}

static gboolean
check(const char *dtype, const HeadsShape *heads, const Lists *lists, Dtype *type, BenchFill *fill,
      GError **error)
{
  if (!bench_cuda_dtype(dtype, type, fill) || *type == DTYPE_FP8_E4M3)
    return bench_cuda_unsupported(error, "the kernels read KV of 16 bits");
  if (heads->head_dim != 64 && heads->head_dim != 128)
    return bench_cuda_unsupported(error, "the kernels take heads of 64 or 128 elements");
  if (heads->kv_heads == 0 || heads->heads % heads->kv_heads != 0 ||
      heads->heads / heads->kv_heads > 16)
    return bench_cuda_unsupported(error, "the kernels take 1 to 16 query heads to a KV head");
  if (lists->rows > 0 && lists->stride > 0)
    return TRUE;
  g_set_error(error, BENCH_ERROR, BENCH_ERROR_FAILED, "it computes nothing");
  return FALSE;
}

gboolean
bench_cuda_attention(BenchCuda *self, const char *dtype, const HeadsShape *heads,
                     const AttentionPart *parts, guint n_parts, AttentionCall *call, GError **error)
{
  Lists lists = {0};
  BenchFill fill;
  gsize set_bytes;
  gboolean worked;

  *call = (AttentionCall){0};
  count(&lists, parts, n_parts);
  if (!check(dtype, heads, &lists, &call->dtype, &fill, error))
    return FALSE;
  set_bytes =
      2 * sizeof(guint16) * BLOCK_TOKENS * (gsize)lists.blocks * heads->kv_heads * heads->head_dim;
  call->sets = bench_cuda_rotation(self, set_bytes);
  call->table_elements = lists.table_elements;
  call->batch.num_sequences = lists.sequences;
  call->batch.block_table_stride = lists.stride;
  if (!allocate(self, &lists, heads, call, fill, error))
    return FALSE;
  list(self, &lists, parts, n_parts, call->sets);
  worked = plan(self, &lists, call, error) && send(self, &lists, call, error);
  g_byte_array_unref(lists.bytes);
  return worked;
}

int
bench_cuda_call_attention(void *data, uint32_t turn, cudaStream_t stream)
{
  const AttentionCall *call = data;
  AttentionBatch batch = call->batch;

  batch.block_tables += turn % call->sets * call->table_elements;
  return attention_run(call->dtype, &call->shape, &batch, &call->kv, call->q, call->out, call->plan,
                       call->plan_data, call->workspace, stream);
}

static gboolean
measure(BenchCuda *self, const BenchRequest *request, const HeadsShape *heads,
        const AttentionPart *parts, guint n_parts, const BenchStop *stop, BenchTiming *timing,
        GError **error)
{
  AttentionCall call;
  TimingRequest timed = {.call = bench_cuda_call_attention, .data = &call};

  if (!bench_cuda_attention(self, request->key->dtype, heads, parts, n_parts, &call, error) ||
      !bench_cuda_time(self, &timed, stop, timing, NULL, error))
    return FALSE;
  timing->kernel = self->kernels;
  return TRUE;
}

gboolean
bench_cuda_measure_attention(BenchCuda *self, const BenchRequest *request, const BenchStop *stop,
                             BenchTiming *timing, GError **error)
{
  const gint64 *s = request->key->shape;
  const HeadsShape heads = {(guint32)s[5], (guint32)s[6], (guint32)s[7]};
  const AttentionPart parts[PARTS_MOST] = {
      {(guint32)s[0], (guint32)s[1], (guint32)(s[1] + s[2])},
      {(guint32)s[3], 1, (guint32)s[4]},
  };

  return measure(self, request, &heads, parts, PARTS_MOST, stop, timing, error);
}

/* A batch as it is, or with every context at the mean, or at the largest. */
gboolean
bench_cuda_measure_skew(BenchCuda *self, const BenchRequest *request, const BenchStop *stop,
                        BenchTiming *timing, GError **error)
{
  const gint64 *s = request->key->shape;
  const char *variant = request->key->variant;
  const HeadsShape heads = {(guint32)s[6], (guint32)s[7], (guint32)s[8]};
  gint64 decodes = s[2], big = s[3], context = s[4], big_context = s[5];
  gboolean is_skew = g_str_equal(variant, "skew");
  AttentionPart parts[PARTS_MOST + 1] = {
      {s[0] > 0, (guint32)s[0], (guint32)(s[0] + s[1])},
  };

  if (!is_skew && !g_str_equal(variant, "mean") && !g_str_equal(variant, "max"))
    return bench_cuda_unsupported(error, "there is no such variant of it");
  if (g_str_equal(variant, "mean") && decodes > 0)
    context += (big * (big_context - context) + decodes / 2) / decodes;
  else if (!is_skew)
    context = big_context;
  parts[1] = (AttentionPart){(guint32)(is_skew ? decodes - big : decodes), 1, (guint32)context};
  parts[2] = (AttentionPart){is_skew ? (guint32)big : 0, 1, (guint32)big_context};
  return measure(self, request, &heads, parts, PARTS_MOST + 1, stop, timing, error);
}
