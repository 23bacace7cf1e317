# Sourced by every hostile backend: an honest `describe`, so that each gets as far as `compile` and misbehaves there.
# Sets $verb, $response, $name and, on compile, $out (the output folder).
verb=$1
response=$3
name=${0##*/onnx-pack-backend-}

if [ "$verb" = describe ]; then
  cat >"$response" <<END
{"status": "ok", "protocol": {"min": "1.0", "max": "1.0"}, "name": "$name", "verbs": ["describe", "compile"],
 "description": "hostile: $name", "versions": {"hostile": "1"}, "ep": "test.hostile", "deterministic": true,
 "serves": [{"family": "everything"}]}
END
  exit 0
fi
out=$(sed -n 's/.*"output_dir": *"\([^"]*\)".*/\1/p' "$2")

# event JSON: one line on the events descriptor.
event() {
  eval "printf '%s\n' \"\$1\" >&\"\$ONNX_PACK_EVENTS_FD\""
}

# answer PATH [MORE]: an ok answer with one blob; MORE goes into the blob ("\"size\": 3").
answer() {
  cat >"$response" <<END
{"status": "ok", "variants": [{"ep": "test.hostile", "device": "cpu", "precision": "fp32",
  "coverage": {"covered_nodes": 1, "total_nodes": 1},
  "partitions": [{"scope": "model", "blobs": [{"path": "$1", "role": "model"${2:+, $2}}]}]}]}
END
}
