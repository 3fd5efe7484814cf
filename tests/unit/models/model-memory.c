/* What a model's layers hold: groups of KV and their pages, bytes of a block, what each rank has.
 */
#include "calib/cost/pool_size.h"
#include "models/model_config.h"
#include "sim/kv_groups.h"

static Model *
example(const char *name)
{
  const char *root = g_getenv("SPILLWAY_SRCDIR");
  g_autofree char *file = g_strconcat(name, ".json", NULL);
  g_autofree char *path =
      g_build_filename(root != NULL ? root : ".", "tests", "models", "families", file, NULL);
  g_autoptr(GError) error = NULL;
  Model *model = model_config_read(path, name, &error);

  g_assert_no_error(error);
  return model;
}

static guint64
logged_tokens(const Model *model, guint32 version, guint32 longest, gboolean caches_states,
              guint64 kv_bytes)
{
  const PoolSizeRequest request = {
      .server = {.model = model,
                 .version = version,
                 .tensor_parallel_size = 1,
                 .max_num_batched_tokens = 2048},
      .block_size = 16,
  };
  const PoolLogTerms terms = {.max_model_len = longest, .caches_states = caches_states};

  return pool_logged_tokens(&request, &terms, kv_bytes);
}

/* Groups and pages as vLLM makes them, and what a sequence holds of them. */
static void
test_kv_groups(void)
{
  static const struct {
    const char *name;
    guint32 groups, layers, block_tokens;
    guint64 page_bytes;
    guint64 tokens, blocks; /* that a sequence of so many holds */
  } cases[] = {
      /* One kind: all blocks, each of all layers. */
      {"deepseek-v2-lite", 1, 27, 16, 16 * 1152, 1000, 63},
      {"phi-2", 1, 32, 16, 16 * 10240, 16, 1},
      /* Half of the layers see 128 tokens: of 1000, blocks 54 to 62 of 63. */
      {"gpt-oss-120b", 2, 18, 16, 16 * 2048, 1000, 63 + 9},
      {"gpt-oss-120b", 2, 18, 16, 16 * 2048, 100, 7 + 7},
      /* 10 see all, 52 see 1024: six groups of these. */
      {"gemma-3-27b", 7, 10, 16, 16 * 8192, 4096, 256 + 6 * 64},
      /* 12 see all, 36 their chunk of 8192. */
      {"llama-4-scout", 4, 12, 16, 16 * 4096, 8192 + 160, 522 + 3 * 10},
      /* 12 of attention, 36 states that make the pages: 1,097,728 bytes hold 536 tokens' KV. */
      {"qwen3-next-80b-a3b", 4, 12, 544, 544 * 2048, 1000, 2 + 3},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(Model) model = example(cases[i].name);
    KvGroups layout;

    g_test_message("%s", cases[i].name);
    g_assert_true(kv_groups_find(model, 16, 1, &layout));
    g_assert_cmpuint(layout.n_groups, ==, cases[i].groups);
    g_assert_cmpuint(layout.group_layers, ==, cases[i].layers);
    g_assert_cmpuint(layout.page_bytes, ==, cases[i].page_bytes);
    g_assert_cmpuint(layout.block_bytes, ==, cases[i].page_bytes * cases[i].layers);
    g_assert_cmpuint(kv_groups_sequence_blocks(&layout, cases[i].tokens), ==, cases[i].blocks);
    g_assert_cmpuint(kv_groups_tokens(&layout, 1000), ==,
                     1000 / cases[i].groups * cases[i].block_tokens);
  }
}

/* DeepSeek-V4-Flash on two GH200 by vLLM 0.22 (issue 44376), steps of 16,384 tokens: "6.66 GiB KV
 * cache is needed" for 30,000 tokens; of 5.44 GiB "the estimated maximum model length is 13528". */
static void
test_compressed_groups(void)
{
  g_autoptr(Model) model = example("deepseek-v4-flash");
  g_autoptr(Model) pro = example("deepseek-v4-pro");
  KvGroups layout, wide;
  double needed_gib;
  guint64 longest;

  g_assert_true(kv_groups_find(model, 16, 2, &layout));
  g_assert_cmpuint(layout.n_groups, ==, 5);
  /* 22 tuples of a page of index keys, of entries for 4 tokens, of entries for 128. */
  g_assert_cmpuint(layout.block_bytes, ==, 22 * (8640 + 37440 + 1728));
  needed_gib = (double)(kv_groups_planned_blocks(&layout, 30000, 16384) * layout.block_bytes) /
               (double)(1 << 30);
  g_assert_cmpfloat_with_epsilon(needed_gib, 6.66, 0.005);
  longest = kv_groups_longest(&layout, (guint64)(5.44 * (1 << 30)) / layout.block_bytes, 16384,
                              1048576);
  g_assert_cmpuint(longest, >=, 13515);
  g_assert_cmpuint(longest, <=, 13541); /* 5.44 is rounded to 0.005 */
  g_assert_true(kv_groups_find(pro, 16, 1, &wide));
  g_assert_cmpuint(wide.group_layers, ==, 31);
  g_assert_cmpuint(wide.n_groups, ==, 5);
  g_assert_true(model_set_kv_cache_dtype(model, "bfloat16"));
  g_assert_true(kv_groups_find(model, 16, 1, &layout));
  g_assert_cmpuint(layout.block_bytes, ==, 22 * (64 * 132 + 64 * 1024 + 2 * 1024));
}

