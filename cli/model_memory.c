/* The sum is pool_size.c's; here it is worded. Called by model.c. */
#include "model_memory.h"

#include <math.h>

#include "calib/cost/roofline.h"
#include "cli.h"
#include "model_drafts.h"
#include "report/text/format.h"
#include "report/text/table.h"
#include "scenario/engine_defaults.h"
#include "scenario/option_words.h"
#include "scenario/resolve.h"
#include "sim/kv_groups.h"

#define GIB (1024.0 * 1024 * 1024)
#define CONSUMED_SINCE                                                                             \
  27 /* from vLLM 0.27 on a log has weights and non-PyTorch memory as one sum */

/* A line of the sum: ours, and the log's, in GiB. */
typedef struct {
  const char *label;
  double found;
  double logged; /* NAN: not said */
  const char *where;
} Row;

enum { ROWS = 8, MOST_RANKS = 64 };

static gboolean
parse_count(const char *text, const char *option, guint32 most, guint32 *count, GError **error)
{
  guint64 value = *count;

  if (text != NULL && !typed_uint(text, option, 1, most, &value, error))
    return FALSE;
  *count = (guint32)value;
  return TRUE;
}

/* The engine's version: typed, or the log's, or the newest. */
static gboolean
find_scheduler(const ModelMemoryOptions *options, ModelMemory *memory, GError **error)
{
  g_autofree char *logged = memory->log != NULL && memory->log->version != NULL
                                ? g_strconcat("vllm-", memory->log->version, NULL)
                                : NULL;
  const char *name = options->scheduler != NULL ? options->scheduler
                     : logged != NULL           ? logged
                                                : "vllm";

  memory->scheduler = scheduler_class_from_name(name, error);
  if (memory->scheduler == NULL || g_str_has_prefix(memory->scheduler->name, "vllm"))
    return memory->scheduler != NULL;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "found '%s', expected a version of vLLM, whose sum this is", name);
  return FALSE;
}

/* The longest sequence and whether states are cached: the log's, or the engine's for that model. */
static PoolLogTerms
find_terms(const ModelMemory *memory, const EngineDefaults *defaults)
{
  const Model *model = memory->request.server.model;
  const StartupLog *log = memory->log;
  gboolean unstretched = defaults->serves_unstretched && model->unstretched_position > 0;
  PoolLogTerms terms = {
      .max_model_len = MAX(1, unstretched ? model->unstretched_position : model->max_position),
      .caches_states = (memory->scheduler->features & SCHEDULER_CACHES_STATES_BY_DEFAULT) != 0,
  };

  if (log != NULL && log->max_model_len >= 1 && log->max_model_len <= G_MAXUINT32)
    terms.max_model_len = (guint32)log->max_model_len;
  if (log != NULL && log->prefix_caching >= 0)
    terms.caches_states = log->prefix_caching;
  return terms;
}

/* A count of the log's, if it has one that can be; else as it is. */
static void
take_logged(double logged, guint32 most, guint32 *count)
{
  if (isfinite(logged) && logged >= 1 && logged <= most)
    *count = (guint32)logged;
}

static void
take_log(const StartupLog *log, ServerSetup *server)
{
  take_logged(log->tensor_parallel_size, MOST_RANKS, &server->tensor_parallel_size);
  take_logged(log->max_num_batched_tokens, G_MAXUINT32, &server->max_num_batched_tokens);
  take_logged(log->max_num_seqs, G_MAXUINT32, &server->max_num_seqs);
  server->eager = log->eager > 0;
}

/* Counts that are neither typed nor the log's are 0 until here. */
static void
take_defaults(const ModelMemory *memory, const EngineDefaults *defaults, ServerSetup *server)
{
  gboolean chunked = (memory->scheduler->features & SCHEDULER_CHUNKS_BY_DEFAULT) != 0;
  guint32 seqs = server->max_num_seqs > 0 ? server->max_num_seqs : defaults->max_num_seqs;

  if (server->max_num_batched_tokens == 0)
    server->max_num_batched_tokens =
        engine_defaults_budget(defaults, chunked, seqs, memory->terms.max_model_len);
  if (server->max_num_seqs == 0)
    server->max_num_seqs = MIN(seqs, server->max_num_batched_tokens);
}

