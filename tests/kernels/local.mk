# The kernels against their references on the CPU, on a GPU where there is CUDA, and on the GPU of tests/emulator.
live_cases = tests/live/live_cases.c tests/live/live_cases.h
kernel_tests = \
  %D%/attention \
  %D%/decode-plan \
  %D%/kv-copy \
  %D%/prefill-plan \
  %D%/sampling \
  %D%/timing \
  %D%/transformer \
  %D%/without \
  %D%/work-cut
check_PROGRAMS += $(kernel_tests)
TESTS += $(kernel_tests)
%C%_attention_LDADD = libspillway-cases.a libspillway-kernels.a $(LDADD)
%C%_decode_plan_LDADD = libspillway-kernels.a $(LDADD)
%C%_kv_copy_LDADD = libspillway-cases.a libspillway-kernels.a $(LDADD)
%C%_prefill_plan_LDADD = libspillway-kernels.a $(LDADD)
%C%_sampling_LDADD = libspillway-kernels.a $(LDADD)
%C%_timing_LDADD = libspillway-kernels.a $(LDADD)
%C%_transformer_LDADD = libspillway-kernels.a $(LDADD)
%C%_without_LDADD = libspillway-kernels.a $(LDADD)
%C%_work_cut_LDADD = libspillway-kernels.a $(LDADD)

# The tests of the kernels on a GPU, and the same tests in the emulator: a program %D%/NAME-gpu
# and one %D%/NAME-emulated, both from %D%/NAME-gpu.c.
if HAVE_CUDA
check_PROGRAMS += %D%/bench-gpu %D%/live-gpu
TESTS += %D%/bench-gpu %D%/live-gpu
%C%_bench_gpu_SOURCES = %D%/bench-gpu.c $(step_runner_gpu)
%C%_bench_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_bench_gpu_LDADD = libspillway-calib-gpu.a libspillway-live-gpu.a $(LDADD) $(CUDA_LIBS)
%C%_live_gpu_SOURCES = %D%/live-gpu.c $(live_cases)
%C%_live_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_live_gpu_LDADD = libspillway-live-gpu.a libspillway-kernels.a $(CUDA_LIBS) $(LDADD)
check_PROGRAMS += %D%/attention-gpu %D%/kv-copy-gpu
TESTS += %D%/attention-gpu %D%/kv-copy-gpu
%C%_attention_gpu_SOURCES = %D%/attention-gpu.c
%C%_attention_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_attention_gpu_LDADD = libspillway-check.a libspillway-cases.a libspillway-kernels.a $(CUDA_LIBS) $(LDADD)
%C%_kv_copy_gpu_SOURCES = %D%/kv-copy-gpu.c
%C%_kv_copy_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_kv_copy_gpu_LDADD = libspillway-cases.a libspillway-kernels.a $(CUDA_LIBS) $(LDADD)
TESTS += %D%/resources.py
else
TESTS += tests/package/without-cuda.sh
endif
EXTRA_DIST += %D%/resources.py

# Quoted includes look into the folder of the first option before all others, Automake's own among them.
emulator_cppflags = -iquote $(top_srcdir)/tests/emulator -I$(top_srcdir)/tests/emulator $(AM_CPPFLAGS)
emulator_ldadd = %D%/libemulated-kernels.a libspillway-cases.a libspillway-kernels.a $(LDADD) -lstdc++
if HAVE_CXX
check_LIBRARIES += %D%/libemulated-kernels.a
check_PROGRAMS += %D%/attention-emulated %D%/emulator %D%/emulator-warpgroup %D%/kv-copy-emulated
TESTS += %D%/attention-emulated %D%/emulator %D%/emulator-warpgroup %D%/kv-copy-emulated
%C%_attention_emulated_SOURCES = %D%/attention-gpu.c $(attention_device)
%C%_attention_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_attention_emulated_LDADD = $(emulator_ldadd)
%C%_libemulated_kernels_a_CPPFLAGS = $(emulator_cppflags)
%C%_libemulated_kernels_a_SOURCES = \
  tests/emulator/cuda_live.h tests/emulator/gemm.cc tests/emulator/timer.cc \
  tests/emulator/timer_streams.cc tests/emulator/timer_streams.h \
  tests/emulator/attention.cc tests/emulator/attention_decode.cc tests/emulator/attention_merge.cc \
  tests/emulator/attention_prefill.cc tests/emulator/attention_prefill_sm90.cc \
  tests/emulator/card.h tests/emulator/cuda.cc tests/emulator/cuda_runtime.h tests/emulator/cuda_runtime_api.h \
  tests/emulator/emulator.cc tests/emulator/emulator.h tests/emulator/faults.h \
  tests/emulator/fibers.cc tests/emulator/fibers.h \
  tests/emulator/kernels/device.h tests/emulator/kernels/device_sm90.h tests/emulator/kv_copy.cc \
  tests/emulator/kv_copy_methods.cc tests/emulator/norm.cc tests/emulator/operand.cc tests/emulator/operand.h \
  tests/emulator/paged_kv.cc tests/emulator/phase_barrier.cc tests/emulator/sampling.cc tests/emulator/shared_memory.cc tests/emulator/shared_memory.h tests/emulator/stream.cc \
  tests/emulator/streams.cc tests/emulator/streams.h tests/emulator/tensor_map.cc \
  tests/emulator/transformer.cc tests/emulator/vector_types.h tests/emulator/warp.cc tests/emulator/warpgroup.cc
