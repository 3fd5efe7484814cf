/* The cost model of a profile, on a profile whose true costs are known: what is measured
 * is given back, what lies between is near the truth, repeats equal single steps to the bit, and
 * what is missing is marked as modelled.
 */
#include "calib/cost/operation_fit.h"
#include "calib/cost/profile_cost.h"
#include "sim/units.h"
#include "tests/unit/calib/known_profile.h"

#include <math.h>
#include <string.h>

static void
test_measured(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(CostModel) cost = known_profile_cost(f, WHAT_IF_NONE);
  const guint32 contexts[] = {700, 700, 700, 700};
  CostShape shape = known_decode_shape(contexts, G_N_ELEMENTS(contexts));
  const CostChunk chunk = {.tokens = 1024, .cached_tokens = 512};
  CostPiece piece;
  double layer = known_gemm_ns(4, 6144, 4096) + known_gemm_ns(4, 4096, 4096) +
                 known_gemm_ns(4, 28672, 4096) + known_gemm_ns(4, 4096, 14336);

  cost_model_step(cost, &shape, 1, &piece);
  assert_near_ns(piece.base_ps[COST_LINEAR], 32 * layer, 1e-6);
  assert_near_ns(piece.base_ps[COST_ATTENTION], 32 * known_attention_ns(0, 0, 4, 700), 1e-3);
  assert_near_ns(piece.base_ps[COST_HEAD], known_gemm_ns(4, 128256, 4096) + 2004, 1e-6);
  assert_near_ns(piece.base_ps[COST_ELEMENTWISE], 32 * 4 * 1004.0, 1e-6);
  g_assert_cmpint(piece.measured_ps[COST_LINEAR], ==, piece.base_ps[COST_LINEAR]);
  g_assert_cmpint(piece.measured_ps[COST_ATTENTION], ==, piece.base_ps[COST_ATTENTION]);
  g_assert_true(piece.growth_measured);
  g_assert_cmpint(piece.measured_ps[COST_HOST], ==, 0);

  shape = (CostShape){.prefills = &chunk, .n_prefills = 1, .sampled = 1, .sequences = 1};
  cost_model_step(cost, &shape, 1, &piece);
  assert_near_ns(piece.base_ps[COST_ATTENTION], 32 * known_attention_ns(1024, 512, 0, 0), 1e-3);
}

/* Between points, for prefills too: time is linear in pairs, so the truth is met closely. */
static void
test_between(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(CostModel) cost = known_profile_cost(f, WHAT_IF_NONE);
  const guint32 contexts[] = {900, 900, 900, 900, 900, 900, 900};
  const CostChunk chunks[] = {{.tokens = 700, .cached_tokens = 300}, {.tokens = 500}};
  CostShape shape = known_decode_shape(contexts, G_N_ELEMENTS(contexts));
  CostPiece piece;
  double pairs = 700 * 300 + 700 * 701 / 2.0 + 500 * 501 / 2.0;

  shape.prefills = chunks;
  shape.n_prefills = G_N_ELEMENTS(chunks);
  cost_model_step(cost, &shape, 1, &piece);
  assert_near_ns(piece.base_ps[COST_ATTENTION], 32 * (5000 + pairs * 0.02 + 1200 + 7 * 900 * 0.5),
                 0.03);
}

