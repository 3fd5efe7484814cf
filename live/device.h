/* The device that a live executor computes on: it has weights, a KV pool of its own and a separate
 * one on the host, and runs plans. Two implementations: the CPU's references (device_cpu.c) and
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
  LIVE_ERROR_MEMORY, /* of the device or the host: the message says how much was asked for */
  LIVE_ERROR_DEVICE, /* lost, or a kernel failed */
  LIVE_ERROR_COPY,   /* a swapped block came back changed */
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
  LiveDevice *weights_of; /* of the same class and model: its weights are used, and it outlives this
                             one; NULL: they are read from the source */
  guint32 block_size;
  guint32 num_device_blocks;
  guint32 num_host_blocks;
  guint32 max_rows;      /* of a plan */
  guint32 max_sequences; /* of a plan */
  guint32 max_model_len; /* positions that occur */
  KvForm kv_form;
  CopyMethod copy_method; /* of a GPU: the others copy alike */
  gboolean pageable_host;
  gboolean overlap_within_step; /* copies beside the layers of their step, where order allows; a CPU
                                   makes each layer's before its KV is touched */
  gboolean copies_beside;  /* there are copies beside the steps, and with them: */
  guint32 num_disk_blocks;
  guint32 num_through_blocks; /* of the host, behind its pool: planner_through_blocks() */
  gint64 copy_ns;          /* of the CPU's copies beside the steps: of a block; 0: what it takes */
  SamplingParams sampling;
} DeviceSetup;

/* What a step took. The components add up to total_ns, or to less where the rest is not told
 * apart. */
typedef struct {
  gint64 total_ns;
  gint64 first_time_ns; /* beside it: what is done once, when a size comes for the first time */
  gint64 component_ns[COST_COMPONENTS];
} DeviceTimes;

typedef struct {
  const char *name;
  clockid_t clock; /* of its times */
  /* FALSE where this machine has no such device: asked before anything else. NULL: every machine
   * has. */
  gboolean (*probe)(GError **error);
  /* Of kernels whose times differ, those that it runs, as profiles name them
   * (calib/profile_kernels.h); the caller frees. NULL: it has but one kind. */
  char *(*kernels)(void);
  LiveDevice *(*open)(const DeviceSetup *setup, GError **error);
  /* Runs the plan to its end; a token for each of its samples. A plan larger than the setup says
   * is refused. */
  gboolean (*run)(LiveDevice *self, const StepPlan *plan, gint32 *sampled, DeviceTimes *times,
                  GError **error);
  /* The plan's jobs begin, at now_ps by the run's clock, before its rows do. *beside_ns: what of the
   * device's clock is theirs, and not the step's. */
  gboolean (*begin_copies)(LiveDevice *self, const StepPlan *plan, gint64 now_ps,
                           gint64 *beside_ns, GError **error);
  /* As of ExecutorClass. */
  gboolean (*end_copies)(LiveDevice *self, gint64 now_ps, gboolean waits, CopiesEnded *ended,
                         GError **error);
  /* What the last run's tokens were sampled from, [samples][vocab], for tests: `logits` is of float
   * and resized. FALSE if the device failed. */
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