static gboolean
find_settings(const ModelMemoryOptions *options, ModelMemory *memory, GError **error)
{
  PoolSizeRequest *request = &memory->request;
  ServerSetup *server = &request->server;
  const EngineSetup setup = {
      .scheduler = memory->scheduler,
      .device = memory->device,
      .offline = options->offline,
      .model = memory->model,
      .block_size = request->block_size,
  };
  EngineDefaults defaults = engine_defaults_find(&setup);

  server->tensor_parallel_size = 1;
  if (memory->log != NULL)
    take_log(memory->log, server);
  server->eager |= options->enforce_eager;
  request->utilization = memory->log != NULL && isfinite(memory->log->utilization)
                             ? memory->log->utilization
                             : defaults.gpu_memory_utilization;
  request->block_size = defaults.block_size;
  memory->replaced_block = defaults.replaced_block;
  memory->model->state_alignment = defaults.state_alignment;
  memory->terms = find_terms(memory, &defaults);
  if (!parse_count(options->tensor_parallel_size, "--tensor-parallel-size", MOST_RANKS,
                   &server->tensor_parallel_size, error) ||
      !parse_count(options->max_num_batched_tokens, "--max-num-batched-tokens", G_MAXUINT32,
                   &server->max_num_batched_tokens, error) ||
      !parse_count(options->max_num_seqs, "--max-num-seqs", G_MAXUINT32, &server->max_num_seqs,
                   error) ||
      !parse_count(options->max_model_len, "--max-model-len", G_MAXUINT32,
                   &memory->terms.max_model_len, error) ||
      (options->gpu_memory_utilization != NULL &&
       !typed_real(options->gpu_memory_utilization, "--gpu-memory-utilization", 1e-9, 1,
                   &request->utilization, error)))
    return FALSE;
  take_defaults(memory, &defaults, server);
  return TRUE;
}

static gboolean
check_split(const ServerSetup *server, GError **error)
{
  const ExpertSplit split = {.tp = server->tensor_parallel_size, .engines = 1};
  const char *problem = roofline_find_unsplit(server->model, &split);

  if (problem != NULL)
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--tensor-parallel-size: %s on %u x %s: %s", server->model->name, split.tp,
                server->device->name, problem);
  return problem == NULL;
}

/* Blocks as a run has them: of a group of layers, where the engine keeps layers in groups. */
static void
count_blocks(ModelMemory *memory)
{
  const PoolSizeRequest *request = &memory->request;
  KvGroups groups;

  if ((memory->scheduler->features & SCHEDULER_HAS_KV_GROUPS) == 0 ||
      !kv_groups_find(request->server.model, request->block_size,
                      request->server.tensor_parallel_size, &groups) ||
      kv_groups_is_plain(&groups) ||
      (memory->terms.caches_states && !kv_groups_keep_states(&groups)))
    return;
  if (memory->terms.caches_states)
    kv_groups_use_kernels(&groups, request->server.model, request->block_size,
                          memory->scheduler->version,
                          device_compute_capability(request->server.device));
  memory->pool.num_gpu_blocks = pool_blocks(memory->pool.kv_bytes, groups.block_bytes);
}

gboolean
model_memory_find(const ModelMemoryOptions *options, const Model *model, guint32 block_size,
                  ModelMemory *memory, GError **error)
{
  *memory = (ModelMemory){.request = {.block_size = block_size}};
  if (options->log != NULL && (memory->log = startup_log_read(options->log, error)) == NULL) {
    g_prefix_error(error, "--log: ");
    return FALSE;
  }
  if (!find_scheduler(options, memory, error)) {
    g_prefix_error(error, "--scheduler: ");
    return FALSE;
  }
  memory->device = resolve_device(options->device, error);
  if (memory->device == NULL) {
    g_prefix_error(error, "--device: ");
    return FALSE;
  }
  memory->request.server.device = memory->device;
  memory->model = model_copy(model);
  memory->request.server.model = memory->model;
  if (!model_drafts_find(options, memory, error) || !find_settings(options, memory, error) ||
      !check_split(&memory->request.server, error))
    return FALSE;
  memory->request.server.version = memory->scheduler->version;
  pool_size_find(&memory->request, &memory->pool, NULL);
  count_blocks(memory);
  return TRUE;
}

