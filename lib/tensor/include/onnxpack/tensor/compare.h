// Is an output the same as the reference's, as far as the declared precision can promise?
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/tensor/tensor.h"

namespace onnxpack::tensor {

// What a variant promises to compute in. Names as in the manifest: "fp64", "fp32", "tf32", "fp16",
// "bf16", "int8", "int4".
enum class Precision : std::uint8_t { fp64, fp32, tf32, fp16, bf16, int8, int4 };
std::string_view to_string(Precision precision);
// Errors: invalid_argument, listing the names.
Result<Precision> parse_precision(std::string_view text);

// The limits for one precision, all relative to the reference output's own energy.
struct Tolerance {
  double relative_rms = 0;       // rms(error) / rms(reference)
  double relative_peak = 0;      // max |error| / max |reference|
  double mismatch_fraction = 0;  // whole numbers and bools: share of elements that may differ
};
Tolerance tolerance_of(Precision precision);

enum class Verdict : std::uint8_t {
  passed,
  weak_input,  // within the limits, but the reference has too little energy or variation for that
               // to mean anything
  failed,
};
std::string_view to_string(Verdict verdict);

struct Comparison {
  std::string name;
  Verdict verdict = Verdict::failed;
  std::string reason;  // why not passed; empty when passed

  // Figures over the elements where both sides are finite; zero when nothing could be compared.
  std::uint64_t elements = 0;
  double max_abs_error = 0;
  double max_rel_error =
      0;  // max |error| / |reference| over elements with |reference| >= rms(reference) / 1000
  double reference_rms = 0;
  double reference_peak = 0;
  double error_rms = 0;
  double relative_rms = 0;   // error_rms / reference_rms
  double relative_peak = 0;  // max_abs_error / reference_peak
  double cosine = 0;
  double snr_db = 0;                       // -20 log10(relative_rms), at most 400 (equal)
  std::uint64_t mismatches = 0;            // elements of whole-number and bool outputs that differ
  std::uint64_t nonfinite_mismatches = 0;  // NaN, +Inf or -Inf on one side only
};

// Compares one output. Never an error: wrong type, shape or damaged tensors give a failed
// Comparison with the reason.
Comparison compare(std::string_view name, const Tensor& reference, const Tensor& candidate,
                   Precision precision);
Comparison compare(std::string_view name, const Tensor& reference, const Tensor& candidate,
                   const Tolerance& tolerance);

// All outputs of the reference, by name; a missing one fails, and so does one that the reference
// lacks.
std::vector<Comparison> compare_all(std::span<const NamedTensor> reference,
                                    std::span<const NamedTensor> candidate, Precision precision);
// failed if any failed, else weak_input if any was, else passed; weak_input when there is nothing
// to compare.
Verdict overall(std::span<const Comparison> comparisons);

}  // namespace onnxpack::tensor
