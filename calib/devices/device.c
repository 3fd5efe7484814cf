/* The reader of device files, called by the command line to resolve --device. */
#include "device.h"

#include "sim/units.h"

#include <stddef.h>

#define FIELD(member) offsetof(Device, member)

static const FigureRow rows[] = {
    {"device", "nominal_memory_bytes", FIELD(nominal_memory_bytes), 1, 1e6, 1e15, FALSE},
    {"device", "memory_bytes", FIELD(memory_bytes), 1, 1e6, 1e15, FALSE},
    {"device", "non_torch_bytes", FIELD(non_torch_bytes), 1, 1e6, 1e12, TRUE},
    {"device", "hbm_bytes_per_s", FIELD(hbm_bytes_per_s), FIGURE_RATE, FALSE},
    {"compute", "compute_capability", FIELD(compute_capability), 1, 1, 100, TRUE},
    {"compute", "multiprocessors", FIELD(multiprocessors), 1, 1, 1e5, FALSE},
    {"compute", "fp16_flops", FIELD(fp16_flops), FIGURE_RATE, FALSE},
    {"compute", "fp8_flops", FIELD(fp8_flops), FIGURE_RATE, TRUE},
    {"compute", "gemm_compute_efficiency", FIELD(gemm_compute_efficiency), FIGURE_SHARE, FALSE},
    {"compute", "gemm_fp8_compute_efficiency", FIELD(gemm_fp8_compute_efficiency), FIGURE_SHARE,
     TRUE},
    {"compute", "gemm_fp8_fixed_us", FIELD(gemm_fp8_fixed_ps), FIGURE_MICROSECONDS, TRUE},
    {"compute", "gemm_fp8_block_compute_efficiency", FIELD(gemm_fp8_block_compute_efficiency),
     FIGURE_SHARE, TRUE},
    {"compute", "gemm_fp8_block_fixed_us", FIELD(gemm_fp8_block_fixed_ps), FIGURE_MICROSECONDS,
     TRUE},
    {"compute", "gemm_fp8_block_walk_us", FIELD(gemm_fp8_block_walk_ps), FIGURE_MICROSECONDS, TRUE},
    {"compute", "fp4_flops", FIELD(fp4_flops), FIGURE_RATE, TRUE},
    {"compute", "gemm_fp4_compute_efficiency", FIELD(gemm_fp4_compute_efficiency), FIGURE_SHARE,
     TRUE},
    {"compute", "gemm_fp4_fixed_us", FIELD(gemm_fp4_fixed_ps), FIGURE_MICROSECONDS, TRUE},
    {"compute", "gemm_fp4_memory_efficiency", FIELD(gemm_fp4_memory_efficiency), FIGURE_SHARE,
     TRUE},
    {"compute", "gemm_memory_efficiency", FIELD(gemm_memory_efficiency), FIGURE_SHARE, FALSE},
    {"compute", "gemm_fp8_memory_efficiency", FIELD(gemm_fp8_memory_efficiency), FIGURE_SHARE,
     TRUE},
    {"compute", "gemm_fixed_us", FIELD(gemm_fixed_ps), FIGURE_MICROSECONDS, FALSE},
    {"compute", "experts_compute_share", FIELD(experts_compute_share), FIGURE_SHARE, TRUE},
    {"compute", "experts_fp8_block_compute_share", FIELD(experts_fp8_block_compute_share),
     FIGURE_SHARE, TRUE},
    {"compute", "experts_fp4_compute_share", FIELD(experts_fp4_compute_share), FIGURE_SHARE, TRUE},
    {"compute", "experts_4bit_compute_share", FIELD(experts_4bit_compute_share), FIGURE_SHARE,
     TRUE},
    {"compute", "experts_mxfp4_compute_share", FIELD(experts_mxfp4_compute_share), FIGURE_SHARE,
     TRUE},
    {"compute", "experts_memory_efficiency", FIELD(experts_memory_efficiency), FIGURE_SHARE, TRUE},
    {"compute", "experts_fp4_memory_efficiency", FIELD(experts_fp4_memory_efficiency), FIGURE_SHARE,
     TRUE},
    {"compute", "experts_4bit_memory_efficiency", FIELD(experts_4bit_memory_efficiency),
     FIGURE_SHARE, TRUE},
    {"compute", "experts_overlap", FIELD(experts_overlap), FIGURE_SHARE, TRUE},
    {"attention", "prefill_efficiency", FIELD(prefill_efficiency), FIGURE_SHARE, FALSE},
    {"attention", "prefill_ramp_tokens", FIELD(prefill_ramp_tokens), 1, 0, 1e6, FALSE},
    {"attention", "prefill_fixed_us", FIELD(prefill_fixed_ps), FIGURE_MICROSECONDS, FALSE},
    {"attention", "decode_efficiency", FIELD(decode_efficiency), FIGURE_SHARE, FALSE},
    {"attention", "decode_fp8_efficiency", FIELD(decode_fp8_efficiency), FIGURE_SHARE, TRUE},
    {"attention", "decode_latent_efficiency", FIELD(decode_latent_efficiency), FIGURE_SHARE, TRUE},
    {"attention", "decode_fixed_us", FIELD(decode_fixed_ps), FIGURE_MICROSECONDS, FALSE},
    {"elementwise", "efficiency", FIELD(elementwise_efficiency), FIGURE_SHARE, FALSE},
    {"elementwise", "fixed_us", FIELD(elementwise_fixed_ps), FIGURE_MICROSECONDS, FALSE},
    {"copy", "launch_us", FIELD(copy_launch_ps), FIGURE_MICROSECONDS, FALSE},
    {"copy", "pinned_h2d_bytes_per_s", FIELD(pinned_h2d_bytes_per_s), FIGURE_RATE, FALSE},
    {"copy", "pinned_d2h_bytes_per_s", FIELD(pinned_d2h_bytes_per_s), FIGURE_RATE, FALSE},
    {"copy", "pageable_h2d_bytes_per_s", FIELD(pageable_h2d_bytes_per_s), FIGURE_RATE, FALSE},
    {"copy", "pageable_d2h_bytes_per_s", FIELD(pageable_d2h_bytes_per_s), FIGURE_RATE, FALSE},
    {"copy", "batched_piece_us", FIELD(batched_piece_ps), FIGURE_MICROSECONDS, FALSE},
    {"copy", "batched_share", FIELD(batched_share), FIGURE_SHARE, FALSE},
    {"interconnect", "allreduce_bytes_per_s", FIELD(allreduce_bytes_per_s), FIGURE_RATE, TRUE},
    {"interconnect", "allreduce_4_bytes_per_s", FIELD(allreduce_4_bytes_per_s), FIGURE_RATE, TRUE},
    {"interconnect", "allreduce_8_bytes_per_s", FIELD(allreduce_8_bytes_per_s), FIGURE_RATE, TRUE},
    {"interconnect", "allreduce_latency_us", FIELD(allreduce_latency_ps), FIGURE_MICROSECONDS,
     TRUE},
    {"interconnect", "allreduce_step_us", FIELD(allreduce_step_ps), FIGURE_MICROSECONDS, TRUE},
    {"interconnect", "allreduce_direct_bytes_per_s", FIELD(allreduce_direct_bytes_per_s),
     FIGURE_RATE, TRUE},
    {"interconnect", "allreduce_direct_latency_us", FIELD(allreduce_direct_latency_ps),
     FIGURE_MICROSECONDS, TRUE},
    {"interconnect", "allreduce_two_shots_latency_us", FIELD(allreduce_two_shots_latency_ps),
     FIGURE_MICROSECONDS, TRUE},
};

