# shellcheck shell=bash
# Sourced by the tests of gpu-day: programs in the GPU's place that record how they were called ($CALLS), a clock that
# only what is charged moves ($CLOCK), faults. FAILING has lines "WORD ACTION", done by a program called with the word;
# FAULTS has "KERNEL FAULT [full|quick]" of the self-check. Works in a folder of its own, $folder.
gpu_day=$SPILLWAY_SRCDIR/calib/gpu/gpu-day
number=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CALLS=$folder/calls FAILING=$folder/failing FAULTS=$folder/faults
# Those of the machine, were there any, stay out of it.
unset LD_LIBRARY_PATH
cd "$folder" || exit 1

# usage: check NAME COMMAND...
check()
{
  local name=$1 verdict=ok
  shift
  "$@" >"$folder/said" 2>&1 || verdict="not ok"
  echo "$verdict $((++number)) - $name"
  [ "$verdict" = ok ] || sed 's/^/# /' "$folder/said" "$folder/out" 2>/dev/null
}

# usage: fake FILE    records its words; does what FAILING says of one of them; leaves the files that are asked for
fake()
{
  mkdir -p "$(dirname "$1")"
  cat >"$1" <<'PROGRAM'
#!/usr/bin/env bash
echo "${0##*/} $*${SPILLWAY_PORTABLE_ATTENTION:+ portable}${SPILLWAY_KERNELS_WITHOUT:+ without $SPILLWAY_KERNELS_WITHOUT}" >>"$CALLS"
# usage: charge SECONDS    what this takes, on the clock of the test
charge()
{
  local now
  read -r now <"$CLOCK"
  echo $((now + $1)) >"$CLOCK"
}
# usage: hang    until this is killed, which the end alone does not
hang()
{
  charge 9999
  : >"$CLOCK.hard"
  exit 137
}
while read -r word action; do
  [[ " ${0##*/} $* " != *" $word "* ]] || eval "$action"
done <"$FAILING"
# usage: check_kernels QUICK KERNEL...    as the self-check does, of which FAULTS says: KERNEL FAULT [full: not the small ones]
check_kernels()
{
  local kernel fault failed=0 quick=$1
  shift
  for kernel; do
    while read -r word fault when; do
      [ "$word" = "$kernel" ] && { [ -z "$when" ] || [ "$quick" = "$when" ]; } && is_run "$kernel" || continue
      case $fault in
      hang) hang ;;
      ends) echo "ENDED: $kernel case 3: by a signal"; echo "  again: spillway selfcheck --only $kernel --case 3 --seed 9"; charge 9999; exit 143 ;;
      wrong) echo "FAILED: $kernel case 3: error 1 of 0.01"; failed=1 ;;
      lost) echo "FAILED: $kernel case 3: an error that stays"; echo "$kernel 4 FAILED"; exit 1 ;;
      early) [[ ,${SPILLWAY_KERNELS_WITHOUT-}, == *,launch-ahead,* ]] || { echo "FAILED: $kernel case 0: error 1 of 0.01"; failed=1; } ;;
      esac
    done <"$FAULTS"
    echo "$kernel 5 passed"
  done
  [ $failed = 0 ] || exit 1
}
# usage: is_run KERNEL    whether its way is not left out
is_run()
{
  [[ $1 != prefill-wgmma* || -z ${SPILLWAY_PORTABLE_ATTENTION-} ]] || return 1
  case $1 in
  prefill*cuts) set -- prefill-cuts ;;
  prefill-wgmma-wide) set -- wide-tiles ;;
  prefill-wgmma-maps) set -- tensor-maps ;;
  esac
  [[ ,${SPILLWAY_KERNELS_WITHOUT-}, != *",$1,"* ]]
}
if [[ ${0##*/}$1 == spillway-gpuselfcheck && -s ${FAULTS-} ]]; then
  only=kv-copy,kv-write,decode,decode-lists,prefill,prefill-cuts,prefill-wgmma,prefill-wgmma-cuts,prefill-wgmma-wide,prefill-wgmma-maps,mixed
  only+=,gemm,embedding,rms-norm,residual-norm,head-norm,bias,rope,silu-gate,sampling,stream-copy,launch-ahead
  [[ ! $* =~ --only\ ([^\ ]*) ]] || only=${BASH_REMATCH[1]}
  quick=full
  [[ $* != *--quick* ]] || quick=quick
  # shellcheck disable=SC2086 # words
  check_kernels $quick ${only//,/ }
fi
[[ " $* " != *" --format json "* ]] || json=1
while [ $# -gt 1 ]; do
  case $1 in
  -o) [[ $2 == */study ]] && { mkdir -p "$2"; echo findings >"$2/findings.md"; } ||
    echo '{"speeds": [], "gpu": {"name": "fake"}}' >"$2" ;;
  --kv-memory) memory=$2 ;;
  --overflow) overflow=$2 ;;
  --overlap-copies) beside=true ;;
  esac
  shift
done
if [ -z "${json:-}" ]; then
  echo "all passed"
else
  target='{"error": 0.001, "met": true, "target": 0.01}' pair='{"computed": 3, "simulated": 4}'
  cat <<JSON
{"format": 1, "targets": {"makespan_s": $target, "step_s.p50": $target, "step_s.p95": $target, "ttft_s.p99": $target,
 "tpot_s.p99": $target}, "targets_met": true, "config": {"kv_memory": "$memory", "overflow": "$overflow", "overlap_copies": ${beside:-false}},
 "figures": {"makespan_s": $pair, "preemptions": $pair, "overhead_s.recompute": $pair, "overhead_s.swap_out": $pair,
 "overhead_s.swap_in": $pair}, "explanation": "nothing", "replay_identical": true}
JSON
fi
PROGRAM
  chmod +x "$1"
}

