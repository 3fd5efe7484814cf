# All but main() is a library, so that tests reach the verbs.
bin_PROGRAMS += spillway
spillway_SOURCES = %D%/main.c

# What needs a GPU.
selfcheck_sources = %D%/selfcheck/ended.c %D%/selfcheck/result.h %D%/selfcheck/run.c %D%/selfcheck/text.c
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
  %D%/cli.h \
  %D%/capacity.c \
  %D%/command.c \
  %D%/compare.c \
  %D%/crossover/crossover.c %D%/crossover/crossover.h \
  %D%/crossover/text.c \
  %D%/dry_run.c %D%/dry_run.h \
  %D%/explain.c \
  %D%/format_option.c %D%/format_option.h \
  %D%/gpu.c %D%/gpu.h \
  %D%/list.c \
  %D%/live.c %D%/live.h \
  %D%/merge.c \
  %D%/model.c \
  %D%/model_drafts.c %D%/model_drafts.h \
  %D%/model_memory.c %D%/model_memory.h \
  %D%/options.c \
  %D%/plot.c \
  %D%/study/policies.c \
  %D%/study/poster.c \
  %D%/study/poster.h \
  %D%/program.c %D%/program.h \
  %D%/regret.c \
  %D%/report.c \
  %D%/results_options.c %D%/results_options.h \
  %D%/run.c \
  %D%/run_options.c %D%/run_options.h \
  %D%/servers.c \
  %D%/study/study.c \
  %D%/study/study.h \
  %D%/sub_verb.c %D%/sub_verb.h \
  %D%/sweep/sweep.c \
  %D%/sweep/sweep.h \
  %D%/sweep/report.c \
  %D%/terminal.c %D%/terminal.h \
  %D%/validate.c \
  %D%/calibrate/calibrate.c %D%/calibrate/calibrate.h \
  %D%/calibrate/progress.c %D%/calibrate/progress.h \
  %D%/calibrate/report.c \
  %D%/profile/check.c \
  %D%/profile/common.c \
  %D%/profile/device.c \
  %D%/profile/import.c \
  %D%/profile/plot.c \
  %D%/profile/profile.c %D%/profile/profile.h \
  %D%/profile/show.c \
  %D%/selfcheck/selfcheck.c %D%/selfcheck/selfcheck.h \
  %D%/trace/gen.c \
  %D%/trace/show.c \
  %D%/trace/trace.c %D%/trace/trace.h