static void
test_repeats(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(CostModel) cost = known_profile_cost(f, WHAT_IF_NONE);
  g_autoptr(GRand) rand = g_rand_new_with_seed(7);
  guint pieces = 0;

  for (guint round = 0; round < 300; round++) {
    guint32 n = (guint32)g_rand_int_range(rand, 1, 300), steps = 0;
    g_autofree guint32 *contexts = g_new(guint32, n);
    guint32 repeat = (guint32)g_rand_int_range(rand, 1, 3000);
    gint64 together = 0, single = 0;
    for (guint32 i = 0; i < n; i++)
      contexts[i] = (guint32)g_rand_int_range(rand, 1, 6000);
    for (guint32 left = repeat; left > 0; left -= steps, pieces++) {
      CostShape shape = known_decode_shape(contexts, n);
      CostPiece piece;
      cost_model_step(cost, &shape, left, &piece);
      steps = piece.steps;
      for (guint32 i = 0; i < steps; i++) {
        CostShape one = known_decode_shape(contexts, n);
        CostPiece alone;
        cost_model_step(cost, &one, 1, &alone);
        g_assert_cmpint(cost_piece_total_ps(&alone), ==,
                        cost_piece_total_ps(&piece) + i * piece.growth_ps);
        g_assert_cmpint(alone.growth_measured, ==, piece.growth_measured);
        g_assert_cmpint(alone.measured_ps[COST_ATTENTION], ==,
                        piece.measured_ps[COST_ATTENTION] +
                            (piece.growth_measured ? i * piece.growth_ps : 0));
        together += cost_piece_total_ps(&piece) + i * piece.growth_ps;
        single += cost_piece_total_ps(&alone);
        for (guint32 j = 0; j < n; j++)
          contexts[j]++;
      }
    }
    g_assert_cmpint(together, ==, single);
  }
  g_assert_cmpuint(pieces, >, 300);
}

/* Unequal contexts cost more than equal ones of the same sum, and no more than all at the longest.
 */
static void
test_skew(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(CostModel) cost = known_profile_cost(f, WHAT_IF_NONE);
  guint32 equal[64], unequal[64], longest[64];
  CostShape shapes[3];
  CostPiece pieces[3];

  for (guint i = 0; i < 64; i++) {
    equal[i] = 1000;
    unequal[i] = i % 2 == 0 ? 400 : 1600;
    longest[i] = 1600;
  }
  shapes[0] = known_decode_shape(equal, 64);
  shapes[1] = known_decode_shape(unequal, 64);
  shapes[2] = known_decode_shape(longest, 64);
  for (guint i = 0; i < 3; i++)
    cost_model_step(cost, &shapes[i], 1, &pieces[i]);
  g_assert_cmpint(pieces[0].base_ps[COST_ATTENTION], <, pieces[1].base_ps[COST_ATTENTION]);
  g_assert_cmpint(pieces[1].base_ps[COST_ATTENTION], <, pieces[2].base_ps[COST_ATTENTION]);
}

static void
test_beyond(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(CostModel) cost = known_profile_cost(f, WHAT_IF_NONE);
  const guint32 contexts[] = {60000};
  CostShape shape = known_decode_shape(contexts, 1);
  const CostChunk chunk = {.tokens = 9000};
  CostPiece piece;

  cost_model_step(cost, &shape, 1, &piece);
  g_assert_cmpint(piece.measured_ps[COST_ATTENTION], ==, 0);
  assert_near_ns(piece.base_ps[COST_ATTENTION], 32 * known_attention_ns(0, 0, 1, 60000), 0.01);
  shape = (CostShape){.prefills = &chunk, .n_prefills = 1, .sampled = 1, .sequences = 1};
  cost_model_step(cost, &shape, 1, &piece);
  g_assert_cmpint(piece.measured_ps[COST_ATTENTION], ==, 0);
  g_assert_cmpint(piece.measured_ps[COST_LINEAR], ==, 0);
  assert_near_ns(piece.base_ps[COST_ATTENTION], 32 * known_attention_ns(9000, 0, 0, 0), 0.1);
}

/* What whole steps take beyond the tables grows with the tokens, past the largest that was timed.
 */
