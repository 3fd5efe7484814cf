/* A run over time, for the poster's figure 5: windows of about a second (of a run below ten
 * seconds, a hundredth of it), and the steps in which requests were evicted, brought back or first
 * admitted. An observer. */
#pragma once

#include "sim/observer.h"

typedef struct {
  double time_s; /* its middle, since the first arrival */
  double length_s;
  double tokens_per_s; /* prefilled and decoded */
  double output_tokens_per_s;
  guint32 gpu_blocks; /* in use at its end */
  guint32 evicted, resumed;
  guint32 new_tokens;     /* prefilled for requests that had waited */
  guint32 resumed_tokens; /* prefilled for requests that had been evicted */
  gboolean rise;          /* more tokens a second than twice the median window */
} PosterWindow;

/* A step that moved requests. Blocks in use just before its decision and just after. */
typedef struct {
  gint64 start_ps, end_ps;
  guint32 evicted, resumed, admitted;
  guint32 new_tokens, resumed_tokens;
  guint32 before_blocks, after_blocks;
} PosterEvent;

typedef struct PosterTimeline PosterTimeline;

PosterTimeline *poster_timeline_new(guint32 num_gpu_blocks);
/* One that was finished before; the arrays are of PosterWindow and PosterEvent, and get another
 * owner. */
PosterTimeline *poster_timeline_restore(guint32 num_gpu_blocks, GArray *windows, GArray *events);
void poster_timeline_free(PosterTimeline *timeline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PosterTimeline, poster_timeline_free)
Observer *poster_timeline_observer(PosterTimeline *timeline);
/* After the run: makes the windows. */
void poster_timeline_finish(PosterTimeline *timeline);

/* Arrays of PosterWindow and PosterEvent, the timeline's. */
const GArray *poster_timeline_windows(const PosterTimeline *timeline);
const GArray *poster_timeline_events(const PosterTimeline *timeline);
guint32 poster_timeline_pool_blocks(const PosterTimeline *timeline);
