#include "live_setup.h"

#include "calib/cost/copy_path.h"
#include "report/files/sink.h"

/* --load-format: dummy weights, a checkpoint's, or a checkpoint's where there is one. */
static gboolean
open_weights(LiveSetup *setup, GError **error)
{
  const char *format = setup->settings->load_format;
  const DecoderConfig *decoder = setup->scenario->decoder;
  g_autofree char *folder = g_path_get_dirname(decoder->path);
  g_autoptr(GError) failure = NULL;

  if (setup->weights_of != NULL) {
    setup->layout = setup->weights_of->layout;
    return TRUE;
  }
  setup->layout = weight_layout_new(decoder->model);
  if (g_strcmp0(format, "dummy") != 0) {
    setup->weights = weights_safetensors_open(folder, setup->layout, &failure);
    if (failure != NULL) {
      g_propagate_prefixed_error(error, g_steal_pointer(&failure), "weights: ");
      return FALSE;
    }
  }
  if (setup->weights == NULL && g_strcmp0(format, "safetensors") == 0) {
    g_set_error(error, WEIGHTS_ERROR, WEIGHTS_ERROR_INPUT,
                "--load-format safetensors: there is no .safetensors file beside %s",
                decoder->path);
    return FALSE;
  }
  if (setup->weights == NULL)
    setup->weights = weights_random_new(setup->settings->seed);
  return TRUE;
}

static gboolean
open_tokens(LiveSetup *setup, GError **error)
{
  const char *path = setup->settings->token_ids;
  guint32 vocab = setup->scenario->model->vocab;

  if (path == NULL)
    setup->tokens = token_source_random(setup->workload, vocab, setup->settings->seed);
  else
    setup->tokens = token_source_read(path, setup->workload, vocab, error);
  return setup->tokens != NULL && (!setup->scenario->config.prefix_caching ||
                                   token_source_check_prefixes(setup->tokens, error));
}

/* The most rows of a step: the token budget, which does not bound plain decodes under vLLM 0.x. */
static guint32
most_rows(const SchedulerConfig *config)
{
  return MAX(config->max_num_batched_tokens, config->max_num_seqs);
}

/* Host blocks: the pool's, or those of all requests at their longest if that is less. */
static guint32
most_host_blocks(const LiveSetup *setup)
{
  const SchedulerConfig *config = &setup->scenario->config;
  guint64 blocks = 0;

  if (!config->overflow->needs_host)
    return 0;
  for (guint32 i = 0; i < workload_count(setup->workload); i++) {
    const Request *request = workload_request(setup->workload, i);
    guint64 tokens = MIN((guint64)request->prompt_tokens + request->output_tokens,
                         (guint64)config->max_model_len + 1);
    blocks += tokens / config->block_size + 1;
  }
  return (guint32)MIN(blocks, config->num_cpu_blocks);
}

static CopyMethod
copy_method(const LiveSetup *setup)
{
  if (g_strcmp0(setup->settings->copy_method, "kernel") == 0)
    return COPY_METHOD_KERNEL;
  if (setup->settings->copy_method != NULL)
    return g_str_equal(setup->settings->copy_method, "batch") ? COPY_METHOD_BATCH
                                                              : COPY_METHOD_PIECES;
  return setup->scenario->copy_path == COPY_PATH_BATCHED ? COPY_METHOD_BATCH : COPY_METHOD_PIECES;
}

static gboolean
open_device(LiveSetup *setup, const LiveDeviceClass *class, GError **error)
{
  const Scenario *s = setup->scenario;
  const Settings *settings = setup->settings;
  const DeviceSetup device = {
      .decoder = s->decoder,
      .layout = setup->layout,
      .weights = setup->weights,
      .weights_of = setup->weights_of != NULL ? setup->weights_of->device : NULL,
      .block_size = s->config.block_size,
      .num_device_blocks = s->config.num_gpu_blocks,
      .num_host_blocks = setup->num_host_blocks,
      .max_rows = most_rows(&s->config),
      .max_sequences = s->config.max_num_seqs,
      .max_model_len = s->config.max_model_len + 1,
      .kv_form = s->copy_path == COPY_PATH_PER_BLOCK ? KV_BY_BLOCK : KV_BY_LAYER,
      .copy_method = copy_method(setup),
      .pageable_host = s->host_memory == HOST_MEMORY_PAGEABLE,
      .overlap_within_step =
          s->copy_stages > 0 || (settings->overlap_copies && !s->config.overlap_copies),
      .copies_beside = s->config.overlap_copies,
      .num_disk_blocks = s->config.num_disk_blocks,
      .num_through_blocks = planner_through_blocks(&s->config),
      .copy_ns = (gint64)(settings->copy_block_us * 1e3),
      .sampling =
          {
              .temperature = (float)settings->temperature,
              .top_k = (guint32)settings->top_k,
              .top_p = (float)settings->top_p,
          },
  };

  setup->device = class->open(&device, error);
  return setup->device != NULL;
}

