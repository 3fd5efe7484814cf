# All but main() is a library, so that tests reach the verbs.
bin_PROGRAMS += spillway
spillway_SOURCES = %D%/main.c

# What needs a GPU.
selfcheck_sources = %D%/selfcheck_result.h %D%/selfcheck_run.c %D%/selfcheck_text.c
step_runner_gpu = %D%/step_runner_gpu.c %D%/step_runner_gpu.h
spillway_gpu_sources = %D%/main_gpu.c $(selfcheck_sources) $(step_runner_gpu)
EXTRA_DIST += $(spillway_gpu_sources)
if HAVE_CUDA
bin_PROGRAMS += spillway-gpu
spillway_gpu_SOURCES = $(spillway_gpu_sources)
spillway_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
spillway_gpu_LDADD = libspillway-cli.a libspillway-calib-gpu.a libspillway-live-gpu.a libspillway-check.a libspillway-cases.a $(LDADD) $(CUDA_LIBS)
endif

noinst_LIBRARIES += libspillway-cli.a
libspillway_cli_a_SOURCES = \
  %D%/calibrate.c %D%/calibrate.h \
  %D%/calibrate_progress.c %D%/calibrate_progress.h \
  %D%/calibrate_report.c \
  %D%/cli.c %D%/cli.h \
  %D%/cluster.h \
  %D%/command.c \
  %D%/compare.c \
  %D%/cost_with_host.c %D%/cost_with_host.h \
  %D%/crossover.c %D%/crossover.h \
  %D%/crossover_text.c \
  %D%/data.c \
  %D%/engine_defaults.c %D%/engine_defaults.h \
  %D%/execute.c %D%/execute.h \
  %D%/executors.c %D%/executors.h \
  %D%/explain.c \
  %D%/format_option.c %D%/format_option.h \
  %D%/gpu.c %D%/gpu.h \
  %D%/list.c \
  %D%/live.c %D%/live.h \
  %D%/live_progress.c %D%/live_progress.h \
  %D%/live_setup.c %D%/live_setup.h \
  %D%/merge.c \
  %D%/model.c \
  %D%/options.c \
  %D%/perfetto_window.c %D%/perfetto_window.h \
  %D%/plot.c \
  %D%/poster.c %D%/poster.h \
  %D%/poster_data.c \
  %D%/poster_figures.c \
  %D%/poster_jobs.c %D%/poster_jobs.h \
  %D%/poster_json.c \
  %D%/poster_judge.c %D%/poster_judge.h \
  %D%/poster_judge_burst.c \
  %D%/poster_judge_costs.c \
  %D%/poster_judge_course.c \
  %D%/poster_live.c %D%/poster_live.h \
  %D%/poster_measure.c \
  %D%/poster_probe.c %D%/poster_probe.h \
  %D%/poster_replay.c %D%/poster_replay.h \
  %D%/poster_store.c %D%/poster_store.h \
  %D%/poster_text.c \
  %D%/poster_timeline.c %D%/poster_timeline.h \
  %D%/poster_variants.c \
  %D%/poster_verb.h \
  %D%/profile.c %D%/profile.h \
  %D%/profile_check.c \
  %D%/profile_device.c \
  %D%/profile_import.c \
  %D%/profile_plot.c \
  %D%/profile_show.c \
  %D%/program.c %D%/program.h \
  %D%/progress.c %D%/progress.h \
  %D%/report.c \
  %D%/results_options.c %D%/results_options.h \
  %D%/resolve.c %D%/resolve.h \
  %D%/run.c \
  %D%/scenario.c %D%/scenario.h \
  %D%/scenario_check.c \
  %D%/scenario_defaults.c \
  %D%/scenario_pool.c %D%/scenario_resolver.h \
  %D%/scenario_config.c %D%/scenario_config.h \
  %D%/selfcheck.c %D%/selfcheck.h \
  %D%/settings.c %D%/settings.h \
  %D%/shelf.c %D%/shelf.h \
  %D%/slowdown.c %D%/slowdown.h \
  %D%/step_watch.c %D%/step_watch.h \
  %D%/study.c %D%/study.h \
  %D%/study_paths.c %D%/study_paths.h \
  %D%/study_plan.c %D%/study_plan.h \
  %D%/study_read.c \
  %D%/sub_verb.c %D%/sub_verb.h \
  %D%/sweep.c %D%/sweep_internal.h \
  %D%/sweep_report.c \
  %D%/sweep_progress.c %D%/sweep_progress.h \
  %D%/sweep_run.c %D%/sweep_run.h \
  %D%/sweep_worker.c %D%/sweep_worker.h \
  %D%/unlimited_table.c %D%/unlimited_table.h \
  %D%/trace.c %D%/trace.h \
  %D%/trace_gen.c \
  %D%/trace_show.c \
  %D%/transport.h \
  %D%/transport_local.c \
  %D%/validate.c \
  %D%/validation.h \
  %D%/validation_json.c \
  %D%/validation_parts.c \
  %D%/validation_plot.c \
  %D%/validation_targets.c \
  %D%/validation_text.c \
  %D%/vllm_flags.c %D%/vllm_flags.h \
  %D%/workload_source.c
if HAVE_MPI
libspillway_cli_a_SOURCES += %D%/cluster_mpi.c
else
libspillway_cli_a_SOURCES += %D%/cluster_none.c
endif