static const char *const texts[] = {"title", "driver_names", NULL};

static const FigureForm form = {.kind = "device",
                                .format = DEVICE_FORMAT,
                                .rows = rows,
                                .n_rows = G_N_ELEMENTS(rows),
                                .texts = texts,
                                .passed_over = HOST_GROUPS};

void
device_free(Device *device)
{
  if (device == NULL)
    return;
  g_free(device->name);
  g_free(device->title);
  g_clear_pointer(&device->file, figure_file_unref);
  g_free(device);
}

static void
fill_in_from(double *figure, double other)
{
  if (*figure == 0)
    *figure = other;
}

/* Sets the figures that the file does not give. */
static gboolean
fill_in(Device *device, GError **error)
{
  if (device->fp8_flops > 0 && device->gemm_fp8_compute_efficiency == 0)
    return figure_file_refuse(device->file, "compute", "gemm_fp8_compute_efficiency", NULL,
                              "a number, since fp8_flops is given", error);
  if (device->fp4_flops > 0 && device->gemm_fp4_compute_efficiency == 0)
    return figure_file_refuse(device->file, "compute", "gemm_fp4_compute_efficiency", NULL,
                              "a number, since fp4_flops is given", error);
  if (device->gemm_fp8_block_compute_efficiency == 0) {
    device->gemm_fp8_block_compute_efficiency = device->gemm_fp8_compute_efficiency;
    device->gemm_fp8_block_fixed_ps = device->gemm_fp8_fixed_ps;
  }
  fill_in_from(&device->gemm_fp4_memory_efficiency, device->gemm_memory_efficiency);
  fill_in_from(&device->gemm_fp8_memory_efficiency, device->gemm_memory_efficiency);
  fill_in_from(&device->experts_4bit_compute_share, 1);
  fill_in_from(&device->experts_compute_share, 1);
  fill_in_from(&device->experts_fp8_block_compute_share, device->experts_compute_share);
  fill_in_from(&device->experts_fp4_compute_share, device->experts_compute_share);
  fill_in_from(&device->experts_memory_efficiency, device->gemm_memory_efficiency);
  fill_in_from(&device->experts_fp4_memory_efficiency, device->gemm_fp4_memory_efficiency);
  fill_in_from(&device->experts_4bit_memory_efficiency, device->experts_memory_efficiency);
  fill_in_from(&device->experts_overlap, 1);
  fill_in_from(&device->decode_fp8_efficiency, device->decode_efficiency);
  fill_in_from(&device->decode_latent_efficiency, device->decode_efficiency);
  fill_in_from(&device->allreduce_4_bytes_per_s, device->allreduce_bytes_per_s);
  fill_in_from(&device->allreduce_8_bytes_per_s, device->allreduce_4_bytes_per_s);
  return TRUE;
}

Device *
device_read(const char *path, const char *name, GError **error)
{
  g_autoptr(Device) device = g_new0(Device, 1);

  device->name = g_strdup(name);
  device->file = figure_file_read(path, &form, device, error);
  if (device->file == NULL || !fill_in(device, error))
    return NULL;
  device->title = g_key_file_get_string(device->file->keys, form.kind, "title", NULL);
  if (device->title == NULL)
    device->title = g_strdup(name);
  return g_steal_pointer(&device);
}

double
device_compute_capability(const Device *device)
{
  return device != NULL ? device->compute_capability : 0;
}

gboolean
device_has_driver_name(const Device *device, const char *name)
{
  g_auto(GStrv) names =
      g_key_file_get_string_list(device->file->keys, "device", "driver_names", NULL, NULL);

  return names != NULL && g_strv_contains((const char *const *)names, name);
}

char **
device_sources(const Device *device)
{
  return figure_file_sources(device->file, &form);
}
