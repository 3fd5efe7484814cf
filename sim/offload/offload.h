/* Native KV offload of vLLM: the host as a second prefix cache, filled ahead of time.
 *
 * Full blocks of what is scheduled are stored on the host, by default of prompts only; a request
 * that is about to be admitted loads what the host has beyond its hit in the pool, and holds its
 * blocks meanwhile, without running. Preemption still drops KV at once. Stores and loads are jobs:
 * decided in a step, submitted when a step begins (loads their own, stores the next one, so that
 * they do not delay sampling), over when a step ends after them. A job that reads blocks of a
 * preempted request, or blocks that are used again, is flushed: the step that does so waits for it.
 *
 * Rules: vLLM 0.33.0, OffloadingConnector with its CPU manager. One Offload belongs to one
 * Scheduler. Where its pool has names for blocks, since requests share them, so has the host; else a
 * request only finds its own, and nothing is looked for block by block.
 */
#pragma once

#include "sim/copy_link.h"
#include "sim/pool.h"
#include "sim/step.h"
#include "tier.h"

typedef struct Offload Offload;

typedef struct {
  guint32 host_blocks;
  gboolean prompt_only;    /* generated tokens are not stored */
  TierPolicy policy;       /* which blocks of the host go first */
  guint32 store_threshold; /* what was offered so often is stored; 0 and 1: all */
} OffloadConfig;

/* TRUE if it looks at blocks by their content, so that the pool must name them. */
gboolean offload_needs_names(const OffloadConfig *config);
/* workload, pool: borrowed; the pool keeps the content of free blocks, and has no groups. */
Offload *offload_new(const OffloadConfig *config, const Workload *workload, Pool *pool);
void offload_free(Offload *offload);

/* For an engine's decision ------------------------------------------------------------------ */

/* What the host has for a sequence without blocks, behind `hits` blocks that the pool has: *blocks,
 * none where it has nothing. FALSE if the sequence must wait: its own jobs are under way, or what
 * it would load is being stored, or being loaded for another. */
gboolean offload_lookup(Offload *offload, Sequence *sequence, guint32 hits, guint32 *blocks);
/* Decides to load the sequence's blocks from `hits` on, which it holds already. */
void offload_load(Offload *offload, Step *step, Sequence *sequence, guint32 hits, guint32 blocks);
/* Its load is over. */
gboolean offload_loaded(const Sequence *sequence);
/* It was passed over in this decision, or came to run: what vLLM counts as held up. */
void offload_note_waiting(Offload *offload, Sequence *sequence, gboolean held_up);
guint32 offload_held_up(const Offload *offload);

/* For scheduler.c --------------------------------------------------------------------------- */

/* The victim's blocks are about to be freed. */
void offload_preempt(Offload *offload, Sequence *victim);
/* The sequence ended: its blocks are about to be freed. */
void offload_finish(Offload *offload, Sequence *sequence);
/* It will not be looked at again. */
void offload_forget(Offload *offload, Sequence *sequence);
/* The end of a decision: what is stored, and what is flushed. */
void offload_decide(Offload *offload, Step *step);
/* TRUE if a decision is due although nobody waits or runs: something ended since the last. */
gboolean offload_wants_decision(const Offload *offload);
/* TRUE while jobs are under way, or are to be offered again: the next decision may differ from this
 * one. */
gboolean offload_is_busy(const Offload *offload);
/* TRUE if anything was ever offered to the host: copies slow steps, whatever the pool has. */
gboolean offload_was_used(const Offload *offload);
/* TRUE if the sequence may have something to store in a later step. */
gboolean offload_may_store(const Offload *offload, const Sequence *sequence);

/* For the loop ------------------------------------------------------------------------------ */

/* A step, of whatever kind, begins: submits what is due. Returns how long it waits for what is
 * flushed. */
gint64 offload_begin_step(Offload *offload, gint64 start_ps, CopyLink *link, CopyDuration duration,
                          gpointer data);
/* A step ended: what was over by then is reported. TRUE if anything was. */
gboolean offload_end_step(Offload *offload, gint64 end_ps);
/* When the next job ends that was submitted; G_MAXINT64 if there is none. */
gint64 offload_next_end_ps(const Offload *offload);
