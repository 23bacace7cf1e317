// verify: is the package whole, does every byte carry its digest, and does every variant that can
// run here give the original's numbers?
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/manifest/evidence.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/tensor/compare.h"

namespace onnxpack::package {

struct InputSource {
  std::map<std::string, std::filesystem::path> files;  // input name -> .npy (or a .npz holding it)
  std::vector<std::filesystem::path> test_data_sets;   // ONNX test_data_set_* folders
  std::map<std::string, std::pair<double, double>>
      ranges;  // input -> least and most, for generated inputs
  std::map<std::string, std::vector<std::int64_t>> shapes;  // for generated inputs of dynamic shape
  std::uint64_t seed = 1;
};

struct VerifyRequest {
  bool integrity_only = false;
  bool require_verified = false;           // a variant that was not run is then a failure
  std::vector<std::string> variants = {};  // empty: all
  InputSource inputs = {};
  unsigned runs = 10;  // timed runs per variant
  unsigned warmup = 2;
  unsigned threads = 0;
  // Of an original with FlexAttention: its numbers are those of the plain kernels, not the fast
  // ones.
  bool plain_reference = false;
  std::optional<std::filesystem::path> record = {};  // evidence file to write
};

enum class CheckStatus { passed, failed, not_run, weak_input, absent };
std::string_view to_string(CheckStatus status);

// One line of the integrity part: container, manifest, each member, scopes, original.
struct IntegrityCheck {
  std::string name;
  CheckStatus status = CheckStatus::passed;
  std::string detail;
};

struct OutputCheck {
  std::string name;
  tensor::Comparison comparison;
};

struct VariantCheck {
  std::string variant;  // empty: the original graph (the reference)
  std::string component;
  CheckStatus status = CheckStatus::not_run;
  std::string reason;  // why it failed or was not run
  std::string runtime;
  // Where the original had to be lowered to run: as what it ran; of a variant, what it was held
  // against. Never what made the variant's own numbers.
  std::string reference;
  std::vector<OutputCheck> outputs;
  std::optional<manifest::Latency> latency;
};

struct VerifyReport {
  std::vector<IntegrityCheck> integrity;
  std::vector<VariantCheck> variants;
  std::string package_id;
  std::string inputs_description;  // "text.npy", "generated, seed 1"
  std::uint64_t bytes_hashed = 0;
  bool ok = false;  // all that was asked holds
};

// Damage is in the report (ok = false), not an error, as long as the package opens. Errors:
// invalid_argument (inputs that fit no signature), unavailable (no reference runtime and
// equivalence was asked), io, cancelled.
Result<VerifyReport> verify(const Environment& environment, const PackageFile& package,
                            const VerifyRequest& request);

}  // namespace onnxpack::package
