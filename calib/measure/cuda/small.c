/* The small operations of a layer, and sampling. Their inputs are warm, as the kernel before left
 * them; the embedding's table and the KV pool are not.
 */
#include "config.h"

#include "internal.h"

#include <math.h>

#include "kernels/sampling.h"
#include "kernels/transformer.h"

enum { BLOCK_TOKENS = 16, POSITIONS = 1024, TABLE_ROWS_LEAST = 1024 };
#define EPSILON 1e-5f

/* What the calls share. `width` is a profile's. */
typedef struct {
  BenchCuda *bench;
  Dtype dtype;
  BenchFill fill;
  gsize tokens, width;
  guint32 head_dim;
  guint32 table_rows;
  void *data, *in, *out, *lists;
  gsize positions; /* in lists, behind the sines */
  PagedKv kv;
} Small;

/* Heads are not in the key: of 128 elements, or of 64 where those do not fit; 0: neither does. */
static guint32
head_dim_of(gsize width, gsize parts)
{
  if (width % parts != 0 || width / parts % 64 != 0)
    return 0;
  return width / parts % 128 == 0 ? 128 : 64;
}

static gboolean
prepare_embedding(Small *s, GError **error)
{
  BenchCuda *self = s->bench;
  g_autofree gint32 *ids = g_new(gint32, s->tokens);

  s->table_rows = (guint32)MAX(TABLE_ROWS_LEAST, 4 * self->l2_bytes / (s->width * sizeof(guint16)));
  for (gsize i = 0; i < s->tokens; i++)
    ids[i] = g_rand_int_range(self->random, 0, (gint32)s->table_rows);
  s->data = bench_cuda_buffer(self, BUFFER_DATA, s->table_rows * s->width * sizeof(guint16),
                              s->fill, error);
  s->lists =
      s->data != NULL ? bench_cuda_lists(self, ids, s->tokens * sizeof(gint32), error) : NULL;
  return s->lists != NULL;
}

static int
call_embedding(void *data, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  const Small *s = data;

  return embedding(s->dtype, s->data, s->lists, s->tokens, s->width, s->out, stream);
}

/* A row of weights. */
static gboolean
prepare_norm(Small *s, GError **error)
{
  s->data = bench_cuda_buffer(s->bench, BUFFER_DATA, s->width * sizeof(guint16), s->fill, error);
  return s->data != NULL;
}

/* Between layers the residual is added in the same kernel. */
static int
call_norm(void *data, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  const Small *s = data;
  guint16 *residual = (guint16 *)s->out + s->tokens * s->width;

  return residual_rms_norm(s->dtype, s->in, residual, s->data, s->tokens, s->width, EPSILON, s->out,
                           stream);
}

static int
call_final_norm(void *data, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  const Small *s = data;

  return rms_norm(s->dtype, s->in, s->data, s->tokens, s->width, EPSILON, s->out, stream);
}

/* Cosines and sines of every position, then a position for each token. */
static gboolean
prepare_rope(Small *s, GError **error)
{
  gsize sines = (gsize)POSITIONS * s->head_dim, half = s->head_dim / 2;
  gsize bytes = sines * sizeof(float) + s->tokens * sizeof(gint32);
  g_autofree char *lists = g_malloc(bytes);
  float *table = (float *)(gpointer)lists;
  gint32 *positions = (gint32 *)(gpointer)(lists + sines * sizeof(float));

  for (gsize p = 0; p < POSITIONS; p++)
    for (gsize i = 0; i < half; i++) {
      double angle = (double)p * pow(10000, -(double)i / (double)half);
      table[p * s->head_dim + i] = (float)cos(angle);
      table[p * s->head_dim + half + i] = (float)sin(angle);
    }
  for (gsize i = 0; i < s->tokens; i++)
    positions[i] = (gint32)(i % POSITIONS);
  s->positions = sines * sizeof(float);
  s->lists = bench_cuda_lists(s->bench, lists, bytes, error);
  return s->lists != NULL;
}

