#!/usr/bin/env bash
# From a bare machine to a verified package: sets up, builds, and runs the main job on a real model, PP-OCRv4's text detector.
# Safe to repeat; the second time it takes seconds. usage: examples/quickstart.sh [--setup-only]
set -euo pipefail
cd "$(dirname "$0")/.."

cat <<'TEXT'
This will
  1. install what the build lacks: Debian packages by apt, the rest from PyPI into .deps/   (about 110 MB, 4 minutes)
  2. build onnx-pack into build/release                                                      (about 5 minutes on two cores)
  3. pack PP-OCRv4's text detector (4.7 MB), look at it, slim it and verify it, in build/quickstart   (half a minute)
TEXT

bash cmake/setup.sh
[ "${1:-}" != --setup-only ] || exit 0

echo
echo "== building"
generator=()
if command -v ninja >/dev/null && [ ! -f build/release/CMakeCache.txt ]; then generator=(-G Ninja); fi
mkdir -p build
export CCACHE_BASEDIR=${CCACHE_BASEDIR-$PWD} CCACHE_NOHASHDIR=1
cmake --preset release ${generator[@]+"${generator[@]}"} > build/quickstart-configure.log ||
  { cat build/quickstart-configure.log; exit 1; }
targets=(onnx-pack)
grep -q 'onnxruntime_headers.*not found' build/quickstart-configure.log || targets+=(onnx-pack-backend-onnxruntime)
cmake --build build/release --parallel "$(nproc)" --target "${targets[@]}" > build/quickstart-build.log 2>&1 ||
  { tail -40 build/quickstart-build.log; exit 1; }

# ---- the main job ----

export PATH="$PWD/build/release/bin:$PATH"
model=$PWD/.deps/models/ch_PP-OCRv4_det_infer.onnx
examples=$PWD/examples
mkdir -p build/quickstart
cd build/quickstart

show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

cp "$model" detector.onnx
show onnx-pack build detector.onnx --target x86-64-v3 --target host -o detector.onnxpkg --force
show onnx-pack inspect detector.onnxpkg
# On a picture of text: a detector shown noise answers next to nothing, which proves next to nothing.
python3 "$examples/render_text.py" text.npy
show onnx-pack verify detector.onnxpkg --input x=text.npy --record evidence.json
# What was measured here ranks; without --evidence a CPU variant nobody measured stands below the original graph.
show onnx-pack select detector.onnxpkg --target host --evidence evidence.json --explain -o slim.onnxpkg --force
show onnx-pack extract slim.onnxpkg --original -o back --force
show cmp detector.onnx back/detector.onnx
echo
echo "done: build/quickstart/detector.onnxpkg holds the model and its variants, slim.onnxpkg what this machine needs"
