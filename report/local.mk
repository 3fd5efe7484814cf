noinst_LIBRARIES += libspillway-report.a
libspillway_report_a_SOURCES = \
  %D%/against.c %D%/against.h \
  %D%/against_pair.c \
  %D%/against_read.c \
  %D%/against_rows.c %D%/against_rows.h \
  %D%/against_text.c \
  %D%/chart_library.c %D%/chart_library.h \
  %D%/comparison_text.c \
  %D%/course.c %D%/course.h \
  %D%/decision_log.c %D%/decision_log.h \
  %D%/figure_cell.c %D%/figure_cell.h \
  %D%/explain.c %D%/explain.h \
  %D%/explain_request.c \
  %D%/figures.c %D%/figures.h \
  %D%/flatten.c %D%/flatten.h \
  %D%/format.c %D%/format.h \
  %D%/gnuplot.c %D%/gnuplot.h \
  %D%/grid.c %D%/grid.h \
  %D%/overhead.c %D%/overhead.h \
  %D%/page.c %D%/page.h \
  %D%/page_data.c %D%/page_data.h \
  %D%/page_grid.c \
  %D%/page_run.c \
  %D%/perfetto.c %D%/perfetto.h \
  %D%/perfetto_events.c %D%/perfetto_events.h \
  %D%/plot.c %D%/plot.h \
  %D%/plot_bars.c \
  %D%/plot_charts.c %D%/plot_charts.h \
  %D%/plot_grid.c \
  %D%/requests.c %D%/requests.h \
  %D%/request_rows.c %D%/request_rows.h \
  %D%/requests_csv.c %D%/requests_csv.h \
  %D%/results.c %D%/results.h %D%/results_private.h \
  %D%/results_check.c %D%/results_check.h \
  %D%/results_file.c \
  %D%/results_merge.c \
  %D%/results_pack.c %D%/results_pack.h \
  %D%/results_query.c %D%/results_query.h \
  %D%/results_schema.c \
  %D%/results_views.c \
  %D%/results_write.c \
  %D%/sink.c %D%/sink.h \
  %D%/step_record.c %D%/step_record.h \
  %D%/stored.c %D%/stored.h \
  %D%/stored_file.c %D%/stored_file.h \
  %D%/stored_read.c \
  %D%/stored_label.c %D%/stored_label.h \
  %D%/student.c %D%/student.h \
  %D%/study_schema.c %D%/study_private.h \
  %D%/study_store.c %D%/study_store.h \
  %D%/study_text.c %D%/study_text.h \
  %D%/summary.c %D%/summary.h \
  %D%/summary_text.c \
  %D%/table.c %D%/table.h \
  %D%/text.h \
  %D%/thin.c %D%/thin.h

# The page of `spillway report`, within the program: it is one file wherever it runs.
report_page = \
  %D%/page/report.html \
  %D%/page/report.css \
  %D%/page/base.js \
  %D%/page/runs.js \
  %D%/page/study.js \
  %D%/page/report.js
EXTRA_DIST += $(report_page) %D%/page/embed
CLEANFILES += %D%/page_files.c
nodist_libspillway_report_a_SOURCES = %D%/page_files.c
%D%/page_files.c: $(report_page) %D%/page/embed
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cd $(srcdir) && \
	$(SHELL) %D%/page/embed $(report_page) >$(abs_top_builddir)/$@.part && \
	mv $(abs_top_builddir)/$@.part $(abs_top_builddir)/$@