static void
test_residual_beyond(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  const Model *m = f->model;
  const gint64 tail[] = {m->layers, m->hidden, m->ffn, m->heads, m->kv_heads};
  static const guint32 tokens[] = {1024, 2048, 4096};
  g_autoptr(CostModel) bare = known_profile_cost(f, WHAT_IF_NONE);
  g_autoptr(CostModel) cost = NULL;
  gint64 beyond[G_N_ELEMENTS(tokens)];

  for (guint i = 0; i < 2; i++) {
    gint64 shape[OPERATION_SHAPE_MAX] = {tokens[i]};
    const CostChunk chunk = {.tokens = tokens[i]};
    const CostShape step = {.prefills = &chunk, .n_prefills = 1, .sampled = 1, .sequences = 1};
    CostPiece piece;
    cost_model_step(bare, &step, 1, &piece);
    memcpy(shape + 4, tail, sizeof tail);
    known_profile_add(f, OP_STEP, STEP_EAGER, shape,
                      (double)(cost_piece_total_ps(&piece) - piece.base_ps[COST_HOST]) / PS_PER_NS +
                          1000.0 * tokens[i]);
  }
  profile_seal(f->profile);
  cost = known_profile_cost(f, WHAT_IF_NONE);
  for (guint i = 0; i < G_N_ELEMENTS(tokens); i++) {
    const CostChunk chunk = {.tokens = tokens[i]};
    const CostShape step = {.prefills = &chunk, .n_prefills = 1, .sampled = 1, .sequences = 1};
    CostPiece with, without;
    cost_model_step(cost, &step, 1, &with);
    cost_model_step(bare, &step, 1, &without);
    beyond[i] = cost_piece_total_ps(&with) - cost_piece_total_ps(&without);
    assert_near_ns(beyond[i], 1000.0 * tokens[i], 1e-3);
  }
}

static CostPiece
of_decodes(CostModel *cost, guint32 n, const CostChunk *chunk)
{
  g_autofree guint32 *contexts = g_new(guint32, n);
  CostShape shape;
  CostPiece piece;

  for (guint32 i = 0; i < n; i++)
    contexts[i] = 700;
  shape = known_decode_shape(contexts, n);
  if (chunk != NULL) {
    shape.prefills = chunk;
    shape.n_prefills = 1;
  }
  cost_model_step(cost, &shape, 1, &piece);
  return piece;
}

/* Where graphs are of decodes alone, those are filled up to the next size that is captured; steps
 * with prefills have their own rows. The head is filled up where it is in the graph. */
static void
test_padded(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  static const struct {
    guint32 decodes, rows;
  } cases[] = {{1, 1}, {3, 4}, {5, 8}, {17, 24}, {33, 40}, {64, 64}, {250, 256}, {257, 257}};
  const CostChunk one = {.tokens = 1, .cached_tokens = 700};
  RooflineConfig config = {.device = f->device,
                           .model = f->model,
                           .block_size = 16,
                           .tensor_parallel_size = 1,
                           .captured = CAPTURED_DECODES,
                           .what_if = WHAT_IF_NONE};
  g_autoptr(CostModel) whole = known_profile_cost(f, WHAT_IF_NONE);
  CostModel *cost[2];

  for (guint head = 0; head < 2; head++) {
    config.captured_tokens = 256;
    config.captures_head = head == 1;
    cost[head] = profile_cost_new(f->profile, &config, NULL);
  }
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    const guint32 n = cases[i].decodes, rows = cases[i].rows;
    const CostPiece own = of_decodes(cost[0], n, NULL), filled = of_decodes(cost[0], rows, NULL);
    const CostPiece with_head = of_decodes(cost[1], n, NULL);
    g_assert_cmpint(own.base_ps[COST_LINEAR], ==, filled.base_ps[COST_LINEAR]);
    g_assert_cmpint(own.base_ps[COST_LINEAR], ==, with_head.base_ps[COST_LINEAR]);
    g_assert_cmpint(with_head.base_ps[COST_HEAD], ==, filled.base_ps[COST_HEAD]);
    if (n < rows) {
      const CostPiece mixed = of_decodes(cost[0], n - 1, &one);
      g_assert_cmpint(mixed.base_ps[COST_LINEAR], <, own.base_ps[COST_LINEAR]);
      g_assert_cmpint(own.base_ps[COST_HEAD], <, filled.base_ps[COST_HEAD]);
      g_assert_cmpint(own.base_ps[COST_ATTENTION], <, filled.base_ps[COST_ATTENTION]);
      /* An engine that captures all steps fills these, too. */
      g_assert_cmpint(of_decodes(whole, n - 1, &one).base_ps[COST_LINEAR], ==,
                      own.base_ps[COST_LINEAR]);
    }
  }
  cost_model_free(cost[0]);
  cost_model_free(cost[1]);
}

