#!/usr/bin/env bash
# Brings what the build needs and this machine lacks. Safe to repeat; the second run takes a second.
#
# usage: cmake/setup.sh [--with tests|fuzz|emulators]... [--backend iree|openvino|onnxruntime-qnn]... [--prefix DIR] [--plan]
#
#   --with tests     also what the tests need: Catch2, libzip, Python packages, a second small model
#   --with fuzz      also clang 19 with libFuzzer (large)
#   --with emulators also what runs variants and kernels for devices that are not here: qemu and a cross compiler for aarch64, a software
#                    Vulkan driver
#   --backend NAME   also a vendor's compiler, into PREFIX/backends/NAME
#   --prefix DIR     where to put what does not come from Debian's packages (default: .deps beside the sources)
#   --plan           say what would be done, and stop
#
# Debian packages come by apt, as root only; otherwise the list is printed and the script goes on with the rest. Everything
# else comes from PyPI into PREFIX, pinned by version and hash in cmake/requirements/. Nothing outside PREFIX and apt changes.
# Whoever has the dependencies already does not need this script: cmake --preset release && cmake --build --preset release.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source_dir=$(dirname "$here")

prefix="$source_dir/.deps" plan_only=no tests=no fuzz=no emulators=no
backends=()
while [ $# -gt 0 ]; do
  case $1 in
    --with) case ${2:-} in
        tests) tests=yes ;;
        fuzz) fuzz=yes ;;
        emulators) emulators=yes ;;
        *) echo "setup: --with takes tests, fuzz or emulators, not '${2:-}'" >&2; exit 2 ;;
      esac; shift 2 ;;
    --backend) [ -f "$here/requirements/backend-${2:-}.in" ] || {
        echo "setup: no backend '${2:-}'; there are: $(cd "$here/requirements" && ls backend-*.in | sed 's/backend-\(.*\)\.in/\1/' | xargs)" >&2
        exit 2; }
      backends+=("$2"); shift 2 ;;
    --prefix) prefix=$(realpath -m "${2:?--prefix wants a folder}"); shift 2 ;;
    --plan) plan_only=yes; shift ;;
    -h|--help) sed -n '2,18s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "setup: unknown argument '$1'; see --help" >&2; exit 2 ;;
  esac
done

# ---- what is asked for, and what of it is missing ----

debian=(ninja-build ccache python3-venv protobuf-compiler libprotobuf-dev nlohmann-json3-dev libssl-dev libspdlog-dev
  libfmt-dev libcli11-dev libdeflate-dev libxxhash-dev)
[ $tests = no ] || debian+=(libzip-dev unzip)
[ $fuzz = no ] || debian+=(clang-19 libclang-rt-19-dev)
[ $emulators = no ] || debian+=(qemu-user libc6-arm64-cross libstdc++6-arm64-cross g++-aarch64-linux-gnu libvulkan1 mesa-vulkan-drivers)

say() { printf 'setup: %s\n' "$*"; }

missing_debian() {
  local package
  for package in "${debian[@]}"; do
    case $package in
      python3-venv) python3 -c 'import venv, ensurepip' 2>/dev/null && continue ;;
      ninja-build) command -v ninja >/dev/null && continue ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

# A part is done when its stamp holds the digest of its recipe: the pins and the function that makes it. Changing either
# makes that part anew, and no other.
maker() { case $1 in backend-onnxruntime-qnn) echo make_qnn ;; backend-*) echo make_backend ;; *) echo "make_${1//-/_}" ;; esac; }
recipe() {
  { declare -f "$(maker "$1")"; cat "$here/requirements/$1.txt" 2>/dev/null || true; } | sha256sum | cut -c1-16
}
is_done() { [ "$(cat "$prefix/.stamps/$1" 2>/dev/null)" = "$(recipe "$1")" ]; }
mark_done() { mkdir -p "$prefix/.stamps"; recipe "$1" > "$prefix/.stamps/$1"; }

# ---- how each part is made ----

install_debian() {
  if [ "$(id -u)" -ne 0 ]; then
    say "not root, so not installing; if the build misses something: sudo apt-get install ${missing[*]}"
    return
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq -o Acquire::Retries=3 update
  apt-get -qq -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 --no-install-recommends install "${missing[@]}" > "$work/apt.log" 2>&1 ||
    { tail -20 "$work/apt.log" >&2; exit 1; }
}

python="$prefix/venv/bin/python"
ensure_venv() {
  [ -x "$python" ] && "$python" -m pip --version >/dev/null 2>&1 && return
  rm -rf "$prefix/venv"
  python3 -m venv "$prefix/venv"
}
pip() { ensure_venv; PYTHONWARNINGS=ignore "$python" -m pip --disable-pip-version-check --quiet "$@"; }
# One file of a pinned release, into $work/NAME/.
pip_download() {
  local name=$1; shift
  pip download --no-deps --require-hashes -r "$here/requirements/$name.txt" -d "$work/$name" "$@"
}

