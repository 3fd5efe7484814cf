/* An engine: what it has, its own rules, its hooks; and the engines by name. */
#pragma once

#include "contents.h"
#include "step.h"
#include "workload.h"

typedef struct Scheduler Scheduler;

/* What an engine has, for refusing options that it lacks. */
typedef enum {
  SCHEDULER_HAS_BLOCK_MANAGER = 1 << 0, /* --block-manager */
  SCHEDULER_HAS_PREFIX_CACHING = 1 << 1,
  SCHEDULER_HAS_LONG_PREFILL = 1 << 2, /* --long-prefill-token-threshold */
  SCHEDULER_HAS_SWAP = 1 << 3,         /* without it swap is a what-if */
  SCHEDULER_CHUNKS_BY_DEFAULT = 1 << 4,
  SCHEDULER_DROPS_TOO_LONG = 1 << 5, /* its scheduler, not a front end, ignores what never fits */
  SCHEDULER_HAS_ASYNC = 1 << 6, /* --async-scheduling: decides a step while the one before runs */
  SCHEDULER_ASYNC_BY_DEFAULT = 1 << 7,
  SCHEDULER_CACHES_BY_DEFAULT = 1 << 8,
  SCHEDULER_HAS_WATERMARK = 1 << 9,
  SCHEDULER_HAS_RESERVE_FULL_ISL = 1 << 10, /* and reserves by default */
  SCHEDULER_HAS_PREFILL_INTERVAL = 1 << 11,
  SCHEDULER_HAS_ACTIVE_SEQS = 1 << 12,
  /* A freed sequence's blocks without cached content are the next to be used again; else all go
   * behind what is free. */
  SCHEDULER_REUSES_PARTIAL_FIRST = 1 << 13,
  SCHEDULER_HAS_OFFLOAD = 1 << 14,         /* --kv-offloading-size, by the rules of offload.h */
  SCHEDULER_HAS_CAPACITY_POLICY = 1 << 15, /* --capacity-policy */
  SCHEDULER_OWN_VICTIMS = 1 << 16,         /* victim_engine where no victim policy is asked for */
  SCHEDULER_IS_SGLANG = 1 << 17,           /* has SGLang's options, and none of vLLM's */
  SCHEDULER_OVERLAPS_COPIES = 1 << 18,     /* it can swap beside the steps: --overlap-copies */
  SCHEDULER_HIDES_HOST = 1 << 19,    /* its host's work is hidden behind the step before, although
                                        here it decides as if nothing ran */
  SCHEDULER_HAS_KV_GROUPS = 1 << 20, /* groups of layers share its pool and give blocks back */
  /* With groups: a block is given back only when no step in flight sees it. */
  SCHEDULER_GIVES_BACK_SETTLED = 1 << 21,
  /* A prompt is admitted by the most blocks that it holds at once, else by all that it ever takes.
   */
  SCHEDULER_GATE_KNOWS_WINDOWS = 1 << 22,
  SCHEDULER_CACHES_STATES_BY_DEFAULT = 1 << 23, /* recurrent states, where prefixes are cached */
  SCHEDULER_REUSES_PARTIAL_WINDOWS = 1 << 24, /* as REUSES_PARTIAL_FIRST, of groups with windows */
  /* A prompt can be found once all of it is computed, an output once its request has ended
   * (contents/reuse.c). */
  SCHEDULER_REUSES_COMPUTED = 1 << 25,
  SCHEDULER_COPIES_AHEAD = 1 << 26,    /* --swap-ahead, where it overlaps copies */
  SCHEDULER_HAS_GRAPH_MODES = 1 << 27, /* --cudagraph-mode */
  SCHEDULER_WHOLE_GRAPHS = 1 << 28,    /* captures whole graphs by default, else only pieces */
} SchedulerFeatures;

typedef struct {
  const char *name;
  const char *help;
  guint32 version;       /* of vLLM, 33 for 0.33; 0 for other engines */
  const char *evidence;  /* where its rules were read, and which recordings it is held against */
  const char *costs_as;  /* the scheduler whose host costs it has; NULL: its own */
  guint32 features;      /* SchedulerFeatures */
  guint32 rules;         /* its engine's own flags */
  guint32 hidden_blocks; /* of the pool, which the engine keeps for itself */
  GroupRetention group_retention;  /* of the prefix cache, where groups share the pool */
  gboolean withholds_states_again; /* GroupContentsConfig says when */
  gboolean stops_at_max_model_len; /* a sequence ends at max_model_len; else one token beyond it */
  gboolean evicts_in_place;        /* until it evicts the first of a decision all that runs is in
                                      `running`,        as when the decision began */
  gboolean loses_flying_tokens;    /* a preempted sequence's token in flight is sampled again */
  gsize state_bytes; /* of what the engine keeps from step to step, in self->state, zeroed */
  /* These may be NULL. */
  void (*begin)(Scheduler *self); /* before the first step */
  void (*end)(Scheduler *self);   /* before self->state is freed */
  /* Instead of scheduler_refuses(). */
  const char *(*refuses)(const Scheduler *self, const Request *request);
  /* A step that settles has computed the sequence's prompt, and the sequence goes on. */
  void (*prefilled)(Scheduler *self, Sequence *sequence);
  /* The sequence has ended with a step that settles; its blocks are about to be given back. */
  void (*finished)(Scheduler *self, Sequence *sequence);

  /* This may not: decides the step, which is empty. */
  void (*schedule)(Scheduler *self, Step *step);
} SchedulerClass;

#define SCHEDULER_VLLM_OLDEST 8
#define SCHEDULER_VLLM_NEWEST 33
/* vLLM 0.8 to 0.33. */
extern const SchedulerClass scheduler_vllm_versions[];
extern const SchedulerClass scheduler_vllm_v1;
extern const SchedulerClass scheduler_vllm_06;
extern const SchedulerClass scheduler_vllm_05;
extern const SchedulerClass scheduler_sglang;
extern const SchedulerClass scheduler_trtllm;

/* One for each set of rules; NULL-terminated. */
extern const SchedulerClass *const scheduler_classes[];

#define SCHEDULER_ERROR (scheduler_error_quark())
GQuark scheduler_error_quark(void);
typedef enum { SCHEDULER_ERROR_UNKNOWN, SCHEDULER_ERROR_NEWER } SchedulerError;

/* The class of a name: its own, "vllm" (the newest), or "vllm-0.MINOR" with or without a patch
 * number. NULL, with an error that says which names are known, if there is none. */
const SchedulerClass *scheduler_class_from_name(const char *name, GError **error);
/* All names but those with a patch number, NULL-terminated; the caller frees the array, not them.
 */
const char **scheduler_names(void);
/* The first version of vLLM that has all of `features`; NULL: no version has. */
const SchedulerClass *scheduler_class_first_with(guint32 features);
