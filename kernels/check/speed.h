/* The kernels' speed, compared with the card's: what `spillway-gpu selfcheck` times.
 *
 * Ceilings are measured first, by a large matrix product of the library, a streaming kernel and
 * large copies over the link. A row's ideal time is its work divided by its ceiling. Targets are
 * shares of the ceiling; those given as absolute speeds refer to an H100 with 798 TFLOP/s and a
 * link with 55 GB/s.
 */
#pragma once

#include "check_memory.h"
#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/timing.h"

#include <glib.h>

/* FLOPs and bytes per second; 0 where a ceiling could not be measured. */
typedef struct {
  double gemm_flops; /* bf16 */
  double read_bytes; /* of the device's memory */
  double copy_bytes; /* of the device's memory, counting reads and writes */
  double h2d_bytes, d2h_bytes;
  double launch_ns; /* of one kernel among many in a graph */
} Ceilings;

/* Shares of the ceiling; 0: there is none. */
typedef struct {
  double must, good, aim;
} SpeedTarget;

typedef enum { SPEED_FLOPS, SPEED_BYTES, SPEED_TIME } SpeedUnit;

/* The shape of attention, for comparisons with other implementations; batch 0: no attention. */
typedef struct {
  Dtype dtype;
  guint32 batch, heads, kv_heads, head_dim;
  guint32 new_tokens, context_tokens; /* of each sequence; of ragged batches the mean context */
  gboolean is_ragged;
} SpeedAttention;

typedef struct {
  const char *kernel; /* the check's name, or "ceiling" */
  const char *shape;
  SpeedUnit unit;
  double work;         /* FLOPs or bytes of a call */
  double ideal_ns;     /* 0: none */
  const char *ceiling; /* what the ideal is of; NULL: nothing */
  SpeedTarget target;
  SpeedAttention attention;
  Timing timing;
  const char *problem; /* NULL, or why there is no timing */
} SpeedRow;

/* The share of the ceiling that was reached; 0 where there is no ceiling or no timing. */
double speed_share(const SpeedRow *row);
/* The best target that was reached, "aim", "good" or "must"; else "below must", or "below good"
 * where the row has no `must`; "" without a target. */
const char *speed_mark(const SpeedRow *row);

typedef struct {
  AttentionDevice attention;
  Gemm *gemm;
  Timer *timer;
  GRand *rand;
  gboolean quick; /* only one shape of each kernel */
  guint32 shrink; /* sizes are divided by it; 1 except in tests */
  Ceilings ceilings;
  /* Called with each row when it is complete; the row's texts last until this returns. */
  void (*row_done)(gpointer data, const SpeedRow *row);
  gpointer data;
} SpeedContext;

typedef struct {
  const char *name;
  void (*run)(SpeedContext *context);
} KernelSpeed;

/* Ceilings first; ends with one without a name. Names are those of checks, except "ceiling". */
extern const KernelSpeed kernel_speeds[];
void speed_ceilings(SpeedContext *context);
void speed_prefill(SpeedContext *context);
void speed_prefill_cuts(SpeedContext *context);
void speed_prefill_wgmma(SpeedContext *context);
void speed_prefill_wgmma_cuts(SpeedContext *context);
void speed_prefill_wgmma_wide(SpeedContext *context);
void speed_prefill_wgmma_maps(SpeedContext *context);
void speed_decode(SpeedContext *context);
void speed_decode_lists(SpeedContext *context);
void speed_mixed(SpeedContext *context);
void speed_kv_copy(SpeedContext *context);
void speed_gemm(SpeedContext *context);
void speed_kv_write(SpeedContext *context);
void speed_embedding(SpeedContext *context);
void speed_rms_norm(SpeedContext *context);
void speed_residual_rms_norm(SpeedContext *context);
void speed_head_rms_norm(SpeedContext *context);
void speed_bias(SpeedContext *context);
void speed_rope(SpeedContext *context);
void speed_silu_gate(SpeedContext *context);
void speed_sampling(SpeedContext *context);

/* For the kernels: times the request, and reports the row also where that failed. An earlier
 * failure of the memory is the row's problem. */
void speed_measure(SpeedContext *context, CheckMemory *memory, const TimingRequest *request,
                   SpeedRow *row);
/* The count divided by context->shrink, at least 1. */
guint32 speed_shrunk(const SpeedContext *context, guint32 count);
/* Random numbers on the device, which repeat every 16 MiB. */
void *speed_random(SpeedContext *context, CheckMemory *memory, Dtype dtype, gsize num_bytes,
                   const char *what);
/* The time of `work` at a ceiling per second, in nanoseconds; 0 where the ceiling is not known. */
double speed_ideal_ns(double work, double ceiling);
