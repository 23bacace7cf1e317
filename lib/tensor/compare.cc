#include "onnxpack/tensor/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "onnxpack/base/text.h"

namespace onnxpack::tensor {
namespace {

struct PrecisionFacts {
  Precision precision;
  std::string_view name;
  Tolerance tolerance;
};

// relative_rms, relative_peak, mismatch_fraction. Where the figures come from: the header.
constexpr double no_limit = std::numeric_limits<double>::infinity();
constexpr std::array<PrecisionFacts, 7> precisions = {{
    {Precision::fp64, "fp64", {1e-9, 1e-8, 1e-4}},
    {Precision::fp32, "fp32", {3e-5, 5e-4, 1e-4}},
    {Precision::tf32, "tf32", {5e-2, 5e-1, 1e-2}},
    {Precision::fp16, "fp16", {5e-2, 5e-1, 1e-2}},
    {Precision::bf16, "bf16", {2.5e-1, no_limit, 5e-2}},
    {Precision::int8, "int8", {3e-1, no_limit, 5e-2}},
    {Precision::int4, "int4", {5e-1, no_limit, 1e-1}},
}};

const PrecisionFacts& facts_of(Precision precision) {
  return precisions.at(static_cast<std::size_t>(precision));
}

// Of a faint output, an error this large is told apart from kernels' absolute rounding
// (measured: 5.8e-4).
constexpr double gross_error = 0.05;
// Of a faint output, an error this small is rounding of values near 1 on the way (a sigmoid's exp),
// whatever share of the output it is: neither right nor wrong can be told, and it is said so.
constexpr double rounding_noise = 1e-6;
// A shuffled output is wrong by sqrt(2) standard deviations: the reference must vary by this many
// times relative_rms for that to show.
constexpr double least_variation = 2;
// Elements below this share of the rms say nothing in max_rel_error: their relative error is the
// neighbours' rounding.
constexpr double relative_floor = 1e-3;

void fail_with(Comparison& comparison, std::string reason) {
  comparison.verdict = Verdict::failed;
  comparison.reason = std::move(reason);
}

bool same_when_not_finite(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || a == b;
}

struct Sums {
  double reference_squares = 0;
  double error_squares = 0;
  double candidate_squares = 0;
  double product = 0;
  double reference_sum = 0;
  std::uint64_t finite = 0;
};

// One pass over the pairs; values are scaled by the reference's peak so that squares neither
// overflow nor vanish.
Sums accumulate(std::span<const double> reference, std::span<const double> candidate, double scale,
                Comparison& out) {
  Sums sums;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double r = reference[i];
    const double c = candidate[i];
    if (!std::isfinite(r) || !std::isfinite(c)) {
      if (!same_when_not_finite(r, c)) ++out.nonfinite_mismatches;
      continue;
    }
    ++sums.finite;
    const double error = std::abs(r - c);
    out.max_abs_error = std::max(out.max_abs_error, error);
    const double rs = r / scale;
    const double cs = c / scale;
    const double es = error / scale;
    sums.reference_squares += rs * rs;
    sums.candidate_squares += cs * cs;
    sums.error_squares += es * es;
    sums.product += rs * cs;
    sums.reference_sum += rs;
  }
  return sums;
}

double finite_peak(std::span<const double> values) {
  double peak = 0;
  for (const double value : values) {
    if (std::isfinite(value)) peak = std::max(peak, std::abs(value));
  }
  return peak;
}

double max_relative_error(std::span<const double> reference, std::span<const double> candidate,
                          double floor) {
  double most = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double r = reference[i];
    const double c = candidate[i];
    if (std::isfinite(r) && std::isfinite(c) && std::abs(r) >= floor && r != 0) {
      most = std::max(most, std::abs(r - c) / std::abs(r));
    }
  }
  return most;
}

// Standard deviation over rms, in [0, 1].
double variation(const Sums& sums) {
  const auto n = static_cast<double>(sums.finite);
  const double mean = sums.reference_sum / n;
  const double variance = std::max(0.0, sums.reference_squares / n - mean * mean);
  return std::sqrt(variance / (sums.reference_squares / n));
}

