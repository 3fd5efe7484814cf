/* SGLang's settings under its own names, their defaults, and which engine has which options. */
#include "resolver.h"
#include "calib/cost/pool_size.h"
#include "calib/cost/server_memory.h"
#include "executors.h"
#include "typed.h"

#include <math.h>
#include <string.h>

/* SGLang's option, and vLLM's with the same meaning; NULL: vLLM has none. */
static const struct {
  const char *sglang, *vllm;
} names[] = {
    {"page-size", "block-size"},
    {"max-total-tokens", "num-gpu-blocks"},
    {"mem-fraction-static", "gpu-memory-utilization"},
    {"max-running-requests", "max-num-seqs"},
    {"chunked-prefill-size", "max-num-batched-tokens"},
    {"chunked-prefill-size", "enable-chunked-prefill"},
    {"chunked-prefill-size", "no-enable-chunked-prefill"},
    {"disable-radix-cache", "enable-prefix-caching"},
    {"disable-radix-cache", "no-enable-prefix-caching"},
    {"disable-overlap-schedule", "async-scheduling"},
    {"disable-overlap-schedule", "no-async-scheduling"},
    {"disable-cuda-graph", "enforce-eager"},
    {"max-prefill-tokens", NULL},
    {"schedule-conservativeness", NULL},
    {"swa-full-tokens-ratio", NULL},
    {"disable-hybrid-swa-memory", NULL},
    {"enable-mixed-chunk", NULL},
    {"disable-piecewise-cuda-graph", NULL},
    {"ignore-eos", NULL},
    {"enable-dp-attention", NULL},
};

gboolean
resolver_check_engine_names(const Resolver *r, GError **error)
{
  const SchedulerClass *scheduler = r->scenario->scheduler;
  gboolean is_sglang = resolver_is_sglang(r);

  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    const char *foreign = is_sglang ? names[i].vllm : names[i].sglang;
    const char *own = is_sglang ? names[i].sglang : names[i].vllm;
    if (foreign == NULL || !resolver_given(r, foreign))
      continue;
    if (own != NULL)
      return resolver_refuse(error, "--%s: the scheduler %s has no such option; it has --%s",
                             foreign, scheduler->name, own);
    return resolver_refuse(error, "--%s: the scheduler %s has no such thing", foreign,
                           scheduler->name);
  }
  return TRUE;
}

/* SGLang's defaults by the card's memory: _handle_gpu_memory_settings() of 0.5.23. */
typedef struct {
  double below_mib;
  guint32 chunked_prefill_size;
  guint32 graph_batch;       /* the largest batch of decodes that is captured */
  guint32 graph_batch_large; /* the same from 4 devices on */
} CardClass;

static const CardClass cards[] = {
    {20 * 1024, 2048, 8, 8},      {35 * 1024, 4096, 48, 160},  {60 * 1024, 4096, 32, 160},
    {160 * 1024, 8192, 256, 512}, {INFINITY, 16384, 512, 512},
};

#define MIB (1024.0 * 1024)
#define LARGE_PAGE 64
#define SPARSE_PAGE 128 /* of MiniMax-M3's blocks */

static const CardClass *
card_class(const Device *device)
{
  const CardClass *card = cards;

  while (device->memory_bytes / MIB >= card->below_mib)
    card++;
  return card;
}

/* Sizes of prefills up to `most` tokens that are captured:
 * generate_prefill_cuda_graph_batch_sizes(). A row stands for the sizes first, first + step, … up
 * to last. */
static guint32
prefill_graphs(guint32 most)
{
  static const struct {
    guint32 first, last, step;
  } rows[] = {{4, 32, 4},      {48, 256, 16},     {288, 512, 32},
              {576, 1024, 64}, {1280, 4096, 256}, {4608, G_MAXUINT32, 512}};
  guint32 n = 0;

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    if (most >= rows[i].first)
      n += (MIN(most, rows[i].last) - rows[i].first) / rows[i].step + 1;
  return n;
}

/* Families whose images SGLang leaves out unless it is told otherwise, and those whose towers it
 * does not find (ModelConfig's mm_disabled_models; an omni model's are within its thinker). */
static gboolean
leaves_images_out(const Model *model)
{
  static const char *const families[] = {
      "gemma3_text",       "llama4_text",    "step3_text",          "mimo_v2", "mimo_v2_flash",
      "qwen2_5_omni_text", "qwen3_omni_moe", "qwen3_omni_moe_text", NULL};

  return g_strv_contains(families, model->family);
}

/* What of the share by default a model that sees has: less, the larger its tower is against that of
 * CLIP ViT-L/14 (adjust_mem_fraction_for_vlm). 1: it sees nothing. */
