noinst_LIBRARIES += libspillway-traces.a
libspillway_traces_a_SOURCES = \
  %D%/bench.c %D%/bench.h \
  %D%/csv.c %D%/csv.h \
  %D%/digits.h \
  %D%/document.c %D%/document.h \
  %D%/format.h \
  %D%/gen.c %D%/gen.h \
  %D%/jsonl.c %D%/jsonl.h \
  %D%/lengths.c %D%/lengths.h \
  %D%/number.c %D%/number.h \
  %D%/output.c %D%/output.h \
  %D%/pace.c %D%/pace.h \
  %D%/random.c %D%/random.h \
  %D%/reader.c %D%/reader.h \
  %D%/refusal.c %D%/refusal.h \
  %D%/result_doubts.c %D%/result_doubts.h \
  %D%/result_spread.c %D%/result_spread.h \
  %D%/results.c %D%/results.h \
  %D%/shell_word.c %D%/shell_word.h \
  %D%/source.c %D%/source.h \
  %D%/stats.c %D%/stats.h \
  %D%/trace.c %D%/trace.h \
  %D%/formats/aiperf.c \
  %D%/formats/azure.c \
  %D%/formats/bailian.c \
  %D%/formats/benchmark.c \
  %D%/formats/binary.c %D%/formats/binary.h %D%/formats/binary_read.c \
  %D%/formats/burstgpt.c \
  %D%/formats/columns.c %D%/formats/columns.h \
  %D%/formats/llmservingsim.c \
  %D%/formats/mooncake.c \
  %D%/formats/run_result.c \
  %D%/formats/spillway.c \
  %D%/formats/splitwise.c \
  %D%/formats/steps.c \
  %D%/formats/vidur.c

tracesdir = $(pkgdatadir)/traces
dist_traces_DATA = \
  %D%/shipped/README.md \
  %D%/shipped/chat-hour.csv \
  %D%/shipped/chat-turns.jsonl \
  %D%/shipped/code-hour.csv \
  %D%/shipped/demo.csv \
  %D%/shipped/study-burst.csv
