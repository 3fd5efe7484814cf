# Executors that compute: what is shared and the CPU's is always built.
noinst_LIBRARIES += libspillway-live.a
libspillway_live_a_SOURCES = \
  %D%/clock.h \
  %D%/decoder_cpu.c %D%/decoder_cpu.h \
  %D%/device.h \
  %D%/device_cpu.c \
  %D%/executor_live.c %D%/executor_live.h \
  %D%/kv_geometry.c %D%/kv_geometry.h \
  %D%/planner.c %D%/planner.h \
  %D%/random.h \
  %D%/rope_table.c %D%/rope_table.h \
  %D%/safetensors.c %D%/safetensors.h \
  %D%/step_plan.c %D%/step_plan.h \
  %D%/token_file.c %D%/token_file.h \
  %D%/token_source.c %D%/token_source.h \
  %D%/weights.c %D%/weights.h \
  %D%/weights_random.c \
  %D%/weights_safetensors.c
