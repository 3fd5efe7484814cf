/* Which of a profile's measurements serve a model on a device, fitted; and the model made of them.
 */
#include "profile_cost_internal.h"

#include "copy_contention.h"
#include "dtype.h"
#include "moe_fit.h"
#include "pool_size.h"
#include "calib/profile_host.h"

G_DEFINE_QUARK(spillway - profile - cost - error, profile_cost_error)

static double
profile_cost_spread(const CostModel *base, CostComponent component)
{
  static const OperationKind behind[COST_COMPONENTS] = {
      [COST_LINEAR] = OP_GEMM,
      [COST_ATTENTION] = OP_ATTENTION,
      [COST_ELEMENTWISE] = OP_ELEMENTWISE,
      [COST_HEAD] = OP_GEMM,
      [COST_COMM] = OP_ALL_REDUCE,
      [COST_HOST] = OP_HOST,
      [COST_SWAP_OUT] = OP_COPY,
      [COST_SWAP_IN] = OP_COPY,
  };

  return ((const ProfileCost *)base)->spread[behind[component]];
}

static void
profile_free_cost(CostModel *base)
{
  ProfileCost *self = (ProfileCost *)base;

  cost_model_free(self->roofline);
  cost_model_free(self->plain);
  profile_linear_free(self->linear_fit);
  gemm_fit_free(self->own_head);
  profile_attention_free(self->attention);
  elementwise_fit_free(self->elementwise);
  operation_curve_free(self->sampling);
  operation_curve_free(self->all_reduce[0]);
  operation_curve_free(self->all_reduce[1]);
  operation_sheet_free(self->host[0]);
  operation_sheet_free(self->host[1]);
  step_residual_free(self->residual[0]);
  step_residual_free(self->residual[1]);
  operation_sheet_free(self->copies[COPY_OUT]);
  operation_sheet_free(self->copies[COPY_IN]);
  operation_sheet_free(self->submits[COPY_OUT]);
  operation_sheet_free(self->submits[COPY_IN]);
  model_free(self->model);
  g_free(self);
}

static const CostModelClass profile_cost_class = {
    .name = "profile",
    .step = profile_cost_step,
    .copy_ps = profile_cost_copy_ps,
    .layer_copy_ps = profile_cost_layer_copy_ps,
    .contention = profile_cost_contention,
    .spread = profile_cost_spread,
    .free = profile_free_cost,
};

static void
forget_all(ProfileCost *self)
{
  for (guint i = 0; i <= MEMO_TOKENS; i++)
    self->linear[i].ps = self->plain_linear[i].ps = self->small[i].ps = -1;
  for (guint i = 0; i <= MEMO_SEQUENCES; i++)
    self->head_memo[i].ps = self->host_decodes[i].ps = -1;
}

/* The output head's curves: those of the layers where they are of its dtype. NULL: no dtype of the
 * profile's products serves. */
static void
fit_head(ProfileCost *self, const Profile *profile, const RooflineConfig *config)
{
  const char *dtype = dtype_serving(profile, OP_GEMM, "", dtype_of_head(config->model));

  if (dtype != NULL && self->linear_fit != NULL)
    self->head = profile_linear_fit(self->linear_fit, dtype);
  if (dtype != NULL && self->head == NULL)
    self->head = self->own_head = gemm_fit_of(profile, config->device, dtype);
}

/* Imported profiles, and those of older programs, have the time of sampling only. */
static OperationCurve *
sampling_new(const Profile *profile, const RooflineConfig *config, const char *dtype)
{
  guint64 vocab = model_rank_logits(config->model, config->tensor_parallel_size);
  OperationCurve *greedy = config->greedy ? operation_curve_new(profile, OP_SAMPLING,
                                                                SAMPLING_GREEDY, dtype, 0, 1, vocab)
                                          : NULL;

  return greedy != NULL ? greedy
                        : operation_curve_new(profile, OP_SAMPLING, "", dtype, 0, 1, vocab);
}

/* Only of measured samples: for those that an import took from a device's file the roofline serves,
 * which knows how much of the time is beside the device. */
static OperationSheet *
host_new(const Profile *profile, const char *variant)
{
  OperationSheet *sheet = operation_sheet_new(profile, OP_HOST, variant, "", NULL);

  if (sheet == NULL || !operation_sheet_is_derived(sheet))
    return sheet;
  operation_sheet_free(sheet);
  return NULL;
}

