/* What-if scales, pool sizes and the roofline: its exactness and its directions. */
#include "calib/cost/crossover.h"
#include "calib/cost/pool_size.h"
#include "calib/cost/experts.h"
#include "calib/cost/roofline.h"
#include "sim/units.h"
#include "tests/unit/calib/shipped_fixture.h"

#include <glib/gstdio.h>
#include <string.h>

static const char *const model_names[] = {
    "llama-2-7b", "opt-13b", "llama-3.1-8b", "mixtral-8x7b", "qwen2.5-0.5b", "qwen3-30b-a3b",
};

/* Read once, for all tests. */
static const Host *
unknown_host(void)
{
  static Host *host;

  if (host == NULL) {
    g_autofree char *path = source_path("calib/hosts", HOST_UNKNOWN, ".ini");
    host = host_read(path, HOST_UNKNOWN, NULL);
    g_assert_nonnull(host);
  }
  return host;
}

static RooflineConfig
plain_config(const Device *device, const Model *model)
{
  return (RooflineConfig){.device = device,
                          .model = model,
                          .host = unknown_host(),
                          .block_size = 16,
                          .tensor_parallel_size = 1,
                          .what_if = WHAT_IF_NONE};
}

static CostModel *
new_roofline(const RooflineConfig *config)
{
  g_autoptr(GError) error = NULL;
  CostModel *costs = roofline_new(config, &error);

  g_assert_no_error(error);
  return costs;
}

/* What the busiest rank gets, and how many experts are touched, by drawing them. */
static void
test_experts(void)
{
  enum { EXPERTS = 64, ACTIVE = 4, RANKS = 8, TOKENS = 200, ROUNDS = 300 };
  double busiest = 0, touched = 0;

  for (guint round = 0; round < ROUNDS; round++) {
    guint rows[EXPERTS] = {0}, most = 0;
    for (guint t = 0; t < TOKENS; t++) {
      guint64 drawn = 0;
      for (guint n = 0; n < ACTIVE;) {
        guint e = (guint)g_test_rand_int_range(0, EXPERTS);
        if (drawn & 1ull << e)
          continue;
        drawn |= 1ull << e;
        rows[e]++;
        n++;
      }
    }
    for (guint r = 0; r < RANKS; r++) {
      guint sum = 0;
      for (guint e = r * EXPERTS / RANKS; e < (r + 1) * EXPERTS / RANKS; e++)
        sum += rows[e];
      most = MAX(most, sum);
    }
    for (guint e = 0; e < EXPERTS / RANKS; e++)
      touched += rows[e] > 0;
    busiest += most;
  }
  g_assert_cmpfloat_with_epsilon(busiest / ROUNDS,
                                 experts_busiest_rows(EXPERTS, ACTIVE, RANKS, TOKENS),
                                 0.01 * TOKENS * ACTIVE / RANKS + 1);
  g_assert_cmpfloat_with_epsilon(touched / ROUNDS,
                                 experts_touched(EXPERTS, ACTIVE, EXPERTS / RANKS, TOKENS), 0.05);
  g_assert_cmpfloat(experts_busiest_rows(EXPERTS, ACTIVE, 1, TOKENS), ==, TOKENS * ACTIVE);
}

