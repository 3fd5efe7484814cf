# A test is a program %D%/unit/NAME or %D%/kernels/NAME from one file of that name, or a script; each
# prints TAP.
module_tests = \
  %D%/unit/against \
  %D%/unit/defaults \
  %D%/unit/devices \
  %D%/unit/executor \
  %D%/unit/gemm-fit \
  %D%/unit/import \
  %D%/unit/import-aiconfigurator \
  %D%/unit/import-keys \
  %D%/unit/import-llmservingsim \
  %D%/unit/invariants \
  %D%/unit/keys \
  %D%/unit/keys-layers \
  %D%/unit/kv-groups \
  %D%/unit/victim-order \
  %D%/unit/group-cache \
  %D%/unit/reuse-tree \
  %D%/unit/live \
  %D%/unit/metrics \
  %D%/unit/model \
  %D%/unit/model-memory \
  %D%/unit/moe-fit \
  %D%/unit/numbers \
  %D%/unit/profile \
  %D%/unit/profile-cost \
  %D%/unit/report \
  %D%/unit/results \
  %D%/unit/roofline \
  %D%/unit/roofline-tables \
  %D%/unit/server-memory \
  %D%/unit/shared-experts \
  %D%/unit/stored \
  %D%/unit/tier \
  %D%/unit/trace-binary \
  %D%/unit/trace-gen \
  %D%/unit/trace-verb \
  %D%/unit/traces \
  %D%/unit/validation \
  %D%/unit/weights
script_tests = \
  %D%/accuracy.py \
  %D%/bad-input.py \
  %D%/bench-client.py \
  %D%/capacity.py \
  %D%/checkpoints.py \
  %D%/study-policies.py \
  %D%/cli.py \
  %D%/copies.py \
  %D%/disk.py %D%/trtllm.py \
  %D%/front-end.py \
  %D%/graphs.py \
  %D%/database.py \
  %D%/deployment.py \
  %D%/explain.py \
  %D%/families.py \
  %D%/forms.py \
  %D%/sessions.py \
  %D%/fuzz.py \
  %D%/live.py \
  %D%/memory.py \
  %D%/monotonic.py \
  %D%/outputs.py \
  %D%/parallel.py \
  %D%/policies.py \
  %D%/perfetto.py \
  %D%/poster.py \
  %D%/profile.py \
  %D%/published-copies.py \
  %D%/random-studies.py \
  %D%/random-verbs.py \
  %D%/regret.py \
  %D%/replay.py \
  %D%/report.py \
  %D%/scenarios.py \
  %D%/servers.py \
  %D%/strides.py \
  %D%/sweep.py \
  %D%/validate.py
# What looks at the tree, or at other programs, and asks little of this one: no other build's is another.
tree_tests = \
  %D%/arrows.sh \
  %D%/bootstrap.sh \
  %D%/completion.sh \
  %D%/dependencies.py \
  %D%/distribution.sh \
  %D%/gpu-day.sh \
  %D%/man.sh \
  %D%/notebook.py
check_PROGRAMS += $(module_tests)
EXTRA_DIST += $(script_tests) $(tree_tests) %D%/random_words.py %D%/recount.py %D%/spillway_test.py %D%/live_fixture.py %D%/plain_decoder.py %D%/browser.py %D%/bare-debian %D%/without-cuda.sh %D%/without-python

%C%_unit_invariants_SOURCES = %D%/unit/invariants.c %D%/kv_witness.c %D%/kv_witness.h %D%/random_case.c \
  %D%/random_case.h %D%/run_witness.c %D%/run_witness.h