/* Pieces so small that the host hands them over more slowly than the link takes them. */
static void
test_submission(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autofree char *variant = copy_variant(COPY_OUT, COPY_PATH_PER_LAYER, HOST_MEMORY_PINNED);
  const RooflineConfig config = {.device = f->device,
                                 .model = f->model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 1,
                                 .copy_path = COPY_PATH_PER_LAYER,
                                 .host_memory = HOST_MEMORY_PINNED,
                                 .what_if = WHAT_IF_NONE};
  const gint64 bytes[] = {4096, 1 << 20}; /* a block of 16 tokens has pieces of 32 KiB */

  for (guint b = 0; b < G_N_ELEMENTS(bytes); b++)
    for (gint64 pieces = 1; pieces <= 4096; pieces *= 4) {
      const gint64 shape[] = {bytes[b], pieces};
      known_profile_add(f, OP_COPY, variant, shape, (double)(bytes[b] * pieces) / 50);
      known_profile_add(f, OP_COPY_SUBMIT, variant, shape, 2000.0 * (double)pieces);
    }
  profile_seal(f->profile);
  {
    g_autoptr(CostModel) cost = profile_cost_new(f->profile, &config, NULL);
    assert_near_ns(cost_model_copy_ps(cost, COPY_OUT, 10), 640 * 2000.0, 1e-3);
  }
}

/* What copies and kernels do to each other is the ratio of the table's parts, of the nearest size.
 */
static void
test_contention(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  const struct {
    const char *variant;
    double ns;
  } parts[] = {{"gemm/d2h/pinned/batched/alone", 200e3},
               {"gemm/d2h/pinned/batched/beside", 210e3},
               {"gemm/d2h/pinned/batched/copy-alone", 100e3},
               {"gemm/d2h/pinned/batched/copy-beside", 125e3}};
  const gint64 near[] = {64 << 10, 256}, far[] = {2 << 20, 8};
  const RooflineConfig config = {.device = f->device,
                                 .model = f->model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 1,
                                 .copy_path = COPY_PATH_BATCHED,
                                 .host_memory = HOST_MEMORY_PINNED,
                                 .what_if = WHAT_IF_NONE};
  CopyContention found;

  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    known_profile_add(f, OP_BESIDE, parts[i].variant, near, parts[i].ns);
    known_profile_add(f, OP_BESIDE, parts[i].variant, far, 7e6 / (i + 1));
  }
  profile_seal(f->profile);
  {
    g_autoptr(CostModel) cost = profile_cost_new(f->profile, &config, NULL);
    found = cost_model_contention(cost, COPY_OUT, TRUE);
    g_assert_true(found.measured);
    g_assert_cmpfloat_with_epsilon(found.step, 0.05, 1e-9);
    g_assert_cmpfloat_with_epsilon(found.copy, 0.25, 1e-9);
    g_assert_false(cost_model_contention(cost, COPY_OUT, FALSE).measured);
    g_assert_false(cost_model_contention(cost, COPY_IN, TRUE).measured);
    g_assert_cmpfloat(cost_model_contention(cost, COPY_IN, TRUE).step, >, 0);
  }
  /* A copy that takes 100 alone takes 125 beside a step, which is 5 % longer meanwhile. */
  g_assert_cmpint(copy_contention_step_ps(&found, 100000, 1000000), ==, 5952);
  g_assert_cmpint(copy_contention_step_ps(&found, 100000, 50000), ==, 2500);
}

