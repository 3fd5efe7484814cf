/* Every key of a profile is a key of its own: a profile that holds a model's tables and others that
 * differ from them in one key costs the model's steps exactly as its tables alone do, for each key
 * that there is. And tables that differ in what is no field of a key (the engine's version, the
 * card) are not imported into one profile.
 */
#include "calib/cost/profile_cost.h"
#include "calib/cost/profile_remarks.h"
#include "models/model_config.h"
#include "tests/unit/calib/add_sample.h"

#include <string.h>

enum { TP = 2, SLOW = 7 };

typedef struct {
  Model *model;
  Device *device;
  Host *host;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  const char *source = g_getenv("SPILLWAY_SRCDIR");
  g_autofree char *model =
      g_build_filename(source != NULL ? source : ".", "models", "llama-3.1-8b.json", NULL);
  g_autofree char *device =
      g_build_filename(source != NULL ? source : ".", "calib", "devices", "h100-sxm.ini", NULL);
  g_autofree char *host =
      g_build_filename(source != NULL ? source : ".", "calib", "hosts", "unknown.ini", NULL);

  f->model = model_config_read(model, "llama-3.1-8b", NULL);
  f->device = device_read(device, "h100-sxm", NULL);
  f->host = host_read(host, "unknown", NULL);
  g_assert_true(f->model != NULL && f->device != NULL && f->host != NULL);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  model_free(f->model);
  device_free(f->device);
  host_free(f->host);
}

static void
set_dtype(Model *model, const char *dtype, guint32 bits)
{
  g_free(model->dtype);
  model->dtype = g_strdup(dtype);
  model->weight_bits = bits;
  for (guint i = 0; i < model->n_kinds; i++)
    for (guint j = 0; j < model->kinds[i].n_matrices; j++)
      model->kinds[i].matrices[j].format = (WeightFormat){.name = dtype, .bits = bits};
}

/* One key's fields as they are, or one of them as it is in another table. */
typedef struct {
  const char *name;
  OperationKind kind;
  const char *variant, *dtype; /* of the model's own table */
  const char *other_variant, *other_dtype;
  int other_field; /* of the shape, -1: the same */
  gint64 other_value;
} Difference;

/* What a table of the kind has along its axis; other tables have points between these, too. */
static void
shape_of(const Model *model, OperationKind kind, guint point, gint64 *shape)
{
  gint64 heads = model->heads / TP, kv_heads = model->kv_heads / TP, x = (gint64)point;
  const gint64 shapes[OPERATIONS][OPERATION_SHAPE_MAX] = {
      [OP_GEMM] = {x, (heads + 2 * kv_heads) * model->head_dim, model->hidden},
      [OP_ELEMENTWISE] = {x, model->hidden},
      [OP_ATTENTION] = {0, 0, 0, 4, 64 * x, heads, kv_heads, model->head_dim},
      [OP_SAMPLING] = {x, (gint64)model_rank_logits(model, TP)},
      [OP_ALL_REDUCE] = {x * model->hidden * 2, TP},
      [OP_HOST] = {x, 1},
      [OP_COPY] = {(gint64)16 * kv_heads * model->head_dim * 2, x},
  };

  memcpy(shape, shapes[kind], sizeof shapes[kind]);
}

/* Elementwise is used where all three are there. */
static void
add_companions(Profile *profile, const Model *model, guint point)
{
  const gint64 rope = (gint64)(model->heads / TP + model->kv_heads / TP) * model->head_dim;

  add_sample(profile, OP_ELEMENTWISE, ELEMENTWISE_ROPE, "bfloat16", (gint64[]){point, rope}, 1000);
  add_sample(profile, OP_ELEMENTWISE, ELEMENTWISE_ACTIVATION, "bfloat16",
             (gint64[]){point, model->ffn / TP}, 1000);
  add_sample(profile, OP_GEMM, "", "bfloat16",
             (gint64[]){point, (gint64)model_rank_vocab(model, TP), model->hidden}, 1000);
}