static double
vision_share(const Model *model)
{
  double size = (double)model->vision_layers * model->vision_hidden * model->vision_hidden;
  double larger = size / (24.0 * 1024 * 1024) - 1;

  if (model->vision_layers == 0 || leaves_images_out(model))
    return 1;
  return 0.95 * CLAMP(1 - 0.1 * larger, 0.8, 1.05);
}

/* The default share of the memory for weights and KV: what the server's estimates of activations
 * and captured graphs leave, and less where a model sees. */
static double
default_mem_fraction(const Resolver *r)
{
  const SchedulerConfig *c = &r->scenario->config;
  const CardClass *card = card_class(r->scenario->device);
  double memory = r->scenario->device->memory_bytes / MIB, reserved = 512;
  guint64 tp = r->settings->tensor_parallel_size;
  double graphs = tp < 4 ? card->graph_batch : card->graph_batch_large;
  gboolean captures = !r->settings->disable_cuda_graph;

  reserved += 1.5 * MAX(c->chunked_prefill ? c->chunked_prefill_size : c->max_prefill_tokens, 2048);
  reserved += captures ? 2.0 * graphs : 0;
  /* With latent attention this depends on the backend and is left out; of prompts of a model that
   * sees none are captured by default. */
  if (captures && vision_share(r->scenario->model) == 1 &&
      model_latent_layers(r->scenario->model) == 0)
    reserved += 8.0 * prefill_graphs(c->chunked_prefill ? c->chunked_prefill_size : 0);
  reserved += (double)tp / 8 * 1024;
  if (r->settings->enable_dp_attention)
    reserved += (graphs > 300 ? 4.5 : 3) * graphs * r->scenario->data_parallel_size;
  if (memory > 60 * 1024)
    reserved = MAX(reserved, 10 * 1024);
  return round((memory - reserved) / memory * 1000) / 1000 * vision_share(r->scenario->model);
}

/* B200, B300 and those beside a Grace: is_sm100_supported(). */
static gboolean
is_sm100(const Device *device)
{
  return device->compute_capability >= 10 && device->compute_capability < 11;
}

/* Models whose latent attention runs in TensorRT-LLM's backend on such a card (model_overrides/
 * deepseek_v2.py and kimi_k3.py); of others FlashInfer's has pages of one token. */
static gboolean
is_of_deepseek(const Model *model)
{
  static const char *const families[] = {"deepseek_v3", "kimi_k2", "longcat_flash", "kimi_k3",
                                         NULL};

  return g_strv_contains(families, model->family);
}

/* Models with recurrent states whose attention runs in TensorRT-LLM's backend on such a card:
 * those of Qwen but where the radix cache keeps states without a second buffer, and all that no
 * override names. */
static gboolean
has_heads_in_pages(const Resolver *r)
{
  static const char *const others[] = {"falcon_h1", "granitemoehybrid", "lfm2", "lfm2_moe", NULL};
  const char *family = r->scenario->model->family;
  gboolean one_buffer = !r->settings->disable_radix_cache && r->settings->disable_overlap_schedule;

  return !g_strv_contains(others, family) && !(one_buffer && g_str_has_prefix(family, "qwen3_"));
}

static gboolean
has_sparse_layers(const Model *model)
{
  for (guint i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].mixer.kind == MIXER_SPARSE)
      return TRUE;
  return FALSE;
}

void
resolver_sglang_kv(Resolver *r)
{
  Scenario *s = r->scenario;
  const char *typed = r->settings->kv_cache_dtype;

  if (!resolver_is_sglang(r) || s->model == NULL || s->device == NULL ||
      executor_computes(s->executor) || (typed != NULL && !g_str_equal(typed, "auto")) ||
      !has_sparse_layers(s->model) || model_latent_layers(s->model) == 0 ||
      s->device->compute_capability < 10)
    return;
  s->kv_cache_dtype = "fp8_e4m3";
  model_set_kv_cache_dtype(s->model, s->kv_cache_dtype);
  resolver_origin(r, "kv_cache_dtype", "sglang, %s on %s", s->model->name, s->device->name);
}

/* Tokens a page where --page-size is not typed: what the backend of attention wants
 * (get_default_attn_backend(), _mla_backend_page_constraints(), the models' overrides). */
static guint32
default_page(const Resolver *r)
{
  const Model *model = r->scenario->model;
  const Device *device = r->scenario->device;
  gboolean sm100 = device != NULL && is_sm100(device);

  if (device == NULL || model == NULL || executor_computes(r->scenario->executor))
    return 1;
  if (has_sparse_layers(model) && model_latent_layers(model) > 0)
    return LARGE_PAGE;
  if (has_sparse_layers(model))
    return sm100 || (guint)device->compute_capability == 9 ? SPARSE_PAGE : 1;
  if (!sm100)
    return 1;
  if (model_latent_layers(model) > 0)
    return is_of_deepseek(model) ? LARGE_PAGE : 1;
  return model_rank_state_bytes(model, 1) == 0 || has_heads_in_pages(r) ? LARGE_PAGE : 1;
}

