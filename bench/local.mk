# `make bench` prints figures and judges nothing; it is no test. BENCH_SIZE=10000000 takes some ten minutes, the
# default a minute or two. `make bench-doc` does the same and puts the figures and the plot into doc/performance.md.
BENCH_SIZE = 100000
BENCH_REPEATS =
BENCH_DEVICE =
BENCH_PROFILE =
BENCH_PARTS =
BENCH_TRACES =
BENCH_SHARED =
bench_scripts = %D%/accuracy.py %D%/bench.py %D%/combinations.py %D%/copy.py %D%/measure.py %D%/parts.py %D%/policies.py %D%/to_doc.py
EXTRA_DIST += $(bench_scripts) %D%/growth.gnuplot %D%/validation_table.py

# make bench/mapped && bench/mapped bench/out/chat-10000000.bin: reading against mapping (doc/performance.md)
EXTRA_PROGRAMS += %D%/mapped
%C%_mapped_SOURCES = %D%/mapped.c
CLEANFILES += %D%/out/*

bench: spillway$(EXEEXT)
	$(AM_V_at)if test -z '$(PYTHON)'; then echo 'make bench needs python3, which configure did not find' >&2; exit 1; fi
	$(AM_V_at)$(MKDIR_P) %D%/out && \
	  SPILLWAY=$(abs_top_builddir)/spillway BENCH_SIZE='$(BENCH_SIZE)' BENCH_REPEATS='$(BENCH_REPEATS)' \
	  BENCH_DEVICE='$(BENCH_DEVICE)' BENCH_PROFILE='$(BENCH_PROFILE)' BENCH_PARTS='$(BENCH_PARTS)' BENCH_OUT=%D%/out $(PYTHON) -B $(srcdir)/%D%/bench.py
	$(AM_V_at)if command -v gnuplot >/dev/null; then \
	    script=`cd $(srcdir)/%D% && pwd`/growth.gnuplot && cd %D%/out && \
	    gnuplot -e "out='growth.svg'" $$script && gnuplot -e "out='growth.png'" $$script && echo 'drawn: growth.svg, growth.png'; \
	  else echo 'not drawn: gnuplot (Debian: gnuplot-nox) is not installed'; fi

bench-doc: bench
	$(AM_V_at)$(PYTHON) -B $(srcdir)/%D%/to_doc.py %D%/out/figures.md $(srcdir)/doc/performance.md && \
	  cp %D%/out/growth.svg $(srcdir)/doc/performance-growth.svg

# The tables and the picture of doc/policies.md, from what %D%/out has, and what is missing there.
policies-doc: spillway$(EXEEXT)
	$(AM_V_at)$(MKDIR_P) %D%/out && traces='$(BENCH_TRACES)' && \
	  SPILLWAY=$(abs_top_builddir)/spillway BENCH_OUT=%D%/out BENCH_TRACES="$$traces" $(PYTHON) -B $(srcdir)/%D%/policies.py \
	    map traces claims regret gap picture $${traces:+public} $(srcdir)/doc/policies.md && \
	  cp %D%/out/policies.png $(srcdir)/doc/policies.png

# The tables and the picture of doc/accuracy.md, likewise. BENCH_SHARED is the folder with servers/points.csv and data/profiles.
accuracy-doc: spillway$(EXEEXT)
	$(AM_V_at)if test -z '$(BENCH_SHARED)'; then echo 'make accuracy-doc needs BENCH_SHARED, the folder with servers/points.csv and data/profiles' >&2; exit 1; fi
	$(AM_V_at)$(MKDIR_P) %D%/out && \
	  SPILLWAY=$(abs_top_builddir)/spillway BENCH_OUT=%D%/out BENCH_SHARED='$(BENCH_SHARED)' $(PYTHON) -B $(srcdir)/%D%/accuracy.py \
	    runs servers groups latency doubts loads worst held picture $(srcdir)/doc/accuracy.md && \
	  cp %D%/out/accuracy.png $(srcdir)/doc/accuracy.png

.PHONY: accuracy-doc bench bench-doc policies-doc
