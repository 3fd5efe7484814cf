#!/usr/bin/env bash
# The arrows of doc/design.md hold: files include and call only what the table under "The house" lets their
# folder use, and within a folder only the parts before their own; neither headers nor files that call each
# other make a circle; folders and sources stay small. That each check can fail is shown on a small tree that breaks it.
export LC_ALL=C
number=0
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# usage: check NAME EXPECTED COMMAND...    EXPECTED: what it prints
check()
{
  local name=$1 expected=$2 found verdict=ok
  shift 2
  found=$("$@" 2>&1)
  [ "$found" = "$expected" ] || verdict="not ok"
  echo "$verdict $((++number)) - $name"
  [ "$verdict" = ok ] || printf 'expected "%s", found:\n%s\n' "$expected" "$found" | sed 's/^/# /'
}

# usage: includes TREE    "FILE INCLUDED", a line for each include of a file of the tree
includes()
{
  (cd "$1" && find [a-z]*/ \( -name '*.[ch]' -o -name '*.cu' \) ! -path 'build*' ! -path 'tests/*' -print0 |
    sort -z | xargs -0 grep -H '^# *include "') | sed -n 's|^\([^:]*\):.*"\([^"]*\)".*|\1 \2|p' |
    while read -r file included; do
      if [ -e "$1/${file%/*}/$included" ]; then
        echo "$file ${file%/*}/$included"
      elif [ -e "$1/$included" ]; then
        echo "$file $included"
      fi
    done
}

# usage: calls TREE BUILD    "FILE CALLED", a line for two C files of which one calls the other
calls()
{
  (cd "$2" && find [a-z]*/ -name '*.o' ! -path 'tests/*' | sort | while read -r object; do
    [ ! -e "$1/${object%.o}.c" ] || echo "$object"
  done | xargs nm -A) | awk '
    { symbol = $NF; kind = $(NF - 1); sub("\\.o:.*", ".c", $1) }
    kind == "T" { home[symbol] = $1 }
    kind == "U" { use[++n] = $1; used[n] = symbol }
    END {
      for (i = 1; i <= n; i++)
        if (used[i] in home)
          print use[i], home[used[i]]
    }' | sort -u
}

# usage: ... | against_table TREE WORD    of the pairs that it reads, those that the table forbids
against_table()
{
  awk -v word="$2" '
    function folder(path) { sub("/.*", "", path); return path }
    FNR == NR && /^## / { house = /^## The house/ }
    FNR == NR && house && /^\| `[a-z]+\/` \|/ {
      split($0, columns, "|")
      from = folder(substr(columns[2], 3))
      known[from] = 1
      all[from] = columns[4] ~ /everything/
      for (n = split(columns[4], words, "`"); n > 1; n--)
        named[from, folder(words[n])] = 1
    }
    FNR == NR { next }
    {
      from = folder($1)
      to = folder($2)
      if (from == to || from == "bench")
        next
      if (!(from in known))
        print $1 ": doc/design.md has no folder " from "/"
      else if (all[from] == ((from, to) in named))
        print $1 " " word " " $2 ", and " from "/ may not use " to "/"
    }' "$1/doc/design.md" -
}

# usage: ... | against_order TREE WORD    of the pairs that it reads, those from a part to a later one
against_order()
{
  awk -v word="$2" '
    function folder(path) { sub("/.*", "", path); return path }
    function part(path) {
      if (!sub("/[^/]*$", "", path) || path !~ "/")
        return "its own files"
      sub("[^/]*/", "", path)
      return path "/"
    }
    FNR == NR && /^- `[a-z]+\/`: .*its own files/ {
      gsub("`", "")
      sub("\\.$", "")
      top = folder(substr($0, 3))
      sub("[^:]*: ", "")
      for (n = split($0, parts, ", "); n > 0; n--)
        place[top, parts[n]] = n
      ordered[top] = 1
    }
    FNR == NR { next }
    {
      top = folder($1)
      if (!(top in ordered) || folder($2) != top)
        next
      from = part($1)
      to = part($2)
      if (!((top, from) in place))
        print $1 ": doc/design.md gives " top "/ no part " from
      else if (place[top, to] > place[top, from])
        print $1 " " word " " $2 ", and " to " comes after " from
    }' "$1/doc/design.md" -
}

# usage: ... | circles    of the pairs that it reads, those in a circle
circles()
{
  tsort 2>&1 >/dev/null | sed 's/^tsort: //; s/^-: input contains a loop:$/a circle:/'
}

# usage: sources TREE    the sources and headers outside tests/, a line each
sources()
{
  (cd "$1" && find [a-z]*/ \( -name '*.[ch]' -o -name '*.cu' \) ! -path 'build*' ! -path 'tests/*' | sort)
}

# usage: large_folders TREE    a folder of more than thirty sources is two folders
large_folders()
{
  sources "$1" | grep -v '\.h$' | sed 's|/[^/]*$||' | sort | uniq -c | awk '$1 > 30 { print $2 "/ has " $1 " sources" }'
}

