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
  const struct LiveSetup *weights_of; /* the setup with the weights and layout; NULL: this one */
} LiveSetup;

/* Sets settings->kernels to the kind that the settings' executor computes with, so that a profile
 * of other kernels is refused when costs are read. */
void live_setup_name_kernels(Settings *settings, const LiveDeviceClass *device);

/* For a scenario whose executor computes; everything is borrowed. gpu: NULL in a program without a
 * GPU's kernels. weights_of: a setup with the same model and weights, which must outlive this one
 * and lends its weights on the device; NULL: they are loaded. NULL with an error if something is
 * missing or does not fit. */
LiveSetup *live_setup_new(const Scenario *scenario, const Settings *settings,
                          const Workload *workload, const LiveDeviceClass *gpu,
                          const LiveSetup *weights_of, GError **error);
/* A setup for another workload, with made-up tokens, on the same device after the first has run.
 * The scenario is the same; host blocks are at most as many. */
LiveSetup *live_setup_share(const LiveSetup *setup, const Workload *workload);
void live_setup_free(LiveSetup *setup);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LiveSetup, live_setup_free)

/* A new executor on the setup's device; copies_ended: as in LiveExecutorConfig. */
LiveExecutor *live_setup_executor(const LiveSetup *setup, GArray *copies_ended);

/* Writes a line for each request: {"id": 7, "output_token_ids": [1, 2]}. */
gboolean live_setup_write_outputs(const LiveSetup *setup, const LiveExecutor *executor,
                                  const char *path, GError **error);
