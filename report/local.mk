noinst_LIBRARIES += libspillway-report.a
libspillway_report_a_SOURCES = \
  %D%/against.c %D%/against.h \
  %D%/against_pair.c \
  %D%/against_read.c \
  %D%/against_rows.c %D%/against_rows.h \
  %D%/against_text.c \
  %D%/comparison_text.c \
  %D%/decision_log.c %D%/decision_log.h \
  %D%/figures.c %D%/figures.h \
  %D%/flatten.c %D%/flatten.h \
  %D%/format.c %D%/format.h \
  %D%/requests.c %D%/requests.h \
  %D%/requests_csv.c %D%/requests_csv.h \
  %D%/results.c %D%/results.h %D%/results_private.h \
  %D%/results_merge.c \
  %D%/results_pack.c %D%/results_pack.h \
  %D%/results_schema.c \
  %D%/results_write.c \
  %D%/sink.c %D%/sink.h \
  %D%/study_schema.c %D%/study_private.h \
  %D%/study_store.c %D%/study_store.h \
  %D%/study_text.c %D%/study_text.h \
  %D%/summary.c %D%/summary.h \
  %D%/summary_text.c \
  %D%/table.c %D%/table.h \
  %D%/text.h
