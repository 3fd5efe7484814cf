/* The cost model of a profile, on a profile made here whose true costs are known: what is measured
 * is given back, what lies between is near the truth, repeats equal single steps to the bit, and
 * what is missing is marked as modelled.
 */
#include "calib/cost/operation_fit.h"
#include "calib/cost/profile_cost.h"
#include "models/model_config.h"
#include "sim/units.h"

#include <math.h>
#include <string.h>

typedef struct {
  Model *model;
  Device *device;
  Profile *profile;
} Fixture;

/* The truth, in nanoseconds. */
static double
true_gemm_ns(double m, double n, double k)
{
  return 2000 + n * k * 1e-3 + m * n * k * 4e-6;
}

static double
true_attention_ns(double fresh, double cached, double decodes, double context)
{
  double pairs = fresh * cached + fresh * (fresh + 1) / 2;

  return 5000 + pairs * 0.02 + fresh + decodes * context * 0.5;
}

static void
add(Fixture *f, OperationKind kind, const char *variant, const gint64 *shape, double ns)
{
  ProfileSample sample = {
      .operation = (guint8)kind,
      .variant = variant,
      .dtype = kind == OP_COPY || kind == OP_COPY_SUBMIT || kind == OP_BESIDE ? "" : "bfloat16",
      .kernel = "",
      .median_ns = ns};

  memcpy(sample.shape, shape, operation_n_shape(kind) * sizeof *shape);
  profile_add(f->profile, &sample);
}

static void
add_products(Fixture *f)
{
  const Model *m = f->model;
  gint64 q = (gint64)m->heads * m->head_dim, kv = (gint64)m->kv_heads * m->head_dim;
  const gint64 products[][2] = {{q + 2 * kv, m->hidden},
                                {m->hidden, q},
                                {2 * (gint64)m->ffn, m->hidden},
                                {m->hidden, m->ffn},
                                {m->vocab, m->hidden}};

  for (guint i = 0; i < G_N_ELEMENTS(products); i++)
    for (gint64 rows = 1; rows <= 4096; rows += rows < 16 ? 1 : rows / 8)
      add(f, OP_GEMM, "", (const gint64[]){rows, products[i][0], products[i][1]},
          true_gemm_ns((double)rows, (double)products[i][0], (double)products[i][1]));
}

static void
add_small(Fixture *f)
{
  const Model *m = f->model;
  const struct {
    const char *variant;
    gint64 width;
  } parts[] = {{ELEMENTWISE_NORM, m->hidden},
               {ELEMENTWISE_ROPE, (gint64)(m->heads + m->kv_heads) * m->head_dim},
               {ELEMENTWISE_ACTIVATION, m->ffn}};

  for (gint64 tokens = 1; tokens <= 4096; tokens *= 2) {
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
      add(f, OP_ELEMENTWISE, parts[i].variant, (const gint64[]){tokens, parts[i].width},
          1000 + (double)tokens);
    add(f, OP_SAMPLING, "", (const gint64[]){tokens, m->vocab}, 2000 + (double)tokens);
  }
}

static void
add_attention(Fixture *f)
{
  const gint64 fresh[] = {0, 16, 64, 256, 1024, 4096}, decodes[] = {0, 1, 4, 16, 64, 256};
  const gint64 contexts[] = {16, 64, 256, 1024, 4096, 16384};
  const Model *m = f->model;

  for (guint i = 0; i < G_N_ELEMENTS(fresh); i++)
    for (guint j = 0; j < G_N_ELEMENTS(decodes); j++)
      for (guint k = 0; k < G_N_ELEMENTS(contexts); k++)
        for (gint64 cached = 0; cached <= (fresh[i] > 0 ? 8192 : 0);
             cached = cached == 0 ? 512 : cached * 4) {
          gint64 context = decodes[j] > 0 ? contexts[k] : 0;
          if (fresh[i] + decodes[j] > 0)
            add(f, OP_ATTENTION, "",
                (const gint64[]){fresh[i] > 0, fresh[i], cached, decodes[j], context, m->heads,
                                 m->kv_heads, m->head_dim},
                true_attention_ns((double)fresh[i], (double)cached, (double)decodes[j],
                                  (double)context));
        }
}

