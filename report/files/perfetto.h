/* The trace of a run (--perfetto): Chrome's trace format, which ui.perfetto.dev opens.
 *
 * A track a request (waiting, prefill, decode, preempted, swapped, recompute), lanes for the
 * device's steps and the copies, counters for KV blocks, batch and queue. Written as the run goes;
 * what is kept is one state a request. The same whether steps were taken one by one or many at
 * once.
 */
#pragma once

#include "sim/observer.h"

typedef struct Perfetto Perfetto;

/* num_gpu_blocks, num_cpu_blocks: the pools, to turn free into used. from_ps, to_ps: only what lies
 * between, slices cut. A path that ends in .gz is compressed. */
Perfetto *perfetto_open(const char *path, const Workload *workload, guint32 num_gpu_blocks,
                        guint32 num_cpu_blocks, gint64 from_ps, gint64 to_ps, GError **error);
Observer *perfetto_observer(Perfetto *perfetto);
/* After the run. FALSE if anything could not be written, at any time since it was opened. */
gboolean perfetto_close(Perfetto *perfetto, GError **error);
void perfetto_free(Perfetto *perfetto);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Perfetto, perfetto_free)
