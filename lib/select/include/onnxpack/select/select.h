// Selection: a pure function from manifest, target and evidence to a ranked ladder with a reason
// for every place and every refusal. Needs no blob, no backend, no accelerator. Filter first, then
// a total order. docs/selection.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/manifest/evidence.h"
#include "onnxpack/manifest/manifest.h"
#include "onnxpack/target/compatibility.h"
#include "onnxpack/target/target.h"

namespace onnxpack::select {

enum class Policy {
  measured,  // design: measured beats guessed, unmeasured code for a CPU or any GPU stands below
             // the original graph
  ort,       // ONNX Runtime Model Package's own rule, for parity
};
enum class Fallback { keep, drop };
// Of variants for a CPU, or for any GPU, without a measurement.
enum class Unmeasured { below_original, above_original };

struct Request {
  target::Target target;
  std::string component = "model";
  std::vector<std::string> ep_order;  // the caller's; empty: any. Only the first is on the ladder
                                      // when given (blobs bind to the primary EP)
  std::map<std::string, std::vector<std::int64_t>>
      input_shapes;  // shapes the application will use; empty: not stated
  std::vector<manifest::Evidence> evidence;
  Policy policy = Policy::measured;
  Fallback fallback = Fallback::keep;
  Unmeasured unmeasured = Unmeasured::below_original;
  std::optional<std::string> forced_variant;  // must be compatible all the same
};

enum class Place {
  selected,      // first on the ladder
  compatible,    // on the ladder, below
  incompatible,  // a requirement is not met
  unknown,       // the target does not state something the variant needs
};
std::string_view to_string(Place place);

struct Ranked {
  std::string variant;  // empty: the original graph
  Place place = Place::incompatible;
  target::Verdict verdict = target::Verdict::not_applicable;
  std::string
      reason;  // first failing requirement with both sides, or why it stands where it stands
  std::vector<std::string>
      notes;  // "serves only x=[1,3,48,192]; other shapes fall back to the original graph"
  std::optional<manifest::Latency> latency;  // from the evidence that applied
};

struct Selection {
  std::vector<Ranked> ladder;   // best first; the original graph is in it unless Fallback::drop
  std::vector<Ranked> refused;  // in name order
  std::string decided_by;       // "measured latency (7.2 ms against 10.5 ms of the original graph)"
};

// Errors: not_found (no such component or forced variant, with a suggestion); incompatible when the
// ladder is empty, naming the nearest misses.
Result<Selection> rank(const manifest::Manifest& manifest, const Request& request);

}  // namespace onnxpack::select
