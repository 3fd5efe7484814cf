# The CPU references are always built; the kernels where there is CUDA. A program that links the
# library for a reference alone takes no kernel from it, and needs no CUDA.
noinst_LIBRARIES += libspillway-kernels.a
libspillway_kernels_a_SOURCES = \
  %D%/attention.h %D%/attention_kernels.h %D%/attention_reference.c %D%/decode_plan.c \
  %D%/decode_plan.h %D%/device.h %D%/dtype.h %D%/gemm.h \
  %D%/kv_copy.h %D%/kv_copy_reference.c %D%/paged_kv.h %D%/prefill_plan.c %D%/prefill_plan.h \
  %D%/sampling.h %D%/transformer.h
kernel_sources = \
  %D%/attention.cu %D%/attention_decode.cu %D%/attention_prefill.cu \
  %D%/attention_prefill_sm90.cu %D%/kv_copy.cu
EXTRA_DIST += $(kernel_sources)

if HAVE_CUDA
libspillway_kernels_a_SOURCES += $(kernel_sources)
kernel_headers = $(top_srcdir)/%D%/device.h $(top_srcdir)/%D%/dtype.h
attention_headers = $(kernel_headers) \
  $(top_srcdir)/%D%/attention.h $(top_srcdir)/%D%/attention_kernels.h \
  $(top_srcdir)/%D%/decode_plan.h $(top_srcdir)/%D%/paged_kv.h $(top_srcdir)/%D%/prefill_plan.h
%D%/attention.$(OBJEXT): $(attention_headers)
%D%/attention_decode.$(OBJEXT): $(attention_headers)
%D%/attention_prefill.$(OBJEXT): $(attention_headers)
%D%/attention_prefill_sm90.$(OBJEXT): $(attention_headers)
%D%/kv_copy.$(OBJEXT): $(kernel_headers) $(top_srcdir)/%D%/kv_copy.h
endif
