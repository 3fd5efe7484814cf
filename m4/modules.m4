# SPILLWAY_MODULES(PREFIX, [[MODULE], [DEBIAN-PACKAGE]]...)
#
# PKG_CHECK_MODULES for all of them at once, into PREFIX_CFLAGS and PREFIX_LIBS. Where some are
# missing, the error names all of these with the Debian packages that supply them.
m4_ifndef([PKG_PROG_PKG_CONFIG],
  [m4_fatal([pkg.m4 was not found: install pkg-config (Debian: pkgconf)])])

AC_DEFUN([SPILLWAY_MODULES],
[PKG_PROG_PKG_CONFIG
AS_IF([test -z "$PKG_CONFIG"],
  [AC_MSG_ERROR([pkg-config was not found (Debian: apt-get install pkgconf)])])
spillway_missing=
spillway_packages=
m4_foreach([module], [m4_shift($@)],
  [_SPILLWAY_MODULE(module)])
AS_IF([test -n "$spillway_missing"],
  [AC_MSG_ERROR([not found, or too old:$spillway_missing
On Debian and Ubuntu: apt-get install$spillway_packages])])
PKG_CHECK_MODULES([$1], m4_dquote(_SPILLWAY_MODULE_NAMES(m4_shift($@))))
])

# _SPILLWAY_MODULE(MODULE, DEBIAN-PACKAGE)
m4_define([_SPILLWAY_MODULE],
[PKG_CHECK_EXISTS([$1], [],
  [spillway_missing="$spillway_missing
  $1 (Debian: $2)"
   spillway_packages="$spillway_packages $2"])
])

# _SPILLWAY_MODULE_NAMES([[MODULE], [DEBIAN-PACKAGE]]...): the modules, with spaces between
m4_define([_SPILLWAY_MODULE_NAMES],
[m4_foreach([module], [$@], [_SPILLWAY_FIRST(module) ])])
m4_define([_SPILLWAY_FIRST], [$1])
