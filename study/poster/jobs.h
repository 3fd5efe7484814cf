/* What the live study measures, in the order of what it is worth: what the findings need comes
 * first, so that a study that is cut short can still judge most of them.
 */
#pragma once

#include "replay.h"

typedef enum {
  POSTER_JOB_PRICE,    /* evicting and restoring, in blocks of a size */
  POSTER_JOB_PAGEABLE, /* the same with pageable host memory */
  POSTER_JOB_SHARE,    /* the burst with a share of memory */
  POSTER_JOB_SIZE,     /* the burst in blocks of a size */
  POSTER_JOB_ALL,      /* the burst with memory for all of it */
} PosterJobKind;

typedef struct {
  PosterJobKind kind;
  guint at; /* index of a block size or of a share */
  PosterPolicy policy;
} PosterJob;

/* Of PosterJob, the caller's. */
GArray *poster_jobs(const PosterData *data);

gboolean poster_job_is_price(const PosterJob *job);
/* Of one that is a run. */
PosterReplay poster_job_replay(const PosterJob *job);
/* "swap-12-percent": a file's name, and for people. The caller frees. */
char *poster_job_name(const PosterJob *job);
