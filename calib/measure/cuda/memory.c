/* Memory of the CUDA device: buffers on the card, pinned and pageable ones on the host, and what
 * they are filled with.
 */
#include "config.h"

#include "internal.h"

#include <string.h>

#define MIB ((gsize)1 << 20)

/* Random values are made once, for so much, and repeated. A copy both ways takes two buffers. */
#define PATTERN_BYTES MIB
#define PINNED_MOST (1024 * MIB)
#define PINNED_LEAST MIB
/* Of the card's free memory: the rest is the libraries'. */
#define MEMORY_SHARE 0.92

/* Caches hold less than this many times their size of what was touched since. */
#define COLD_CACHES 4
#define SETS_MOST 64

guint32
bench_cuda_rotation(const BenchCuda *self, gsize set_bytes)
{
  gsize cold_bytes = COLD_CACHES * self->l2_bytes;

  return (guint32)CLAMP(cold_bytes / MAX(set_bytes, 1) + 1, 1, SETS_MOST);
}

gint32 *
bench_cuda_shuffled(BenchCuda *self, guint32 n)
{
  gint32 *order = g_new(gint32, MAX(n, 1));

  for (guint32 i = 0; i < n; i++)
    order[i] = (gint32)i;
  for (guint32 i = n; i > 1; i--) {
    guint32 j = (guint32)g_rand_int_range(self->random, 0, (gint32)i);
    gint32 spare = order[i - 1];
    order[i - 1] = order[j];
    order[j] = spare;
  }
  return order;
}

gboolean
bench_cuda_dtype(const char *name, Dtype *dtype, BenchFill *fill)
{
  static const struct {
    const char *name;
    Dtype dtype;
    BenchFill fill;
  } dtypes[] = {{"bfloat16", DTYPE_BF16, BENCH_FILL_BF16},
                {"float16", DTYPE_FP16, BENCH_FILL_FP16},
                {"fp8", DTYPE_FP8_E4M3, BENCH_FILL_FP8}};

  for (guint i = 0; i < G_N_ELEMENTS(dtypes); i++)
    if (g_str_equal(name, dtypes[i].name)) {
      *dtype = dtypes[i].dtype;
      *fill = dtypes[i].fill;
      return TRUE;
    }
  return FALSE;
}

/* Bits of numbers whose size is spread evenly over the exponents of 2^-7 to 1, or 2^-13 to 2^-6. */
static guint16
random_bits(GRand *random, BenchFill fill)
{
  guint32 draw = g_rand_int(random), sign = draw >> 31, mantissa = draw & 0x3ff;
  guint32 exponent = 1 + (draw >> 16) % 7; /* below that of 1 by this */

  if (fill == BENCH_FILL_SMALL_BF16 || fill == BENCH_FILL_SMALL_FP16)
    exponent += 6;
  switch (fill) {
  case BENCH_FILL_BF16:
  case BENCH_FILL_SMALL_BF16:
    return (guint16)(sign << 15 | (127 - exponent) << 7 | mantissa >> 3);
  case BENCH_FILL_FP16:
  case BENCH_FILL_SMALL_FP16:
    return (guint16)(sign << 15 | (15 - exponent) << 10 | mantissa);
  default: { /* two of fp8; exponents from 0 on */
    guint32 low = sign << 7 | (7 - exponent) << 3 | (mantissa & 7);
    guint32 high = (mantissa >> 3 & 1) << 7 | (mantissa >> 4) % 7 << 3 | mantissa >> 7;
    return (guint16)(high << 8 | low);
  }
  }
}

/* The caller frees. */
static guint16 *
new_pattern(gsize bytes, BenchFill fill)
{
  static const guint32 seed = 20260101;
  GRand *random = g_rand_new_with_seed(seed);
  gsize n = (bytes + 1) / sizeof(guint16);
  guint16 *pattern = g_new(guint16, MAX(n, 1));

  for (gsize i = 0; i < n; i++)
    pattern[i] = random_bits(random, fill);
  g_rand_free(random);
  return pattern;
}

int
bench_cuda_fill(void *memory, gsize bytes, BenchFill fill)
{
  gsize done = MIN(bytes, PATTERN_BYTES);
  g_autofree guint16 *pattern = new_pattern(done, fill);
  cudaError_t status = cudaMemcpy(memory, pattern, done, cudaMemcpyHostToDevice);

  while (status == cudaSuccess && done < bytes) {
    gsize next = MIN(done, bytes - done);
    status = cudaMemcpy((char *)memory + done, memory, next, cudaMemcpyDeviceToDevice);
    done += next;
  }
  return status == cudaSuccess ? (int)cudaDeviceSynchronize() : (int)status;
}

static gsize
others_bytes(const BenchCuda *self, BenchBuffer which)
{
  gsize bytes = 0;

  for (guint i = 0; i < BUFFERS; i++)
    if (i != which)
      bytes += self->buffers[i].bytes;
  return bytes;
}

static void
drop(CudaBuffer *buffer)
{
  cudaFree(buffer->place);
  *buffer = (CudaBuffer){.place = NULL};
}

