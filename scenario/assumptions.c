#include "assumptions.h"

#include "calib/cost/copy_contention.h"
#include "calib/cost/operation_fit.h"
#include "calib/cost/pool_size.h"
#include "calib/cost/profile_remarks.h"
#include "report/text/format.h"
#include "sim/kv_groups.h"
#include "sim/units.h"

static void
add(json_t *list, char *sentence)
{
  json_array_append_new(list, json_string(sentence));
  g_free(sentence);
}

/* Layers that see a part of the context. */
static guint32
windowed_layers(const KvGroups *layout)
{
  guint32 layers = 0;

  for (guint i = 0; i < layout->n_kinds; i++)
    layers += layout->kinds[i].window > 0 ? layout->kinds[i].layers : 0;
  return layers;
}

/* Blocks of a sequence whose windows give nothing back. */
static guint64
blocks_held(const KvGroups *layout, guint64 tokens)
{
  KvGroups whole = *layout;

  for (guint i = 0; i < whole.n_kinds; i++)
    if (whole.kinds[i].window > 0)
      whole.kinds[i].kind = KV_WHOLE;
  return kv_groups_sequence_blocks(&whole, tokens);
}

/* How the last state of a prompt that is kept comes about. */
static const char *
last_state(const Scenario *s)
{
  if (s->config.kv_groups.inner_states)
    return "comes within its last step, as kernels of Mamba 2 leave it since 0.32 and FlashInfer's "
           "of the gated delta rule since 0.33";
  if (s->scheduler->version < 29)
    return "takes a step of its own";
  return "takes a step of its own, which FlashKDA's kernels spare since 0.29 (bounded gates), "
         "those of Mamba 2 since 0.32 and FlashInfer's of the gated delta rule since 0.33 (on a "
         "device of compute capability 9.0, 10 or 12)";
}

/* Of a page of the layers that see all; 0: there are none. */
static guint32
page_tokens(const KvGroups *groups)
{
  for (guint i = 0; i < groups->n_kinds; i++)
    if (groups->kinds[i].kind == KV_WHOLE)
      return groups->kinds[i].block_tokens;
  return 0;
}

/* Of groups that are counted. */
static void
add_groups(json_t *list, const Scenario *s)
{
  const KvGroups *groups = &s->config.kv_groups;

  add(list, g_strdup_printf("a block of the pool is a page in each of up to %u layers, and %u "
                            "groups of layers share the pool, as in vLLM's hybrid manager",
                            groups->group_layers, groups->n_groups));
  if (page_tokens(groups) > 0 && page_tokens(groups) != s->config.block_size)
    add(list, g_strdup_printf("a page of a layer that sees all holds %u tokens, not block_size, "
                              "since pages are as large as the largest",
                              page_tokens(groups)));
  if (groups->is_compressed)
    add(list, g_strdup("entries of several tokens, the windows beside them and the compressors' "
                       "tokens take blocks as in vLLM 0.22; later versions need 1 to 5 % less "
                       "memory for a block"));
  if (s->config.prefix_caching)
    add(list, g_strdup("where no prompt of a trace has prefix hashes, what a preempted sequence "
                       "leaves in the prefix cache is lost to it"));
  if (kv_groups_state_tokens(groups) > 0)
    add(list, g_strdup_printf("the prefix cache has a recurrent state every %u tokens, where "
                              "prefills stop for it (mamba_cache_mode align); the last of a prompt "
                              "%s",
                              kv_groups_state_tokens(groups), last_state(s)));
}

/* Of windows where blocks are of all layers. */
static void
add_held(json_t *list, const Scenario *s, const KvGroups *groups)
{
  guint32 longest = s->config.max_model_len;

  if (s->one_pool_is_real) {
    add(list, g_strdup_printf("%u of %u layers see a window and keep KV of it all the same until a "
                              "sequence ends, as on a server: %s",
                              windowed_layers(groups), s->model->layers, s->one_group_reason));
    return;
  }
  add(list, g_strdup_printf(
                "%u of %u layers see a window and keep KV of it all the same until a sequence "
                "ends, since %s; a server gives it back: at %u tokens a sequence holds %.0f %% of "
                "what it does here",
                windowed_layers(groups), s->model->layers, s->one_group_reason, longest,
                100.0 * (double)kv_groups_sequence_blocks(groups, longest) /
                    (double)blocks_held(groups, longest)));
}