live_cases = %D%/live_cases.c %D%/live_cases.h
report_fixture = %D%/report_fixture.c %D%/report_fixture.h
%C%_unit_report_SOURCES = %D%/unit/report.c $(report_fixture)
%C%_unit_results_SOURCES = %D%/unit/results.c $(report_fixture)
import_fixture = %D%/import_fixture.c %D%/import_fixture.h
%C%_unit_import_SOURCES = %D%/unit/import.c $(import_fixture)
%C%_unit_import_aiconfigurator_SOURCES = %D%/unit/import-aiconfigurator.c $(import_fixture)
%C%_unit_moe_fit_SOURCES = %D%/unit/moe-fit.c $(import_fixture)
%C%_unit_import_llmservingsim_SOURCES = %D%/unit/import-llmservingsim.c $(import_fixture)
shipped_fixture = %D%/shipped_fixture.c %D%/shipped_fixture.h
%C%_unit_devices_SOURCES = %D%/unit/devices.c $(shipped_fixture)
%C%_unit_roofline_SOURCES = %D%/unit/roofline.c $(shipped_fixture)
%C%_unit_roofline_tables_SOURCES = %D%/unit/roofline-tables.c $(shipped_fixture)
%C%_unit_shared_experts_SOURCES = %D%/unit/shared-experts.c $(shipped_fixture)
%C%_unit_server_memory_SOURCES = %D%/unit/server-memory.c $(shipped_fixture)
%C%_unit_defaults_SOURCES = %D%/unit/defaults.c $(shipped_fixture)
%C%_unit_profile_SOURCES = %D%/unit/profile.c %D%/profile_fixture.c %D%/profile_fixture.h
%C%_unit_profile_cost_SOURCES = %D%/unit/profile-cost.c %D%/known_profile.c %D%/known_profile.h
trace_fixture = %D%/trace_fixture.c %D%/trace_fixture.h
%C%_unit_traces_SOURCES = %D%/unit/traces.c $(trace_fixture)
%C%_unit_trace_binary_SOURCES = %D%/unit/trace-binary.c $(trace_fixture)
%C%_unit_live_SOURCES = %D%/unit/live.c $(live_cases)

# Calibration
check_PROGRAMS += %D%/unit/calibrate %D%/unit/calibration %D%/unit/calibration-trouble
TESTS += %D%/unit/calibrate %D%/unit/calibration %D%/unit/calibration-trouble
synthetic_device = %D%/synthetic_device.c %D%/synthetic_device.h
%C%_unit_calibrate_SOURCES = %D%/unit/calibrate.c $(synthetic_device)
calibration_fixture = %D%/calibration_fixture.c %D%/calibration_fixture.h $(synthetic_device)
%C%_unit_calibration_SOURCES = %D%/unit/calibration.c $(calibration_fixture)
%C%_unit_calibration_trouble_SOURCES = %D%/unit/calibration-trouble.c $(calibration_fixture)

# Kernels
kernel_tests = \
  %D%/kernels/attention \
  %D%/kernels/decode-plan \
  %D%/kernels/kv-copy \
  %D%/kernels/prefill-plan \
  %D%/kernels/sampling \
  %D%/kernels/timing \
  %D%/kernels/transformer \
  %D%/kernels/without \
  %D%/kernels/work-cut
check_PROGRAMS += $(kernel_tests)
TESTS += $(kernel_tests)
%C%_kernels_attention_LDADD = libspillway-cases.a libspillway-kernels.a $(LDADD)
%C%_kernels_decode_plan_LDADD = libspillway-kernels.a $(LDADD)
%C%_kernels_kv_copy_LDADD = libspillway-cases.a libspillway-kernels.a $(LDADD)
%C%_kernels_prefill_plan_LDADD = libspillway-kernels.a $(LDADD)
%C%_kernels_sampling_LDADD = libspillway-kernels.a $(LDADD)
%C%_kernels_timing_LDADD = libspillway-kernels.a $(LDADD)
%C%_kernels_transformer_LDADD = libspillway-kernels.a $(LDADD)
%C%_kernels_without_LDADD = libspillway-kernels.a $(LDADD)
%C%_kernels_work_cut_LDADD = libspillway-kernels.a $(LDADD)

