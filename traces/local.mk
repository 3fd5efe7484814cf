noinst_LIBRARIES += libspillway-traces.a
libspillway_traces_a_SOURCES = \
  %D%/aiperf.c \
  %D%/bench.c %D%/bench.h \
  %D%/azure.c \
  %D%/bailian.c \
  %D%/benchmark.c \
  %D%/digits.h \
  %D%/binary.c %D%/binary.h %D%/binary_read.c \
  %D%/burstgpt.c \
  %D%/columns.c %D%/columns.h \
  %D%/csv.c %D%/csv.h \
  %D%/document.c %D%/document.h \
  %D%/format.h \
  %D%/gen.c %D%/gen.h \
  %D%/jsonl.c %D%/jsonl.h \
  %D%/lengths.c %D%/lengths.h \
  %D%/llmservingsim.c \
  %D%/mooncake.c \
  %D%/number.c %D%/number.h \
  %D%/output.c %D%/output.h \
  %D%/pace.c %D%/pace.h \
  %D%/random.c %D%/random.h \
  %D%/reader.c %D%/reader.h \
  %D%/refusal.c %D%/refusal.h \
  %D%/results.c %D%/results.h \
  %D%/run_result.c \
  %D%/source.c %D%/source.h \
  %D%/spillway.c \
  %D%/splitwise.c \
  %D%/stats.c %D%/stats.h \
  %D%/steps.c \
  %D%/trace.c %D%/trace.h \
  %D%/vidur.c

tracesdir = $(pkgdatadir)/traces
dist_traces_DATA = \
  %D%/shipped/README.md \
  %D%/shipped/chat-hour.csv \
  %D%/shipped/chat-turns.jsonl \
  %D%/shipped/code-hour.csv \
  %D%/shipped/demo.csv \
  %D%/shipped/study-burst.csv