static void
add_skew(Fixture *f)
{
  const Model *m = f->model;

  for (gint64 decodes = 2; decodes <= 256; decodes *= 2)
    for (gint64 big = 1; big < decodes; big *= 2) {
      const gint64 shape[] = {0, 0, decodes, big, 512, 4096, m->heads, m->kv_heads, m->head_dim};
      double mean = 512 + (4096 - 512) * (double)big / (double)decodes;
      double at_mean = true_attention_ns(0, 0, (double)decodes, mean);
      double at_max = true_attention_ns(0, 0, (double)decodes, 4096);
      add(f, OP_ATTENTION_SKEW, "mean", shape, at_mean);
      add(f, OP_ATTENTION_SKEW, "max", shape, at_max);
      add(f, OP_ATTENTION_SKEW, "skew", shape, at_mean + 0.1 * (at_max - at_mean));
    }
}

static void
set_up(Fixture *f, gconstpointer with_skew)
{
  const char *source = g_getenv("SPILLWAY_SRCDIR");
  g_autofree char *model =
      g_build_filename(source != NULL ? source : ".", "models", "llama-3.1-8b.json", NULL);
  g_autofree char *device =
      g_build_filename(source != NULL ? source : ".", "calib", "devices", "h100-sxm.ini", NULL);
  g_autoptr(GError) error = NULL;
  const ProfileOrigin origin = {.source = "made here"};

  f->model = model_config_read(model, "llama-3.1-8b", &error);
  g_assert_no_error(error);
  f->device = device_read(device, "h100-sxm", &error);
  g_assert_no_error(error);
  f->profile = profile_new("made", "h100-sxm");
  profile_add_origin(f->profile, &origin);
  add_products(f);
  add_small(f);
  add_attention(f);
  if (with_skew != NULL)
    add_skew(f);
  profile_seal(f->profile);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  model_free(f->model);
  device_free(f->device);
  profile_free(f->profile);
}

static CostModel *
make_cost(const Fixture *f, WhatIf what_if)
{
  const RooflineConfig config = {
      .device = f->device,
      .model = f->model,
      .block_size = 16,
      .tensor_parallel_size = 1,
      .what_if = what_if,
  };
  g_autoptr(GError) error = NULL;
  CostModel *cost = profile_cost_new(f->profile, &config, &error);

  g_assert_no_error(error);
  return cost;
}

static CostShape
decode_shape(const guint32 *contexts, guint32 n)
{
  CostShape shape = {.sampled = n, .sequences = n};

  for (guint32 i = 0; i < n; i++)
    decode_contexts_add(&shape.contexts, contexts[i]);
  return shape;
}

static void
assert_near(gint64 ps, double ns, double tolerance)
{
  g_assert_cmpfloat(fabs((double)ps / PS_PER_NS / ns - 1), <, tolerance);
}

static void
test_measured(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(CostModel) cost = make_cost(f, WHAT_IF_NONE);
  const guint32 contexts[] = {700, 700, 700, 700};
  CostShape shape = decode_shape(contexts, G_N_ELEMENTS(contexts));
  const CostChunk chunk = {.tokens = 1024, .cached_tokens = 512};
  CostPiece piece;
  double layer = true_gemm_ns(4, 6144, 4096) + true_gemm_ns(4, 4096, 4096) +
                 true_gemm_ns(4, 28672, 4096) + true_gemm_ns(4, 4096, 14336);

  cost_model_step(cost, &shape, 1, &piece);
  assert_near(piece.base_ps[COST_LINEAR], 32 * layer, 1e-6);
  assert_near(piece.base_ps[COST_ATTENTION], 32 * true_attention_ns(0, 0, 4, 700), 1e-3);
  assert_near(piece.base_ps[COST_HEAD], true_gemm_ns(4, 128256, 4096) + 2004, 1e-6);
  assert_near(piece.base_ps[COST_ELEMENTWISE], 32 * 4 * 1004.0, 1e-6);
  g_assert_cmpint(piece.measured_ps[COST_LINEAR], ==, piece.base_ps[COST_LINEAR]);
  g_assert_cmpint(piece.measured_ps[COST_ATTENTION], ==, piece.base_ps[COST_ATTENTION]);
  g_assert_true(piece.growth_measured);
  g_assert_cmpint(piece.measured_ps[COST_HOST], ==, 0);

  shape = (CostShape){.prefills = &chunk, .n_prefills = 1, .sampled = 1, .sequences = 1};
  cost_model_step(cost, &shape, 1, &piece);
  assert_near(piece.base_ps[COST_ATTENTION], 32 * true_attention_ns(1024, 512, 0, 0), 1e-3);
}

