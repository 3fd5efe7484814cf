/* A device: nominal peaks, the shares of them that kernels reach, and copies.
 *
 * Read from a key file (calib/devices/NAME.ini) in the groups [device], [compute], [attention],
 * [elementwise], [copy] and [interconnect]; one of a whole machine has a host's groups, too
 * (host.h). Each number has beside it, as `KEY.source`, where it is from; device_sources() lists
 * them. `title` and `driver_names` (those that the driver calls it by, separated by semicolons) are
 * texts. Units are in the keys and kept here, except that times are read in microseconds and kept
 * in picoseconds. `format=1` is the only one known.
 */
#pragma once

#include "figure_file.h"

#define DEVICE_FORMAT 1
#define HOST_GROUPS "host." /* of a host in the same file */

typedef struct {
  char *name;  /* "h100-sxm" */
  char *title; /* "NVIDIA H100 SXM 80 GB" */

  double nominal_memory_bytes; /* as it is sold: what a share of "the card's memory" is of */
  double memory_bytes;         /* as the driver reports it */
  double non_torch_bytes;      /* a server's at TP 1, beside what PyTorch allocates; 0: no figure */
  double hbm_bytes_per_s;

  double compute_capability; /* 9.0; 0: no figure, or not CUDA's */
  double multiprocessors;
  double fp16_flops;                  /* dense, fp16 or bf16, fp32 accumulation */
  double fp8_flops;                   /* 0: has none, 8-bit weights are computed in 16 bits */
  double gemm_compute_efficiency;     /* share of fp16_flops */
  double gemm_fp8_compute_efficiency; /* share of fp8_flops */
  double gemm_fp8_fixed_ps;           /* as gemm_fixed_ps, with the activations' quantization */
  double gemm_fp8_block_compute_efficiency; /* the same with a scale a block; as above if absent */
  double gemm_fp8_block_fixed_ps;
  double gemm_fp8_block_walk_ps;     /* of a block of threads over 128 inputs: a floor, by k */
  double gemm_fp8_memory_efficiency; /* of 8-bit weights without blocks; as of others if absent */
  double fp4_flops; /* dense, NVFP4 times NVFP4; 0: has none, 4-bit weights are widened to 16 */
  double gemm_fp4_compute_efficiency; /* share of fp4_flops */
  double gemm_fp4_fixed_ps;           /* as gemm_fp8_fixed_ps */
  double gemm_fp4_memory_efficiency;  /* share of hbm_bytes_per_s; as of others if absent */
  double gemm_memory_efficiency;      /* share of hbm_bytes_per_s; scales a block too */
  /* Of a plain product's rate, what experts' products reach; by format where it differs. Absent:
   * 1, and of a format as of the others. */
  double experts_compute_share;
  double experts_fp8_block_compute_share;
  double experts_fp4_compute_share;
  double experts_4bit_compute_share;  /* of experts_compute_share: weights of 4 bits are widened */
  double experts_mxfp4_compute_share; /* of FP8's rate: activations of 8 bits; 0: of 16 */
  /* Shares of hbm_bytes_per_s at which experts are read. */
  double experts_memory_efficiency;      /* of 16 and of 8 bits; absent: gemm_memory_efficiency */
  double experts_fp4_memory_efficiency;  /* NVFP4; absent: gemm_fp4_memory_efficiency */
  double experts_4bit_memory_efficiency; /* those that are widened, and MXFP4; absent: the first */
  double experts_overlap; /* part of the shorter of computing and reading that is hidden */
  double gemm_fixed_ps;   /* of a kernel whatever its size: launch, ramp, tail */

  double prefill_efficiency; /* share of fp16_flops, long sequences */
  double
      prefill_ramp_tokens; /* a chunk of n tokens takes as if each attended to half as many more */
  double prefill_fixed_ps;
  double decode_efficiency;        /* share of hbm_bytes_per_s */
  double decode_fp8_efficiency;    /* the same with KV of 8 bits; absent: as above */
  double decode_latent_efficiency; /* of latent attention, whatever its KV; absent: the first */
  double decode_fixed_ps;

  double elementwise_efficiency; /* share of hbm_bytes_per_s */
  double elementwise_fixed_ps;

  double copy_launch_ps; /* of each single copy */
  double pinned_h2d_bytes_per_s, pinned_d2h_bytes_per_s;
  double pageable_h2d_bytes_per_s, pageable_d2h_bytes_per_s;
  double batched_piece_ps; /* of each piece of a copy submitted as one list */
  double batched_share;    /* of the pinned or pageable bandwidth */

  double allreduce_bytes_per_s;        /* bus bandwidth; 0: no figure, one device only */
  double allreduce_4_bytes_per_s;      /* among four and more, where it is another */
  double allreduce_8_bytes_per_s;      /* among eight and more */
  double allreduce_latency_ps;         /* whatever the number of devices */
  double allreduce_step_ps;            /* for each device that a ring has more than one */
  double allreduce_direct_bytes_per_s; /* of each device's from all others; 0: it is not done so */
  double allreduce_direct_latency_ps;
  double allreduce_two_shots_latency_ps; /* as allreduce_latency_ps, of an engine's own kernel among
                                            eight and more (roofline.h); 0: no figure */

  FigureFile *file; /* what it was read from, for the sources */
} Device;

/* The caller frees the device. `name` is what it will be called. */
Device *device_read(const char *path, const char *name, GError **error);
void device_free(Device *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Device, device_free)

/* Of a card that may be NULL, none known: 0, as where there is no figure. */
double device_compute_capability(const Device *device);

/* Whether a driver calls the card by this name: one of the file's `driver_names`. */
gboolean device_has_driver_name(const Device *device, const char *name);

/* One line "GROUP KEY=VALUE: SOURCE" for each number; the caller frees with g_strfreev(). A number
 * without a source says "no source given". */
char **device_sources(const Device *device);
