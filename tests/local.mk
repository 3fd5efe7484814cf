# A test is a program %D%/test-NAME from one file of that name, or a script; each prints TAP.
module_tests = \
  %D%/test-against \
  %D%/test-import \
  %D%/test-invariants \
  %D%/test-metrics \
  %D%/test-model \
  %D%/test-profile \
  %D%/test-profile-cost \
  %D%/test-report \
  %D%/test-roofline \
  %D%/test-roofline-tables \
  %D%/test-stored \
  %D%/test-trace-binary \
  %D%/test-trace-verb \
  %D%/test-traces
script_tests = \
  %D%/accuracy.py \
  %D%/bad-input.py \
  %D%/cli.py \
  %D%/completion.sh \
  %D%/explain.py \
  %D%/fuzz.py \
  %D%/man.sh \
  %D%/outputs.py \
  %D%/perfetto.py \
  %D%/poster.py \
  %D%/profile.py \
  %D%/report.py \
  %D%/sweep.py
check_PROGRAMS += $(module_tests)
TESTS += $(module_tests) $(script_tests)
EXTRA_DIST += $(script_tests) %D%/spillway_test.py %D%/browser.py %D%/bare-debian %D%/without-cuda.sh %D%/without-python

# Calibration
check_PROGRAMS += %D%/test-calibration
TESTS += %D%/test-calibration
%C%_test_calibration_SOURCES = %D%/test-calibration.c %D%/synthetic_device.c %D%/synthetic_device.h

# Kernels
check_PROGRAMS += %D%/test-kv-copy
TESTS += %D%/test-kv-copy
%C%_test_kv_copy_SOURCES = %D%/test-kv-copy.c %D%/kv_copy_cases.c %D%/kv_copy_cases.h
%C%_test_kv_copy_LDADD = libspillway-kernels.a $(LDADD)

if HAVE_CUDA
check_PROGRAMS += %D%/test-kv-copy-gpu
TESTS += %D%/test-kv-copy-gpu
%C%_test_kv_copy_gpu_SOURCES = %D%/test-kv-copy-gpu.c %D%/kv_copy_cases.c %D%/kv_copy_cases.h
%C%_test_kv_copy_gpu_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_test_kv_copy_gpu_LDADD = libspillway-kernels.a $(CUDA_LIBS) $(LDADD)
else
TESTS += %D%/without-cuda.sh
endif