static void
add_table(Profile *profile, const Model *model, const Difference *d, gboolean is_other)
{
  const char *variant = is_other && d->other_variant != NULL ? d->other_variant : d->variant;
  const char *dtype = is_other && d->other_dtype != NULL ? d->other_dtype : d->dtype;
  guint step = is_other ? 1 : 4;

  for (guint point = is_other ? 1 : 4; point <= 64; point += step) {
    gint64 shape[OPERATION_SHAPE_MAX];
    double ns = 5000 + 100.0 * point;
    shape_of(model, d->kind, point, shape);
    if (is_other && d->other_field >= 0)
      shape[d->other_field] = d->other_value;
    add_sample(profile, d->kind, variant, dtype, shape, is_other ? SLOW * ns : ns);
  }
}

static Profile *
tables(const Model *model, const Difference *d, gboolean with_other)
{
  Profile *profile = profile_new("made", "h100-sxm");
  const ProfileOrigin origin = {.source = "made here"};

  profile_add_origin(profile, &origin);
  for (guint point = 1; point <= 64; point++)
    add_companions(profile, model, point);
  add_table(profile, model, d, FALSE);
  if (with_other)
    add_table(profile, model, d, TRUE);
  profile_seal(profile);
  return profile;
}

/* Steps of decodes and of a chunk, and copies. */
static void
price(const Fixture *f, const Profile *profile, gint64 *ps, guint n)
{
  const RooflineConfig config = {.device = f->device,
                                 .model = f->model,
                                 .block_size = 16,
                                 .tensor_parallel_size = TP,
                                 .copy_path = COPY_PATH_BATCHED,
                                 .what_if = WHAT_IF_NONE};
  g_autoptr(GError) error = NULL;
  g_autoptr(CostModel) cost = profile_cost_new(profile, &config, &error);

  g_assert_no_error(error);
  for (guint i = 0; i < n; i++) {
    guint32 decodes = 1 + 3 * i;
    const CostChunk chunk = {.tokens = 40};
    const CostShape shape = {.prefills = &chunk,
                             .n_prefills = i % 3 == 0,
                             .contexts = decode_contexts_equal(decodes, 100 + 50 * i),
                             .sampled = decodes,
                             .sequences = decodes};
    CostPiece piece;
    cost_model_step(cost, &shape, 1, &piece);
    ps[i] = cost_piece_total_ps(&piece) + cost_model_copy_ps(cost, COPY_OUT, 1 + i);
  }
}