static int
call_rope(void *data, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  const Small *s = data;

  return rope(s->dtype, s->out, s->lists,
              (const int32_t *)(gconstpointer)((const char *)s->lists + s->positions), s->tokens,
              s->width, (uint32_t)(s->width / s->head_dim), s->head_dim, s->head_dim, stream);
}

static int
call_activation(void *data, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  const Small *s = data;

  return silu_gate(s->dtype, s->in, s->tokens, s->width, s->out, stream);
}

/* Slots in random blocks, in order within each: K of all blocks, then V. */
static gboolean
prepare_kv_write(Small *s, GError **error)
{
  guint32 blocks = (guint32)(s->tokens / BLOCK_TOKENS + 1);
  guint32 kv_heads = (guint32)(s->width / 2 / s->head_dim);
  gsize block_elements = (gsize)kv_heads * BLOCK_TOKENS * s->head_dim;
  g_autofree gint32 *order = bench_cuda_shuffled(s->bench, blocks);
  g_autofree gint64 *slots = g_new(gint64, s->tokens);

  for (gsize i = 0; i < s->tokens; i++)
    slots[i] = (gint64)order[i / BLOCK_TOKENS] * BLOCK_TOKENS + (gint64)(i % BLOCK_TOKENS);
  s->kv = (PagedKv){.k = s->out,
                    .v = (guint16 *)s->out + block_elements * blocks,
                    .block_stride = block_elements,
                    .head_stride = (gsize)BLOCK_TOKENS * s->head_dim,
                    .token_stride = s->head_dim,
                    .block_size = BLOCK_TOKENS,
                    .kv_heads = kv_heads,
                    .head_dim = s->head_dim};
  s->lists = bench_cuda_lists(s->bench, slots, s->tokens * sizeof(gint64), error);
  return s->lists != NULL;
}

static int
call_kv_write(void *data, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  const Small *s = data;

  return kv_write(s->dtype, &s->kv, s->in, (const guint16 *)s->in + s->width / 2, s->width,
                  s->lists, s->tokens, stream);
}

typedef struct {
  const char *variant;
  gboolean (*prepare)(Small *small, GError **error); /* NULL: nothing but in and out */
  TimedCall call;
  gsize in_widths, out_widths;
  gsize out_rows_more;  /* written beyond the tokens */
  gboolean is_in_place; /* out begins as a copy of what is random */
  gsize head_parts;     /* width is so many parts of whole heads; 0: has none */
} SmallKind;

static const SmallKind small_kinds[] = {
    {ELEMENTWISE_EMBEDDING, prepare_embedding, call_embedding, 0, 1, 0, FALSE, 0},
    {ELEMENTWISE_NORM, prepare_norm, call_norm, 1, 2, 0, TRUE, 0},
    {ELEMENTWISE_FINAL_NORM, prepare_norm, call_final_norm, 1, 1, 0, FALSE, 0},
    {ELEMENTWISE_ROPE, prepare_rope, call_rope, 1, 1, 0, TRUE, 1},
    {ELEMENTWISE_ACTIVATION, NULL, call_activation, 2, 1, 0, FALSE, 0},
    {ELEMENTWISE_KV_WRITE, prepare_kv_write, call_kv_write, 1, 1, BLOCK_TOKENS, FALSE, 2},
};

static const SmallKind *
find_kind(const char *variant)
{
  for (guint i = 0; i < G_N_ELEMENTS(small_kinds); i++)
    if (g_str_equal(variant, small_kinds[i].variant))
      return &small_kinds[i];
  return NULL;
}

static gboolean
allocate(Small *s, const SmallKind *kind, GError **error)
{
  BenchCuda *self = s->bench;
  gsize in_bytes = kind->in_widths * s->tokens * s->width * sizeof(guint16);
  gsize out_bytes =
      kind->out_widths * (s->tokens + kind->out_rows_more) * s->width * sizeof(guint16);
  int status = 0;

  s->in = bench_cuda_buffer(self, BUFFER_IN, in_bytes, s->fill, error);
  if (s->in == NULL)
    return FALSE;
  s->out = bench_cuda_buffer(self, BUFFER_OUT, out_bytes, BENCH_FILL_NONE, error);
  if (s->out == NULL)
    return FALSE;
  for (gsize done = 0; kind->is_in_place && done < out_bytes && status == 0; done += in_bytes)
    status = (int)cudaMemcpy((char *)s->out + done, s->in, MIN(in_bytes, out_bytes - done),
                             cudaMemcpyDeviceToDevice);
  if (status == 0)
    status = (int)cudaDeviceSynchronize();
  return status == 0 || bench_cuda_fail(status, error);
}

