/* The parts of `spillway study poster`: a setting is measured, its findings are judged, and both
 * are written down.
 *
 *   measure.c   prices evictions and replays the burst        PosterSetting -> PosterData
 *   replay.c    a run of the burst
 *   live.c      the same where they are computed (jobs.c, probe.c, store.c)
 *   variants.c  the settings beside the study
 *   judge.c     findings F1 to F9, from the numbers alone     PosterData -> PosterFinding
 *   data.c      the numbers as CSV                            a file a figure
 *   figures.c   gnuplot scripts, and gnuplot run on them
 *   text.c      findings.md;  json.c  findings.json
 */
#pragma once

#include <jansson.h>

#include "calib/cost/crossover.h"
#include "calib/cost/roofline.h"
#include "scenario/run/execute.h"
#include "timeline.h"
#include "scenario/shelf.h"

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
#define POSTER_SIZE_AT 4     /* its index */
#define POSTER_TIMELINE_PERCENT 12

/* Requests that come at once, all alike. */
typedef struct {
  guint32 requests, prompt_tokens, output_tokens;
} PosterBurst;

/* What may differ from the study. NULL, FALSE or no requests: as it was. */
typedef struct {
  const char *title;
  const char *device;
  const char *model;
  const char *scheduler;
  gboolean chunked;
  const char *copy_path;
  const char *what_if;
  PosterBurst burst; /* another one: memory is scaled with it, so that a share overflows alike */
} PosterSetting;

/* A run of the burst. */
typedef struct {
  gboolean missing; /* it was not run, and nothing else here is known */
  guint32 num_gpu_blocks;
  RunEnd end;
  gint64 makespan_ps, recompute_ps, copy_ps;
  gint64 lost_ps; /* against unlimited memory; -1: not known */
  guint64 preemptions, fallbacks, finished;
} PosterRun;

typedef struct {
  PosterSetting setting;
  Shelf *shelf;         /* borrowed: profiles, each read once */
  const char *executor; /* that computed it all; NULL: it was simulated */
  char *kernels;        /* that it ran (calib/profile_kernels.h); NULL: none, or one kind */
  PosterBurst burst;
  double card_bytes; /* what shares of memory are of */
  char *model_title, *device_title;
  char *profile; /* NULL: the device's roofline is the cost */
  char *digest;  /* of what the costs come from */
  double measured_share;
  guint32 unfit_percent; /* the least share that weights leave no room for; 0: all fit */
  guint32 longest;       /* lengths that the model's context holds */
  /* Of evicting and restoring: [block size][length], with pinned and with pageable host memory. */
  CrossoverCost pinned[POSTER_BLOCK_SIZES][POSTER_LENGTHS];
  CrossoverCost pageable[POSTER_BLOCK_SIZES][POSTER_LENGTHS];
  gboolean priced[POSTER_BLOCK_SIZES], priced_pageable[POSTER_BLOCK_SIZES]; /* which are known */
  gboolean one_host_memory;              /* no pageable beside pinned */
  GArray *crossings[POSTER_BLOCK_SIZES]; /* of CrossoverPoint, pinned; NULL where not priced */
  PosterRun runs[POSTER_SHARES][POSTER_POLICIES];
  PosterRun small_host[POSTER_SHARES]; /* swap with 4 GiB; of the study's burst */
  PosterRun by_size[POSTER_REPLAY_SIZES][POSTER_POLICIES]; /* at POSTER_TIMELINE_PERCENT */
  PosterTimeline *timelines[POSTER_POLICIES];              /* likewise; NULL: not run */
} PosterData;

/* The shelf outlives the data. NULL with an error where the device or the model cannot be had, or
 * the pool has no room. */
PosterData *poster_measure(const PosterSetting *setting, Shelf *shelf, GError **error);
/* The same with nothing measured yet. */
PosterData *poster_data_new(const PosterSetting *setting, Shelf *shelf, GError **error);
void poster_data_free(PosterData *data);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PosterData, poster_data_free)

/* TRUE: simulated with the study's own burst. */
gboolean poster_is_own_burst(const PosterData *data);
/* What shares of memory are of: "40 GB". The caller frees. */
char *poster_card_text(const PosterData *data);
/* Whether there is anything of the poster's figure 2 to 5. */
gboolean poster_has_figure(const PosterData *data, guint figure);

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

/* The whole study: what was asked for, the engines of its time, and what has changed since; or,
 * beside it, what was computed live. */
typedef struct {
  Shelf *shelf;
  PosterData *study;
  PosterFinding *findings;
  PosterData *live; /* NULL: nothing was computed */
  PosterFinding *live_findings;
  GPtrArray *live_missing; /* of char *: settings that are not there, and why */
  GPtrArray *engines;      /* of PosterData: other schedulers of the time; NULL beside a live one */
  GPtrArray *changes;      /* likewise: copy paths, models and devices of today */
  GPtrArray *errors;       /* likewise: costs that are off, so that verdicts show what they bear */
} Poster;

/* Settings beside the study, measured, of PosterData: other engines of its time; one thing changed
 * at a time, then all of them; costs that are off. */
GPtrArray *poster_engines(const PosterSetting *study, Shelf *shelf, GError **error);
GPtrArray *poster_changes(const PosterSetting *study, Shelf *shelf, GError **error);
GPtrArray *poster_errors(const PosterSetting *study, Shelf *shelf, GError **error);

/* Writes figure2.csv … figure5.csv, engines.csv, changes.csv and errors.csv into the folder; of
 * what was computed, live-figure2.csv …. */
gboolean poster_write_data(const Poster *poster, const char *folder, GError **error);
/* Writes figure2.gp …, live-figure2.gp …, and draws them as SVG and PNG. */
gboolean poster_draw(const Poster *poster, const char *folder, GError **error);
char *poster_markdown(const Poster *poster);
json_t *poster_json(const Poster *poster);
/* A line a finding, for the terminal. */
char *poster_summary(const Poster *poster);