# Static, without protobuf's reflection: two full copies of onnx in one process abort ("File already exists in database").
# -O1, since it builds in 0.6 of -O3's time and what it does for us (tables of schemas, shapes of nodes) is never a hot loop.
make_onnx() {
  pip install --require-hashes -r "$here/requirements/build.txt"
  PATH="$prefix/venv/bin:$PATH" pip_download onnx --no-binary :all: --no-build-isolation
  tar -xf "$work"/onnx/onnx-*.tar.gz -C "$work/onnx"
  local generator=() launcher=()
  if command -v ninja >/dev/null; then generator=(-G Ninja); fi
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  { "$prefix/venv/bin/cmake" ${generator[@]+"${generator[@]}"} -S "$work"/onnx/onnx-*/ -B "$work/onnx/build" \
      ${launcher[@]+"${launcher[@]}"} -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$work/onnx/install" \
      -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG" -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DONNX_ML=ON \
      -DONNX_USE_LITE_PROTO=ON -DONNX_USE_UNITY_BUILD=ON -DONNX_GEN_PB_TYPE_STUBS=OFF &&
    "$prefix/venv/bin/cmake" --build "$work/onnx/build" --parallel "$(nproc)" --target install
  } > "$work/onnx.log" 2>&1 || { tail -30 "$work/onnx.log" >&2; say "building onnx failed, see above"; exit 1; }
  rm -rf "$prefix/onnx"
  mv "$work/onnx/install" "$prefix/onnx"
}

