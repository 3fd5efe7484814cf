/* A step: what a scheduler decided, and all that an executor needs to run it.
 *
 * The scheduler fills it, the executor reads it, observers log it. A step of plain decodes may
 * stand for `repeat` identical steps in a row, in which only the contexts grow, by one token each.
 * The arrays belong to the step and are reused.
 */
#pragma once

#include "contexts.h"
#include "disk.h"

typedef enum {
  ENTRY_NEW = 'n',       /* first prefill (chunk) ever */
  ENTRY_RESUMED = 'r',   /* first prefill (chunk) after a recompute preemption */
  ENTRY_CONTINUED = 'c', /* a further chunk of a partial prefill */
  ENTRY_DECODE = 'd',
  ENTRY_DECODE_SWAPPED_IN = 's',  /* decode of a request swapped in in this very step */
  ENTRY_PREFILL_SWAPPED_IN = 'S', /* the same for a partial prefill */
} EntryKind;

typedef struct {
  guint32 request;
  guint32 tokens;            /* computed for it in this step */
  guint32 cached_tokens;     /* whose KV is in the pool already */
  guint32 recomputed_tokens; /* of `tokens`, those whose KV was computed before and dropped */
  guint8 kind;               /* an EntryKind */
  guint8 samples;            /* 1 if it yields a token at the end of the step */
} StepEntry;

typedef enum {
  OVERFLOW_RECOMPUTE, /* all was dropped */
  OVERFLOW_SWAP,      /* all was copied */
  OVERFLOW_SPLIT,     /* the last blocks were copied, the ones before them dropped */
  OVERFLOW_PARTIAL,   /* the first blocks stay */
} OverflowAction;

const char *overflow_action_name(OverflowAction action);

/* How busy the links are at a decision, where copies run beside the steps. */
typedef struct {
  gboolean beside;                 /* FALSE: copies are part of the steps, and the rest is 0 */
  gint64 busy_ps[COPY_DIRECTIONS]; /* what was decided before still takes so long */
  guint32 pool_blocks;             /* the pool's, from which the share follows that a copy holds */
  Disk disk;                       /* behind the host, if there is one */
  guint32
      host_free_blocks; /* a copy of more blocks sends others on to the disk, or waits for them */
} CopyLoad;

/* How long a copy of so many blocks waits before it can begin: for copies before it and, for blocks
 * beyond the host's room, for as many to go on to the disk or to come back from there. */
static inline gint64
copy_load_wait_ps(const CopyLoad *load, CopyDirection direction, guint32 blocks)
{
  CopyDirection on = direction == COPY_OUT ? COPY_TO_DISK : COPY_FROM_DISK;
  guint32 over = blocks - MIN(blocks, load->host_free_blocks);

  if (load->disk.queue_depth == 0 || over == 0)
    return load->busy_ps[direction];
  return MAX(load->busy_ps[direction], load->busy_ps[on] + disk_copy_ps(&load->disk, on, over));
}

/* What becomes of a victim's blocks, from the first on: some stay, the next are dropped, and the
 * rest is copied. */
typedef struct {
  guint32 keep_blocks;  /* whole blocks, fewer than the victim has */
  guint32 drop_blocks;  /* whole blocks, if any are copied */
  gboolean free_copies; /* the copies take neither time nor room: a bound */
  gint64 free_after_ps; /* set by the scheduler: until the copied blocks are free; 0: at once, or no
                           cost model knows */
} OverflowPlan;

typedef struct {
  guint32 request;         /* that was preempted */
  guint32 beneficiary;     /* for which; itself where no other was left */
  guint32 computed_tokens; /* whose KV it had */
  guint32 blocks;          /* GPU blocks that it gave back */
  guint32 kept_blocks;     /* GPU blocks that it keeps */
  guint32 copied_blocks;   /* of `blocks`, */
  guint32 ahead_blocks;    /* and of these the ones whose copies began before, ahead of need */
  guint32 rest_blocks;  /* with copies ahead: the last blocks, which are computed again instead */
  gboolean free_copies; /* the copies take no time */
  guint32 tokens_lost;  /* whose KV was dropped; 0 if all was copied */
  OverflowAction action;
  gboolean fell_back;   /* the policy wanted to swap, and the host had no room */
  CopyLoad copies;      /* when the victim was chosen; all 0 where copies are part of the steps */
  gint64 free_after_ps; /* the plan's */
} StepVictim;

