#!/usr/bin/env bash
# The day with a GPU, with programs in the GPU's place that only record how they were called: order, failures, time,
# what is collected; and the bundle, where this build has what it packs.
. "$SPILLWAY_SRCDIR/tests/package/gpu-day-fakes.sh"
compare=$SPILLWAY_SRCDIR/calib/gpu/compare_torch.py

: >"$FAILING"
day good
check "all goes well" test "$status" = 0
check "most valuable first" in_order nvidia-smi "only prefill-wgmma" "only decode-lists,prefill-cuts,prefill-wgmma-cuts,prefill-wgmma-wide,prefill-wgmma-maps,launch-ahead" \
  "selfcheck -o" "calibrate.*time-limit" "profile check" "validate.*12%.*recompute" \
  "validate.*12%.*swap" "validate.*20%" "validate.*50%" "validate.*30%" "validate.*40%" "memcheck" "racecheck" attention-gpu \
  "study poster --live.*--minutes [1-9]"
check "five shares of memory, both policies, and copies beside the steps" test "$(grep -c 'gpu validate' "$CALLS")" = 11 -a \
  "$(grep -c 'gpu validate.* 12% --overflow swap .*--overlap-copies --limit 40 ' "$CALLS")" = 1
check "at most eight files" test "$(find good -type f | wc -l)" -le 8
for file in summary.md selfcheck.txt selfcheck.json profile.csv validation.md study.md logs.tgz; do
  check "there is $file" test -s "good/$file"
done
check "the logs are in the archive" tar -tzf good/logs.tgz ./validate-12-swap.txt ./calibrate.txt ./environment.log
check "the table has every step" test \
  "$(grep -cE '^(environment|wgmma|ways|selfcheck|torch|calibrate|validate|sanitizer|tests|study) ' out)" = 10
if command -v python3 >/dev/null; then
  check "the tables of the validation are ready" test "$(grep -cE '^\| (12|20|30|40|50)% \| (recompute|swap)(, beside)? ' good/validation.md)" = 22 -a \
    "$(grep -c '^| 12% | swap, beside ' good/validation.md)" = 2
fi
check "with the commands" test "$(grep -c '^\$ spillway-gpu validate .*--format json' good/validation.md)" = 11
check "no path of this machine in what is kept" sh -c "! grep -q '$folder' good/*.md good/*.txt"

day good
check "what passed is not run again" test "$(grep -c 'selfcheck\|calibrate\|validate' "$CALLS")" = 0
day good --steps selfcheck
check "unless it is asked for" in_order "selfcheck -o"
check "and nothing else" test "$(grep -c 'calibrate\|validate\|nvidia-smi$' "$CALLS")" = 0

printf '%s\n' 'selfcheck exit 1' 'swap exit 1' >"$FAILING"
day bad
check "a failure is told by the status" test "$status" = 1
check "the failed step is recorded" test "$(verdict bad selfcheck)" = failed
check "the rest goes on" in_order "calibrate" "validate.*40%.*swap" "live-gpu"
check "a part of a step that failed fails it" test "$(verdict bad validate)" = failed
check "others passed" test "$(verdict bad calibrate)" = passed
: >"$FAILING"
day bad
check "only what failed is run again" test "$(grep -c 'calibrate --model\|gpu validate.*recompute' "$CALLS")" = 0
check "and may pass then" test "$status" = 0 -a "$(verdict bad selfcheck)" = passed

# A loan of two calls: the first is cut off in the middle of a run, and the second has its results alone.
printf '%s\n' '30% kill -9 $$' >"$FAILING"
check "a run that takes too long is ended" sh -c "! $gpu_day --build build --output lent --work lent-1 --minutes 1 --steps \
  environment,calibrate,validate >'$folder/out' 2>&1"
check "and the runs before it are kept" test "$(tar -tzf lent/logs.tgz | grep -c 'validate-.*json')" = 7
: >"$FAILING"
: >"$CALLS"
"$gpu_day" --build build --output lent-again --work lent-2 --resume lent/logs.tgz --minutes 2 >out 2>&1
check "the second call goes on with them" test "$(grep -c 'gpu validate' "$CALLS")" = 4
check "and has all in its results" test "$(grep -c ' validate ' lent-again/validation.md)" -ge 10
check "what passed is not run again there" test "$(grep -c 'calibrate --model\|nvidia-smi$' "$CALLS")" = 0
check "what takes longer than is left is not begun" grep -q '^study  *skipped .*no time left' out

