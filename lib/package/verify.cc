#include "onnxpack/package/verify.h"

#include <algorithm>
#include <array>
#include <deque>
#include <set>

#include <fmt/format.h>

#include "inputs.h"
#include "integrity.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/package/backends.h"
#include "runner.h"
#include "ternary_check.h"
#include "variant_trial.h"

namespace onnxpack::package {
namespace {

// The reference for one shape of inputs: several variants share it unless they were compiled for
// other shapes.
struct Reference {
  Shapes fixed;
  std::vector<InputSet> inputs;
  std::vector<RunResult> results;  // one for each input set
  // The same of an original that had to be lowered, made in another way: what a variant of the
  // first way is held against.
  std::vector<RunResult> others;
};

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

class ComponentVerifier {
 public:
  ComponentVerifier(const Environment& environment, const PackageFile& package,
                    const VerifyRequest& request, Runner& runner,
                    const manifest::Component& component, VerifyReport& report)
      : environment_(environment),
        package_(package),
        request_(request),
        runner_(runner),
        component_(component),
        report_(report) {}

  // The original graph first: its numbers are what every variant is held against.
  Status run(const std::vector<const manifest::Variant*>& variants) {
    Shapes shapes = shapes_for(variants, request_.inputs.shapes);
    ONNXPACK_TRY(Reference * base, reference(shapes));
    add_original(*base);
    for (const manifest::Variant* variant : variants) ONNXPACK_CHECK(check(*variant, *base));
    report_.inputs_description = base->inputs.empty() ? "" : base->inputs[0].description;
    return {};
  }
  const std::string& inputs_digest() const { return inputs_digest_; }

