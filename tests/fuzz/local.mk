# Inputs of all kinds that may hold anything: those that were kept, tried by every `make check`, and new ones, which
# `make fuzz` looks for by coverage (clang and its libFuzzer), FUZZ_SECONDS for each reader.
fuzz_sources = %D%/reader.c %D%/reader.h %D%/edits.c %D%/edits.h \
  %D%/options.c %D%/options.h
check_PROGRAMS += %D%/try-kept
TESTS += %D%/try-kept
%C%_try_kept_SOURCES = %D%/try-kept.c $(fuzz_sources)

EXTRA_PROGRAMS += %D%/libfuzzer
%C%_libfuzzer_SOURCES = %D%/libfuzzer.c $(fuzz_sources)
%C%_libfuzzer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

FUZZ_SECONDS = 60
fuzz:
	bash $(srcdir)/%D%/run $(FUZZ_SECONDS)
.PHONY: fuzz

EXTRA_DIST += %D%/run %D%/keep %D%/corpus.tar.gz %D%/seeds %D%/small.ini %D%/uncovered
dist-hook:
	cp -R $(srcdir)/tests/fuzz/kept $(distdir)/tests/fuzz/
