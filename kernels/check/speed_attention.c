/* Attention over a pool of blocks of 16 tokens, heads before tokens, in random order.
 *
 * A small pool has several copies, which calls use in turn, so that the next call does not find its
 * data in the second-level cache.
 */
#include "random_data.h"
#include "speed.h"

#include <math.h>

enum { BLOCK_TOKENS = 16, ROTATED_BYTES = 512 << 20, TURNS_MAX = 16 };

/* Contexts are from shortest to longest; all sequences have the same number of new tokens. */
typedef struct {
  guint32 batch, new_tokens, shortest, longest;
  guint32 heads, kv_heads, head_dim;
  SpeedTarget target;
} Shape;

typedef struct {
  AttentionPlan *plan;
  AttentionShape shape;
  AttentionBatch batch;
  PagedKv kv; /* of the first pool */
  gsize pool_elements;
  guint32 num_pools;
  const void *q, *plan_data;
  void *out, *workspace;
  double flops, kv_bytes;
} Attention;

static int
call_attention(void *data, uint32_t turn, struct CUstream_st *stream)
{
  const Attention *a = data;
  PagedKv kv = a->kv;
  const gsize offset = turn % a->num_pools * a->pool_elements;

  kv.k = (guint16 *)kv.k + offset;
  kv.v = (guint16 *)kv.v + offset;
  return attention_run(DTYPE_BF16, &a->shape, &a->batch, &kv, a->q, a->out, a->plan, a->plan_data,
                       a->workspace, stream);
}

/* The batch's arrays on the host, for the plan and to be uploaded. */
typedef struct {
  gint32 *query_starts, *context_lens, *block_tables;
  guint32 table_stride;
  gsize num_blocks;
} Host;

static void
host_clear(Host *host)
{
  g_free(host->query_starts);
  g_free(host->context_lens);
  g_free(host->block_tables);
}

static void
host_init(Host *host, GRand *rand, guint32 batch, const gint32 *new_tokens, gint32 *context_lens)
{
  gsize dealt = 0;

  host->context_lens = context_lens;
  host->query_starts = g_new0(gint32, batch + 1);
  for (guint32 s = 0; s < batch; s++) {
    const guint32 blocks = ((guint32)context_lens[s] + BLOCK_TOKENS - 1) / BLOCK_TOKENS;
    host->query_starts[s + 1] = host->query_starts[s] + new_tokens[s];
    host->table_stride = MAX(host->table_stride, blocks);
    host->num_blocks += blocks;
  }
  g_autofree gint32 *blocks = random_order(rand, host->num_blocks);
  host->block_tables = g_new0(gint32, (gsize)batch * host->table_stride);
  for (guint32 s = 0; s < batch; s++)
    for (guint32 i = 0; i * BLOCK_TOKENS < (guint32)context_lens[s]; i++)
      host->block_tables[(gsize)s * host->table_stride + i] = blocks[dealt++];
}

/* Of a causal prefill or decode: two products of head_dim for each pair of query and key. */
static void
count_work(Attention *a, const Host *host)
{
  double pairs = 0, tokens = 0;

  for (guint32 s = 0; s < a->batch.num_sequences; s++) {
    const double n = host->query_starts[s + 1] - host->query_starts[s];
    const double context = host->context_lens[s];
    pairs += n * (context - n) + n * (n + 1) / 2;
    tokens += context;
  }
  a->flops = 4.0 * a->kv.head_dim * a->shape.heads * pairs;
  a->kv_bytes = 2.0 * tokens * a->kv.kv_heads * a->kv.head_dim * sizeof(guint16);
}

static void
set_layout(Attention *a, const Host *host)
{
  PagedKv *kv = &a->kv;

  kv->block_size = BLOCK_TOKENS;
  kv->token_stride = kv->head_dim;
  kv->head_stride = kv->token_stride * BLOCK_TOKENS;
  kv->block_stride = 2 * kv->head_stride * kv->kv_heads;
  a->pool_elements = kv->block_stride * host->num_blocks;
  a->num_pools = (guint32)CLAMP(ROTATED_BYTES / (a->pool_elements * sizeof(guint16)), 1, TURNS_MAX);
}