static void
test_what_if(void)
{
  static const char *const bad[] = {
      "h2d",     "h2d=",    "h2d=2",        "h2d=-2x", "h2d=0x",  "h2d=nanx", "h2d=infx",
      "h2b=2x",  "=2x",     "h2d=2x,",      ",",       "h2d=2xx", "h2d=1e9x", "h2d=2x,h2d=3x",
      "hbm = 2", "host=00", "copylaunch=0",
  };
  g_autoptr(GError) error = NULL;
  WhatIf what_if;

  g_assert_true(
      what_if_parse("h2d=2x,d2h=4x,copy-launch=0,hbm=1.25x,flops=0.5x,host=0,launch=3x,comm=2x,"
                    "front-end=4x",
                    &what_if, &error));
  g_assert_no_error(error);
  g_assert_cmpfloat(what_if.h2d_time, ==, 0.5);
  g_assert_cmpfloat(what_if.d2h_time, ==, 0.25);
  g_assert_cmpfloat(what_if.hbm_time, ==, 0.8);
  g_assert_cmpfloat(what_if.flops_time, ==, 2);
  g_assert_cmpfloat(what_if.copy_launch_time, ==, 0);
  g_assert_cmpfloat(what_if.host_time, ==, 0);
  g_assert_cmpfloat(what_if.launch_time, ==, 3);
  g_assert_cmpfloat(what_if.comm_time, ==, 2);
  g_assert_cmpfloat(what_if.front_end_time, ==, 4);
  g_assert_true(what_if_parse(NULL, &what_if, NULL) && what_if.h2d_time == 1);
  g_assert_true(what_if_parse("h2d=0, flops=2x", &what_if, NULL) && what_if.h2d_time == 0);
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_assert_false(what_if_parse(bad[i], &what_if, &error));
    g_assert_error(error, WHAT_IF_ERROR, WHAT_IF_ERROR_SYNTAX);
    g_test_message("%s", error->message);
    g_clear_error(&error);
  }
}

/* n repeats in closed form and n steps one by one are the same integer, component by component.
 * Steps that wait for the host are told one at a time: their parts change from one to the next. */
static void
test_repeats_are_exact(void)
{
  for (guint round = 0; round < 200; round++) {
    g_autoptr(Device) device =
        shipped_device(shipped_device_names[g_test_rand_int_range(0, SHIPPED_DEVICES)]);
    g_autoptr(Model) model =
        shipped_model(model_names[g_test_rand_int_range(0, G_N_ELEMENTS(model_names))]);
    RooflineConfig config = plain_config(device, model);
    config.scheduler = (HostScheduler)g_test_rand_int_range(0, HOST_SCHEDULERS);
    config.asynchronous = g_test_rand_int_range(0, 2) == 0;
    config.what_if.hbm_time = g_test_rand_double_range(0, 3);
    config.what_if.flops_time = g_test_rand_double_range(0, 3);
    g_autoptr(CostModel) costs = new_roofline(&config);
    guint32 decodes = (guint32)g_test_rand_int_range(1, 2000);
    guint32 repeat = (guint32)g_test_rand_int_range(1, 3000);
    CostShape shape = {.contexts.count = decodes,
                       .sampled = decodes,
                       .sequences = decodes,
                       .contexts.sum = (guint64)g_test_rand_int_range(1, 100000) * decodes};
    CostPiece whole, single;
    gint64 together_ps, one_by_one_ps = 0;

    cost_model_step(costs, &shape, repeat, &whole);
    g_assert_true(whole.steps == repeat || (config.asynchronous && whole.steps == 1));
    repeat = whole.steps;
    g_assert_true(whole.is_modelled);
    together_ps = repeat * cost_piece_total_ps(&whole) +
                  whole.growth_ps * ((gint64)repeat * (repeat - 1) / 2);
    for (guint32 i = 0; i < repeat; i++) {
      cost_model_step(costs, &shape, 1, &single);
      one_by_one_ps += cost_piece_total_ps(&single);
      shape.contexts.sum += decodes;
    }
    g_assert_cmpint(together_ps, ==, one_by_one_ps);
  }
}

/* A step with a prefill and decodes, copies included, on whatever device and model. */
static CostShape
mixed_shape(const CostChunk *chunk)
{
  return (CostShape){.prefills = chunk,
                     .n_prefills = 1,
                     .contexts.count = 20,
                     .contexts.sum = 20000,
                     .sampled = 21,
                     .sequences = 21,
                     .copy_in_blocks = 7};
}