# The tests of the kernels on a GPU, and the same tests in the emulator: a program %D%/kernels/NAME-gpu
# and one %D%/kernels/NAME-emulated, both from %D%/kernels/NAME-gpu.c.
if HAVE_CUDA
check_PROGRAMS += %D%/kernels/bench-gpu %D%/kernels/live-gpu
TESTS += %D%/kernels/bench-gpu %D%/kernels/live-gpu
%C%_kernels_bench_gpu_SOURCES = %D%/kernels/bench-gpu.c $(step_runner_gpu)
%C%_kernels_bench_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_kernels_bench_gpu_LDADD = libspillway-calib-gpu.a libspillway-live-gpu.a $(LDADD) $(CUDA_LIBS)
%C%_kernels_live_gpu_SOURCES = %D%/kernels/live-gpu.c $(live_cases)
%C%_kernels_live_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_kernels_live_gpu_LDADD = libspillway-live-gpu.a libspillway-kernels.a $(CUDA_LIBS) $(LDADD)
check_PROGRAMS += %D%/kernels/attention-gpu %D%/kernels/kv-copy-gpu
TESTS += %D%/kernels/attention-gpu %D%/kernels/kv-copy-gpu
%C%_kernels_attention_gpu_SOURCES = %D%/kernels/attention-gpu.c
%C%_kernels_attention_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_kernels_attention_gpu_LDADD = libspillway-check.a libspillway-cases.a libspillway-kernels.a $(CUDA_LIBS) $(LDADD)
%C%_kernels_kv_copy_gpu_SOURCES = %D%/kernels/kv-copy-gpu.c
%C%_kernels_kv_copy_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_kernels_kv_copy_gpu_LDADD = libspillway-cases.a libspillway-kernels.a $(CUDA_LIBS) $(LDADD)
TESTS += %D%/kernel-resources.py
else
TESTS += %D%/without-cuda.sh
endif
EXTRA_DIST += %D%/kernel-resources.py