static void
upload(SpeedContext *context, CheckMemory *memory, Attention *a, const Host *host)
{
  const guint32 sequences = a->batch.num_sequences;
  const gsize rows = (gsize)host->query_starts[sequences];
  const gsize width = (gsize)a->shape.heads * a->kv.head_dim;
  gsize data_bytes;
  const void *plan_data = attention_plan_data(a->plan, &data_bytes);

  a->plan_data = check_memory_upload(memory, plan_data, data_bytes, CHECK_INPUT, "plan");
  a->workspace =
      check_memory_add(memory, attention_plan_workspace_bytes(a->plan), CHECK_INPUT, "workspace");
  a->q = speed_random(context, memory, DTYPE_BF16, rows * width * sizeof(guint16), "q");
  a->out = check_memory_add(memory, rows * width * sizeof(guint16), CHECK_INPUT, "out");
  a->kv.k = speed_random(context, memory, DTYPE_BF16,
                         a->num_pools * a->pool_elements * sizeof(guint16), "KV pools");
  if (a->kv.k != NULL)
    a->kv.v = (guint16 *)a->kv.k + a->kv.head_stride * a->kv.kv_heads;
  a->batch.query_starts = check_memory_upload(
      memory, host->query_starts, (sequences + 1) * sizeof(gint32), CHECK_INPUT, "query starts");
  a->batch.context_lens = check_memory_upload(
      memory, host->context_lens, sequences * sizeof(gint32), CHECK_INPUT, "context lengths");
  a->batch.block_tables = check_memory_upload(
      memory, host->block_tables, (gsize)sequences * host->table_stride * sizeof(gint32),
      CHECK_INPUT, "block tables");
}

/* Completes the case and its row, and times it. */
static void
measure(SpeedContext *context, const AttentionDevice *ways, const Host *host, Attention *a,
        SpeedRow *row, void (*judge)(const SpeedContext *, const Attention *, SpeedRow *))
{
  AttentionDevice device = *ways;
  g_autoptr(CheckMemory) memory = check_memory_new(NULL);
  const TimingRequest request = {.call = call_attention, .data = a};
  const gsize width = (gsize)a->shape.heads * a->kv.head_dim;

  a->shape.q_row_stride = a->shape.out_row_stride = width;
  a->shape.scale = (float)(1 / sqrt(a->kv.head_dim));
  a->batch.block_table_stride = host->table_stride;
  a->batch.query_starts = host->query_starts;
  a->batch.context_lens = host->context_lens;
  set_layout(a, host);
  count_work(a, host);
  judge(context, a, row);
  device.multiprocessors = context->attention.multiprocessors;
  check_memory_called(memory, attention_plan_new(&device, &a->shape, &a->kv, &a->batch, &a->plan),
                      "attention_plan_new");
  if (a->plan != NULL)
    upload(context, memory, a, host);
  speed_measure(context, memory, &request, row);
  attention_plan_free(a->plan);
}

/* Prefills are bound by products. */
static void
judge_prefill(const SpeedContext *context, const Attention *a, SpeedRow *row)
{
  row->unit = SPEED_FLOPS;
  row->work = a->flops;
  row->ceiling = "GEMM";
  row->ideal_ns = speed_ideal_ns(a->flops, context->ceilings.gemm_flops);
}

/* Decodes are bound by memory; for small ones the launch counts, too. */
static void
judge_decode(const SpeedContext *context, const Attention *a, SpeedRow *row)
{
  row->unit = SPEED_BYTES;
  row->work = a->kv_bytes;
  row->ceiling = a->kv_bytes >= 1e9 ? "read" : "launch + read";
  row->ideal_ns = speed_ideal_ns(a->kv_bytes, context->ceilings.read_bytes);
  if (a->kv_bytes < 1e9 && row->ideal_ns > 0)
    row->ideal_ns += context->ceilings.launch_ns;
}

static void
judge_mixed(const SpeedContext *context, const Attention *a, SpeedRow *row)
{
  row->unit = SPEED_TIME;
  row->ceiling = "GEMM + read";
  row->ideal_ns = speed_ideal_ns(a->kv_bytes, context->ceilings.read_bytes) +
                  speed_ideal_ns(a->flops, context->ceilings.gemm_flops);
}

