/* SGLang's second KV pool, of the layers that see a window: which models have it, and how large
 * both are.
 *
 *   F, W: bytes a token of the layers that see all, of those that see a window
 *   tokens of all     = memory / (F + ratio x W)      tokens of windows = ratio x that
 *
 * or, without a radix cache and with --max-running-requests typed, the windows get what so many
 * requests hold at most, and the rest is the others'. Layers that read an earlier layer's KV have
 * room of their own all the same. Source: SGLang 0.5.23, configs/model_config.py
 * (is_hybrid_swa_model), model_executor/pool_configurator.py.
 */
#include "calib/cost/pool_size.h"
#include "executors.h"
#include "resolver.h"

/* Decode steps of a request between two times that it gives back: SGLANG_SWA_EVICTION_INTERVAL. */
#define EVICTION_INTERVAL 128

/* Families with a window pool. The engine counts a window without the newest token for some, since
 * its own are exclusive, and as the file has it for others. Llama 4 has one with its vision tower
 * alone. */
static const struct {
  const char *family;
  guint32 without;
  gboolean with_tower;
} families[] = {
    {"gpt_oss", 1, FALSE}, {"gemma4", 1, FALSE},  {"gemma4_text", 1, FALSE},
    {"llama4", 0, FALSE},  {"mimo_v2", 0, FALSE}, {"mimo_v2_flash", 0, FALSE},
    {"step3p5", 0, FALSE}, {"step3p7", 0, FALSE}, {"llama4_text", 0, TRUE},
};

static gboolean
sees_window(const Layer *layer)
{
  return layer->mixer.kind == MIXER_SLIDING || layer->mixer.kind == MIXER_CHUNKED;
}

/* Bytes a token of the layers that see a window, or of the others, on a card. */
static guint64
token_bytes(const Resolver *r, gboolean windowed)
{
  const Model *model = r->scenario->model;
  guint64 bytes = 0;

  for (guint i = 0; i < model->n_kinds; i++) {
    Layer layer = model->kinds[i];
    layer.mixer.borrows_kv = FALSE;
    if (sees_window(&layer) == windowed)
      bytes +=
          layer.count * layer_kv_bytes(&layer, model->kv_bits, r->scenario->tensor_parallel_size);
  }
  return bytes;
}

/* The widest window, and how many layers see one. */
static guint32
find_windows(const Model *model, guint32 *window)
{
  guint32 layers = 0;

  for (guint i = 0; i < model->n_kinds; i++)
    if (sees_window(&model->kinds[i])) {
      layers += model->kinds[i].count;
      *window = MAX(*window, model->kinds[i].mixer.window);
    }
  return layers;
}

/* Why the windows have no pool of their own, as half a sentence; NULL: they have. */
static const char *
reason_for_one_pool(const Resolver *r, guint32 layers, guint *family)
{
  const Scenario *s = r->scenario;
  guint i = 0;

  while (i < G_N_ELEMENTS(families) && !g_str_equal(families[i].family, s->model->family))
    i++;
  if (i < G_N_ELEMENTS(families) && families[i].with_tower && s->model->tower_bytes == 0)
    i = G_N_ELEMENTS(families);
  *family = i;
  if (i == G_N_ELEMENTS(families))
    return "SGLang 0.5.23 has no window pool for this family of models";
  if (r->settings->disable_hybrid_swa_memory)
    return "--disable-hybrid-swa-memory says so";
  if (layers == s->model->layers)
    return "SGLang's pool of windows alone is not simulated";
  if (r->settings->pipeline_parallel_size > 1)
    return "a pipeline's stages are taken to have layers of all kinds alike";
  if (executor_computes(s->executor))
    return "the executor keeps real blocks of all layers";
  return NULL;
}