static guint32
page_size(const Resolver *r)
{
  guint32 page = default_page(r);

  if (resolver_given(r, "page-size"))
    return (guint32)r->settings->page_size;
  if (page > 1)
    resolver_origin(r, "page_size", "sglang, %s on %s", r->scenario->model->name,
                    r->scenario->device->name);
  return page;
}

/* --chunked-prefill-size, or its default. "-1", no chunks, gives 0. */
static gboolean
chunk_size(const Resolver *r, guint32 *tokens, GError **error)
{
  const char *text = r->settings->chunked_prefill_size;
  guint64 parsed = 0;

  if (text == NULL) {
    *tokens =
        r->scenario->device != NULL ? card_class(r->scenario->device)->chunked_prefill_size : 8192;
    return TRUE;
  }
  if (!g_str_equal(text, "-1") &&
      !typed_uint(text, "--chunked-prefill-size", 1, G_MAXINT32, &parsed, error))
    return FALSE;
  *tokens = (guint32)parsed;
  return TRUE;
}

/* Replaces the notes about vLLM's defaults by SGLang's. */
static void
note_origins(const Resolver *r)
{
  static const char *const vllms[] = {"max_num_seqs",          "max_num_batched_tokens",
                                      "enable_prefix_caching", "enable_chunked_prefill",
                                      "async_scheduling",      "block_size"};
  static const char *const own[] = {"page_size", "max_prefill_tokens"};
  const Device *device = r->scenario->device;

  for (guint i = 0; i < G_N_ELEMENTS(vllms); i++)
    json_object_del(r->scenario->defaults, vllms[i]);
  for (guint i = 0; i < G_N_ELEMENTS(own); i++) {
    g_autofree char *option = g_strdelimit(g_strdup(own[i]), "_", '-');
    if (!resolver_given(r, option))
      resolver_origin(r, own[i], "sglang");
  }
  if (!resolver_given(r, "disable-radix-cache"))
    resolver_origin(r, "disable_radix_cache", "sglang");
  if (!resolver_given(r, "disable-overlap-schedule"))
    resolver_origin(r, "disable_overlap_schedule", "sglang");
  if (!resolver_given(r, "chunked-prefill-size"))
    resolver_origin(r, "chunked_prefill_size", "sglang, %s",
                    device != NULL ? device->name : "a card of 80 GiB");
}

/* With --enable-dp-attention the groups share what is typed, and less is kept free for outputs:
 * server_args.py, _handle_data_parallelism(). */
static void
share_by_groups(SchedulerConfig *c, guint32 groups)
{
  if (c->chunked_prefill_size > 0)
    c->chunked_prefill_size = MAX(c->chunked_prefill_size / groups, 1);
  c->max_num_seqs = MAX(c->max_num_seqs / groups, 1);
  c->schedule_conservativeness *= 0.3;
}

/* The time of launching kernels one by one is known for latent attention only. */
static gboolean
check_launches(const Resolver *r, GError **error)
{
  const Scenario *s = r->scenario;

  if (!r->settings->disable_piecewise_cuda_graph ||
      (s->model != NULL && model_latent_layers(s->model) > 0 && s->executor->needs_cost))
    return TRUE;
  return resolver_refuse(error, "--disable-piecewise-cuda-graph: what launching kernels one by one "
                                "takes is known of models with latent attention alone; give such "
                                "a --model, and a cost model");
}

gboolean
resolver_sglang(Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  SchedulerConfig *c = &r->scenario->config;

  if (!resolver_is_sglang(r))
    return TRUE;
  if (!check_launches(r, error))
    return FALSE;
  note_origins(r);
  c->block_size = page_size(r);
  if (r->scenario->model != NULL)
    r->pool_bytes_per_block =
        pool_block_bytes(r->scenario->model, c->block_size, r->scenario->tensor_parallel_size);
  c->max_num_seqs = (guint32)settings->max_running_requests;
  c->max_prefill_tokens = (guint32)settings->max_prefill_tokens;
  c->schedule_conservativeness = settings->schedule_conservativeness;
  c->prefix_caching = !settings->disable_radix_cache;
  c->async_scheduling = !settings->disable_overlap_schedule;
  c->mixed_chunk = settings->enable_mixed_chunk;
  c->ignore_eos = settings->ignore_eos;
  if (!chunk_size(r, &c->chunked_prefill_size, error))
    return FALSE;
  if (settings->enable_dp_attention)
    share_by_groups(c, r->scenario->data_parallel_size);
  c->chunked_prefill = c->chunked_prefill_size > 0;
  c->max_num_batched_tokens = MAX(c->chunked_prefill_size, c->max_prefill_tokens);
  return TRUE;
}