/* Of SGLang's window pool. */
static void
add_window_pool(json_t *list, const Scenario *s)
{
  const WindowPoolConfig *pool = &s->config.window_pool;
  guint64 page = s->config.block_size;

  add(list, g_strdup_printf(
                "%u of %u layers see a window and have a pool of their own, of %" G_GUINT64_FORMAT
                " tokens beside the others' %" G_GUINT64_FORMAT
                "; a decode gives back what its window of %u has passed once %u tokens have left "
                "it (SGLANG_SWA_EVICTION_INTERVAL); its rules are read in the release, and no "
                "recording holds them",
                s->windowed_layers, s->model->layers, pool->blocks * page,
                s->config.num_gpu_blocks * page, pool->tokens, pool->interval));
  if (s->config.overflow->needs_host)
    add(list, g_strdup("copies to the host are of all layers' KV, what windows have passed "
                       "included; who comes back takes room for its last window alone"));
  if (s->config.admission != NULL && s->config.admission->admits != NULL)
    add(list, g_strdup("the admission policy looks at the pool of the layers that see all, not at "
                       "that of the windows"));
}

/* What copies and steps do to each other. */
static gboolean
contention_is_measured(const Scenario *s, guint32 tp)
{
  g_autofree char *out = copy_variant(COPY_OUT, s->copy_path, s->host_memory);
  g_autofree char *in = copy_variant(COPY_IN, s->copy_path, s->host_memory);
  guint64 piece_bytes;

  if (s->profile == NULL || s->model == NULL)
    return FALSE;
  piece_bytes = pool_block_bytes(s->model, s->config.block_size, tp) /
                (s->copy_path == COPY_PATH_PER_BLOCK ? 1 : model_kv_tensors(s->model));
  for (gboolean prefills = FALSE; prefills <= TRUE; prefills++)
    if (!copy_contention_find(s->profile, out, prefills, piece_bytes).measured ||
        !copy_contention_find(s->profile, in, prefills, piece_bytes).measured)
      return FALSE;
  return TRUE;
}

static gboolean
has_nvfp4(const Model *model)
{
  for (guint i = 0; i < model->n_kinds; i++)
    for (guint j = 0; j < model->kinds[i].n_matrices; j++)
      if (g_str_equal(model->kinds[i].matrices[j].format.name, "nvfp4"))
        return TRUE;
  return FALSE;
}

json_t *
scenario_assumptions(const Scenario *s, guint32 tp)
{
  json_t *list = json_array();
  guint64 state_bytes = model_rank_state_bytes(s->model, tp);
  KvGroups groups;

  if (s->copy_stages > 0 && s->config.overlap_copies)
    add(list, g_strdup_printf("who comes back joins a step whose layers, taken as %u equal groups, "
                              "wait for no part of a copy if it is as long as one of what decodes; "
                              "its blocks on the host are free when it begins",
                              s->copy_stages));
  else if (s->copy_stages > 0 && s->executor->needs_cost)
    add(list,
        g_strdup_printf("copies are made beside the layers of their step, those out first: the "
                        "layers are taken as %u equal groups, each of which waits for an "
                        "equal part of the copies",
                        s->copy_stages));
  if ((s->config.overlap_copies || s->copy_stages > 0) && s->executor->needs_cost &&
      !contention_is_measured(s, tp))
    add(list,
        g_strdup("a copy beside a step takes its share of the memory's bandwidth from it, and "
                 "is not slowed itself: modelled, not measured"));
  if (s->disk != NULL)
    add(list, g_strdup_printf(
                  "the disk is %s: %.3g GB/s read, %.3g written, %.3g and %.3g us before "
                  "a block's bytes, %.0f blocks in flight: published or typed, not "
                  "measured; files, checks and the host's memory take no time",
                  s->disk->title, s->disk->read_bytes_per_s / 1e9, s->disk->write_bytes_per_s / 1e9,
                  s->disk->read_latency_ps / (double)PS_PER_US,
                  s->disk->write_latency_ps / (double)PS_PER_US, s->disk->queue_depth));
  if (s->disk != NULL && scenario_engines(s) > 1)
    add(list, g_strdup("each engine has a disk of its own"));
  if (s->scheduler->features & SCHEDULER_HAS_CAPACITY_POLICY)
    add(list, g_strdup_printf("%s decides by TensorRT-LLM's published rules, which no recording "
                              "of it holds%s",
                              s->scheduler->name,
                              s->config.prefix_caching ? "; blocks are reused whole" : ""));
  if (s->scheduler->features & SCHEDULER_HIDES_HOST)
    add(list, g_strdup_printf("the overlap scheduler of %s hides the host's work behind the step "
                              "before, and decides as if that were done",
                              s->scheduler->name));
  if (s->model->left_out != NULL)
    add(list, g_strdup_printf("%s takes no memory", s->model->left_out));
  if (has_nvfp4(s->model) && s->profile == NULL && s->executor->needs_cost &&
      s->device->fp4_flops == 0)
    add(list, g_strdup("products of NVFP4 weights are computed at 16 bits, as on cards before "
                       "Blackwell"));
  if (s->model->tower_bytes > 0)
    add(list, g_strdup("prompts have no images; what the tower's work takes of the memory when a "
                       "server measures itself is not taken from the pool"));
  if (s->config.kv_groups.n_kinds > 0) {
    add_groups(list, s);
    return list;
  }
  if (state_bytes > 0 && s->state_slots > 0)
    add(list,
        g_strdup_printf("%u recurrent states of %.1f MiB a card have a pool of their own "
                        "beside the KV, for %u sequences that run, and are not copied",
                        s->state_slots, (double)state_bytes / (1 << 20), s->config.max_num_seqs));
  else if (state_bytes > 0)
    add(list, g_strdup_printf("the recurrent state of a sequence, %.1f MiB a card, takes no blocks "
                              "of the pool and is not copied",
                              (double)state_bytes / (1 << 20)));
  if (s->config.window_pool.tokens > 0)
    add_window_pool(list, s);
  else if (kv_groups_find(s->model, s->config.block_size, tp, &groups) &&
           windowed_layers(&groups) > 0)
    add_held(list, s, &groups);
  return list;
}

