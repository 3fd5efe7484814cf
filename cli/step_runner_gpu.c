/* Steps of a model on the GPU, for calib/measure/cuda/step.c: the live executor's decoder, from a
 * plan to sampled tokens on the host, with random weights and a KV pool of random values.
 *
 * A step that is to run as a CUDA graph takes the decoder's own graphs where it has them, for steps
 * of decodes only; any other is captured whole here, since engines have graphs for those too. A
 * step has its own pool and activations, a model its weights: a calibration asks for all steps of a
 * model in a row.
 */
#include "config.h"

#include "step_runner_gpu.h"

#include "calib/measure/cuda/bench_cuda.h"
#include "live/decoder_gpu.h"
#include "live/decoder_graphs.h"
#include "live/gpu_memory.h"

enum { BLOCK_TOKENS = 16 };

typedef struct {
  DecoderConfig config; /* its model is borrowed */
  WeightLayout *layout;
  void *weights;
  GRand *random;
  cudaStream_t side; /* for the warm-up */
  cudaEvent_t head;
  /* Of the step. */
  KvGeometry geometry;
  DecoderGpu *decoder;
  void *pool;
  StepPlan *plan;
  gint32 *tokens;       /* pinned */
  gboolean is_eager;    /* launched kernel by kernel */
  gboolean is_captured; /* as one graph; neither: as the decoder does */
  guint runs;
  cudaGraphExec_t whole;
} Runner;

/* An error of live/ as one of calib/. Frees `failure`; FALSE. */
static gboolean
translate(GError *failure, GError **error)
{
  BenchError code = BENCH_ERROR_FAILED;

  if (g_error_matches(failure, LIVE_ERROR, LIVE_ERROR_MEMORY))
    code = BENCH_ERROR_MEMORY;
  else if (g_error_matches(failure, LIVE_ERROR, LIVE_ERROR_SHAPE))
    code = BENCH_ERROR_UNSUPPORTED;
  if (code == BENCH_ERROR_MEMORY)
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_MEMORY,
                "the model with this step's KV does not fit the card's memory");
  else
    g_set_error_literal(error, BENCH_ERROR, (gint)code, failure->message);
  g_error_free(failure);
  return FALSE;
}

static gboolean
is_decoder(const Model *model)
{
  return model_is_uniform(model) && model->weight_bits == 16 && model->kv_bits == 16 &&
         model->experts == 0 && model->gated_ffn && !model->all_bias &&
         model->learned_positions == 0;
}

static gboolean
is_fp16(const Runner *r)
{
  return decoder_dtype(r->config.model) == DTYPE_FP16;
}

static gboolean
allocate(void **place, gsize bytes, BenchFill fill, GError **error)
{
  GError *failure = NULL;
  int status = (int)cudaMalloc(place, bytes);

  if (status == 0)
    status = bench_cuda_fill(*place, bytes, fill);
  else
    cudaGetLastError();
  if (status == 0)
    return TRUE;
  gpu_fail(&failure, status, "a step");
  return translate(failure, error);
}

static void
drop_step(Runner *r)
{
  if (r->whole != NULL)
    cudaGraphExecDestroy(r->whole);
  r->whole = NULL;
  r->runs = 0;
  g_clear_pointer(&r->decoder, decoder_gpu_free);
  cudaFree(g_steal_pointer(&r->pool));
  gpu_free_host(g_steal_pointer(&r->tokens), FALSE);
}

static void
runner_close(gpointer runner)
{
  Runner *r = runner;

  drop_step(r);
  cudaFree(r->weights);
  if (r->head != NULL)
    cudaEventDestroy(r->head);
  if (r->side != NULL)
    cudaStreamDestroy(r->side);
  weight_layout_free(r->layout);
  step_plan_free(r->plan);
  g_rand_free(r->random);
  g_free(r);
}

static gpointer
runner_open(const Model *model, GError **error)
{
  GError *failure = NULL;
  Runner *r;

  if (!is_decoder(model)) {
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_UNSUPPORTED,
                "%s: the executor runs dense decoders as Llama's with weights and KV of 16 bits",
                model->name);
    return NULL;
  }
  if (!decoder_gpu_check_shape(model, &failure)) {
    translate(failure, error);
    return NULL;
  }
  r = g_new0(Runner, 1);
  r->config = (DecoderConfig){
      .model = (Model *)model, .rms_epsilon = 1e-5, .rope = {.kind = ROPE_PLAIN, .theta = 1e4}};
  r->layout = weight_layout_new(model);
  r->random = g_rand_new_with_seed(1);
  r->plan = step_plan_new();
  if (cudaEventCreateWithFlags(&r->head, cudaEventDisableTiming) == cudaSuccess &&
      cudaStreamCreateWithFlags(&r->side, cudaStreamNonBlocking) == cudaSuccess &&
      allocate(&r->weights, r->layout->elements * sizeof(guint16),
               is_fp16(r) ? BENCH_FILL_SMALL_FP16 : BENCH_FILL_SMALL_BF16, error))
    return r;
  if (error != NULL && *error == NULL)
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_FAILED, "no stream can be made");
  runner_close(r);
  return NULL;
}