printf '%s\n' 'prefill-wgmma echo FAILED: prefill-wgmma; exit 1' >"$FAILING"
day portable --steps wgmma,selfcheck,calibrate
check "a new kernel that fails alone is done without" in_order "selfcheck -o.*portable" "calibrate.*portable"
: >"$FAILING"
day portable --steps validate
check "in later starts, too" in_order "validate.*portable"
day portable --steps wgmma,calibrate
check "but it is tried again, as it is" in_order "only prefill-wgmma.* 1$" "calibrate"
check "and is taken again where it passes" test "$(grep -c '^spillway-gpu.* portable$' "$CALLS")" = 0
printf '%s\n' 'prefill-wgmma exit 1' >"$FAILING"
day driverless --steps wgmma,calibrate
check "a machine's fault is not the kernel's" test "$status" = 1 -a "$(grep -c ' portable$' "$CALLS")" = 0
printf '%s\n' 'prefill-wgmma kill -9 $$' >"$FAILING"
day lost --steps wgmma,calibrate
check "one that was lost is done without" in_order "calibrate.*portable"
rm -rf lost lost.work
printf '%s\n' '--only [[ $* != *decode-lists* ]] || { echo FAILED: decode-lists case 3: wrong; exit 1; }' >"$FAILING"
day ways --steps wgmma,ways,calibrate
check "a way that is wrong is done without" in_order "only decode-lists" "calibrate.* without decode-lists$"
check "and nothing else is" test "$(grep -c portable "$CALLS")" = 0
: >"$FAILING"
day ways --steps validate
check "in later starts, too: a way" in_order "validate.* without decode-lists$"
day ways --steps ways,calibrate
check "a way is tried again, and taken again where it passes" test "$(grep -c '^spillway-gpu.* without ' "$CALLS")" = 0
day ways --steps validate
printf '%s\n' '--only [[ $* != *decode-lists* ]] || { echo FAILED: decode-lists case 3: wrong; exit 1; }' >"$FAILING"
day ways --steps ways,calibrate,validate
check "what was validated with other kernels is put aside, and the profile gone on with" test -f ways.work/profile.db -a \
  -f ways.work/other-kernels/validate-12-swap.json -a "$(grep -c 'gpu validate' "$CALLS")" = 11
day ways --steps ways,calibrate,validate
check "one of these is gone on with" test "$(grep -c 'gpu validate' "$CALLS")" = 0
: >"$FAILING"
printf '%s\n' 'prefill-cuts wrong' 'prefill-wgmma-maps lost' >"$FAULTS"
day ways-lost --steps ways,selfcheck
check "more than one way is done without" in_order "selfcheck -o.* without prefill-cuts,tensor-maps$"
check "in as many starts as it takes" test "$(grep -c ' --only ' "$CALLS")" = 2
printf '%s\n' 'launch-ahead wrong' 'decode-lists early' 'prefill-wgmma early' >"$FAULTS"
day ways-early --steps wgmma,ways,selfcheck
check "a launch ahead that makes others look wrong is found, and nothing else is done without" in_order \
  "selfcheck -o.*json without launch-ahead$"
: >"$FAULTS"
printf '%s\n' '-o [[ $* != *selfcheck\ -o* ]] || { echo FAILED: decode-lists case 50: wrong; exit 1; }' >"$FAILING"
day ways-later --stop-on-failure --steps selfcheck,calibrate
check "a way that the self-check finds wrong is done without, and does not end the day" in_order \
  "calibrate.* without decode-lists$"
printf '%s\n' '--only exit 1' >"$FAILING"
day ways-driver --steps ways,calibrate
check "a machine's fault is not the way's" test "$status" = 1 -a "$(grep -c ' without ' "$CALLS")" = 0
printf '%s\n' '-o exit 1' >"$FAILING"
day lost --steps selfcheck
check "kernels that were not come to are checked by themselves" in_order "only kv-copy" "only stream-copy"
check "with what there was" test -s lost/selfcheck.txt

# Torch is worth less than a run of the validation where time is short.
: >"$FAILING"
day short --minutes 9
check "torch comes behind validate in a short day" test "$(sed -n 's/ .*//p' short.work/steps | tr '\n' ' ' |
  sed 's/.*validate torch.*/right/')" = right
day anew --steps environment --resume nowhere/logs.tgz
check "an archive that did not come along is told, and the day goes on" test "$status" = 0
check "with which" grep -q "nowhere/logs.tgz' is not there" out
printf 'MemTotal: 3000000 kB\nMemAvailable:    2048000 kB\n' >meminfo
MEMINFO=meminfo day small --steps environment
check "memory that is small now is not held against runs" grep -q 'memory .*2000 MiB available now' small/summary.md
printf 'MemAvailable:  120000000 kB\n' >meminfo
MEMINFO=meminfo day large-host --steps environment
check "and is not spoken of where it is not" sh -c "! grep -q '| memory' large-host/summary.md"
check "the clocks are watched, a line a second" in_order "nvidia-smi.*clocks.sm.*-l 1"

