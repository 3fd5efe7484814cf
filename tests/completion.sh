#!/usr/bin/env bash
# Bash completion offers what the program has: verbs, a verb's options, the names behind an option.
. "$SPILLWAY_SRCDIR/completions/spillway.bash"
number=0

# usage: offers NAME EXPECTED WORD...   the last word is the one being completed
offers()
{
  local name=$1 expected=$2 found verdict=ok
  shift 2
  COMP_WORDS=("$SPILLWAY" "$@")
  COMP_CWORD=$#
  _spillway "$SPILLWAY" 2>/dev/null
  found=" ${COMPREPLY[*]} "
  [[ $found == *" $expected "* ]] || verdict="not ok"
  echo "$verdict $((++number)) - $name"
  [[ $verdict == ok ]] || echo "# expected $expected, found:$found"
}

complete -p spillway >/dev/null && echo "ok $((++number)) - registered"
for verb in $("$SPILLWAY" list verbs --names); do
  offers "verb $verb" "$verb" "${verb:0:3}"
  offers "options of $verb" "--help" "$verb" --hel
done
offers "an option with a value" "--model=" run --mod
offers "an option without a value" "--no-stride" run --no-str
offers "a model's name" "llama-2-7b" run --model ll
offers "a device's name, after =" "a100-40gb" run --device = a100-4
offers "right after =" "recompute" run --overflow =
offers "an overflow policy" "swap" run --overflow sw
offers "a further overflow policy" "recompute,swap" compare --overflow recompute,sw
offers "a kernel" "sampling" selfcheck --only samp
offers "a further kernel" "decode,prefill-wgmma" selfcheck --only decode,pre
offers "a file" "$SPILLWAY_SRCDIR/LICENSE" run --trace "$SPILLWAY_SRCDIR/LICEN"
offers "an option of trace gen" "--think-time=" trace gen --thi
offers "a kind of profile" "import" profile imp
offers "an option of profile import" "--name=" profile import --na
offers "a chart" "throughput" plot --chart th
offers "a figure" "ttft_s.p99" plot --figure ttft
offers "a kind of list" "figures" list fig
offers "a report's format" "svg" report --format sv
offers "a study" "poster" study pos
offers "an option of a study" "--device=" study poster --dev
offers "a map" "policies" study pol
offers "an option of a map" "--pressures=" study policies --pres
offers "a kind of list" "victims" list vic
echo "1..$number"