/* Mxfp4MoEMethod.create_weights: FlashInfer's kernels (B200 and its like), Triton's (Hopper; values
 * are kept in pieces of 256 inputs, as in vLLM), Marlin's. */
static ExpertPadding
expert_padding(const Device *device)
{
  static const ExpertPadding flashinfer = {256, 256, 1}, triton = {1, 32, 256},
                             marlin = {1, 128, 1};
  double capability = device->compute_capability;

  if (is_sm100(device))
    return flashinfer;
  return capability >= 9 && capability < 10 ? triton : marlin;
}

/* mamba_full_memory_ratio: states have so much for each byte of KV. */
#define STATES_FOR_KV 0.9

/* States of `state` bytes that SGLang keeps beside the KV, in a pool of their own: one for each
 * sequence that may run (in its group) without a radix cache, else a share of `bytes`, one of which
 * is padding. */
static guint32
state_slots(const Resolver *r, double bytes, double state)
{
  if (state == 0 || bytes <= 0)
    return 0;
  if (r->settings->disable_radix_cache && resolver_given(r, "max-running-requests"))
    return r->scenario->config.max_num_seqs;
  return (guint32)MAX(bytes * STATES_FOR_KV / (1 + STATES_FOR_KV) / state - 1, 0);
}

/* _calculate_mamba_ratio: a sequence's own state, those that the radix cache keeps of it, and two
 * to write by turns where the host runs ahead of the steps. */
static guint32
states_a_request(const SchedulerConfig *c)
{
  if (!c->prefix_caching)
    return 1;
  return c->async_scheduling ? 5 : 3;
}

gboolean
resolver_sglang_pool(const Resolver *r, guint32 *blocks, GError **error)
{
  Scenario *s = r->scenario;
  guint32 ranks = s->tensor_parallel_size * s->sharing_engines;
  const ExpertPadding padding = expert_padding(s->device);
  const ModelStage all = {s->model->layers, TRUE, TRUE};
  guint64 weights =
      model_rank_bytes_shared(s->model, s->tensor_parallel_size, ranks, s->expert_groups) +
      model_stage_padding_bytes(s->model, ranks, s->expert_groups, &all, &padding);
  double before = s->device->memory_bytes - (double)server_memory_before_weights(s->device, ranks);
  double state = (double)model_rank_state_bytes(s->model, s->tensor_parallel_size);
  double bytes, states;

  s->mem_fraction_static = resolver_given(r, "mem-fraction-static")
                               ? r->settings->mem_fraction_static
                               : default_mem_fraction(r);
  if (!resolver_given(r, "mem-fraction-static"))
    resolver_origin(r, "mem_fraction_static", "sglang, %s%s", s->device->name,
                    vision_share(s->model) < 1 ? ", less for images" : "");
  json_object_del(s->defaults, "gpu_memory_utilization");
  bytes = before * s->mem_fraction_static - (double)weights;
  s->state_slots = state_slots(r, bytes, state);
  states = state * (s->state_slots + 1);
  bytes -= states;
  *blocks = resolver_pool_blocks(r, bytes);
  resolver_origin(r, "max_total_tokens", "%.3g of %.2f GiB, less weights %.2f",
                  s->mem_fraction_static, before / MIB / 1024, (double)weights / MIB / 1024);
  if (states > 0)
    resolver_origin(r, "max_total_tokens",
                    "%.3g of %.2f GiB, less weights %.2f and %u recurrent states %.2f",
                    s->mem_fraction_static, before / MIB / 1024, (double)weights / MIB / 1024,
                    s->state_slots, states / MIB / 1024);
  return *blocks > 0 ||
         resolver_refuse(error,
                         "the weights leave no room for KV in %.3g of the %.1f GiB of %s: raise "
                         "--mem-fraction-static",
                         s->mem_fraction_static, s->device->memory_bytes / MIB / 1024,
                         s->device->name);
}

void
resolver_sglang_requests(Resolver *r)
{
  SchedulerConfig *c = &r->scenario->config;
  guint64 tokens = (guint64)c->num_gpu_blocks * c->block_size;
  double estimate = (double)tokens / c->max_model_len * 512;

  if (!resolver_is_sglang(r))
    return;
  if (!resolver_given(r, "max-running-requests")) {
    resolver_origin(r, "max_running_requests", "sglang, the pool and the context");
    c->max_num_seqs = (guint32)MAX(MIN(CLAMP(estimate, 2048, 4096), (double)(tokens / 2)), 1);
  }
  if (r->scenario->state_slots > 0)
    c->max_num_seqs = MIN(c->max_num_seqs, MAX(r->scenario->state_slots / states_a_request(c), 1));
}
