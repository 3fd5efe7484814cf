/* The parts of `spillway study poster`: a setting is measured, its findings are judged, and both
 * are written down.
 *
 *   poster.c           the verb                                 -> Poster
 *   poster_measure.c   prices evictions and replays the burst        PosterSetting -> PosterData
 *   poster_judge.c     findings F1 to F9, from the numbers alone     PosterData -> PosterFinding
 *   poster_data.c      the numbers as CSV                            a file a figure
 *   poster_figures.c   gnuplot scripts, and gnuplot run on them
 *   poster_text.c      findings.md;  poster_json.c  findings.json
 */
#pragma once

#include <jansson.h>

#include "calib/crossover.h"
#include "calib/roofline.h"
#include "execute.h"
#include "poster_timeline.h"
#include "shelf.h"

enum {
  POSTER_BLOCK_SIZES = 9, /* 1 to 256 */
  POSTER_LENGTHS = 8,     /* 256 to 32k tokens */
  POSTER_SHARES = 10,     /* of 40 GB */
  POSTER_REPLAY_SIZES = 6,
  POSTER_POLICIES = 2,
  POSTER_FINDINGS = 9,
};

typedef enum { POSTER_RECOMPUTE, POSTER_SWAP } PosterPolicy;

extern const guint32 poster_block_sizes[POSTER_BLOCK_SIZES];
extern const guint32 poster_lengths[POSTER_LENGTHS];
extern const guint32 poster_percents[POSTER_SHARES];
extern const guint32 poster_replay_sizes[POSTER_REPLAY_SIZES]; /* block sizes that are replayed */
extern const char *const poster_policy_names[POSTER_POLICIES];

#define POSTER_BLOCK_SIZE 16 /* vLLM's default, in all that does not vary it */
#define POSTER_TIMELINE_PERCENT 12

/* What may differ from the study. NULL or FALSE: as it was. */
typedef struct {
  const char *title;
  const char *device;
  const char *model;
  const char *scheduler;
  gboolean chunked;
  const char *copy_path;
  const char *what_if;
} PosterSetting;

/* A run of the burst. */
typedef struct {
  guint32 num_gpu_blocks;
  RunEnd end;
  gint64 makespan_ps, recompute_ps, copy_ps;
  gint64 lost_ps; /* against unlimited memory; -1: not known */
  guint64 preemptions, fallbacks, finished;
} PosterRun;

typedef struct {
  PosterSetting setting;
  Shelf *shelf; /* borrowed: profiles, each read once */
  char *device_title;
  char *profile; /* NULL: the device's roofline is the cost */
  char *digest;  /* of what the costs come from */
  double measured_share;
  guint32 unfit_percent; /* the least share that weights leave no room for; 0: all fit */
  guint32 longest;       /* lengths that the model's context holds */
  /* Of evicting and restoring: [block size][length], with pinned and with pageable host memory. */
  CrossoverCost pinned[POSTER_BLOCK_SIZES][POSTER_LENGTHS];
  CrossoverCost pageable[POSTER_BLOCK_SIZES][POSTER_LENGTHS];
  GArray *crossings[POSTER_BLOCK_SIZES]; /* of CrossoverPoint, pinned */
  PosterRun runs[POSTER_SHARES][POSTER_POLICIES];
  PosterRun small_host[POSTER_SHARES];                     /* swap with 4 GiB */
  PosterRun by_size[POSTER_REPLAY_SIZES][POSTER_POLICIES]; /* at POSTER_TIMELINE_PERCENT */
  PosterTimeline *timelines[POSTER_POLICIES];              /* likewise */
} PosterData;

/* The shelf outlives the data. NULL with an error where the device or the model cannot be had, or
 * the pool has no room. */
PosterData *poster_measure(const PosterSetting *setting, Shelf *shelf, GError **error);
void poster_data_free(PosterData *data);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PosterData, poster_data_free)

gint64 poster_swap_ps(const CrossoverCost *cost);
/* Device time that the evictions took: computing again, and copies. */
gint64 poster_overhead_ps(const PosterRun *run);

typedef enum { POSTER_HOLDS, POSTER_DOES_NOT_HOLD, POSTER_CANNOT_BE_TOLD } PosterVerdict;
const char *poster_verdict_name(PosterVerdict verdict);

typedef struct {
  const char *id;      /* "F1" */
  guint figure;        /* of the poster */
  const char *claim;   /* what the poster says */
  const char *depends; /* the setting that the verdict depends on */
  PosterVerdict verdict;
  char *numbers; /* sentences */
} PosterFinding;

/* The nine findings, judged; for poster_findings_free(). */
PosterFinding *poster_judge(const PosterData *data);
void poster_findings_free(PosterFinding *findings);

/* The whole study: what was asked for, the engines of its time, and what has changed since. */
typedef struct {
  Shelf *shelf;
  PosterData *study;
  PosterFinding *findings;
  GPtrArray *engines; /* of PosterData: other schedulers of the time */
  GPtrArray *changes; /* of PosterData: copy paths, models and devices of today */
} Poster;

/* Writes figure2.csv … figure5.csv, engines.csv and changes.csv into the folder. */
gboolean poster_write_data(const Poster *poster, const char *folder, GError **error);
/* Writes figure2.gp … and draws them as SVG and PNG. */
gboolean poster_draw(const Poster *poster, const char *folder, GError **error);
char *poster_markdown(const Poster *poster);
json_t *poster_json(const Poster *poster);
/* A line a finding, for the terminal. */
char *poster_summary(const Poster *poster);
