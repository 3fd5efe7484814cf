# SPILLWAY_FLAGS(VARIABLE, FLAGS): those of FLAGS that the C compiler knows, into VARIABLE.
AC_DEFUN([SPILLWAY_FLAGS],
[AC_MSG_CHECKING([which flags for $1 the compiler knows])
spillway_cflags=$CFLAGS
$1=
spillway_unknown=
for spillway_flag in m4_normalize([$2]); do
  CFLAGS="-Werror $spillway_flag"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
    [$1="$$1 $spillway_flag"], [spillway_unknown="$spillway_unknown $spillway_flag"])
done
CFLAGS=$spillway_cflags
AC_MSG_RESULT([all${spillway_unknown:+ but$spillway_unknown}])
AC_SUBST([$1])
])

# SPILLWAY_WARNINGS: WARN_CFLAGS. What is nearly always a bug is an error; the rest of -Wall and
# -Wextra warns, so that a new compiler's new opinion does not stop anybody's build.
AC_DEFUN([SPILLWAY_WARNINGS],
[SPILLWAY_FLAGS([WARN_CFLAGS], [
  -Wall -Wextra -Wwrite-strings
  -Werror=undef -Werror=missing-prototypes -Werror=strict-prototypes -Werror=old-style-definition
  -Werror=shadow -Werror=implicit -Werror=implicit-fallthrough -Werror=return-type
  -Werror=incompatible-pointer-types -Werror=int-conversion -Werror=discarded-qualifiers
  -Werror=incompatible-pointer-types-discards-qualifiers
  -Werror=format=2 -Werror=init-self -Werror=pointer-arith -Werror=redundant-decls
  -Werror=switch -Werror=uninitialized -Werror=unused-result -Werror=vla
  -Wno-error=maybe-uninitialized
  -Wno-format-nonliteral -Wno-missing-field-initializers -Wno-unused-parameter])
])

# SPILLWAY_SANITIZERS: --enable-sanitizers, SANITIZER_CFLAGS for compiling and linking.
AC_DEFUN([SPILLWAY_SANITIZERS],
[AC_ARG_ENABLE([sanitizers],
  [AS_HELP_STRING([--enable-sanitizers],
    [check every memory access and undefined behaviour at run time (ASan, UBSan); the first finding ends the program])],
  [], [enable_sanitizers=no])
SANITIZER_CFLAGS=
AS_IF([test "$enable_sanitizers" != no],
  [SANITIZER_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
   spillway_cflags=$CFLAGS
   CFLAGS="$CFLAGS $SANITIZER_CFLAGS"
   AC_MSG_CHECKING([whether the compiler links $SANITIZER_CFLAGS])
   AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      AC_MSG_ERROR([--enable-sanitizers was asked for, and $CC cannot link with $SANITIZER_CFLAGS])])
   CFLAGS=$spillway_cflags])
AC_SUBST([SANITIZER_CFLAGS])
])

# SPILLWAY_CXX: the conditional HAVE_CXX. Only tests are C++: the GPU kernels compiled for the CPU.
AC_DEFUN([SPILLWAY_CXX],
[AC_REQUIRE([AC_PROG_CXX])
AC_LANG_PUSH([C++])
spillway_cxxflags=$CXXFLAGS
CXXFLAGS="$CXXFLAGS -std=c++20"
AC_MSG_CHECKING([whether $CXX compiles C++20])
AC_COMPILE_IFELSE(
  [AC_LANG_PROGRAM([[#include <ucontext.h>
#include <functional>
struct Pair { int first, second; };]],
    [[Pair pair = {.first = 1, .second = 2};
std::function<int()> sum = [=] { return pair.first + pair.second; };
return sum();]])],
  [spillway_have_cxx=yes
   spillway_cxx_summary="tested in an emulator ($CXX)"],
  [spillway_have_cxx=no
   spillway_cxx_summary="no: no C++20 compiler (Debian: g++)"])
AC_MSG_RESULT([$spillway_have_cxx])
CXXFLAGS=$spillway_cxxflags
AC_LANG_POP([C++])
AM_CONDITIONAL([HAVE_CXX], [test $spillway_have_cxx = yes])
])
