noinst_LIBRARIES += libspillway-sim.a
libspillway_sim_a_SOURCES = \
  %D%/cost.c %D%/cost.h \
  %D%/metrics.c %D%/metrics.h \
  %D%/model.c %D%/model.h \
  %D%/observer.c %D%/observer.h \
  %D%/quantiles.c %D%/quantiles.h \
  %D%/series.c %D%/series.h \
  %D%/step.c %D%/step.h \
  %D%/units.h \
  %D%/workload.c %D%/workload.h