static void
fit_all(ProfileCost *self, const Profile *profile, const RooflineConfig *config)
{
  const Model *model = config->model;
  guint32 tp = config->tensor_parallel_size;
  const char *activations = dtype_of_activations(model);
  g_autofree char *out = copy_variant(COPY_OUT, config->copy_path, config->host_memory);
  g_autofree char *eager =
      g_strconcat(host_scheduler_name(config->scheduler), HOST_EAGER_SUFFIX, NULL);
  g_autofree char *in = copy_variant(COPY_IN, config->copy_path, config->host_memory);

  self->attention = profile_attention_new(profile, config, self->roofline, self->plain);
  self->linear_fit = profile_linear_new(profile, config, self->attention);
  fit_head(self, profile, config);
  /* Tables of one layer's small operations do not tell of a model whose layers differ. */
  if (model_is_uniform(model))
    self->elementwise = elementwise_fit_new(profile, model, tp, config->expert_blocks);
  self->sampling = sampling_new(profile, config, activations);
  self->own_sums = config->own_sums;
  if (tp > 1) {
    self->all_reduce[0] =
        operation_curve_new(profile, OP_ALL_REDUCE, "custom", activations, 0, 1, tp);
    self->all_reduce[1] =
        operation_curve_new(profile, OP_ALL_REDUCE, "nccl", activations, 0, 1, tp);
  }
  self->host[0] = host_new(profile, host_scheduler_name(config->scheduler));
  self->host[1] = host_new(profile, eager);
  self->captured = config->captured;
  self->captures_head = config->captures_head;
  self->prices_pieces = config->in_pieces && config->host != NULL &&
                        config->host->costs[config->scheduler].piece_ps > 0;
  self->spared = launch_spared_find(profile, model);
  self->captured_tokens =
      config->captured_tokens > 0 ? config->captured_tokens : ROOFLINE_CAPTURED_TOKENS;
  self->copies[COPY_OUT] = operation_sheet_new(profile, OP_COPY, out, "", NULL);
  self->copies[COPY_IN] = operation_sheet_new(profile, OP_COPY, in, "", NULL);
  self->submits[COPY_OUT] = operation_sheet_new(profile, OP_COPY_SUBMIT, out, "", NULL);
  self->submits[COPY_IN] = operation_sheet_new(profile, OP_COPY_SUBMIT, in, "", NULL);
  self->copy_pieces_per_block =
      config->copy_path == COPY_PATH_PER_BLOCK ? 1 : model_kv_tensors(model);
  self->copy_piece_bytes =
      pool_block_bytes(model, config->block_size, tp) / self->copy_pieces_per_block;
  for (gsize prefills = 0; prefills < 2; prefills++) {
    self->contention[COPY_OUT][prefills] =
        copy_contention_find(profile, out, prefills, self->copy_piece_bytes);
    self->contention[COPY_IN][prefills] =
        copy_contention_find(profile, in, prefills, self->copy_piece_bytes);
  }
}

/* Whether the tables' times of all its experts are of whole blocks. */
static gboolean
has_expert_blocks(const Profile *profile, const RooflineConfig *config)
{
  const Model *model = config->model;
  const ExpertSplit split = roofline_expert_split(config);

  for (guint i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].experts > 0 &&
        g_strcmp0(moe_fit_distribution(profile, &model->kinds[i], &split, NULL), MOE_TOUCHED) != 0)
      return FALSE;
  return model->experts > 0;
}

/* Without residuals. */
static ProfileCost *
profile_cost_bare(const Profile *profile, const RooflineConfig *given, GError **error)
{
  RooflineConfig whole = *given, plain;
  const RooflineConfig *config = &whole;
  CostModel *roofline;
  ProfileCost *self;

  whole.expert_blocks = has_expert_blocks(profile, given);
  roofline = roofline_new(config, error);
  if (roofline == NULL)
    return NULL;
  plain = whole;
  plain.what_if = WHAT_IF_NONE;
  self = g_new0(ProfileCost, 1);
  self->base.class = &profile_cost_class;
  self->base.copy_stages = config->copy_stages;
  self->model = model_copy(config->model);
  self->tp = config->tensor_parallel_size;
  self->what_if = config->what_if;
  self->roofline = roofline;
  self->plain = roofline_new(&plain, NULL);
  forget_all(self);
  fit_all(self, profile, config);
  return self;
}

/* The time of a step's kernels by the tables, of a step whose residual is to be found. */
static double
sum_kernels(gpointer data, const CostShape *shape)
{
  static const CostComponent kernels[] = {COST_LINEAR, COST_ATTENTION, COST_ELEMENTWISE, COST_HEAD,
                                          COST_COMM};
  CostPiece piece = {.steps = 1};
  double ps = 0;

  profile_cost_step(data, shape, 1, &piece);
  for (guint i = 0; i < G_N_ELEMENTS(kernels); i++)
    ps += (double)piece.base_ps[kernels[i]];
  return ps;
}

/* Finds the residuals by the tables without what-if scales; the scaled tables share them. Steps
 * were measured on one device, with weights and KV of the same width. */
static void
find_residuals(ProfileCost *self, const Profile *profile, const RooflineConfig *config)
{
  static const struct {
    const char *variant;
    StepsOf of[3]; /* by CapturedKind */
  } kinds[] = {{STEP_GRAPH, {STEPS_ALL, STEPS_OF_DECODES, STEPS_ALL}},
               {STEP_EAGER, {STEPS_ALL, STEPS_OF_CHUNKS, STEPS_ALL}}};
  RooflineConfig plain = *config;
  ProfileCost *bare;
  guint n;

  profile_samples(profile, OP_STEP, &n);
  if (n == 0 || config->tensor_parallel_size > 1)
    return;
  plain.what_if = WHAT_IF_NONE;
  bare = profile_cost_bare(profile, &plain, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    self->residual[i] = step_residual_new(profile, config->model, kinds[i].variant,
                                          kinds[i].of[config->captured], sum_kernels, bare);
  profile_free_cost(&bare->base);
}

CostModel *
profile_cost_new(const Profile *profile, const RooflineConfig *config, GError **error)
{
  ProfileCost *self = profile_cost_bare(profile, config, error);

  if (self == NULL)
    return NULL;
  find_residuals(self, profile, config);
  for (guint i = 0; i < OPERATIONS; i++)
    self->spread[i] = profile_spread(profile, (OperationKind)i);
  if (self->linear_fit == NULL && self->attention == NULL) {
    g_set_error(error, PROFILE_COST_ERROR, PROFILE_COST_ERROR_LACKS,
                "the profile %s has no measurements that %s on %u device%s could use: neither "
                "products of %s weights nor attention of %u heads and %u KV heads; import or "
                "calibrate them, or use the device %s itself",
                profile->name, config->model->name, self->tp, self->tp == 1 ? "" : "s",
                config->model->dtype, config->model->heads / self->tp,
                MAX(1, config->model->kv_heads / self->tp), profile->device);
    profile_free_cost(&self->base);
    return NULL;
  }
  return &self->base;
}
