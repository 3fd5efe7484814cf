/* The parts of a server's memory; called by pool_size.c. Each rule has beside it where it was read,
 * or in which logs. */
#include "server_memory.h"

#include "sim/pipeline.h"

#include <string.h>

#define GIB (1024.0 * 1024 * 1024)
#define MIB (1024.0 * 1024)

/* PyTorch's cuBLAS workspace, CUDABlas' parseChosenWorkspaceSize: 32 MiB on compute capability 9.0
 * and 10.0, else 8.125 MiB. Those are the cards of 70 GiB and more that are no A100. */
#define WORKSPACE_LARGE_BYTES ((guint64)(32 * MIB))
#define WORKSPACE_SMALL_BYTES ((guint64)(8.125 * MIB))

/* Bytes that the sampler holds at its peak for each logit (gpu_model_runner's _dummy_sampler_run,
 * which asks for top-k and top-p): the logits in 16 and in 32 bits, and
 *   by sorting    values and 64-bit indices (4 + 8), and the temporary storage of CUB's sort of
 *                 pairs: segments' indices (8), double buffers of keys and values (4 + 8)
 *   by rejection  probabilities (4) and the exponential noise, or masked logits (4) */
#define SORTING_LOGIT_BYTES (2 + 4 + 12 + 20)
#define REJECTING_LOGIT_BYTES (2 + 4 + 4 + 4)
/* Model runner V2 samples from 16-bit logits, without top-k and top-p in its profile run. */
#define PLAIN_LOGIT_BYTES 2
#define FIRST_TRITON_TOP_K 17 /* topk_topp_triton.py: a row of 32-bit scratch a multiprocessor */
#define FIRST_FLASHINFER 21   /* VLLM_USE_FLASHINFER_SAMPLER is 1: no scratch */
#define LEAST_TRITON_SEQS 8   /* fewer are sorted */

/* Of the hidden size, live at the widest point of a layer: the residual before and behind the
 * attention, its output, and the normed input of the feed-forward part. */
#define FORWARD_HIDDEN 4
#define HIDDEN_BYTES 2 /* 16-bit activations */

/* The experts' workspaces stay allocated (WorkspaceManager), beside whatever comes later. */
#define FIRST_EXPERT_WORKSPACE 16
/* Inductor's benchmark of combined kernels, on by default (benchmark_combo_kernel), runs them on
 * copies of their inputs when a model is first compiled. The largest is the embedding's table. */
#define FIRST_COMBO_BENCHMARK 11

/* What is not PyTorch's on H100 at TP 1, 2, and from 4: logs of 0.15 and of 0.19, which has run and
 * dropped its CUDA graphs by then (profile_cudagraph_memory). */
#define FIRST_GRAPH_PROFILE 18
#define NON_TORCH_GIB(a, b, c) ((const double[]){a, b, c})
/* Of cards without links: 0.21 of eight L40S (0.10.2), 1.70 of four RTX PRO 6000s (August 2026),
 * 0.75 of two: what weights of 14.28 GiB, and 0.20 of a draft layer, leave of 15.03 and 15.25 GiB
 * (club-3090 issue 1087, two RTX 5090s, and pull request 1139, two RTX 3090s). */
#define UNLINKED_GIB 0.21
#define UNLINKED_PROFILED_GIB 1.70
#define TWO_UNLINKED_PROFILED_GIB 0.75
/* Counted "since v0.21.0", as logs say. They have 0.53 GiB for 28 layers (0.24, RTX 4090) and some
 * 0.50 for 32 (0.32, H100), both with all default sizes. */
#define FIRST_GRAPHS_COUNTED 21
#define GRAPH_BYTES_A_LAYER (17.6 * MIB)
/* Graphs of 256 sequences and more ("PIECEWISE=51 (largest=512), FULL=35 (largest=256)"): all but
 * the first of a kind are counted alike (profile_cudagraph_memory). */
enum { ALL_GRAPHS = 86, LARGEST_GRAPH = 512 };

/* Experts in MXFP4 on Hopper: Marlin's kernels in starts of 0.10.1 and 0.11.0, Triton's, which come
 * with vLLM since 0.11.1, in one of 0.14.1. */
#define FIRST_TRITON_EXPERTS 12

/* What is gone before SGLang loads weights ("Load weight begin. avail mem"), by start-up logs: a
 * CUDA context, which grows with the multiprocessors (0.27 GiB on L4, 0.50 on H200, 0.62 on H100 in
 * 2026), and what joins the ranks: 2.01 on eight H200s (pull request 11716), 1.6 on four H100s (the
 * pool of vLLM issue 21348); of cards without links 0.13 (four L4s) and 0.39 (four RTX PRO 6000s).
 */
