noinst_LIBRARIES += libspillway-traces.a
libspillway_traces_a_SOURCES = \
  %D%/azure.c \
  %D%/benchmark.c \
  %D%/digits.h \
  %D%/binary.c %D%/binary.h %D%/binary_read.c \
  %D%/burstgpt.c \
  %D%/csv.c %D%/csv.h \
  %D%/format.h \
  %D%/gen.c %D%/gen.h \
  %D%/jsonl.c %D%/jsonl.h \
  %D%/lengths.c %D%/lengths.h \
  %D%/mooncake.c \
  %D%/number.c %D%/number.h \
  %D%/output.c %D%/output.h \
  %D%/random.c %D%/random.h \
  %D%/reader.c %D%/reader.h \
  %D%/source.c %D%/source.h \
  %D%/spillway.c \
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
