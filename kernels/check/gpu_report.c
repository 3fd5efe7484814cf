#include "gpu_report.h"

#include <cuda_runtime_api.h>

#define CONTROL_FILE "/dev/nvidiactl"

G_DEFINE_QUARK(spillway - gpu - report - error, gpu_report_error)

/* A program runs with drivers of its CUDA's major version and later ones. */
static gboolean
explain_driver(const GpuReport *report, cudaError_t status, GError **error)
{
  if (report->driver_cuda == 0)
    g_set_error(error, GPU_REPORT_ERROR, (int)status,
                "no NVIDIA driver: its library libcuda.so.1 was not found, or does not load");
  else
    g_set_error(error, GPU_REPORT_ERROR, (int)status,
                "the NVIDIA driver is too old: it is for CUDA %d.%d, and this program was built "
                "with CUDA %d.%d; it takes a driver for CUDA %d or later",
                report->driver_cuda / 1000, report->driver_cuda % 1000 / 10,
                report->program_cuda / 1000, report->program_cuda % 1000 / 10,
                report->program_cuda / 1000);
  return FALSE;
}

static gboolean
explain_no_gpu(const GpuReport *report, cudaError_t status, GError **error)
{
  const char *visible = g_getenv("CUDA_VISIBLE_DEVICES");
  GString *text = g_string_new(NULL);

  g_string_printf(text, "the NVIDIA driver (for CUDA %d.%d) finds no GPU",
                  report->driver_cuda / 1000, report->driver_cuda % 1000 / 10);
  if (visible != NULL)
    g_string_append_printf(text, "; CUDA_VISIBLE_DEVICES is '%s'", visible);
  if (!g_file_test(CONTROL_FILE, G_FILE_TEST_EXISTS))
    g_string_append(text, "; " CONTROL_FILE " is not there: the kernel's module is not loaded, or "
                          "a container was started without its GPUs");
  g_set_error(error, GPU_REPORT_ERROR, (int)status, "%s", text->str);
  g_string_free(text, TRUE);
  return FALSE;
}

static gboolean
explain(const GpuReport *report, cudaError_t status, GError **error)
{
  if (status == cudaErrorInsufficientDriver)
    return explain_driver(report, status, error);
  if (status == cudaErrorNoDevice)
    return explain_no_gpu(report, status, error);
  g_set_error(error, GPU_REPORT_ERROR, (int)status, "the GPU cannot be used: %s (%s)",
              cudaGetErrorString(status), cudaGetErrorName(status));
  return FALSE;
}

gboolean
gpu_report(GpuReport *report, GError **error)
{
  struct cudaDeviceProp properties;
  int count = 0, device = 0;
  cudaError_t status;

  *report = (GpuReport){0};
  cudaDriverGetVersion(&report->driver_cuda);
  cudaRuntimeGetVersion(&report->program_cuda);
  status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count == 0)
    status = cudaErrorNoDevice;
  if (status == cudaSuccess)
    status = cudaGetDevice(&device);
  if (status == cudaSuccess)
    status = cudaGetDeviceProperties(&properties, device);
  if (status != cudaSuccess)
    return explain(report, status, error);
  g_strlcpy(report->name, properties.name, sizeof report->name);
  report->major = properties.major;
  report->minor = properties.minor;
  report->multiprocessors = (guint32)properties.multiProcessorCount;
  report->memory_bytes = properties.totalGlobalMem;
  if (report->major >= 8)
    return TRUE;
  g_set_error(error, GPU_REPORT_ERROR, cudaErrorNotSupported,
              "%s has compute capability %d.%d; the kernels take 8.0 or later (A100, RTX 30 and "
              "what came after)",
              report->name, report->major, report->minor);
  return FALSE;
}
