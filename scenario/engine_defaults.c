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

EngineDefaults
engine_defaults_find(const EngineSetup *setup)
{
  EngineDefaults found = {
      .card = "",
      .max_num_seqs = V0_SEQS,
      .max_num_batched_tokens = V0_CHUNK_TOKENS,
      .least_batched_tokens = V0_TOKENS,
      .gpu_memory_utilization = setup->scheduler->version >= 20 ? 0.92 : 0.9,
      .block_size = BLOCK_TOKENS,
      .serves_unstretched = setup->scheduler->version >= 12,
  };

  if (setup->scheduler->version > 0)
    find_batch(setup, &found);
  if (setup->scheduler->features & SCHEDULER_HAS_CAPACITY_POLICY) {
    found.max_num_seqs = TRTLLM_SEQS;
    found.max_num_batched_tokens = found.least_batched_tokens = TRTLLM_TOKENS;
    found.block_size = TRTLLM_BLOCK_TOKENS;
  }
  return found;
}

guint32
engine_defaults_budget(const EngineDefaults *defaults, gboolean chunked_prefill,
                       guint32 max_num_seqs, guint32 max_model_len)
{
  if (!chunked_prefill)
    return MAX(defaults->least_batched_tokens, max_model_len);
  return (guint32)MIN(defaults->max_num_batched_tokens, (guint64)max_num_seqs * max_model_len);
}