static void
test_what_if_directions(void)
{
  static const struct {
    const char *text;
    CostComponent component;
    double factor; /* of that component's time, at least (< 1: at most) */
  } cases[] = {
      {"h2d=0", COST_SWAP_IN, 0},
      {"host=0", COST_HOST, 0},
      {"host=2x", COST_HOST, 2},
      {"flops=2x", COST_LINEAR, 0.6},
      {"h2d=100x", COST_SWAP_IN, 0.9},
      {"flops=2x,hbm=2x,launch=0", COST_HEAD, 0.5},
      {"hbm=2x,launch=0", COST_ELEMENTWISE, 0.5},
  };
  g_autoptr(Device) device = shipped_device("h100-sxm");
  g_autoptr(Model) model = shipped_model("llama-3.1-8b");
  RooflineConfig config = plain_config(device, model);
  g_autoptr(CostModel) plain = new_roofline(&config);
  const CostChunk chunk = {.tokens = 3000, .cached_tokens = 500};
  const CostShape shape = mixed_shape(&chunk);
  CostPiece before, after;

  cost_model_step(plain, &shape, 1, &before);
  for (guint c = 0; c < COST_COMPONENTS; c++)
    g_assert_true(before.base_ps[c] > 0 || c == COST_COMM || c == COST_SWAP_OUT);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_assert_true(what_if_parse(cases[i].text, &config.what_if, NULL));
    g_autoptr(CostModel) changed = new_roofline(&config);
    CostComponent c = cases[i].component;

    cost_model_step(changed, &shape, 1, &after);
    if (cases[i].factor < 1)
      g_assert_cmpfloat((double)after.base_ps[c], <=,
                        cases[i].factor * (double)before.base_ps[c] + 1);
    else
      g_assert_cmpfloat((double)after.base_ps[c], >=, cases[i].factor * (double)before.base_ps[c]);
  }
}

static void
test_copies(void)
{
  g_autoptr(Device) device = shipped_device("h100-sxm");
  g_autoptr(Model) model = shipped_model("llama-2-7b");
  RooflineConfig config = plain_config(device, model);
  gint64 per_layer_ps, per_block_ps, batched_ps;

  /* 64 copies of 128 KiB a block, each 3.3 us and its bytes at 51 GB/s. */
  g_autoptr(CostModel) per_layer = new_roofline(&config);
  per_layer_ps = cost_model_copy_ps(per_layer, COPY_OUT, 10);
  g_assert_cmpfloat(ABS((double)per_layer_ps / (10 * 64 * (3.3e6 + 131072 / 51e9 * 1e12)) - 1), <,
                    1e-9);
  config.copy_path = COPY_PATH_PER_BLOCK;
  g_autoptr(CostModel) per_block = new_roofline(&config);
  per_block_ps = cost_model_copy_ps(per_block, COPY_OUT, 10);
  config.copy_path = COPY_PATH_BATCHED;
  g_autoptr(CostModel) batched = new_roofline(&config);
  batched_ps = cost_model_copy_ps(batched, COPY_OUT, 10);
  g_assert_cmpint(per_block_ps, <, batched_ps);
  g_assert_cmpint(batched_ps, <, per_layer_ps);
  g_assert_cmpint(cost_model_copy_ps(per_layer, COPY_IN, 0), ==, 0);

  /* Two devices copy half of each block, beside one another. */
  config.tensor_parallel_size = 2;
  g_autoptr(CostModel) two = new_roofline(&config);
  g_assert_cmpint(cost_model_copy_ps(two, COPY_OUT, 10), <, batched_ps);
  config.host_memory = HOST_MEMORY_PAGEABLE;
  g_autoptr(CostModel) pageable = new_roofline(&config);
  g_assert_cmpint(cost_model_copy_ps(pageable, COPY_OUT, 10), >,
                  cost_model_copy_ps(two, COPY_OUT, 10));
}

/* More tokens, more context, more blocks never cost less; nothing is negative. */
static void
test_monotone(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(model_names); i++) {
    g_autoptr(Device) device = shipped_device("a100-40gb");
    g_autoptr(Model) model = shipped_model(model_names[i]);
    RooflineConfig config = plain_config(device, model);
    g_autoptr(CostModel) costs = new_roofline(&config);
    gint64 before_ps = 0;

    for (guint32 tokens = 1; tokens < 40000; tokens += 1 + tokens / 7) {
      gint64 ps = cost_model_recompute_ps(costs, tokens, 0);
      g_assert_cmpint(ps, >=, before_ps);
      g_assert_cmpint(cost_model_recompute_ps(costs, tokens, 1000), >=, ps);
      before_ps = ps;
    }
  }
}

