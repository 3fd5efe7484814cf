/* The pools of the CPU as a device, and the copies between them: the "device's", a really separate
 * "host's", and a disk's file.
 *
 * Pools start as NaN, so that what was never written and is read shows. Every block that is copied
 * out has a checksum, read from the device's pool as attention sees it, and is checked when it is
 * back: a piece that a copy forgot, or a block that was overwritten on the host, is told. Beside the
 * steps what a job is to write holds NaN until it has ended, and what it reads must be the same at
 * its end as at its beginning.
 */
#pragma once

#include "device.h"

typedef struct CpuCopies CpuCopies;

/* FALSE where the model's blocks cannot be copied, or a pool would not fit. setup: borrowed. */
CpuCopies *cpu_copies_new(const DeviceSetup *setup, const KvGeometry *geometry, GError **error);
void cpu_copies_free(CpuCopies *copies);
/* The device's pool. */
char *cpu_copies_pool(const CpuCopies *copies);

/* The step's copies, before its rows. */
void cpu_copies_out(CpuCopies *copies, const GArray *list);
gboolean cpu_copies_in(CpuCopies *copies, const GArray *list, GError **error);

/* The same layer by layer, in their order, each before the step writes or reads KV of that layer.
 * What is to come in holds NaN until it does. Of pools KV_BY_LAYER. */
void cpu_copies_begin_layers(CpuCopies *copies, const StepPlan *plan);
void cpu_copies_layer_out(CpuCopies *copies, const StepPlan *plan, guint32 layer);
gboolean cpu_copies_layer_in(CpuCopies *copies, const StepPlan *plan, guint32 layer,
                             GError **error);

/* Beside the steps: as of LiveDeviceClass. */
gboolean cpu_copies_begin(CpuCopies *copies, const StepPlan *plan, gint64 now_ps, GError **error);
gboolean cpu_copies_end(CpuCopies *copies, gint64 now_ps, gboolean waits, CopiesEnded *ended,
                        GError **error);
