/* What a run that computes needs beyond a scenario: weights, token ids, a device. */
#pragma once

#include "live/executor_live.h"
#include "scenario/scenario.h"

typedef struct LiveSetup {
  const Scenario *scenario;
  const Settings *settings;
  const Workload *workload;
  WeightLayout *layout;
  WeightSource *weights;
  TokenSource *tokens;
  LiveDevice *device;
  guint32 num_host_blocks;
  gboolean is_shared;                 /* weights, layout and device are another setup's */
  const struct LiveSetup *weights_of; /* whose weights and layout are used; NULL: its own */
} LiveSetup;

/* The costs of what the settings' executor computes are those of this device's kernels; a profile of
 * others is refused when they are read. */
void live_setup_name_kernels(Settings *settings, const LiveDeviceClass *device);

/* The scenario's executor computes; all three are borrowed. gpu: the GPU's device, NULL in a
 * program that has none. weights_of: a setup of the same model and settings of weights, which
 * outlives this one and whose weights on the device are used; NULL: they are loaded. */
LiveSetup *live_setup_new(const Scenario *scenario, const Settings *settings,
                          const Workload *workload, const LiveDeviceClass *gpu,
                          const LiveSetup *weights_of, GError **error);
/* A setup for another workload, with made-up tokens, on the same device once the first has run; its
 * scenario is the setup's, with no more host blocks. */
LiveSetup *live_setup_share(const LiveSetup *setup, const Workload *workload);
void live_setup_free(LiveSetup *setup);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LiveSetup, live_setup_free)

/* A fresh executor on the setup's device; copies_ended: as of LiveExecutorConfig. */
LiveExecutor *live_setup_executor(const LiveSetup *setup, GArray *copies_ended);

/* Writes what every request got: {"id": 7, "output_token_ids": [1, 2]}, a line a request. */
gboolean live_setup_write_outputs(const LiveSetup *setup, const LiveExecutor *executor,
                                  const char *path, GError **error);