double cosine_of(const Sums& sums) {
  if (sums.reference_squares == 0 || sums.candidate_squares == 0) {
    return sums.reference_squares == sums.candidate_squares ? 1 : 0;
  }
  return sums.product / std::sqrt(sums.reference_squares) / std::sqrt(sums.candidate_squares);
}

double snr_of(double relative_rms) {
  constexpr double most_db = 400;
  if (relative_rms <= 1e-20) return most_db;
  return -20 * std::log10(relative_rms);
}

// What the limits are worth on this reference; empty when they mean what they say.
std::string weakness(const Comparison& out, const Sums& sums, const Tolerance& tolerance) {
  if (sums.finite == 0) {
    return out.elements == 0 ? "the output is empty" : "the reference output has no finite element";
  }
  if (out.reference_rms < tolerance.least_rms) {
    return fmt::format(
        "the reference output has almost no energy (rms {:.3g}, {:.3g} needed): give other inputs",
        out.reference_rms, tolerance.least_rms);
  }
  const double needed = std::min(least_variation * tolerance.relative_rms, 0.5);
  if (sums.finite > 1 && variation(sums) < needed) {
    return fmt::format(
        "the reference output is nearly constant (deviation {:.3g} of its rms, {:.3g} needed): "
        "give other inputs",
        variation(sums), needed);
  }
  return "";
}

void measure(Comparison& out, const Sums& sums, double scale, std::span<const double> reference,
             std::span<const double> candidate) {
  if (sums.finite == 0) return;
  const auto n = static_cast<double>(sums.finite);
  out.reference_rms = scale * std::sqrt(sums.reference_squares / n);
  out.error_rms = scale * std::sqrt(sums.error_squares / n);
  out.max_rel_error = max_relative_error(reference, candidate, relative_floor * out.reference_rms);
  out.cosine = cosine_of(sums);
  const double against_silence = out.max_abs_error == 0 ? 0 : 1;  // any error there counts as total
  out.relative_rms = out.reference_rms > 0 ? out.error_rms / out.reference_rms : against_silence;
  out.relative_peak =
      out.reference_peak > 0 ? out.max_abs_error / out.reference_peak : against_silence;
  out.snr_db = snr_of(out.relative_rms);
}

void judge_floats(Comparison& out, std::span<const double> reference,
                  std::span<const double> candidate, const Tolerance& tolerance) {
  out.reference_peak = finite_peak(reference);
  const double scale = out.reference_peak > 0 ? out.reference_peak : 1;
  const Sums sums = accumulate(reference, candidate, scale, out);
  measure(out, sums, scale, reference, candidate);
  if (out.nonfinite_mismatches > 0) {
    return fail_with(
        out,
        fmt::format("NaN or infinity at {} of {} elements where the other side has another value",
                    out.nonfinite_mismatches, out.elements));
  }
  const bool faint = out.reference_rms < tolerance.least_rms;
  if (faint && out.reference_peak > 0 && out.max_abs_error <= rounding_noise) {
    out.reason = weakness(out, sums, tolerance);
    out.verdict = Verdict::weak_input;
    return;
  }
  const double rms_limit =
      faint ? std::max(gross_error, tolerance.relative_rms) : tolerance.relative_rms;
  const double peak_limit =
      faint ? std::max(gross_error, tolerance.relative_peak) : tolerance.relative_peak;
  if (!(out.relative_rms <= rms_limit)) {
    return fail_with(out, fmt::format("error rms is {:.3g} of the reference's rms, limit {:.3g}",
                                      out.relative_rms, rms_limit));
  }
  if (!(out.relative_peak <= peak_limit)) {
    return fail_with(out,
                     fmt::format("largest error is {:.3g} of the reference's peak, limit {:.3g}",
                                 out.relative_peak, peak_limit));
  }
  out.reason = weakness(out, sums, tolerance);
  out.verdict = out.reason.empty() ? Verdict::passed : Verdict::weak_input;
}

bool any_set(ByteView bytes) {
  return std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{0}; });
}

