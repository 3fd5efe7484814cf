/* The roofline cost model. All that depends on the model and the device alone is reduced to a few
 * coefficients when it is made, so that a step costs a handful of integer operations.
 *
 *   linear_ps[tokens], head_ps[sampled]   remembered, as a batch's size comes again and again
 *   decode_token_ps                       integer: n decode steps at once or one by one agree
 *   prefill_pair_ps, prefill_token_ps     per pair of tokens (compute), per KV token read (memory)
 *
 * A decode step's attention is decode_token_ps x context + decode_fixed_ps, and its growth is
 * decodes x decode_token_ps: the law of sim/cost.h holds without rounding.
 */
#include "roofline.h"

#include "roofline_work.h"
#include "sim/layerwise.h"

#include <math.h>
#include <string.h>

G_DEFINE_QUARK(spillway - roofline - error, roofline_error)

static gint64
find_head_ps(const Roofline *self, guint32 sampled)
{
  if (sampled == 0)
    return 0;
  return roofline_round_ps(
      roofline_product_ps(&self->device, &self->what_if, sampled, &self->head, 1) +
      sampled * self->sampling_ps + self->sampling_fixed_ps);
}

static gint64
linear_ps(Roofline *self, guint64 tokens)
{
  if (tokens > MEMO_TOKENS)
    return roofline_find_linear_ps(self, tokens);
  if (self->linear_ps[tokens] < 0)
    self->linear_ps[tokens] = roofline_find_linear_ps(self, tokens);
  return self->linear_ps[tokens];
}

static gint64
head_ps(Roofline *self, guint32 sampled)
{
  if (sampled > MEMO_SAMPLED)
    return find_head_ps(self, sampled);
  if (self->head_ps[sampled] < 0)
    self->head_ps[sampled] = find_head_ps(self, sampled);
  return self->head_ps[sampled];
}

static inline gint64
prefill_ps(const Roofline *self, CostChunk chunk)
{
  double n = chunk.tokens, c = chunk.cached_tokens;
  gint64 total_ps = 0;

  if (self->has_recurrent)
    total_ps = self->recurrent_sequence_ps + rate_ps(&self->recurrent_token, chunk.tokens);
  for (guint i = 0; i < self->n_classes; i++) {
    const AttentionClass *class = &self->classes[i];
    double read = n + MIN(c, class->most_cached_tokens); /* tokens whose KV is read at least once */
    double pairs = mixer_pairs(&class->mixer, n, c) + n * self->prefill_ramp_tokens / 2;
    double class_ps = MAX(pairs * class->prefill_pair_ps, read * class->prefill_token_ps) +
                      c * class->prefill_decompress_ps;
    total_ps += roofline_round_ps(class_ps);
  }
  return total_ps;
}

/* Attention of decodes, but for its fixed time. *growth_ps: what each repeat takes longer than the
 * one before, as contexts grow by one token. */
static inline gint64
decode_ps(const Roofline *self, const DecodeContexts *contexts, gint64 *growth_ps)
{
  gint64 total_ps = 0, growing_ps = 0;

  if (self->has_recurrent)
    total_ps = rate_ps(&self->recurrent_decode, contexts->count);
  for (guint i = 0; i < self->n_classes; i++) {
    const AttentionClass *class = &self->classes[i];
    guint32 growing = contexts->count;
    guint64 seen = class->window.tokens == 0
                       ? contexts->sum
                       : decode_contexts_visible(contexts, &class->window, &growing);
    total_ps += rate_ps(&class->decode_token, seen);
    growing_ps += rate_ps(&class->decode_token, growing);
  }
  *growth_ps = MIN(growing_ps, COST_MAX_PS);
  return MIN(total_ps, COST_MAX_PS);
}

/* The same of prefills, after so much of decodes. */
static gint64
prefills_ps(const Roofline *self, const CostShape *shape, gint64 total_ps)
{
  for (guint32 i = 0; i < shape->n_prefills; i++) {
    total_ps += prefill_ps(self, shape->prefills[i]);
    total_ps = MIN(total_ps, COST_MAX_PS);
  }
  return total_ps;
}

