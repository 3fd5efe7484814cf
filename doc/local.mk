# A man page a verb, made from the built program's --help and an include file that adds what --help
# has no room for. The NAME line's summary is the command table's, as `spillway --help` prints it.
man_includes = \
  %D%/man/spillway.h2m \
  %D%/man/spillway-run.h2m \
  %D%/man/spillway-compare.h2m \
  %D%/man/spillway-regret.h2m \
  %D%/man/spillway-live.h2m \
  %D%/man/spillway-validate.h2m \
  %D%/man/spillway-selfcheck.h2m \
  %D%/man/spillway-crossover.h2m \
  %D%/man/spillway-report.h2m \
  %D%/man/spillway-plot.h2m \
  %D%/man/spillway-capacity.h2m \
  %D%/man/spillway-servers.h2m \
  %D%/man/spillway-sweep.h2m \
  %D%/man/spillway-merge.h2m \
  %D%/man/spillway-explain.h2m \
  %D%/man/spillway-study.h2m \
  %D%/man/spillway-trace.h2m \
  %D%/man/spillway-profile.h2m \
  %D%/man/spillway-calibrate.h2m \
  %D%/man/spillway-model.h2m \
  %D%/man/spillway-list.h2m
EXTRA_DIST += $(man_includes) %D%/man/help \
  %D%/accuracy.md %D%/calibration.md %D%/dependencies.md %D%/design.md %D%/gpu.md %D%/imports.md %D%/kernels.md %D%/live.md %D%/models.md %D%/memory.md %D%/profiles.md %D%/results.md \
  %D%/report.md %D%/report.png %D%/policies.md %D%/policies.png %D%/accuracy.png \
  %D%/performance.md %D%/performance-growth.svg %D%/reliability.md %D%/devices.md %D%/traces.md %D%/engines.md \
  %D%/validation.md %D%/capacity.md %D%/servers.md %D%/parallel.md %D%/instances.md %D%/copies.md %D%/sweeps.md %D%/examples/memory.ini %D%/examples/capacity.ini %D%/examples/notebook.py %D%/examples/sweep.pbs %D%/examples/sweep.slurm \
  %D%/poster.md %D%/poster/figure2.svg %D%/poster/figure3.svg %D%/poster/figure4.svg %D%/poster/figure5.svg

if HAVE_HELP2MAN
man_pages = $(man_includes:.h2m=.1)
nodist_man1_MANS = $(man_pages)
CLEANFILES += $(man_pages)
$(man_pages): spillway$(EXEEXT) $(srcdir)/%D%/man/help

SUFFIXES += .h2m .1
.h2m.1:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	verb=`echo $(*F) | sed 's/^spillway-*//'` && \
	help="$(SHELL) $(srcdir)/doc/man/help ./spillway" && \
	summary=`$$help summary $$verb` && \
	$$help examples $$verb >$@.examples && \
	$(HELP2MAN) --no-info --section=1 --locale=C.UTF-8 --name="$$summary" \
	  --include=$< --include=$@.examples \
	  --source='Spillway $(VERSION)' --manual='Spillway manual' \
	  --version-string="$(*F) (Spillway) $(VERSION)" --output=$@ "$$help text $$verb" && \
	rm $@.examples
endif
