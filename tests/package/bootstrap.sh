#!/usr/bin/env bash
# ./bootstrap configures again when something that configure went on without has come since: on a tree whose
# configure and make only say what they were asked.
number=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/tree" "$folder/bin"
cp "$SPILLWAY_SRCDIR/bootstrap" "$folder/tree/"

# usage: check NAME COMMAND...
check()
{
  local name=$1 verdict=ok
  shift
  "$@" >"$folder/found" 2>&1 || verdict="not ok"
  echo "$verdict $((++number)) - $name"
  [ "$verdict" = ok ] || sed 's/^/# /' "$folder/found" "$folder/said"
}

# usage: tool NAME LINE...    a program that does this
tool()
{
  local name=$1
  shift
  printf '%s\n' '#!/bin/sh' "$@" >"$folder/bin/$name"
  chmod +x "$folder/bin/$name"
}

for name in cat chmod dirname env find getconf grep head mkdir rm sed sh tail touch true uname; do
  ln -s "$(command -v $name)" "$folder/bin/"
done
for name in autoconf automake bash cc gcc help2man make pkg-config python3; do
  tool $name 'cat >/dev/null' 'exit 0'
done
cat >"$folder/tree/configure" <<'CONFIGURE'
#!/bin/sh
echo "$* $MARK" >>../called
found='#'
[ -z "${USEFUL-}" ] || ! command -v g++ >/dev/null || found=
printf '#!/bin/sh\nexec ../configure "$@"\nS["HAVE_CXX_TRUE"]="%s"\n' "$found" >config.status
chmod +x config.status
touch Makefile spillway
CONFIGURE
chmod +x "$folder/tree/configure"

# usage: bootstrap WORD MARK    configure writes MARK into the tree's file `called`
bootstrap()
{
  PATH=$folder/bin MARK=$2 CC=gcc CXX=g++ sh "$folder/tree/bootstrap" "$1" >"$folder/said" 2>&1
}

# usage: called TEXT    all that configure was asked so far
called()
{
  [ "$(tr -s '\n ' ';' <"$folder/tree/called")" = "$1" ] || { cat "$folder/tree/called"; false; }
}

bootstrap demo first
check "configured once" called ";first;"
bootstrap demo second
check "and not again while nothing has come" called ";first;"
tool g++ 'exit 0'
export USEFUL=1
bootstrap check third
check "again when a compiler has come" called ";first;--recheck;third;"
check "which is said" grep "configuring again in .*/build, now with: g++" "$folder/said"
bootstrap check fourth
check "and then no more" called ";first;--recheck;third;"

rm -rf "$folder/tree/build" "$folder/tree/called"
unset USEFUL
bootstrap check old
check "a compiler of no use" called ";old;"
bootstrap check old
check "is tried once" called ";old;"
rm "$folder/tree/build/bootstrap.had"
bootstrap check hand
bootstrap check hand
check "and once where the folder was configured by hand" called ";old;--recheck;hand;"

check "nothing is said of tests that were skipped where none was" sh -c '! grep skipped "$1"' - "$folder/said"
tool make 'cat >/dev/null' 'mkdir -p tests/unit' 'echo ":test-result: SKIP page # SKIP chromium was not found" >tests/report.trs' \
  'printf ":test-result: %s 1\n" PASS SKIP >tests/unit/import.trs'
tool gnuplot 'exit 0'
bootstrap check skips
check "how many tests were skipped is said" grep "==> 2 tests were skipped" "$folder/said"
check "with the programs that they lack" grep "'./bootstrap packages' installs: xz-utils .*chromium" "$folder/said"
echo "1..$number"