typedef struct {
  guint32 request; /* that kept blocks when it was preempted */
  guint32 blocks;  /* the last ones of these, which it gives back now */
} StepShed;

typedef struct {
  guint32 request;
  guint32 blocks; /* copied from the host */
} StepSwapIn;

/* A copy of swapped blocks beside the steps. */
typedef struct {
  guint32 request;
  CopyDirection direction;
  guint32 blocks;
  gboolean is_ahead; /* of need: the request runs on */
  gboolean is_last;  /* of a copy out: with its end the blocks that its request gave up are free */
  gint64 waited_ps;  /* until it began, for the disk; of a read from the disk, until it ended */
} StepCopy;

typedef struct {
  guint32 request;
  guint32 tokens; /* found in the prefix cache on admission */
} StepHit;

/* Native offload: jobs between the GPU and the host. */
typedef struct {
  guint32 request;
  guint32 blocks; /* to be copied to the host */
} StepStore;

typedef struct {
  guint32 request;
  guint32 hit_tokens; /* found in the pool, */
  guint32 tokens;     /* and behind them to be loaded from the host */
} StepLoad;

/* What SGLang's decisions have besides; mode is NULL under other engines. */
typedef struct {
  const char *mode; /* extend, mixed, decode, none */
  double new_token_ratio;
  double ratio_decay,
      ratio_min; /* each repeat after the first lowers it by decay, at most to min */
  gboolean batch_is_full;
  guint32 evictable_blocks;
  gboolean has_windows; /* there is a window pool, with so many free and evictable blocks; a repeat
                           takes as many of it as of the other */
  guint32 window_free_blocks, window_evictable_blocks;
} StepSglang;

typedef struct {
  /* In the engine's own output order. `clocked` plain decodes, the members of the decode clock, are
   * listed only if the scheduler was told to (list_decodes); their place is before
   * entries[clocked_at]. */
  GArray *entries; /* of StepEntry */
  guint32 clocked, clocked_at;
  guint32 late;        /* of `clocked` those that missed the tick before */
  gboolean listed;     /* members are listed, too */
  GArray *victims;     /* of StepVictim, in the order of preemption */
  GArray *plans;       /* of OverflowPlan: for each victim, what each overflow policy would do, in
                          the order of their table; only if asked for (tell_plans) */
  GArray *shed;        /* of StepShed, in order */
  GArray *swapped_in;  /* of StepSwapIn, in order */
  GArray *copies;      /* of StepCopy: beside the steps, those that begin with this one */
  GArray *copied;      /* of StepCopy: those that ended since the step before was decided */
  GArray *starved;     /* of guint32: running requests without work in this step, since they wait
                          for blocks that are being copied out */
  GArray *ignored;     /* of guint32: requests that the scheduler dropped */
  GArray *hits;        /* of StepHit, in order of admission */
  GArray *stores;      /* of StepStore: decided in this step, which does not wait for them */
  GArray *loads;       /* of StepLoad, the same */
  GArray *flushes;     /* of guint32: ids of the jobs that it waits for, ascending */
  guint32 n_sequences; /* that it works on */
  guint32 n_decodes;   /* of them ENTRY_DECODE */
  guint32 n_tokens;    /* that it computes */
  DecodeContexts contexts; /* of all that decode, swapped in or not, and recompute nothing */
  guint32 copy_out_blocks;
  guint32 copy_in_blocks;

  /* Identical steps that this one may stand for, at least 1; more only if every sequence is
   * ENTRY_DECODE and nothing else happened. Then repeats 1 … i + 1 together take grown[i] blocks,
   * for i < period; after each `period` repeats the same begins again. Where
   * groups share the pool a repeat may give back more than it takes: the step shrinks. */
  guint32 repeat;
  gint32 *grown;
  guint32 period;
  gboolean shrinks;
  guint32 block_size;

  /* State right after the decision, before it runs. */
  guint32 gpu_free_blocks;
  guint32 host_free_blocks;
  guint32 waiting; /* requests, those whose KV is being loaded included */
  guint32 running;
  guint32 swapped;
  gboolean has_tier;        /* native offload is on, */
  guint32 tier_used_blocks; /* whose prefix cache on the host has so many */
  gboolean has_disk;        /* there is a disk behind the host, */
  guint32 disk_used_blocks; /* with so many, those included that are being written */

  StepSglang sglang;
  gboolean takes_no_time; /* decided while the device works, without work for it */
  gboolean idle_changes;  /* an empty step that must be stepped through, since it moved a queue */
  const char *abort;      /* static text: the engine died in this decision; NULL otherwise */

  /* The scheduler's own; an executor that holds real blocks may read a sequence until it leaves. */
  GPtrArray *sequences; /* by entry; NULL where the decode clock runs it */
  GPtrArray *ending;    /* members of the clock whose last token this step computes */
  guint entries_room, victims_room, sequences_room, ending_room, starved_room; /* for array.h */
  gboolean ticks; /* the clock ticks with it */
  gboolean ends;  /* it computes a sequence's last token, as far as is known when it took off */
} Step;

