# What can stand at a place of spillway's command line: the shells' completions ask this, in each of them.
# usage: PROGRAM WORD...    the words after the program, the one that is being typed last
# Prints a line a candidate, with a tab and its help where it has some, and a line of a slash where a file does as well.
# Names come from `spillway list`, options from `spillway VERB --help`: what is completed is what the program has.
program=$1
shift

ask()
{
  "$program" "$@" </dev/null
}

names()
{
  ask list "$1" --names
}

# usage: items VERB HEADING    what its help lists there, with what it says of each
items()
{
  ask "$1" --help | sed -n "/^$2:\$/,/^\$/s/^  \([a-z0-9-]*\) *\(.*\)/\1	\2/p"
}

# The long options of a verb, as its --help shows them: --name, or --name= where one takes a value.
options()
{
  echo --help
  ask "$@" --help |
    sed -n '/^Examples:/q; s/^  *\(-[[:alnum:]], *\)\{0,1\}\(--[[:alnum:]-]*=\{0,1\}\)\([^ ]* *\(.*\)\)\{0,1\}$/\2	\4/p'
}

file()
{
  echo /
}

# Behind the commas of a list.
further()
{
  case $current in
  *,*) sed "s|^|${current%,*},|" ;;
  *) cat ;;
  esac
}

values()
{
  case $verb,$1 in
  compare,--overflow) { names overflow && echo all; } | further ;;
  regret,--overflow) names overflow | further ;;
  regret,--victim) names victims | further ;;
  *,--overflow) names overflow ;;
  *,--scheduler) names schedulers ;;
  *,--victim) names victims ;;
  *,--admission) names admission ;;
  *,--router) names routers ;;
  *,--executor) names executors ;;
  *,--figure) names figures ;;
  *,--trace-format) names trace-formats ;;
  *,--device) names devices && names profiles && file ;;
  *,--host) names hosts && file ;;
  *,--disk) names disks && file ;;
  *,--profile) names profiles && file ;;
  *,--model) names models && file ;;
  *,--trace) names traces && file ;;
  *,--kv-cache-dtype) printf '%s\n' auto fp8 fp8_e4m3 fp8_e5m2 bfloat16 float16 ;;
  *,--mamba-ssm-cache-dtype) printf '%s\n' auto float32 float16 bfloat16 ;;
  *,--quantization) printf '%s\n' fp8 fp8_block nvfp4 int4 ;;
  *,--context-chunking-policy) printf '%s\n' first-come-first-served equal-progress ;;
  *,--capacity-policy) printf '%s\n' guaranteed-no-evict max-utilization static-batch ;;
  *,--copy-path) printf '%s\n' per-layer per-block batched ;;
  *,--load-format) printf '%s\n' auto dummy safetensors ;;
  *,--copy-method) printf '%s\n' pieces batch kernel ;;
  *,--host-memory) printf '%s\n' pinned pageable ;;
  *,--search) printf '%s\n' rate concurrency ;;
  *,--detail) printf '%s\n' figures series all ;;
  *,--chart) items plot Charts | further ;;
  selfcheck,--only) ask selfcheck --help | sed -n '/^Kernels:$/,/^$/s/^  //p' | tr ' ' '\n' | further ;;
  report,--format) printf '%s\n' html png svg pdf ;;
  import,--format) file ;;
  *,--format) printf '%s\n' table json csv ;;
  *) file ;;
  esac
}

# What a verb takes beside its options.
arguments()
{
  case $verb,$kind in
  list,) items list Lists ;;
  model,) printf '%s\n' list show ;;
  study, | trace, | profile,) items "$verb" Kinds ;;
  model,*) values --model ;;
  profile,*) names profiles && file ;;
  trace,*) values --trace ;;
  *) file ;;
  esac
}

verb=$1 kind= current= previous= given=
[ $# -gt 1 ] || { ask list verbs | sed 's/^ *\([^ ]*\) */\1	/' && printf '%s\n' --help --version; exit; }
for word; do
  previous=$current
  current=$word
done
# The kinds of these verbs have options of their own.
case $verb in
model | study | trace | profile | list) [ $# -lt 3 ] || kind=$2 ;;
esac
case $current in
--*=*)
  given=${current%%=*}=
  previous=${current%%=*}
  current=${current#*=}
  ;;
esac
if [ -n "$given" ] || options "$verb" $kind | grep -q "^$previous=	"; then
  values "$previous" | sed "/^\/\$/!s|^|$given|"
else
  case $current in
  -*) options "$verb" $kind ;;
  *) arguments ;;
  esac
fi