void
model_memory_clear(ModelMemory *memory)
{
  g_clear_pointer(&memory->device, device_free);
  g_clear_pointer(&memory->log, startup_log_free);
  g_clear_pointer(&memory->model, model_free);
  g_clear_pointer(&memory->left_out, g_free);
}

guint64
model_memory_tokens(const ModelMemory *memory)
{
  return pool_logged_tokens(&memory->request, &memory->terms, memory->pool.kv_bytes);
}

json_t *
model_memory_json(const ModelMemory *memory)
{
  const PoolSizeRequest *request = &memory->request;
  const PoolSize *pool = &memory->pool;
  const StartupLog *log = memory->log;
  json_t *object = json_pack(
      "{s:s, s:s, s:i, s:f, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:I, "
      "s:I}",
      "device", memory->device->name, "scheduler", memory->scheduler->name, "tensor_parallel_size",
      (int)request->server.tensor_parallel_size, "gpu_memory_utilization", request->utilization,
      "max_num_batched_tokens", (json_int_t)request->server.max_num_batched_tokens, "max_num_seqs",
      (json_int_t)request->server.max_num_seqs, "max_model_len",
      (json_int_t)memory->terms.max_model_len, "block_size", (json_int_t)request->block_size,
      "enforce_eager", (int)request->server.eager, "memory_bytes",
      (json_int_t)memory->device->memory_bytes, "usable_bytes", (json_int_t)pool->usable_bytes,
      "weight_bytes", (json_int_t)pool->weight_bytes, "activation_bytes",
      (json_int_t)pool->server.activation_bytes, "activation_peak", pool->server.activation_peak,
      "non_torch_bytes", (json_int_t)pool->server.non_torch_bytes, "graph_bytes",
      (json_int_t)pool->server.graph_bytes, "kv_bytes", (json_int_t)pool->kv_bytes,
      "num_gpu_blocks", (json_int_t)pool->num_gpu_blocks, "kv_tokens",
      (json_int_t)model_memory_tokens(memory));

  json_object_set_new(object, "num_speculative_tokens",
                      json_integer(request->server.model->draft_tokens));
  json_object_set_new(object, "logged_kv_tokens",
                      log != NULL && isfinite(log->kv_tokens)
                          ? json_integer((json_int_t)log->kv_tokens)
                          : json_null());
  return object;
}

/* The lines of the sum, and what the log says of each (CONSUMED_SINCE: which lines it has). */
static void
find_rows(const ModelMemory *memory, Row rows[ROWS])
{
  static const StartupLog nothing = {.total = NAN,
                                     .usable = NAN,
                                     .weights = NAN,
                                     .activation = NAN,
                                     .non_torch = NAN,
                                     .consumed = NAN,
                                     .graphs = NAN,
                                     .kv = NAN};
  const StartupLog *log = memory->log != NULL ? memory->log : &nothing;
  const PoolSize *pool = &memory->pool;
  const ServerMemory *server = &pool->server;
  gboolean together =
      memory->log != NULL ? isfinite(log->consumed) : memory->scheduler->version >= CONSUMED_SINCE;
  double weights = (double)pool->weight_bytes / GIB;
  double activation = (double)server->activation_bytes / GIB;
  double non_torch = (double)server->non_torch_bytes / GIB;
  double graphs = (double)server->graph_bytes / GIB;
  const Row found[ROWS] = {
      {"memory", memory->device->memory_bytes / GIB, log->total, "Free memory on device (…/… GiB)"},
      {"usable", (double)pool->usable_bytes / GIB, log->usable,
       "Desired GPU memory utilization is (…, … GiB)"},
      {"- weights", weights, log->weights, "Model loading took … GiB"},
      {"- not PyTorch's", non_torch, log->non_torch, "… GiB for non-torch memory"},
      {"  (both together)", weights + non_torch,
       together ? log->consumed : log->weights + log->non_torch,
       together ? "… GiB for consumed memory" : ""},
      {"- activation peak", activation + (together ? graphs : 0), log->activation,
       together ? "… GiB for peak activation, graphs in it" : "… GiB for peak activation"},
      {"- CUDA graphs", together ? 0 : graphs, graphs > 0 && !together ? log->graphs : NAN,
       "Estimated CUDA graph memory: … GiB"},
      {"= KV cache", (double)pool->kv_bytes / GIB, log->kv, "Available KV cache memory: … GiB"},
  };

  for (guint i = 0; i < ROWS; i++)
    rows[i] = found[i];
}

