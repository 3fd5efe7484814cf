/* Copies of KV blocks on the CUDA device: every direction, memory and path. Pieces lie scattered
 * over a pool of twice their number and packed on the host, as swapped blocks do.
 *
 * The host's time to hand a copy over is that while the stream is held, as long as the queue takes
 * all of it; beyond, the host waits for the card, and it is timed once more with the stream free.
 */
#include "config.h"

#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POOL_SHARE = 2, SUBMITS = 7 };

typedef struct {
  gboolean has[WAYS];
  gboolean pinned;
  KvCopyMethod method;
} CopyKind;

static gboolean
find(const char *word, const char *const *words, guint *index)
{
  for (*index = 0; words[*index] != NULL; (*index)++)
    if (g_str_equal(word, words[*index]))
      return TRUE;
  return FALSE;
}

static gboolean
parse_kind(const char *variant, CopyKind *kind)
{
  static const char *const directions[] = {"h2d", "d2h", "both", NULL};
  static const char *const memories[] = {"pageable", "pinned", NULL};
  static const char *const paths[] = {"single", "batched", "kernel", NULL};
  static const KvCopyMethod methods[] = {KV_COPY_PIECES, KV_COPY_BATCH, KV_COPY_KERNEL};
  g_auto(GStrv) words = g_strsplit(variant, "/", -1);
  guint direction, memory, path;

  if (g_strv_length(words) != 3 || !find(words[0], directions, &direction) ||
      !find(words[1], memories, &memory) || !find(words[2], paths, &path))
    return FALSE;
  kind->has[WAY_H2D] = direction != 1;
  kind->has[WAY_D2H] = direction != 0;
  kind->pinned = memory == 1;
  kind->method = methods[path];
  return TRUE;
}

static gboolean
check(const CopyKind *kind, gsize piece_bytes, gsize pieces, GError **error)
{
  if (!kind->pinned && kind->method == KV_COPY_KERNEL)
    return bench_cuda_unsupported(error, "a kernel reaches pinned memory only");
  if (!kind->pinned && kind->has[WAY_H2D] && kind->has[WAY_D2H])
    return bench_cuda_unsupported(error, "copies of pageable memory are never at once");
  if (piece_bytes > 0 && pieces > 0 && pieces <= COPY_PIECES_MOST &&
      piece_bytes % KV_COPY_VECTOR_BYTES == 0)
    return TRUE;
  g_set_error(error, BENCH_ERROR, BENCH_ERROR_FAILED,
              "pieces are 1 to %d, each of a multiple of %d bytes", COPY_PIECES_MOST,
              KV_COPY_VECTOR_BYTES);
  return FALSE;
}

/* The pool is one for both ways, which have pieces of their own. */
static gboolean
prepare(BenchCuda *self, const CopyKind *kind, gsize piece_bytes, gsize pieces, CopyCall *call,
        GError **error)
{
  guint32 slots = (guint32)(POOL_SHARE * pieces * (kind->has[WAY_H2D] + kind->has[WAY_D2H]));
  g_autofree gint32 *order = bench_cuda_shuffled(self, slots);
  char *pool = bench_cuda_buffer(self, BUFFER_POOL, slots * piece_bytes, BENCH_FILL_BF16, error);

  if (pool == NULL)
    return FALSE;
  call->layout = (KvLayout){.block_stride_bytes = piece_bytes,
                            .piece_stride_bytes = piece_bytes,
                            .piece_bytes = piece_bytes,
                            .num_pieces = 1};
  for (guint way = 0; way < WAYS; way++) {
    char *buffer;
    if (!kind->has[way])
      continue;
    buffer = bench_cuda_host(self, way, kind->pinned, pieces * piece_bytes, error);
    if (buffer == NULL)
      return FALSE;
    memcpy(self->block_lists[way], order + (kind->has[WAY_H2D] ? way * pieces : 0),
           pieces * sizeof(gint32));
    call->has[way] = TRUE;
    call->copies[way] = (KvCopy){.method = kind->method,
                                 .to_pool = way == WAY_H2D,
                                 .layout = &call->layout,
                                 .pool = pool,
                                 .block_list = self->block_lists[way],
                                 .num_blocks = pieces,
                                 .buffer = buffer,
                                 .buffer_is_settled = way == WAY_H2D};
  }
  return TRUE;
}

