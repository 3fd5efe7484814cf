/* What the card can do: products, memory, the link, launches. */
#include "speed.h"

#include <cuda_runtime_api.h>

#include "random_data.h"

enum { SIDE = 8192, STREAM_BYTES = 1 << 30, LINK_BYTES = 256 << 20, VECTOR_BYTES = 16 };

/* `from` and `to` on the device, or one of them pinned on the host. */
typedef struct {
  Gemm *gemm;
  GemmProblem problem;
  const void *from;
  void *to;
  gsize num_bytes;
} Move;

static int
call_gemm(void *data, uint32_t turn, struct CUstream_st *stream)
{
  const Move *move = data;

  (void)turn;
  return gemm_run(move->gemm, &move->problem, stream);
}

static int
call_read(void *data, uint32_t turn, struct CUstream_st *stream)
{
  const Move *move = data;

  (void)turn;
  return stream_read(move->from, move->num_bytes, move->to, stream);
}

static int
call_copy(void *data, uint32_t turn, struct CUstream_st *stream)
{
  const Move *move = data;

  (void)turn;
  return stream_copy(move->from, move->to, move->num_bytes, stream);
}

static int
call_link(void *data, uint32_t turn, struct CUstream_st *stream)
{
  const Move *move = data;

  (void)turn;
  return (int)cudaMemcpyAsync(move->to, move->from, move->num_bytes, cudaMemcpyDefault, stream);
}

/* Times the request and reports the row. Returns the work per second, 0 where it failed. */
static double
measure(SpeedContext *context, CheckMemory *memory, const TimingRequest *request, const char *shape,
        SpeedUnit unit, double work)
{
  SpeedRow row = {.kernel = "ceiling", .shape = shape, .unit = unit, .work = work};

  speed_measure(context, memory, request, &row);
  return row.problem == NULL && row.timing.median_ns > 0 ? work / row.timing.median_ns * 1e9 : 0;
}

static void
measure_gemm(SpeedContext *context)
{
  g_autoptr(CheckMemory) memory = check_memory_new(NULL);
  const gsize side = speed_shrunk(context, SIDE) / 16 * 16, num_bytes = side * side * 2;
  Move move = {
      .gemm = context->gemm,
      .problem = {.dtype = DTYPE_BF16,
                  .m = side,
                  .n = side,
                  .k = side,
                  .in = speed_random(context, memory, DTYPE_BF16, num_bytes, "in"),
                  .weights = speed_random(context, memory, DTYPE_BF16, num_bytes, "weights"),
                  .out = check_memory_add(memory, num_bytes, CHECK_INPUT, "out")},
  };
  const TimingRequest request = {.call = call_gemm, .data = &move};
  g_autofree char *shape = g_strdup_printf(
      "GEMM, bf16, %" G_GSIZE_FORMAT " x %" G_GSIZE_FORMAT " x %" G_GSIZE_FORMAT, side, side, side);

  context->ceilings.gemm_flops =
      measure(context, memory, &request, shape, SPEED_FLOPS, 2.0 * side * side * side);
}

static void
measure_memory(SpeedContext *context)
{
  g_autoptr(CheckMemory) memory = check_memory_new(NULL);
  const gsize num_bytes = speed_shrunk(context, STREAM_BYTES);
  Move move = {
      .from = speed_random(context, memory, DTYPE_BF16, num_bytes, "memory"),
      .to = check_memory_add(memory, num_bytes, CHECK_INPUT, "copy"),
      .num_bytes = num_bytes,
  };
  Move tiny = move;
  const TimingRequest read = {.call = call_read, .data = &move};
  const TimingRequest copy = {.call = call_copy, .data = &move};
  const TimingRequest launch = {.call = call_copy, .data = &tiny};

  tiny.num_bytes = VECTOR_BYTES;
  context->ceilings.read_bytes =
      measure(context, memory, &read, "read device memory, 1 GiB", SPEED_BYTES, (double)num_bytes);
  context->ceilings.copy_bytes = measure(context, memory, &copy, "copy device memory, 1 GiB",
                                         SPEED_BYTES, 2.0 * (double)num_bytes);
  const double launches =
      measure(context, memory, &launch, "launch, one of many in a graph", SPEED_TIME, 1);
  context->ceilings.launch_ns = launches > 0 ? 1e9 / launches : 0;
}

static void
measure_link(SpeedContext *context)
{
  g_autoptr(CheckMemory) memory = check_memory_new(NULL);
  const gsize num_bytes = speed_shrunk(context, LINK_BYTES);
  g_autofree guint8 *bytes = g_malloc(num_bytes);
  random_bytes(context->rand, bytes, num_bytes);
  void *near = speed_random(context, memory, DTYPE_BF16, num_bytes, "device memory");
  void *near_too = speed_random(context, memory, DTYPE_BF16, num_bytes, "device memory");
  void *far = check_memory_add_host(memory, FALSE, bytes, num_bytes, CHECK_INPUT, "host memory");
  void *far_too =
      check_memory_add_host(memory, FALSE, bytes, num_bytes, CHECK_INPUT, "host memory");
  Move h2d = {.from = far, .to = near, .num_bytes = num_bytes};
  Move d2h = {.from = near_too, .to = far_too, .num_bytes = num_bytes};
  const TimingRequest in = {.call = call_link, .data = &h2d};
  const TimingRequest out = {.call = call_link, .data = &d2h};
  const TimingRequest in_beside = {
      .call = call_link, .data = &h2d, .beside = call_link, .beside_data = &d2h};
  const TimingRequest out_beside = {
      .call = call_link, .data = &d2h, .beside = call_link, .beside_data = &h2d};

  context->ceilings.d2h_bytes = measure(context, memory, &out, "device to pinned host, 256 MiB",
                                        SPEED_BYTES, (double)num_bytes);
  context->ceilings.h2d_bytes = measure(context, memory, &in, "pinned host to device, 256 MiB",
                                        SPEED_BYTES, (double)num_bytes);
  if (context->quick)
    return;
  measure(context, memory, &out_beside, "device to host, while the other way is busy", SPEED_BYTES,
          (double)num_bytes);
  measure(context, memory, &in_beside, "host to device, while the other way is busy", SPEED_BYTES,
          (double)num_bytes);
}

void
speed_ceilings(SpeedContext *context)
{
  measure_gemm(context);
  measure_memory(context);
  measure_link(context);
}
