// A component's variants held against its original graph.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "inputs.h"
#include "onnxpack/package/verify.h"
#include "onnxpack/tensor/compare.h"
#include "runner.h"

namespace onnxpack::package {

// Runs the original, then each variant, and adds what was found to the report. All that is given
// must outlive it.
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
  Status run(const std::vector<const manifest::Variant*>& variants);
  // Of the inputs of the first reference, made by run().
  const std::string& inputs_digest() const { return inputs_digest_; }

 private:
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

  Result<Reference*> reference(const Shapes& fixed);
  RunOptions options() const;
  void add_original(const Reference& base);
  tensor::Precision own_precision() const;
  void cross_check(const Reference& base, VariantCheck& check) const;
  static const RunResult* expected_for(const manifest::Variant& variant, const Reference& base,
                                       std::size_t input);
  static std::string why_nothing(const Reference& base, std::size_t input);
  Status check(const manifest::Variant& variant, Reference& base);
  Status run_and_compare(const manifest::Variant& variant, Reference& base, VariantCheck& out);
  static void note_run(const RunResult& result, VariantCheck& out);
  static void compare(const RunResult& expected, const RunResult& result,
                      tensor::Precision precision, VariantCheck& out);

  const Environment& environment_;
  const PackageFile& package_;
  const VerifyRequest& request_;
  Runner& runner_;
  const manifest::Component& component_;
  VerifyReport& report_;
  std::deque<Reference> references_;  // pointers into it stay valid
  std::string inputs_digest_;
};

}  // namespace onnxpack::package
