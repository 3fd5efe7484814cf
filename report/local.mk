noinst_LIBRARIES += libspillway-report.a
libspillway_report_a_SOURCES = \
  %D%/best.c %D%/best.h \
  %D%/comparison_text.c \
  %D%/figure_cell.c %D%/figure_cell.h \
  %D%/figures.c %D%/figures.h \
  %D%/overhead.c %D%/overhead.h \
  %D%/student.c %D%/student.h \
  %D%/summary.c %D%/summary.h \
  %D%/summary_overflow.c \
  %D%/summary_text.c \
  %D%/text.h \
  %D%/against/against.c %D%/against/against.h \
  %D%/against/pair.c \
  %D%/against/read.c \
  %D%/against/rows.c %D%/against/rows.h \
  %D%/against/text.c \
  %D%/explain/explain.c %D%/explain/explain.h \
  %D%/explain/prices.c \
  %D%/explain/request.c \
  %D%/files/decision_log.c %D%/files/decision_log.h \
  %D%/files/perfetto.c %D%/files/perfetto.h \
  %D%/files/perfetto_events.c %D%/files/perfetto_events.h \
  %D%/files/request_rows.c %D%/files/request_rows.h \
  %D%/files/requests.c %D%/files/requests.h \
  %D%/files/requests_csv.c %D%/files/requests_csv.h \
  %D%/files/sink.c %D%/files/sink.h \
  %D%/page/chart_library.c %D%/page/chart_library.h \
  %D%/page/data.c %D%/page/data.h \
  %D%/page/page.c %D%/page/page.h \
  %D%/plot/bars.c \
  %D%/plot/charts.c %D%/plot/charts.h \
  %D%/plot/gnuplot.c %D%/plot/gnuplot.h \
  %D%/plot/grid.c \
  %D%/plot/plot.c %D%/plot/plot.h \
  %D%/plot/script.c %D%/plot/script.h \
  %D%/results/check.c %D%/results/check.h %D%/results/check_kept.c \
  %D%/results/connection.c \
  %D%/results/file.c \
  %D%/results/pack.c %D%/results/pack.h \
  %D%/results/preemptions.c \
  %D%/results/private.h \
  %D%/results/query.c %D%/results/query.h \
  %D%/results/recording.c %D%/results/recording.h \
  %D%/results/results.c %D%/results/results.h \
  %D%/results/run.c \
  %D%/results/schema.c \
  %D%/results/step_record.c \
  %D%/results/studies.c %D%/results/studies.h %D%/results/map_figures.h \
  %D%/results/views.c \
  %D%/results/write.c \
  %D%/stored/course.c %D%/stored/course.h \
  %D%/stored/file.c %D%/stored/file.h \
  %D%/stored/grid.c %D%/stored/grid.h \
  %D%/stored/label.c %D%/stored/label.h \
  %D%/stored/read.c \
  %D%/stored/stored.c %D%/stored/stored.h \
  %D%/stored/thin.c %D%/stored/thin.h \
  %D%/text/byte_units.c %D%/text/byte_units.h \
  %D%/text/flatten.c %D%/text/flatten.h \
  %D%/text/format.c %D%/text/format.h \
  %D%/text/json_values.c %D%/text/json_values.h \
  %D%/text/table.c %D%/text/table.h

# The page of `spillway report`, within the program: it is one file wherever it runs.
report_page = \
  %D%/page/report.html \
  %D%/page/report.css \
  %D%/page/base.js \
  %D%/page/runs.js \
  %D%/page/study.js \
  %D%/page/report.js \
  %D%/page/plain.html \
  %D%/page/servers.js \
  %D%/page/capacity.js \
  %D%/page/policies.js
EXTRA_DIST += $(report_page) %D%/page/embed
CLEANFILES += %D%/page_files.c
nodist_libspillway_report_a_SOURCES = %D%/page_files.c
%D%/page_files.c: $(report_page) %D%/page/embed
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cd $(srcdir) && \
	$(SHELL) %D%/page/embed $(report_page) >$(abs_top_builddir)/$@.part && \
	mv $(abs_top_builddir)/$@.part $(abs_top_builddir)/$@