/* Between points, for prefills too: time is linear in pairs, so the truth is met closely. */
static void
test_between(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(CostModel) cost = make_cost(f, WHAT_IF_NONE);
  const guint32 contexts[] = {900, 900, 900, 900, 900, 900, 900};
  const CostChunk chunks[] = {{.tokens = 700, .cached_tokens = 300}, {.tokens = 500}};
  CostShape shape = decode_shape(contexts, G_N_ELEMENTS(contexts));
  CostPiece piece;
  double pairs = 700 * 300 + 700 * 701 / 2.0 + 500 * 501 / 2.0;

  shape.prefills = chunks;
  shape.n_prefills = G_N_ELEMENTS(chunks);
  cost_model_step(cost, &shape, 1, &piece);
  assert_near(piece.base_ps[COST_ATTENTION], 32 * (5000 + pairs * 0.02 + 1200 + 7 * 900 * 0.5),
              0.03);
}

static void
test_repeats(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(CostModel) cost = make_cost(f, WHAT_IF_NONE);
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
      CostShape shape = decode_shape(contexts, n);
      CostPiece piece;
      cost_model_step(cost, &shape, left, &piece);
      steps = piece.steps;
      for (guint32 i = 0; i < steps; i++) {
        CostShape one = decode_shape(contexts, n);
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
test_skew(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(CostModel) cost = make_cost(f, WHAT_IF_NONE);
  guint32 equal[64], unequal[64], longest[64];
  CostShape shapes[3];
  CostPiece pieces[3];

  for (guint i = 0; i < 64; i++) {
    equal[i] = 1000;
    unequal[i] = i % 2 == 0 ? 400 : 1600;
    longest[i] = 1600;
  }
  shapes[0] = decode_shape(equal, 64);
  shapes[1] = decode_shape(unequal, 64);
  shapes[2] = decode_shape(longest, 64);
  for (guint i = 0; i < 3; i++)
    cost_model_step(cost, &shapes[i], 1, &pieces[i]);
  g_assert_cmpint(pieces[0].base_ps[COST_ATTENTION], <, pieces[1].base_ps[COST_ATTENTION]);
  g_assert_cmpint(pieces[1].base_ps[COST_ATTENTION], <, pieces[2].base_ps[COST_ATTENTION]);
}

static void
test_beyond(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(CostModel) cost = make_cost(f, WHAT_IF_NONE);
  const guint32 contexts[] = {60000};
  CostShape shape = decode_shape(contexts, 1);
  const CostChunk chunk = {.tokens = 9000};
  CostPiece piece;

  cost_model_step(cost, &shape, 1, &piece);
  g_assert_cmpint(piece.measured_ps[COST_ATTENTION], ==, 0);
  assert_near(piece.base_ps[COST_ATTENTION], 32 * true_attention_ns(0, 0, 1, 60000), 0.01);
  shape = (CostShape){.prefills = &chunk, .n_prefills = 1, .sampled = 1, .sequences = 1};
  cost_model_step(cost, &shape, 1, &piece);
  g_assert_cmpint(piece.measured_ps[COST_ATTENTION], ==, 0);
  g_assert_cmpint(piece.measured_ps[COST_LINEAR], ==, 0);
  assert_near(piece.base_ps[COST_ATTENTION], 32 * true_attention_ns(9000, 0, 0, 0), 0.1);
}

/* What whole steps take beyond the tables grows with the tokens, past the largest that was timed.
 */
static void
test_residual_beyond(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  const Model *m = f->model;
  const gint64 tail[] = {m->layers, m->hidden, m->ffn, m->heads, m->kv_heads};
  static const guint32 tokens[] = {1024, 2048, 4096};
  g_autoptr(CostModel) bare = make_cost(f, WHAT_IF_NONE);
  g_autoptr(CostModel) cost = NULL;
  gint64 beyond[G_N_ELEMENTS(tokens)];

  for (guint i = 0; i < 2; i++) {
    gint64 shape[OPERATION_SHAPE_MAX] = {tokens[i]};
    const CostChunk chunk = {.tokens = tokens[i]};
    const CostShape step = {.prefills = &chunk, .n_prefills = 1, .sampled = 1, .sequences = 1};
    CostPiece piece;
    cost_model_step(bare, &step, 1, &piece);
    memcpy(shape + 4, tail, sizeof tail);
    add(f, OP_STEP, STEP_EAGER, shape,
        (double)(cost_piece_total_ps(&piece) - piece.base_ps[COST_HOST]) / PS_PER_NS +
            1000.0 * tokens[i]);
  }
  profile_seal(f->profile);
  cost = make_cost(f, WHAT_IF_NONE);
  for (guint i = 0; i < G_N_ELEMENTS(tokens); i++) {
    const CostChunk chunk = {.tokens = tokens[i]};
    const CostShape step = {.prefills = &chunk, .n_prefills = 1, .sampled = 1, .sequences = 1};
    CostPiece with, without;
    cost_model_step(cost, &step, 1, &with);
    cost_model_step(bare, &step, 1, &without);
    beyond[i] = cost_piece_total_ps(&with) - cost_piece_total_ps(&without);
    assert_near(beyond[i], 1000.0 * tokens[i], 1e-3);
  }
}

/* Pieces so small that the host hands them over more slowly than the link takes them. */
static void
test_submission(Fixture *f, gconstpointer data G_GNUC_UNUSED)
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
      add(f, OP_COPY, variant, shape, (double)(bytes[b] * pieces) / 50);
      add(f, OP_COPY_SUBMIT, variant, shape, 2000.0 * (double)pieces);
    }
  profile_seal(f->profile);
  {
    g_autoptr(CostModel) cost = profile_cost_new(f->profile, &config, NULL);
    assert_near(cost_model_copy_ps(cost, COPY_OUT, 10), 640 * 2000.0, 1e-3);
  }
}

