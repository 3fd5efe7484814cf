#include "doubts.h"

#include "sim/units.h"

#include <stddef.h>

#define MAX_CLOCK_HZ 2.75e9 /* above the boost clocks of all that ship, the highest 2.62 GHz */

/* What cards have, from the smallest that serves a model to several times the largest of 2026. */
static const struct {
  const char *key;
  gsize offset;
  double min, max, unit;
  const char *unit_name;
} usual[] = {
    {"nominal_memory_bytes", offsetof(Device, nominal_memory_bytes), 4e9, 2e12, 1e9, "GB"},
    {"hbm_bytes_per_s", offsetof(Device, hbm_bytes_per_s), 5e10, 5e13, 1e9, "GB/s"},
    {"fp16_flops", offsetof(Device, fp16_flops), 1e13, 2e16, 1e12, "TFLOP/s"},
    {"fp8_flops", offsetof(Device, fp8_flops), 1e13, 4e16, 1e12, "TFLOP/s"},
    {"fp4_flops", offsetof(Device, fp4_flops), 1e13, 8e16, 1e12, "TFLOP/s"},
    {"pinned_h2d_bytes_per_s", offsetof(Device, pinned_h2d_bytes_per_s), 1e9, 1e12, 1e9, "GB/s"},
    {"pinned_d2h_bytes_per_s", offsetof(Device, pinned_d2h_bytes_per_s), 1e9, 1e12, 1e9, "GB/s"},
    {"allreduce_bytes_per_s", offsetof(Device, allreduce_bytes_per_s), 1e9, 4e12, 1e9, "GB/s"},
    {"gemm_fixed_us", offsetof(Device, gemm_fixed_ps), 0, 200 * PS_PER_US, PS_PER_US, "us"},
    {"prefill_fixed_us", offsetof(Device, prefill_fixed_ps), 0, 500 * PS_PER_US, PS_PER_US, "us"},
    {"decode_fixed_us", offsetof(Device, decode_fixed_ps), 0, 500 * PS_PER_US, PS_PER_US, "us"},
    {"elementwise.fixed_us", offsetof(Device, elementwise_fixed_ps), 0, 200 * PS_PER_US, PS_PER_US,
     "us"},
    {"launch_us", offsetof(Device, copy_launch_ps), 0, 200 * PS_PER_US, PS_PER_US, "us"},
    {"allreduce_latency_us", offsetof(Device, allreduce_latency_ps), 0, 500 * PS_PER_US, PS_PER_US,
     "us"},
    {"allreduce_step_us", offsetof(Device, allreduce_step_ps), 0, 200 * PS_PER_US, PS_PER_US, "us"},
};

/* Dense fp16 FLOPs a multiprocessor's tensor cores do in a cycle, with fp32 accumulation, at most
 * among the cards of that compute capability; 0: not known. Source: NVIDIA's architecture white
 * papers; the peak of a data sheet is this x multiprocessors x boost clock. */
static double
flops_a_cycle(double compute_capability)
{
  static const struct {
    int capability; /* x 10 */
    double flops;
  } known[] = {{80, 2048},  {86, 1024},  {89, 1024}, {90, 4096},
               {100, 8192}, {103, 8192}, {120, 1024}};

  for (guint i = 0; i < G_N_ELEMENTS(known); i++)
    if ((int)(compute_capability * 10 + 0.5) == known[i].capability)
      return known[i].flops;
  return 0;
}

static void doubt(GPtrArray *all, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
doubt(GPtrArray *all, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_ptr_array_add(all, g_strdup_vprintf(format, args));
  va_end(args);
}

static void
check_usual(const Device *device, GPtrArray *all)
{
  for (guint i = 0; i < G_N_ELEMENTS(usual); i++) {
    double value = *(const double *)(const void *)((const char *)device + usual[i].offset);
    if (value != 0 && (value < usual[i].min || value > usual[i].max))
      doubt(all, "%s is %.6g %s; cards have %.6g to %.6g: is its unit right?", usual[i].key,
            value / usual[i].unit, usual[i].unit_name, usual[i].min / usual[i].unit,
            usual[i].max / usual[i].unit);
  }
}

/* Cards are sold by gigabytes or gibibytes and report a little less, or up to 7.4 % more. */
static void
check_memory(const Device *device, GPtrArray *all)
{
  double ratio = device->memory_bytes / device->nominal_memory_bytes;

  if (ratio < 0.9 || ratio > 1.08)
    doubt(all,
          "memory_bytes, %.6g GB, is %.4g times nominal_memory_bytes; cards report 0.9 to 1.08 of "
          "what they are sold by (GB or GiB)",
          device->memory_bytes / 1e9, ratio);
}

/* Data sheets print rates of products with half of the weights zero, twice those of dense ones. */
static void
check_dense(const Device *device, GPtrArray *all)
{
  static const char advice[] = "is it a rate with sparsity? Dense ones are half of these";
  const gboolean is_ultra = (int)(device->compute_capability * 10 + 0.5) == 103; /* B300, GB300 */
  const struct {
    const char *key;
    double flops, times; /* those of fp16 in a cycle */
  } rates[] = {{"fp16_flops", device->fp16_flops, 1},
               {"fp8_flops", device->fp8_flops, 2},
               {"fp4_flops", device->fp4_flops, is_ultra ? 6 : 4}};
  const double cycle = device->multiprocessors * flops_a_cycle(device->compute_capability);

  for (guint i = 0; cycle > 0 && i < G_N_ELEMENTS(rates); i++)
    if (rates[i].flops > MAX_CLOCK_HZ * rates[i].times * cycle)
      doubt(all, "%s, %.4g TFLOP/s, would take a clock of %.3g GHz: %s", rates[i].key,
            rates[i].flops / 1e12, rates[i].flops / (rates[i].times * cycle) / 1e9, advice);
  if (cycle == 0 && device->fp8_flops > 3 * device->fp16_flops)
    doubt(all, "fp8_flops is %.3g times fp16_flops, where it is twice: %s",
          device->fp8_flops / device->fp16_flops, advice);
}

char **
device_doubts(const Device *device)
{
  GPtrArray *all = g_ptr_array_new();

  check_usual(device, all);
  check_memory(device, all);
  check_dense(device, all);
  if (device->pinned_h2d_bytes_per_s > device->hbm_bytes_per_s)
    doubt(all, "pinned_h2d_bytes_per_s is more than hbm_bytes_per_s: is its unit right?");
  g_ptr_array_add(all, NULL);
  return (char **)g_ptr_array_free(all, FALSE);
}
