/* What a self-check found, as its texts print it. */
#pragma once

#include <stdio.h>

#include "kernels/check/check.h"
#include "kernels/check/gpu_report.h"
#include "kernels/check/speed.h"
#include "selfcheck.h"

/* A kernel's cases together. */
typedef struct {
  const char *name;
  guint num_cases, num_failed;
  guint num_refused;         /* of num_cases: the driver does not support them */
  const char *refused;       /* what it does not support; NULL: nothing */
  double worst_error, limit; /* of the case that came nearest to its limit; limit 0: exact */
  double seconds;
  const char *lacks; /* why it was not run; NULL: it was */
} SelfcheckKernel;

typedef struct {
  const char *kernel;
  guint number;
  char *shape, *problem;
} SelfcheckFailure;

typedef struct {
  GpuReport gpu;
  guint32 seed;
  GArray *kernels;      /* of SelfcheckKernel */
  GArray *failures;     /* of SelfcheckFailure */
  GArray *speeds;       /* of SpeedRow, whose shape and problem are its own */
  guint num_slow;       /* timings below what they must reach */
  guint num_broken;     /* timings that failed, other than for lack of memory */
  gboolean is_complete; /* all that was asked for was run, as far as the GPU answered */
  gboolean is_lost;     /* the GPU no longer answers: what was left was not run */
  double seconds;
} Selfcheck;

/* Print to standard output while the check runs. */
void selfcheck_print_gpu(const Selfcheck *s);
void selfcheck_print_kernel(const SelfcheckKernel *kernel);
void selfcheck_print_failure(const Selfcheck *s, const SelfcheckFailure *failure);
void selfcheck_print_speed(const SpeedRow *row, const SpeedRow *before);
void selfcheck_print_end(const Selfcheck *s);
/* All of it as one object. FALSE where it could not be written. */
gboolean selfcheck_write_json(const Selfcheck *s, FILE *out);

/* Installs the handlers of SIGTERM and SIGINT, which print what was running to standard error: a
 * kernel that hangs prints nothing. selfcheck_under_way() tells them what runs: a kernel with a
 * case number, or with a number below 0 its timings; kernel NULL: nothing. */
void selfcheck_tell_when_ended(void);
void selfcheck_under_way(const Selfcheck *s, const char *kernel, gint64 number);

/* Whether all that ran was right. */
gboolean selfcheck_passed(const Selfcheck *s);

/* Runs the self-check, in spillway-gpu. The exit status. */
int selfcheck_run(const SelfcheckOptions *options);