#define CONTEXT_BYTES_A_PROCESSOR (4.2 * MIB)
#define JOINED_LINKED_GIB(ranks) ((ranks) > 4 ? 2.0 : 1.6)
#define JOINED_UNLINKED_GIB 0.25

typedef struct {
  guint64 bytes;
  const char *in;
} Peak;

static gboolean
has_large_workspace(const Device *device)
{
  return device->memory_bytes >= 70 * GIB && strstr(device->name, "a100") == NULL;
}

/* Which models run in model runner V2 without being asked to (VllmConfig.use_v2_model_runner). It
 * does not serve those with recurrent states: pull request 39337 (has_inner_state), and a remark in
 * 0.28's own code; of 0.30 and later nothing is known. */
static gboolean
is_runner_v2(const ServerSetup *setup)
{
  static const struct {
    const char *family;
    guint32 since;
  } first[] = {{"qwen3", 22},     {"llama", 23},       {"mistral", 23},
               {"qwen2_moe", 24}, {"deepseek_v2", 24}, {"granitemoe", 24}};
  const char *family = setup->model->family;

  if (setup->version < 30 && model_rank_state_bytes(setup->model, 1) > 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(first); i++)
    if (g_strcmp0(family, first[i].family) == 0 && setup->version >= first[i].since)
      return TRUE;
  return setup->version >= 30 || (setup->version >= 26 && setup->model->experts == 0);
}

static guint32
power_of_two(guint32 n)
{
  guint32 power = 1;

  while (power < n)
    power *= 2;
  return power;
}

/* Scratch of the Triton kernel that masks logits: a row for each of its programs. */
static guint64
triton_scratch(const ServerSetup *setup)
{
  guint32 processors = (guint32)setup->device->multiprocessors;
  guint32 programs = MIN(power_of_two(MIN(processors, setup->max_num_seqs)), processors);

  return 4 * (guint64)programs * setup->model->vocab;
}

static Peak
sampler_peak(const ServerSetup *setup)
{
  const Model *model = setup->model;
  guint64 logits = (guint64)setup->max_num_seqs * model->vocab;
  guint64 hidden = HIDDEN_BYTES * (guint64)model->hidden *
                   ((guint64)setup->max_num_batched_tokens + 2 * setup->max_num_seqs);
  gboolean flashinfer = setup->version >= FIRST_FLASHINFER;
  gboolean triton =
      setup->version >= FIRST_TRITON_TOP_K && setup->max_num_seqs >= LEAST_TRITON_SEQS;

  if (is_runner_v2(setup))
    return (Peak){hidden + PLAIN_LOGIT_BYTES * logits, "logits"};
  if (flashinfer)
    return (Peak){hidden + REJECTING_LOGIT_BYTES * logits, "sampler"};
  if (triton)
    return (Peak){hidden + REJECTING_LOGIT_BYTES * logits + triton_scratch(setup), "sampler"};
  return (Peak){hidden + SORTING_LOGIT_BYTES * logits, "sampler, sorting"};
}

/* TritonExperts.workspace_shapes: a row a token and expert, of the wider of the experts' input and
 * their output, twice. */
static guint64
expert_workspace(const ServerSetup *setup, const Layer *layer)
{
  guint64 rows = (guint64)setup->max_num_batched_tokens * MAX(1, setup->data_parallel_size) *
                 layer->active_experts;
  guint64 width = layer->ffn * MAX(1, setup->expert_groups) / server_expert_ranks(setup);
  guint64 inner = MAX(width, (guint64)setup->model->hidden);
  guint64 outer = MAX((layer->gated ? 2 : 1) * width, (guint64)setup->model->hidden);

  return layer->experts > 0 ? HIDDEN_BYTES * rows * (inner + outer) : 0;
}

/* A dense part's (or the shared experts') input projection and its activated half. */
static guint64
dense_bytes(const ServerSetup *setup, const Layer *layer)
{
  guint64 width = (layer->experts > 0 ? layer->shared_ffn : layer->ffn);

  return HIDDEN_BYTES * (guint64)setup->max_num_batched_tokens * (layer->gated ? 3 : 2) * width /
         setup->tensor_parallel_size;
}

/* Over the layers: the widest forward pass, and in *kept what stays allocated behind it. */
static Peak
forward_peak(const ServerSetup *setup, guint64 *kept)
{
  const Model *model = setup->model;
  guint64 hidden =
      FORWARD_HIDDEN * HIDDEN_BYTES * (guint64)setup->max_num_batched_tokens * model->hidden;
  Peak peak = {0, "forward pass"};

  *kept = 0;
  for (guint i = 0; i < model->n_kinds; i++) {
    guint64 workspace = expert_workspace(setup, &model->kinds[i]);
    peak.bytes = MAX(peak.bytes, hidden + MAX(workspace, dense_bytes(setup, &model->kinds[i])));
    *kept = MAX(*kept, workspace);
  }
  if (setup->version < FIRST_EXPERT_WORKSPACE)
    *kept = 0;
  return peak;
}

