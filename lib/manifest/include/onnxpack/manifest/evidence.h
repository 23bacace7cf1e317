// Evidence: what was measured or proved about a package after it was built. Bound to component
// digest, blob digests and runtime version; the package id is informative, so adding a variant
// voids none of it. Schema: schemas/evidence.schema.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/json/value.h"
#include "onnxpack/manifest/manifest.h"
#include "onnxpack/target/target.h"

namespace onnxpack::manifest {

struct Latency {
  double session_ms = 0;  // create the session / load the blob
  double first_run_ms = 0;
  double median_ms = 0;  // steady runs
  double p10_ms = 0;
  double p90_ms = 0;
  std::uint64_t runs = 0;
  std::uint64_t threads = 0;  // 0: the runtime's default
  bool operator==(const Latency&) const = default;
};

// One subject: a variant, or the original graph (variant empty).
struct EvidenceEntry {
  std::string component;
  std::string component_sha256;    // of the original model file
  std::string variant;             // label at the time; informative
  std::vector<std::string> blobs;  // SHA-256 of every blob; empty for the original
  std::string runtime;             // "onnxruntime 1.31.1"
  std::string
      equivalence;  // "passed", "failed", "weak-input", "not-run", "" when it was only measured
  std::string equivalence_reason;
  std::string inputs;  // digest of the inputs used
  std::optional<Latency> latency;
  bool operator==(const EvidenceEntry&) const = default;
};

struct Evidence {
  FormatVersion version = current_version;
  std::string package_id;  // informative
  target::Target device;   // facts of the machine it was made on
  std::string producer;    // "onnx-pack 0.1.0"
  std::vector<EvidenceEntry> entries;
  bool operator==(const Evidence&) const = default;
};

json::Value to_json(const Evidence& evidence);
Result<Evidence> evidence_from_json(const json::Value& value);

// True when `entry` speaks of this variant (blob digests and component agree), whatever its label
// was.
bool speaks_of(const EvidenceEntry& entry, const Manifest& manifest, const Variant& variant);
bool speaks_of_original(const EvidenceEntry& entry, const Manifest& manifest,
                        const Component& component);

}  // namespace onnxpack::manifest