static guint32
blocks_of(guint32 tokens)
{
  return (tokens + BLOCK_TOKENS - 1) / BLOCK_TOKENS;
}

/* Adds a sequence of `context` tokens to the plan, the last `fresh` of them computed in this step.
 * Takes its blocks from *blocks, the pool's in random order. */
static void
add_sequence(Runner *r, guint32 fresh, guint32 context, const gint32 **blocks)
{
  StepPlan *plan = r->plan;
  guint32 request = plan->requests->len;
  gint32 rows = (gint32)(plan->token_ids->len + fresh), n_context = (gint32)context,
         last = rows - 1;
  float uniform = (float)(0.999 * g_rand_double(r->random));
  guint table = plan->block_tables->len;

  for (gint32 at = (gint32)(context - fresh); at < n_context; at++) {
    gint32 id = g_rand_int_range(r->random, 0, (gint32)r->config.model->vocab);
    gint64 slot = (gint64)(*blocks)[at / BLOCK_TOKENS] * BLOCK_TOKENS + at % BLOCK_TOKENS;
    g_array_append_val(plan->token_ids, id);
    g_array_append_val(plan->positions, at);
    g_array_append_val(plan->slots, slot);
  }
  g_array_append_val(plan->requests, request);
  g_array_append_val(plan->query_starts, rows);
  g_array_append_val(plan->context_lens, n_context);
  g_array_set_size(plan->block_tables, table + plan->block_table_stride);
  for (guint32 i = 0; i < blocks_of(context); i++)
    g_array_index(plan->block_tables, gint32, table + i) = *(*blocks)++;
  g_array_append_val(plan->sample_rows, last);
  g_array_append_val(plan->sample_sequences, request);
  g_array_append_val(plan->uniforms, uniform);
}

/* Makes the plan of a step; returns how many blocks its sequences take. */
static guint32
make_plan(Runner *r, const BenchStepShape *shape)
{
  guint32 chunk = shape->new_tokens > 0 ? shape->cached_tokens + shape->new_tokens : 0;
  guint32 n = blocks_of(chunk) + shape->decodes * blocks_of(shape->context);
  g_autofree gint32 *order = g_new(gint32, MAX(n, 1));
  const gint32 *next = order;

  for (guint32 i = 0; i < n; i++) {
    guint32 j = (guint32)g_rand_int_range(r->random, 0, (gint32)i + 1);
    order[i] = order[j];
    order[j] = (gint32)i;
  }
  step_plan_clear(r->plan);
  r->plan->block_table_stride = blocks_of(MAX(chunk, shape->decodes > 0 ? shape->context : 0));
  if (chunk > 0)
    add_sequence(r, shape->new_tokens, chunk, &next);
  for (guint32 i = 0; i < shape->decodes; i++)
    add_sequence(r, 1, shape->context, &next);
  return n;
}

/* Makes the decoder and warms it up, after the memory that it zeroes is ready. */
static gboolean
make_decoder(Runner *r, const DeviceSetup *setup, GError **error)
{
  AttentionDevice attention;
  DecoderRoom room;
  int status = attention_device_query(&attention);

  if (status != 0)
    return gpu_fail(error, status, "asking the GPU what it can do");
  room = decoder_room(setup, &r->geometry, &attention);
  r->decoder = decoder_gpu_new(setup, &r->geometry, &room, r->weights, r->pool, error);
  if (r->decoder == NULL)
    return FALSE;
  r->tokens =
      gpu_allocate_host(setup->max_sequences * sizeof(gint32), FALSE, "sampled tokens", error);
  if (r->tokens == NULL)
    return FALSE;
  status = (int)cudaDeviceSynchronize();
  if (status != 0)
    return gpu_fail(error, status, "zeroing memory");
  return r->is_eager || r->is_captured || decoder_gpu_warm_up(r->decoder, r->side, error);
}

