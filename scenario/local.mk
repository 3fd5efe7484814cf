# One run: what its options name, and its execution.
libspillway_cli_a_SOURCES += \
  %D%/check.c \
  %D%/config_json.c %D%/config_json.h \
  %D%/data.c \
  %D%/engine_sglang.c \
  %D%/execute.c %D%/execute.h \
  %D%/executors.c %D%/executors.h \
  %D%/live_progress.c %D%/live_progress.h \
  %D%/live_setup.c %D%/live_setup.h \
  %D%/perfetto_window.c %D%/perfetto_window.h \
  %D%/pool.c \
  %D%/progress.c %D%/progress.h \
  %D%/resolve.c %D%/resolve.h \
  %D%/resolver.h \
  %D%/scenario.c %D%/scenario.h \
  %D%/settings.c %D%/settings.h \
  %D%/settings_option.h \
  %D%/settings_parse.c \
  %D%/shelf.c %D%/shelf.h \
  %D%/slowdown.c %D%/slowdown.h \
  %D%/vllm_flags.c %D%/vllm_flags.h \
  %D%/workload_source.c
