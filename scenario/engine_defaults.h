/* What an engine does where an option was not typed: by its version, and by the card.
 *
 * Read in vLLM's own EngineArgs, CacheConfig and SchedulerConfig of the published 0.8.5 to 0.33:
 * the batch sizes of `vllm serve` and of LLM() ("offline") by the card's memory, which A100 is left
 * out of since 0.9; prefix caching with the v1 engine; asynchronous scheduling since 0.14; 0.92 of
 * the memory since 0.20; the largest batches from 160 GiB since 0.28. A new version is a row in the
 * table of engine_defaults.c.
 */
#pragma once

#include <glib.h>

#include "calib/devices/device.h"

typedef struct {
  const char *scheduler; /* "vllm-v1", "vllm-0.19" … */
  const Device *device;  /* NULL: a card that is not known, which vLLM takes for a small one */
  gboolean offline;      /* LLM() in a program of its own, not a server */
} EngineSetup;

typedef struct {
  guint32 minor;    /* of the version: 19 for vLLM 0.19 */
  const char *card; /* the cards that these batch sizes are for, "" where that does not matter */
  guint32 max_num_seqs;
  guint32 max_num_batched_tokens; /* with chunked prefill */
  guint32 least_batched_tokens;   /* without it: this, or max_model_len if that is more */
  double gpu_memory_utilization;
  gboolean prefix_caching;
  gboolean async_scheduling;
} EngineDefaults;

/* x of the vLLM 0.x whose rules a scheduler has; "vllm-v1" is of August 2025, between 0.10.1 and
 * 0.10.2. "vllm", and a name without a version, is the newest that the table knows. */
guint32 engine_minor_version(const char *scheduler);

/* Sizes in tokens and sequences; a share of the card's memory. */
EngineDefaults engine_defaults_find(const EngineSetup *setup);