/* One kernel a layer serves prefills and decodes: the fixed time counts once. */
static inline gint64
attention_ps(const Roofline *self, const CostShape *shape, gint64 decodes_ps)
{
  if (shape->n_prefills > 0)
    return prefills_ps(self, shape, decodes_ps) + self->prefill_fixed_ps;
  return shape->contexts.count > 0 ? decodes_ps + self->decode_fixed_ps : decodes_ps;
}

static gint64
copy_ps(const Roofline *self, CopyDirection direction, guint32 blocks)
{
  return blocks == 0
             ? 0
             : rate_ps(&self->copy_block[direction], blocks) + self->copy_fixed_ps[direction];
}

static gint64
roofline_copy_ps(CostModel *base, CopyDirection direction, guint32 blocks)
{
  return copy_ps((const Roofline *)base, direction, blocks);
}

/* Each part is a submission of its own. */
static double
roofline_layer_copy_ps(CostModel *base, CopyDirection direction, guint32 blocks)
{
  const Roofline *self = (const Roofline *)base;

  return (double)rate_ps(&self->copy_block[direction], blocks) / base->copy_stages +
         (double)self->copy_fixed_ps[direction];
}

/* The link is slower than the memory: a copy is not slowed. */
static CopyContention
roofline_contention(const CostModel *base, CopyDirection direction, gboolean prefills G_GNUC_UNUSED)
{
  return (CopyContention){.step = ((const Roofline *)base)->copy_contention[direction]};
}

gint64
roofline_exchange_ps(const CostModel *base, guint64 tokens)
{
  const Roofline *self = (const Roofline *)base;

  if (tokens == 0 || (self->exchange_token.each_ps == 0 && self->exchange_fixed_ps == 0))
    return 0;
  return rate_ps(&self->exchange_token, tokens) + self->exchange_fixed_ps;
}

double
roofline_own_sum_ps(const CostModel *base, double bytes)
{
  const Roofline *self = (const Roofline *)base;

  return roofline_two_shots_ps(&self->device, self->ranks, bytes);
}

static gint64
comm_ps(const Roofline *self, guint64 tokens)
{
  const CommWay *around = &self->comm[0], *direct = &self->comm[1];
  gint64 sums_ps, own_ps = 0;

  if (around->token.each_ps == 0 && around->fixed_ps == 0)
    return roofline_exchange_ps(&self->base, tokens);
  sums_ps = MIN(rate_ps(&around->token, tokens) + around->fixed_ps,
                rate_ps(&direct->token, tokens) + direct->fixed_ps);
  if (self->two_shots_sums > 0)
    own_ps =
        roofline_round_ps(self->two_shots_sums *
                          roofline_own_sum_ps(&self->base, (double)tokens * self->token_bytes));
  return MAX(sums_ps, own_ps) + roofline_exchange_ps(&self->base, tokens);
}

gint64
roofline_pieces_ps(const CostModel *base)
{
  return ((const Roofline *)base)->host_pieces_ps;
}

gboolean
roofline_is_captured(CapturedKind captured, guint64 captured_tokens, const CostShape *shape,
                     guint64 tokens)
{
  return tokens <= captured_tokens &&
         (captured == CAPTURED_STEPS || (captured == CAPTURED_DECODES && shape->n_prefills == 0));
}

static inline void
wait_for_host(const Roofline *self, const CostShape *shape, CostPiece *piece)
{
  gint64 work_ps, wait_ps;

  work_ps = self->work_ps + rate_ps(&self->work_sequence, shape->sequences);
  wait_ps = work_ps > 0 ? work_ps - cost_piece_total_ps(piece) : 0;
  if (wait_ps <= 0)
    return;
  piece->base_ps[COST_HOST] += wait_ps;
  piece->steps = 1;
}

static inline void
wait_for_launches(const Roofline *self, const CostShape *shape, CostPiece *piece)
{
  gint64 wait_ps;

  if (self->launches_ps == 0 ||
      (shape->n_prefills == 0 && !(self->launches_all && shape->contexts.count > 0)))
    return;
  wait_ps = self->launches_ps - cost_piece_total_ps(piece);
  if (wait_ps <= 0)
    return;
  piece->base_ps[COST_HOST] += wait_ps;
  piece->steps = 1;
}

