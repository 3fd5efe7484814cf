#include "speed.h"

#include <cuda_runtime_api.h>

#include "random_data.h"

enum { RANDOM_BYTES = 16 << 20 };

const KernelSpeed kernel_speeds[] = {
    {"ceiling", speed_ceilings},
    {"prefill", speed_prefill},
    {"prefill-cuts", speed_prefill_cuts},
    {"prefill-wgmma", speed_prefill_wgmma},
    {"prefill-wgmma-cuts", speed_prefill_wgmma_cuts},
    {"prefill-wgmma-wide", speed_prefill_wgmma_wide},
    {"prefill-wgmma-maps", speed_prefill_wgmma_maps},
    {"decode", speed_decode},
    {"decode-lists", speed_decode_lists},
    {"mixed", speed_mixed},
    {"kv-copy", speed_kv_copy},
    {"kv-write", speed_kv_write},
    {"gemm", speed_gemm},
    {"embedding", speed_embedding},
    {"rms-norm", speed_rms_norm},
    {"residual-norm", speed_residual_rms_norm},
    {"head-norm", speed_head_rms_norm},
    {"bias", speed_bias},
    {"rope", speed_rope},
    {"silu-gate", speed_silu_gate},
    {"sampling", speed_sampling},
    {NULL, NULL},
};

double
speed_share(const SpeedRow *row)
{
  return row->problem == NULL && row->timing.median_ns > 0 ? row->ideal_ns / row->timing.median_ns
                                                           : 0;
}

const char *
speed_mark(const SpeedRow *row)
{
  const SpeedTarget *target = &row->target;
  const double share = speed_share(row);

  if (share == 0 || (target->must == 0 && target->good == 0 && target->aim == 0))
    return "";
  if (target->aim > 0 && share >= target->aim)
    return "aim";
  if (target->good > 0 && share >= target->good)
    return "good";
  if (target->must > 0)
    return share >= target->must ? "must" : "below must";
  return "below good";
}

void
speed_measure(SpeedContext *context, CheckMemory *memory, const TimingRequest *request,
              SpeedRow *row)
{
  check_memory_settle(memory);
  if (check_memory_problem(memory) == NULL)
    check_memory_called(memory, timer_measure(context->timer, request, &row->timing), row->kernel);
  row->problem = check_memory_problem(memory);
  context->row_done(context->data, row);
}

guint32
speed_shrunk(const SpeedContext *context, guint32 count)
{
  return MAX(count / context->shrink, 1);
}

void *
speed_random(SpeedContext *context, CheckMemory *memory, Dtype dtype, gsize num_bytes,
             const char *what)
{
  const gsize first_bytes = MIN(num_bytes, RANDOM_BYTES);
  g_autofree guint8 *first = g_malloc(first_bytes + sizeof(guint16));
  guint8 *place = check_memory_add(memory, num_bytes, CHECK_INPUT, what);

  random_elements(context->rand, dtype, 1, first,
                  dtype == DTYPE_FP8_E4M3 ? first_bytes : (first_bytes + 1) / sizeof(guint16));
  if (place != NULL)
    check_memory_called(memory,
                        (int)cudaMemcpyAsync(place, first, first_bytes, cudaMemcpyHostToDevice,
                                             check_memory_stream(memory)),
                        what);
  for (gsize done = first_bytes; place != NULL && done < num_bytes; done += first_bytes)
    check_memory_called(memory,
                        (int)cudaMemcpyAsync(place + done, place,
                                             MIN(first_bytes, num_bytes - done),
                                             cudaMemcpyDeviceToDevice, check_memory_stream(memory)),
                        what);
  check_memory_settle(memory); /* `first` goes */
  return place;
}

double
speed_ideal_ns(double work, double ceiling)
{
  return ceiling > 0 ? work / ceiling * 1e9 : 0;
}
