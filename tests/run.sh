#!/usr/bin/env bash
# Sets up what is missing, builds, and runs every test. Safe to repeat; the second time only what changed is built.
#
# usage: tests/run.sh [--quick] [--small] [--stage NAME]... [--jobs N]
#
#   --quick        the release stage only
#   --small        without the compilers of other vendors and emulators (350 MB less to download); their tests are skipped and counted
#   --stage NAME   only this stage, repeatable: release, sanitize, tsan
#   --jobs N       build and test jobs at a time (default: all cores)
#
#   release    everything as people run it: unit, command, structure and conformance tests, fuzz corpora replayed
#   sanitize   unit tests and fuzzers, built by clang 19 with AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan       unit tests of what uses threads, with ThreadSanitizer
set -uo pipefail
cd "$(dirname "$0")/.."

# ccache, where there is one, then knows the sources of another checkout as the same.
export CCACHE_BASEDIR=${CCACHE_BASEDIR-$PWD} CCACHE_NOHASHDIR=1

# The areas whose unit tests run under ThreadSanitizer: those that start threads or are promised to be shared between them.
tsan_areas="base io crypto backend"

stages=() jobs=$(nproc) small=no
while [ $# -gt 0 ]; do
  case $1 in
    --quick) stages=(release); shift ;;
    --small) small=yes; shift ;;
    --stage) case ${2:-} in
        release|sanitize|tsan) stages+=("$2") ;;
        *) echo "run.sh: no stage '${2:-}'; there are: release, sanitize, tsan" >&2; exit 2 ;;
      esac; shift 2 ;;
    --jobs) jobs=${2:?--jobs wants a number}; shift 2 ;;
    -h|--help) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "run.sh: unknown argument '$1'; see --help" >&2; exit 2 ;;
  esac
done
[ ${#stages[@]} -gt 0 ] || stages=(release sanitize tsan)

wants() { case " ${stages[*]} " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
say() { printf '\n== %s\n' "$*"; }

echo "This sets up what the build lacks (asking apt and PyPI), builds into build/, and runs these stages; minutes on two cores, first time:"
echo "  setup      5 (a second when nothing is missing; says below what it downloads)"
wants release && echo "  release   10"
wants sanitize && echo "  sanitize  10"
wants tsan && echo "  tsan       4"

# ---- what the stages share ----

total=0 failed=0 skipped=0 broken=()
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

attribute() { sed -n "s/.* $2=\"\([0-9]*\)\".*/\1/p;s/^[[:space:]]$2=\"\([0-9]*\)\"\$/\1/p" "$1" | head -1; }

# configure_and_build PRESET TARGET... -- CMAKE-ARGUMENT...
configure_and_build() {
  local preset=$1 targets=() generator=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do targets+=("$1"); shift; done
  [ $# -eq 0 ] || shift
  if command -v ninja >/dev/null && [ ! -f "build/$preset/CMakeCache.txt" ]; then generator=(-G Ninja); fi
  local began=$SECONDS
  cmake --preset "$preset" ${generator[@]+"${generator[@]}"} "$@" > "$results/configure.log" 2>&1 ||
    { cat "$results/configure.log"; return 1; }
  sed -n '/^-- onnx-pack/,$p' "$results/configure.log"
  cmake --build "build/$preset" --parallel "$jobs" ${targets[@]+--target "${targets[@]}"} > "$results/build.log" 2>&1 ||
    { grep -E 'error|FAILED|undefined' -A5 "$results/build.log" | tail -80; return 1; }
  echo "built in $((SECONDS - began)) s"
}

# run_tests STAGE PRESET CTEST-ARGUMENT...
run_tests() {
  local stage=$1 preset=$2 junit="$results/$1.xml"
  shift 2
  ctest --test-dir "build/$preset" --output-on-failure --parallel "$jobs" --output-junit "$junit" "$@" || broken+=("$stage")
  total=$((total + $(attribute "$junit" tests))) failed=$((failed + $(attribute "$junit" failures)))
  skipped=$((skipped + $(attribute "$junit" skipped)))
  # ctest counts a unit program as one test; what it holds is said here.
  grep -hoE '\(?[0-9]+ assertions? in [0-9]+ test cases?' "build/$preset/Testing/Temporary/LastTest.log" |
    awk '{gsub(/[^0-9 ]/, ""); a += $1; c += $2} END {if (c) printf "%d unit test cases with %d assertions passed\n", c, a}'
}

stage_release() {
  # Warnings are errors where the compiler is the one we know; elsewhere a new compiler's new warning must not stop anyone.
  configure_and_build release -- "-DONNXPACK_DEVELOPER=${CI:+ON}" && run_tests release release
}

stage_sanitize() {
  configure_and_build fuzz unit_and_fuzz && ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 run_tests sanitize fuzz -L 'unit|fuzz'
}

stage_tsan() {
  local area programs=() pattern=""
  for area in $tsan_areas; do
    if [ -d "tests/unit/$area" ]; then programs+=("unit_$area") pattern+="|^unit_$area\$"; fi
  done
  configure_and_build tsan "${programs[@]}" && TSAN_OPTIONS=halt_on_error=1 run_tests tsan tsan -R "${pattern#|}"
}

# ---- the stages ----

say "setup"
with=(--with tests)
[ $small = yes ] || with+=(--with emulators --backend iree --backend openvino --backend onnxruntime-qnn)
if wants sanitize; then with+=(--with fuzz); fi
bash cmake/setup.sh "${with[@]}" || exit 1

for stage in "${stages[@]}"; do
  say "$stage"
  began=$SECONDS
  "stage_$stage" || broken+=("$stage")
  echo "stage $stage took $((SECONDS - began)) s"
done

say "all stages"
if [ ${#broken[@]} -gt 0 ]; then
  echo "failed in: $(printf '%s\n' "${broken[@]}" | sort -u | xargs)"
  # A stage that did not come to its tests counts as one that failed.
  [ "$failed" -gt 0 ] || { failed=1 total=$((total + 1)); }
fi
echo "$((total - failed - skipped)) passed, $failed failed, $skipped skipped"
[ ${#broken[@]} -eq 0 ]
