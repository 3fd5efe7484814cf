/* What an engine does where an option was not typed: by its version, and by the card.
 *
 * Read in vLLM's own EngineArgs, CacheConfig and SchedulerConfig of 0.8.5 to 0.32: the batch sizes
 * of `vllm serve` and of LLM() ("offline") by the card's memory, which A100 is left out of since
 * 0.9, the largest from 160 GiB since 0.28; 0.92 of the memory since 0.20; the context of LongRoPE
 * since 0.11.1 (pull request 27431), here from 0.12 on, as 0.11.0 has it not. Which switches are on
 * is the scheduler's (SchedulerFeatures). A new version of these rules is a row in the table of
 * engine_defaults.c.
 */
#pragma once

#include <glib.h>

#include "calib/devices/device.h"
#include "sim/scheduler.h"

typedef struct {
  const SchedulerClass *scheduler;
  const Device *device; /* NULL: a card that is not known, which vLLM takes for a small one */
  gboolean offline;     /* LLM() in a program of its own, not a server */
} EngineSetup;

typedef struct {
  const char *card; /* the cards that these batch sizes are for, "" where that does not matter */
  guint32 max_num_seqs;
  guint32 max_num_batched_tokens; /* with chunked prefill */
  guint32 least_batched_tokens;   /* without it: this, or max_model_len if that is more */
  double gpu_memory_utilization;
  guint32 block_size;
  gboolean serves_unstretched; /* of LongRoPE, the length before it is stretched */
} EngineDefaults;

/* Sizes in tokens and sequences; a share of the card's memory. */
EngineDefaults engine_defaults_find(const EngineSetup *setup);
