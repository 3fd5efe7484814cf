/* A run of the burst: under a policy, with a share of memory, in blocks of a size; simulated, or
 * computed.
 */
#pragma once

#include "poster.h"

typedef struct {
  PosterPolicy policy;
  guint32 percent; /* 0: memory for all requests at once */
  guint32 block_size;
  const char *swap_gib; /* of host memory */
} PosterReplay;

/* More than all requests' KV: nothing is refused for want of host memory. */
#define POSTER_AMPLE_GIB "64"

/* Where runs are computed. All borrowed. */
typedef struct {
  const char *executor;       /* "gpu", "cpu" */
  const LiveDeviceClass *gpu; /* NULL: this program has none */
  const LiveSetup *weights; /* that has the model's weights on the device; NULL: each loads them */
  Results *results;         /* where runs are kept */
} PosterCompute;

double poster_share_bytes(const PosterData *data, guint32 percent);
/* FALSE where the pool would not hold one request of the burst. */
gboolean poster_replay_fits(const PosterData *data, const PosterReplay *replay, GError **error);

Workload *poster_burst_new(const PosterBurst *burst);
/* What a run of the study gives to options of `run`. */
Settings *poster_settings(const PosterData *data, const PosterReplay *replay);

/* Prints nothing: how it ended is in the run. compute: NULL, it is simulated; unlimited, timeline:
 * NULL, not wanted. FALSE where there was no such run, or the device failed. */
gboolean poster_replay(PosterData *data, const PosterReplay *replay, const Workload *workload,
                       const PosterCompute *compute, Unlimited *unlimited,
                       PosterTimeline **timeline, PosterRun *run, GError **error);
