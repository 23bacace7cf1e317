#!/usr/bin/env bash
# Measures what the README and docs claim. usage: tests/bench/run.sh [--json FILE] [NAME...]     (names: see tests/bench/run.sh --list)
# Every figure comes with its method, centre and spread; what is compared runs in turns in one process, so quote ratios, not seconds.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${ONNXPACK_BUILD:-build/release}
if [ ! -x "$build/bin/onnx-pack" ] && [ -z "${ONNXPACK_PROGRAM:-}" ]; then
  echo "no program at $build/bin/onnx-pack: run examples/quickstart.sh or cmake --build --preset release first" >&2
  exit 4
fi
python=.deps/venv/bin/python
[ -x "$python" ] || python=python3
export PYTHONDONTWRITEBYTECODE=1
exec "$python" tests/bench/main.py --build "$build" "$@"
