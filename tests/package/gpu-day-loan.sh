#!/usr/bin/env bash
# A short loan of a GPU on a clock: the two calls of doc/gpu.md, as they should go and with a fault in every place, end in
# time and keep what is worth most.
. "$SPILLWAY_SRCDIR/tests/package/gpu-day-fakes.sh"

# The whole day on a clock that charges each program what it should take on an H200: it fits into the two calls of a
# short loan, with a command of ten minutes, a start of two, and a quarter of an hour in all; as it should go, and with a
# fault in every place.
export CLOCK=$folder/clock
cat >charges <<'CHARGES'
--query-gpu=memory.total echo 143771; exit 0
nvidia-smi [[ $* == *-l* ]] || charge 1
selfcheck case $* in *decode-lists,*) charge 9 ;; *"--only "*) charge 6 ;; *--quick*) charge 30 ;; *) charge 95 ;; esac
attention-gpu charge 8
bench-gpu charge 18
kv-copy-gpu charge 4
live-gpu charge 8
calibrate [[ $* =~ time-limit\ ([0-9]+)s ]]; charge $((BASH_REMATCH[1] + 10))
profile charge 1
validate case $* in *--limit*) charge 25 ;; *) charge 55 ;; esac
slow [[ $* != *compare_torch* ]] || charge 35
CHARGES
fake path/slow
: >"$FAULTS"
first=(--rehearse --minutes 9 --steps environment,wgmma,ways,selfcheck,calibrate,validate)
second=(--minutes 3 --steps validate,torch)
# usage: call NAME WORD...    a call of the loan; seconds in $took
call()
{
  local began now
  read -r began <"$CLOCK"
  PYTHON=slow day "$@"
  read -r now <"$CLOCK"
  took=$((now - began))
}
# usage: runs NAME    of the validation that are kept in the results
runs()
{
  tar -tzf "$1/logs.tgz" | grep -c '^./validate-.*json$'
}
# usage: faulty NAME    sets the fault of standard input: lines of "FAULTS" where they begin so, else of FAILING
faulty()
{
  : >"$FAULTS"
  cat charges >"$FAILING"
  while IFS= read -r line; do
    case $line in
    FAULT\ *) echo "${line#FAULT }" >>"$FAULTS" ;;
    *) echo "$line" | cat - "$FAILING" >failing-now && mv failing-now "$FAILING" ;;
    esac
  done
}
echo 1000000 >"$CLOCK"
faulty </dev/null
call loan "${first[@]}"
check "the first call takes nine minutes at most: $took s" test "$took" -le 550
check "all its links and steps pass, or the last has no time left" test "$(verdict loan rehearsal)$(verdict loan selfcheck)$(
  verdict loan calibrate)" = passedpassedpassed
check "the calibration has two minutes at least" test "$(sed -n 's/^calibrate passed \([0-9]*\).*/\1/p' loan.work/steps)" -ge 120
check "with runs of the validation" test "$(runs loan)" -ge 2
call loan "${second[@]}"
check "both calls and a start of two minutes are a quarter of an hour at most" test \
  $(($(cat "$CLOCK") - 1000000 + 120)) -le 900
check "with more runs" test "$(runs loan)" -ge 4

# usage: goes_on NAME WORDS    the fault of standard input: the first call ends in time, with a profile and runs; WORDS
# are in the summary
goes_on()
{
  faulty
  echo 1000000 >"$CLOCK"
  call "loan-$1" "${first[@]}"
  check "$1: the first call ends in time ($took s)" test $took -le 570
  check "$1: with a profile and runs of the validation" test -s "loan-$1/profile.csv" -a "$(runs "loan-$1")" -ge 1
  check "$1: and says so" grep -q "$2" "loan-$1/summary.md"
}
# usage: so_does_the_second NAME    call, with the same fault
so_does_the_second()
{
  call "loan-$1" "${second[@]}"
  check "$1: both calls end in time ($(($(cat "$CLOCK") - 1000000)) s)" test $(($(cat "$CLOCK") - 1000000 + 120)) -le 900
}
# usage: is_found NAME WORDS    the fault of standard input: the first call ends early enough for another, which mends it
is_found()
{
  faulty
  echo 1000000 >"$CLOCK"
  call "loan-$1" "${first[@]}"
  check "$1: the day ends early ($took s)" test "$status" = 1 -a $((120 + took + 120 + mended)) -le 900
  check "$1: with what is broken" grep -q "$2" "loan-$1/summary.md"
  check "$1: nothing is measured" test ! -e "loan-$1/profile.csv"
}
# usage: way_fails WAY KERNEL FAULT
way_fails()
{
  goes_on "$2-$3" "without $1 from here on; in the rehearsal" <<<"FAULT $2 $3"
  check "$2-$3: nothing else is left out" test "$(cat "loan-$2-$3.work/without")" = "$1" -a ! -e "loan-$2-$3.work/portable"
}