static void
add_logged(Table *table, double found, double logged_value, int decimals)
{
  if (!isfinite(logged_value)) {
    table_add(table, "");
    table_add(table, "");
    return;
  }
  table_take(table, decimals > 0 ? g_strdup_printf("%.*f", decimals, logged_value)
                                 : format_count((guint64)logged_value));
  table_take(table, logged_value != 0
                        ? g_strdup_printf("%+.1f %%", 100 * (found / logged_value - 1))
                        : g_strdup(""));
}

static void
append_sum(const ModelMemory *memory, GString *text)
{
  g_autoptr(Table) table = table_new("lrrrl");
  Row rows[ROWS];

  find_rows(memory, rows);
  table_add(table, "");
  table_add(table, "GiB");
  table_add(table, memory->log != NULL ? "logged" : "");
  table_add(table, "");
  table_add(table, "what vLLM's log says");
  for (guint i = 0; i < ROWS; i++) {
    table_add(table, rows[i].label);
    table_take(table, g_strdup_printf("%.2f", rows[i].found));
    add_logged(table, rows[i].found, rows[i].logged, 2);
    table_add(table, rows[i].where);
  }
  table_add(table, "  tokens");
  table_take(table, format_count(model_memory_tokens(memory)));
  add_logged(table, (double)model_memory_tokens(memory),
             memory->log != NULL ? memory->log->kv_tokens : NAN, 0);
  table_add(table, "GPU KV cache size: … tokens");
  table_append(table, "  ", text);
}

void
model_memory_append(const ModelMemory *memory, GString *text)
{
  const ServerSetup *server = &memory->request.server;
  const StartupLog *log = memory->log;
  g_autofree char *drafts =
      server->model->draft_tokens > 0
          ? g_strdup_printf(", num_speculative_tokens %u", server->model->draft_tokens)
          : g_strdup("");
  g_autofree char *replaced =
      memory->replaced_block > 0
          ? g_strdup_printf(" (it replaces the %u that are typed)", memory->replaced_block)
          : g_strdup("");

  g_string_append_printf(
      text,
      "\nOn %u x %s under %s: %.3g of the memory, max_num_batched_tokens %u, "
      "max_num_seqs %u, max_model_len %u, blocks of %u tokens%s%s%s; each card:\n",
      server->tensor_parallel_size, memory->device->name, memory->scheduler->name,
      memory->request.utilization, server->max_num_batched_tokens, server->max_num_seqs,
      memory->terms.max_model_len, memory->request.block_size, replaced,
      server->eager ? ", enforce_eager" : "", drafts);
  append_sum(memory, text);
  g_string_append_printf(text, "The activation's peak is in: %s.\n",
                         memory->pool.server.activation_peak);
  model_drafts_append(memory, text);
  if (memory->pool.num_gpu_blocks == 0)
    g_string_append(text, "No KV block is left: the server would not start.\n");
  if (log != NULL && log->version != NULL)
    g_string_append_printf(text, "The log is of vLLM %s.\n", log->version);
}