#define NONE_OTHER -1, 0
static const Difference differences[] = {
    {"weights, fp8 and fp8_block", OP_GEMM, "", "fp8", NULL, "fp8_block", NONE_OTHER},
    {"weights, fp8_block and fp8", OP_GEMM, "", "fp8_block", NULL, "fp8", NONE_OTHER},
    {"weights, fp8 and int8", OP_GEMM, "", "fp8", NULL, "int8", NONE_OTHER},
    {"weights, fp8 and fp8_static", OP_GEMM, "", "fp8", NULL, "fp8_static", NONE_OTHER},
    {"weights, int8 and int8_wo", OP_GEMM, "", "int8", NULL, "int8_wo", NONE_OTHER},
    {"weights, int4 and nvfp4", OP_GEMM, "", "int4", NULL, "nvfp4", NONE_OTHER},
    {"weights, 16 bits", OP_GEMM, "", "bfloat16", NULL, "float16", NONE_OTHER},
    {"weights, 32 bits", OP_GEMM, "", "bfloat16", NULL, "float32", NONE_OTHER},
    {"KV, 16 bits and fp8", OP_ATTENTION, "", "bfloat16", NULL, "bfloat16+fp8kv", NONE_OTHER},
    {"KV, fp8 and 16 bits", OP_ATTENTION, "", "bfloat16+fp8kv", NULL, "bfloat16", NONE_OTHER},
    {"KV, 16 bits and int8", OP_ATTENTION, "", "bfloat16", NULL, "bfloat16+int8kv", NONE_OTHER},
    {"queries, 16 bits and fp8", OP_ATTENTION, "", "bfloat16+fp8kv", NULL, "fp8", NONE_OTHER},
    {"queries, two of 16 bits", OP_ATTENTION, "", "bfloat16", NULL, "float16", NONE_OTHER},
    {"heads", OP_ATTENTION, "", "bfloat16", NULL, NULL, 5, 32},
    {"KV heads", OP_ATTENTION, "", "bfloat16", NULL, NULL, 6, 1},
    {"head dim", OP_ATTENTION, "", "bfloat16", NULL, NULL, 7, 64},
    {"several chunks", OP_ATTENTION, "", "bfloat16", NULL, NULL, 0, 3},
    {"width of a norm", OP_ELEMENTWISE, ELEMENTWISE_NORM, "bfloat16", NULL, NULL, 1, 8192},
    {"dtype of a norm", OP_ELEMENTWISE, ELEMENTWISE_NORM, "bfloat16", NULL, "float16", NONE_OTHER},
    {"elementwise operation", OP_ELEMENTWISE, ELEMENTWISE_NORM, "bfloat16", "qk_norm", NULL,
     NONE_OTHER},
    {"choice of tokens", OP_SAMPLING, "", "bfloat16", SAMPLING_GREEDY, NULL, NONE_OTHER},
    {"vocabulary", OP_SAMPLING, "", "bfloat16", NULL, NULL, 1, 32000},
    {"dtype of logits", OP_SAMPLING, "", "bfloat16", NULL, "float32", NONE_OTHER},
    {"sampling, greedy", OP_SAMPLING, "", "bfloat16", SAMPLING_GREEDY, NULL, NONE_OTHER},
    {"ranks", OP_ALL_REDUCE, "custom", "bfloat16", NULL, NULL, 1, 4},
    {"all-reduce, graph and eager", OP_ALL_REDUCE, "custom", "bfloat16", "custom_eager", NULL,
     NONE_OTHER},
    {"dtype of all-reduce", OP_ALL_REDUCE, "custom", "bfloat16", NULL, "float16", NONE_OTHER},
    {"dtype of NCCL", OP_ALL_REDUCE, "nccl", "bfloat16", NULL, "int8", NONE_OTHER},
    {"scheduler", OP_HOST, "vllm-v1", "", "vllm-0.6", NULL, NONE_OTHER},
    {"graphs", OP_HOST, "vllm-v1", "", "vllm-v1/eager", NULL, NONE_OTHER},
    {"copies' direction", OP_COPY, "d2h/pinned/batched", "", "h2d/pinned/batched", NULL,
     NONE_OTHER},
    {"copies' memory", OP_COPY, "d2h/pinned/batched", "", "d2h/pageable/batched", NULL, NONE_OTHER},
    {"copies' path", OP_COPY, "d2h/pinned/batched", "", "d2h/pinned/single", NULL, NONE_OTHER},
};

static void
ask_for(Model *model, const Difference *d)
{
  guint32 bits = strstr(d->dtype, "int4") != NULL ? 4 : 8;

  set_dtype(model, "bfloat16", 16);
  model->kv_bits = strstr(d->dtype, "fp8kv") != NULL ? 8 : 16;
  if (d->kind == OP_GEMM && !g_str_equal(d->dtype, "bfloat16"))
    set_dtype(model, d->dtype, bits);
}

enum { PRICES = 20 };