/* What copies and kernels do to each other is the ratio of the table's parts, of the nearest size.
 */
static void
test_contention(Fixture *f, gconstpointer data G_GNUC_UNUSED)
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
    add(f, OP_BESIDE, parts[i].variant, near, parts[i].ns);
    add(f, OP_BESIDE, parts[i].variant, far, 7e6 / (i + 1));
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

static void
test_what_if(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  WhatIf slow = WHAT_IF_NONE;
  const guint32 contexts[] = {4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000};
  CostShape shape = decode_shape(contexts, G_N_ELEMENTS(contexts));
  g_autoptr(CostModel) plain = make_cost(f, WHAT_IF_NONE);
  g_autoptr(CostModel) slower = NULL;
  CostPiece before, after;

  slow.hbm_time = 2;
  slower = make_cost(f, slow);
  cost_model_step(plain, &shape, 1, &before);
  cost_model_step(slower, &shape, 1, &after);
  g_assert_cmpint(after.base_ps[COST_ATTENTION], >, before.base_ps[COST_ATTENTION] * 3 / 2);
  g_assert_cmpint(after.base_ps[COST_LINEAR], >, before.base_ps[COST_LINEAR] * 3 / 2);
  g_assert_cmpint(after.base_ps[COST_HOST], ==, before.base_ps[COST_HOST]);
}

static void
test_lacking(Fixture *f, gconstpointer data G_GNUC_UNUSED)
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
test_lookup_time(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  enum { ROUNDS = 200000 };
  g_autoptr(CostModel) cost = make_cost(f, WHAT_IF_NONE);
  guint32 contexts[64];
  const CostChunk chunk = {.tokens = 700, .cached_tokens = 300};
  CostShape shape;
  CostPiece piece;
  double decode_s, mixed_s;

  for (guint i = 0; i < 64; i++)
    contexts[i] = 300 + 17 * i;
  shape = decode_shape(contexts, 64);
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
  g_test_add("/profile-cost/" path, Fixture, skew, set_up, function, tear_down)
  ADD("measured", test_measured, NULL);
  ADD("between", test_between, NULL);
  ADD("repeats", test_repeats, NULL);
  ADD("repeats-skew", test_repeats, "skew");
  ADD("skew", test_skew, "skew");
  ADD("beyond", test_beyond, NULL);
  ADD("residual-beyond", test_residual_beyond, NULL);
  ADD("submission", test_submission, NULL);
  ADD("contention", test_contention, NULL);
  ADD("what-if", test_what_if, NULL);
  ADD("lacking", test_lacking, NULL);
  ADD("lookup-time", test_lookup_time, "skew");
  return g_test_run();
}
