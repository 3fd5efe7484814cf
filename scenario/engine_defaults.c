/* The tables of vLLM's defaults by version, and TensorRT-LLM's. */
#include "engine_defaults.h"

#include <string.h>

#define GIB (1024.0 * 1024 * 1024)
/* vLLM 0.x before these: DEFAULT_MAX_NUM_SEQS, and a budget of max(max_model_len, 2048) tokens, or
 * 512 with chunked prefill. */
#define V0_SEQS 256
#define V0_CHUNK_TOKENS 512
#define V0_TOKENS 2048
#define BLOCK_TOKENS 16
/* Since when the backend says which blocks it prefers, and blocks that kernels want. */
#define PREFERS_SINCE 18
/* Since when a multiple of what a kernel wants is left as it is typed. */
#define MULTIPLES_SINCE 12
#define FLASHMLA_TOKENS 64
#define CUTLASS_TOKENS 128
#define FLASHINFER_TOKENS 64
#define FLASHINFER_LEAST_TOKENS 32
#define INDEXER_TOKENS 64
/* TensorRT-LLM's llm_args.py: max_batch_size, max_num_tokens, KvCacheConfig.tokens_per_block. */
#define TRTLLM_SEQS 2048
#define TRTLLM_TOKENS 8192
#define TRTLLM_BLOCK_TOKENS 32

/* Batch sizes by card: the first row that applies. */
static const struct {
  guint32 since, until; /* versions, as SchedulerClass has them, both included */
  double card_gib;      /* of memory, at least */
  gboolean not_a100;
  const char *card;
  guint32 serve_tokens, offline_tokens, seqs;
} batches[] = {
    {28, G_MAXUINT32, 160, FALSE, "cards of 160 GiB and more", 16384, 16384, 1024},
    {9, G_MAXUINT32, 70, TRUE, "cards of 70 GiB and more but the A100", 8192, 16384, 1024},
    {8, 8, 70, FALSE, "cards of 70 GiB and more", 8192, 16384, 1024},
    {8, 8, 0, FALSE, "cards below 70 GiB and unknown ones", 2048, 8192, 256},
    {9, G_MAXUINT32, 0, FALSE, "cards below 70 GiB, A100s and unknown ones", 2048, 8192, 256},
};

/* vLLM looks for "a100" in the driver's name of the card. */
static gboolean
is_a100(const Device *device)
{
  g_autofree char *lower = g_ascii_strdown(device->title, -1);

  return strstr(lower, "a100") != NULL;
}

static void
find_batch(const EngineSetup *setup, EngineDefaults *found)
{
  guint32 version = setup->scheduler->version;
  double gib = setup->device != NULL ? setup->device->memory_bytes / GIB : 0;
  guint i = 0;

  while (version < batches[i].since || version > batches[i].until || gib < batches[i].card_gib ||
         (batches[i].not_a100 && is_a100(setup->device)))
    i++;
  found->card = batches[i].card;
  found->max_num_seqs = batches[i].seqs;
  found->max_num_batched_tokens = found->least_batched_tokens =
      setup->offline ? batches[i].offline_tokens : batches[i].serve_tokens;
}

/* The first layer of latent attention; NULL: there is none. */
static const Mixer *
latent_mixer(const Model *model)
{
  for (guint i = 0; model != NULL && i < model->n_kinds; i++)
    if (model->kinds[i].mixer.latent_dim > 0)
      return &model->kinds[i].mixer;
  return NULL;
}

/* From 0.18 on: Hopper has FlashAttention's kernel, which wants KV of 16 bits, or FlashMLA's;
 * Blackwell FlashInfer's, then CUTLASS's; whatever these do not take, and other cards, Triton's. */
static guint32
preferred_block(const Mixer *mixer, guint32 kv_bits, guint32 version, guint capability)
{
  guint32 width = mixer->latent_dim + mixer->rope_dim, head = mixer->head_dim - mixer->rope_dim;

  if (width != 576 && width != 320)
    return BLOCK_TOKENS;
  if (capability == 9)
    return kv_bits > 8 ? BLOCK_TOKENS : FLASHMLA_TOKENS;
  if (capability == 10)
    return head == 64 || head == 128 || (head == 192 && version >= 19) ? FLASHINFER_LEAST_TOKENS
                                                                       : CUTLASS_TOKENS;
  return BLOCK_TOKENS;
}

/* Before: the platform forces the blocks of FlashMLA on Hopper, and on Blackwell from 0.10 on those
 * of CUTLASS's kernel, from 0.15 on of FlashInfer's where that takes the heads. Until 0.12 only the
 * B200 was Blackwell to it, not the B300. */
static guint32
forced_block(const Mixer *mixer, guint32 version, double capability)
{
  if ((guint)capability == 9)
    return version >= 8 ? FLASHMLA_TOKENS : BLOCK_TOKENS;
  if ((guint)capability != 10 || version < 10 || (version < 13 && capability > 10))
    return BLOCK_TOKENS;
  return version >= 15 && mixer->head_dim - mixer->rope_dim == 128 ? FLASHINFER_TOKENS
                                                                   : CUTLASS_TOKENS;
}

