/* A sequence: a request inside the engine, from its arrival to its end, and a queue of them.
 *
 * Owned by the scheduler. `length` is prompt + generated; the newest token is never in the KV cache
 * yet, so a running decode has computed_tokens == length - 1.
 */
#pragma once

#include "observer.h"

typedef enum { STAGE_PREFILL, STAGE_DECODE } Stage;

typedef struct {
  RequestResult result;
  guint32 request;
  guint32 output_limit; /* tokens that it asks for */
  guint32 generated_tokens;
  guint32 computed_tokens;  /* whose KV is in the pool, or on the host if swapped */
  guint32 highest_computed; /* the most that computed_tokens ever was: below it is recomputing */
  guint32 blocks;           /* in the GPU pool */
  guint32 host_blocks;
  Stage stage;
  gboolean was_preempted; /* by recompute, and not prefilled again since */
  gboolean was_scheduled;
  gboolean ending; /* its last token is being computed: it has its place, but no work */
  gboolean ended;
  gint64 preempted_at_ps; /* -1 while not preempted */
  guint32 step_tokens;    /* an engine's note while it decides a step */

  /* With prefix caching only. */
  guint32 *block_ids; /* `blocks` of them, room for block_ids_room */
  guint32 block_ids_room;
  guint32 registered_blocks; /* full blocks whose content the cache knows */
  guint64 *prefix_keys;      /* content keys of the prompt's hashed blocks */
  guint32 n_prefix_keys;
} Sequence;

static inline guint32
sequence_length(const Sequence *sequence)
{
  return sequence->result.prompt_tokens + sequence->generated_tokens;
}

/* A double-ended queue of sequences on a ring. */
typedef struct {
  Sequence **ring;
  guint32 room; /* a power of two */
  guint32 head;
  guint32 length;
} SequenceQueue;

void sequence_queue_init(SequenceQueue *queue);
void sequence_queue_clear(SequenceQueue *queue);
void sequence_queue_push_head(SequenceQueue *queue, Sequence *sequence);
void sequence_queue_push_tail(SequenceQueue *queue, Sequence *sequence);
Sequence *sequence_queue_pop_head(SequenceQueue *queue);
/* Takes out the one at `index`, those behind it move up. */
Sequence *sequence_queue_remove(SequenceQueue *queue, guint32 index);
/* Puts those with `ended` set out, keeps the order of the others. */
void sequence_queue_drop_ended(SequenceQueue *queue);
/* Orders by arrival: the requests' indices, oldest first. Cheap where it is nearly so already. */
void sequence_queue_sort_by_arrival(SequenceQueue *queue);

static inline Sequence *
sequence_queue_at(const SequenceQueue *queue, guint32 index)
{
  return queue->ring[(queue->head + index) & (queue->room - 1)];
}