gboolean
bench_cuda_copy(BenchCuda *self, const char *variant, gsize piece_bytes, gsize pieces,
                CopyCall *call, GError **error)
{
  CopyKind kind;

  if (!parse_kind(variant, &kind))
    return bench_cuda_unsupported(error, "there is no such copy");
  *call = (CopyCall){
      .pinned = kind.pinned, .side = self->side, .forked = self->forked, .joined = self->joined};
  return check(&kind, piece_bytes, pieces, error) &&
         prepare(self, &kind, piece_bytes, pieces, call, error);
}

/* Both ways: the one out in a stream beside, from the same moment on, and waited for. */
static int
call_both(CopyCall *call, cudaStream_t stream)
{
  int status = (int)cudaEventRecord(call->forked, stream);

  if (status == 0)
    status = (int)cudaStreamWaitEvent(call->side, call->forked, 0);
  if (status == 0)
    status = kv_copy(&call->copies[WAY_D2H], call->side);
  if (status == 0)
    status = kv_copy(&call->copies[WAY_H2D], stream);
  if (status == 0)
    status = (int)cudaEventRecord(call->joined, call->side);
  if (status == 0)
    status = (int)cudaStreamWaitEvent(stream, call->joined, 0);
  return status;
}

int
bench_cuda_call_copy(void *data, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  CopyCall *call = data;

  if (call->has[WAY_H2D] && call->has[WAY_D2H])
    return call_both(call, stream);
  return kv_copy(&call->copies[call->has[WAY_H2D] ? WAY_H2D : WAY_D2H], stream);
}

static double
now_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* The host's time of a call into a stream that is free to run: the median of a few. */
static gboolean
time_submit(BenchCuda *self, CopyCall *call, double *submit_ns, GError **error)
{
  cudaStream_t stream = timer_stream(self->timer);
  double taken_ns[SUBMITS];
  int status = 0;

  for (uint32_t i = 0; i < SUBMITS && status == 0; i++) {
    double before_ns = now_ns();
    status = bench_cuda_call_copy(call, i, stream);
    taken_ns[i] = now_ns() - before_ns;
    if (status == 0)
      status = (int)cudaStreamSynchronize(stream);
  }
  if (status != 0)
    return bench_cuda_fail(status, error);
  qsort(taken_ns, SUBMITS, sizeof *taken_ns, compare);
  *submit_ns = taken_ns[SUBMITS / 2];
  return TRUE;
}

/* A driver whose batches do not take pageable memory calls it an invalid value. */
static void
take_as_unsupported(const CopyKind *kind, GError **error)
{
  if (kind->method == KV_COPY_BATCH && !kind->pinned && error != NULL &&
      g_error_matches(*error, BENCH_ERROR, BENCH_ERROR_FAILED))
    (*error)->code = BENCH_ERROR_UNSUPPORTED;
}

gboolean
bench_cuda_measure_copy(BenchCuda *self, const BenchRequest *request, const BenchStop *stop,
                        BenchTiming *timing, GError **error)
{
  const gint64 *s = request->key->shape;
  CopyKind kind;
  CopyCall call;
  TimingRequest timed = {.call = bench_cuda_call_copy, .data = &call, .is_never_graph = true};
  gboolean held;

  if (!bench_cuda_copy(self, request->key->variant, (gsize)s[0], (gsize)s[1], &call, error))
    return FALSE;
  parse_kind(request->key->variant, &kind);
  timed.is_synchronous = !call.pinned;
  if (!bench_cuda_time(self, &timed, stop, timing, &held, error)) {
    take_as_unsupported(&kind, error);
    return FALSE;
  }
  if (!held && call.pinned && !time_submit(self, &call, &timing->submit_ns, error))
    return FALSE;
  timing->kernel = kv_copy_method_name(kind.method);
  return TRUE;
}

gboolean
bench_cuda_measure_submit(BenchCuda *self, const BenchRequest *request, const BenchStop *stop,
                          BenchTiming *timing, GError **error)
{
  if (!bench_cuda_measure_copy(self, request, stop, timing, error))
    return FALSE;
  timing->median_ns = timing->p10_ns = timing->p90_ns = timing->submit_ns;
  return TRUE;
}