# A card of 141 GB: other shares show something.
printf '%s\n' '--query-gpu=memory.total echo 143771; exit 0' >"$FAILING"
day large --steps calibrate,validate
check "shares of memory that show something on a large card" in_order "validate.*12%" "validate.*20%" "validate.*16%" \
  "validate.*8%" "validate.*25%"
check "all of them are in the tables" test "$(grep -cE '^\$ spillway-gpu validate' large/validation.md)" = 11
check "runs sample as the calibration does" test "$(grep -c ' validate .*--temperature 1 ' "$CALLS")" = 11

# The rehearsal: every link once, and nothing behind a broken one.
: >"$FAILING"
day rehearsed --rehearse --steps environment,wgmma
check "a rehearsal tries every link, then the day goes on" in_order "only prefill-wgmma" "only decode-lists," "selfcheck --quick" \
  attention-gpu kv-copy-gpu live-gpu "calibrate --quick" "profile check" "validate.*--limit 6" \
  nvidia-smi
check "but the test that is a calibration" test "$(grep -c bench-gpu "$CALLS")" = 0
check "what was tried there is not tried again" test "$(grep -c 'only prefill-wgmma\|only decode-lists,' "$CALLS")" = 2 -a \
  "$(verdict rehearsed wgmma)$(verdict rehearsed ways)" = passedpassed
check "and passes" test "$status" = 0 -a "$(verdict rehearsed rehearsal)" = passed
# usage: broken NAME LINK ACTION LATER    with ACTION the day ends at LINK, and LATER is not called
broken()
{
  printf '%s\n' "$3" >"$FAILING"
  day "rehearsed-$1" --rehearse
  check "$1: the day ends" test "$status" = 1 -a "$(verdict "rehearsed-$1" rehearsal)" = failed
  check "$1: the link is named" grep -q "$2 is broken" "rehearsed-$1/summary.md"
  check "$1: what it said is shown" grep -q "said of $1" out
  check "$1: what it would have led to is not tried" test "$(grep -c -e "$4" "$CALLS")" = 0
}
broken wrong selfcheck '--quick case $* in *prefill-wgmma*|*calibrate*) ;; *) echo FAILED: decode, said of wrong; exit 1 ;; esac' 'format json'
check "the other links are tried all the same" in_order "selfcheck --quick" attention-gpu calibrate "validate.*--limit 6"
broken sticky tests 'kv-copy-gpu echo an error that stays: said of sticky; exit 1' 'format json'
broken old-driver driver 'nvidia-smi echo said of old-driver; exit 9' selfcheck
broken no-library calibrate '--time-limit echo said of no-library; exit 127' 'validate'
: >"$FAILING"
echo 'launch-ahead wrong' >"$FAULTS"
day rehearsed-ways --rehearse --steps environment
: >"$FAULTS"
check "a way that is wrong does not end a rehearsal" test "$status" = 1 -a "$(verdict rehearsed-ways ways)" = failed -a "$(verdict rehearsed-ways rehearsal)" = passed
check "what comes behind does without" in_order ",launch-ahead --seed" "validate.*--limit 6.* without launch-ahead$"
printf '%s\n' 'prefill-wgmma kill -9 $$' >"$FAILING"
day rehearsed-hangs --rehearse --steps environment
check "nor does a wgmma that hangs" in_order "only prefill-wgmma" "validate.*--limit 6.* portable$"
: >"$FAILING"
LACKING=libcublasLt.so.13 day rehearsed-lacks --rehearse
check "a library that is missing ends it at once" test "$status" = 1 -a "$(grep -c spillway-gpu "$CALLS")" = 0
check "and is named" grep -q 'libraries is broken.*libcublasLt.so.13' rehearsed-lacks/summary.md
: >"$FAILING"
printf '%s\n' '-o case $* in *--quick*) ;; *"selfcheck -o"*) echo FAILED: decode; exit 1 ;; esac' >"$FAILING"
day wrong-later --rehearse
check "a wrong result found later ends the day, too" test "$(verdict wrong-later calibrate)" = skipped
check "with the reason" grep -q 'calibrate  *skipped .*wrong result' out

