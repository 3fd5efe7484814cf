# The CPU references are always built; the kernels where there is CUDA. A program that links the
# library for a reference alone takes no kernel from it, and needs no CUDA.
noinst_LIBRARIES += libspillway-kernels.a
libspillway_kernels_a_SOURCES = \
  %D%/attention.h %D%/attention_kernels.h %D%/attention_reference.c \
  %D%/decode_plan.c %D%/decode_plan.h %D%/prefill_copies_sm90.h %D%/prefill_plan.c %D%/prefill_plan.h \
  %D%/cuda_status.h %D%/device.h %D%/device_sm90.h %D%/vector.h \
  %D%/dtype.h \
  %D%/gemm.h %D%/gemm_reference.c \
  %D%/kv_copy.h %D%/kv_copy_reference.c \
  %D%/paged_kv.h %D%/paged_kv_reference.c \
  %D%/sampling.h %D%/sampling_reference.c \
  %D%/timing.h %D%/timing_statistics.c \
  %D%/transformer.h %D%/transformer_reference.c
EXTRA_DIST += $(cuda_kernels)

# Every kernel depends on every header here: they are few, and a kernel that is not built anew after
# a header's change is worse than one that is built once too often.
cuda_kernels = \
  %D%/attention.cu \
  %D%/attention_decode.cu \
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
  %D%/attention.h %D%/attention_kernels.h %D%/cuda_status.h %D%/decode_plan.h \
  %D%/prefill_copies_sm90.h %D%/prefill_plan.h %D%/device.h %D%/device_sm90.h %D%/dtype.h %D%/gemm.h %D%/kv_copy.h \
  %D%/paged_kv.h %D%/sampling.h %D%/timing.h %D%/transformer.h %D%/vector.h

if HAVE_CUDA
libspillway_kernels_a_SOURCES += $(cuda_kernels)
$(cuda_kernels:.cu=.$(OBJEXT)): $(kernel_headers)
CLEANFILES += $(cuda_kernels:.cu=.$(OBJEXT).ptxas)
endif