# The library from the wheel, the headers from Debian: the C API is append-only, so older headers work with it.
make_onnxruntime() {
  pip_download onnxruntime --only-binary :all:
  mkdir -p "$work/ort/lib" "$work/ort/include"
  python3 "$here/unpack.py" "$work"/onnxruntime/*.whl "$work/ort/lib" 'onnxruntime/capi/libonnxruntime.so.*' \
    'onnxruntime/capi/libonnxruntime_providers_shared.so' 'onnxruntime/LICENSE' 'onnxruntime/ThirdPartyNotices.txt'
  local library
  library=$(basename "$work"/ort/lib/libonnxruntime.so.*)
  ln -s "$library" "$work/ort/lib/libonnxruntime.so.1"
  ln -s libonnxruntime.so.1 "$work/ort/lib/libonnxruntime.so"
  if ! dpkg --compare-versions "$(dpkg-query -W -f '${Version}' libonnxruntime-dev 2>/dev/null || echo 0)" ge 1.22 2>/dev/null; then
    if "$here/fetch-deb.sh" forky libonnxruntime-dev "$work/ort-dev" > "$work/ort-dev.log"; then
      mv "$work/ort-dev/usr/include/onnxruntime" "$work/ort/include/"
    else
      say "no headers for ONNX Runtime: the onnxruntime backend will not be built; set OnnxRuntime_ROOT to an install of 1.22 or newer"
    fi
  fi
  rm -rf "$prefix/onnxruntime"
  mv "$work/ort" "$prefix/onnxruntime"
}

make_catch2() {
  if dpkg --compare-versions "$(apt-cache show libcatch2-dev 2>/dev/null | sed -n 's/^Version: //p' | head -1)" ge 3 2>/dev/null &&
    [ "$(id -u)" -eq 0 ]; then
    apt-get -qq -y --no-install-recommends install libcatch2-dev > "$work/apt.log"
  else
    "$here/fetch-deb.sh" bookworm-backports libcatch2-dev "$prefix/catch2" >/dev/null
  fi
}

# The same release for aarch64, where the kernels' unit tests run under qemu.
make_catch2_arm64() { "$here/fetch-deb.sh" bookworm-backports libcatch2-dev "$prefix/catch2-arm64" arm64 >/dev/null; }

make_models() {
  pip_download models
  python3 "$here/unpack.py" "$work"/models/*.whl "$prefix/models" 'rapidocr_onnxruntime/models/*.onnx'
}
make_models_tests() {
  pip_download models-tests --only-binary :all: --platform any
  python3 "$here/unpack.py" "$work"/models-tests/*.whl "$prefix/models" 'magika/models/standard_v3_3/model.onnx=magika.onnx'
}
make_tests() { pip install --only-binary :all: --require-hashes -r "$here/requirements/tests.txt"; }

# Of Qualcomm's wheel only what compiling for the HTP uses (113 of 256 MB): no Python, no other processors, in one folder, since
# libQnnHtp.so looks for its C++ library beside itself too.
make_qnn() {
  local name=backend-onnxruntime-qnn
  rm -rf "$prefix/backends/onnxruntime-qnn"
  pip_download "$name" --only-binary :all:
  python3 "$here/unpack.py" "$work/$name"/*.whl "$prefix/backends/onnxruntime-qnn/lib" \
    'onnxruntime_qnn/libonnxruntime_providers_qnn.so' 'onnxruntime_qnn/libQnnHtp.so' 'onnxruntime_qnn/libQnnSystem.so' \
    'onnxruntime_qnn.libs/lib*.so*' 'onnxruntime_qnn/build_and_package_info.py' 'onnxruntime_qnn/Qualcomm_LICENSE.pdf' \
    'onnxruntime_qnn/LICENSE' 'onnxruntime_qnn/ThirdPartyNotices.txt'
}

make_backend() {
  local name=$1
  rm -rf "$prefix/backends/$name"
  mkdir -p "$prefix/backends"
  # A virtual environment each: vendors pin numpy and friends as they like, and a removed folder is a removed backend.
  python3 -m venv "$prefix/backends/$name"
  local own="$prefix/backends/$name/bin/python"
  case $name in
    iree) "$own" -m pip --disable-pip-version-check --quiet install --only-binary :all: --require-hashes -r "$here/requirements/backend-$name.txt"
      # The runtime for aarch64, run under qemu: how a variant for such a device is verified here. 8 MB.
      "$own" -m pip --disable-pip-version-check --quiet download --no-deps --only-binary :all: --require-hashes --platform manylinux_2_28_aarch64 \
        --python-version 3.11 -r <(sed -n '/^iree-base-runtime==/,/[^\\]$/p' "$here/requirements/backend-$name.txt") -d "$work/iree-arm64"
      python3 -m zipfile -e "$work"/iree-arm64/*.whl "$prefix/backends/$name/emulated/arm64"
      chmod +x "$prefix/backends/$name"/emulated/arm64/iree/_runtime_libs/iree-* ;;
    *) "$own" -m pip --disable-pip-version-check --quiet install --only-binary :all: --require-hashes --no-deps -r "$here/requirements/backend-$name.txt" ;;
  esac
}

# ---- the plan ----

# name | download in MB | minutes on two cores | what
parts=("onnx|33|2|onnx 1.23 C++ library, built from its source release"
  "onnxruntime|34|1|ONNX Runtime 1.31 library and C headers"
  "models|15|1|PP-OCRv4 models (from rapidocr-onnxruntime)")
[ $tests = no ] || parts+=("catch2|2|1|Catch2 3" "models-tests|11|1|magika's classifier" "tests|66|1|Python packages for the tests")
if [ $tests = yes ] && [ $emulators = yes ]; then parts+=("catch2-arm64|2|1|Catch2 3 for aarch64"); fi
for backend in ${backends[@]+"${backends[@]}"}; do
  case $backend in
    iree) parts+=("backend-iree|127|1|IREE compiler and runtime") ;;
    openvino) parts+=("backend-openvino|57|1|OpenVINO") ;;
    onnxruntime-qnn) parts+=("backend-onnxruntime-qnn|95|1|Qualcomm QNN plug-in for ONNX Runtime") ;;
  esac
done

have_dpkg=$(command -v dpkg-query || true)
missing=()
[ -z "$have_dpkg" ] || mapfile -t missing < <(missing_debian)
todo=() download=0 minutes=0
for part in "${parts[@]}"; do
  IFS='|' read -r name megabytes mins what <<< "$part"
  if ! is_done "$name"; then
    todo+=("$part") download=$((download + megabytes)) minutes=$((minutes + mins))
  fi
done

if [ ${#missing[@]} -eq 0 ] && [ ${#todo[@]} -eq 0 ]; then
  say "nothing to do, everything is in $prefix"
  exit 0
fi
say "this will"
if [ ${#missing[@]} -gt 0 ]; then
  say "  install Debian packages: ${missing[*]}"
  apt_mb=25
  case " ${missing[*]} " in *" clang-19 "*) apt_mb=$((apt_mb + 60)) ;; esac
  case " ${missing[*]} " in *" qemu-user "*) apt_mb=$((apt_mb + 70)) ;; esac
  case " ${missing[*]} " in *" g++-aarch64-linux-gnu "*) apt_mb=$((apt_mb + 45)) ;; esac
  download=$((download + apt_mb)) minutes=$((minutes + 1))
fi
for part in ${todo[@]+"${todo[@]}"}; do
  IFS='|' read -r name megabytes mins what <<< "$part"
  say "  fetch into ${prefix#"$PWD"/}: $what ($megabytes MB)"
done
say "about $download MB to download, about $minutes minutes on two cores"
[ $plan_only = no ] || exit 0

# ---- the work ----

mkdir -p "$prefix/.stamps"
exec 9> "$prefix/.lock"
flock -n 9 || { say "another set-up works in $prefix, waiting for it"; flock 9; }
work=$(mktemp -d "$prefix/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

[ ${#missing[@]} -eq 0 ] || { say "installing Debian packages"; install_debian; }
for part in ${todo[@]+"${todo[@]}"}; do
  IFS='|' read -r name _ _ what <<< "$part"
  say "$what"
  began=$SECONDS
  "$(maker "$name")" "${name#backend-}"
  mark_done "$name"
  say "  done in $((SECONDS - began)) s"
done
say "ready"
