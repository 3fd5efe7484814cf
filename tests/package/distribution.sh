#!/usr/bin/env bash
# `make dist` makes the same bytes every time, whoever runs it and whenever, and a tree that is unpacked from an
# archive makes that archive again. One version stands everywhere.
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL SOURCE_DATE_EPOCH TAR_OPTIONS
number=0
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
version=$(sed -n 's/^AC_INIT(\[spillway\], \[\([^]]*\)\].*/\1/p' "$SPILLWAY_SRCDIR/configure.ac")

# usage: check NAME COMMAND...
check()
{
  local name=$1 verdict=ok
  shift
  "$@" >"$folder/found" 2>&1 || verdict="not ok"
  echo "$verdict $((++number)) - $name"
  [ "$verdict" = ok ] || sed 's/^/# /' "$folder/found"
}

# usage: dist NAME UMASK    archives this build's tree as $folder/NAME.tar.xz, packed quickly
dist()
{
  mkdir "$folder/$1" &&
    (umask "$2" && XZ_OPT=-0 make -C "$SPILLWAY_BUILDDIR" dist distdir="$folder/$1/spillway-$version" </dev/null) &&
    mv "$folder/$1/spillway-$version.tar.xz" "$folder/$1.tar.xz"
}

if ! command -v xz >/dev/null; then
  echo "1..0 # SKIP xz was not found (Debian: xz-utils)"
  exit
fi
check "an archive" dist first 022
sleep 1
TZ=Pacific/Auckland check "another one, later, elsewhere, by one who hides files" dist second 077
check "has the same bytes" cmp "$folder/first.tar.xz" "$folder/second.tar.xz"
SOURCE_DATE_EPOCH=1000000000 check "one of another time" dist third 022
check "has others" sh -c "cmp '$folder/first.tar.xz' '$folder/third.tar.xz'; [ \$? = 1 ]"
tar --utc -tvJf "$folder/third.tar.xz" >"$folder/listed"
check "and that time in all its files" sh -c "grep -q /Makefile.in '$folder/listed' && ! grep -v ' 2001-09-09 01:46 ' '$folder/listed'"
check "the files are nobody's" sh -c "! grep -v '^[-d]rw[-x]r-[-x]r-[-x] root/root ' '$folder/listed'"
check "in order" sh -c "tar -tJf '$folder/first.tar.xz' | sed 's|/\$||' | tr / '\\001' | sort -c"

# What is for the repository alone begins with a dot.
left_out()
{
  git -C "$SPILLWAY_SRCDIR" ls-files | grep -v '^[.]' | sort >"$folder/kept"
  tar -tJf "$folder/first.tar.xz" | sed "s|^spillway-$version/||" | sort >"$folder/packed"
  comm -23 "$folder/kept" "$folder/packed" | sed 's/$/ is not in it/'
}
if [ -e "$SPILLWAY_SRCDIR/.git" ] && command -v git >/dev/null; then
  check "every file that is kept is in it" sh -c "[ -z '$(left_out)' ] || { echo '$(left_out)'; exit 1; }"
else
  echo "ok $((++number)) - every file that is kept is in it # SKIP no git, or no history"
fi

# Unpacked it has no history, and takes its time from its files.
mkdir "$folder/unpacked"
again()
{
  tar -xJf "$folder/first.tar.xz" -C "$folder/unpacked" && mkdir "$folder/unpacked/build" && cd "$folder/unpacked/build" &&
    "../spillway-$version/configure" -q --without-cuda --without-mpi &&
    XZ_OPT=-0 make dist
}
check "an archive of the unpacked tree" again
check "is the same archive" cmp "$folder/first.tar.xz" "$folder/unpacked/build/spillway-$version.tar.xz"

check "the program's version" sh -c "'$SPILLWAY' --version | grep -F ' $version'"
check "the newest news" sh -c "grep '^## ' '$SPILLWAY_SRCDIR/NEWS.md' | head -n 1 | grep '^## $version'"
check "the package's version" sh -c "head -n 1 '$SPILLWAY_SRCDIR/debian/changelog' | grep -F '($version)'"
echo "1..$number"
