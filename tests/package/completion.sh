#!/usr/bin/env bash
# Completion offers what the program has: verbs, a verb's options, the names behind an option. The same cases in bash, and in
# zsh and fish where they are installed.
number=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin"
ln -s "$SPILLWAY" "$folder/bin/spillway"
export PATH=$folder/bin:$PATH folder
built=$SPILLWAY_BUILDDIR/completions
names=()
expected=()

# usage: case_of NAME EXPECTED LINE    what is typed after the program; the last word, "" behind a space, is being completed
case_of()
{
  names+=("$1")
  expected+=("$2")
  echo "$3" >>"$folder/lines"
}

for verb in $("$SPILLWAY" list verbs --names); do
  case_of "verb $verb" "$verb" "${verb:0:3}"
  case_of "options of $verb" "--help" "$verb --hel"
done
case_of "an option with a value" "--model=" "run --mod"
case_of "an option without a value" "--no-stride" "run --no-str"
case_of "a model's name" "llama-2-7b" "run --model ll"
case_of "a device's name, after =" "--device=a100-40gb" "run --device=a100-4"
case_of "right after =" "--overflow=recompute" "run --overflow="
case_of "behind another option's value" "swap" "run --model=llama-2-7b --overflow sw"
case_of "an overflow policy" "swap" "run --overflow sw"
case_of "a further overflow policy" "recompute,swap" "compare --overflow recompute,sw"
case_of "a further one, after =" "--overflow=recompute,swap" "compare --overflow=recompute,sw"
case_of "a further victim" "newest,oldest" "regret --victim newest,ol"
case_of "a kernel" "sampling" "selfcheck --only samp"
case_of "a further kernel" "decode,rope" "selfcheck --only decode,ro"
case_of "a file" "$SPILLWAY_SRCDIR/LICENSE" "run --trace $SPILLWAY_SRCDIR/LICEN"
case_of "a file, after =" "--against=$SPILLWAY_SRCDIR/LICENSE" "run --against=$SPILLWAY_SRCDIR/LICEN"
case_of "a verb's file" "$SPILLWAY_SRCDIR/LICENSE" "report $SPILLWAY_SRCDIR/LICEN"
case_of "an option of trace gen" "--think-time=" "trace gen --thi"
case_of "a kind of profile" "import" "profile imp"
case_of "an option of profile import" "--name=" "profile import --na"
case_of "a chart" "throughput" "plot --chart th"
case_of "a further chart" "kv,ttft" "plot --chart kv,tt"
case_of "a figure" "ttft_s.p99" "plot --figure ttft"
case_of "a kind of list" "figures" "list fig"
case_of "a kind of list" "victims" "list vic"
case_of "a kind of model" "show" "model sh"
case_of "a model to show" "llama-2-7b" "model show llam"
case_of "a report's format" "svg" "report --format sv"
case_of "a study" "poster" "study pos"
case_of "an option of a study" "--device=" "study poster --dev"
case_of "a map" "policies" "study pol"
case_of "an option of a map" "--pressures=" "study policies --pres"
n=${#names[@]}

# Each leaves what it is offered for line I in $folder/SHELL.I, a line each.

offered_by_bash()
{
  local line i=0 words word
  . "$built/spillway"
  complete -p spillway >/dev/null || return
  while read -r line; do
    IFS=' ' read -ra words <<<"$line"
    # Bash takes --option=value for three words.
    COMP_WORDS=(spillway)
    for word in "${words[@]}"; do
      case $word in
      --*=?*) COMP_WORDS+=("${word%%=*}" = "${word#*=}") ;;
      --*=) COMP_WORDS+=("${word%=}" =) ;;
      *) COMP_WORDS+=("$word") ;;
      esac
    done
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _spillway spillway 2>/dev/null
    [[ $word == --*=* ]] && word=${word%%=*}= || word=
    printf -- "$word%s\n" "${COMPREPLY[@]}" >"$folder/bash.$((i++))"
  done <"$folder/lines"
}

# The file runs in zsh; what completes there is only told what it adds, and the files that it asks for are looked up.
offered_by_zsh()
{
  zsh -f -c '
    compdef() { registered=$1$2 }
    compset() { prefix=${words[CURRENT]%%=*}=; [[ $words[CURRENT] == --*=* ]] || prefix= }
    _files() { local typed=${words[CURRENT]#$prefix} found; found=($~typed*(N)); print -l -- $prefix${^found} >>$out }
    compadd() { while [[ $1 != -- ]]; do shift; done; shift; (( ! $# )) || print -l -- $@ >>$out }
    i=0
    source $1
    [[ $registered == _spillwayspillway ]] || exit 1
    while read -r line; do
      out=$folder/zsh.$((i++))
      : >$out
      words=(spillway ${=line}) CURRENT=$#words
      _spillway
    done <$folder/lines' zsh "$built/_spillway"
}

offered_by_fish()
{
  HOME=$folder fish --no-config -c '
    source $argv[1]
    set i 0
    while read line
      complete -C "spillway $line" | string replace -r "\t.*" "" >$folder/fish.$i
      set i (math $i + 1)
    end <$folder/lines' "$built/spillway.fish"
}

# usage: judged SHELL
judged()
{
  local i verdict said=ok
  "offered_by_$1" >"$folder/said" 2>&1 || said="not ok"
  echo "$said $((++number)) - $1 takes the file"
  [ "$said" = ok ] || sed 's/^/# /' "$folder/said"
  for ((i = 0; i < n; i++)); do
    verdict=ok
    grep -qxF -e "${expected[i]}" "$folder/$1.$i" || verdict="not ok"
    echo "$verdict $((++number)) - $1: ${names[i]}"
    [ "$verdict" = ok ] || echo "# expected ${expected[i]}, found: $(head -c 400 "$folder/$1.$i" | tr '\n' ' ')"
  done
}

# TAB in a real zsh.
typed_in_zsh()
{
  zsh -f -c '
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "PS1=; fpath=($1 \$fpath); autoload -Uz compinit && compinit -u -D"
    zpty -w -n shell "spillway run --scheduler tr"$'"'\t'"'"; print found\$?"$'"'\n'"'
    while zpty -r shell found "*found[0-9]*"; do
      [[ $found == *"--scheduler trtllm"* ]] && exit 0
      (( ++reads < 20 )) || exit 1
    done' zsh "$built"
}

judged bash
for shell in zsh fish; do
  if command -v $shell >/dev/null; then
    judged $shell
  else
    echo "ok $((++number)) - $shell # SKIP $shell was not found"
  fi
done
if command -v zsh >/dev/null; then
  verdict=ok
  timeout 60 bash -c "$(declare -f typed_in_zsh); built=$built; typed_in_zsh" >"$folder/said" 2>&1 || verdict="not ok"
  echo "$verdict $((++number)) - zsh: TAB"
  [ "$verdict" = ok ] || sed 's/^/# /' "$folder/said"
fi
echo "1..$number"
