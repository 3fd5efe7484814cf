noinst_LIBRARIES += libspillway-calib.a
libspillway_calib_a_SOURCES = \
  %D%/curve.c %D%/curve.h \
  %D%/operation.c %D%/operation.h \
  %D%/profile.c %D%/profile.h \
  %D%/profile_host.c %D%/profile_host.h \
  %D%/profile_kernels.c %D%/profile_kernels.h \
  %D%/profile_summary.c %D%/profile_summary.h \
  %D%/cost/attention_fit.c %D%/cost/attention_fit.h \
  %D%/cost/attention_part.c %D%/cost/attention_part.h \
  %D%/cost/attention_skew.c %D%/cost/attention_skew.h \
  %D%/cost/copy_contention.c %D%/cost/copy_contention.h \
  %D%/cost/copy_path.c %D%/cost/copy_path.h \
  %D%/cost/crossover.c %D%/cost/crossover.h \
  %D%/cost/dtype.c %D%/cost/dtype.h \
  %D%/cost/experts.c %D%/cost/experts.h \
  %D%/cost/gemm_fit.c %D%/cost/gemm_fit.h \
  %D%/cost/gemm_series.c %D%/cost/gemm_series.h \
  %D%/cost/mixer_table.c %D%/cost/mixer_table.h \
  %D%/cost/moe_fit.c %D%/cost/moe_fit.h \
  %D%/cost/launch_spared.c %D%/cost/launch_spared.h \
  %D%/cost/operation_fit.c %D%/cost/operation_fit.h \
  %D%/cost/pool_size.c %D%/cost/pool_size.h \
  %D%/cost/server_memory.c %D%/cost/server_memory.h \
  %D%/cost/profile_attention.c %D%/cost/profile_attention.h \
  %D%/cost/profile_check.c %D%/cost/profile_check.h \
  %D%/cost/profile_cost.h \
  %D%/cost/profile_cost_internal.h \
  %D%/cost/profile_cost_step.c \
  %D%/cost/profile_cost_tables.c \
  %D%/cost/profile_linear.c %D%/cost/profile_linear.h \
  %D%/cost/profile_remarks.c %D%/cost/profile_remarks.h \
  %D%/cost/roofline.c %D%/cost/roofline.h \
  %D%/cost/roofline_products.c \
  %D%/cost/roofline_attention.c \
  %D%/cost/roofline_work.c %D%/cost/roofline_work.h \
  %D%/cost/rounding.h \
  %D%/cost/state_fit.c %D%/cost/state_fit.h \
  %D%/cost/step_fit.c %D%/cost/step_fit.h \
  %D%/cost/step_residual.c %D%/cost/step_residual.h \
  %D%/cost/what_if.c %D%/cost/what_if.h \
  %D%/devices/device.c %D%/devices/device.h \
  %D%/devices/doubts.c %D%/devices/doubts.h \
  %D%/devices/figure_file.c %D%/devices/figure_file.h \
  %D%/devices/host.c %D%/devices/host.h \
  %D%/devices/disk_figures.c %D%/devices/disk_figures.h \
  %D%/import/aiconfigurator.c %D%/import/aiconfigurator.h \
  %D%/import/aiconfigurator_attention.c \
  %D%/import/aiconfigurator_derive.c \
  %D%/import/aiconfigurator_launches.c \
  %D%/import/aiconfigurator_rows.c \
  %D%/import/aiconfigurator_tables.c \
  %D%/import/common.c %D%/import/common.h \
  %D%/import/csv.c \
  %D%/import/csv_table.c %D%/import/csv_table.h \
  %D%/import/files.c \
  %D%/import/frontier.c \
  %D%/import/import.c %D%/import/import.h \
  %D%/import/llmservingsim.c %D%/import/llmservingsim.h \
  %D%/import/llmservingsim_attention.c \
  %D%/import/llmservingsim_hardware.c \
  %D%/import/llmservingsim_rows.c \
  %D%/import/llmservingsim_tables.c \
  %D%/import/merge.c \
  %D%/import/origins.c \
  %D%/import/startup_log.c %D%/import/startup_log.h \
  %D%/import/time_stats.c %D%/import/time_stats.h \
  %D%/import/unread.c \
  %D%/import/vidur.c \
  %D%/measure/bench.c %D%/measure/bench.h \
  %D%/measure/calibration.c %D%/measure/calibration.h \
  %D%/measure/family.c %D%/measure/family.h \
  %D%/measure/gaps.c \
  %D%/measure/internal.h \
  %D%/measure/measure.c \
  %D%/measure/plan.c %D%/measure/plan.h \
  %D%/measure/plan_attention.c \
  %D%/measure/plan_copies.c \
  %D%/measure/plan_parts.c %D%/measure/plan_parts.h \
  %D%/measure/report.c \
  %D%/measure/watch.c %D%/measure/watch.h \
  %D%/store/database.c %D%/store/database.h \
  %D%/store/database_read.c \
  %D%/store/db.c %D%/store/db.h \
  %D%/store/file.c %D%/store/file.h \
  %D%/store/journal.c %D%/store/journal.h \
  %D%/store/read.c %D%/store/read.h \
  %D%/store/schema.c \
  %D%/store/sniff.c %D%/store/sniff.h \
  %D%/store/text.c %D%/store/text.h \
  %D%/store/text_read.c \
  %D%/store/text_reader.c %D%/store/text_reader.h \
  %D%/store/text_row.c

