#!/usr/bin/env bash
# Every verb has its man page, every page an exit status and a way on to the others, and a page names
# no option that the program does not have.
pages=$SPILLWAY_SRCDIR/doc/man
number=0

# usage: check NAME COMMAND...
check()
{
  local name=$1 verdict=ok
  shift
  "$@" >/dev/null 2>&1 || verdict="not ok"
  echo "$verdict $((++number)) - $name"
}

verbs=$("$SPILLWAY" list verbs --names)
check "the program lists its verbs" test -n "$verbs"
for verb in $verbs; do
  check "spillway-$verb has a page" test -f "$pages/spillway-$verb.h2m"
  check "spillway(1) names spillway-$verb(1)" grep -q "spillway-$verb (1)" "$pages/spillway.h2m"
done
help=$(
  "$SPILLWAY" --help
  for verb in $verbs; do
    "$SPILLWAY" "$verb" --help
    for kind in $("$SPILLWAY" "$verb" --help | sed -n '/^Kinds:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
      "$SPILLWAY" "$verb" "$kind" --help
    done
  done
)
for page in "$pages"/*.h2m; do
  name=$(basename "$page" .h2m)
  verb=${name#spillway}
  verb=${verb#-}
  check "$name belongs to a verb" test -z "$verb" -o -n "$(grep -x -- "$verb" <<<"$verbs")"
  check "$name tells its exit status" grep -qx '\[EXIT STATUS\]' "$page"
  while read -r option; do
    check "$name: there is an option $option" grep -q -e "$option" <<<"$help"
  done < <(sed 's/\\-/-/g' "$page" | grep -oE -e '--[a-z][a-z-]*' | sort -u)
  check "$name says what to see also" grep -qx '\[SEE ALSO\]' "$page"
done
echo "1..$number"
