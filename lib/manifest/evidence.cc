// evidence/*.json, version 1: format "onnx-pack/evidence", schema_version, package_id, producer,
// device (a target), entries[].
#include "onnxpack/manifest/evidence.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fields.h"
#include "onnxpack/base/text.h"
#include "value_info.h"

namespace onnxpack::manifest {
namespace {

using json::Cursor;

Result<double> read_milliseconds(const Cursor& cursor, std::string_view key) {
  ONNXPACK_TRY(auto field, cursor.at(key));
  ONNXPACK_TRY(double value, field.number());
  if (!std::isfinite(value) || value < 0) {
    return std::unexpected(field.error(fmt::format("expected milliseconds, found {}", value)));
  }
  return value;
}

json::Value to_json(const Latency& latency) {
  return json::object({{"session_ms", latency.session_ms},
                       {"first_run_ms", latency.first_run_ms},
                       {"median_ms", latency.median_ms},
                       {"p10_ms", latency.p10_ms},
                       {"p90_ms", latency.p90_ms},
                       {"runs", latency.runs},
                       {"threads", latency.threads}});
}

Result<Latency> read_latency(const Cursor& cursor, target::UnknownFields mode) {
  ONNXPACK_CHECK(read_unknown(
      cursor, {"session_ms", "first_run_ms", "median_ms", "p10_ms", "p90_ms", "runs", "threads"},
      mode));
  Latency out;
  ONNXPACK_TRY(out.session_ms, read_milliseconds(cursor, "session_ms"));
  ONNXPACK_TRY(out.first_run_ms, read_milliseconds(cursor, "first_run_ms"));
  ONNXPACK_TRY(out.median_ms, read_milliseconds(cursor, "median_ms"));
  ONNXPACK_TRY(out.p10_ms, read_milliseconds(cursor, "p10_ms"));
  ONNXPACK_TRY(out.p90_ms, read_milliseconds(cursor, "p90_ms"));
  ONNXPACK_TRY(out.runs, read_size(cursor, "runs"));
  ONNXPACK_TRY(out.threads, read_size(cursor, "threads"));
  return out;
}

json::Value to_json(const EvidenceEntry& entry) {
  json::Value out = json::object(
      {{"component_name", entry.component}, {"component_sha256", entry.component_sha256}});
  put(out, "variant", entry.variant);
  put(out, "blobs", entry.blobs);
  put(out, "runtime", entry.runtime);
  put(out, "equivalence", entry.equivalence);
  put(out, "equivalence_reason", entry.equivalence_reason);
  put(out, "inputs", entry.inputs);
  if (entry.latency) out["latency"] = to_json(*entry.latency);
  return out;
}

Result<EvidenceEntry> read_entry(const Cursor& cursor, target::UnknownFields mode) {
  ONNXPACK_CHECK(read_unknown(cursor,
                              {"component_name", "component_sha256", "variant", "blobs", "runtime",
                               "equivalence", "equivalence_reason", "inputs", "latency"},
                              mode));
  EvidenceEntry out;
  ONNXPACK_TRY(out.component, read_string(cursor, "component_name"));
  ONNXPACK_TRY(out.component_sha256, read_digest(cursor, "component_sha256"));
  ONNXPACK_TRY(out.variant, read_text(cursor, "variant"));
  ONNXPACK_TRY(out.blobs, json::read_optional_array(
                              cursor, "blobs", [](const Cursor& item) -> Result<std::string> {
                                ONNXPACK_TRY(std::string digest, item.string());
                                if (!is_sha256(digest))
                                  return std::unexpected(item.error(fmt::format(
                                      "expected a SHA-256, found \"{}\"", printable(digest))));
                                return digest;
                              }));
  ONNXPACK_TRY(out.runtime, read_text(cursor, "runtime"));
  ONNXPACK_TRY(auto equivalence, cursor.find("equivalence"));
  if (equivalence) {
    ONNXPACK_TRY(out.equivalence,
                 equivalence->string_in({"passed", "failed", "weak-input", "not-run"}));
  }
  ONNXPACK_TRY(out.equivalence_reason, read_text(cursor, "equivalence_reason"));
  ONNXPACK_TRY(out.inputs, read_text(cursor, "inputs"));
  ONNXPACK_TRY(auto latency, cursor.find("latency"));
  if (latency) {
    ONNXPACK_TRY(out.latency, read_latency(*latency, mode));
  }
  return out;
}

}  // namespace

json::Value to_json(const Evidence& evidence) {
  json::Value out = json::Object();
  write_header(out, evidence_format, evidence.version);
  put(out, "package_id", evidence.package_id);
  put(out, "producer", evidence.producer);
  out["device"] = target::to_json(evidence.device);
  put_array(out, "entries", evidence.entries,
            [](const EvidenceEntry& entry) { return to_json(entry); });
  return out;
}

Result<Evidence> evidence_from_json(const json::Value& value) {
  Cursor root(value);
  ONNXPACK_TRY(Header header, read_header(root, evidence_format));
  ONNXPACK_CHECK(read_unknown(
      root, {"format", "schema_version", "package_id", "producer", "device", "entries"},
      header.unknown));
  Evidence out;
  out.version = header.version;
  ONNXPACK_TRY(out.package_id, read_text(root, "package_id"));
  ONNXPACK_TRY(out.producer, read_text(root, "producer"));
  ONNXPACK_TRY(auto device, root.at("device"));
  ONNXPACK_TRY(out.device, in(target::target_from_json(device.value()), device.path()));
  ONNXPACK_TRY(out.entries, json::read_optional_array(root, "entries", [&](const Cursor& item) {
                 return read_entry(item, header.unknown);
               }));
  return out;
}

bool speaks_of(const EvidenceEntry& entry, const Manifest& manifest, const Variant& variant) {
  const Component* component = manifest.find_component(variant.component);
  if (component == nullptr || entry.component_sha256 != component->original.sha256 ||
      entry.blobs.empty())
    return false;
  std::vector<std::string> mine;
  for (const Partition& partition : variant.partitions) {
    for (const Blob& blob : partition.blobs) {
      const Member* member = manifest.find_member(blob.member);
      if (member == nullptr) return false;
      mine.push_back(member->sha256);
    }
  }
  std::vector<std::string> theirs = entry.blobs;
  std::ranges::sort(mine);
  std::ranges::sort(theirs);
  return mine == theirs;
}

bool speaks_of_original(const EvidenceEntry& entry, const Manifest&, const Component& component) {
  return entry.blobs.empty() && entry.variant.empty() &&
         entry.component_sha256 == component.original.sha256;
}

}  // namespace onnxpack::manifest
