/* The CUDA device: what the card is, how it fares, and which file measures what.
 *
 * Nothing is asked of CUDA before bench_identify(): it finds what is missing one by one, from the
 * driver to pinned memory, and says it in a sentence.
 */
#include "config.h"

#include "internal.h"

#include <string.h>

#define NVML_LIBRARY "libnvidia-ml.so.1"
enum { LEAST_CAPABILITY = 80 }; /* ten times major, and minor */

/* Health is asked while the card works: an idle card lowers its clocks. */
enum { BUSY_EDGE = 4096, BUSY_CALLS = 60, BUSY_US = 8000 };

static BenchCuda *
cuda_of(BenchDevice *base)
{
  return (BenchCuda *)base;
}

static gboolean
refuse(GError **error, BenchError code, const char *why)
{
  g_set_error_literal(error, BENCH_ERROR, (gint)code, why);
  return FALSE;
}

/* "13.0" of 13000. */
static void
print_version(char *text, gsize length, int version)
{
  g_snprintf(text, (gulong)length, "%d.%d", version / 1000, version % 1000 / 10);
}

static gboolean
find_driver(BenchCuda *self, GError **error)
{
  int driver = 0, runtime = 0;
  char has[16], needs[16];

  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  print_version(has, sizeof has, driver);
  print_version(needs, sizeof needs, runtime);
  g_strlcpy(self->cuda, needs, sizeof self->cuda);
  if (driver == 0)
    return refuse(error, BENCH_ERROR_DRIVER,
                  "there is no NVIDIA driver here: calibrate on the machine that has the GPU, or "
                  "install its driver (in a container: start it with the GPU)");
  if (driver / 1000 >= runtime / 1000)
    return TRUE;
  g_set_error(error, BENCH_ERROR, BENCH_ERROR_DRIVER,
              "the NVIDIA driver is too old: it serves CUDA %s and this program was built with "
              "%s; install a newer driver, or build with an older CUDA (configure --with-cuda=DIR)",
              has, needs);
  return FALSE;
}

static gboolean
find_card(GError **error)
{
  int n = 0;
  cudaError_t status = cudaGetDeviceCount(&n);

  if (status == cudaSuccess && n > 0)
    return TRUE;
  if (status == cudaErrorInsufficientDriver)
    return refuse(error, BENCH_ERROR_DRIVER,
                  "the NVIDIA driver is too old for this program's CUDA; install a newer one");
  if (status == cudaErrorNoDevice || status == cudaSuccess)
    return refuse(
        error, BENCH_ERROR_CARD,
        "there is no GPU that CUDA can use here; 'nvidia-smi' lists those of the machine, "
        "and CUDA_VISIBLE_DEVICES may hide them");
  g_set_error(error, BENCH_ERROR, BENCH_ERROR_CARD,
              "CUDA cannot be started (%s); 'nvidia-smi' may say why", cudaGetErrorName(status));
  return FALSE;
}

static int
attribute(enum cudaDeviceAttr which, int device)
{
  int value = 0;

  return cudaDeviceGetAttribute(&value, which, device) == cudaSuccess ? value : 0;
}

/* CUDA_VISIBLE_DEVICES chooses the card. */
static gboolean
describe_card(BenchCuda *self, BenchIdentity *identity, GError **error)
{
  struct cudaDeviceProp properties;
  char bus[32] = "";
  int device = 0, major, minor;
  size_t free_bytes, total_bytes;
  cudaError_t status = cudaGetDevice(&device);

  if (status == cudaSuccess)
    status = cudaGetDeviceProperties(&properties, device);
  if (status == cudaSuccess)
    status = cudaMemGetInfo(&free_bytes, &total_bytes); /* the first call that needs the card */
  if (status != cudaSuccess) {
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_CARD,
                "the GPU cannot be used (%s): another program may hold it, or its memory is full",
                cudaGetErrorName(status));
    return FALSE;
  }
  major = attribute(cudaDevAttrComputeCapabilityMajor, device);
  minor = attribute(cudaDevAttrComputeCapabilityMinor, device);
  if (10 * major + minor < LEAST_CAPABILITY) {
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_CARD,
                "%s has compute capability %d.%d, and the kernels need 8.0 or later (A100, RTX "
                "30 and younger)",
                properties.name, major, minor);
    return FALSE;
  }
  g_strlcpy(self->name, properties.name, sizeof self->name);
  self->free_bytes = free_bytes;
  self->l2_bytes = (gsize)attribute(cudaDevAttrL2CacheSize, device);
  if (cudaDeviceGetPCIBusId(bus, sizeof bus, device) == cudaSuccess)
    self->nvml = nvml_open(NVML_LIBRARY, bus);
  identity->multiprocessors = (guint32)attribute(cudaDevAttrMultiProcessorCount, device);
  identity->memory_bytes = total_bytes;
  identity->free_bytes = free_bytes;
  return TRUE;
}

static gboolean
start(BenchCuda *self, GError **error)
{
  int status = timer_new(&self->timer);

  if (status == 0)
    status = gemm_new(&self->gemm);
  if (status == 0)
    status = attention_device_query(&self->attention);
  if (status == 0)
    status = (int)cudaStreamCreateWithFlags(&self->side, cudaStreamNonBlocking);
  if (status == 0)
    status = (int)cudaEventCreateWithFlags(&self->forked, cudaEventDisableTiming);
  if (status == 0)
    status = (int)cudaEventCreateWithFlags(&self->joined, cudaEventDisableTiming);
  if (status == 0)
    return TRUE;
  g_set_error(error, BENCH_ERROR, BENCH_ERROR_CARD, "nothing can be started on %s (%s)", self->name,
              gemm_status_name(status));
  return FALSE;
}