# usage: long_sources TREE
long_sources()
{
  sources "$1" | (cd "$1" && xargs awk 'FNR == 451 { print FILENAME " has more than 450 lines" }')
}

included_by_table() { includes "$1" | against_table "$1" includes; }
included_by_order() { includes "$1" | against_order "$1" includes; }
included_in_circles() { includes "$1" | grep '\.h .*\.h$' | circles; }
called_by_table() { calls "$1" "$2" | against_table "$1" calls; }
called_by_order() { calls "$1" "$2" | against_order "$1" calls; }
called_in_circles() { calls "$1" "$2" | awk '$1 != $2' | circles; }
is_read() { [ "$(includes "$1" | wc -l)" -gt 500 ] || echo "hardly an include was found"; }

# usage: broken FILE TEXT...    a tree of the house's tables and of files with those texts
broken()
{
  rm -rf "${tree:?}"/*
  mkdir "$tree/doc"
  cp "$SPILLWAY_SRCDIR/doc/design.md" "$tree/doc/"
  while [ $# -gt 0 ]; do
    mkdir -p "$tree/${1%/*}"
    printf '%s\n' "$2" >"$tree/$1"
    shift 2
  done
}

# usage: wrong NAME COMPLAINT COMMAND...
wrong()
{
  check "$1 is found" "${@:2}"
}

broken sim/loop.c '#include "report/figures.h"' report/figures.h ''
wrong "an include up" "sim/loop.c includes report/figures.h, and sim/ may not use report/" included_by_table "$tree"
broken study/plan.c '#include "cli/cli.h"' cli/cli.h ''
wrong "an include of what is excepted" "study/plan.c includes cli/cli.h, and study/ may not use cli/" \
  included_by_table "$tree"
broken attic/old.c '#include "sim/loop.h"' sim/loop.h ''
wrong "a folder without a row" "attic/old.c: doc/design.md has no folder attic/" included_by_table "$tree"
broken calib/cost/curve.c '#include "calib/store/db.h"' calib/store/db.h ''
wrong "an include of a later part" "calib/cost/curve.c includes calib/store/db.h, and store/ comes after cost/" \
  included_by_order "$tree"
broken calib/new/a.c '#include "calib/profile.h"' calib/profile.h ''
wrong "a part without a place" "calib/new/a.c: doc/design.md gives calib/ no part new/" included_by_order "$tree"
broken sim/a.h '#include "b.h"' sim/b.h '#include "c.h"' sim/c.h '#include "a.h"'
wrong "a circle of headers" $'a circle:\nsim/a.h\nsim/b.h\nsim/c.h' included_in_circles "$tree"
broken scenario/run.c '#include "cli/cli.h"' cli/run.c '#include "scenario/run.h"' cli/cli.h '' scenario/run.h ''
wrong "only the wrong one of two" "scenario/run.c includes cli/cli.h, and scenario/ may not use cli/" \
  included_by_table "$tree"

broken sim/a.c '' sim/b/c.c "$(seq 451)"
for number_of_file in $(seq 30); do touch "$tree/sim/$number_of_file.c"; done
wrong "a folder of many sources" "sim/ has 31 sources" large_folders "$tree"
wrong "a long source" "sim/b/c.c has more than 450 lines" long_sources "$tree"

check "the tree is read" "" is_read "$SPILLWAY_SRCDIR"
check "includes keep to the table" "" included_by_table "$SPILLWAY_SRCDIR"
check "includes keep to the order of parts" "" included_by_order "$SPILLWAY_SRCDIR"
check "no circle of headers" "" included_in_circles "$SPILLWAY_SRCDIR"
check "no folder has more than thirty sources" "" large_folders "$SPILLWAY_SRCDIR"
check "no source has more than 450 lines" "" long_sources "$SPILLWAY_SRCDIR"
if command -v nm >/dev/null && command -v cc >/dev/null; then
  broken sim/a.c 'int b(void); int a(void); int a(void) { return b(); }' \
    sim/b.c 'int a(void); int b(void); int b(void) { return a(); }' \
    kernels/c.c 'int a(void); int c(void); int c(void) { return a(); }'
  (cd "$tree" && for file in sim/a sim/b kernels/c; do cc -c -o $file.o $file.c; done)
  wrong "a circle of calls" $'a circle:\nsim/a.c\nsim/b.c' called_in_circles "$tree" "$tree"
  wrong "a call up" "kernels/c.c calls sim/a.c, and kernels/ may not use sim/" called_by_table "$tree" "$tree"
  check "calls keep to the table" "" called_by_table "$SPILLWAY_SRCDIR" "$SPILLWAY_BUILDDIR"
  check "calls keep to the order of parts" "" called_by_order "$SPILLWAY_SRCDIR" "$SPILLWAY_BUILDDIR"
  check "no circle of calls" "" called_in_circles "$SPILLWAY_SRCDIR" "$SPILLWAY_BUILDDIR"
else
  echo "ok $((++number)) - calls # SKIP no nm and cc"
fi
echo "1..$number"
