# SPILLWAY_MPI: --with-mpi[=auto|no], the conditional HAVE_MPI, MPI_CFLAGS and MPI_LIBS.
#
# Compiled with $CC and the flags that the compiler wrapper tells, so that one compiler builds all of
# the program. A program is linked as proof. Asked for and absent is an error.
AC_DEFUN([SPILLWAY_MPI],
[AC_ARG_WITH([mpi],
  [AS_HELP_STRING([--with-mpi@<:@=auto|no@:>@],
    [let `mpirun spillway sweep` use many machines (default: no; auto: where MPI is found)])],
  [], [with_mpi=no])
AC_ARG_VAR([MPICC], [MPI's compiler wrapper, asked for its flags])
spillway_mpi_problem=
MPI_CFLAGS=
MPI_LIBS=
AS_CASE([$with_mpi],
  [no], [spillway_mpi_problem="--with-mpi was not given"],
  [yes|auto], [AC_CHECK_PROGS([MPICC], [mpicc])
    AS_IF([test -z "$MPICC"], [spillway_mpi_problem="mpicc was not found (Debian: libopenmpi-dev openmpi-bin)"],
      [_SPILLWAY_MPI_PROBE])],
  [AC_MSG_ERROR([--with-mpi: found '$with_mpi', expected yes, auto or no])])
AS_IF([test -z "$spillway_mpi_problem"],
  [spillway_mpi_summary="yes, by $MPICC"],
  [spillway_mpi_summary="no: $spillway_mpi_problem"
   AS_CASE([$with_mpi],
     [yes], [AC_MSG_ERROR([--with-mpi was asked for, and $spillway_mpi_problem])],
     [auto], [AC_MSG_NOTICE([built without MPI: $spillway_mpi_problem])])])
AM_CONDITIONAL([HAVE_MPI], [test -z "$spillway_mpi_problem"])
AC_SUBST([MPI_CFLAGS])
AC_SUBST([MPI_LIBS])
])

# Open MPI's wrapper tells its flags by --showme, MPICH's by -compile_info and -link_info.
AC_DEFUN([_SPILLWAY_MPI_PROBE],
[AS_IF([MPI_CFLAGS=`$MPICC --showme:compile 2>/dev/null`],
  [MPI_LIBS=`$MPICC --showme:link 2>/dev/null`],
  [MPI_CFLAGS=`$MPICC -compile_info 2>/dev/null | sed 's/^@<:@^ @:>@* //; s/ -c @<:@^ @:>@*//'`
   MPI_LIBS=`$MPICC -link_info 2>/dev/null | sed 's/^@<:@^ @:>@* //'`])
AC_MSG_CHECKING([whether $CC compiles and links MPI as $MPICC does])
spillway_save_CPPFLAGS=$CPPFLAGS
spillway_save_LIBS=$LIBS
CPPFLAGS="$CPPFLAGS $MPI_CFLAGS"
LIBS="$MPI_LIBS $LIBS"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <mpi.h>]], [[return MPI_Init(0, 0)]])],
  [AC_MSG_RESULT([yes])],
  [AC_MSG_RESULT([no])
   spillway_mpi_problem="$CC cannot link what $MPICC links (config.log says why)"])
CPPFLAGS=$spillway_save_CPPFLAGS
LIBS=$spillway_save_LIBS
])
