/* Attention: prefills by both kernels, decodes, and both in a batch.
 *
 * Small cases have random layouts, head groups and block sizes, and are cut into pieces as on GPUs
 * of other sizes. Large ones are what servers run; some of their rows and heads are compared, the
 * others must not be NaN.
 *
 * Each optimization of kernels/without.h has a check of its own, so that it can be found wrong by
 * itself; `decode`, `prefill` and `prefill-wgmma` run without them.
 */
#include "attention_device.h"
#include "check.h"
#include "kernels/without.h"

enum { SMALL_CONTEXT = 300, MEDIUM_CONTEXT = 4000, MAX_CHECKED = 400 };

typedef enum { DECODES = 100, MIXED = 50, PREFILLS = 0 } Percent; /* of the batch that decodes */

/* One token, a block, a tile, and one more or less than each; head groups that fill a tile or not.
 */
static const struct {
  gint32 context;
  guint32 group, block_size;
} edges[] = {
    {1, 2, 16},   {17, 5, 16},  {64, 1, 16},  {128, 4, 256}, {129, 8, 16},  {16, 1, 16},
    {65, 2, 1},   {15, 3, 16},  {63, 2, 32},  {2, 33, 16},   {127, 16, 16}, {40, 15, 16},
    {40, 17, 16}, {256, 1, 64}, {255, 7, 16}, {257, 6, 16},
};

/* Batches of servers. A decode's context is drawn from shortest to longest. */
typedef struct {
  guint32 num_decodes;
  gint32 shortest, longest;
  gint32 prefill_new, prefill_context; /* one more sequence; 0: none */
  guint32 heads, kv_heads, head_dim, block_size;
} Large;

static const Large large_decodes[] = {
    {512, 1, 600, 0, 0, 8, 2, 128, 16},     {1, 32768, 32768, 0, 0, 32, 8, 128, 16},
    {256, 900, 1100, 0, 0, 8, 1, 64, 16},   {64, 1, 4000, 0, 0, 16, 2, 128, 32},
    {3, 32000, 32768, 0, 0, 8, 1, 128, 16}, {16, 2048, 2048, 0, 0, 16, 16, 128, 16},
    {127, 1, 1500, 0, 0, 14, 2, 64, 16},    {8, 8000, 16384, 0, 0, 64, 2, 128, 16},
};
static const Large large_prefills[] = {
    {0, 0, 0, 2048, 2048, 32, 8, 128, 16},  {0, 0, 0, 8192, 8192, 8, 8, 128, 16},
    {0, 0, 0, 512, 32768, 8, 2, 128, 16},   {0, 0, 0, 4097, 4097, 14, 2, 64, 16},
    {0, 0, 0, 16384, 16384, 4, 1, 128, 32}, {0, 0, 0, 1000, 9000, 8, 1, 64, 256},
    {0, 0, 0, 32768, 32768, 2, 1, 128, 16}, {0, 0, 0, 2, 20000, 16, 2, 128, 16},
};
/* Short chunks behind contexts, which are packed and cut. */
static const Large large_cuts[] = {
    {0, 0, 0, 16, 16384, 32, 8, 128, 16},  {0, 0, 0, 100, 32768, 8, 1, 128, 16},
    {0, 0, 0, 128, 8192, 16, 16, 128, 16}, {0, 0, 0, 512, 9000, 14, 2, 64, 16},
    {0, 0, 0, 2, 20000, 16, 2, 128, 32},   {0, 0, 0, 3000, 3000, 8, 8, 128, 16},
    {0, 0, 0, 48, 30000, 32, 32, 64, 256}, {0, 0, 0, 700, 16000, 28, 4, 128, 16},
};
/* Tiles of 192 rows: a whole number of them, and not; packed or not. */
static const Large large_wide[] = {
    {0, 0, 0, 4097, 4097, 14, 2, 64, 16},
    {0, 0, 0, 1920, 8192, 8, 8, 64, 32},
    {0, 0, 0, 100, 9000, 16, 2, 64, 128},
    {0, 0, 0, 8192, 8192, 4, 1, 64, 16},
};
/* Blocks of every size that boxes can copy, and of one that they cannot. */
static const Large large_maps[] = {
    {0, 0, 0, 4096, 4096, 8, 8, 128, 16}, {0, 0, 0, 1000, 9001, 8, 2, 128, 8},
    {0, 0, 0, 2048, 5000, 4, 1, 64, 32},  {0, 0, 0, 3000, 3000, 8, 2, 128, 64},
    {0, 0, 0, 300, 16000, 8, 4, 64, 128}, {0, 0, 0, 2000, 2000, 4, 4, 128, 256},
    {0, 0, 0, 700, 3000, 4, 4, 128, 48},
};
static const Large large_lists[] = {
    {9, 2048, 2048, 0, 0, 32, 32, 128, 16}, {17, 1500, 2500, 0, 0, 32, 8, 128, 16},
    {128, 1, 8000, 0, 0, 8, 2, 128, 16},    {3, 100, 32768, 0, 0, 16, 2, 128, 16},
    {70, 500, 600, 0, 0, 14, 2, 64, 16},    {11, 1, 16000, 0, 0, 64, 4, 64, 32},
    {255, 1, 1000, 0, 0, 8, 1, 128, 16},    {1, 30000, 30000, 0, 0, 40, 40, 128, 16},
};
static const Large large_mixed[] = {
    {64, 100, 2000, 512, 2048, 32, 8, 128, 16},
    {200, 1, 500, 2048, 2048, 8, 2, 128, 16},
    {511, 1, 200, 300, 300, 8, 1, 64, 16},
    {7, 4000, 16000, 1024, 8192, 16, 2, 128, 16},
};