void judge_exact(Comparison& out, const Tensor& reference, const Tensor& candidate,
                 std::span<const double> r, std::span<const double> c, const Tolerance& tolerance) {
  const std::size_t width = std::max(1U, bit_width(reference.type) / 8);
  const bool by_bytes = bit_width(reference.type) == 64;  // beyond 2^53 doubles tie
  for (std::size_t i = 0; i < r.size(); ++i) {
    const bool differs = by_bytes ? std::memcmp(reference.data.data() + i * width,
                                                candidate.data.data() + i * width, width) != 0
                                  : r[i] != c[i];
    if (differs) ++out.mismatches;
    out.max_abs_error = std::max(out.max_abs_error, std::abs(r[i] - c[i]));
  }
  out.reference_peak = finite_peak(r);
  if (static_cast<double>(out.mismatches) >
      tolerance.mismatch_fraction * static_cast<double>(out.elements)) {
    return fail_with(out, fmt::format("{} of {} elements differ, {:.3g} % may", out.mismatches,
                                      out.elements, 100 * tolerance.mismatch_fraction));
  }
  if (out.elements == 0 || !any_set(reference.data)) {
    out.verdict = Verdict::weak_input;
    out.reason = out.elements == 0 ? "the output is empty"
                                   : "the reference output is all zero: give other inputs";
    return;
  }
  out.verdict = Verdict::passed;
}

}  // namespace

std::string_view to_string(Precision precision) {
  return facts_of(precision).name;
}

Result<Precision> parse_precision(std::string_view text) {
  std::vector<std::string> names;
  for (const auto& facts : precisions) {
    if (facts.name == text) return facts.precision;
    names.emplace_back(facts.name);
  }
  return fail(ErrorKind::invalid_argument, fmt::format("unknown precision '{}'", printable(text)),
              fmt::format("known ones: {}", join(names, ", ")));
}

Tolerance tolerance_of(Precision precision) {
  return facts_of(precision).tolerance;
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return "passed";
    case Verdict::weak_input:
      return "weak_input";
    case Verdict::failed:
      break;
  }
  return "failed";
}

Comparison compare(std::string_view name, const Tensor& reference, const Tensor& candidate,
                   const Tolerance& tolerance) {
  Comparison out;
  out.name = name;
  if (reference.type != candidate.type) {
    fail_with(out, fmt::format("expected {}, found {}", type_string(reference.type),
                               type_string(candidate.type)));
    return out;
  }
  if (reference.shape != candidate.shape) {
    fail_with(out, fmt::format("expected shape {}, found {}", shape_string(reference.shape),
                               shape_string(candidate.shape)));
    return out;
  }
  auto r = to_doubles(reference);
  auto c = to_doubles(candidate);
  if (!r || !c) {
    fail_with(out, !r ? r.error().in("reference").message() : c.error().in("candidate").message());
    return out;
  }
  out.elements = r->size();
  if (is_floating(reference.type) || is_complex(reference.type)) {
    judge_floats(out, *r, *c, tolerance);
  } else {
    judge_exact(out, reference, candidate, *r, *c, tolerance);
  }
  return out;
}

Comparison compare(std::string_view name, const Tensor& reference, const Tensor& candidate,
                   Precision precision) {
  return compare(name, reference, candidate, tolerance_of(precision));
}

std::vector<Comparison> compare_all(std::span<const NamedTensor> reference,
                                    std::span<const NamedTensor> candidate, Precision precision) {
  std::vector<Comparison> out;
  for (const NamedTensor& expected : reference) {
    const auto found = std::ranges::find(candidate, expected.name, &NamedTensor::name);
    if (found == candidate.end()) {
      Comparison missing;
      missing.name = expected.name;
      fail_with(missing, "the variant has no such output");
      out.push_back(std::move(missing));
    } else {
      out.push_back(compare(expected.name, expected.value, found->value, precision));
    }
  }
  for (const NamedTensor& extra : candidate) {
    if (std::ranges::find(reference, extra.name, &NamedTensor::name) == reference.end()) {
      Comparison unknown;
      unknown.name = extra.name;
      fail_with(unknown, "the reference has no such output");
      out.push_back(std::move(unknown));
    }
  }
  return out;
}

Verdict overall(std::span<const Comparison> comparisons) {
  if (comparisons.empty()) return Verdict::weak_input;
  Verdict worst = Verdict::passed;
  for (const Comparison& comparison : comparisons) {
    if (std::to_underlying(comparison.verdict) > std::to_underlying(worst))
      worst = comparison.verdict;
  }
  return worst;
}

}  // namespace onnxpack::tensor
