/* An engine's defaults for options that were not typed, by its version and by the card.
 *
 * Source: EngineArgs, CacheConfig and SchedulerConfig of vLLM 0.8.5 to 0.32.
 *   - Batch sizes depend on the card's memory, and differ between `vllm serve` and LLM()
 *     ("offline"). From 0.9 on an A100 has those of a small card; from 0.28 on cards of 160 GiB and
 *     more have the largest.
 *   - The share of the memory is 0.92 from 0.20 on.
 *   - The context of LongRoPE is the unstretched one from 0.11.1 on (pull request 27431); here from
 *     0.12 on, since 0.11.0 does not have it.
 *   - Blocks are of 16 tokens, but where the kernels of latent attention want others (platforms/
 *     cuda.py up to 0.17; since, get_preferred_block_size() of the backend that the card, the head
 *     and the type of the KV lead to). Up to 0.17 these replace what is typed, too: up to 0.11.0,
 * and with sparse attention up to 0.17, all other sizes; from 0.11.1 on, here from 0.12 on, those
 * that are no multiples (check_and_update_config()).
 *   - Beside recurrent states a block is a multiple of so many tokens (state_kernels_find()).
 * SchedulerFeatures says which switches are on by default. New rules are a row of the table in
 * engine_defaults.c, or a line of its functions of blocks.
 */
#pragma once

#include <glib.h>

#include "calib/devices/device.h"
#include "sim/model.h"
#include "sim/scheduler.h"

typedef struct {
  const SchedulerClass *scheduler;
  const Device *device; /* NULL: an unknown card, which vLLM treats as a small one */
  gboolean offline;     /* LLM() in a program of its own, not a server */
  const Model *model;   /* NULL: none is known */
  guint32 block_size;   /* as typed; 0: it is not */
} EngineSetup;

typedef struct {
  const char *card; /* the cards that these batch sizes are for, "" where that does not matter */
  guint32 max_num_seqs;
  guint32 max_num_batched_tokens; /* with chunked prefill */
  guint32 least_batched_tokens;   /* without it: this, or max_model_len if that is more; 0: it
                                     is the same, whatever the lengths */
  double gpu_memory_utilization;
  guint32 block_size;      /* tokens; what is typed, if the engine takes it */
  guint32 replaced_block;  /* what is typed and is replaced by block_size; 0: nothing */
  guint32 state_alignment; /* tokens; Model has it, too */
  /* TensorRT-LLM's kernels of latent attention on this card read no KV from before the step: it
   * neither reuses blocks nor cuts prompts, whatever is typed. */
  gboolean lacks_cached_context;
  gboolean serves_unstretched; /* of LongRoPE, the length before it is stretched */
} EngineDefaults;

/* Sizes in tokens and sequences; a share of the card's memory. */
EngineDefaults engine_defaults_find(const EngineSetup *setup);
/* The default token budget of a step. Where prompts are not split it is a whole one; else at most
 * all sequences at their longest. */
guint32 engine_defaults_budget(const EngineDefaults *defaults, gboolean chunked_prefill,
                               guint32 max_num_seqs, guint32 max_model_len);