/* Layer by layer each part is timed by the measured curve, of fewer pieces; what it adds to a step
 * is measured where that and what both do to each other are. */
static void
check_layer_by_layer(KnownProfile *f, gboolean knows_beside)
{
  static const char *const parts[] = {"alone", "beside", "copy-alone", "copy-beside"};
  const RooflineConfig config = {.device = f->device,
                                 .model = f->model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 1,
                                 .copy_path = COPY_PATH_BATCHED,
                                 .copy_stages = 32,
                                 .what_if = WHAT_IF_NONE};
  const guint32 context = 4000;
  CostShape shape = known_decode_shape(&context, 1);
  CostPiece piece;

  for (gint64 pieces = 1; pieces <= 4096; pieces *= 4) {
    const gint64 shape_of[] = {32 << 10, pieces};
    known_profile_add(f, OP_COPY, "d2h/pinned/batched", shape_of, 3000 + 700 * (double)pieces);
  }
  for (guint i = 0; i < G_N_ELEMENTS(parts) && knows_beside; i++) {
    g_autofree char *name = g_strconcat("decode/d2h/pinned/batched/", parts[i], NULL);
    known_profile_add(f, OP_BESIDE, name, (const gint64[]){32 << 10, 256}, 1000);
  }
  profile_seal(f->profile);
  {
    g_autoptr(CostModel) cost = profile_cost_new(f->profile, &config, NULL);
    double part_ns = 3000 + 700 * 64 * 10 / 32.0;
    assert_near_ns((gint64)cost_model_layer_copy_ps(cost, COPY_OUT, 10), part_ns, 1e-6);
    shape.copy_out_blocks = 10;
    cost_model_step(cost, &shape, 1, &piece);
    if (knows_beside) /* neither slows the other, and the layers hide all parts but the first */
      assert_near_ns(piece.base_ps[COST_SWAP_OUT], part_ns, 1e-6);
    g_assert_cmpint(piece.measured_ps[COST_SWAP_OUT], ==,
                    knows_beside ? piece.base_ps[COST_SWAP_OUT] : 0);
  }
}

static void
test_layer_by_layer(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  check_layer_by_layer(f, TRUE);
}

static void
test_layer_by_layer_modelled(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  check_layer_by_layer(f, FALSE);
}

static void
test_what_if(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  WhatIf slow = WHAT_IF_NONE;
  const guint32 contexts[] = {4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000};
  CostShape shape = known_decode_shape(contexts, G_N_ELEMENTS(contexts));
  g_autoptr(CostModel) plain = known_profile_cost(f, WHAT_IF_NONE);
  g_autoptr(CostModel) slower = NULL;
  CostPiece before, after;

  slow.hbm_time = 2;
  slower = known_profile_cost(f, slow);
  cost_model_step(plain, &shape, 1, &before);
  cost_model_step(slower, &shape, 1, &after);
  g_assert_cmpint(after.base_ps[COST_ATTENTION], >, before.base_ps[COST_ATTENTION] * 3 / 2);
  g_assert_cmpint(after.base_ps[COST_LINEAR], >, before.base_ps[COST_LINEAR] * 3 / 2);
  g_assert_cmpint(after.base_ps[COST_HOST], ==, before.base_ps[COST_HOST]);
}