enum { SMALL_RANDOM = 24, MEDIUM_RANDOM = 12 };
enum {
  RANDOM_BEGIN = G_N_ELEMENTS(edges),
  MEDIUM_BEGIN = RANDOM_BEGIN + SMALL_RANDOM,
  LARGE_BEGIN = MEDIUM_BEGIN + MEDIUM_RANDOM
};

/* The kind of a check's cases. */
typedef struct {
  Percent percent;
  guint32 head_dim; /* of small and medium cases; 0: by turns */
  const Large *large;
} Kind;

static guint32
choose_head_dim(const Kind *kind, gboolean is_turn)
{
  return kind->head_dim != 0 ? kind->head_dim : is_turn ? 64 : 128;
}

static AttentionCase *
edge_case(GRand *rand, Dtype dtype, const Kind *kind, guint number)
{
  const Percent percent = kind->percent;
  const gint32 context = edges[number].context, some = MIN(context, 3);
  const gint32 new_tokens[] = {percent == PREFILLS ? some : 1, percent == DECODES ? 1 : context,
                               percent == DECODES ? 1 : some};
  const gint32 context_lens[] = {context, context, context};
  const AttentionSpec spec = {
      .heads = edges[number].group,
      .kv_heads = 1,
      .head_dim = choose_head_dim(kind, number % 2 != 0),
      .block_size = edges[number].block_size,
      .num_sequences = G_N_ELEMENTS(new_tokens),
      .new_tokens = new_tokens,
      .context_lens = context_lens,
  };

  return attention_case_new(rand, dtype, &spec, 1);
}

static AttentionCase *
large_case(GRand *rand, Dtype dtype, const Large *large)
{
  const guint32 num_sequences = large->num_decodes + (large->prefill_new > 0 ? 1 : 0);
  g_autofree gint32 *new_tokens = g_new(gint32, num_sequences);
  g_autofree gint32 *context_lens = g_new(gint32, num_sequences);
  const AttentionSpec spec = {
      .heads = large->heads,
      .kv_heads = large->kv_heads,
      .head_dim = large->head_dim,
      .block_size = large->block_size,
      .num_sequences = num_sequences,
      .new_tokens = new_tokens,
      .context_lens = context_lens,
      .max_checked = MAX_CHECKED,
  };

  for (guint32 s = 0; s < large->num_decodes; s++) {
    new_tokens[s] = 1;
    context_lens[s] = g_rand_int_range(rand, large->shortest, large->longest + 1);
  }
  if (large->prefill_new > 0) {
    new_tokens[num_sequences - 1] = large->prefill_new;
    context_lens[num_sequences - 1] = large->prefill_context;
  }
  return attention_case_new(rand, dtype, &spec, 1);
}

