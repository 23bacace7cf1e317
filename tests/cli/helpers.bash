# Functions for the cases; read by bash before each case (BASH_ENV), unless the case is one of bash's own children.
unset BASH_ENV

# norm [time] [size] [digest] [speed]...: replaces what may differ between two machines; without arguments, all of it.
#   time    1.2 s, 340 ms, 2 min 3 s       -> TIME
#   size    4.7 MB, 12 KiB, 17 bytes       -> SIZE
#   digest  64 hexadecimal digits          -> SHA256
norm() {
  local kinds="${*:-time size digest}" script=""
  case " $kinds " in *" digest "*) script+='s/\b[0-9a-f]{64}\b/SHA256/g;' ;; esac
  case " $kinds " in *" size "*) script+='s/\b[0-9][0-9.,]* ?([kKMGT]i?B|bytes|byte|B)\b/SIZE/g;' ;; esac
  case " $kinds " in *" time "*) script+='s/\b([0-9]+ ?(h|min) )?[0-9][0-9.]* ?(ns|us|µs|ms|s|min|h)\b/TIME/g;' ;; esac
  sed -E "$script"
}

# normed KINDS -- COMMAND...: runs a command with both its streams normalised and its exit code kept.
normed() {
  local kinds=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do kinds+=("$1"); shift; done
  shift
  local out err status
  out=$(mktemp) err=$(mktemp)
  "$@" > "$out" 2> "$err"
  status=$?
  norm "${kinds[@]}" < "$out"
  norm "${kinds[@]}" < "$err" >&2
  rm -f "$out" "$err"
  return $status
}
