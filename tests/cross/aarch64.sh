#!/usr/bin/env bash
# Cross-compiles lib/kernels and its unit tests for aarch64 and runs them under qemu. Says what is missing, and exits with 77, where
# that cannot be done; cmake/setup.sh --with tests --with emulators brings all of it.
#
# usage: aarch64.sh BUILD-DIR CATCH2-DIR FMT-INCLUDE-DIR [CATCH2-ARGUMENT]...
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 catch2=$2 fmt=$3
shift 3

skip() { echo "skipped: $1; cmake/setup.sh --with tests --with emulators brings it"; exit 77; }
compiler=$(command -v aarch64-linux-gnu-g++) || skip "no aarch64-linux-gnu-g++ here"
emulator=$(command -v qemu-aarch64 || command -v qemu-aarch64-static) || skip "no qemu-aarch64 here"
[ -f "$catch2/usr/lib/libCatch2.a" ] || skip "no Catch2 for aarch64 in $catch2"

generator=()
if command -v ninja >/dev/null && [ ! -f "$build/CMakeCache.txt" ]; then generator=(-G Ninja); fi
cmake -S "$here/kernels" -B "$build" ${generator[@]+"${generator[@]}"} -DCMAKE_BUILD_TYPE=Release -DCMAKE_SYSTEM_NAME=Linux \
  -DCMAKE_SYSTEM_PROCESSOR=aarch64 "-DCMAKE_CXX_COMPILER=$compiler" "-DONNXPACK_CATCH2_DIR=$catch2" \
  "-DONNXPACK_FMT_INCLUDE_DIR=$fmt" -DONNXPACK_DEVELOPER=ON
cmake --build "$build" --parallel "$(nproc)"

# A seed of its own each run would make a failure one that cannot be seen again.
set -x
"$emulator" -L "${QEMU_LD_PREFIX:-/usr/aarch64-linux-gnu}" "$build/bin/unit_kernels" --rng-seed 1 "$@"