/* Of what is not typed. Sparse attention's indexer has one size on all of NVIDIA's cards. */
static guint32
default_block(const EngineSetup *setup)
{
  const Mixer *mixer = latent_mixer(setup->model);
  guint32 version = setup->scheduler->version;
  double capability = device_compute_capability(setup->device);

  if (mixer == NULL || capability == 0)
    return BLOCK_TOKENS;
  if (mixer->kind == MIXER_SPARSE)
    return version >= 11 ? INDEXER_TOKENS : BLOCK_TOKENS;
  return version >= PREFERS_SINCE
             ? preferred_block(mixer, setup->model->kv_bits, version, (guint)capability)
             : forced_block(mixer, version, capability);
}

/* Whether a server that wants blocks of `block` tokens, more than usual, leaves a typed size alone.
 * Until 0.11 it has to be that very size, and always with sparse attention; then a multiple will
 * do, and of FlashInfer's, which are of 64 tokens up to 0.17, 32, too. */
static gboolean
takes_typed(const EngineSetup *setup, guint32 typed, guint32 block)
{
  guint32 version = setup->scheduler->version;
  guint major = (guint)device_compute_capability(setup->device);

  if (version < MULTIPLES_SINCE || latent_mixer(setup->model)->kind == MIXER_SPARSE)
    return typed == block;
  return typed % block == 0 ||
         (major == 10 && block == FLASHINFER_TOKENS && typed == FLASHINFER_LEAST_TOKENS);
}

/* The typed size, or the engine's; where that replaces what is typed, both are told. */
static void
find_block(const EngineSetup *setup, EngineDefaults *found)
{
  guint32 block = default_block(setup), typed = setup->block_size;
  gboolean forces = setup->scheduler->version < PREFERS_SINCE && block > BLOCK_TOKENS;

  found->block_size = block;
  if (typed > 0 && forces && !takes_typed(setup, typed, block))
    found->replaced_block = typed;
  else if (typed > 0)
    found->block_size = typed;
}

/* TensorRT-LLM's: py_executor_creator.py sets FlashMLA's blocks where ModelConfig.enable_flash_mla,
 * whatever is typed. */
static void
find_trtllm_block(const EngineSetup *setup, EngineDefaults *found)
{
  const Mixer *mixer = latent_mixer(setup->model);
  gboolean flash_mla = mixer != NULL && mixer->latent_dim + mixer->rope_dim == 576 &&
                       device_compute_capability(setup->device) == 9;
  guint32 typed = setup->block_size;

  found->replaced_block = flash_mla && typed > 0 && typed != FLASHMLA_TOKENS ? typed : 0;
  found->block_size = flash_mla ? FLASHMLA_TOKENS : typed > 0 ? typed : TRTLLM_BLOCK_TOKENS;
}

/* Of the same file: where it turns enable_block_reuse and enable_chunked_context off with latent
 * attention. A card without CUDA, or none that is known, is not asked. */
static gboolean
lacks_cached_context(const EngineSetup *setup)
{
  static const double with[] = {9.0, 10.0, 10.3, 12.0};
  double capability = device_compute_capability(setup->device);

  if (latent_mixer(setup->model) == NULL || capability == 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(with); i++)
    if (capability == with[i])
      return FALSE;
  return TRUE;
}

EngineDefaults
engine_defaults_find(const EngineSetup *setup)
{
  EngineDefaults found = {
      .card = "",
      .max_num_seqs = V0_SEQS,
      .max_num_batched_tokens = V0_CHUNK_TOKENS,
      .least_batched_tokens = V0_TOKENS,
      .gpu_memory_utilization = setup->scheduler->version >= 20 ? 0.92 : 0.9,
      .serves_unstretched = setup->scheduler->version >= 12,
  };

  find_block(setup, &found);
  if (setup->scheduler->version > 0)
    find_batch(setup, &found);
  if (setup->scheduler->features & SCHEDULER_HAS_CAPACITY_POLICY) {
    found.max_num_seqs = TRTLLM_SEQS;
    found.max_num_batched_tokens = TRTLLM_TOKENS;
    found.least_batched_tokens = 0;
    find_trtllm_block(setup, &found);
    found.lacks_cached_context = lacks_cached_context(setup);
  }
  found.state_alignment =
      state_kernels_find(setup->model, found.block_size, setup->scheduler->version,
                         device_compute_capability(setup->device))
          .alignment;
  return found;
}

guint32
engine_defaults_budget(const EngineDefaults *defaults, gboolean chunked_prefill,
                       guint32 max_num_seqs, guint32 max_model_len)
{
  if (defaults->least_batched_tokens == 0)
    return defaults->max_num_batched_tokens;
  if (!chunked_prefill)
    return MAX(defaults->least_batched_tokens, max_model_len);
  return (guint32)MIN(defaults->max_num_batched_tokens, (guint64)max_num_seqs * max_model_len);
}
