/* A sequence: a request inside the engine, from its arrival to its end, and a queue of them.
 *
 * Owned by the scheduler. `length` is prompt + generated; the newest token is never in the KV cache
 * yet, so a running decode has computed_tokens == length - 1.
 */
#pragma once

#include "contexts.h"
#include "observer.h"

typedef enum { STAGE_PREFILL, STAGE_DECODE } Stage;

typedef struct FreeRun FreeRun;
typedef struct FreeWatch FreeWatch;
typedef struct OffloadRequest OffloadRequest;
typedef struct GroupTable GroupTable;
typedef struct Sequence Sequence;
typedef struct SequenceQueue SequenceQueue;

struct Sequence {
  Sequence *previous, *next; /* in its queue */
  SequenceQueue *queue;      /* NULL: in none */
  guint32 request;
  guint32 output_limit; /* tokens that it asks for */
  guint32 max_tokens;   /* tokens that its client allows: what an engine may plan for */

  /* While the decode clock runs it, these five are as they were when it joined (decode_clock.h);
   * blocks are up to date with prefix caching and with groups. */
  guint32 generated_tokens;
  guint32 computed_tokens;  /* whose KV is in the pool, or on the host if swapped */
  guint32 highest_computed; /* the most that computed_tokens ever was: below it is recomputing */
  guint32 blocks;           /* in the GPU pool */
  RequestResult result;     /* its last_token_ps */

  guint32 host_blocks;
  gboolean copies_are_free; /* of them: they take no room of the host's, and no time */
  guint32 ahead_blocks;     /* its first ones, of which the host has, or is getting, copies ahead of
                               need (scheduler/ahead.c), */
  guint32 ahead_pending;    /* of them the last ones, which it is getting */
  guint32 rest_blocks;      /* away: behind those on the host, which it computes again */
  guint32 leaving_blocks;   /* that a copy beside the steps still reads (scheduler/copies.c) */
  gboolean arriving;        /* such a copy still writes its blocks */
  gboolean computes_front;  /* beside that copy: it came back with a gap */
  guint32 arrived_blocks;   /* that the last one wrote */
  guint32 owed_blocks;      /* of host_blocks those that wait for room there (scheduler/disk.c) */
  guint32 disk_blocks;      /* on the disk, the last of those that are away, */
  guint32 to_disk_blocks;   /* of host_blocks those that are being copied there, and have room; */
  guint32 from_disk_blocks; /* of disk_blocks those that are being read, into room on the host */
  gboolean reads_through;   /* or past it: the copy in follows at once */
  guint32 gap_end_tokens;   /* it computes up to here, then goes on where what was copied ends: */
  guint32 tail_end_tokens;  /* here; 0, and 0, without a gap (scheduler/overflow.c) */
  gboolean decodes_after_gap;
  gboolean keeps_blocks; /* it was preempted, and its blocks stay (Scheduler.keepers) */
  guint32 step_tokens;   /* an engine's note while it decides a step */
  Stage stage;
  gboolean was_preempted; /* by recompute, and not prefilled again since */
  gboolean was_scheduled;
  guint64 began_in; /* the decision (of the pool's count) in which it was admitted last, or came
                       back: what it found in the prefix cache may be computed in that step */
  /* With asynchronous scheduling: its newest token is on its way; the step in flight runs it. */
  gboolean in_flight, computing;
  guint32 flights;       /* in a pipeline: steps in flight that run it; then those two as well */
  guint32 flying_tokens; /* that the step in flight computes */
  gboolean ending;       /* its last token is being computed: it has its place, but no work */
  gboolean ended;
  gint64 preempted_at_ps; /* -1 while not preempted */

  /* The decode clock's own. */
  gboolean in_clock;
  guint32 heap_index[2 + CONTEXT_WINDOWS];
  guint64 joined_ticks, joined_number; /* who joined later has the greater number */
  guint32 counted_from;                /* computed tokens (sim/group_growth.h) */
  guint32 due_place;                 /* of the ticks at which it takes a block, modulo block_size */
  Sequence *due_previous, *due_next; /* those that take one at the same */
  guint32 victim_place;              /* in the order of victims (victim_order.h), if there is one */

