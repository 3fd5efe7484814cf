/* A sequence, which is a request inside the engine from its arrival to its end, and queues of them.
 *
 * The scheduler owns sequences. A sequence's length is prompt + generated tokens; the newest token
 * is never in the KV cache yet, so a running decode has computed_tokens == length - 1.
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
  guint32 output_limit; /* output tokens after which it ends */
  guint32 max_tokens;   /* output tokens that its client allows: what an engine may plan for */

  /* While the decode clock runs the sequence, these five are as they were when it joined
   * (decode_clock.h); but `blocks` is up to date with prefix caching and with groups. */
  guint32 generated_tokens;
  guint32 computed_tokens;  /* whose KV is in the pool, or on the host if swapped */
  guint32 highest_computed; /* the most that computed_tokens ever was; below it KV is recomputed */
  guint32 blocks;           /* in the GPU pool */
  RequestResult result;     /* last_token_ps of it */

  /* Swapped or being copied. Blocks from the first on: those that stay in the pool, a gap, those on
   * the host, those on the disk, rest_blocks. */
  guint32 host_blocks;
  gboolean copies_are_free; /* the host's blocks take no room and their copies no time */
  guint32 ahead_blocks;     /* first blocks that the host has, or is getting, ahead of need
                               (scheduler/ahead.c) */
  guint32 ahead_pending;    /* of ahead_blocks the last ones, whose copy is under way */
  guint32 rest_blocks;      /* behind those that were copied out: computed again on return */
  guint32 leaving_blocks;   /* GPU blocks that a copy out still reads (scheduler/copies.c) */
  gboolean arriving;        /* a copy in still writes its GPU blocks, */
  gboolean computes_front;  /* beside which it computes its gap, */
  guint32 arrived_blocks;   /* and which is of so many blocks */
  guint32 owed_blocks;      /* of host_blocks those that wait for room there (scheduler/disk.c) */
  guint32 disk_blocks;      /* on the disk */
  guint32 to_disk_blocks;   /* of host_blocks those on their way to the disk, which has room */
  guint32 from_disk_blocks; /* of disk_blocks those that are being read, into room on the host; */
  gboolean reads_through;   /* or without: a copy in follows at once */
  guint32 gap_end_tokens;   /* it computes up to here, then goes on behind what was copied, */
  guint32 tail_end_tokens;  /* here; both 0: there is no gap (scheduler/overflow.c) */
  gboolean decodes_after_gap;
  gboolean keeps_blocks; /* preempted, and its GPU blocks stay (Scheduler.keepers) */

  guint32 step_tokens; /* an engine's note while it decides a step */
  Stage stage;
  gboolean was_preempted; /* by recompute, and not prefilled again since */
  gboolean was_scheduled;
  guint64 began_in;   /* Pool.decisions when it was last admitted or came back: what it found in the
                         prefix cache may be computed in that very step */
  guint64 starved_in; /* Pool.decisions when it last ran, but for the blocks that it waits for while
                         they are copied out; 0: never, or nobody is to join the clock behind it */
  gint64 preempted_at_ps; /* -1 while not preempted */

  /* With asynchronous scheduling and in a pipeline. */
  gboolean in_flight;    /* its newest token is on its way */
  gboolean computing;    /* a step in flight runs it */
  guint32 flights;       /* in a pipeline: how many steps in flight run it */
  guint32 flying_tokens; /* asynchronous scheduling: that the step in flight computes */
  gboolean ending;       /* its last token is being computed: it has its place, but no work */
  gboolean ended;

  /* The decode clock's own. */
  gboolean in_clock;
  guint32 heap_index[2 + CONTEXT_WINDOWS]; /* its place in each ClockHeap */
  guint64 joined_ticks, joined_number;     /* the later it joined, the greater the number */
  guint32 counted_from;                    /* computed tokens from which GroupGrowth counts it */
  guint32 due_place;                 /* the tick, modulo block_size, at which it takes a block */
  Sequence *due_previous, *due_next; /* members that take one at the same tick */
  guint32 victim_place;              /* in the order of victims (victim_order.h), if there is one */

  /* With a window pool (window_pool.h): leading blocks that it gave back there, which is up to date
   * while the clock runs it, too; and what it ran since it was admitted. */
  guint32 window_gone;
  guint32 prefill_steps;
  gboolean has_decoded;

  /* With a radix cache (contents/radix.c): the last node of the path that it locks (NULL: none),
   * and how many of its blocks that path is. */
  struct RadixNode *radix_node;
  guint32 radix_blocks;
  guint32 radix_window_first; /* with a window pool: the first block of the window that it locks */
  guint32 radix_branch;       /* blocks that were there when it was admitted, of which the last ones
                                 had no window: it publishes up to here first; 0: all had one */

  /* With prefix caching. */
  guint32 registered_blocks; /* full blocks whose content the cache knows */
  FreeRun *free_run;         /* what is left of them in the free queue (contents/runs.c) */
  FreeWatch *free_watch;     /* filled with what is left of them when it ended; NULL: nobody asks */
  guint32 *block_ids;        /* `blocks` of them, with room for block_ids_room */
  guint32 block_ids_room;
  OffloadRequest *offload;  /* its part in native offload (offload.h); NULL: none yet */
  gboolean has_prefix_keys; /* those are made: */
  guint64 *prefix_keys; /* content keys of the prompt's hashed blocks (contents/content_key.h) */
  guint32 n_prefix_keys;
  guint32 hashed_tokens; /* of the prompt's, those that its prefix hashes cover; once a prefix of it
                            was looked for */
  GroupTable *group_tables; /* by group: its blocks (contents/groups.c); NULL: none yet */
  guint32 n_group_tables;
  guint32 shared_prefix_tokens; /* of a prefix that only some groups have; 0: there is none */
};

/* Frees a sequence that is not kept to be used again. */
void sequence_free(Sequence *sequence);
/* Makes it a request that the engine has not looked at yet. */
void sequence_init(Sequence *sequence, guint32 index, const Request *request);

static inline guint32
sequence_length(const Sequence *sequence)
{
  return sequence->result.prompt_tokens + sequence->generated_tokens;
}

/* Tokens with which its prefill is over: the prompt or, when it is computed again, all but the
 * newest token that has come. A member of the decode clock, whose computed tokens are out of date,
 * ends none. */
static inline guint32
sequence_prefill_end(const Sequence *sequence)
{
  guint32 known = sequence_length(sequence) - (sequence->in_flight ? 1 : 0);

  return sequence->in_clock ? G_MAXUINT32 : MAX(sequence->result.prompt_tokens, known - 1);
}

/* Blocks on the host and on the disk. */
static inline guint32
sequence_away_blocks(const Sequence *sequence)
{
  return sequence->host_blocks + sequence->disk_blocks;
}

/* The tokens up to which a sequence with `computed` tokens computes: its length, or its gap's end.
 */
static inline guint32
sequence_goal_tokens(const Sequence *sequence, guint32 computed)
{
  return computed < sequence->gap_end_tokens ? sequence->gap_end_tokens : sequence_length(sequence);
}

/* A list of sequences; a sequence is in one queue at most. An empty queue is all zero. */
struct SequenceQueue {
  Sequence *head, *tail;
  guint32 length;
};

/* Puts the sequence behind `before`, which is in the queue; NULL: at the head. In line, as all of
 * these, since each request goes through several queues. */
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

/* Takes the sequence out of its queue. */
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

/* Sorts by arrival, which is by the requests' indices, oldest first, from `first` on: those before
 * it are sorted. Cheap where nearly all are. */
void sequence_queue_sort_by_arrival(SequenceQueue *queue, Sequence *first);