/* What the model says of itself, which an order of victims goes by: no step takes less with a
 * longer chunk, or more before it. Sizes that nobody looked at are not spoken for. */
static void
test_rises(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(model_names); i++) {
    g_autoptr(Device) device = shipped_device("a100-80gb");
    g_autoptr(Model) model = shipped_model(model_names[i]);
    const RooflineConfig config = plain_config(device, model);
    g_autoptr(CostModel) costs = new_roofline(&config);
    gint64 before_ps = 0;
    g_assert_true(cost_model_rises(costs, 4096));
    g_assert_false(cost_model_rises(costs, G_MAXUINT32));
    for (guint32 tokens = 1; tokens < 4096; tokens += 3) {
      gint64 ps = cost_model_recompute_ps(costs, tokens, 2 * tokens);
      g_assert_cmpint(ps, >=, before_ps);
      before_ps = ps;
    }
  }
}

/* Every crossing that is reported is one, and between them nothing turns: against all blocks. */
static void
test_crossover(void)
{
  static const guint32 block_sizes[] = {1, 8, 16, 32, 256};
  guint crossings = 0;

  for (guint i = 0; i < G_N_ELEMENTS(model_names) * G_N_ELEMENTS(block_sizes); i++) {
    guint32 block_size = block_sizes[i % G_N_ELEMENTS(block_sizes)];
    g_autoptr(Device) device = shipped_device(i % 2 == 0 ? "h100-sxm" : "a100-40gb");
    g_autoptr(Model) model = shipped_model(model_names[i / G_N_ELEMENTS(block_sizes)]);
    RooflineConfig config = plain_config(device, model);
    config.block_size = block_size;
    g_autoptr(CostModel) costs = new_roofline(&config);
    g_autoptr(GArray) points = crossover_points(costs, block_size, 20000);
    guint at = 0;

    for (guint32 tokens = block_size; tokens <= 20000; tokens += block_size) {
      CrossoverCost cost = crossover_cost(costs, block_size, tokens);
      if (at + 1 < points->len && g_array_index(points, CrossoverPoint, at + 1).tokens == tokens)
        at++;
      g_assert_cmpint(crossover_swap_is_cheaper(&cost), ==,
                      g_array_index(points, CrossoverPoint, at).swap_cheaper);
    }
    g_assert_cmpuint(at + 1, ==, points->len);
    crossings += at;
  }
  g_assert_cmpuint(crossings, >, 5);
  g_test_message("%u crossings", crossings);
}

static void
test_extremes_saturate(void)
{
  g_autoptr(Device) device = shipped_device("rtx-4090");
  g_autoptr(Model) model = shipped_model("opt-13b");
  RooflineConfig config = plain_config(device, model);
  g_autoptr(CostModel) costs = new_roofline(&config);
  const CostChunk chunk = {.tokens = G_MAXUINT32, .cached_tokens = G_MAXUINT32};
  const CostShape shape = {.prefills = &chunk,
                           .n_prefills = 1,
                           .contexts.count = G_MAXUINT32 - 1,
                           .contexts.sum = G_MAXUINT64,
                           .sampled = G_MAXUINT32,
                           .sequences = G_MAXUINT32,
                           .copy_out_blocks = G_MAXUINT32};
  CostPiece piece;

  cost_model_step(costs, &shape, 1, &piece);
  g_assert_cmpint(cost_piece_total_ps(&piece), >, 0);
  g_assert_cmpint(cost_piece_total_ps(&piece), <=, TIME_MAX_PS);
}

static void
test_bad_configs(void)
{
  g_autoptr(Device) device = shipped_device("h100-sxm");
  g_autoptr(Model) model = shipped_model("qwen2.5-7b");
  static const guint32 sizes[] = {0, 3, 5, 16};

  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    RooflineConfig config = plain_config(device, model);
    g_autoptr(GError) error = NULL;

    config.tensor_parallel_size = sizes[i];
    g_assert_null(roofline_new(&config, &error));
    g_assert_error(error, ROOFLINE_ERROR, ROOFLINE_ERROR_CONFIG);
    g_test_message("%s", error->message);
  }
  RooflineConfig config = plain_config(device, model);
  config.tensor_parallel_size = 2;
  g_autoptr(CostModel) two = new_roofline(&config);
  const CostChunk chunk = {.tokens = 100};
  const CostShape shape = {.prefills = &chunk, .n_prefills = 1, .sequences = 1};
  CostPiece piece;
  cost_model_step(two, &shape, 1, &piece);
  g_assert_cmpint(piece.base_ps[COST_COMM], >=, 2 * 28 * 5 * PS_PER_US);
}