printf '%s\n' 'calibrate exit 1' >"$FAILING"
day no-profile
check "without a profile nothing is validated" test "$(verdict no-profile validate)" = skipped
fake path/slow
printf '%s\n' 'slow [[ $1 != *compare_torch* ]] || sleep 60' >"$FAILING"
PYTHON=slow day good --minutes 1 --steps torch,calibrate,validate
check "what takes too long is ended" test "$(verdict good torch)" = too-long

: >"$FAILING"
day dry --dry-run
check "a dry run calls nothing of ours" test "$(grep -vc '^nvidia-smi --query' "$CALLS")" = 0 -a ! -e dry
check "and prints the commands" grep -q 'timeout .*spillway-gpu calibrate --model llama-2-7b' out
day dry-rehearsal --dry-run --rehearse
check "nor does that of a rehearsal, which prints its own" test "$status" = 0 -a ! -e dry-rehearsal -a "$(grep -c 'only decode-lists.*,launch-ahead' out)" = 1
for words in "--steps dance" "--minutes none" "--minutes" "--nonsense" "--build nowhere"; do
  # shellcheck disable=SC2086 # words
  day wrong $words
  check "refused: $words" test "$status" = 2
done

echo '{"speeds": [], "gpu": {"name": "fake"}}' >selfcheck.json
if command -v python3 >/dev/null; then
  mkdir -p without
  echo 'raise ImportError("not here")' >without/torch.py
  check "the comparison says that there is no PyTorch" sh -c \
    "PYTHONPATH=without python3 -B '$compare' selfcheck.json | grep '^skipped: there is no PyTorch'"
  check "and refuses what selfcheck did not write" sh -c "! python3 -B '$compare' '$SPILLWAY_SRCDIR/LICENSE'"
else
  echo "ok $((++number)) - the comparison # SKIP there is no python3"
fi

built="$SPILLWAY_BUILDDIR/spillway-gpu $SPILLWAY_BUILDDIR/tests/kernels/live-gpu"
# shellcheck disable=SC2086 # names
if ls $built >/dev/null 2>&1; then
  PATH=${PATH#*:} # a bundle is of real libraries
  check "a bundle" "$SPILLWAY_SRCDIR/calib/gpu/bundle" --build "$SPILLWAY_BUILDDIR" -o bundle
  check "is small" test "$(du -sm bundle | cut -f1)" -lt 60
  check "has its data with it" sh -c "env -i bundle/spillway run --model llama-2-7b --device a100-40gb --trace demo \
    --kv-memory 12% | grep 'All 400 requests finished'"
  check "needs no library of this build's" sh -c "env -i bundle/spillway run --help >/dev/null && \
    LD_LIBRARY_PATH=bundle/lib ldd bundle/bin/spillway | grep 'glib.*bundle/lib'"
  for form in tgz tar.xz; do
    check "packed as $form, too" "$SPILLWAY_SRCDIR/calib/gpu/bundle" --build "$SPILLWAY_BUILDDIR" -o "packed.$form"
    check "is a few megabytes then: $form" test "$(du -sm "packed.$form" | cut -f1)" -lt 16
    check "and unpacks to the same: $form" sh -c "rm -rf unpacked && mkdir unpacked && tar -xf packed.$form -C unpacked &&
      diff -r bundle unpacked/spillway-bundle"
  done
  # The line of doc/gpu.md, where there is neither Python nor xz, nor anything else but what Debian calls essential: it
  # unpacks, and the day ends at the driver that is not there.
  line=$(sed -n "s/^\(tar -xzf spillway-bundle.tgz .*--rehearse.*\)/\1/p" "$SPILLWAY_SRCDIR/doc/gpu.md")
  mkdir -p essential loaned && cp packed.tgz loaned/spillway-bundle.tgz
  for tool in awk basename bash cat cp cut date dirname env find grep gzip head ldd ls mkdir mv paste printf pwd readlink \
    rm sed seq sh sleep sort tail tar timeout touch tr uname wc; do
    [ -z "$(type -P $tool)" ] || ln -sf "$(PATH=/usr/bin:/bin type -P $tool)" essential/$tool
  done
  (cd loaned && env -i PATH="$folder/essential" OUT="$folder/loaned" TMPDIR="$folder/loaned" \
    bash -c "${line//\/tmp/$folder/loaned}" >"$folder/out" 2>&1)
  check "the line of the documentation unpacks it and starts, with what every Linux has" grep -q 'driver is broken' out
  check "with results" grep -q 'driver is broken' loaned/day/summary.md
  check "starts its own day" sh -c "env -i PATH='$PATH' bundle/gpu-day --dry-run | grep 'bundle/bin/spillway-gpu selfcheck'"
else
  echo "ok $((++number)) - a bundle # SKIP this build has no spillway-gpu with its tests"
fi
echo "1..$number"