static gboolean
allocate(BenchCuda *self, BenchBuffer which, gsize bytes)
{
  CudaBuffer *buffer = &self->buffers[which];

  drop(buffer);
  if ((double)(others_bytes(self, which) + bytes) > MEMORY_SHARE * (double)self->free_bytes)
    return FALSE;
  if (cudaMalloc(&buffer->place, bytes) == cudaSuccess) {
    buffer->bytes = bytes;
    return TRUE;
  }
  cudaGetLastError(); /* it is told here, and not by the next call */
  buffer->place = NULL;
  return FALSE;
}

void *
bench_cuda_buffer(BenchCuda *self, BenchBuffer which, gsize bytes, BenchFill fill, GError **error)
{
  CudaBuffer *buffer = &self->buffers[which];
  int status;

  bytes = MAX(bytes, 16);
  if (buffer->bytes < bytes && !allocate(self, which, bytes)) {
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_MEMORY,
                "it takes %.2f GB of the card, which are not free", (double)bytes / 1e9);
    return NULL;
  }
  if (fill == BENCH_FILL_NONE || fill == buffer->fill)
    return buffer->place;
  status = bench_cuda_fill(buffer->place, buffer->bytes, fill);
  if (status != 0) {
    bench_cuda_fail(status, error);
    return NULL;
  }
  buffer->fill = fill;
  return buffer->place;
}

void *
bench_cuda_lists(BenchCuda *self, gconstpointer lists, gsize bytes, GError **error)
{
  void *place = bench_cuda_buffer(self, BUFFER_LISTS, bytes, BENCH_FILL_NONE, error);
  cudaError_t status;

  if (place == NULL)
    return NULL;
  status = cudaMemcpy(place, lists, bytes, cudaMemcpyHostToDevice);
  if (status == cudaSuccess)
    status = cudaDeviceSynchronize(); /* it may return before the card has them */
  if (status == cudaSuccess)
    return place;
  bench_cuda_fail((int)status, error);
  return NULL;
}

static void
fill_host(char *memory, gsize bytes)
{
  gsize pattern_bytes = MIN(bytes, PATTERN_BYTES);
  g_autofree guint16 *pattern = new_pattern(pattern_bytes, BENCH_FILL_BF16);

  for (gsize done = 0; done < bytes; done += MIN(pattern_bytes, bytes - done))
    memcpy(memory + done, pattern, MIN(pattern_bytes, bytes - done));
}

static gboolean
pin_both(BenchCuda *self, gsize bytes)
{
  for (guint way = 0; way < WAYS; way++) {
    void *memory = NULL;
    if (cudaMallocHost(&memory, bytes) != cudaSuccess) {
      cudaGetLastError();
      for (guint i = 0; i < way; i++) {
        cudaFreeHost(self->pinned[i]);
        self->pinned[i] = NULL;
      }
      return FALSE;
    }
    self->pinned[way] = memory;
  }
  self->pinned_bytes = bytes;
  return TRUE;
}

gboolean
bench_cuda_pin(BenchCuda *self, GError **error)
{
  void *memory;

  for (gsize bytes = PINNED_MOST; bytes >= PINNED_LEAST && self->pinned_bytes == 0; bytes /= 2)
    if (pin_both(self, bytes))
      for (guint way = 0; way < WAYS; way++)
        fill_host(self->pinned[way], bytes);
  for (guint way = 0; way < WAYS && self->pinned_bytes > 0; way++) {
    if (cudaMallocHost(&memory, COPY_PIECES_MOST * sizeof(gint32)) != cudaSuccess) {
      cudaGetLastError();
      self->pinned_bytes = 0;
      break;
    }
    self->block_lists[way] = memory;
  }
  if (self->pinned_bytes > 0)
    return TRUE;
  g_set_error(error, BENCH_ERROR, BENCH_ERROR_PINNED,
              "the host gives no pinned memory, which copies to a GPU need, not even 2 MiB: free "
              "memory, or raise the limit on locked memory (ulimit -l) or of the container");
  return FALSE;
}

void *
bench_cuda_host(BenchCuda *self, guint way, gboolean pinned, gsize bytes, GError **error)
{
  if (bytes > self->pinned_bytes) {
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_MEMORY,
                "it takes %.0f MB of the host, which gave %.0f MB that can be pinned",
                (double)bytes / 1e6, (double)self->pinned_bytes / 1e6);
    return NULL;
  }
  if (pinned)
    return self->pinned[way];
  if (self->pageable[way] == NULL) {
    self->pageable[way] = g_try_malloc(self->pinned_bytes);
    if (self->pageable[way] == NULL) {
      g_set_error(error, BENCH_ERROR, BENCH_ERROR_MEMORY, "the host has no %.0f MB of memory",
                  (double)self->pinned_bytes / 1e6);
      return NULL;
    }
    fill_host(self->pageable[way], self->pinned_bytes);
  }
  return self->pageable[way];
}

void
bench_cuda_free_card(BenchCuda *self)
{
  for (guint i = 0; i < BUFFERS; i++)
    drop(&self->buffers[i]);
}

void
bench_cuda_free_buffers(BenchCuda *self)
{
  bench_cuda_free_card(self);
  for (guint way = 0; way < WAYS; way++) {
    cudaFreeHost(self->pinned[way]);
    cudaFreeHost(self->block_lists[way]);
    g_free(self->pageable[way]);
  }
}
