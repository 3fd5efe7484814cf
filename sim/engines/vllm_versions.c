/* The versions of vLLM: which rule and which option came with which.
 *
 * Read in the releases 0.8.0 to 0.33.0, and held against recordings of 0.18.1, 0.22.1, 0.26.0 and
 * 0.33.0. No version is a copy of another: it has every rule that came up to it. What groups of
 * layers share (sim/contents/groups.c) was held, block by block, against the managers of 0.18,
 * 0.20, 0.21, 0.23, 0.24, 0.26, 0.29, 0.30 and 0.33, run on random requests.
 */
#include "vllm.h"

#define SINCE(minor, first, what) ((minor) >= (first) ? (guint32)(what) : 0u)
#define RULES(minor)                                                                               \
  (SINCE(minor, 12, RULE_LONG_PROMPT_STOPS) | SINCE(minor, 26, RULE_STOPS_AT_SHARED_PREFIX) |      \
   SINCE(minor, 29, RULE_ALIGNS_ALL_CHUNKS) | SINCE(minor, 31, RULE_LONE_REQUEST_UNLIMITED) |      \
   SINCE(minor, 32, RULE_LAST_STATE_BEFORE_END) | SINCE(minor, 33, RULE_PACES_ALONE))
#define RETENTION(minor)                                                                           \
  ((minor) >= 29 ? RETAIN_REPLAYED : (minor) >= 22 ? RETAIN_REACHABLE : RETAIN_ALL)
#define FEATURES(minor)                                                                            \
  (SCHEDULER_HAS_PREFIX_CACHING | SCHEDULER_HAS_LONG_PREFILL | SCHEDULER_CHUNKS_BY_DEFAULT |       \
   SCHEDULER_OVERLAPS_COPIES | SCHEDULER_COPIES_AHEAD | SCHEDULER_HAS_GRAPH_MODES |                \
   SINCE(minor, 10, SCHEDULER_HAS_ASYNC | SCHEDULER_HAS_KV_GROUPS) |                               \
   SINCE(minor, 11, SCHEDULER_WHOLE_GRAPHS) | SINCE(minor, 14, SCHEDULER_ASYNC_BY_DEFAULT) |       \
   SINCE(minor, 19, SCHEDULER_HAS_RESERVE_FULL_ISL) |                                              \
   SINCE(minor, 20, SCHEDULER_GATE_KNOWS_WINDOWS) |                                                \
   SINCE(minor, 23, SCHEDULER_REUSES_PARTIAL_WINDOWS) |                                            \
   SINCE(minor, 24, SCHEDULER_REUSES_PARTIAL_FIRST) |                                              \
   SINCE(minor, 24, SCHEDULER_HAS_WATERMARK | SCHEDULER_HAS_PREFILL_INTERVAL) |                    \
   SINCE(minor, 26, SCHEDULER_GIVES_BACK_SETTLED | SCHEDULER_CACHES_STATES_BY_DEFAULT) |           \
   SINCE(minor, 31, SCHEDULER_HAS_ACTIVE_SEQS) | SINCE(minor, 33, SCHEDULER_HAS_OFFLOAD))

/* Versions with recordings; the rules of others were read in the release. */
#define RECORDED(minor)                                                                            \
  ((minor) == 14 || (minor) == 18 || (minor) == 22 || (minor) == 26 || (minor) == 33)
#define EVIDENCE(minor)                                                                            \
  (RECORDED(minor) ? "read in the release; recorded, with and without caching and overlap"         \
                   : "read in the release; not recorded itself")

#define ENGINE(called, minor, text, grounds, more_features)                                        \
  {                                                                                                \
    .name = called, .help = text, .version = minor, .costs_as = "vllm-v1", .evidence = grounds,    \
    .features = FEATURES(minor) | (more_features), .rules = RULES(minor), .hidden_blocks = 1,      \
    .group_retention = RETENTION(minor), .withholds_states_again = (minor) == 32,                  \
    .stops_at_max_model_len = TRUE, .evicts_in_place = TRUE, .state_bytes = sizeof(VllmState),     \
    .begin = vllm_begin, .end = vllm_end, .schedule = vllm_schedule,                               \
  }
#define VERSION(minor, text)                                                                       \
  ENGINE("vllm-0." #minor, minor, text, EVIDENCE(minor), SCHEDULER_CACHES_BY_DEFAULT)

const SchedulerClass scheduler_vllm_versions[] = {
    VERSION(8, "vLLM 0.8: running first, preempts the newest, recomputes; prefix caching"),
    VERSION(9, "vLLM 0.9: decides as 0.8"),
    VERSION(10, "vLLM 0.10: asynchronous scheduling where asked for"),
    VERSION(11, "vLLM 0.11: decides as 0.10"),
    VERSION(12, "vLLM 0.12: without chunking, a prompt too long for the step ends its admissions"),
    VERSION(13, "vLLM 0.13: decides as 0.12"),
    VERSION(14, "vLLM 0.14: asynchronous scheduling by default"),
    VERSION(15, "vLLM 0.15: decides as 0.14"),
    VERSION(16, "vLLM 0.16: decides as 0.14"),
    VERSION(17, "vLLM 0.17: decides as 0.14"),
    VERSION(18, "vLLM 0.18: decides as 0.14"),
    VERSION(19, "vLLM 0.19: admits only what finds blocks for all of its length"),
    VERSION(20, "vLLM 0.20: as 0.19; counts of windows only what they hold at their widest"),
    VERSION(21, "vLLM 0.21: decides as 0.19"),
    VERSION(22, "vLLM 0.22: decides as 0.19"),
    VERSION(23, "vLLM 0.23: blocks of windows without cached content are used again first"),
    VERSION(24, "vLLM 0.24: so are those of all layers; a watermark"),
    VERSION(25, "vLLM 0.25: decides as 0.24"),
    VERSION(26, "vLLM 0.26: as 0.24; caches recurrent states by default"),
    VERSION(27, "vLLM 0.27: decides as 0.26"),
    VERSION(28, "vLLM 0.28: decides as 0.26"),
    VERSION(29, "vLLM 0.29: of windows and states only prompts' ends stay cached"),
    VERSION(30, "vLLM 0.30: decides as 0.29"),
    VERSION(31, "vLLM 0.31: a cap on active sequences; a lone prompt is not cut by the threshold"),
    VERSION(32,
            "vLLM 0.32: as 0.31; kernels of Mamba 2 leave a prompt's last state in its last step"),
    VERSION(33, "vLLM 0.33: as 0.31; a prefill interval; the newest known, also called vllm"),
};

G_STATIC_ASSERT(G_N_ELEMENTS(scheduler_vllm_versions) ==
                SCHEDULER_VLLM_NEWEST - SCHEDULER_VLLM_OLDEST + 1);

const SchedulerClass scheduler_vllm_v1 =
    ENGINE("vllm-v1", 10, "vLLM v1 of August 2025: running first, preempts the newest, recomputes",
           "ROCm/vllm of 28 August 2025; recorded, with and without caching and chunking", 0);
