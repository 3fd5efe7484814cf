# One run: what its options name, and its execution.
noinst_LIBRARIES += libspillway-scenario.a
libspillway_scenario_a_SOURCES = \
  %D%/assumptions.c %D%/assumptions.h \
  %D%/check.c \
  %D%/copies.c %D%/cost.c %D%/disk.c \
  %D%/config_json.c %D%/config_json.h \
  %D%/defaults.c \
  %D%/engine_defaults.c %D%/engine_defaults.h \
  %D%/engine_sglang.c %D%/engine_sglang_windows.c %D%/engine_trtllm.c \
  %D%/executors.c %D%/executors.h \
  %D%/flags/flag_table.h \
  %D%/hardware.c %D%/hardware.h \
  %D%/message.c %D%/message.h \
  %D%/option_words.c %D%/option_words.h \
  %D%/output_file.c %D%/output_file.h \
  %D%/pool.c \
  %D%/ranks.c \
  %D%/resolve.c %D%/resolve.h \
  %D%/resolver.c %D%/resolver.h \
  %D%/scenario.c %D%/scenario.h \
  %D%/server_args.c %D%/server_args.h \
  %D%/flags/server_chart.c %D%/flags/server_chart.h \
  %D%/flags/server_config.c %D%/flags/server_config.h %D%/flags/server_context.c %D%/flags/server_context.h \
  %D%/flags/server_flags.c %D%/flags/server_flags.h \
  %D%/flags/server_shell.c %D%/flags/server_shell.h \
  %D%/flags/server_start.c %D%/flags/server_start.h \
  %D%/flags/server_taken.c %D%/flags/server_taken.h \
  %D%/flags/server_words.c %D%/flags/server_words.h \
  %D%/settings.c %D%/settings.h \
  %D%/settings_files.c %D%/settings_files.h \
  %D%/settings_option.h \
  %D%/settings_policies.c %D%/settings_policies.h \
  %D%/settings_set.c \
  %D%/flags/sglang_flags.c \
  %D%/shelf.c %D%/shelf.h \
  %D%/shipped.c %D%/shipped.h \
  %D%/slo.c %D%/slo.h \
  %D%/flags/trtllm_flags.c \
  %D%/typed.c %D%/typed.h \
  %D%/flags/vllm_flags.c \
  %D%/flags/yaml_lines.c %D%/flags/yaml_lines.h \
  %D%/flags/yaml_settings.c %D%/flags/yaml_settings.h \
  %D%/run/engines.c %D%/run/engines.h \
  %D%/run/execute.c %D%/run/execute.h \
  %D%/run/live_progress.c %D%/run/live_progress.h \
  %D%/run/live_setup.c %D%/run/live_setup.h \
  %D%/run/perfetto_window.c %D%/run/perfetto_window.h \
  %D%/run/progress.c %D%/run/progress.h \
  %D%/run/slowdown.c %D%/run/slowdown.h \
  %D%/workload/generated_files.c %D%/workload/generated_files.h \
  %D%/workload/generated_trace.c %D%/workload/generated_trace.h \
  %D%/workload/trace_name.c %D%/workload/trace_name.h \
  %D%/workload/workload_source.c %D%/workload/workload_source.h