# The GPU's device of live/ runs in it too.
check_LIBRARIES += %D%/libemulated-live.a
check_PROGRAMS += %D%/live-emulated %D%/live-streams
TESTS += %D%/live-emulated %D%/live-streams
%C%_libemulated_live_a_CPPFLAGS = $(emulator_cppflags)
%C%_libemulated_live_a_SOURCES = $(live_gpu_sources) $(live_cases)
%C%_live_emulated_SOURCES = %D%/live-gpu.c
%C%_live_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_live_emulated_LDADD = %D%/libemulated-live.a $(emulator_ldadd)
%C%_live_streams_SOURCES = %D%/live-streams.c
%C%_live_streams_CPPFLAGS = $(emulator_cppflags)
%C%_live_streams_LDADD = %D%/libemulated-live.a $(emulator_ldadd)
# What spillway-gpu computes, with an emulated GPU, for live.py.
check_PROGRAMS += tests/live/emulated-gpu
tests_live_emulated_gpu_SOURCES = tests/live/emulated-gpu.c
tests_live_emulated_gpu_CPPFLAGS = $(emulator_cppflags)
tests_live_emulated_gpu_LDADD = %D%/libemulated-live.a $(emulator_ldadd)
# And the calibration's GPU, with steps as spillway-gpu runs them.
check_LIBRARIES += %D%/libemulated-bench.a
check_PROGRAMS += %D%/bench-emulated %D%/calibration-emulated %D%/nvml-emulated
TESTS += %D%/calibration-emulated %D%/bench-emulated %D%/nvml-emulated
%C%_libemulated_bench_a_CPPFLAGS = $(emulator_cppflags)
%C%_libemulated_bench_a_SOURCES = \
  $(calib_gpu_sources) $(step_runner_gpu) tests/emulator/bench.cc %D%/bench_fixture.c %D%/bench_fixture.h
emulated_bench_ldadd = %D%/libemulated-bench.a %D%/libemulated-live.a $(emulator_ldadd)
%C%_bench_emulated_SOURCES = %D%/bench-emulated.c
%C%_bench_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_bench_emulated_LDADD = $(emulated_bench_ldadd)
%C%_calibration_emulated_SOURCES = %D%/calibration-emulated.c
%C%_calibration_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_calibration_emulated_LDADD = $(emulated_bench_ldadd)
# It exports a management library to itself.
%C%_nvml_emulated_SOURCES = %D%/nvml-emulated.c
%C%_nvml_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_nvml_emulated_LDFLAGS = $(AM_LDFLAGS) -rdynamic
%C%_nvml_emulated_LDADD = $(emulated_bench_ldadd)
# So does the self-check: every kernel's tiny cases, and damaged results that must be found.
check_PROGRAMS += %D%/selfcheck-emulated
TESTS += %D%/selfcheck-emulated
%C%_selfcheck_emulated_SOURCES = %D%/selfcheck.c $(check_sources) $(selfcheck_sources)
%C%_selfcheck_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_selfcheck_emulated_LDADD = $(emulator_ldadd)
%C%_emulator_SOURCES = %D%/emulator.cc
%C%_emulator_CPPFLAGS = $(emulator_cppflags)
%C%_emulator_LDADD = $(emulator_ldadd)
%C%_emulator_warpgroup_SOURCES = %D%/emulator-warpgroup.cc
%C%_emulator_warpgroup_CPPFLAGS = $(emulator_cppflags)
%C%_emulator_warpgroup_LDADD = $(emulator_ldadd)
%C%_kv_copy_emulated_SOURCES = %D%/kv-copy-gpu.c
%C%_kv_copy_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_kv_copy_emulated_LDADD = $(emulator_ldadd)
else
TESTS += tests/package/without-cxx.sh
endif
EXTRA_DIST += tests/package/without-cxx.sh
