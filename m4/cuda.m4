# SPILLWAY_CUDA: --with-cuda[=DIR|no], the conditional HAVE_CUDA, and NVCC, NVCC_GENCODE,
# CUDA_DIR, CUDA_CPPFLAGS, CUDA_LIBS.
#
# An nvcc that is there proves little: its host compiler may be missing, too new for it, or its
# libraries elsewhere. So a kernel that needs both architectures is compiled and linked, with the
# C linker and cuBLASLt, as the real ones are. Asked for and absent is an error; guessed and
# absent is a note.
AC_DEFUN([SPILLWAY_CUDA],
[AC_ARG_WITH([cuda],
  [AS_HELP_STRING([--with-cuda@<:@=DIR|no@:>@],
    [build the GPU kernels with the CUDA toolkit in DIR (default: where one is found in PATH or /usr/local/cuda)])],
  [], [with_cuda=guess])
AC_ARG_VAR([NVCC], [CUDA compiler])
AC_ARG_VAR([NVCCFLAGS], [CUDA compiler flags])
: ${NVCCFLAGS=-O3 -lineinfo}

# Once an architecture. The PTX, for GPUs still to come, is that of compute_90: compute_90a's runs
# on nothing but compute capability 9.0.
NVCC_GENCODE="-gencode arch=compute_80,code=sm_80"
NVCC_GENCODE="$NVCC_GENCODE -gencode arch=compute_90a,code=sm_90a"
NVCC_GENCODE="$NVCC_GENCODE -gencode arch=compute_90,code=compute_90"

spillway_cuda_problem=
AS_CASE([$with_cuda],
  [no], [spillway_cuda_problem="--without-cuda"],
  [yes|guess], [AC_PATH_PROG([NVCC], [nvcc], [], [$PATH$PATH_SEPARATOR/usr/local/cuda/bin])],
  [AC_PATH_PROG([NVCC], [nvcc], [], [$with_cuda/bin])])
AS_IF([test -z "$spillway_cuda_problem" && test -z "$NVCC"],
  [spillway_cuda_problem="nvcc was not found"])
AS_IF([test -z "$spillway_cuda_problem"],
  [_SPILLWAY_CUDA_PLACES
   _SPILLWAY_CUDA_PROBE])

AS_IF([test -z "$spillway_cuda_problem"],
  [spillway_cuda_summary="$NVCC, sm_80 and sm_90a"],
  [spillway_cuda_summary="no: $spillway_cuda_problem"
   AS_CASE([$with_cuda],
     [no], [],
     [guess], [AC_MSG_NOTICE([the GPU kernels are left out: $spillway_cuda_problem])],
     [AC_MSG_ERROR([--with-cuda=$with_cuda was asked for, and $spillway_cuda_problem])])])
AM_CONDITIONAL([HAVE_CUDA], [test -z "$spillway_cuda_problem"])
AC_SUBST([NVCC_GENCODE])
AC_SUBST([CUDA_DIR])
AC_SUBST([CUDA_CPPFLAGS])
AC_SUBST([CUDA_LIBS])
])

# CUDA_DIR is nvcc's toolkit; its libraries are named by place where it is no system folder.
AC_DEFUN([_SPILLWAY_CUDA_PLACES],
[CUDA_DIR=`AS_DIRNAME(["$NVCC"])`
CUDA_DIR=`AS_DIRNAME(["$CUDA_DIR"])`
CUDA_CPPFLAGS=
CUDA_LIBS="-lcudart_static -lcublasLt -lcublas -lstdc++ -lpthread -ldl -lrt"
AS_IF([test "$CUDA_DIR" != /usr], [CUDA_CPPFLAGS="-I$CUDA_DIR/include"])
for spillway_libdir in "$CUDA_DIR/lib64" "$CUDA_DIR/lib"; do
  AS_IF([test "$CUDA_DIR" != /usr && test -f "$spillway_libdir/libcudart_static.a"],
    [CUDA_LIBS="-L$spillway_libdir -Wl,-rpath,$spillway_libdir $CUDA_LIBS"
     break])
done
])

# Sets spillway_cuda_problem where the probe does not compile or link; config.log has the reason.
AC_DEFUN([_SPILLWAY_CUDA_PROBE],
[AC_MSG_CHECKING([whether $NVCC compiles for sm_80 and sm_90a, and $CC links it])
cat > conftest.cu <<'PROBE'
#include <cublasLt.h>
#include <cuda_runtime.h>

__global__ void
probe(const float4 *in, float4 *out)
{
  __shared__ float4 tile[[32]];
  unsigned place = (unsigned)__cvta_generic_to_shared(&tile[[threadIdx.x]]);

  asm volatile("cp.async.cg.shared.global [[%0]], [[%1]], 16;" ::"r"(place), "l"(&in[[threadIdx.x]]));
  asm volatile("cp.async.wait_all;");
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile("wgmma.fence.sync.aligned;");
#endif
  out[[threadIdx.x]] = tile[[threadIdx.x]];
}

extern "C" int
launch_probe(const void *in, void *out)
{
  cublasLtHandle_t handle;

  if (cublasLtCreate(&handle) != CUBLAS_STATUS_SUCCESS)
    return 1;
  probe<<<1, 32>>>((const float4 *)in, (float4 *)out);
  cublasLtDestroy(handle);
  return cudaGetLastError() != cudaSuccess;
}
PROBE
spillway_save_LIBS=$LIBS
LIBS="conftest_probe.o $CUDA_LIBS $LIBS"
AS_IF([! AC_TRY_COMMAND([$NVCC $NVCC_GENCODE $NVCCFLAGS -c -o conftest_probe.o conftest.cu >&AS_MESSAGE_LOG_FD 2>&1])],
  [spillway_cuda_problem="$NVCC cannot compile for sm_80 and sm_90a (config.log says why)"],
  [AC_LINK_IFELSE([AC_LANG_PROGRAM([int launch_probe(const void *in, void *out);],
                                   [return launch_probe(0, 0)])], [],
     [spillway_cuda_problem="$CC cannot link $CUDA_LIBS (config.log says why)"])])
LIBS=$spillway_save_LIBS
rm -f conftest.cu conftest_probe.o
AS_IF([test -z "$spillway_cuda_problem"], [AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no])])
])