void
live_setup_name_kernels(Settings *settings, const LiveDeviceClass *device)
{
  g_autofree char *kernels = device->kernels != NULL ? device->kernels() : NULL;

  settings->kernels = g_intern_string(kernels);
}

LiveSetup *
live_setup_new(const Scenario *scenario, const Settings *settings, const Workload *workload,
               const LiveDeviceClass *gpu, const LiveSetup *weights_of, GError **error)
{
  g_autoptr(LiveSetup) setup = g_new0(LiveSetup, 1);
  const LiveDeviceClass *class = scenario->executor == &executor_cpu ? &live_device_cpu : gpu;

  g_assert(class != NULL);
  if (workload->turns != NULL) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "the trace has turns that wait for an answer, which only the executors "
                "model and unit follow; expected one where each request has its time");
    return NULL;
  }
  setup->scenario = scenario;
  setup->settings = settings;
  setup->workload = workload;
  setup->weights_of = weights_of;
  setup->num_host_blocks = most_host_blocks(setup);
  if (!open_weights(setup, error) || !open_tokens(setup, error) ||
      !open_device(setup, class, error))
    return NULL;
  return g_steal_pointer(&setup);
}

LiveSetup *
live_setup_share(const LiveSetup *setup, const Workload *workload)
{
  LiveSetup *shared = g_memdup2(setup, sizeof *setup);

  shared->is_shared = TRUE;
  shared->workload = workload;
  shared->tokens =
      token_source_random(workload, setup->scenario->model->vocab, setup->settings->seed);
  return shared;
}

void
live_setup_free(LiveSetup *setup)
{
  if (setup == NULL)
    return;
  token_source_free(setup->tokens);
  if (!setup->is_shared) {
    live_device_close(setup->device);
    weight_source_free(setup->weights);
    if (setup->weights_of == NULL)
      weight_layout_free(setup->layout);
  }
  g_free(setup);
}

LiveExecutor *
live_setup_executor(const LiveSetup *setup, GArray *copies_ended)
{
  const Scenario *s = setup->scenario;
  const LiveExecutorConfig config = {
      .class = s->executor,
      .device = setup->device,
      .model = s->model,
      .planner =
          {
              .workload = setup->workload,
              .tokens = setup->tokens,
              .seed = setup->settings->seed,
              .block_size = s->config.block_size,
              .num_device_blocks = s->config.num_gpu_blocks,
              .hidden_blocks = s->scheduler->hidden_blocks,
              .num_host_blocks = setup->num_host_blocks,
              .num_disk_blocks = s->config.num_disk_blocks,
              .num_through_blocks = planner_through_blocks(&s->config),
              .prefix_caching = s->config.prefix_caching,
          },
      .copies_ended = copies_ended,
  };

  return live_executor_new(&config);
}

gboolean
live_setup_write_outputs(const LiveSetup *setup, const LiveExecutor *executor, const char *path,
                         GError **error)
{
  g_autoptr(Sink) sink = sink_open(path, error);

  if (sink == NULL)
    return FALSE;
  for (guint32 i = 0; i < workload_count(setup->workload); i++) {
    g_autofree char *id = workload_id_json(setup->workload, i);
    GString *text = sink_text(sink);
    guint32 n;
    const gint32 *output = live_executor_output(executor, i, &n);
    g_string_append_printf(text, "{\"id\":%s,\"output_token_ids\":[", id);
    for (guint32 j = 0; j < n; j++)
      g_string_append_printf(text, j > 0 ? ",%d" : "%d", output[j]);
    g_string_append(text, "]}\n");
    sink_flush_if_full(sink);
  }
  return sink_close(sink, error);
}
