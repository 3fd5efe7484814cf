# A test is a program %D%/test-NAME from one file of that name, or a script; each prints TAP.
module_tests = \
  %D%/test-against \
  %D%/test-defaults \
  %D%/test-executor \
  %D%/test-import \
  %D%/test-invariants \
  %D%/test-live \
  %D%/test-metrics \
  %D%/test-model \
  %D%/test-profile \
  %D%/test-profile-cost \
  %D%/test-report \
  %D%/test-roofline \
  %D%/test-roofline-tables \
  %D%/test-stored \
  %D%/test-trace-binary \
  %D%/test-trace-verb \
  %D%/test-traces \
  %D%/test-validation \
  %D%/test-weights
script_tests = \
  %D%/accuracy.py \
  %D%/bad-input.py \
  %D%/cli.py \
  %D%/completion.sh \
  %D%/explain.py \
  %D%/fuzz.py \
  %D%/gpu-day.sh \
  %D%/live.py \
  %D%/man.sh \
  %D%/outputs.py \
  %D%/perfetto.py \
  %D%/poster.py \
  %D%/profile.py \
  %D%/report.py \
  %D%/sweep.py
check_PROGRAMS += $(module_tests)
TESTS += $(module_tests) $(script_tests)
EXTRA_DIST += $(script_tests) %D%/spillway_test.py %D%/browser.py %D%/bare-debian %D%/without-cuda.sh %D%/without-python

live_cases = %D%/live_cases.c %D%/live_cases.h
%C%_test_live_SOURCES = %D%/test-live.c $(live_cases)

# Calibration
check_PROGRAMS += %D%/test-calibrate %D%/test-calibration
TESTS += %D%/test-calibrate %D%/test-calibration
synthetic_device = %D%/synthetic_device.c %D%/synthetic_device.h
%C%_test_calibrate_SOURCES = %D%/test-calibrate.c $(synthetic_device)
%C%_test_calibration_SOURCES = %D%/test-calibration.c $(synthetic_device)

# Kernels
kernel_tests = \
  %D%/test-attention \
  %D%/test-decode-plan \
  %D%/test-kv-copy \
  %D%/test-sampling \
  %D%/test-timing \
  %D%/test-transformer
check_PROGRAMS += $(kernel_tests)
TESTS += $(kernel_tests)
%C%_test_attention_LDADD = libspillway-cases.a libspillway-kernels.a $(LDADD)
%C%_test_decode_plan_LDADD = libspillway-kernels.a $(LDADD)
%C%_test_kv_copy_LDADD = libspillway-cases.a libspillway-kernels.a $(LDADD)
%C%_test_sampling_LDADD = libspillway-kernels.a $(LDADD)
%C%_test_timing_LDADD = libspillway-kernels.a $(LDADD)
%C%_test_transformer_LDADD = libspillway-kernels.a $(LDADD)

# The tests of the kernels on a GPU, and the same tests in the emulator: a program %D%/test-NAME-gpu
# and one %D%/test-NAME-emulated, both from %D%/test-NAME-gpu.c.
if HAVE_CUDA
check_PROGRAMS += %D%/test-bench-gpu %D%/test-live-gpu
TESTS += %D%/test-bench-gpu %D%/test-live-gpu
%C%_test_bench_gpu_SOURCES = %D%/test-bench-gpu.c $(step_runner_gpu)
%C%_test_bench_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_test_bench_gpu_LDADD = libspillway-calib-gpu.a libspillway-live-gpu.a $(LDADD) $(CUDA_LIBS)
%C%_test_live_gpu_SOURCES = %D%/test-live-gpu.c $(live_cases)
%C%_test_live_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_test_live_gpu_LDADD = libspillway-live-gpu.a libspillway-kernels.a $(CUDA_LIBS) $(LDADD)
check_PROGRAMS += %D%/test-attention-gpu %D%/test-kv-copy-gpu
TESTS += %D%/test-attention-gpu %D%/test-kv-copy-gpu
%C%_test_attention_gpu_SOURCES = %D%/test-attention-gpu.c
%C%_test_attention_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_test_attention_gpu_LDADD = libspillway-check.a libspillway-cases.a libspillway-kernels.a $(CUDA_LIBS) $(LDADD)
%C%_test_kv_copy_gpu_SOURCES = %D%/test-kv-copy-gpu.c
%C%_test_kv_copy_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_test_kv_copy_gpu_LDADD = libspillway-cases.a libspillway-kernels.a $(CUDA_LIBS) $(LDADD)
TESTS += %D%/kernel-resources.py
else
TESTS += %D%/without-cuda.sh
endif
EXTRA_DIST += %D%/kernel-resources.py

# Tiny models that the live executor runs.
EXTRA_DIST += \
  %D%/models/tiny-gpu-qwen2.json \
  %D%/models/tiny-gpu-qwen3.json \
  %D%/models/tiny-gpu.json \
  %D%/models/tiny-llama.json \
  %D%/models/tiny-llama3.json \
  %D%/models/tiny-qwen2.json \
  %D%/models/tiny-qwen3.json \
  %D%/models/tiny-yarn.json