static void
test_pool_size(void)
{
  g_autoptr(Device) device = shipped_device("a100-40gb");
  g_autoptr(Model) small = shipped_model("llama-2-7b");
  g_autoptr(Model) large = shipped_model("llama-3-70b");
  g_autoptr(GError) error = NULL;
  PoolSizeRequest request = {{device, small, 0, 1, 4096, 256}, 0.9, 16};
  PoolSize pool, split;

  g_assert_true(pool_size_find(&request, &pool, &error));
  g_assert_cmpuint(pool.block_bytes, ==, 8 << 20);
  g_assert_cmpuint(pool.num_gpu_blocks, >, 2500);
  g_assert_cmpuint(pool.num_gpu_blocks, <, 2900);
  g_assert_cmpuint(pool.usable_bytes, >=,
                   pool.weight_bytes + pool.server.activation_bytes +
                       pool.num_gpu_blocks * pool.block_bytes);
  request.server.tensor_parallel_size = 2;
  g_assert_true(pool_size_find(&request, &split, &error));
  g_assert_cmpuint(split.num_gpu_blocks, >, 2 * pool.num_gpu_blocks);
  request.server.model = large;
  g_assert_false(pool_size_find(&request, &pool, &error));
  g_assert_error(error, POOL_SIZE_ERROR, POOL_SIZE_ERROR_MEMORY);
  g_test_message("%s", error->message);
  g_assert_nonnull(strstr(error->message, "--tensor-parallel-size"));
  g_assert_cmpuint(pool_blocks(4ULL << 30, 8 << 20), ==, 512);
  g_assert_cmpuint(pool_blocks(G_MAXUINT64, 1), ==, G_MAXUINT32);
}

/* Prints, judges nothing. */
static void
test_lookup_time(void)
{
  enum { LOOKUPS = 2000000 };
  g_autoptr(Device) device = shipped_device("h100-sxm");
  g_autoptr(Model) model = shipped_model("llama-3.1-8b");
  RooflineConfig config = plain_config(device, model);
  g_autoptr(CostModel) costs = new_roofline(&config);
  gint64 sum_ps = 0;
  double elapsed_s;

  g_test_timer_start();
  for (guint32 i = 0; i < LOOKUPS; i++) {
    const CostShape shape = {.contexts.count = 1 + i % 256,
                             .sampled = 1 + i % 256,
                             .sequences = 1 + i % 256,
                             .contexts.sum = 1000 + i};
    CostPiece piece;
    cost_model_step(costs, &shape, 16, &piece);
    sum_ps += piece.base_ps[COST_LINEAR] & 1;
  }
  elapsed_s = g_test_timer_elapsed();
  g_test_message("a decode step's cost takes %.1f ns (checksum %" G_GINT64_FORMAT ")",
                 elapsed_s / LOOKUPS * 1e9, sum_ps);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/roofline/experts", test_experts);
  g_test_add_func("/roofline/what-if", test_what_if);
  g_test_add_func("/roofline/repeats-are-exact", test_repeats_are_exact);
  g_test_add_func("/roofline/what-if-directions", test_what_if_directions);
  g_test_add_func("/roofline/copies", test_copies);
  g_test_add_func("/roofline/monotone", test_monotone);
  g_test_add_func("/roofline/rises", test_rises);
  g_test_add_func("/roofline/crossover", test_crossover);
  g_test_add_func("/roofline/extremes-saturate", test_extremes_saturate);
  g_test_add_func("/roofline/bad-configs", test_bad_configs);
  g_test_add_func("/roofline/pool-size", test_pool_size);
  g_test_add_func("/roofline/lookup-time", test_lookup_time);
  return g_test_run();
}
