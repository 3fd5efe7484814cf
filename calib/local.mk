noinst_LIBRARIES += libspillway-calib.a
libspillway_calib_a_SOURCES = \
  %D%/bench.c %D%/bench.h \
  %D%/calibration.c %D%/calibration.h %D%/calibration_internal.h \
  %D%/calibration_family.c %D%/calibration_family.h \
  %D%/calibration_gaps.c \
  %D%/calibration_measure.c \
  %D%/calibration_plan.c %D%/calibration_plan.h %D%/calibration_plan_parts.h \
  %D%/calibration_plan_attention.c \
  %D%/calibration_plan_copies.c \
  %D%/calibration_watch.c %D%/calibration_watch.h \
  %D%/copy_path.c %D%/copy_path.h \
  %D%/crossover.c %D%/crossover.h \
  %D%/csv_table.c %D%/csv_table.h \
  %D%/curve.c %D%/curve.h \
  %D%/gemm_fit.c %D%/gemm_fit.h \
  %D%/attention_fit.c %D%/attention_fit.h \
  %D%/operation_fit.c %D%/operation_fit.h \
  %D%/profile_attention.c %D%/profile_attention.h \
  %D%/profile_cost.h %D%/profile_cost_internal.h \
  %D%/profile_cost_step.c \
  %D%/profile_cost_tables.c \
  %D%/device.c %D%/device.h \
  %D%/dtype.c %D%/dtype.h \
  %D%/import.c %D%/import.h \
  %D%/import_aiconfigurator.c \
  %D%/import_common.c %D%/import_common.h \
  %D%/import_csv.c %D%/import_csv.h \
  %D%/import_files.c \
  %D%/import_frontier.c \
  %D%/import_llmservingsim.c %D%/import_llmservingsim.h \
  %D%/import_llmservingsim_tables.c \
  %D%/import_merge.c \
  %D%/import_origins.c \
  %D%/import_time_stats.c %D%/import_time_stats.h \
  %D%/import_vidur.c \
  %D%/operation.c %D%/operation.h \
  %D%/pool_size.c %D%/pool_size.h \
  %D%/profile.c %D%/profile.h \
  %D%/profile_check.c %D%/profile_check.h \
  %D%/profile_db.c %D%/profile_db.h \
  %D%/profile_file.c %D%/profile_file.h \
  %D%/profile_journal.c %D%/profile_journal.h \
  %D%/rounding.h \
  %D%/profile_host.c %D%/profile_host.h \
  %D%/profile_remarks.c %D%/profile_remarks.h \
  %D%/profile_store.c %D%/profile_store.h \
  %D%/profile_store_read.c \
  %D%/profile_summary.c %D%/profile_summary.h \
  %D%/profile_text.c %D%/profile_text.h \
  %D%/profile_text_read.c %D%/profile_text_reader.h \
  %D%/profile_text_row.c \
  %D%/roofline.c %D%/roofline.h \
  %D%/step_fit.c %D%/step_fit.h \
  %D%/step_residual.c %D%/step_residual.h \
  %D%/what_if.c %D%/what_if.h

# The GPU as a device of the calibration: for spillway-gpu, and with an emulator in CUDA's place for
# a test.
calib_gpu_sources = \
  %D%/bench_cuda.c %D%/bench_cuda.h %D%/bench_cuda_internal.h \
  %D%/bench_cuda_attention.c \
  %D%/bench_cuda_ceiling.c \
  %D%/bench_cuda_copy.c \
  %D%/bench_cuda_gemm.c \
  %D%/bench_cuda_memory.c \
  %D%/bench_cuda_small.c \
  %D%/bench_cuda_step.c \
  %D%/bench_nvml.c %D%/bench_nvml.h \
  %D%/bench_step.h
EXTRA_DIST += $(calib_gpu_sources)
if HAVE_CUDA
noinst_LIBRARIES += libspillway-calib-gpu.a
libspillway_calib_gpu_a_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
libspillway_calib_gpu_a_SOURCES = $(calib_gpu_sources)
endif

# For a day with a GPU.
EXTRA_DIST += %D%/gpu/bundle %D%/gpu/compare_torch.py %D%/gpu/gpu-day %D%/gpu/libraries

devicesdir = $(pkgdatadir)/devices
dist_devices_DATA = \
  %D%/devices/a100-40gb.ini \
  %D%/devices/a100-80gb.ini \
  %D%/devices/b200.ini \
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