/* Norms of queries and keys are a kernel a layer more, of models that have them. */
static void
test_qk_norm(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  enum { NORM_NS = 3000 };
  static const guint32 contexts[] = {100, 100};
  const CostShape shape = known_decode_shape(contexts, G_N_ELEMENTS(contexts));
  const gint64 width = (gint64)(f->model->heads + f->model->kv_heads) * f->model->head_dim;
  gint64 ps[2];

  known_profile_add(f, OP_ELEMENTWISE, "qk_norm", (const gint64[]){1, width}, NORM_NS);
  known_profile_add(f, OP_ELEMENTWISE, "qk_norm", (const gint64[]){4096, width}, NORM_NS);
  profile_seal(f->profile);
  for (guint has_norms = 0; has_norms < 2; has_norms++) {
    g_autoptr(CostModel) cost = NULL;
    CostPiece piece;
    f->model->qk_norm = has_norms > 0;
    cost = known_profile_cost(f, WHAT_IF_NONE);
    cost_model_step(cost, &shape, 1, &piece);
    ps[has_norms] = piece.base_ps[COST_ELEMENTWISE];
    g_assert_cmpint(piece.measured_ps[COST_ELEMENTWISE], ==, ps[has_norms]);
  }
  g_assert_cmpint(ps[1] - ps[0], ==, (gint64)f->model->layers * NORM_NS * PS_PER_NS);
}

static void
test_lacking(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(Profile) empty = profile_new("empty", "h100-sxm");
  const RooflineConfig config = {.device = f->device,
                                 .model = f->model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 1,
                                 .what_if = WHAT_IF_NONE};
  g_autoptr(GError) error = NULL;

  profile_seal(empty);
  g_assert_null(profile_cost_new(empty, &config, &error));
  g_assert_error(error, PROFILE_COST_ERROR, PROFILE_COST_ERROR_LACKS);
}

/* Prints what a look-up takes; judges nothing. */
static void
test_lookup_time(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  enum { ROUNDS = 200000 };
  g_autoptr(CostModel) cost = known_profile_cost(f, WHAT_IF_NONE);
  guint32 contexts[64];
  const CostChunk chunk = {.tokens = 700, .cached_tokens = 300};
  CostShape shape;
  CostPiece piece;
  double decode_s, mixed_s;

  for (guint i = 0; i < 64; i++)
    contexts[i] = 300 + 17 * i;
  shape = known_decode_shape(contexts, 64);
  cost_model_step(cost, &shape, 1, &piece);
  g_test_timer_start();
  for (guint i = 0; i < ROUNDS; i++) {
    shape.contexts.sum++;
    cost_model_step(cost, &shape, 100, &piece);
  }
  decode_s = g_test_timer_elapsed();
  shape.prefills = &chunk;
  shape.n_prefills = 1;
  g_test_timer_start();
  for (guint i = 0; i < ROUNDS; i++) {
    shape.contexts.sum++;
    cost_model_step(cost, &shape, 1, &piece);
  }
  mixed_s = g_test_timer_elapsed();
  g_test_message("a look-up of 64 decodes takes %.0f ns, with a prefill %.0f ns",
                 decode_s / ROUNDS * 1e9, mixed_s / ROUNDS * 1e9);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
#define ADD(path, function, skew)                                                                  \
  g_test_add("/profile-cost/" path, KnownProfile, skew, known_profile_set_up, function,            \
             known_profile_tear_down)
  ADD("measured", test_measured, NULL);
  ADD("between", test_between, NULL);
  ADD("repeats", test_repeats, NULL);
  ADD("repeats-skew", test_repeats, "skew");
  ADD("skew", test_skew, "skew");
  ADD("beyond", test_beyond, NULL);
  ADD("residual-beyond", test_residual_beyond, NULL);
  ADD("padded", test_padded, NULL);
  ADD("submission", test_submission, NULL);
  ADD("contention", test_contention, NULL);
  ADD("layer-by-layer", test_layer_by_layer, NULL);
  ADD("layer-by-layer-modelled", test_layer_by_layer_modelled, NULL);
  ADD("what-if", test_what_if, NULL);
  ADD("qk-norm", test_qk_norm, NULL);
  ADD("lacking", test_lacking, NULL);
  ADD("lookup-time", test_lookup_time, "skew");
  return g_test_run();
}
