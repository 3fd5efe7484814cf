/* The device that a live executor computes on: it has weights, a KV pool and a separate pool on the
 * host, and runs plans. Two implementations: the CPU with the reference kernels (device_cpu.c) and
 * CUDA (device_gpu.c).
 */
#pragma once

#include <time.h>

#include "kernels/sampling.h"
#include "kv_geometry.h"
#include "sim/executor.h"
#include "step_plan.h"
#include "live/weights/weights.h"

#define LIVE_ERROR (live_error_quark())
GQuark live_error_quark(void);

typedef enum {
  LIVE_ERROR_MEMORY, /* of the device or the host; the message says how much was asked for */
  LIVE_ERROR_DEVICE, /* lost, or a kernel failed */
  LIVE_ERROR_COPY,   /* a swapped block came back changed, or the disk's file failed */
  LIVE_ERROR_SHAPE,  /* this model cannot be run on this device */
} LiveError;

typedef struct LiveDevice LiveDevice;

/* How a GPU copies the pieces of blocks. */
typedef enum {
  COPY_METHOD_PIECES, /* a copy a piece */
  COPY_METHOD_BATCH,  /* all in one submission */
  COPY_METHOD_KERNEL, /* a kernel that gathers and scatters through pinned memory */
} CopyMethod;

/* All borrowed for the device's life. */
typedef struct {
  const DecoderConfig *decoder;
  const WeightLayout *layout;
  WeightSource *weights;
  LiveDevice *weights_of; /* a device of the same class and model, which outlives this one and whose
                             weights are used; NULL: they are read from the source */
  guint32 block_size;
  guint32 num_device_blocks;
  guint32 num_host_blocks;
  guint32 max_rows;      /* of a plan */
  guint32 max_sequences; /* of a plan */
  guint32 max_model_len; /* positions are below it */
  KvForm kv_form;
  CopyMethod copy_method; /* of a GPU; the CPU has one way only */
  gboolean pageable_host;
  gboolean overlap_within_step; /* copies beside the layers of their step, where order allows; a CPU
                                   makes each layer's before its KV is touched */
  gboolean copies_beside;       /* there are copies beside the steps; the next three are theirs */
  guint32 num_disk_blocks;
  guint32 num_through_blocks; /* of the host, behind its pool: planner_through_blocks() */
  gint64 copy_ns; /* of the CPU: time of a block's copy beside the steps; 0: what it takes */
  SamplingParams sampling;
} DeviceSetup;

/* What a step took. The components add up to total_ns, or to less where the rest cannot be
 * attributed. */
typedef struct {
  gint64 total_ns;
  gint64 first_time_ns; /* not in total_ns: work done once, when a size comes for the first time */
  gint64 component_ns[COST_COMPONENTS];
} DeviceTimes;

typedef struct {
  const char *name;
  clockid_t clock; /* of its times */
  /* Called before anything else: FALSE and an error where this machine has no such device. NULL:
   * every machine has one. */
  gboolean (*probe)(GError **error);
  /* The kind of kernels that it runs, as profiles name it (calib/profile_kernels.h); the caller
   * frees. NULL: it has one kind only. */
  char *(*kernels)(void);
  LiveDevice *(*open)(const DeviceSetup *setup, GError **error);
  /* Runs the plan to its end and writes a token for each of its samples. FALSE and an error on a
   * plan larger than the setup's limits. */
  gboolean (*run)(LiveDevice *self, const StepPlan *plan, gint32 *sampled, DeviceTimes *times,
                  GError **error);
  /* Begins the plan's jobs, at now_ps by the run's clock; called before run(). *beside_ns: the time
   * by the device's clock that this took, which is no part of the step's. */
  gboolean (*begin_copies)(LiveDevice *self, const StepPlan *plan, gint64 now_ps, gint64 *beside_ns,
                           GError **error);
  /* end_copies of ExecutorClass (sim/executor.h). */
  gboolean (*end_copies)(LiveDevice *self, gint64 now_ps, gboolean waits, CopiesEnded *ended,
                         GError **error);
  /* For tests: copies the logits of the last run, [samples][vocab]; `logits` (of float) is resized.
   * FALSE if the device failed. */
  gboolean (*logits)(LiveDevice *self, GArray *logits);
  void (*close)(LiveDevice *self);
} LiveDeviceClass;

struct LiveDevice {
  const LiveDeviceClass *class;
};

extern const LiveDeviceClass live_device_cpu;
extern const LiveDeviceClass live_device_gpu; /* of spillway-gpu only */

static inline void
live_device_close(LiveDevice *device)
{
  if (device != NULL)
    device->class->close(device);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LiveDevice, live_device_close)