/* period: of what is taken in repeats; block_size, but where groups share the pool. */
Step *step_new(guint32 block_size, guint32 period);
void step_free(Step *step);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Step, step_free)
/* Empties the step for the next decision, whose contexts are seen through those windows. */
void step_clear(Step *step, const ContextWindows *windows);
/* Empties what tells of copies beside the steps, which a run without such copies never fills. */
void step_clear_copies(Step *step);

/* The step runs so many members of the decode clock, behind the entries that it has so far. */
static inline void
step_run_members(Step *step, guint32 members)
{
  step->clocked = members;
  step->clocked_at = step->entries->len;
  step->n_sequences += members;
  step->n_decodes += members;
  step->n_tokens += members;
  step->ticks = members > 0;
}
/* TRUE if nothing at all was decided: no work, no victim, no ignored request, no copy, and no job
 * of native offload. */
static inline gboolean
step_is_empty(const Step *step)
{
  return step->n_sequences == 0 && step->victims->len == 0 && step->shed->len == 0 &&
         step->swapped_in->len == 0 && step->ignored->len == 0 && step->copies->len == 0 &&
         step->stores->len + step->loads->len + step->flushes->len == 0;
}
/* TRUE if there is something to compute, to copy before that, or to tell; otherwise the step only
 * preempts, or decides jobs. */
static inline gboolean
step_has_work(const Step *step)
{
  return step->n_sequences > 0 || step->copy_out_blocks + step->copy_in_blocks > 0 ||
         step->ignored->len > 0 || step->abort != NULL;
}
/* TRUE if the step is decodes and nothing else: what may be repeated. */
static inline gboolean
step_is_only_decodes(const Step *step)
{
  return step->n_decodes > 0 && step->n_decodes == step->n_sequences && step->victims->len == 0 &&
         step->shed->len == 0 && step->swapped_in->len == 0 && step->ignored->len == 0 &&
         step->abort == NULL;
}
/* Blocks that are free, or whose content can be evicted (SGLang; vLLM counts these as free). */
static inline guint32
step_unheld_blocks(const Step *step)
{
  return step->gpu_free_blocks + step->sglang.evictable_blocks;
}
/* Blocks that the repeats after the first take, of `repeats` repeats. */
static inline gint64
step_grown_blocks(const Step *step, guint32 repeats)
{
  guint32 after = repeats - 1, cycles;
  gint64 blocks = 0;

  if (repeats <= 1)
    return 0;
  if (after >= step->period) {
    cycles = after / step->period;
    blocks = (gint64)cycles * step->grown[step->period - 1];
    after -= cycles * step->period;
  }
  return after > 0 ? blocks + step->grown[after - 1] : blocks;
}
/* The most of step_grown_blocks() over `first` to `repeats` repeats: the last of them, but for a
 * step that shrinks. */
gint64 step_grown_peak(const Step *step, guint32 first, guint32 repeats);
/* Blocks that repeat i takes, i >= 1, less those that it gives back. */
static inline gint32
step_growth_blocks(const Step *step, guint32 i)
{
  guint32 place = (i - 1) % step->period;

  return step->grown[place] - (place > 0 ? step->grown[place - 1] : 0);
}