static void
add_front_end(json_t *list, const FrontEnd *front_end, const HostCost *cost)
{
  g_autofree char *known =
      cost->api_token_most_ps > 0
          ? g_strdup_printf(" (known: %.1f to %.1f)", cost->api_token_least_ps / PS_PER_US,
                            cost->api_token_most_ps / PS_PER_US)
          : g_strdup("");

  if (!front_end_is_none(front_end))
    add(list, g_strdup_printf("API front end: %.0f us a request, %.1f a prompt token%s; "
                              "--what-if front-end=0 for none",
                              (double)front_end->request_ps / PS_PER_US,
                              (double)front_end->token_ps / PS_PER_US, known));
}

/* `is_own`: the profile's host time, of a server that ran as it ran. `times`: what is said of a
 * scale of the host's times, "" for none. */
static void
add_pieces(json_t *list, const Scenario *s, const HostCost *cost, gboolean is_own,
           const char *times)
{
  if (is_own)
    add(list, g_strdup("graphs in pieces: what lies between them is in the profile's host time"));
  else if (cost->piece_ps > 0)
    add(list, g_strdup_printf("graphs in pieces: %.1f us a layer between them (known: %.1f to "
                              "%.1f)%s; --cudagraph-mode full-and-piecewise for none",
                              cost->piece_ps / PS_PER_US, cost->piece_least_ps / PS_PER_US,
                              cost->piece_most_ps / PS_PER_US, times));
  else
    add(list, g_strdup_printf("graphs in pieces: what lies between them is not counted, as the "
                              "host %s has no piece_us",
                              s->host->name));
}

/* What is taken of a server that captures nothing. */
static void
add_launches(json_t *list, const Scenario *s, const HostCost *cost, gboolean is_own,
             const char *times)
{
  guint32 latent = model_latent_layers(s->model);
  g_autofree char *known =
      cost->launch_most_ps > 0
          ? g_strdup_printf(" (known: %.0f to %.0f)", cost->launch_least_ps / PS_PER_US,
                            cost->launch_most_ps / PS_PER_US)
          : g_strdup("");

  if (is_own)
    add(list, g_strdup("no graph is captured: the profile's host time of steps that are none"));
  else if (latent < s->model->layers)
    add(list, g_strdup_printf("no graph is captured: a step takes %.0f us a layer at least, in "
                              "which its kernels are launched%s%s",
                              cost->launch_ps / PS_PER_US, known, times));
  if (!is_own && latent > 0)
    add(list, g_strdup_printf("no graph is captured: a step takes %.0f us a layer of latent "
                              "attention at least, in which its kernels are launched (one "
                              "server's)%s",
                              cost->latent_launch_ps / PS_PER_US, times));
}

void
scenario_assume_host(const Scenario *s, HostScheduler scheduler, double factor, json_t *list)
{
  const HostCost *cost = &s->host->costs[scheduler];
  g_autofree char *times = NULL;
  gboolean is_own;

  g_free(host_time_source(s->profile, s->host, scheduler, &is_own));
  add_front_end(list, &s->front_end, cost);
  if (factor == 0)
    return;
  times = factor == 1 ? g_strdup("") : g_strdup_printf(", all %g times by --what-if", factor);
  if (s->graphs_in_pieces)
    add_pieces(list, s, cost, is_own, times);
  if (s->eager)
    add_launches(list, s, cost, is_own, times);
  if (s->launched_prompts)
    add(list,
        g_strdup_printf("prompts' kernels are launched one by one: a step with a prompt takes "
                        "%.0f us a layer of latent attention at least (one server's)%s",
                        cost->latent_launch_ps / PS_PER_US, times));
  if (is_own || cost->step_most_ps + cost->eager_most_ps == 0)
    return;
  add(list,
      g_strdup_printf("host unknown: %.0f us a step (known hosts: %.0f to %.0f), %.0f more "
                      "beyond graphs (%.0f to %.0f)%s; --host names it",
                      cost->step_ps / PS_PER_US, cost->step_least_ps / PS_PER_US,
                      cost->step_most_ps / PS_PER_US, cost->eager_ps / PS_PER_US,
                      cost->eager_least_ps / PS_PER_US, cost->eager_most_ps / PS_PER_US, times));
}

