/* The pools of the CPU as a device, and the copies between them: a pool that stands for the
 * device's, another for the host's, and a disk's file.
 *
 * Pools start as NaN, so that reading what was never written shows. Every block that is copied out
 * has a checksum of what attention reads from the device's pool, which is compared when the block
 * is back: it finds a piece that was not copied and a block that was overwritten on the host. A job
 * beside the steps leaves NaN where it writes until it has ended, and what it reads must not change
 * meanwhile.
 */
#pragma once

#include "device.h"

typedef struct CpuCopies CpuCopies;

/* NULL and an error where there is no memory for a pool, or no file for the disk. The geometry is
 * borrowed, and has a valid layout (kv_geometry_layout()). */
CpuCopies *cpu_copies_new(const DeviceSetup *setup, const KvGeometry *geometry, GError **error);
void cpu_copies_free(CpuCopies *copies);
/* The device's pool. */
char *cpu_copies_pool(const CpuCopies *copies);

/* The step's copies (of BlockCopy), before its rows. FALSE if a block came back changed. */
void cpu_copies_out(CpuCopies *copies, const GArray *list);
gboolean cpu_copies_in(CpuCopies *copies, const GArray *list, GError **error);

/* The same layer by layer, in their order, each before the step writes or reads KV of that layer.
 * What is to come in holds NaN until it does. Of pools KV_BY_LAYER. */
void cpu_copies_begin_layers(CpuCopies *copies, const StepPlan *plan);
void cpu_copies_layer_out(CpuCopies *copies, const StepPlan *plan, guint32 layer);
gboolean cpu_copies_layer_in(CpuCopies *copies, const StepPlan *plan, guint32 layer,
                             GError **error);

/* Copies beside the steps: begin_copies and end_copies of LiveDeviceClass. */
gboolean cpu_copies_begin(CpuCopies *copies, const StepPlan *plan, gint64 now_ps, GError **error);
gboolean cpu_copies_end(CpuCopies *copies, gint64 now_ps, gboolean waits, CopiesEnded *ended,
                        GError **error);
