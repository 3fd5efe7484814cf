# shellcheck shell=bash
# Bash completion for spillway. Verbs and names come from `spillway list`, options from `spillway VERB
# --help`: what is completed is what the program has.

# The words of `spillway list KIND`.
_spillway_names()
{
  "$program" list "$1" --names 2>/dev/null </dev/null
}

# The long options of a verb, as its --help shows them: --name, or --name= where one takes a value.
_spillway_options()
{
  echo --help
  "$program" "$@" --help 2>/dev/null </dev/null |
    sed -n '/^Examples:/q; s/^  *\(-[[:alnum:]], *\)\{0,1\}\(--[[:alnum:]-]*=\{0,1\}\).*/\2/p'
}

# Completes $current from the words on standard input.
_spillway_from()
{
  local IFS=$'\n' found
  mapfile -t found < <(compgen -W "$(cat)" -- "$current")
  COMPREPLY+=("${found[@]}")
}

_spillway_files()
{
  local found
  compopt -o filenames 2>/dev/null
  mapfile -t found < <(compgen -f -- "$current")
  COMPREPLY+=("${found[@]}")
}

# The value of an option, or the argument of a verb.
_spillway_value()
{
  case $1 in
    --overflow) # of compare: a list, whose last word is completed
      local before=
      [[ $current == *,* ]] && before=${current%,*},
      _spillway_from < <({ _spillway_names overflow; [[ $verb != compare ]] || echo all; } | sed "s|^|$before|")
      ;;
    --scheduler) _spillway_from < <(_spillway_names schedulers) ;;
    --victim) _spillway_from < <(_spillway_names victims) ;;
    --admission) _spillway_from < <(_spillway_names admission) ;;
    --executor) _spillway_from < <(_spillway_names executors) ;;
    --figure) _spillway_from < <(_spillway_names figures) ;;
    --trace-format) _spillway_from < <(_spillway_names trace-formats) ;;
    --device) _spillway_from < <(_spillway_names devices; _spillway_names profiles); _spillway_files ;;
    --model) _spillway_from < <(_spillway_names models); _spillway_files ;;
    --trace) _spillway_from < <(_spillway_names traces); _spillway_files ;;
    --kv-cache-dtype) _spillway_from < <(printf '%s\n' auto fp8 fp8_e4m3 fp8_e5m2 bfloat16 float16) ;;
    --copy-path) _spillway_from < <(printf '%s\n' per-layer per-block batched) ;;
    --load-format) _spillway_from < <(printf '%s\n' auto dummy safetensors) ;;
    --copy-method) _spillway_from < <(printf '%s\n' pieces batch kernel) ;;
    --host-memory) _spillway_from < <(printf '%s\n' pinned pageable) ;;
    --chart) _spillway_from < <("$program" plot --help | sed -n '/^Charts:$/,/^$/s/^  \([a-z0-9]*\) .*/\1/p') ;;
    --format) _spillway_from < <(if [[ $verb == report ]]; then printf '%s\n' html png svg pdf; else printf '%s\n' table json csv; fi) ;;
    --only) # a list, whose last word is completed
      local others=
      [[ $current == *,* ]] && others=${current%,*},
      _spillway_from < <("$program" selfcheck --help | sed -n '/^Kernels:$/,/^$/s/^  //p' | tr ' ' '\n' | sed "s|^|$others|")
      ;;
    *) _spillway_files ;;
  esac
}

# What a verb takes beside its options.
_spillway_argument()
{
  case $1 in
    list)
      _spillway_from < <(printf '%s\n' verbs schedulers overflow victims admission executors figures trace-formats \
        devices profiles models traces)
      ;;
    model)
      case $2 in
        model) _spillway_from < <(printf '%s\n' list show) ;;
        *) _spillway_value --model ;;
      esac
      ;;
    profile)
      case $2 in
        profile) _spillway_from < <(printf '%s\n' list show import export check plot) ;;
        *) _spillway_from < <(_spillway_names profiles); _spillway_files ;;
      esac
      ;;
    study) [[ $2 != study ]] || _spillway_from < <(printf '%s\n' poster policies) ;;
    trace)
      case $2 in
        trace) _spillway_from < <(printf '%s\n' gen convert show) ;;
        *) _spillway_value --trace ;;
      esac
      ;;
    *) _spillway_files ;;
  esac
}

_spillway()
{
  local program=$1 verb=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]}
  local previous=${COMP_WORDS[COMP_CWORD - 1]} options
  COMPREPLY=()

  # Bash takes --option=value for three words.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]] && ((COMP_CWORD > 2)); then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi

  if ((COMP_CWORD == 1)); then
    _spillway_from < <(_spillway_names verbs; printf '%s\n' --help --version)
    return
  fi
  # The kinds of `study`, `trace` and `profile` have options of their own.
  if [[ $verb == @(study|trace|profile) ]] && ((COMP_CWORD > 2)); then
    options=$(_spillway_options "$verb" "${COMP_WORDS[2]}")
  else
    options=$(_spillway_options "$verb")
  fi
  if [[ $'\n'$options$'\n' == *$'\n'"$previous="$'\n'* ]]; then
    _spillway_value "$previous"
  elif [[ $current == -* ]]; then
    _spillway_from <<<"$options"
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  else
    _spillway_argument "$verb" "$previous"
  fi
}
complete -F _spillway spillway