static AttentionCase *
make_case(GRand *rand, Dtype dtype, const Kind *kind, guint number)
{
  const guint32 head_dim = choose_head_dim(kind, number / 2 % 2 != 0);

  if (number < RANDOM_BEGIN)
    return edge_case(rand, dtype, kind, number);
  if (number < MEDIUM_BEGIN)
    return attention_case_random(rand, dtype, head_dim, SMALL_CONTEXT, kind->percent);
  if (number < LARGE_BEGIN)
    return attention_case_random(rand, dtype, head_dim, MEDIUM_CONTEXT, kind->percent);
  return large_case(rand, dtype, &kind->large[number - LARGE_BEGIN]);
}

/* How many multiprocessors to plan for: smaller and larger GPUs cut other pieces. Edge cases use
 * each in turn. */
static guint32
choose_multiprocessors(const CheckContext *context, GRand *rand, guint number)
{
  const guint32 own = context->attention.multiprocessors, others[] = {1000, 1, own, 132};

  if (number < RANDOM_BEGIN)
    return others[number % G_N_ELEMENTS(others)];
  if (number < MEDIUM_BEGIN)
    return others[g_rand_int_range(rand, 0, G_N_ELEMENTS(others))];
  return own;
}

static void
run_attention(const CheckContext *context, guint number, GRand *rand, CheckCase *result,
              const Kind *kind, const AttentionDevice *ways)
{
  const Dtype dtype = number % 3 == 2 ? DTYPE_FP16 : DTYPE_BF16;
  g_autoptr(AttentionCase) c = make_case(rand, dtype, kind, number);
  AttentionDevice device = *ways;
  device.multiprocessors = choose_multiprocessors(context, rand, number);
  g_autoptr(AttentionMemory) memory = attention_memory_new(&device, dtype, c, context->tamper);
  g_autofree float *out = attention_memory_run(memory, dtype, c);
  g_autofree char *shape = attention_case_describe(c);

  result->shape = g_strdup_printf("%s, %s, cut for %u multiprocessors", check_dtype_name(dtype),
                                  shape, device.multiprocessors);
  check_case_compare(result, attention_case_compare(c, out), check_limit(dtype));
  if (!attention_case_gaps_are_untouched(c, out))
    check_case_fail(result, "something was written between rows");
  check_case_end(result, memory->memory);
}

static void
run_decode(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  run_attention(context, number, rand, result, &(Kind){.percent = DECODES, .large = large_decodes},
                &(AttentionDevice){0});
}

static void
run_decode_lists(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  run_attention(context, number, rand, result, &(Kind){.percent = DECODES, .large = large_lists},
                &(AttentionDevice){.levels_decodes = TRUE});
}

static void
run_prefill(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  run_attention(context, number, rand, result,
                &(Kind){.percent = PREFILLS, .large = large_prefills}, &(AttentionDevice){0});
}

static void
run_prefill_cuts(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  run_attention(context, number, rand, result, &(Kind){.percent = PREFILLS, .large = large_cuts},
                &(AttentionDevice){.cuts_prefills = TRUE});
}

static void
run_prefill_wgmma(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  run_attention(context, number, rand, result,
                &(Kind){.percent = PREFILLS, .large = large_prefills},
                &(AttentionDevice){.has_wgmma = TRUE});
}

static void
run_prefill_wgmma_cuts(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  run_attention(context, number, rand, result, &(Kind){.percent = PREFILLS, .large = large_cuts},
                &(AttentionDevice){.has_wgmma = TRUE, .cuts_prefills = TRUE});
}