static gboolean
make_step(Runner *r, const BenchStepShape *shape, GError **error)
{
  guint32 blocks = make_plan(r, shape);
  const DeviceSetup setup = {
      .decoder = &r->config,
      .layout = r->layout,
      .block_size = BLOCK_TOKENS,
      .num_device_blocks = blocks,
      .max_rows = step_plan_rows(r->plan),
      .max_sequences = step_plan_sequences(r->plan),
      .max_model_len = MAX(shape->cached_tokens + shape->new_tokens, shape->context) + 1,
      .kv_form = KV_BY_LAYER,
      .sampling = {.temperature = 1, .top_p = 1},
  };
  GError *failure = NULL;

  r->is_eager = !shape->is_graph;
  r->is_captured = shape->is_graph && (shape->new_tokens > 0 || shape->decodes > GPU_GRAPH_ROWS);
  r->geometry =
      kv_geometry_of_model(r->config.model, setup.kv_form, BLOCK_TOKENS, blocks, sizeof(guint16));
  if (!allocate(&r->pool, kv_geometry_pool_bytes(&r->geometry),
                is_fp16(r) ? BENCH_FILL_FP16 : BENCH_FILL_BF16, error))
    return FALSE;
  return make_decoder(r, &setup, &failure) || translate(failure, error);
}

static gboolean
runner_prepare(gpointer runner, const BenchStepShape *shape, GError **error)
{
  Runner *r = runner;

  drop_step(r);
  if (shape->new_tokens + shape->decodes == 0 || (shape->decodes > 0 && shape->context == 0)) {
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_FAILED, "it computes nothing");
    return FALSE;
  }
  return make_step(r, shape, error);
}

/* A gate that no layer waits at: a step with a gate is launched kernel by kernel. */
static int
open_gate(gpointer data G_GNUC_UNUSED, guint32 layer G_GNUC_UNUSED,
          cudaStream_t stream G_GNUC_UNUSED)
{
  return 0;
}

static gboolean
compute(Runner *r, cudaStream_t stream, GError **error)
{
  return decoder_gpu_run(r->decoder, r->plan, r->is_eager ? open_gate : NULL, NULL, r->head, stream,
                         error);
}

/* Captures the whole step, which has run once: the plan and all addresses stay the same. */
static gboolean
capture(Runner *r, cudaStream_t stream, GError **error)
{
  cudaGraph_t graph = NULL;
  int status = (int)cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  gboolean worked = status == 0 && compute(r, stream, error);
  int ended = status == 0 ? (int)cudaStreamEndCapture(stream, &graph) : 0;

  if (status == 0)
    status = ended;
  if (status == 0 && worked)
    status = (int)cudaGraphInstantiate(&r->whole, graph, 0);
  if (graph != NULL)
    cudaGraphDestroy(graph);
  if (status != 0 && worked)
    return gpu_fail(error, status, "capturing a step");
  return worked;
}

static gboolean
launch(Runner *r, cudaStream_t stream, GError **error)
{
  int status;

  if (!r->is_captured || r->runs++ == 0)
    return compute(r, stream, error);
  if (r->whole == NULL && !capture(r, stream, error))
    return FALSE;
  status = (int)cudaGraphLaunch(r->whole, stream);
  return status == 0 || gpu_fail(error, status, "launching a step");
}

static int
status_of(const GError *failure)
{
  return g_error_matches(failure, LIVE_ERROR, LIVE_ERROR_MEMORY) ? (int)cudaErrorMemoryAllocation
                                                                 : (int)cudaErrorUnknown;
}

/* The host's part of a step, as in device_gpu.c: plans attention and packs the inputs. */
static int
runner_plan(void *data, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  Runner *r = data;
  gint64 first_time_ns = 0;
  g_autoptr(GError) failure = NULL;

  return decoder_gpu_prepare(r->decoder, r->plan, stream, &first_time_ns, &failure)
             ? 0
             : status_of(failure);
}

/* The device's part: inputs sent, step computed, tokens copied back. */
static int
runner_run(void *data, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  Runner *r = data;
  g_autoptr(GError) failure = NULL;

  if (!launch(r, stream, &failure))
    return status_of(failure);
  return (int)cudaMemcpyAsync(r->tokens, decoder_gpu_sampled(r->decoder),
                              r->plan->sample_rows->len * sizeof(gint32), cudaMemcpyDeviceToHost,
                              stream);
}

const BenchStepClass step_runner_gpu = {
    .open = runner_open,
    .prepare = runner_prepare,
    .plan = runner_plan,
    .run = runner_run,
    .close = runner_close,
};
