/* The roofline: a cost model from a device's peaks and the shares of them that kernels reach.
 *
 * Every kernel takes max(FLOPs / (peak x share), bytes / (bandwidth x share)) + a fixed time.
 *
 *   linear      A product for each matrix: qkv, o, gate+up (or fc1), down (or fc2) and any others.
 *               Weights of 4 bits are read as such and multiplied at 16, but NVFP4 where the device
 *               multiplies it, and MXFP4 of experts at 8 where its file says what that reaches.
 *   experts     A grouped product: the rows of all, and the bytes of the experts that a batch is
 *               expected to touch, E (1 - (1 - k/E)^tokens), each token's k drawn uniformly from E;
 *               part of the shorter of the two is hidden. They are shared by tensor x data-parallel
 *               ranks, whose engines all have as many tokens as this one. Split by width, a rank
 *               has a part of each expert; with expert parallelism a part of fewer experts, down to
 *               whole ones, and the rows of the busiest group (experts.h).
 *   attention   A prefill by pairs of tokens, n c + n (n + 1) / 2 + n x ramp / 2, fewer with a
 *               window; a decode affine in the visible context, with an integer slope. Latent
 *               attention decodes absorbed, 2 h (2 r + p) FLOPs and (r + p) elements a token, and
 *               makes K and V of cached tokens again for a prefill, 2 h r (d + v) (DeepSeek-V2,
 *               2.1); sparse attention adds its indexer over the whole context (DeepSeek-V3.2).
 *   states      A recurrent layer reads and writes its state once, and updates it with 6 FLOPs for
 *               each element and token: decay, outer product, read (Mamba-2 and Gated DeltaNet in
 *               recurrent form; chunked forms of a prefill take products of the same order).
 *   head        The output head of sampled tokens, then sampling over their logits.
 *   comm        Two all-reduces a layer: 2 (g - 1) / g of the activations over the bus bandwidth,
 *               or (g - 1) times the activations read from the others at once, whichever is faster;
 *               one more, of two numbers a token, where norms go over all heads.
 *   host        A time for a step and for each sequence, by scheduler.
 *   swap        A copy's launch and its bytes, by copy path.
 *   contention  A copy beside a step takes its share of the memory's bandwidth from it.
 *
 * Left out: overlap of kernels except of shared experts (SharedExperts), and full copy queues.
 * Nothing is measured: the mask is always 0. Median error against published tables
 * (tests/unit/calib/roofline-tables.c), in percent on A100, H100, RTX PRO 6000: products 10, 7 (fp8
 * 13, in blocks 33), 9; a layer's products by Vidur 4 to 6, 20; prefill attention 6, 10, 6; decode
 * attention of 16 MB and more 8, 15, 6. All but Vidur are in sample: the shares were fitted to
 * those tables.
 */
#pragma once

#include "copy_path.h"
#include "experts.h"
#include "calib/devices/device.h"
#include "calib/devices/host.h"
#include "sim/cost.h"
#include "sim/model.h"
#include "what_if.h"

/* vLLM's limit of the tokens of a step that runs as a captured graph. */
#define ROOFLINE_CAPTURED_TOKENS 512

/* Which steps run as captured graphs. vLLM v1 captures pieces of a layer, for steps of any kind;
 * vLLM 0.x whole steps, and of nothing but decodes, as this program's own executor does; a server
 * with --enforce-eager none. */
typedef enum { CAPTURED_STEPS, CAPTURED_DECODES, CAPTURED_NOTHING } CapturedKind;

#define ROOFLINE_ERROR (roofline_error_quark())
GQuark roofline_error_quark(void);
typedef enum { ROOFLINE_ERROR_CONFIG } RooflineError;

/* Which ranks share a model's experts, and how. */
typedef struct {
  guint32 tp, engines; /* tp x engines ranks; at least 1 each */
  guint32 groups; /* of ranks, that experts are dealt out to: each rank of a group has a part of
                     each of the group's; 0 is 1 */
  SharedExperts shared;
} ExpertSplit;

/* Groups that have E / n experts each, and ranks that have a part of each of those. */
static inline guint32
expert_split_groups(const ExpertSplit *split)
{
  return MAX(1, split->groups);
}

static inline guint32
expert_split_parts(const ExpertSplit *split)
{
  return split->tp * split->engines / expert_split_groups(split);
}

