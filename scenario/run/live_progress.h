/* A line on standard error that tells how a run that computes goes on: throughput, KV in use,
 * queues. Only where that is a terminal. An observer like any other. */
#pragma once

#include "sim/observer.h"

typedef struct LiveProgress LiveProgress;

LiveProgress *live_progress_new(guint32 requests, guint32 num_gpu_blocks, guint32 num_cpu_blocks);
Observer *live_progress_observer(LiveProgress *progress);
void live_progress_free(LiveProgress *progress);
