/* Native KV offload of vLLM: the host as a second prefix cache, filled ahead of time.
 *
 * Full blocks of what is scheduled are stored on the host, by default of prompts only. A request
 * that is about to be admitted loads what the host has beyond its hit in the pool; meanwhile it
 * holds its blocks and does not run. Preemption still drops KV at once. Stores and loads are jobs:
 * decided in a step, submitted when a step begins (a load with its own step, a store with the next,
 * so that it does not delay sampling), over when a step ends after them. A job that reads blocks of
 * a preempted request, or blocks that are used again, is flushed: the step that does that waits for
 * it.
 *
 * Rules: vLLM 0.33.0, OffloadingConnector with its CPU manager. One Offload belongs to one
 * Scheduler. Where requests share prefixes blocks are kept by content; else a request only finds
 * its own, and nothing is looked up block by block.
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
  guint32 store_threshold; /* offers of a block before it is stored; 0 and 1: it is at once */
} OffloadConfig;

/* TRUE if blocks are kept by content whatever the requests share, so that the pool must name them.
 */
gboolean offload_needs_names(const OffloadConfig *config);
/* workload, pool: borrowed; the pool must keep the content of free blocks and have no groups. */
Offload *offload_new(const OffloadConfig *config, const Workload *workload, Pool *pool);
void offload_free(Offload *offload);

/* For an engine's decision ------------------------------------------------------------------ */

/* How many *blocks the host has for a sequence without blocks, behind the first `hits`, which the
 * pool has. FALSE if the sequence must wait: its own jobs are under way, or what it would load is
 * being stored, or loaded for another. */
gboolean offload_lookup(Offload *offload, Sequence *sequence, guint32 hits, guint32 *blocks);
/* TRUE if one of the sequence's first `blocks` blocks is being stored, or loaded, for whomever. */
gboolean offload_is_copying(const Offload *offload, const Sequence *sequence, guint32 blocks);
/* TRUE if jobs of the sequence are under way. */
gboolean offload_has_jobs(const Sequence *sequence);
/* Decides to load `blocks` blocks behind the first `hits`; the sequence holds GPU blocks for them.
 */
void offload_load(Offload *offload, Step *step, Sequence *sequence, guint32 hits, guint32 blocks);
/* TRUE if the sequence's load is over. */
gboolean offload_loaded(const Sequence *sequence);
/* Notes whether the sequence is held up, in vLLM's term: it was passed over in this decision. */
void offload_note_waiting(Offload *offload, Sequence *sequence, gboolean held_up);
/* How many are. */
guint32 offload_held_up(const Offload *offload);

/* For the scheduler ------------------------------------------------------------------------- */

/* The victim's blocks are about to be freed: flushes its jobs. */
void offload_preempt(Sequence *victim);
/* The sequence ended: its blocks are about to be freed. */
void offload_finish(Offload *offload, Sequence *sequence);
/* The sequence is used for another request from now on. offload: NULL if there is none. */
void offload_forget(Offload *offload, Sequence *sequence);
/* At the end of a decision: decides what is stored and what is flushed, and notes it in the step.
 */
void offload_decide(Offload *offload, Step *step);
/* TRUE if a decision is due though nothing waits or runs: a request ended since the last one. */
gboolean offload_wants_decision(const Offload *offload);
/* TRUE while jobs are under way, or blocks are to be offered again: the next decision may differ.
 */
gboolean offload_is_busy(const Offload *offload);
/* TRUE if any block was ever offered to the host: copies slow steps, however large the pool is. */
gboolean offload_was_used(const Offload *offload);
/* TRUE if the sequence may have something to store in a later step. */
gboolean offload_may_store(const Offload *offload, const Sequence *sequence);

/* For the loop ------------------------------------------------------------------------------ */

/* For the begin of a step, of whatever kind: submits the jobs that are due. Returns how long the
 * step waits for flushed ones. */
gint64 offload_begin_step(Offload *offload, gint64 start_ps, CopyLink *link, CopyDuration duration,
                          gpointer data);
/* For the end of a step: ends the jobs that are over at end_ps. TRUE if there are any. */
gboolean offload_end_step(Offload *offload, gint64 end_ps);
/* When the next submitted job ends; G_MAXINT64: there is none. */
gint64 offload_next_end_ps(const Offload *offload);
