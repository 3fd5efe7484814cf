/* The study computed: on the GPU, or on the CPU with a small model. */
#pragma once

#include "replay.h"

typedef struct {
  const char *executor;       /* "gpu", "cpu" */
  const LiveDeviceClass *gpu; /* NULL: this program has none */
  const char *folder;         /* which is there; what was measured is kept in live/ and live.db */
  double minutes;             /* after which no further setting is begun; 0: no limit */
} PosterLiveOptions;

/* Prices and runs of a setting, each kept as soon as it is measured; those that are kept already
 * are not measured again. One that fails leaves the others alone, as do Ctrl-C (which ends after
 * the setting that is under way) and the limit of time; *missing says of each what there is not,
 * and why. NULL with an error where nothing can be computed at all. */
PosterData *poster_live(const PosterSetting *setting, Shelf *shelf,
                        const PosterLiveOptions *options, GPtrArray **missing, GError **error);