static void
run_prefill_wgmma_wide(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  run_attention(context, number, rand, result, &(Kind){PREFILLS, 64, large_wide},
                &(AttentionDevice){.has_wgmma = TRUE,
                                   .widens_tiles = TRUE,
                                   .cuts_prefills = context->attention.cuts_prefills});
}

static void
run_prefill_wgmma_maps(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  run_attention(context, number, rand, result, &(Kind){.percent = PREFILLS, .large = large_maps},
                &(AttentionDevice){.has_wgmma = TRUE, .maps_blocks = TRUE});
}

/* As a server runs it: with the kernels that this GPU uses. */
static void
run_mixed(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  run_attention(context, number, rand, result, &(Kind){.percent = MIXED, .large = large_mixed},
                &context->attention);
}

static const char *
lacks_wgmma(const CheckContext *context)
{
  return context->attention.has_wgmma
             ? NULL
             : "only GPUs of compute capability 9.0 have it, and " ATTENTION_PORTABLE
               " leaves it out";
}

static const char *
lacks_lists(const CheckContext *context)
{
  return context->attention.levels_decodes ? NULL : KERNELS_WITHOUT " leaves it out";
}

static const char *
lacks_cuts(const CheckContext *context)
{
  return context->attention.cuts_prefills ? NULL : KERNELS_WITHOUT " leaves it out";
}

static const char *
lacks_wgmma_cuts(const CheckContext *context)
{
  return context->attention.has_wgmma ? lacks_cuts(context) : lacks_wgmma(context);
}

static const char *
lacks_wide(const CheckContext *context)
{
  return !context->attention.has_wgmma     ? lacks_wgmma(context)
         : context->attention.widens_tiles ? NULL
                                           : KERNELS_WITHOUT " leaves it out";
}

static const char *
lacks_maps(const CheckContext *context)
{
  return !context->attention.has_wgmma    ? lacks_wgmma(context)
         : context->attention.maps_blocks ? NULL
                                          : KERNELS_WITHOUT " leaves it out";
}

#define NUM_CASES(large)                                                                           \
  {                                                                                                \
    8, RANDOM_BEGIN + SMALL_RANDOM / 2, LARGE_BEGIN + G_N_ELEMENTS(large)                          \
  }

const KernelCheck check_decode = {
    .name = "decode",
    .num_cases = NUM_CASES(large_decodes),
    .run = run_decode,
};
const KernelCheck check_decode_lists = {
    .name = "decode-lists",
    .num_cases = NUM_CASES(large_lists),
    .lacks = lacks_lists,
    .run = run_decode_lists,
};
const KernelCheck check_prefill = {
    .name = "prefill",
    .num_cases = NUM_CASES(large_prefills),
    .run = run_prefill,
};
const KernelCheck check_prefill_cuts = {
    .name = "prefill-cuts",
    .num_cases = NUM_CASES(large_cuts),
    .lacks = lacks_cuts,
    .run = run_prefill_cuts,
};
const KernelCheck check_prefill_wgmma = {
    .name = "prefill-wgmma",
    .num_cases = NUM_CASES(large_prefills),
    .lacks = lacks_wgmma,
    .run = run_prefill_wgmma,
};
const KernelCheck check_prefill_wgmma_cuts = {
    .name = "prefill-wgmma-cuts",
    .num_cases = NUM_CASES(large_cuts),
    .lacks = lacks_wgmma_cuts,
    .run = run_prefill_wgmma_cuts,
};
const KernelCheck check_prefill_wgmma_wide = {
    .name = "prefill-wgmma-wide",
    .num_cases = NUM_CASES(large_wide),
    .lacks = lacks_wide,
    .run = run_prefill_wgmma_wide,
};
const KernelCheck check_prefill_wgmma_maps = {
    .name = "prefill-wgmma-maps",
    .num_cases = NUM_CASES(large_maps),
    .lacks = lacks_maps,
    .run = run_prefill_wgmma_maps,
};
const KernelCheck check_mixed = {
    .name = "mixed",
    .num_cases = NUM_CASES(large_mixed),
    .run = run_mixed,
};