static Peak
compile_peak(const ServerSetup *setup)
{
  guint64 table = HIDDEN_BYTES * model_rank_vocab(setup->model, setup->tensor_parallel_size) *
                  setup->model->hidden;
  gboolean tries = setup->version >= FIRST_COMBO_BENCHMARK && !setup->eager;

  return (Peak){tries ? table : 0, "compilation"};
}

static void
find_activation(const ServerSetup *setup, ServerMemory *memory)
{
  guint64 kept;
  Peak forward = forward_peak(setup, &kept);
  Peak sampler = sampler_peak(setup);
  Peak peaks[] = {forward, {sampler.bytes + kept, sampler.in}, compile_peak(setup)};
  guint64 workspace =
      has_large_workspace(setup->device) ? WORKSPACE_LARGE_BYTES : WORKSPACE_SMALL_BYTES;

  for (guint i = 0; i < G_N_ELEMENTS(peaks); i++) {
    guint64 bytes = peaks[i].bytes + workspace;
    if (bytes > memory->activation_bytes) {
      memory->activation_bytes = bytes;
      memory->activation_peak = peaks[i].in;
    }
  }
}

static guint64
non_torch(const ServerSetup *setup)
{
  gboolean profiles_graphs = setup->version >= FIRST_GRAPH_PROFILE && !setup->eager;
  const double *gib =
      profiles_graphs ? NON_TORCH_GIB(0.25, 2.08, 2.17) : NON_TORCH_GIB(0.13, 0.55, 0.55);
  guint32 tp = setup->tensor_parallel_size * MAX(1, setup->pipeline_parallel_size);

  if (tp == 1 && profiles_graphs && setup->device->non_torch_bytes > 0)
    return (guint64)setup->device->non_torch_bytes;
  if (tp > 1 && setup->device->allreduce_direct_bytes_per_s <= 0)
    return (guint64)((!profiles_graphs ? UNLINKED_GIB
                      : tp == 2        ? TWO_UNLINKED_PROFILED_GIB
                                       : UNLINKED_PROFILED_GIB) *
                     GIB);
  return (guint64)(gib[tp == 1 ? 0 : tp < 4 ? 1 : 2] * GIB);
}

/* Sizes 1, 2, 4, from 8 on by 8, from 256 on by 16 (VllmConfig._set_cudagraph_sizes). */
static guint32
sizes_up_to(guint32 most)
{
  guint32 n = 0;

  for (guint32 size = 1; size <= most; size += size < 4 ? size : size < 8 ? 4 : size < 256 ? 8 : 16)
    n++;
  return n;
}

/* Graphs in pieces up to twice as many tokens as sequences, whole ones up to as many. */
static guint64
graph_bytes(const ServerSetup *setup)
{
  guint32 stages = MAX(1, setup->pipeline_parallel_size);
  guint32 layers = pipeline_most_layers(setup->model->layers, stages);
  guint32 seqs = MIN(setup->max_num_seqs, LARGEST_GRAPH);
  guint32 graphs = sizes_up_to(MIN(2 * seqs, LARGEST_GRAPH)) + sizes_up_to(seqs);

  if (setup->eager || setup->version < FIRST_GRAPHS_COUNTED)
    return 0;
  return (guint64)(GRAPH_BYTES_A_LAYER * layers * MIN(graphs, ALL_GRAPHS) / ALL_GRAPHS);
}

ServerMemory
server_memory_find(const ServerSetup *setup)
{
  ServerMemory memory = {.non_torch_bytes = non_torch(setup), .graph_bytes = graph_bytes(setup)};

  find_activation(setup, &memory);
  return memory;
}

/* mxfp4_round_up_hidden_size_and_intermediate_size, and which kernels are taken on a card. Triton's
 * keep the values of a matrix in pieces of 256 inputs, as logs say (64.38 GiB of gpt-oss-120b on
 * H100). */
ExpertPadding
server_expert_padding(const Device *device, guint32 version)
{
  static const ExpertPadding marlin = {256, 128, 1}, triton = {1, 64, 256}, whole = {256, 256, 1};
  double capability = device->compute_capability;

  if (capability >= 10 && capability < 11)
    return whole;
  if (capability >= 9 && capability < 10)
    return version >= FIRST_TRITON_EXPERTS ? triton : marlin;
  return capability > 0 ? marlin : whole;
}

guint64
server_memory_before_weights(const Device *device, guint32 ranks)
{
  double joined =
      device->allreduce_direct_bytes_per_s > 0 ? JOINED_LINKED_GIB(ranks) : JOINED_UNLINKED_GIB;

  return (guint64)(CONTEXT_BYTES_A_PROCESSOR * device->multiprocessors +
                   (ranks > 1 ? joined * GIB : 0));
}