for program in spillway spillway-gpu tests/kernels/{attention,bench,kv-copy,live}-gpu; do
  fake "build/$program"
done
for program in nvidia-smi compute-sanitizer gnuplot; do
  fake "path/$program"
done
# A clock that only what is charged moves, where $CLOCK names it. Asked hundreds of times a day: it starts no other program.
cat >path/date <<'PROGRAM'
#!/bin/sh
[ "$1" = +%s ] && [ -n "${CLOCK:-}" ] && read -r now <"$CLOCK" && echo "$now" && exit
exec /bin/date "$@"
PROGRAM
cat >path/timeout <<'PROGRAM'
#!/bin/sh
[ -n "${CLOCK:-}" ] || exec /usr/bin/timeout "$@"
[ "$1" != -k ] || { kill=$2; shift 2; }
read -r now <"$CLOCK"
end=$((now + $1))
shift
"$@"
status=$?
read -r now <"$CLOCK"
[ "$now" -gt $end ] || exit $status
[ -e "$CLOCK.hard" ] || { echo $end >"$CLOCK"; exit 124; }
rm "$CLOCK.hard"
echo $((end + ${kill:-0})) >"$CLOCK"
exit 137
PROGRAM
# What collecting takes, and a machine's libraries.
cat >path/tar <<'PROGRAM'
#!/bin/sh
[ -z "${CLOCK:-}" ] || { read -r now <"$CLOCK" && echo $((now + 1)) >"$CLOCK"; }
exec /usr/bin/tar "$@"
PROGRAM
cat >path/ldd <<'PROGRAM'
#!/usr/bin/env bash
[ -z "${LACKING-}" ] || printf '\t%s => not found\n' "$LACKING"
PROGRAM
chmod +x path/date path/timeout path/tar path/ldd
PATH=$folder/path:$PATH

# usage: day NAME WORD...    a day into folder NAME; its status in $status
day()
{
  local name=$1
  shift
  : >"$CALLS"
  "$gpu_day" --build build --output "$name" "$@" >"$folder/out" 2>&1
  status=$?
}

# usage: in_order WORDS...    what was called: a line for each, in this order
in_order()
{
  local line=0 words next
  for words; do
    next=$(tail -n +$((line + 1)) "$CALLS" | grep -n -e "$words" | head -n 1 | cut -d: -f1)
    [ -n "$next" ] || { echo "missing or too early: $words"; cat "$CALLS"; return 1; }
    line=$((line + next))
  done
}

# usage: verdict NAME STEP    what the day's table says of the step
verdict()
{
  sed -n "s/^$2 *\([a-z-]*\) .*/\1/p" "$folder/$1.work/steps"
}