static gboolean
identify(BenchDevice *base, BenchIdentity *identity, GError **error)
{
  BenchCuda *self = cuda_of(base);
  size_t total_bytes;

  if (!find_driver(self, error) || !find_card(error) || !describe_card(self, identity, error) ||
      !bench_cuda_pin(self, error) || !start(self, error))
    return FALSE;
  if (cudaMemGetInfo(&self->free_bytes, &total_bytes) == cudaSuccess)
    identity->free_bytes = self->free_bytes; /* less what was started */
  if (self->nvml != NULL)
    g_strlcpy(self->driver, nvml_driver(self->nvml), sizeof self->driver);
  else
    identity->note = NVML_LIBRARY " is not there: clocks, heat and other processes are not seen, "
                                  "only drift is";
  attention_device_name(&self->attention, self->kernels, sizeof self->kernels);
  identity->name = self->name;
  identity->kernels = self->kernels;
  identity->driver = self->driver;
  identity->cuda = self->cuda;
  identity->pinned_bytes = self->pinned_bytes;
  return TRUE;
}

static gboolean
health(BenchDevice *base, BenchHealth *health, GError **error)
{
  BenchCuda *self = cuda_of(base);
  cudaStream_t stream = timer_stream(self->timer);
  GemmCall call;
  int status = 0;
  gboolean is_busy;

  if (self->nvml == NULL)
    return TRUE;
  is_busy =
      bench_cuda_gemm(self, "bfloat16", BUSY_EDGE, BUSY_EDGE, BUSY_EDGE, &call, NULL); /* or not */
  for (uint32_t turn = 0; is_busy && turn < BUSY_CALLS && status == 0; turn++)
    status = bench_cuda_call_gemm(&call, turn, stream);
  if (is_busy)
    g_usleep(BUSY_US);
  nvml_health(self->nvml, health);
  if (status == 0)
    status = (int)cudaStreamSynchronize(stream);
  return status == 0 || bench_cuda_fail(status, error);
}

static gboolean
measure_no_group(BenchCuda *self G_GNUC_UNUSED, const BenchRequest *request G_GNUC_UNUSED,
                 const BenchStop *stop G_GNUC_UNUSED, BenchTiming *timing G_GNUC_UNUSED,
                 GError **error)
{
  return bench_cuda_unsupported(error, "it takes several cards, and one is measured");
}

static gboolean
measure_no_host(BenchCuda *self G_GNUC_UNUSED, const BenchRequest *request G_GNUC_UNUSED,
                const BenchStop *stop G_GNUC_UNUSED, BenchTiming *timing G_GNUC_UNUSED,
                GError **error)
{
  return bench_cuda_unsupported(error, "a server's host time is not the card's");
}

static BenchMeasure *const kinds[OPERATIONS] = {
    [OP_GEMM] = bench_cuda_measure_gemm,
    [OP_ELEMENTWISE] = bench_cuda_measure_elementwise,
    [OP_ATTENTION] = bench_cuda_measure_attention,
    [OP_ATTENTION_SKEW] = bench_cuda_measure_skew,
    [OP_SAMPLING] = bench_cuda_measure_sampling,
    [OP_ALL_REDUCE] = measure_no_group,
    [OP_COPY] = bench_cuda_measure_copy,
    [OP_HOST] = measure_no_host,
    [OP_COPY_SUBMIT] = bench_cuda_measure_submit,
    [OP_BESIDE] = bench_cuda_measure_beside,
    [OP_CEILING] = bench_cuda_measure_ceiling,
    [OP_STEP] = bench_cuda_measure_step,
};

static gboolean
check_shape(const ProfileSample *key, GError **error)
{
  for (guint i = 0; i < operation_n_shape(key->operation); i++)
    if (key->shape[i] < 0 || key->shape[i] > G_MAXINT64 / 4) {
      g_set_error(error, BENCH_ERROR, BENCH_ERROR_FAILED, "there is no such shape");
      return FALSE;
    }
  return TRUE;
}

/* What the measurements before keep for the next is given up where this one lacks memory. */
static gboolean
measure(BenchDevice *base, const BenchRequest *request, const BenchStop *stop, BenchTiming *timing,
        GError **error)
{
  BenchCuda *self = cuda_of(base);
  BenchMeasure *run = kinds[request->key->operation];
  g_autoptr(GError) failure = NULL;

  if (!check_shape(request->key, error))
    return FALSE;
  if (run(self, request, stop, timing, &failure))
    return TRUE;
  if (g_error_matches(failure, BENCH_ERROR, BENCH_ERROR_MEMORY)) {
    bench_cuda_close_runner(self);
    bench_cuda_free_card(self);
    return run(self, request, stop, timing, error);
  }
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

static void
free_cuda(BenchDevice *base)
{
  BenchCuda *self = cuda_of(base);

  bench_cuda_close_runner(self);
  if (self->attention_plan != NULL)
    attention_plan_free(self->attention_plan);
  bench_cuda_free_buffers(self);
  gemm_free(self->gemm);
  timer_free(self->timer);
  if (self->side != NULL)
    cudaStreamDestroy(self->side);
  if (self->forked != NULL)
    cudaEventDestroy(self->forked);
  if (self->joined != NULL)
    cudaEventDestroy(self->joined);
  nvml_close(self->nvml);
  g_rand_free(self->random);
  g_free(self);
}

static const BenchDeviceClass cuda_class = {
    .name = "cuda",
    .identify = identify,
    .health = health,
    .measure = measure,
    .free = free_cuda,
};

BenchDevice *
bench_cuda_new(const BenchStepClass *steps)
{
  BenchCuda *self = g_new0(BenchCuda, 1);

  self->base.class = &cuda_class;
  self->steps = steps;
  self->random = g_rand_new_with_seed(1);
  return &self->base;
}
