# One run: what its options name, and its execution.
noinst_LIBRARIES += libspillway-scenario.a
libspillway_scenario_a_SOURCES = \
  %D%/assumptions.c %D%/assumptions.h \
  %D%/check.c \
  %D%/copies.c %D%/cost.c %D%/disk.c \
  %D%/config_json.c %D%/config_json.h \
  %D%/defaults.c \
  %D%/engine_defaults.c %D%/engine_defaults.h \
  %D%/engines.c %D%/engines.h \
  %D%/engine_sglang.c %D%/engine_trtllm.c \
  %D%/execute.c %D%/execute.h \
  %D%/executors.c %D%/executors.h \
  %D%/flag_table.h \
  %D%/generated_trace.c %D%/generated_trace.h \
  %D%/live_progress.c %D%/live_progress.h \
  %D%/live_setup.c %D%/live_setup.h \
  %D%/message.c %D%/message.h \
  %D%/option_words.c %D%/option_words.h \
  %D%/output_file.c %D%/output_file.h \
  %D%/perfetto_window.c %D%/perfetto_window.h \
  %D%/pool.c \
  %D%/progress.c %D%/progress.h \
  %D%/ranks.c \
  %D%/resolve.c %D%/resolve.h \
  %D%/resolver.c %D%/resolver.h \
  %D%/scenario.c %D%/scenario.h \
  %D%/server_args.c %D%/server_args.h \
  %D%/server_flags.c %D%/server_flags.h \
  %D%/settings.c %D%/settings.h \
  %D%/settings_files.c %D%/settings_files.h \
  %D%/settings_option.h \
  %D%/settings_policies.c %D%/settings_policies.h \
  %D%/settings_set.c \
  %D%/sglang_flags.c \
  %D%/shelf.c %D%/shelf.h \
  %D%/shipped.c %D%/shipped.h \
  %D%/slowdown.c %D%/slowdown.h \
  %D%/slo.c %D%/slo.h \
  %D%/trace_name.c %D%/trace_name.h \
  %D%/trtllm_flags.c \
  %D%/typed.c %D%/typed.h \
  %D%/vllm_flags.c \
  %D%/workload_source.c %D%/workload_source.h