 private:
  Result<Reference*> reference(const Shapes& fixed) {
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

  RunOptions options() const {
    return {request_.warmup, std::max(1U, request_.runs), request_.threads,
            request_.plain_reference ? OriginalForm::plain_operators : OriginalForm::operators};
  }

  void add_original(const Reference& base) {
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
  tensor::Precision own_precision() const {
    auto any = [&](std::string_view type) {
      return std::ranges::any_of(component_.outputs,
                                 [&](const auto& output) { return output.type == type; });
    };
    if (any("tensor(bfloat16)")) return tensor::Precision::bf16;
    return any("tensor(float16)") ? tensor::Precision::fp16 : tensor::Precision::fp32;
  }

  // An original that was lowered is no reference before two ways of running it agree. Where one
  // way alone runs, it says so.
  void cross_check(const Reference& base, VariantCheck& check) const {
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
    if (!base.others.empty())
      check.reference += fmt::format(", held against {}", base.others[0].as);
  }

  // What stands against a variant: results that were not made as its own are. Nothing where there
  // are none.
  static const RunResult* expected_for(const manifest::Variant& variant, const Reference& base,
                                       std::size_t input) {
    if (base.others.empty()) return &base.results[input];
    const RunResult& other = base.others[input];
    const bool one_way = other.as == base.results[input].as;
    if (one_way && variant.backend == reference_backend) return nullptr;
    if (!uses_own_operators(variant)) return &base.results[input];
    if (other.status == RunStatus::ran) return &other;
    return base.results[input].as == plain_operators_text ? &base.results[input] : nullptr;
  }

  static std::string why_nothing(const Reference& base, std::size_t input) {
    const RunResult& other = base.others[input];
    if (other.status == RunStatus::ran)
      return fmt::format("nothing but {} runs here, and that is not held against itself", other.as);
    return fmt::format(
        "{} did not run, and the kernels are not held against themselves: {} (--reference holds "
        "them against the plain ones)",
        other.as, other.reason);
  }

  Status check(const manifest::Variant& variant, Reference& base) {
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

  Status run_and_compare(const manifest::Variant& variant, Reference& base, VariantCheck& out) {
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

  static void note_run(const RunResult& result, VariantCheck& out) {
    out.runtime = result.runtime;
    if (result.latency) out.latency = result.latency;
    if (result.status == RunStatus::ran) {
      if (out.reason.empty()) out.reason = join(result.notes, "; ");
      return;
    }
    out.status = result.status == RunStatus::failed ? CheckStatus::failed : CheckStatus::not_run;
    out.reason = result.reason;
  }

  static void compare(const RunResult& expected, const RunResult& result,
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

  const Environment& environment_;
  const PackageFile& package_;
  const VerifyRequest& request_;
  Runner& runner_;
  const manifest::Component& component_;
  VerifyReport& report_;
  std::deque<Reference> references_;  // pointers into it stay valid
  std::string inputs_digest_;
};

manifest::EvidenceEntry evidence_entry(const PackageFile& package, const VariantCheck& check,
                                       const std::string& inputs) {
  auto out = evidence_about(package, check.component, check.variant);
  out.runtime = check.runtime;
  out.equivalence = to_string(check.status);
  out.equivalence_reason = check.reason;
  out.inputs = inputs;
  out.latency = check.latency;
  return out;
}

Status record(const Environment& environment, const PackageFile& package,
              const VerifyReport& report, const std::map<std::string, std::string>& inputs,
              const std::filesystem::path& path) {
  manifest::Evidence evidence;
  evidence.package_id = package.id();
  ONNXPACK_TRY(evidence.device, host_target(environment));
  evidence.producer = fmt::format("onnx-pack {}", environment.version);
  for (const auto& check : report.variants) {
    // Nothing was learnt about what is not here, and evidence is no place for that.
    if (check.status == CheckStatus::absent || check.status == CheckStatus::not_run) continue;
    auto digest = inputs.find(check.component);
    evidence.entries.push_back(
        evidence_entry(package, check, digest == inputs.end() ? "" : digest->second));
  }
  return environment.files->write_text(path, json::canonical(manifest::to_json(evidence)),
                                       io::Overwrite::yes);
}

bool all_holds(const VerifyRequest& request, const VerifyReport& report) {
  auto bad = [&](CheckStatus status) {
    if (status == CheckStatus::failed) return true;
    return request.require_verified &&
           (status == CheckStatus::not_run || status == CheckStatus::weak_input);
  };
  bool integrity = std::ranges::none_of(
      report.integrity, [](const auto& check) { return check.status == CheckStatus::failed; });
  return integrity && std::ranges::none_of(report.variants,
                                           [&](const auto& check) { return bad(check.status); });
}

}  // namespace

std::string_view to_string(CheckStatus status) {
  switch (status) {
    case CheckStatus::passed:
      return "passed";
    case CheckStatus::failed:
      return "failed";
    case CheckStatus::not_run:
      return "not-run";
    case CheckStatus::weak_input:
      return "weak-input";
    case CheckStatus::absent:
      return "absent";
  }
  return "failed";
}

Result<VerifyReport> verify(const Environment& environment, const PackageFile& package,
                            const VerifyRequest& request) {
  VerifyReport report;
  report.package_id = package.id();
  ONNXPACK_CHECK(check_variant_names(package, request.variants));
  ONNXPACK_CHECK(check_integrity(environment, package, report));
  report.ok = all_holds(request, report);
  // Blobs whose digests are wrong are not run.
  if (request.integrity_only || !report.ok) return report;

  ONNXPACK_TRY(auto runner, Runner::start(environment, package));
  std::map<std::string, std::string> inputs;
  for (const auto& component : package.manifest().components) {
    std::vector<const manifest::Variant*> variants;
    for (const auto& variant : package.manifest().variants) {
      bool asked = request.variants.empty() ||
                   std::ranges::find(request.variants, variant.name) != request.variants.end();
      if (variant.component == component.name && asked) variants.push_back(&variant);
    }
    if (!package.holds(component.model)) {
      for (const auto* variant : variants) {
        report.variants.push_back(
            {variant->name,
             component.name,
             CheckStatus::not_run,
             "the original graph is not in this package, so there is nothing to compare with",
             "",
             "",
             {},
             {}});
      }
      continue;
    }
    for (const auto* variant : variants) {
      if (!is_ternarized(*variant) || !holds_blobs(package, *variant)) continue;
      ONNXPACK_TRY(auto check, check_ternary_weights(environment, package, component, *variant));
      report.integrity.push_back(std::move(check));
    }
    ComponentVerifier verifier(environment, package, request, *runner, component, report);
    ONNXPACK_CHECK(verifier.run(variants));
    inputs[component.name] = verifier.inputs_digest();
  }
  report.ok = all_holds(request, report);
  if (request.record) ONNXPACK_CHECK(record(environment, package, report, inputs, *request.record));
  return report;
}

}  // namespace onnxpack::package