static void
test_never_meet(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  for (guint i = 0; i < G_N_ELEMENTS(differences); i++) {
    const Difference *d = &differences[i];
    g_autoptr(Profile) alone = NULL, both = NULL;
    gint64 ps_alone[PRICES], ps_both[PRICES];
    ask_for(f->model, d);
    alone = tables(f->model, d, FALSE);
    both = tables(f->model, d, TRUE);
    g_assert_cmpuint(both->samples->len, >, alone->samples->len);
    price(f, alone, ps_alone, PRICES);
    price(f, both, ps_both, PRICES);
    for (guint p = 0; p < PRICES; p++)
      if (ps_alone[p] != ps_both[p])
        g_error("%s: step %u takes %" G_GINT64_FORMAT " ps on its own tables and %" G_GINT64_FORMAT
                " ps beside others",
                d->name, p, ps_alone[p], ps_both[p]);
  }
}

/* Each table matters to what is priced: without, the test above would show nothing. */
static void
test_each_counts(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  for (guint i = 0; i < G_N_ELEMENTS(differences); i++) {
    Difference slower = differences[i];
    g_autoptr(Profile) own = NULL, other = NULL;
    gint64 ps_own[PRICES], ps_other[PRICES];
    gboolean differs = FALSE;
    ask_for(f->model, &slower);
    own = tables(f->model, &slower, FALSE);
    other = profile_new("made", "h100-sxm");
    profile_add_origin(other, &(const ProfileOrigin){.source = "made here"});
    for (guint point = 1; point <= 64; point++)
      add_companions(other, f->model, point);
    slower.other_variant = slower.other_dtype = NULL; /* its own key, with other times */
    slower.other_field = -1;
    add_table(other, f->model, &slower, TRUE);
    profile_seal(other);
    price(f, own, ps_own, PRICES);
    price(f, other, ps_other, PRICES);
    for (guint p = 0; p < PRICES; p++)
      differs |= ps_own[p] != ps_other[p];
    if (!differs)
      g_error("%s: its tables count for nothing", slower.name);
  }
}

static gboolean
has_remark(const Profile *profile, const Model *model, const char *part)
{
  const ExpertSplit split = {.tp = 1, .engines = 1};
  g_autoptr(GPtrArray) remarks = profile_remarks(profile, model, &split);

  for (guint i = 0; i < remarks->len; i++)
    if (strstr(remarks->pdata[i], part) != NULL)
      return TRUE;
  return FALSE;
}

/* Tables of attention over the whole context serve no layer with a window. */
static void
test_model_windows(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  const Difference full = {"", OP_ATTENTION, "", "bfloat16", NULL, NULL, NONE_OTHER};
  const Difference products = {"", OP_GEMM, "", "bfloat16", NULL, NULL, NONE_OTHER};
  const RooflineConfig config = {.device = f->device,
                                 .model = f->model,
                                 .block_size = 16,
                                 .tensor_parallel_size = TP,
                                 .what_if = WHAT_IF_NONE};
  const CostShape shape = {
      .contexts = decode_contexts_equal(8, 9000), .sampled = 8, .sequences = 8};
  g_autoptr(CostModel) roofline = NULL, cost = NULL;
  g_autoptr(Profile) profile = tables(f->model, &full, FALSE);
  CostPiece modelled, measured;

  add_table(profile, f->model, &products, FALSE);
  profile_seal(profile);
  f->model->kinds[0].mixer.kind = MIXER_SLIDING;
  f->model->kinds[0].mixer.window = 128;
  g_assert_true(
      has_remark(profile, f->model, "none of this model's: attention to the last 128 tokens"));
  roofline = roofline_new(&config, NULL);
  cost = profile_cost_new(profile, &config, NULL);
  if (cost == NULL) /* nothing of the profile serves it, and that is said */
    return;
  cost_model_step(roofline, &shape, 1, &modelled);
  cost_model_step(cost, &shape, 1, &measured);
  g_assert_cmpint(measured.base_ps[COST_ATTENTION], ==, modelled.base_ps[COST_ATTENTION]);
}