/* What a step costs the host beside its fixed part: between the pieces of a captured one, and more
 * of one that is larger than those that are. */
static inline gint64
uncaptured_ps(const Roofline *self, const CostShape *shape, guint64 tokens)
{
  if (self->captured == CAPTURED_NOTHING && tokens <= self->captured_tokens)
    return 0;
  return roofline_is_captured(self->captured, self->captured_tokens, shape, tokens)
             ? self->host_pieces_ps
             : self->host_eager_ps;
}

void
roofline_wait_for_launches(const CostModel *base, const CostShape *shape, CostPiece *piece)
{
  wait_for_launches((const Roofline *)base, shape, piece);
}

void
roofline_wait_for_host(const CostModel *base, const CostShape *shape, CostPiece *piece)
{
  wait_for_host((const Roofline *)base, shape, piece);
}

/* Parts of a step to leave out: components, as bits, and the waits for the host. */
enum { WITHOUT_WAITS = 1 << COST_COMPONENTS };

static void
find_step(Roofline *self, const CostShape *shape, guint without, CostPiece *piece)
{
  guint64 tokens = shape->contexts.count;
  gint64 decodes_ps = decode_ps(self, &shape->contexts, &piece->growth_ps);

  for (guint32 i = 0; i < shape->n_prefills; i++)
    tokens += shape->prefills[i].tokens;
  if (!(without & 1 << COST_HEAD))
    piece->base_ps[COST_HEAD] = head_ps(self, shape->sampled);
  piece->base_ps[COST_HOST] = self->host_step_ps + rate_ps(&self->host_sequence, shape->sequences) +
                              uncaptured_ps(self, shape, tokens);
  if (shape->copy_out_blocks > 0 || shape->copy_in_blocks > 0) {
    piece->base_ps[COST_SWAP_OUT] = copy_ps(self, COPY_OUT, shape->copy_out_blocks);
    piece->base_ps[COST_SWAP_IN] = copy_ps(self, COPY_IN, shape->copy_in_blocks);
  }
  if (tokens > 0) {
    if (!(without & 1 << COST_LINEAR))
      piece->base_ps[COST_LINEAR] = linear_ps(self, tokens);
    if (!(without & 1 << COST_ATTENTION))
      piece->base_ps[COST_ATTENTION] = attention_ps(self, shape, decodes_ps);
    piece->base_ps[COST_ELEMENTWISE] =
        rate_ps(&self->elementwise_token, tokens) + self->elementwise_fixed_ps;
    if (self->communicates)
      piece->base_ps[COST_COMM] = comm_ps(self, tokens);
  }
  if (self->waits && !(without & WITHOUT_WAITS)) {
    if (self->base.copy_stages > 0)
      layerwise_overlap(&self->base, shape, piece);
    wait_for_launches(self, shape, piece);
    wait_for_host(self, shape, piece);
  }
}

void
roofline_step_without(CostModel *base, const CostShape *shape, guint32 repeat, guint covered,
                      CostPiece *piece)
{
  piece->steps = repeat;
  find_step((Roofline *)base, shape, covered | WITHOUT_WAITS, piece);
}

/* The piece holds for as many steps as were asked for, but where they wait. */
static void
roofline_step(CostModel *base, const CostShape *shape, guint32 repeat G_GNUC_UNUSED,
              CostPiece *piece)
{
  find_step((Roofline *)base, shape, 0, piece);
}

/* Whether a step of one more token never takes less. What is not a product rises term by term;
 * products are tried at each size, since one more tile can be of a faster kind. Where the context
 * is cut into chunks attention starts anew, so it does not rise. */
static gboolean
roofline_rises(CostModel *base, guint64 tokens)
{
  Roofline *self = (Roofline *)base;

  if (tokens > MEMO_TOKENS)
    return FALSE;
  for (guint i = 0; i < self->n_classes; i++)
    if (self->classes[i].mixer.kind == MIXER_CHUNKED)
      return FALSE;
  for (guint64 m = 1; m <= tokens; m++)
    if (linear_ps(self, m) < linear_ps(self, m - 1))
      return FALSE;
  return TRUE;
}

static void
roofline_free(CostModel *base)
{
  g_free(((Roofline *)base)->kinds);
  g_free(base);
}