/* When a router knows the load. The caller frees it. */
static char *
load_is_known(const Scenario *s)
{
  return s->router_interval_ps == 0
             ? g_strdup("at once")
             : g_strdup_printf("as it is every %.15g s, and what it dealt since",
                               ps_to_s(s->router_interval_ps));
}

static void
add_servers(json_t *list, const Scenario *s)
{
  g_autofree char *when = load_is_known(s);

  add(list, g_strdup_printf("%u servers, each with an API front end of its own, and blocks and "
                            "limits are of each engine; the router takes no time and knows their "
                            "load %s",
                            s->instances, when));
  if (s->data_parallel_size > 1)
    add(list, g_strdup_printf("the %u engines of a server get requests from its front end, %s",
                              s->data_parallel_size,
                              s->scheduler->features & SCHEDULER_IS_SGLANG
                                  ? "each in its turn"
                                  : "which knows their queues at once"));
}

static void
add_engines(json_t *list, const Scenario *s)
{
  g_autofree char *when = load_is_known(s);

  if (s->router != &router_engine)
    add(list, g_strdup_printf("%u engines, and blocks and limits are of each; the router knows "
                              "their load %s",
                              s->data_parallel_size, when));
  else if (s->scheduler->features & SCHEDULER_IS_SGLANG)
    add(list,
        g_strdup_printf("%u engines, and pages and limits are of each; each gets a request in "
                        "its turn",
                        s->data_parallel_size));
  else
    add(list, g_strdup_printf("%u engines, and blocks and limits are of each; the front end knows "
                              "their queues %s",
                              s->data_parallel_size, when));
}

void
scenario_assume_parallel(const Scenario *s, const Settings *settings, const RooflineConfig *costs,
                         json_t *list)
{
  double two_shots_ps = costs->device != NULL ? costs->device->allreduce_two_shots_latency_ps : 0;

  if (costs->own_sums && two_shots_ps > 0 && s->tensor_parallel_size >= 8)
    add(list, g_strdup_printf("all-reduces of 256 KiB to 8 MiB by the engine's own kernel, as it "
                              "has no symmetric memory: %.1f us and their bytes at least%s",
                              two_shots_ps / PS_PER_US,
                              costs->what_if.comm_time == 1 ? "" : ", scaled by --what-if"));
  if (s->tensor_parallel_size > NODE_DEVICES)
    add(list, g_strdup_printf("%u devices share each layer and are taken to be linked as those of "
                              "one node are, which has %u: links between nodes are not modelled",
                              s->tensor_parallel_size, NODE_DEVICES));
  if (s->expert_groups > 1)
    add(list, g_strdup("each token draws its experts alike and by itself, and the busiest rank is "
                       "waited for"));
  if (settings->pipeline_parallel_size > 1)
    add(list, g_strdup_printf("%u stages: no request is preempted or decoded while a step of it is "
                              "under way, and none of its kinds of layers is in one stage alone",
                              (guint32)settings->pipeline_parallel_size));
  if (scenario_engines(s) == 1)
    return;
  if (s->instances > 1)
    add_servers(list, s);
  else
    add_engines(list, s);
  if (s->router->assumes != NULL)
    add(list, g_strdup(s->router->assumes));
  if (settings->enable_dp_attention)
    add(list, g_strdup("layers without experts and the output head are whole in each group, where "
                       "SGLang splits them over all devices"));
  if (s->model->experts > 0 && s->sharing_engines > 1)
    add(list, g_strdup("engines step together with as many tokens each, all-gather them before "
                       "experts and reduce-scatter behind"));
}

void
scenario_assume_cut(const Scenario *s, guint64 requests, guint64 tokens, json_t *list)
{
  const char *from = json_string_value(json_object_get(s->defaults, "max_model_len"));
  g_autofree char *cut = format_count(requests), *less = format_count(tokens);

  add(list, g_strdup_printf("%s output%s at a limit, in sum %s token%s short of the trace: "
                            "max_model_len is %u (%s)%s",
                            cut, requests == 1 ? " ends" : "s end", less, tokens == 1 ? "" : "s",
                            s->config.max_model_len, from != NULL ? from : "--max-model-len",
                            s->scheduler->features & SCHEDULER_IS_SGLANG
                                ? ", and the pool sets another (max_total_num_tokens)"
                                : ""));
}