call mended "${first[@]}" --minutes 8
mended=$took
check "a first call of eight minutes has runs, too" test "$(runs mended)" -ge 1
for fault in wrong hang ends lost; do
  goes_on "wgmma-$fault" 'the portable way' <<<"FAULT prefill-wgmma $fault"
  is_found "decode-$fault" 'selfcheck.* is broken' <<<"FAULT decode $fault"
  goes_on "late-maps-$fault" 'without tensor-maps' <<<"FAULT prefill-wgmma-maps $fault full"
done
for fault in wrong hang; do
  way_fails decode-lists decode-lists $fault
  way_fails prefill-cuts prefill-wgmma-cuts $fault
  way_fails wide-tiles prefill-wgmma-wide $fault
  way_fails tensor-maps prefill-wgmma-maps $fault
  way_fails launch-ahead launch-ahead $fault
done
way_fails prefill-cuts prefill-cuts ends
way_fails decode-lists decode-lists lost
goes_on every-way-hangs 'without launch-ahead' <<'FAULTY'
FAULT decode-lists hang
FAULT prefill-cuts hang
FAULT prefill-wgmma-wide hang
FAULT prefill-wgmma-maps hang
FAULT launch-ahead hang
FAULTY
so_does_the_second every-way-hangs
goes_on wgmma-and-way-hang 'the portable way' <<'FAULTY'
FAULT prefill-wgmma hang
FAULT decode-lists hang
FAULTY
so_does_the_second wgmma-and-way-hang
# What only the whole self-check, calibration or validation shows.
goes_on late-wgmma 'the portable way' <<<'FAULT prefill-wgmma hang full'
goes_on slow-selfcheck 'selfcheck | too-long' <<<'selfcheck [[ $* == *--only* || $* == *--quick* ]] || charge 300'
goes_on calibrate-hangs 'calibrate | too-long' <<<'calibrate [[ $* == *--quick* ]] || { echo 1 >"${@: -1}"; hang; }'
so_does_the_second calibrate-hangs
goes_on calibrate-lost 'calibrate | failed' <<<'calibrate [[ $* == *--quick* ]] || { charge 60; echo 1 >"${@: -1}"; exit 1; }'
goes_on swap-hangs 'no more of swap' <<<'swap [[ $* == *--limit* ]] || hang'
so_does_the_second swap-hangs
check "swap-hangs: the other policy is the first there" test "$(grep 'gpu validate' "$CALLS" | grep -v overlap-copies | head -n 1 | grep -c recompute)" = 1 -a \
  "$(runs loan-swap-hangs)" -ge 2
goes_on swap-lost '[3-6] of 11 runs' <<<'swap [[ $* == *--limit* ]] || { charge 20; exit 1; }'
goes_on torch-hangs 'runs' <<<'slow [[ $* != *compare_torch* ]] || hang'
so_does_the_second torch-hangs
goes_on environment-hangs 'environment | passed' <<<'topo hang'
# What nothing can take the place of.
is_found no-card 'driver is broken' <<<'nvidia-smi exit 9'
is_found card-hangs 'driver is broken' <<<'nvidia-smi [[ $* == *-l* ]] || hang'
is_found old-driver 'wgmma ways selfcheck.* is broken' <<<'spillway-gpu echo the NVIDIA driver is too old; exit 1'
is_found tests-hang 'tests is broken' <<<'attention-gpu hang'
is_found tests-fail 'tests is broken.*live-gpu' <<<'live-gpu exit 1'
is_found calibrate-broken 'calibrate is broken' <<<'calibrate exit 1'
is_found calibrate-stuck 'calibrate is broken' <<<'calibrate hang'
is_found validate-broken 'validate is broken' <<<'validate exit 1'
is_found validate-stuck 'validate is broken' <<<'validate hang'
: >"$FAULTS"
unset CLOCK
echo "1..$number"
