#!/usr/bin/env bash
# From a bare machine to a verified package for five devices: sets up, builds, and runs the main job on a real model, PP-OCRv4's text detector.
# Safe to repeat; the second time it takes seconds where nothing changed. usage: examples/quickstart.sh [--small] [--setup-only]
#   --small       ONNX Runtime only: two targets, 330 MB less to download
#   --setup-only  stop after the set-up
set -euo pipefail
cd "$(dirname "$0")/.."

small=no setup_only=no
for argument in "$@"; do
  case $argument in
    --small) small=yes ;;
    --setup-only) setup_only=yes ;;
    *) echo "quickstart: unknown argument '$argument'; it takes --small and --setup-only" >&2; exit 2 ;;
  esac
done

if [ $small = yes ]; then
  setup=() download="110 MB, 4 minutes" job="half a minute"
else
  setup=(--backend iree --backend openvino --backend onnxruntime-qnn --with emulators) download="530 MB, 6 minutes" job="three minutes"
fi
cat <<TEXT
This will
  1. install what the build lacks: Debian packages by apt, the rest from PyPI into .deps/   (about $download)
  2. build onnx-pack into build/release                                                      (about 5 minutes on two cores)
  3. pack PP-OCRv4's text detector (4.7 MB) for several devices, look at the package, run every variant that can run here,
     choose one for this machine and slim the package to it, in build/quickstart              (about $job)
TEXT

bash cmake/setup.sh ${setup[@]+"${setup[@]}"}
[ $setup_only = no ] || exit 0

echo
echo "== building"
generator=()
if command -v ninja >/dev/null && [ ! -f build/release/CMakeCache.txt ]; then generator=(-G Ninja); fi
mkdir -p build
export CCACHE_BASEDIR=${CCACHE_BASEDIR-$PWD} CCACHE_NOHASHDIR=1
cmake --preset release ${generator[@]+"${generator[@]}"} > build/quickstart-configure.log ||
  { cat build/quickstart-configure.log; exit 1; }
programs=(onnx-pack)
buildable=$(cmake --build build/release --target help)
for backend in onnxruntime openvino; do
  if grep -q "onnx-pack-backend-$backend\b" <<< "$buildable"; then programs+=("onnx-pack-backend-$backend"); fi
done
cmake --build build/release --parallel "$(nproc)" --target "${programs[@]}" > build/quickstart-build.log 2>&1 ||
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
# A picture of text: a detector shown noise answers next to nothing, which proves next to nothing.
python3 "$examples/render_text.py" text.npy HELLO 64 160
if [ $small = yes ]; then
  targets=(--target x86-64-v3 --target aarch64)
else
  # Two CPU levels, an ARM CPU, Snapdragon 8 Gen 3's NPU and any GPU with Vulkan. Their compilers need to know the shape of the picture.
  targets=(--target x86-64-v3 --target x86-64-v4 --target aarch64 --target qualcomm-sm8650 --target vulkan --input-shape x:1,3,64,160)
fi
show onnx-pack build detector.onnx "${targets[@]}" -o detector.onnxpkg --force
show onnx-pack inspect detector.onnxpkg
# Every variant that can run here, emulated devices included, against the original's numbers.
show onnx-pack verify detector.onnxpkg --input x=text.npy --runs 5
# How fast is what suits this machine? In turns, each in a process of its own, against the original.
show onnx-pack bench detector.onnxpkg --input x=text.npy --record evidence.json
# What was measured here ranks; without --evidence a variant for a CPU or any GPU stands below the original graph.
show onnx-pack select detector.onnxpkg --target host --input-shape x:1,3,64,160 --evidence evidence.json --explain -o slim.onnxpkg --force
show onnx-pack select detector.onnxpkg --target qualcomm-sm8650 --dry-run
show onnx-pack extract slim.onnxpkg --original -o back --force
show cmp detector.onnx back/detector.onnx
# The artifact is a zip, and the model in it a standard one.
rm -rf unzipped && mkdir unzipped
show python3 -m zipfile -e detector.onnxpkg unzipped
ls -l unzipped/components/model/model.onnx
echo
echo "done: build/quickstart/detector.onnxpkg holds the model and its variants, slim.onnxpkg what this machine needs"