/* Times a batch whose sequences have the same number of new tokens. */
static void
measure_alike(SpeedContext *context, const char *kernel, const AttentionDevice *ways,
              const Shape *shape,
              void (*judge)(const SpeedContext *, const Attention *, SpeedRow *))
{
  const guint32 kv_heads = context->shrink > 1 ? 1 : shape->kv_heads;
  const guint32 heads = shape->heads / (shape->kv_heads / kv_heads);
  const gboolean decodes = shape->new_tokens == 1;
  const guint32 batch = decodes ? speed_shrunk(context, shape->batch) : shape->batch;
  const guint32 shortest = speed_shrunk(context, shape->shortest);
  const guint32 longest = speed_shrunk(context, shape->longest);
  const guint32 new = MIN(speed_shrunk(context, shape->new_tokens), shortest);
  g_autofree gint32 *new_tokens = g_new(gint32, batch);
  gint32 *context_lens = g_new(gint32, batch);
  Host host = {0};
  Attention a = {
      .shape = {.heads = heads},
      .kv = {.kv_heads = kv_heads, .head_dim = shape->head_dim},
      .batch = {.num_sequences = batch},
  };

  for (guint32 s = 0; s < batch; s++) {
    new_tokens[s] = (gint32) new;
    context_lens[s] = g_rand_int_range(context->rand, (gint32)shortest, (gint32)longest + 1);
  }
  host_init(&host, context->rand, batch, new_tokens, context_lens);
  g_autoptr(GString) times = g_string_new(NULL);
  if (batch > 1)
    g_string_printf(times, "%u times ", batch);
  g_autofree char *text = decodes
                              ? g_strdup_printf("batch %u, context %s%u, heads %u/%u of %u", batch,
                                                shortest < longest ? "up to " : "", longest, heads,
                                                kv_heads, shape->head_dim)
                              : g_strdup_printf("%s%u tokens of %u, heads %u/%u of %u", times->str,
                                                new, longest, heads, kv_heads, shape->head_dim);
  SpeedRow row = {
      .kernel = kernel,
      .shape = text,
      .target = shape->target,
      .attention = {.dtype = DTYPE_BF16,
                    .batch = batch,
                    .heads = heads,
                    .kv_heads = kv_heads,
                    .head_dim = shape->head_dim,
                    .new_tokens = new,
                    .context_tokens = (shortest + longest) / 2,
                    .is_ragged = shortest < longest},
  };
  measure(context, ways, &host, &a, &row, judge);
  host_clear(&host);
}

/* Times prefills with heads of `head_dim`; 0: of 64 and 128. */
static void
measure_prefills(SpeedContext *context, const char *kernel, const AttentionDevice *ways,
                 guint32 head_dim, const SpeedTarget *target)
{
  static const guint32 lengths[] = {4096, 2048, 8192, 16384};
  static const struct {
    guint32 heads, kv_heads, head_dim;
  } forms[] = {{32, 32, 128}, {32, 8, 128}, {32, 32, 64}, {32, 8, 64}};

  for (guint f = 0; f < G_N_ELEMENTS(forms); f++)
    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
      if (head_dim != 0 && head_dim != forms[f].head_dim)
        continue;
      const Shape shape = {
          .batch = 1,
          .new_tokens = lengths[i],
          .shortest = lengths[i],
          .longest = lengths[i],
          .heads = forms[f].heads,
          .kv_heads = forms[f].kv_heads,
          .head_dim = forms[f].head_dim,
          .target = forms[f].head_dim == 128 && lengths[i] >= 4096 ? *target : (SpeedTarget){0}};
      measure_alike(context, kernel, ways, &shape, judge_prefill);
      if (context->quick)
        return;
    }
}

/* Times few or short prefills, whole and with heads packed and keys cut, to see which is faster. */
static void
measure_short(SpeedContext *context, const char *kernel, const char *kernel_cut, gboolean wgmma)
{
  static const Shape shapes[] = {
      {1, 512, 8192, 8192, 32, 8, 128, {0}},  {1, 128, 8192, 8192, 32, 8, 128, {0}},
      {1, 16, 16384, 16384, 32, 8, 128, {0}}, {1, 128, 4096, 4096, 32, 32, 128, {0}},
      {16, 40, 40, 40, 32, 8, 128, {0}},      {2, 1500, 1500, 1500, 32, 32, 128, {0}},
  };
  const AttentionDevice whole = {.has_wgmma = wgmma};
  const AttentionDevice cut = {.has_wgmma = wgmma, .cuts_prefills = TRUE};

  for (guint i = 0; i < (context->quick ? 1 : G_N_ELEMENTS(shapes)); i++) {
    measure_alike(context, kernel, &whole, &shapes[i], judge_prefill);
    if (context->attention.cuts_prefills)
      measure_alike(context, kernel_cut, &cut, &shapes[i], judge_prefill);
  }
}

/* Targets: TFLOP/s on an H100, as shares of its 798. */
void
speed_prefill(SpeedContext *context)
{
  const SpeedTarget target = {.must = 270 / 798.0, .good = 320 / 798.0, .aim = 335 / 798.0};

  measure_prefills(context, "prefill", &(AttentionDevice){0}, 0, &target);
}

static const SpeedTarget wgmma_target = {
    .must = 450 / 798.0, .good = 520 / 798.0, .aim = 600 / 798.0};

void
speed_prefill_wgmma(SpeedContext *context)
{
  if (context->attention.has_wgmma)
    measure_prefills(context, "prefill-wgmma", &(AttentionDevice){.has_wgmma = TRUE}, 0,
                     &wgmma_target);
}