typedef struct {
  const Device *device; /* these three are needed during roofline_new() only */
  const Model *model;
  const Host *host;   /* NULL: a step takes no time of it */
  guint32 block_size; /* tokens */
  /* Of a block of a KV group, which is what is copied; 0: blocks are of all layers. */
  guint64 block_bytes; /* on one rank */
  guint32 block_tensors;
  guint32 tensor_parallel_size;
  /* Of a model with experts: engines that share them, each with tokens of its own; 0 is 1. */
  guint32 data_parallel_size;
  guint32 pipeline_parallel_size; /* stages that the layers are split over; 0 is 1 */
  guint32 expert_groups;          /* that experts are dealt out to (ExpertSplit); 0 is 1 */
  SharedExperts shared_experts;
  gboolean expert_blocks; /* another model's time of experts has their routing and activation */
  gboolean own_sums; /* the engine sums by a kernel of its own or NCCL, not by symmetric memory */
  HostScheduler scheduler;
  gboolean asynchronous; /* the host prepares a step while the one before runs */
  CapturedKind captured;
  guint32 captured_tokens;   /* of the largest step that runs as a captured graph, or would if any
                                did; 0: 512, vLLM's most */
  gboolean in_pieces;        /* captured graphs end before each attention, and begin behind it */
  gboolean launched_prompts; /* steps with prompts are not captured (HostCost.latent_launch_ps) */
  gboolean launched_steps;   /* nothing is, and a step takes its launches at least (launch_ps) */
  gboolean captures_head;    /* the output head is in the graph, too, and has its rows */
  gboolean greedy; /* the likeliest tokens are taken; the roofline costs that as sampling */
  CopyPath copy_path;
  HostMemory host_memory;
  guint32 copy_stages; /* CostModel.copy_stages */
  WhatIf what_if;
} RooflineConfig;

/* Why a model cannot be split over ranks so, as half a sentence; NULL: it can. */
const char *roofline_find_unsplit(const Model *model, const ExpertSplit *split);

/* The caller frees it with cost_model_free(). For one thread: it remembers costs. */
CostModel *roofline_new(const RooflineConfig *config, GError **error);

/* Fills a cleared piece, but for the components in `covered` (bits 1 << component), which another
 * cost model fills in. `self` must be a roofline. */
void roofline_step_without(CostModel *self, const CostShape *shape, guint32 repeat, guint covered,
                           CostPiece *piece);

/* Raises the cost of a step that is not captured to the time of its kernels' launches, where that
 * is known, and then answers for one step alone. */
void roofline_wait_for_launches(const CostModel *self, const CostShape *shape, CostPiece *piece);

/* With asynchronous scheduling a step lasts as long as the host's work at least: adds what the
 * other components lack, and then answers for one step alone, as it changes with the contexts. */
void roofline_wait_for_host(const CostModel *self, const CostShape *shape, CostPiece *piece);

/* Whether a step of so many tokens runs as a captured graph. */
gboolean roofline_is_captured(CapturedKind captured, guint64 captured_tokens,
                              const CostShape *shape, guint64 tokens);

/* The host's time between the pieces of a step that is captured in pieces; 0: it is captured whole,
 * or that is not known. */
gint64 roofline_pieces_ps(const CostModel *self);

/* An (m x k) by (k x n) product with weights of a format: what `linear` is made of. */
gint64 roofline_gemm_ps(const Device *device, const WhatIf *what_if, guint64 m, guint64 n,
                        guint64 k, const WeightFormat *format);

/* The routed experts of one layer on one rank, in a step of so many tokens in each engine. */
gint64 roofline_experts_ps(const Device *device, const WhatIf *what_if, guint64 tokens,
                           const Layer *layer, const ExpertSplit *split);

/* The experts of a layer together: routed ones that take `routed_ps` alone, shared ones that take
 * `shared_ps`. Beside each other they take the longer of the two, and no less than all their bytes
 * and FLOPs take of one device. */
double roofline_experts_together_ps(const Device *device, const WhatIf *what_if, guint64 tokens,
                                    const Layer *layer, const ExpertSplit *split, double routed_ps,
                                    double shared_ps);

/* Of COST_COMM what is no all-reduce of activations: what engines that share experts, and stages,
 * send each other, and the sums behind norms over all heads. */
gint64 roofline_exchange_ps(const CostModel *self, guint64 tokens);

/* Messages that an engine without symmetric memory sums by two shots of its own kernel: larger than
 * one shot serves, and no larger than the kernel does. NCCL sums those beyond. */
#define TWO_SHOTS_LEAST_BYTES (256 * 1024)
#define TWO_SHOTS_MOST_BYTES (8 * 1024 * 1024)

/* What such a sum over a model's ranks takes at least; 0: the device's file has no figure, or
 * another way is taken. */
double roofline_own_sum_ps(const CostModel *self, double bytes);

/* How a config's ranks share experts. */
ExpertSplit roofline_expert_split(const RooflineConfig *config);
