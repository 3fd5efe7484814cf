# Each kind of fault: what doc/reliability.md says of it. disk and clocks are libraries that are loaded before the program.
fault_tests = \
  %D%/clocks.py \
  %D%/databases.py \
  %D%/inputs.py \
  %D%/kills.py \
  %D%/leftovers.py \
  %D%/memory.py \
  %D%/outputs.py \
  %D%/power.py \
  %D%/strangers.py \
  %D%/surroundings.py \
  %D%/unwritable.py \
  %D%/writers.py
TESTS += $(fault_tests)
EXTRA_DIST += $(fault_tests) %D%/common.py
check_PROGRAMS += %D%/clocks.so %D%/disk.so
fault_cflags = -std=gnu17 -fPIC $(WARN_CFLAGS) $(STRICT_CFLAGS)
%C%_clocks_so_SOURCES = %D%/clocks.c
%C%_clocks_so_CFLAGS = $(fault_cflags)
%C%_clocks_so_LDFLAGS = -shared
%C%_clocks_so_LDADD = -ldl
%C%_disk_so_SOURCES = %D%/disk.c
%C%_disk_so_CFLAGS = $(fault_cflags)
%C%_disk_so_LDFLAGS = -shared
%C%_disk_so_LDADD = -ldl -lpthread