/* Bytes of a block in all layers: with what pads groups, without states. */
static void
test_block_bytes(void)
{
  static const struct {
    const char *name;
    guint64 bytes;
    guint64 gib_tokens; /* that vLLM's log would name for 1 GiB */
  } cases[] = {
      {"phi-2", 16 * 327680, 204 * 16},
      {"gpt-oss-120b", 16 * 73728, 1820 / 2 * 16},
      /* 7 groups of 10 layers for 62. */
      {"gemma-3-27b", 70 * 16 * 8192, 819 / 7 * 16},
      /* 12 layers of attention; a block holds 544 tokens, and 3 of 4 groups are states. */
      {"qwen3-next-80b-a3b", 16 * 24576, 80 / 4 * 544},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(Model) model = example(cases[i].name);

    g_assert_cmpuint(pool_block_bytes(model, 16, 1), ==, cases[i].bytes);
    g_assert_cmpuint(logged_tokens(model, 20, 131072, FALSE, (guint64)1 << 30), ==,
                     cases[i].gib_tokens);
  }
}

/* The tokens that real servers named for their KV memory, which they name to a hundredth of a GiB:
 * for some of the bytes that it may stand for it is the same. */
static void
test_logged_tokens(void)
{
  static const struct {
    const char *name;
    guint32 version, kv_bits, longest;
    gboolean caches_states;
    double gib;
    guint64 tokens;
  } cases[] = {
      /* noonghunna/club-3090 issues 612 and 652: 299 and 300 blocks of 2096 tokens, 69 a request.
       */
      {"qwen3.5-35b-a3b", 24, 8, 131072, TRUE, 5.98, 567978},
      {"qwen3.5-35b-a3b", 24, 8, 131072, TRUE, 6.01, 569878},
      /* vLLM pull request 30515: 361 blocks, 5.23 requests of 131,072 tokens. */
      {"qwen3.5-122b-a10b", 17, 16, 131072, TRUE, 17.36, 188640},
      /* April 2026: 448 blocks, 11.79 requests. */
      {"qwen3.5-122b-a10b", 19, 8, 131072, TRUE, 21.43, 467712},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(Model) model = example(cases[i].name);
    guint64 bytes = (guint64)((cases[i].gib - 0.005) * (1 << 30));
    guint64 last = (guint64)((cases[i].gib + 0.005) * (1 << 30));
    gboolean named = FALSE;

    model->kv_bits = cases[i].kv_bits;
    for (; bytes <= last && !named; bytes += 1 << 20)
      named = logged_tokens(model, cases[i].version, cases[i].longest, cases[i].caches_states,
                            bytes) == cases[i].tokens;
    if (!named)
      g_error("%s, %.2f GiB: named from %" G_GUINT64_FORMAT " tokens on", cases[i].name,
              cases[i].gib,
              logged_tokens(model, cases[i].version, cases[i].longest, cases[i].caches_states,
                            last));
  }
}

/* From 0.21 on a token costs what a longest request costs. */
static void
test_logged_requests(void)
{
  g_autoptr(Model) gemma = example("gemma-4-31b");
  g_autoptr(Model) dense = example("phi-2");
  guint64 before = logged_tokens(gemma, 20, 131072, FALSE, (guint64)50 << 30);
  guint64 since = logged_tokens(gemma, 21, 131072, FALSE, (guint64)50 << 30);

  /* vLLM issue 43308, the same server before and since: some 55 and 525 thousand. */
  g_assert_cmpuint(before / 1000, ==, 54);
  g_assert_cmpuint(since / 1000, ==, 530);
  g_assert_cmpuint(logged_tokens(dense, 20, 2048, FALSE, (guint64)50 << 30), ==,
                   logged_tokens(dense, 21, 2048, FALSE, (guint64)50 << 30));
}

/* What tensor parallelism splits, and what every rank has. */
static void
test_ranks(void)
{
  g_autoptr(Model) grouped = example("qwen2.5-vl-7b"), latent = example("deepseek-v2-lite");

  /* 4 KV heads: halved by 2 ranks, quartered by 4, and no less by 8. */
  g_assert_cmpuint(model_rank_kv_bytes(grouped, 2), ==, 57344 / 2);
  g_assert_cmpuint(model_rank_kv_bytes(grouped, 4), ==, 57344 / 4);
  g_assert_cmpuint(model_rank_kv_bytes(grouped, 8), ==, 57344 / 4);
  for (guint32 tp = 1; tp <= 8; tp *= 2)
    g_assert_cmpuint(model_rank_kv_bytes(latent, tp), ==, 31104);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/model-memory/kv-groups", test_kv_groups);
  g_test_add_func("/model-memory/compressed-groups", test_compressed_groups);
  g_test_add_func("/model-memory/block-bytes", test_block_bytes);
  g_test_add_func("/model-memory/logged-tokens", test_logged_tokens);
  g_test_add_func("/model-memory/logged-requests", test_logged_requests);
  g_test_add_func("/model-memory/ranks", test_ranks);
  return g_test_run();
}