# The GPU as a device of the calibration: for spillway-gpu, and with an emulator in CUDA's place for
# a test.
calib_gpu_sources = \
  %D%/measure/cuda/bench_cuda.c %D%/measure/cuda/bench_cuda.h %D%/measure/cuda/internal.h \
  %D%/measure/cuda/attention.c \
  %D%/measure/cuda/ceiling.c \
  %D%/measure/cuda/copy.c \
  %D%/measure/cuda/gemm.c \
  %D%/measure/cuda/memory.c \
  %D%/measure/cuda/small.c \
  %D%/measure/cuda/step.c \
  %D%/measure/cuda/time.c \
  %D%/measure/cuda/nvml.c %D%/measure/cuda/nvml.h \
  %D%/measure/bench_step.h
EXTRA_DIST += $(calib_gpu_sources)
if HAVE_CUDA
noinst_LIBRARIES += libspillway-calib-gpu.a
libspillway_calib_gpu_a_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
libspillway_calib_gpu_a_SOURCES = $(calib_gpu_sources)
endif

# For a day with a GPU.
EXTRA_DIST += %D%/gpu/bundle %D%/gpu/compare_torch.py %D%/gpu/gpu-day %D%/gpu/libraries

disksdir = $(pkgdatadir)/disks
dist_disks_DATA = %D%/disks/nvme-pcie4.ini %D%/disks/nvme-pcie5.ini

hostsdir = $(pkgdatadir)/hosts
dist_hosts_DATA = \
  %D%/hosts/llmservingsim-rtx-4090.ini \
  %D%/hosts/llmservingsim-rtx-pro-6000.ini \
  %D%/hosts/unknown.ini
devicesdir = $(pkgdatadir)/devices
dist_devices_DATA = \
  %D%/devices/a100-40gb.ini \
  %D%/devices/a100-80gb.ini \
  %D%/devices/b200.ini \
  %D%/devices/b300.ini \
  %D%/devices/gb200.ini \
  %D%/devices/gb300.ini \
  %D%/devices/gh200.ini \
  %D%/devices/h100-pcie.ini \
  %D%/devices/h100-sxm.ini \
  %D%/devices/h200.ini \
  %D%/devices/a10.ini \
  %D%/devices/h100-nvl.ini \
  %D%/devices/h20.ini \
  %D%/devices/l4.ini \
  %D%/devices/rtx-3090.ini \
  %D%/devices/rtx-5090.ini \
  %D%/devices/rtx-6000-ada.ini \
  %D%/devices/rtx-a5000.ini \
  %D%/devices/rtx-a6000.ini \
  %D%/devices/l40s.ini \
  %D%/devices/mi300x.ini \
  %D%/devices/rtx-4090.ini \
  %D%/devices/rtx-pro-6000.ini

# Shipped profiles, in their text form, each NAME.csv or NAME.csv.gz: found by name.
profilesdir = $(pkgdatadir)/profiles
dist_profiles_DATA =