/* Steps of a model of the same sizes, with experts or with another cache, are not its own. */
static void
test_steps(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  const Difference products = {"", OP_GEMM, "", "bfloat16", NULL, NULL, NONE_OTHER};
  const RooflineConfig config = {.device = f->device,
                                 .model = f->model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 1,
                                 .what_if = WHAT_IF_NONE};
  const CostShape shape = {.contexts = decode_contexts_equal(8, 512), .sampled = 8, .sequences = 8};

  for (guint kind = 0; kind < 3; kind++) {
    gint64 ps[2];
    for (guint with_steps = 0; with_steps < 2; with_steps++) {
      g_autoptr(CostModel) cost = NULL;
      g_autoptr(Profile) profile = NULL;
      const Model *m = f->model;
      CostPiece piece;
      f->model->experts = f->model->active_experts = 0;
      f->model->kv_bits = 16;
      profile = tables(m, &products, FALSE);
      if (with_steps)
        add_sample(profile, OP_STEP, STEP_GRAPH, "bfloat16",
                   (gint64[]){0, 0, 8, 512, m->layers, m->hidden, m->ffn, m->heads, m->kv_heads},
                   40e6);
      profile_seal(profile);
      f->model->experts = kind == 1 ? 8 : 0;
      f->model->active_experts = kind == 1 ? 2 : 0;
      f->model->kv_bits = kind == 2 ? 8 : 16;
      cost = profile_cost_new(profile, &config, NULL);
      if (cost == NULL) /* experts: no products, no attention */
        break;
      cost_model_step(cost, &shape, 1, &piece);
      ps[with_steps] = cost_piece_total_ps(&piece);
      if (with_steps)
        g_assert_true((ps[0] == ps[1]) == (kind != 0));
    }
  }
}

/* What stands in for another dtype is said, and so is what has no samples. */
static void
test_remarks(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  const Difference block = {"", OP_GEMM, "", "fp8_block", NULL, NULL, NONE_OTHER};
  const Difference halves = {"", OP_ATTENTION, "", "float16", NULL, NULL, NONE_OTHER};
  g_autoptr(Profile) of_block = tables(f->model, &block, FALSE);
  g_autoptr(Profile) of_halves = tables(f->model, &halves, FALSE);

  g_assert_false(has_remark(of_block, f->model, "stands in"));
  g_assert_true(has_remark(of_halves, f->model, "in float16, which stands in for bfloat16"));
  set_dtype(f->model, "fp8", 8);
  g_assert_true(has_remark(of_block, f->model, "fp8_block and not in fp8"));
  set_dtype(f->model, "fp8_block", 8);
  g_assert_false(has_remark(of_block, f->model, "Modelled"));
}

/* A host's file is of one machine; a profile's own time is its own. */
static void
test_host(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(Profile) profile = profile_new("made", "h100-sxm");
  gboolean is_own = TRUE;

  for (HostScheduler s = 0; s < HOST_SCHEDULERS; s++) {
    g_autofree char *source = host_time_source(NULL, f->host, s, &is_own);
    g_assert_false(is_own);
    g_assert_nonnull(strstr(source, host_scheduler_name(s)));
  }
  profile_add_origin(profile, &(const ProfileOrigin){.source = "my server"});
  add_sample(profile, OP_HOST, "vllm-0.6", "", (gint64[]){1, 1}, 1e5);
  profile_seal(profile);
  g_free(host_time_source(profile, f->host, HOST_VLLM_V1, &is_own));
  g_assert_false(is_own);
  {
    g_autofree char *source = host_time_source(profile, f->host, HOST_VLLM_0_6, &is_own);
    g_assert_true(is_own);
    g_assert_cmpstr(source, ==, "my server");
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
#define ADD(path, function) g_test_add("/keys/" path, Fixture, NULL, set_up, function, tear_down)
  ADD("never-meet", test_never_meet);
  ADD("each-counts", test_each_counts);
  ADD("steps", test_steps);
  ADD("model-windows", test_model_windows);
  ADD("remarks", test_remarks);
  ADD("host", test_host);
  return g_test_run();
}
