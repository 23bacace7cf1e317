#!/usr/bin/env bash
# Writes NAME.txt, versions with the hashes of every file of that release, from NAME.in. Run it after changing an .in file.
# usage: lock.sh [NAME...]      needs pip-tools (pip-compile)
set -euo pipefail
cd "$(dirname "$0")"
# Packages that are only unpacked, never imported: their own dependencies would be downloaded for nothing.
alone="onnx onnxruntime models models-tests backend-openvino backend-onnxruntime-qnn"

names=("$@")
[ ${#names[@]} -gt 0 ] || names=($(printf '%s\n' *.in | sed 's/\.in$//'))
for name in "${names[@]}"; do
  pip-compile --quiet --generate-hashes --strip-extras --no-header --no-annotate --no-emit-options \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host "$name.in" -o "$name.txt"
  case " $alone " in *" $name "*)
    asked=$(sed -n 's/==.*//p' "$name.in" | paste -sd'|')
    awk -v asked="^($asked)==" '/^[a-z]/ {keep = $0 ~ asked} keep' "$name.txt" > "$name.txt.new"
    mv "$name.txt.new" "$name.txt" ;;
  esac
  echo "$name: $(grep -c == "$name.txt") packages"
done
