/* The most that the card gives, and what kernels and copies take from each other. */
#include "config.h"

#include "internal.h"

#include <math.h>
#include <string.h>

/* Memory traffic of `bytes`. */
typedef struct {
  const void *from;
  void *to;
  gsize bytes;
} StreamCall;

static int
call_stream_copy(void *data, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  const StreamCall *call = data;

  return stream_copy(call->from, call->to, call->bytes, stream);
}

static int
call_stream_read(void *data, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  const StreamCall *call = data;

  return stream_read(call->from, call->bytes, call->to, stream);
}

static int
call_nothing(void *data G_GNUC_UNUSED, uint32_t turn G_GNUC_UNUSED, cudaStream_t stream)
{
  return stream_nothing(stream);
}

static gboolean
measure_gemm(BenchCuda *self, gsize work, const BenchStop *stop, BenchTiming *timing,
             GError **error)
{
  gsize edge = (gsize)llround(cbrt((double)work / 2));
  GemmCall call;
  TimingRequest timed = {.call = bench_cuda_call_gemm, .data = &call};

  return bench_cuda_gemm(self, "bfloat16", edge, edge, edge, &call, error) &&
         bench_cuda_time(self, &timed, stop, timing, NULL, error);
}

/* of: how often the bytes are counted, once read and once written. */
static gboolean
measure_stream(BenchCuda *self, gsize work, gsize of, TimedCall run, const BenchStop *stop,
               BenchTiming *timing, GError **error)
{
  StreamCall call = {.bytes = work / of / 16 * 16};
  TimingRequest timed = {.call = run, .data = &call};

  call.from = bench_cuda_buffer(self, BUFFER_DATA, call.bytes, BENCH_FILL_BF16, error);
  if (call.from == NULL)
    return FALSE;
  call.to = bench_cuda_buffer(self, BUFFER_OUT, of > 1 ? call.bytes : 16, BENCH_FILL_NONE, error);
  return call.to != NULL && bench_cuda_time(self, &timed, stop, timing, NULL, error);
}

/* One piece, as large as can be. */
static gboolean
measure_link(BenchCuda *self, const char *variant, gsize bytes, const BenchStop *stop,
             BenchTiming *timing, GError **error)
{
  g_autofree char *copy = g_strconcat(variant, "/pinned/single", NULL);
  CopyCall call;
  TimingRequest timed = {.call = bench_cuda_call_copy, .data = &call, .is_never_graph = true};

  return bench_cuda_copy(self, copy, bytes / 16 * 16, 1, &call, error) &&
         bench_cuda_time(self, &timed, stop, timing, NULL, error);
}

gboolean
bench_cuda_measure_ceiling(BenchCuda *self, const BenchRequest *request, const BenchStop *stop,
                           BenchTiming *timing, GError **error)
{
  const char *variant = request->key->variant;
  gsize work = (gsize)request->key->shape[0];
  TimingRequest launch = {.call = call_nothing, .is_never_graph = true};

  if (g_str_equal(variant, CEILING_GEMM))
    return measure_gemm(self, work, stop, timing, error);
  if (g_str_equal(variant, CEILING_COPY))
    return measure_stream(self, work, 2, call_stream_copy, stop, timing, error);
  if (g_str_equal(variant, CEILING_READ))
    return measure_stream(self, work, 1, call_stream_read, stop, timing, error);
  if (g_str_equal(variant, CEILING_LAUNCH))
    return bench_cuda_time(self, &launch, stop, timing, NULL, error);
  if (g_str_equal(variant, CEILING_H2D) || g_str_equal(variant, CEILING_D2H))
    return measure_link(self, variant, work, stop, timing, error);
  if (g_str_equal(variant, CEILING_BOTH))
    return measure_link(self, variant, work / 2, stop, timing, error);
  return bench_cuda_unsupported(error, "there is no such ceiling");
}

/* What runs beside a copy: a product that the arithmetic units limit, a decode that memory does.
 * They are of one size on every card that has the room, for ratios that can be compared. */
enum { PRODUCT_EDGE = 6144, DECODES = 64, DECODE_CONTEXT = 2048 };
static const HeadsShape decode_heads = {32, 8, 128};

#define SMALL_MEMORY ((gsize)2 << 30)

static gboolean
prepare_product(BenchCuda *self, GemmCall *call, GError **error)
{
  gsize edge = self->free_bytes >= SMALL_MEMORY ? PRODUCT_EDGE : 256;

  return bench_cuda_gemm(self, "bfloat16", edge, edge, edge, call, error);
}

static gboolean
prepare_decode(BenchCuda *self, AttentionCall *call, GError **error)
{
  gboolean has_room = self->free_bytes >= SMALL_MEMORY;
  const AttentionPart part = {has_room ? DECODES : 4, 1, has_room ? DECODE_CONTEXT : 64};

  return bench_cuda_attention(self, "bfloat16", &decode_heads, &part, 1, call, error);
}

/* variant: "gemm|decode/COPY/PART", with a copy's own slashes in between. */
gboolean
bench_cuda_measure_beside(BenchCuda *self, const BenchRequest *request, const BenchStop *stop,
                          BenchTiming *timing, GError **error)
{
  const char *variant = request->key->variant;
  const gint64 *s = request->key->shape;
  const char *first = strchr(variant, '/'), *last = strrchr(variant, '/');
  g_autofree char *copy =
      first != NULL && last > first ? g_strndup(first + 1, (gsize)(last - first - 1)) : NULL;
  const char *part = last != NULL ? last + 1 : "";
  gboolean is_gemm = g_str_has_prefix(variant, "gemm/"), of_copy = g_str_has_prefix(part, "copy-");
  GemmCall product;
  AttentionCall decode;
  CopyCall copied;
  TimingRequest timed = {.is_never_graph = true};
  const TimedCall compute = is_gemm ? bench_cuda_call_gemm : bench_cuda_call_attention;
  void *compute_data = is_gemm ? (void *)&product : (void *)&decode;

  if (copy == NULL || (!is_gemm && !g_str_has_prefix(variant, "decode/")))
    return bench_cuda_unsupported(error, "there is no such pair");
  if (!bench_cuda_copy(self, copy, (gsize)s[0], (gsize)s[1], &copied, error) ||
      !(is_gemm ? prepare_product(self, &product, error) : prepare_decode(self, &decode, error)))
    return FALSE;
  if (!copied.pinned)
    return bench_cuda_unsupported(error, "copies of pageable memory wait for what runs");
  timed.call = of_copy ? bench_cuda_call_copy : compute;
  timed.data = of_copy ? (void *)&copied : compute_data;
  if (g_str_has_suffix(part, "beside")) {
    timed.beside = of_copy ? compute : bench_cuda_call_copy;
    timed.beside_data = of_copy ? compute_data : (void *)&copied;
  }
  return bench_cuda_time(self, &timed, stop, timing, NULL, error);
}
