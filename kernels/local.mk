# The CPU references are always built; the kernels where there is CUDA. A program that links the
# library for a reference alone takes no kernel from it, and needs no CUDA.
noinst_LIBRARIES += libspillway-kernels.a
libspillway_kernels_a_SOURCES = \
  %D%/attention.h %D%/attention_kernels.h %D%/attention_layout.h %D%/attention_merge.h \
  %D%/attention_device.c %D%/attention_reference.c \
  %D%/decode_plan.c %D%/decode_plan.h %D%/prefill_copies_sm90.h %D%/prefill_plan.c %D%/prefill_plan.h \
  %D%/cuda_status.h %D%/device.h %D%/device_sm90.h %D%/vector.h \
  %D%/dtype.h \
  %D%/gemm.h %D%/gemm_reference.c \
  %D%/kv_copy.h %D%/kv_copy_reference.c \
  %D%/paged_kv.h %D%/paged_kv_reference.c \
  %D%/sampling.h %D%/sampling_reference.c \
  %D%/timing.h %D%/timing_statistics.c \
  %D%/transformer.h %D%/transformer_reference.c \
  %D%/without.c %D%/without.h %D%/work_cut.c %D%/work_cut.h
EXTRA_DIST += $(cuda_kernels)

# Every kernel depends on every header here: they are few, and a kernel that is not built anew after
# a header's change is worse than one that is built once too often.
cuda_kernels = \
  %D%/attention.cu \
  %D%/attention_decode.cu \
  %D%/attention_merge.cu \
  %D%/attention_prefill.cu \
  %D%/attention_prefill_sm90.cu \
  %D%/gemm.cu \
  %D%/kv_copy.cu \
  %D%/kv_copy_methods.cu \
  %D%/norm.cu \
  %D%/paged_kv.cu \
  %D%/sampling.cu \
  %D%/stream.cu \
  %D%/timing.cu \
  %D%/transformer.cu
kernel_headers = \
  %D%/attention.h %D%/attention_kernels.h %D%/attention_layout.h %D%/attention_merge.h %D%/cuda_status.h %D%/decode_plan.h \
  %D%/prefill_copies_sm90.h %D%/prefill_plan.h %D%/device.h %D%/device_sm90.h %D%/dtype.h %D%/gemm.h %D%/kv_copy.h \
  %D%/paged_kv.h %D%/sampling.h %D%/timing.h %D%/transformer.h %D%/vector.h %D%/without.h %D%/work_cut.h

# Random cases of the kernels and what they should give: for the self-check and for tests.
noinst_LIBRARIES += libspillway-cases.a
libspillway_cases_a_SOURCES = \
  %D%/check/attention_cases.c %D%/check/attention_cases.h \
  %D%/check/comparison.c %D%/check/comparison.h \
  %D%/check/half_floats.c %D%/check/half_floats.h \
  %D%/check/kv_copy_cases.c %D%/check/kv_copy_cases.h \
  %D%/check/parallel.c %D%/check/parallel.h \
  %D%/check/random_data.c %D%/check/random_data.h

# The self-check: for spillway-gpu, and with an emulator in CUDA's place for tests.
attention_device = \
  %D%/check/attention_device.c %D%/check/attention_device.h \
  %D%/check/check_memory.c %D%/check/check_memory.h
check_sources = $(attention_device) \
  %D%/check/check.c %D%/check/check.h \
  %D%/check/check_attention.c \
  %D%/check/check_gemm.c \
  %D%/check/check_kv_copy.c \
  %D%/check/check_kv_write.c \
  %D%/check/check_norm.c \
  %D%/check/check_rows.c \
  %D%/check/check_sampling.c \
  %D%/check/check_stream.c \
  %D%/check/gpu_report.c %D%/check/gpu_report.h \
  %D%/check/row_shapes.c %D%/check/row_shapes.h \
  %D%/check/speed.c %D%/check/speed.h \
  %D%/check/speed_attention.c \
  %D%/check/speed_ceilings.c \
  %D%/check/speed_gemm.c \
  %D%/check/speed_kv_copy.c \
  %D%/check/speed_rows.c
EXTRA_DIST += $(check_sources)

if HAVE_CUDA
noinst_LIBRARIES += libspillway-check.a
libspillway_check_a_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
libspillway_check_a_SOURCES = $(check_sources)
libspillway_kernels_a_SOURCES += $(cuda_kernels)
$(cuda_kernels:.cu=.$(OBJEXT)): $(kernel_headers)
CLEANFILES += $(cuda_kernels:.cu=.$(OBJEXT).ptxas)
endif