gboolean
bench_cuda_measure_elementwise(BenchCuda *self, const BenchRequest *request, const BenchStop *stop,
                               BenchTiming *timing, GError **error)
{
  const gint64 *shape = request->key->shape;
  const SmallKind *kind = find_kind(request->key->variant);
  Small s = {.bench = self, .tokens = (gsize)shape[0], .width = (gsize)shape[1]};
  TimingRequest timed = {.data = &s};

  if (kind == NULL)
    return bench_cuda_unsupported(error, "there is no kernel for it: the norm adds the residual");
  if (!bench_cuda_dtype(request->key->dtype, &s.dtype, &s.fill) || s.dtype == DTYPE_FP8_E4M3)
    return bench_cuda_unsupported(error, "the kernels take activations of 16 bits");
  if (kind->head_parts > 0)
    s.head_dim = head_dim_of(s.width, kind->head_parts);
  if (s.tokens == 0 || s.width == 0 || s.width % 8 != 0 ||
      (kind->head_parts > 0 && s.head_dim == 0))
    return bench_cuda_unsupported(error,
                                  "the kernels take widths of whole heads, or of 8 elements");
  timed.call = kind->call;
  return allocate(&s, kind, error) && (kind->prepare == NULL || kind->prepare(&s, error)) &&
         bench_cuda_time(self, &timed, stop, timing, NULL, error);
}

/* Sampling among all tokens at temperature 1, or taking the likeliest. */
typedef struct {
  Dtype dtype;
  gsize sequences, vocab, row;
  SamplingParams params;
  const void *logits;
  const float *uniforms;
  void *tokens;
} SamplingCall;

static int
call_sampling(void *data, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  const SamplingCall *s = data;

  return sample(s->dtype, s->logits, s->sequences, s->vocab, s->row, &s->params, s->uniforms,
                s->tokens, stream);
}

gboolean
bench_cuda_measure_sampling(BenchCuda *self, const BenchRequest *request, const BenchStop *stop,
                            BenchTiming *timing, GError **error)
{
  const gint64 *shape = request->key->shape;
  gboolean is_greedy = g_str_equal(request->key->variant, SAMPLING_GREEDY);
  BenchFill fill;
  SamplingCall call = {.sequences = (gsize)shape[0],
                       .vocab = (gsize)shape[1],
                       .row = ((gsize)shape[1] + 7) / 8 * 8,
                       .params = {.temperature = is_greedy ? 0 : 1, .top_p = 1}};
  TimingRequest timed = {.call = call_sampling, .data = &call};
  g_autofree float *uniforms = g_new(float, MAX(call.sequences, 1));

  if (!bench_cuda_dtype(request->key->dtype, &call.dtype, &fill) || call.dtype == DTYPE_FP8_E4M3 ||
      call.vocab > SAMPLING_VOCAB_MAX)
    return bench_cuda_unsupported(error, "the kernel takes logits of 16 bits");
  for (gsize i = 0; i < call.sequences; i++)
    uniforms[i] = (float)(0.999 * g_rand_double(self->random));
  call.logits = bench_cuda_buffer(self, BUFFER_DATA, call.sequences * call.row * sizeof(guint16),
                                  fill, error);
  if (call.logits == NULL)
    return FALSE;
  call.uniforms = bench_cuda_lists(self, uniforms, call.sequences * sizeof(float), error);
  if (call.uniforms == NULL)
    return FALSE;
  call.tokens =
      bench_cuda_buffer(self, BUFFER_OUT, call.sequences * sizeof(gint32), BENCH_FILL_NONE, error);
  return call.tokens != NULL && bench_cuda_time(self, &timed, stop, timing, NULL, error);
}
