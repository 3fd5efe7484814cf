/* A pipeline: layers split over stages, and as many steps in flight as there are stages.
 *
 * As vLLM's engine core (step_with_batch_queue): while its queue of batches has room it decides the
 * next one at once, of sequences that are not in flight; otherwise, or where nothing can be
 * decided, it waits for the oldest. A stage works on one step at a time, in order: a step goes on
 * once the stage before is done with it and the next one is free. The host's part of a step comes
 * before the first stage, for one step at a time too; the output head belongs to the last stage.
 */
#pragma once

#include "executor.h"

typedef struct Pipeline Pipeline;

/* A step in flight; the fields are Instance's. */
typedef struct {
  Step *step;
  StepTiming timing;
  gint64 start_ps, queued_ps;
  guint64 start_index;
  guint32 tokens;
} Flight;

/* Layers of stage i, from 0: equally many each; of those left over one each goes to the last stage
 * but one, the one before it, and so on (vLLM's get_pp_indices). */
guint32 pipeline_stage_layers(guint32 layers, guint32 stages, guint32 i);
/* The most layers that a stage has. */
guint32 pipeline_most_layers(guint32 layers, guint32 stages);

/* stages: 2 … layers. */
Pipeline *pipeline_new(guint32 stages, guint32 layers, guint32 block_size);
void pipeline_free(Pipeline *pipeline);

/* When a step that is decided now can start. */
gint64 pipeline_start_ps(const Pipeline *pipeline, gint64 now_ps);
/* Sends a step through the stages from start_ps on. *timing, the work of all stages, becomes the
 * time from start_ps to the step's end. Returns how much of that is waiting for stages. */
gint64 pipeline_flow(Pipeline *pipeline, gint64 start_ps, StepTiming *timing);

/* Adds a flight to the queue, which must have room; flight->step becomes a Step to be used again.
 */
void pipeline_push(Pipeline *pipeline, Flight *flight);
/* Takes the oldest flight, of which there must be one, and keeps the flight->step that it is given.
 */
void pipeline_pop(Pipeline *pipeline, Flight *flight);
gboolean pipeline_is_empty(const Pipeline *pipeline);
/* TRUE if the oldest has to land before the next decision: the queue is full, or the oldest is
 * done.
 */
gboolean pipeline_waits(const Pipeline *pipeline, gint64 now_ps);