# An example of each family of models, and what is right of it.
EXTRA_DIST += \
  %D%/models/families.csv \
  %D%/models/families/baichuan2-13b.json \
  %D%/models/families/baichuan2-7b.json \
  %D%/models/families/bloom-7b1.json \
  %D%/models/families/chatglm3-6b.json \
  %D%/models/families/command-a.json \
  %D%/models/families/command-r.json \
  %D%/models/families/command-r7b.json \
  %D%/models/families/deepseek-v2-lite.json \
  %D%/models/families/deepseek-v2.json \
  %D%/models/families/deepseek-v3.2.json \
  %D%/models/families/deepseek-v3.json \
  %D%/models/families/dots.llm1.json \
  %D%/models/families/ernie-4.5-0.3b.json \
  %D%/models/families/ernie-4.5-21b-a3b.json \
  %D%/models/families/exaone-3.5-7.8b.json \
  %D%/models/families/exaone-4.0-32b.json \
  %D%/models/families/falcon-40b.json \
  %D%/models/families/falcon-7b.json \
  %D%/models/families/gemma-2-2b.json \
  %D%/models/families/gemma-2-9b.json \
  %D%/models/families/gemma-3-1b.json \
  %D%/models/families/gemma-3-27b.json \
  %D%/models/families/gemma-3-4b.json \
  %D%/models/families/gemma-4-31b.json \
  %D%/models/families/gemma-7b.json \
  %D%/models/families/glm-4-9b-0414.json \
  %D%/models/families/glm-4.1v-9b.json \
  %D%/models/families/glm-4.5-air.json \
  %D%/models/families/glm-4.6.json \
  %D%/models/families/glm-4.7-flash.json \
  %D%/models/families/glm-5.2.json \
  %D%/models/families/glm-5.json \
  %D%/models/families/gpt-neox-20b.json \
  %D%/models/families/gpt-oss-120b.json \
  %D%/models/families/gpt-oss-20b.json \
  %D%/models/families/gpt2.json \
  %D%/models/families/granite-20b-code.json \
  %D%/models/families/granite-3.0-1b-a400m.json \
  %D%/models/families/granite-3.1-8b.json \
  %D%/models/families/granite-4.0-h-tiny.json \
  %D%/models/families/hunyuan-7b.json \
  %D%/models/families/hunyuan-a13b.json \
  %D%/models/families/internlm2.5-7b.json \
  %D%/models/families/internlm3-8b.json \
  %D%/models/families/jamba-v0.1.json \
  %D%/models/families/kimi-k2-thinking.json \
  %D%/models/families/kimi-k2.json \
  %D%/models/families/kimi-k3.json \
  %D%/models/families/kimi-linear-48b-a3b.json \
  %D%/models/families/llama-4-maverick.json \
  %D%/models/families/llama-4-scout.json \
  %D%/models/families/mimo-7b.json \
  %D%/models/families/mimo-v2-flash.json \
  %D%/models/families/minimax-m2.json \
  %D%/models/families/minimax-m3.json \
  %D%/models/families/mistral-small-3.1-24b.json \
  %D%/models/families/mixtral-8x22b.json \
  %D%/models/families/moonlight-16b.json \
  %D%/models/families/nemotron-3-nano-30b.json \
  %D%/models/families/nemotron-nano-9b-v2.json \
  %D%/models/families/nemotron-nas-three-blocks.json \
  %D%/models/families/olmo-2-7b.json \
  %D%/models/families/olmo-3-7b.json \
  %D%/models/families/olmo-7b.json \
  %D%/models/families/olmoe-1b-7b.json \
  %D%/models/families/phi-2.json \
  %D%/models/families/phi-3.5-moe.json \
  %D%/models/families/phi-4-mini.json \
  %D%/models/families/pythia-6.9b.json \
  %D%/models/families/qwen-7b.json \
  %D%/models/families/qwen1.5-moe-a2.7b.json \
  %D%/models/families/qwen2-57b-a14b.json \
  %D%/models/families/qwen2-vl-7b.json \
  %D%/models/families/qwen2.5-vl-7b.json \
  %D%/models/families/qwen3-235b-a22b.json \
  %D%/models/families/qwen3-next-80b-a3b.json \
  %D%/models/families/qwen3-vl-30b-a3b.json \
  %D%/models/families/qwen3-vl-8b.json \
  %D%/models/families/qwen3.5-27b.json \
  %D%/models/families/qwen3.5-35b-a3b.json \
  %D%/models/families/qwen3.5-397b.json \
  %D%/models/families/seed-oss-36b.json \
  %D%/models/families/smollm3-3b.json \
  %D%/models/families/stablelm-2-1.6b.json \
  %D%/models/families/starcoder2-3b.json \
  %D%/models/families/starcoder2-7b.json \
  %D%/models/families/step-3.5-flash.json

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
check_PROGRAMS += %D%/kernels/attention-emulated %D%/kernels/emulator %D%/kernels/emulator-warpgroup %D%/kernels/kv-copy-emulated
TESTS += %D%/kernels/attention-emulated %D%/kernels/emulator %D%/kernels/emulator-warpgroup %D%/kernels/kv-copy-emulated
%C%_kernels_attention_emulated_SOURCES = %D%/kernels/attention-gpu.c $(attention_device)
%C%_kernels_attention_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_kernels_attention_emulated_LDADD = $(emulator_ldadd)
%C%_libemulated_kernels_a_CPPFLAGS = $(emulator_cppflags)
%C%_libemulated_kernels_a_SOURCES = \
  %D%/emulator/cuda_live.h %D%/emulator/gemm.cc %D%/emulator/timer.cc \
  %D%/emulator/timer_streams.cc %D%/emulator/timer_streams.h \
  %D%/emulator/attention.cc %D%/emulator/attention_decode.cc %D%/emulator/attention_merge.cc \
  %D%/emulator/attention_prefill.cc %D%/emulator/attention_prefill_sm90.cc \
  %D%/emulator/card.h %D%/emulator/cuda.cc %D%/emulator/cuda_runtime.h %D%/emulator/cuda_runtime_api.h \
  %D%/emulator/emulator.cc %D%/emulator/emulator.h %D%/emulator/faults.h \
  %D%/emulator/fibers.cc %D%/emulator/fibers.h \
  %D%/emulator/kernels/device.h %D%/emulator/kernels/device_sm90.h %D%/emulator/kv_copy.cc \
  %D%/emulator/kv_copy_methods.cc %D%/emulator/norm.cc %D%/emulator/operand.cc %D%/emulator/operand.h \
  %D%/emulator/paged_kv.cc %D%/emulator/phase_barrier.cc %D%/emulator/sampling.cc %D%/emulator/shared_memory.cc %D%/emulator/shared_memory.h %D%/emulator/stream.cc \
  %D%/emulator/streams.cc %D%/emulator/streams.h %D%/emulator/tensor_map.cc \
  %D%/emulator/transformer.cc %D%/emulator/vector_types.h %D%/emulator/warp.cc %D%/emulator/warpgroup.cc
