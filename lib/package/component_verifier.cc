#include "component_verifier.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/package/backends.h"
#include "variant_trial.h"

namespace onnxpack::package {
namespace {

// Variants that compute with the kernels that also make the reference's numbers.
bool uses_own_operators(const manifest::Variant& variant) {
  return std::ranges::any_of(variant.requirements, [](const auto& requirement) {
    return requirement.feature == "runtime.onnxpack_ops";
  });
}

std::string digest_of(const std::vector<InputSet>& sets) {
  crypto::Sha256 hasher;
  for (const auto& set : sets) {
    for (const auto& input : set.tensors) {
      hasher.update(
          as_bytes(fmt::format("{}:{}:{};", input.name, tensor::type_string(input.value.type),
                               tensor::shape_string(input.value.shape))));
      hasher.update(input.value.data);
    }
  }
  return hasher.finish().hex();
}

CheckStatus worse(CheckStatus a, CheckStatus b) {
  auto rank = [](CheckStatus s) {
    constexpr std::array order = {CheckStatus::passed, CheckStatus::weak_input, CheckStatus::absent,
                                  CheckStatus::not_run, CheckStatus::failed};
    return std::ranges::find(order, s) - order.begin();
  };
  return rank(a) >= rank(b) ? a : b;
}

CheckStatus to_status(tensor::Verdict verdict) {
  switch (verdict) {
    case tensor::Verdict::passed:
      return CheckStatus::passed;
    case tensor::Verdict::weak_input:
      return CheckStatus::weak_input;
    case tensor::Verdict::failed:
      return CheckStatus::failed;
  }
  return CheckStatus::failed;
}

}  // namespace

Status ComponentVerifier::run(const std::vector<const manifest::Variant*>& variants) {
  Shapes shapes = shapes_for(variants, request_.inputs.shapes);
  ONNXPACK_TRY(Reference * base, reference(shapes));
  add_original(*base);
  for (const manifest::Variant* variant : variants) ONNXPACK_CHECK(check(*variant, *base));
  report_.inputs_description = base->inputs.empty() ? "" : base->inputs[0].description;
  return {};
}

Result<ComponentVerifier::Reference*> ComponentVerifier::reference(const Shapes& fixed) {
  for (Reference& known : references_) {
    if (known.fixed == fixed) return &known;
  }
  Reference made{fixed, {}, {}, {}};
  ONNXPACK_TRY(made.inputs,
               make_inputs(environment_, package_, component_, request_.inputs, fixed));
  std::string task = fmt::format("run original graph of {}", component_.name);
  environment_.watcher->started(task, 0);
  ONNXPACK_TRY(bool lowered, runner_.is_lowered(component_));
  for (const InputSet& set : made.inputs) {
    ONNXPACK_TRY(RunResult result, runner_.run(component_, nullptr, set.tensors, options()));
    made.results.push_back(std::move(result));
    if (!lowered) continue;
    RunOptions once{0, 1, request_.threads, OriginalForm::expanded};
    ONNXPACK_TRY(RunResult other, runner_.run(component_, nullptr, set.tensors, once));
    made.others.push_back(std::move(other));
  }
  environment_.watcher->finished(task, made.results[0].status == RunStatus::ran
                                           ? made.results[0].runtime
                                           : made.results[0].reason);
  if (references_.empty()) inputs_digest_ = digest_of(made.inputs);
  references_.push_back(std::move(made));
  return &references_.back();
}

RunOptions ComponentVerifier::options() const {
  return {request_.warmup, std::max(1U, request_.runs), request_.threads,
          request_.plain_reference ? OriginalForm::plain_operators : OriginalForm::operators};
}

void ComponentVerifier::add_original(const Reference& base) {
  VariantCheck check{.variant = "",
                     .component = component_.name,
                     .status = CheckStatus::passed,
                     .reason = "the reference",
                     .runtime = "",
                     .reference = base.results.empty() ? "" : base.results[0].as,
                     .outputs = {},
                     .latency = {}};
  for (const RunResult& result : base.results) {
    if (result.status != RunStatus::ran) {
      check.status =
          result.status == RunStatus::failed ? CheckStatus::failed : CheckStatus::not_run;
      check.reason = result.reason;
    }
    check.runtime = result.runtime;
    check.latency = result.latency;
  }
  if (check.status == CheckStatus::passed) cross_check(base, check);
  report_.variants.push_back(std::move(check));
}

// What the component's outputs can hold.
tensor::Precision ComponentVerifier::own_precision() const {
  auto any = [&](std::string_view type) {
    return std::ranges::any_of(component_.outputs,
                               [&](const auto& output) { return output.type == type; });
  };
  if (any("tensor(bfloat16)")) return tensor::Precision::bf16;
  return any("tensor(float16)") ? tensor::Precision::fp16 : tensor::Precision::fp32;
}

// An original that was lowered is no reference before two ways of running it agree. Where one
// way alone runs, it says so.
void ComponentVerifier::cross_check(const Reference& base, VariantCheck& check) const {
  for (std::size_t i = 0; i < base.others.size(); ++i) {
    const RunResult& other = base.others[i];
    if (other.as == base.results[i].as) {
      check.reference += "; nothing independent of it runs here";
      return;
    }
    if (other.status != RunStatus::ran) {
      check.reference += fmt::format("; {} did not run: {}", other.as, other.reason);
      return;
    }
    compare(other, base.results[i], own_precision(), check);
    if (check.status == CheckStatus::failed) return;
  }
  if (!base.others.empty()) check.reference += fmt::format(", held against {}", base.others[0].as);
}

// What stands against a variant: results that were not made as its own are. Nothing where there
// are none.
const RunResult* ComponentVerifier::expected_for(const manifest::Variant& variant,
                                                 const Reference& base, std::size_t input) {
  if (base.others.empty()) return &base.results[input];
  const RunResult& other = base.others[input];
  const bool one_way = other.as == base.results[input].as;
  if (one_way && variant.backend == reference_backend) return nullptr;
  if (!uses_own_operators(variant)) return &base.results[input];
  if (other.status == RunStatus::ran) return &other;
  return base.results[input].as == plain_operators_text ? &base.results[input] : nullptr;
}

std::string ComponentVerifier::why_nothing(const Reference& base, std::size_t input) {
  const RunResult& other = base.others[input];
  if (other.status == RunStatus::ran)
    return fmt::format("nothing but {} runs here, and that is not held against itself", other.as);
  return fmt::format(
      "{} did not run, and the kernels are not held against themselves: {} (--reference holds "
      "them against the plain ones)",
      other.as, other.reason);
}

Status ComponentVerifier::check(const manifest::Variant& variant, Reference& base) {
  VariantCheck out{.variant = variant.name,
                   .component = component_.name,
                   .status = CheckStatus::not_run,
                   .reason = "",
                   .runtime = "",
                   .reference = "",
                   .outputs = {},
                   .latency = {}};
  if (holds_blobs(package_, variant)) {
    ONNXPACK_CHECK(run_and_compare(variant, base, out));
  } else {
    out.status = CheckStatus::absent;
    out.reason = "its blobs are not in this package: dropped by select";
  }
  report_.variants.push_back(std::move(out));
  return {};
}

Status ComponentVerifier::run_and_compare(const manifest::Variant& variant, Reference& base,
                                          VariantCheck& out) {
  Reference* held_against = &base;
  std::string conflict = shape_conflict(base.inputs[0], variant.fixed_shapes);
  if (!conflict.empty()) {
    if (!base.inputs[0].generated || !request_.inputs.shapes.empty()) {
      out.reason = conflict;
      return {};
    }
    ONNXPACK_TRY(held_against, reference(variant.fixed_shapes));
  }
  ONNXPACK_TRY(auto precision,
               tensor::parse_precision(variant.precision.empty() ? "fp32" : variant.precision));
  std::string task = fmt::format("run {}", variant.name);
  environment_.watcher->started(task, 0);
  out.status = CheckStatus::passed;
  for (std::size_t i = 0; i < held_against->inputs.size(); ++i) {
    const RunResult* expected = expected_for(variant, *held_against, i);
    if (expected == nullptr) {
      out.status = CheckStatus::not_run;
      out.reason = why_nothing(*held_against, i);
      break;
    }
    if (expected->status != RunStatus::ran) {
      out.status = CheckStatus::not_run;
      out.reason = fmt::format("the original graph did not run: {}", expected->reason);
      break;
    }
    ONNXPACK_TRY(RunResult result,
                 runner_.run(component_, &variant, held_against->inputs[i].tensors, options()));
    note_run(result, out);
    if (result.status != RunStatus::ran) break;
    out.reference = expected->as;
    compare(*expected, result, precision, out);
  }
  environment_.watcher->finished(task, to_string(out.status));
  return {};
}

void ComponentVerifier::note_run(const RunResult& result, VariantCheck& out) {
  out.runtime = result.runtime;
  if (result.latency) out.latency = result.latency;
  if (result.status == RunStatus::ran) {
    if (out.reason.empty()) out.reason = join(result.notes, "; ");
    return;
  }
  out.status = result.status == RunStatus::failed ? CheckStatus::failed : CheckStatus::not_run;
  out.reason = result.reason;
}

void ComponentVerifier::compare(const RunResult& expected, const RunResult& result,
                                tensor::Precision precision, VariantCheck& out) {
  auto comparisons = tensor::compare_all(expected.outputs, result.outputs, precision);
  out.status = worse(out.status, to_status(tensor::overall(comparisons)));
  for (auto& comparison : comparisons) {
    if (comparison.verdict != tensor::Verdict::passed &&
        to_status(comparison.verdict) == out.status) {
      out.reason = fmt::format("output {}: {}", printable(comparison.name), comparison.reason);
    }
    out.outputs.push_back({comparison.name, std::move(comparison)});
  }
}

}  // namespace onnxpack::package