static const CostModelClass roofline_class = {
    .name = "roofline",
    .measures_nothing = TRUE,
    .step = roofline_step,
    .copy_ps = roofline_copy_ps,
    .layer_copy_ps = roofline_layer_copy_ps,
    .contention = roofline_contention,
    .rises = roofline_rises,
    .free = roofline_free,
};

/* Experts that do not divide by width, or are too few for each group of ranks to have one; NULL:
 * they can be split so. */
static const char *
find_unsplit_experts(const Layer *layer, guint32 ranks, guint32 groups)
{
  if (layer->experts == 0)
    return NULL;
  if (ranks % groups != 0)
    return "the ranks that share its experts do not divide by the expert-parallel size";
  if (layer->experts < groups)
    return "it has fewer experts than there are ranks that they are dealt out to";
  return layer->ffn % (ranks / groups) != 0
             ? "its experts' width does not divide by the ranks that share each; expert "
               "parallelism gives a rank whole experts"
             : NULL;
}

/* What of a layer cannot be split into `tp` parts; NULL: it can. */
static const char *
find_unsplit(const Layer *layer, guint32 tp)
{
  guint32 heads = layer->mixer.heads, kv_heads = layer->mixer.kv_heads;

  if (heads % tp != 0)
    return "its attention heads do not divide by the tensor-parallel size";
  if ((layer->experts == 0 && layer->ffn % tp != 0) || layer->shared_ffn % tp != 0)
    return "its feed-forward width does not divide by the tensor-parallel size";
  if (kv_heads > 0 && layer->mixer.latent_dim == 0 && MAX(tp, kv_heads) % MIN(tp, kv_heads) != 0)
    return "its KV heads and the tensor-parallel size do not divide";
  if (layer->mixer.kind == MIXER_COMPRESSED && layer->mixer.groups % tp != 0)
    return "its groups of heads (o_groups) do not divide by the tensor-parallel size";
  return NULL;
}

const char *
roofline_find_unsplit(const Model *model, const ExpertSplit *split)
{
  const char *problem = NULL;

  for (guint i = 0; i < model->n_kinds && problem == NULL; i++)
    problem = find_unsplit(&model->kinds[i], split->tp);
  for (guint i = 0; i < model->n_kinds && problem == NULL; i++)
    problem = find_unsplit_experts(&model->kinds[i], split->tp * split->engines,
                                   expert_split_groups(split));
  return problem;
}

static gboolean
check_config(const RooflineConfig *config, GError **error)
{
  const Model *model = config->model;
  const ExpertSplit split = roofline_expert_split(config);
  guint32 tp = config->tensor_parallel_size;
  const char *problem = NULL;
  ContextWindows windows;

  if (config->block_size == 0)
    problem = "a block of 0 tokens";
  else if (tp == 0)
    problem = "a tensor-parallel size of 0";
  if (problem == NULL)
    problem = roofline_find_unsplit(model, &split);
  if (problem == NULL && !model_windows(model, &windows))
    problem = "its layers have more than two kinds of windows";
  if (problem == NULL &&
      (tp > 1 || config->pipeline_parallel_size > 1 ||
       (config->data_parallel_size > 1 && model->experts > 0)) &&
      config->device->allreduce_bytes_per_s == 0)
    problem = "the device has no [interconnect] figures, needed for several devices";
  if (problem != NULL)
    g_set_error(error, ROOFLINE_ERROR, ROOFLINE_ERROR_CONFIG, "%s on %u x %s: %s", model->name, tp,
                config->device->name, problem);
  return problem == NULL;
}

CostModel *
roofline_new(const RooflineConfig *config, GError **error)
{
  Roofline *self;

  if (!check_config(config, error))
    return NULL;
  self = g_new0(Roofline, 1);
  self->base.class = &roofline_class;
  self->base.copy_stages = config->copy_stages;
  self->device = *config->device;
  self->device.name = self->device.title = NULL;
  self->device.file = NULL;
  self->what_if = config->what_if;
  memset(self->linear_ps, 0xff, sizeof self->linear_ps);
  memset(self->head_ps, 0xff, sizeof self->head_ps);
  roofline_take(self, config);
  return &self->base;
}