/* The shapes of prefill-wgmma that have wide tiles. */
void
speed_prefill_wgmma_wide(SpeedContext *context)
{
  if (context->attention.has_wgmma && context->attention.widens_tiles)
    measure_prefills(context, "prefill-wgmma-wide",
                     &(AttentionDevice){.has_wgmma = TRUE, .widens_tiles = TRUE}, 64,
                     &wgmma_target);
}

void
speed_prefill_wgmma_maps(SpeedContext *context)
{
  if (context->attention.has_wgmma && context->attention.maps_blocks)
    measure_prefills(context, "prefill-wgmma-maps",
                     &(AttentionDevice){.has_wgmma = TRUE, .maps_blocks = TRUE}, 128,
                     &wgmma_target);
}

void
speed_prefill_cuts(SpeedContext *context)
{
  measure_short(context, "prefill", "prefill-cuts", FALSE);
}

void
speed_prefill_wgmma_cuts(SpeedContext *context)
{
  if (context->attention.has_wgmma)
    measure_short(context, "prefill-wgmma", "prefill-wgmma-cuts", TRUE);
}

#define LARGE                                                                                      \
  {                                                                                                \
    .must = 0.85, .good = 0.92, .aim = 0.95                                                        \
  }
#define SMALL                                                                                      \
  {                                                                                                \
    .good = 1 / 1.15                                                                               \
  }

void
speed_decode(SpeedContext *context)
{
  static const Shape shapes[] = {
      {64, 1, 4096, 4096, 32, 8, 128, LARGE},  {16, 1, 8192, 8192, 32, 32, 128, LARGE},
      {8, 1, 32768, 32768, 32, 8, 128, LARGE}, {64, 1, 8192, 8192, 16, 8, 64, LARGE},
      {128, 1, 100, 8000, 32, 8, 128, LARGE},  {512, 1, 600, 600, 32, 8, 128, LARGE},
      {1, 1, 32768, 32768, 32, 8, 128, SMALL}, {8, 1, 2048, 2048, 32, 8, 128, SMALL},
      {16, 1, 512, 512, 32, 32, 128, SMALL},   {1, 1, 8192, 8192, 32, 8, 128, SMALL},
      {32, 1, 100, 1500, 14, 2, 64, {0}},
  };

  for (guint i = 0; i < (context->quick ? 1 : G_N_ELEMENTS(shapes)); i++)
    measure_alike(context, "decode", &(AttentionDevice){0}, &shapes[i], judge_decode);
}

/* Batches that are cut into lists of equal work, and the same without. */
void
speed_decode_lists(SpeedContext *context)
{
  static const Shape shapes[] = {
      {9, 1, 2048, 2048, 32, 32, 128, {0}},    {17, 1, 2048, 2048, 32, 32, 128, {0}},
      {128, 1, 100, 8000, 32, 8, 128, LARGE},  {20, 1, 100, 16000, 32, 8, 128, {0}},
      {1, 1, 32768, 32768, 32, 8, 128, SMALL},
  };

  for (guint i = 0; i < (context->quick ? 1 : G_N_ELEMENTS(shapes)); i++) {
    measure_alike(context, "decode", &(AttentionDevice){0}, &shapes[i], judge_decode);
    if (context->attention.levels_decodes)
      measure_alike(context, "decode-lists", &(AttentionDevice){.levels_decodes = TRUE}, &shapes[i],
                    judge_decode);
  }
}

/* Decodes with a chunk of a prefill, as in a server's step. */
void
speed_mixed(SpeedContext *context)
{
  enum { DECODES = 64, DECODE_CONTEXT = 2048, CHUNK = 512, CHUNK_CONTEXT = 4096 };
  const guint32 decodes = speed_shrunk(context, DECODES), batch = decodes + 1;
  g_autofree gint32 *new_tokens = g_new(gint32, batch);
  gint32 *context_lens = g_new(gint32, batch);
  Host host = {0};
  Attention a = {
      .shape = {.heads = 32},
      .kv = {.kv_heads = 8, .head_dim = 128},
      .batch = {.num_sequences = batch},
  };
  SpeedRow row = {.kernel = "mixed",
                  .shape = "64 decodes at 2048, and 512 tokens of 4096, heads 32/8 of 128"};

  for (guint32 s = 0; s < decodes; s++) {
    new_tokens[s] = 1;
    context_lens[s] = (gint32)speed_shrunk(context, DECODE_CONTEXT);
  }
  new_tokens[decodes] = (gint32)speed_shrunk(context, CHUNK);
  context_lens[decodes] = (gint32)speed_shrunk(context, CHUNK_CONTEXT);
  host_init(&host, context->rand, batch, new_tokens, context_lens);
  measure(context, &context->attention, &host, &a, &row, judge_mixed);
  host_clear(&host);
}
