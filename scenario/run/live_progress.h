/* A line on standard error, where that is a terminal, with the progress of a run that computes:
 * throughput, KV in use, queues. An observer. */
#pragma once

#include "sim/observer.h"

typedef struct LiveProgress LiveProgress;

LiveProgress *live_progress_new(guint32 requests, guint32 num_gpu_blocks, guint32 num_cpu_blocks);
Observer *live_progress_observer(LiveProgress *progress);
void live_progress_free(LiveProgress *progress);
