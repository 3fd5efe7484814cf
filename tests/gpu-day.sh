#!/usr/bin/env bash
# The day with a GPU, with programs in the GPU's place that only record how they were called: order, failures, time,
# what is collected; and the bundle, where this build has what it packs.
gpu_day=$SPILLWAY_SRCDIR/calib/gpu/gpu-day
compare=$SPILLWAY_SRCDIR/calib/gpu/compare_torch.py
number=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CALLS=$folder/calls FAILING=$folder/failing
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
echo "${0##*/} $*${SPILLWAY_PORTABLE_ATTENTION:+ portable}" >>"$CALLS"
while read -r word action; do
  [[ " ${0##*/} $* " != *" $word "* ]] || eval "$action"
done <"$FAILING"
[[ " $* " != *" --format json "* ]] || json=1
while [ $# -gt 1 ]; do
  case $1 in
  -o) [[ $2 == */study ]] && { mkdir -p "$2"; echo findings >"$2/findings.md"; } ||
    echo '{"speeds": [], "gpu": {"name": "fake"}}' >"$2" ;;
  --kv-memory) memory=$2 ;;
  --overflow) overflow=$2 ;;
  esac
  shift
done
if [ -z "${json:-}" ]; then
  echo "all passed"
else
  target='{"error": 0.001, "met": true, "target": 0.01}' pair='{"computed": 3, "simulated": 4}'
  cat <<JSON
{"format": 1, "targets": {"makespan_s": $target, "step_s.p50": $target, "step_s.p95": $target, "ttft_s.p99": $target,
 "tpot_s.p99": $target}, "targets_met": true, "config": {"kv_memory": "$memory", "overflow": "$overflow"},
 "figures": {"makespan_s": $pair, "preemptions": $pair, "overhead_s.recompute": $pair, "overhead_s.swap_out": $pair,
 "overhead_s.swap_in": $pair}, "explanation": "nothing", "replay_identical": true}
JSON
fi
PROGRAM
  chmod +x "$1"
}

for program in spillway spillway-gpu tests/kernels/{attention,kv-copy,live}-gpu; do
  fake "build/$program"
done
for program in nvidia-smi compute-sanitizer gnuplot; do
  fake "path/$program"
done
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

: >"$FAILING"
day good
check "all goes well" test "$status" = 0
check "most valuable first" in_order nvidia-smi "only prefill-wgmma" "selfcheck -o" "calibrate.*time-limit" "profile check" "validate.*12%.*recompute" \
  "validate.*12%.*swap" "validate.*20%" "validate.*50%" "validate.*30%" "validate.*40%" "memcheck" "racecheck" attention-gpu \
  "study poster --live.*--minutes [1-9]"
check "five shares of memory, both policies" test "$(grep -c ' validate \|-gpu validate' "$CALLS")" = 10
check "at most eight files" test "$(find good -type f | wc -l)" -le 8
for file in summary.md selfcheck.txt selfcheck.json profile.csv validation.md study.md logs.tar.gz; do
  check "there is $file" test -s "good/$file"
done
check "the logs are in the archive" tar -tzf good/logs.tar.gz ./validate-12-swap.txt ./calibrate.txt ./environment.log
check "the table has every step" test \
  "$(grep -cE '^(environment|wgmma|selfcheck|torch|calibrate|validate|sanitizer|tests|study) ' out)" = 9
if command -v python3 >/dev/null; then
  check "the tables of the validation are ready" test "$(grep -cE '^\| (12|20|30|40|50)% \| (recompute|swap) ' good/validation.md)" = 20
fi
check "with the commands" test "$(grep -c '^\$ spillway-gpu validate .*--format json' good/validation.md)" = 10
check "no path of this machine in what is kept" sh -c "! grep -q '$folder' good/*.md good/*.txt"

day good
check "what passed is not run again" test "$(grep -c 'selfcheck\|calibrate\|validate' "$CALLS")" = 0
day good --steps selfcheck
check "unless it is asked for" in_order "selfcheck -o"
check "and nothing else" test "$(grep -c 'calibrate\|validate\|nvidia-smi' "$CALLS")" = 0

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
check "and the runs before it are kept" test "$(tar -tzf lent/logs.tar.gz | grep -c 'validate-.*json')" = 6
: >"$FAILING"
: >"$CALLS"
"$gpu_day" --build build --output lent-again --work lent-2 --resume lent/logs.tar.gz --minutes 2 >out 2>&1
check "the second call goes on with them" test "$(grep -c 'gpu validate' "$CALLS")" = 4
check "and has all in its results" test "$(grep -c ' validate ' lent-again/validation.md)" -ge 10
check "what passed is not run again there" test "$(grep -c 'calibrate --model\|nvidia-smi' "$CALLS")" = 0
check "what takes longer than is left is not begun" grep -q '^study  *skipped .*no time left' out

printf '%s\n' 'prefill-wgmma exit 1' >"$FAILING"
day portable --steps wgmma,selfcheck,calibrate
check "a new kernel that fails alone is done without" in_order "selfcheck -o.*portable" "calibrate.*portable"
: >"$FAILING"
day portable --steps validate
check "in later starts, too" in_order "validate.*portable"
printf '%s\n' '-o exit 1' >"$FAILING"
day lost --steps selfcheck
check "kernels that were not come to are checked by themselves" in_order "only kv-copy" "only stream-copy"
check "with what there was" test -s lost/selfcheck.txt

printf '%s\n' 'calibrate exit 1' >"$FAILING"
day no-profile
check "without a profile nothing is validated" test "$(verdict no-profile validate)" = skipped
fake path/slow
printf '%s\n' 'slow [[ $1 != *compare_torch* ]] || sleep 60' >"$FAILING"
PYTHON=slow day good --minutes 1 --steps torch,calibrate,validate
check "what takes too long is ended" test "$(verdict good torch)" = too-long

: >"$FAILING"
day dry --dry-run
check "a dry run calls nothing" test ! -s "$CALLS" -a ! -e dry
check "and prints the commands" grep -q 'timeout .*spillway-gpu calibrate --model llama-2-7b' out
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
  check "a bundle" "$SPILLWAY_SRCDIR/calib/gpu/bundle" --build "$SPILLWAY_BUILDDIR" -o bundle
  check "is small" test "$(du -sm bundle | cut -f1)" -lt 60
  check "has its data with it" sh -c "env -i bundle/spillway run --model llama-2-7b --device a100-40gb --trace demo \
    --kv-memory 12% | grep 'All 400 requests finished'"
  check "needs no library of this build's" sh -c "env -i bundle/spillway run --help >/dev/null && \
    LD_LIBRARY_PATH=bundle/lib ldd bundle/bin/spillway | grep 'glib.*bundle/lib'"
  check "starts its own day" sh -c "env -i PATH='$PATH' bundle/gpu-day --dry-run | grep 'bundle/bin/spillway-gpu selfcheck'"
else
  echo "ok $((++number)) - a bundle # SKIP this build has no spillway-gpu with its tests"
fi
echo "1..$number"
