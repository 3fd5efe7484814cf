# Executors that compute: what is shared and the CPU's is always built.
noinst_LIBRARIES += libspillway-live.a
libspillway_live_a_SOURCES = \
  %D%/budget.c %D%/budget.h \
  %D%/clock.h \
  %D%/copy_jobs.c %D%/copy_jobs.h \
  %D%/cpu_copies.c %D%/cpu_copies.h \
  %D%/decoder_cpu.c %D%/decoder_cpu.h \
  %D%/device.h \
  %D%/device_cpu.c \
  %D%/disk_copies.c %D%/disk_copies.h \
  %D%/disk_file.c %D%/disk_file.h \
  %D%/executor_live.c %D%/executor_live.h \
  %D%/float16.c %D%/float16.h \
  %D%/host_memory.c %D%/host_memory.h \
  %D%/kv_geometry.c %D%/kv_geometry.h \
  %D%/places.c %D%/places.h \
  %D%/planner.c %D%/planner.h \
  %D%/planner_copies.c %D%/planner_copies.h \
  %D%/planner_pools.c \
  %D%/planner_state.h \
  %D%/random.h \
  %D%/rope_table.c %D%/rope_table.h \
  %D%/step_plan.c %D%/step_plan.h \
  %D%/step_upload.c %D%/step_upload.h \
  %D%/token_file.c %D%/token_file.h \
  %D%/token_source.c %D%/token_source.h \
  %D%/weights/weights.c %D%/weights/weights.h \
  %D%/weights/random.c \
  %D%/weights/safetensors.c %D%/weights/safetensors.h \
  %D%/weights/stored.c

# The GPU as a device: for spillway-gpu, and with an emulator in CUDA's place for a test.
live_gpu_sources = \
  %D%/decoder_gpu.c %D%/decoder_gpu.h \
  %D%/decoder_graphs.c %D%/decoder_graphs.h \
  %D%/decoder_memory.c %D%/decoder_memory.h \
  %D%/decoder_pass.c %D%/decoder_pass.h \
  %D%/device_gpu.c \
  %D%/gpu_copies.c %D%/gpu_copies.h \
  %D%/gpu_jobs.c %D%/gpu_jobs.h \
  %D%/gpu_memory.c %D%/gpu_memory.h \
  %D%/weights/gpu.c %D%/weights/gpu.h
EXTRA_DIST += $(live_gpu_sources)
if HAVE_CUDA
noinst_LIBRARIES += libspillway-live-gpu.a
libspillway_live_gpu_a_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
libspillway_live_gpu_a_SOURCES = $(live_gpu_sources)
endif
