# A scenario run many times.
noinst_LIBRARIES += libspillway-study.a
libspillway_study_a_SOURCES = \
  %D%/cluster.h \
  %D%/identity.c %D%/identity.h \
  %D%/job_run.c %D%/job_run.h \
  %D%/paths.c %D%/paths.h \
  %D%/plan.c %D%/plan.h \
  %D%/progress.c %D%/progress.h \
  %D%/read.c \
  %D%/study.c %D%/study.h \
  %D%/sweep_run.c %D%/sweep_run.h \
  %D%/transport.h \
  %D%/transport_local.c \
  %D%/unlimited_table.c %D%/unlimited_table.h \
  %D%/worker.c %D%/worker.h \
  %D%/policies/json.c \
  %D%/policies/judge.c %D%/policies/judge.h \
  %D%/policies/map.h \
  %D%/policies/output.h \
  %D%/policies/plan.c \
  %D%/policies/run.c %D%/policies/run.h \
  %D%/policies/settings.c \
  %D%/policies/store.c %D%/policies/store.h \
  %D%/policies/text.c \
  %D%/poster/data.c \
  %D%/poster/figures.c \
  %D%/poster/jobs.c %D%/poster/jobs.h \
  %D%/poster/json.c \
  %D%/poster/judge.c %D%/poster/judge.h \
  %D%/poster/judge_burst.c \
  %D%/poster/judge_costs.c \
  %D%/poster/judge_course.c \
  %D%/poster/live.c %D%/poster/live.h \
  %D%/poster/measure.c \
  %D%/poster/poster.h \
  %D%/poster/probe.c %D%/poster/probe.h \
  %D%/poster/replay.c %D%/poster/replay.h \
  %D%/poster/store.c %D%/poster/store.h \
  %D%/poster/text.c \
  %D%/poster/timeline.c %D%/poster/timeline.h \
  %D%/poster/variants.c \
  %D%/poster/verdict.c \
  %D%/capacity/capacity.h \
  %D%/capacity/output.c \
  %D%/capacity/rows.c \
  %D%/capacity/run.c \
  %D%/capacity/search.c %D%/capacity/search.h \
  %D%/regret/choices.c %D%/regret/choices.h \
  %D%/regret/exhaustive.c %D%/regret/exhaustive.h \
  %D%/regret/field.c %D%/regret/field.h \
  %D%/regret/json.c \
  %D%/regret/kept.c %D%/regret/kept.h \
  %D%/regret/play.c %D%/regret/play.h \
  %D%/regret/regret.c %D%/regret/regret.h \
  %D%/regret/script.c %D%/regret/script.h \
  %D%/regret/search.c %D%/regret/search.h \
  %D%/regret/text.c \
  %D%/servers/dump.c %D%/servers/dump.h \
  %D%/servers/groups.c \
  %D%/servers/point.c %D%/servers/point.h \
  %D%/servers/predict.c \
  %D%/servers/read_csv.c \
  %D%/servers/read_results.c \
  %D%/servers/servers.h \
  %D%/servers/text.c \
  %D%/store/merge.c \
  %D%/store/points.c %D%/store/points.h \
  %D%/store/private.h \
  %D%/store/schema.c \
  %D%/store/store.c %D%/store/store.h \
  %D%/store/text.c %D%/store/text.h \
  %D%/validation/copies.c \
  %D%/validation/cost_with_host.c %D%/validation/cost_with_host.h \
  %D%/validation/json.c \
  %D%/validation/parts.c \
  %D%/validation/plot.c \
  %D%/validation/step_watch.c %D%/validation/step_watch.h \
  %D%/validation/targets.c \
  %D%/validation/text.c \
  %D%/validation/validation.h
if HAVE_MPI
libspillway_study_a_SOURCES += %D%/cluster_mpi.c
else
libspillway_study_a_SOURCES += %D%/cluster_none.c
endif