# Quoted includes look into the folder of the first option before all others, Automake's own among them.
emulator_cppflags = -iquote $(top_srcdir)/%D%/emulator -I$(top_srcdir)/%D%/emulator $(AM_CPPFLAGS)
emulator_ldadd = %D%/libemulated-kernels.a libspillway-cases.a libspillway-kernels.a $(LDADD) -lstdc++
if HAVE_CXX
check_LIBRARIES += %D%/libemulated-kernels.a
check_PROGRAMS += %D%/test-attention-emulated %D%/test-emulator %D%/test-emulator-warpgroup %D%/test-kv-copy-emulated
TESTS += %D%/test-attention-emulated %D%/test-emulator %D%/test-emulator-warpgroup %D%/test-kv-copy-emulated
%C%_test_attention_emulated_SOURCES = %D%/test-attention-gpu.c $(attention_device)
%C%_test_attention_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_test_attention_emulated_LDADD = $(emulator_ldadd)
%C%_libemulated_kernels_a_CPPFLAGS = $(emulator_cppflags)
%C%_libemulated_kernels_a_SOURCES = \
  %D%/emulator/cuda_live.h %D%/emulator/gemm.cc %D%/emulator/timer.cc \
  %D%/emulator/timer_streams.cc %D%/emulator/timer_streams.h \
  %D%/emulator/attention.cc %D%/emulator/attention_decode.cc \
  %D%/emulator/attention_prefill.cc %D%/emulator/attention_prefill_sm90.cc \
  %D%/emulator/card.h %D%/emulator/cuda.cc %D%/emulator/cuda_runtime.h %D%/emulator/cuda_runtime_api.h \
  %D%/emulator/emulator.cc %D%/emulator/emulator.h %D%/emulator/faults.h \
  %D%/emulator/fibers.cc %D%/emulator/fibers.h \
  %D%/emulator/kernels/device.h %D%/emulator/kernels/device_sm90.h %D%/emulator/kv_copy.cc \
  %D%/emulator/kv_copy_methods.cc %D%/emulator/norm.cc %D%/emulator/operand.cc %D%/emulator/operand.h \
  %D%/emulator/paged_kv.cc %D%/emulator/phase_barrier.cc %D%/emulator/sampling.cc %D%/emulator/stream.cc \
  %D%/emulator/streams.cc %D%/emulator/streams.h \
  %D%/emulator/transformer.cc %D%/emulator/vector_types.h %D%/emulator/warp.cc %D%/emulator/warpgroup.cc
# The GPU's device of live/ runs in it too.
check_LIBRARIES += %D%/libemulated-live.a
check_PROGRAMS += %D%/test-live-emulated %D%/test-live-streams
TESTS += %D%/test-live-emulated %D%/test-live-streams
%C%_libemulated_live_a_CPPFLAGS = $(emulator_cppflags)
%C%_libemulated_live_a_SOURCES = $(live_gpu_sources) $(live_cases)
%C%_test_live_emulated_SOURCES = %D%/test-live-gpu.c
%C%_test_live_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_test_live_emulated_LDADD = %D%/libemulated-live.a $(emulator_ldadd)
%C%_test_live_streams_SOURCES = %D%/test-live-streams.c
%C%_test_live_streams_CPPFLAGS = $(emulator_cppflags)
%C%_test_live_streams_LDADD = %D%/libemulated-live.a $(emulator_ldadd)
# What spillway-gpu computes, with an emulated GPU, for live.py.
check_PROGRAMS += %D%/emulated-gpu
%C%_emulated_gpu_SOURCES = %D%/emulated-gpu.c
%C%_emulated_gpu_CPPFLAGS = $(emulator_cppflags)
%C%_emulated_gpu_LDADD = %D%/libemulated-live.a $(emulator_ldadd)
# And the calibration's GPU, with steps as spillway-gpu runs them. It exports a management library to
# itself.
check_PROGRAMS += %D%/test-bench-emulated
TESTS += %D%/test-bench-emulated
%C%_test_bench_emulated_SOURCES = \
  %D%/test-bench-emulated.c $(calib_gpu_sources) $(step_runner_gpu) %D%/emulator/bench.cc
%C%_test_bench_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_test_bench_emulated_LDFLAGS = $(AM_LDFLAGS) -rdynamic
%C%_test_bench_emulated_LDADD = %D%/libemulated-live.a $(emulator_ldadd)
# So does the self-check: every kernel's tiny cases, and damaged results that must be found.
check_PROGRAMS += %D%/test-selfcheck-emulated
TESTS += %D%/test-selfcheck-emulated
%C%_test_selfcheck_emulated_SOURCES = %D%/test-selfcheck.c $(check_sources) $(selfcheck_sources)
%C%_test_selfcheck_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_test_selfcheck_emulated_LDADD = $(emulator_ldadd)
%C%_test_emulator_SOURCES = %D%/test-emulator.cc
%C%_test_emulator_CPPFLAGS = $(emulator_cppflags)
%C%_test_emulator_LDADD = $(emulator_ldadd)
%C%_test_emulator_warpgroup_SOURCES = %D%/test-emulator-warpgroup.cc
%C%_test_emulator_warpgroup_CPPFLAGS = $(emulator_cppflags)
%C%_test_emulator_warpgroup_LDADD = $(emulator_ldadd)
%C%_test_kv_copy_emulated_SOURCES = %D%/test-kv-copy-gpu.c
%C%_test_kv_copy_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_test_kv_copy_emulated_LDADD = $(emulator_ldadd)
else
TESTS += %D%/without-cxx.sh
endif
EXTRA_DIST += %D%/without-cxx.sh