  /* With a radix cache only (contents/radix.c): the path that it locks ends in radix_node (NULL: it
   * locks none), and is that many of its blocks. */
  struct RadixNode *radix_node;
  guint32 radix_blocks;

  /* With prefix caching only. */
  guint32 registered_blocks; /* full blocks whose content the cache knows */
  FreeRun *free_run;         /* what is left of them in the free queue (contents/runs.c) */
  FreeWatch *free_watch;     /* who is told what is left of them when it ended; NULL: nobody */
  guint32 *block_ids;        /* `blocks` of them, room for block_ids_room */
  guint32 block_ids_room;
  OffloadRequest *offload; /* its part in native offload (offload.h); NULL: none yet */
  guint64 *prefix_keys;    /* content keys of the prompt's hashed blocks (contents/content_key.h) */
  guint32 n_prefix_keys;
  GroupTable
      *group_tables; /* with KV groups: its blocks in each (contents/groups.c); NULL: none yet */
  guint32 n_group_tables;
  guint32 shared_prefix_tokens; /* of a prefix that only some groups have; 0: there is none */
};

/* Of one that nobody keeps to be used again. */
void sequence_free(Sequence *sequence);
/* A request that the engine has not looked at yet. */
void sequence_init(Sequence *sequence, guint32 index, const Request *request);

static inline guint32
sequence_length(const Sequence *sequence)
{
  return sequence->result.prompt_tokens + sequence->generated_tokens;
}

/* Blocks that it has on the host and on the disk. */
static inline guint32
sequence_away_blocks(const Sequence *sequence)
{
  return sequence->host_blocks + sequence->disk_blocks;
}

/* Up to where it computes when it has `computed` tokens: its length, or the end of its gap. */
static inline guint32
sequence_goal_tokens(const Sequence *sequence, guint32 computed)
{
  return computed < sequence->gap_end_tokens ? sequence->gap_end_tokens : sequence_length(sequence);
}

/* A list of sequences, each in one queue at most. An empty one is all zero. */
struct SequenceQueue {
  Sequence *head, *tail;
  guint32 length;
};

/* Behind `before`, which is in the queue; NULL: to the head. In line, as all of these: each request
 * goes through several queues. */
static inline void
sequence_queue_insert_behind(SequenceQueue *queue, Sequence *before, Sequence *sequence)
{
  Sequence *after = before != NULL ? before->next : queue->head;

  g_assert(sequence->queue == NULL);
  sequence->queue = queue;
  sequence->previous = before;
  sequence->next = after;
  *(before != NULL ? &before->next : &queue->head) = sequence;
  *(after != NULL ? &after->previous : &queue->tail) = sequence;
  queue->length++;
}

static inline void
sequence_queue_push_head(SequenceQueue *queue, Sequence *sequence)
{
  sequence_queue_insert_behind(queue, NULL, sequence);
}

static inline void
sequence_queue_push_tail(SequenceQueue *queue, Sequence *sequence)
{
  sequence_queue_insert_behind(queue, queue->tail, sequence);
}

/* Takes it out of the queue that it is in. */
static inline void
sequence_queue_remove(Sequence *sequence)
{
  SequenceQueue *queue = sequence->queue;

  *(sequence->previous != NULL ? &sequence->previous->next : &queue->head) = sequence->next;
  *(sequence->next != NULL ? &sequence->next->previous : &queue->tail) = sequence->previous;
  sequence->previous = sequence->next = NULL;
  sequence->queue = NULL;
  queue->length--;
}

static inline Sequence *
sequence_queue_pop_head(SequenceQueue *queue)
{
  Sequence *sequence = queue->head;

  g_assert(sequence != NULL);
  sequence_queue_remove(sequence);
  return sequence;
}

/* Orders by arrival: the requests' indices, oldest first. Cheap where it is nearly so already. */
void sequence_queue_sort_by_arrival(SequenceQueue *queue);
