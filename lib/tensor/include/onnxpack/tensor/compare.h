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

// The limits for one precision, relative to the reference output's own energy.
//
// An output passes when
//     rms(candidate - reference) <= relative_rms * rms(reference)   and
//     max|candidate - reference| <= relative_peak * max|reference|  and
//     NaN, +Inf and -Inf stand at the same places, and type and shape are equal.
// It passes as weak_input only, when
//     rms(reference) < least_rms: float32 kernels leave absolute errors of about 1e-8 whatever the
//     output's size (a sigmoid far out, a softmax's tail), so relative errors of a faint output say
//     nothing; or the reference varies by less than twice relative_rms (standard deviation over
//     rms; single elements excepted): a shuffled or constant output would pass as well.
// For a faint output only gross errors (relative_rms above 0.05, or above the precision's own
// limit) are called failed. Whole numbers and bools must be equal, but for a share of
// mismatch_fraction of the elements: two classes that tie within rounding flip an argmax. An output
// of fewer elements than 1 / mismatch_fraction must be equal throughout. All zero: weak_input.
//
// Where the figures come from (PP-OCRv4's text detector, ONNX Runtime 1.31.1, a rendered 640x320
// text image, relative rms / peak):
//     honest float32 differences (no optimisation, EXTENDED, 1 thread) up to 4.6e-6 / 7.8e-5 ->
//     fp32 3e-5 / 5e-4 output alone rounded to float16: 3.9e-5 / 2.4e-4, to bfloat16: 2.9e-4
//     / 2.0e-3              -> both fail fp32 weights cut to 10 mantissa bits (float16's,
//     tf32's): 3.4e-3 / 5.7e-2                        -> fp16, tf32 5e-2 / 5e-1 weights cut to
//     bfloat16: 1.4e-1 / 9.5e-1 (a saturating output: the peak says little)        -> bf16 2.5e-1 /
//     no peak limit weights rounded to 8 bits per channel: 2.3e-1 / 1.0 -> int8 3e-1 / no peak
//     limit zeros: 1.0 / 1.0; two output channels of one convolution exchanged, median over
//     layers: 5.7e-2; one weight of median size negated, median over layers: 2.7e-3 (a quarter of
//     the layers: below 1.7e-4, as dead channels hide it)
//   and on noise, where the same detector's rms is 2.6e-5: honest differences 5.8e-4 / 6.6e-5 ->
//   least_rms 1e-3
// tests/unit/tensor repeats the sabotages on a small network.
struct Tolerance {
  double relative_rms = 0;
  double relative_peak = 0;
  double mismatch_fraction = 0;
  double least_rms = 1e-3;
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
