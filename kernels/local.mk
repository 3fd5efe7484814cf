# The CPU references are always built; the kernels where there is CUDA. A program that links the
# library for a reference alone takes no kernel from it, and needs no CUDA.
noinst_LIBRARIES += libspillway-kernels.a
libspillway_kernels_a_SOURCES = \
  %D%/attention.h %D%/attention_reference.c %D%/device.h %D%/dtype.h %D%/gemm.h \
  %D%/kv_copy.h %D%/kv_copy_reference.c %D%/paged_kv.h %D%/sampling.h %D%/transformer.h
EXTRA_DIST += %D%/kv_copy.cu

if HAVE_CUDA
libspillway_kernels_a_SOURCES += \
  %D%/kv_copy.cu
%D%/kv_copy.$(OBJEXT): $(top_srcdir)/%D%/kv_copy.h $(top_srcdir)/%D%/device.h $(top_srcdir)/%D%/dtype.h
endif
