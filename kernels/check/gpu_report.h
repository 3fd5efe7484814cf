/* Which GPU is here, or what exactly is missing. */
#pragma once

#include <glib.h>

typedef struct {
  char name[256];
  int major, minor; /* compute capability */
  guint32 multiprocessors;
  guint64 memory_bytes;
  int driver_cuda,
      program_cuda; /* 13000 for 13.0: what the driver is for, what this was built with */
} GpuReport;

#define GPU_REPORT_ERROR (gpu_report_error_quark())
GQuark gpu_report_error_quark(void);

/* The error's code is the cudaError_t. */
gboolean gpu_report(GpuReport *report, GError **error);
