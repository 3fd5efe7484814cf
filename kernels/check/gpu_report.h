/* What the current GPU is, or why there is none that can be used. */
#pragma once

#include <glib.h>

typedef struct {
  char name[256];
  int major, minor; /* compute capability */
  guint32 multiprocessors;
  guint64 memory_bytes;
  int driver_cuda, program_cuda; /* CUDA versions of driver and program: 13000 for 13.0 */
} GpuReport;

#define GPU_REPORT_ERROR (gpu_report_error_quark())
GQuark gpu_report_error_quark(void);

/* FALSE and an error, whose code is the cudaError_t, where there is no GPU that can be used. */
gboolean gpu_report(GpuReport *report, GError **error);
