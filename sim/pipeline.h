/* A pipeline: layers split over stages, and as many steps in flight as there are stages.
 *
 * What vLLM's engine core does (step_with_batch_queue): while its queue of batches has room it
 * decides the next at once, of what is not in flight; else, or where nothing can be decided, it
 * waits for the oldest. A stage works on one step at a time, in order: a step goes on when it is
 * done before and the next stage is free. The host's part of a step lies before the first stage,
 * one at a time too; the output head is the last stage's.
 */
#pragma once

#include "executor.h"

typedef struct Pipeline Pipeline;

/* A step on its way. */
typedef struct {
  Step *step;
  StepTiming timing;
  gint64 start_ps, queued_ps;
  guint64 start_index;
  guint32 tokens;
} Flight;

/* Layers of stage i: as many each, and those that are left one each to the last but one, the one
 * before it, and so on (vLLM's get_pp_indices). */
guint32 pipeline_stage_layers(guint32 layers, guint32 stages, guint32 i);
/* The most of them. */
guint32 pipeline_most_layers(guint32 layers, guint32 stages);

/* stages: 2 or more, at most as many as layers. */
Pipeline *pipeline_new(guint32 stages, guint32 layers, guint32 block_size);
void pipeline_free(Pipeline *pipeline);

/* When a step that is decided now can start. */
gint64 pipeline_start_ps(const Pipeline *pipeline, gint64 now_ps);
/* A step goes through the stages from start_ps on: its timing, which is that of all stages' work,
 * becomes what it takes from there to its end. Returns what it waits on the way. */
gint64 pipeline_flow(Pipeline *pipeline, gint64 start_ps, StepTiming *timing);

/* The queue of steps in flight takes another, of which there are fewer than stages, and gives a
 * step to be used again in its place; gives the oldest for a step to be used again. */
void pipeline_push(Pipeline *pipeline, Flight *flight);
void pipeline_pop(Pipeline *pipeline, Flight *flight);
gboolean pipeline_is_empty(const Pipeline *pipeline);
/* TRUE if nothing is decided before the oldest has landed: the queue is full, or that one is done.
 */
gboolean pipeline_waits(const Pipeline *pipeline, gint64 now_ps);