# The GPU's device of live/ runs in it too.
check_LIBRARIES += %D%/libemulated-live.a
check_PROGRAMS += %D%/kernels/live-emulated %D%/kernels/live-streams
TESTS += %D%/kernels/live-emulated %D%/kernels/live-streams
%C%_libemulated_live_a_CPPFLAGS = $(emulator_cppflags)
%C%_libemulated_live_a_SOURCES = $(live_gpu_sources) $(live_cases)
%C%_kernels_live_emulated_SOURCES = %D%/kernels/live-gpu.c
%C%_kernels_live_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_kernels_live_emulated_LDADD = %D%/libemulated-live.a $(emulator_ldadd)
%C%_kernels_live_streams_SOURCES = %D%/kernels/live-streams.c
%C%_kernels_live_streams_CPPFLAGS = $(emulator_cppflags)
%C%_kernels_live_streams_LDADD = %D%/libemulated-live.a $(emulator_ldadd)
# What spillway-gpu computes, with an emulated GPU, for live.py.
check_PROGRAMS += %D%/emulated-gpu
%C%_emulated_gpu_SOURCES = %D%/emulated-gpu.c
%C%_emulated_gpu_CPPFLAGS = $(emulator_cppflags)
%C%_emulated_gpu_LDADD = %D%/libemulated-live.a $(emulator_ldadd)
# And the calibration's GPU, with steps as spillway-gpu runs them.
check_LIBRARIES += %D%/libemulated-bench.a
check_PROGRAMS += %D%/kernels/bench-emulated %D%/kernels/calibration-emulated %D%/kernels/nvml-emulated
TESTS += %D%/kernels/calibration-emulated %D%/kernels/bench-emulated %D%/kernels/nvml-emulated
%C%_libemulated_bench_a_CPPFLAGS = $(emulator_cppflags)
%C%_libemulated_bench_a_SOURCES = \
  $(calib_gpu_sources) $(step_runner_gpu) %D%/emulator/bench.cc %D%/bench_fixture.c %D%/bench_fixture.h
emulated_bench_ldadd = %D%/libemulated-bench.a %D%/libemulated-live.a $(emulator_ldadd)
%C%_kernels_bench_emulated_SOURCES = %D%/kernels/bench-emulated.c
%C%_kernels_bench_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_kernels_bench_emulated_LDADD = $(emulated_bench_ldadd)
%C%_kernels_calibration_emulated_SOURCES = %D%/kernels/calibration-emulated.c
%C%_kernels_calibration_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_kernels_calibration_emulated_LDADD = $(emulated_bench_ldadd)
# It exports a management library to itself.
%C%_kernels_nvml_emulated_SOURCES = %D%/kernels/nvml-emulated.c
%C%_kernels_nvml_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_kernels_nvml_emulated_LDFLAGS = $(AM_LDFLAGS) -rdynamic
%C%_kernels_nvml_emulated_LDADD = $(emulated_bench_ldadd)
# So does the self-check: every kernel's tiny cases, and damaged results that must be found.
check_PROGRAMS += %D%/kernels/selfcheck-emulated
TESTS += %D%/kernels/selfcheck-emulated
%C%_kernels_selfcheck_emulated_SOURCES = %D%/kernels/selfcheck.c $(check_sources) $(selfcheck_sources)
%C%_kernels_selfcheck_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_kernels_selfcheck_emulated_LDADD = $(emulator_ldadd)
%C%_kernels_emulator_SOURCES = %D%/kernels/emulator.cc
%C%_kernels_emulator_CPPFLAGS = $(emulator_cppflags)
%C%_kernels_emulator_LDADD = $(emulator_ldadd)
%C%_kernels_emulator_warpgroup_SOURCES = %D%/kernels/emulator-warpgroup.cc
%C%_kernels_emulator_warpgroup_CPPFLAGS = $(emulator_cppflags)
%C%_kernels_emulator_warpgroup_LDADD = $(emulator_ldadd)
%C%_kernels_kv_copy_emulated_SOURCES = %D%/kernels/kv-copy-gpu.c
%C%_kernels_kv_copy_emulated_CPPFLAGS = $(emulator_cppflags)
%C%_kernels_kv_copy_emulated_LDADD = $(emulator_ldadd)
else
TESTS += %D%/without-cxx.sh
endif
EXTRA_DIST += %D%/without-cxx.sh

# The long ones, the kernels', stand before these: so nobody waits for one at the end.
TESTS += $(tree_tests) $(script_tests) $(module_tests)