gboolean
resolver_sglang_windows(Resolver *r, GError **error)
{
  Scenario *s = r->scenario;
  guint32 window = 0, layers;
  guint family;

  if (!resolver_is_sglang(r) || s->model == NULL)
    return TRUE;
  layers = find_windows(s->model, &window);
  if (layers == 0)
    return !resolver_given(r, "swa-full-tokens-ratio") ||
           resolver_refuse(error, "--swa-full-tokens-ratio: no layer of %s sees a window",
                           s->model->name);
  s->one_group_reason = reason_for_one_pool(r, layers, &family);
  s->one_pool_is_real = family == G_N_ELEMENTS(families) || r->settings->disable_hybrid_swa_memory;
  if (s->one_group_reason != NULL)
    return !resolver_given(r, "swa-full-tokens-ratio") ||
           resolver_refuse(error, "--swa-full-tokens-ratio: there is one pool: %s",
                           s->one_group_reason);
  s->windowed_layers = layers;
  s->config.window_pool.tokens = MAX(window - families[family].without, 1);
  s->config.window_pool.interval = EVICTION_INTERVAL;
  if (!resolver_given(r, "swa-full-tokens-ratio"))
    resolver_origin(r, "swa_full_tokens_ratio", "sglang");
  return TRUE;
}

/* TRUE if the windows get what --max-running-requests requests hold at most. */
static gboolean
is_capped(const Resolver *r)
{
  return r->settings->disable_radix_cache && resolver_given(r, "max-running-requests") &&
         r->scenario->config.chunked_prefill_size > 0;
}

/* What so many requests hold at most: compute_swa_request_cap(). */
static guint64
cap_blocks(const Resolver *r)
{
  const SchedulerConfig *c = &r->scenario->config;
  guint64 page = c->block_size, chunks = c->async_scheduling ? 2 : 1;
  guint64 request = c->window_pool.tokens + c->window_pool.interval + 2 * page;

  return (request * c->max_num_seqs + chunks * c->chunked_prefill_size + page + page - 1) / page;
}

guint32
resolver_pool_blocks(const Resolver *r, double bytes)
{
  const SchedulerConfig *c = &r->scenario->config;
  double all, windows, tokens;

  if (bytes <= 0)
    return 0;
  if (c->window_pool.tokens == 0)
    return pool_blocks((guint64)bytes, r->pool_bytes_per_block);
  all = (double)token_bytes(r, FALSE);
  windows = (double)token_bytes(r, TRUE);
  tokens = is_capped(r) ? (bytes - (double)cap_blocks(r) * c->block_size * windows) / all
                        : bytes / (all + r->settings->swa_full_tokens_ratio * windows);
  return (guint32)CLAMP(tokens / c->block_size, 0, (double)G_MAXUINT32);
}

gboolean
resolver_window_pool(Resolver *r, GError **error)
{
  SchedulerConfig *c = &r->scenario->config;
  WindowPoolConfig *pool = &c->window_pool;
  guint64 page = c->block_size, tokens = (guint64)c->num_gpu_blocks * page;

  if (pool->tokens == 0)
    return TRUE;
  if (is_capped(r)) {
    json_object_del(r->scenario->defaults, "swa_full_tokens_ratio");
    pool->blocks = (guint32)MIN(
        cap_blocks(r), resolver_given(r, "max-total-tokens") ? c->num_gpu_blocks : G_MAXUINT32);
    resolver_origin(r, "swa_max_total_num_tokens", "sglang, what %u requests hold at most",
                    c->max_num_seqs);
    return TRUE;
  }
  tokens = (guint64)((double)tokens * r->settings->swa_full_tokens_ratio);
  pool->blocks = (guint32)(tokens / page);
  return pool->tokens + page < pool->blocks * page ||
         resolver_refuse(error,
                         "the pool of windows has %" G_GUINT64_FORMAT " tokens and holds no "
                         "request: a window of %u and a page of %u are more; raise "
                         "--swa-full-tokens-ratio or the pool",
                         pool->blocks * page, pool->tokens, c->block_size);
}

double
resolver_pool_bytes(const Resolver *r)
{
  const SchedulerConfig *c = &r->scenario->config;

  if (c->window_pool.tokens == 0)
    return (double)c->num_gpu_blocks * (double)r->pool_bytes_per_block;
  return ((double)c->num_gpu_blocks * (double)token_bytes(r, FALSE) +
          (double)c->window_pool.blocks * (double)token_bytes(r, TRUE)) *
         c->block_size;
}
