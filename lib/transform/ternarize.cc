#include "onnxpack/transform/ternarize.h"

#include <fmt/format.h>

#include <optional>
#include <variant>

#include "graph_splice.h"
#include "onnxpack/transform/save.h"
#include "raise_opset.h"
#include "ternary_candidates.h"
#include "ternary_edit.h"
#include "ternary_lift.h"
#include "ternary_stored.h"

namespace onnxpack::transform {
namespace {

using kernels::ternary::Format;
using kernels::ternary::Granularity;
using kernels::ternary::NegativeZero;
using kernels::ternary::parse_encoding;

class Ternarizer {
 public:
  Ternarizer(const model::ModelFile& model, const TernarizeRequest& request,
             io::WritableFile& codes, const CancelFlag* cancel)
      : model_(model),
        request_(request),
        codes_(codes),
        cancel_(cancel),
        plan_({request.form, request.float_activations, request.location, default_opset(model)}) {}

  Result<Ternarized> run() {
    ONNXPACK_CHECK(settle_format());
    ONNXPACK_TRY(auto fields, node_fields(model_));
    ONNXPACK_TRY(auto candidates, find_candidates(model_, fields));
    for (const auto& candidate : candidates) ONNXPACK_CHECK(store(candidate));
    if (plan_.rewrites.empty()) {
      out_.splice.append_range({0, model_.file().size()});
      return std::move(out_);
    }
    ONNXPACK_TRY(auto edited, edit_ternary(model_, plan_, codes_));
    out_.splice = std::move(edited.splice);
    out_.needs_old_files = edited.needs_old_files;
    return std::move(out_);
  }

 private:
  Status settle_format() {
    const auto format = parse_encoding(request_.encoding);
    if (!format)
      return fail(ErrorKind::invalid_argument,
                  fmt::format("encoding '{}' is not known", request_.encoding),
                  "there are: ternary.u2/1, ternary.t5r/1, ternary.t5k/1");
    format_ = *format;
    if (plan_.how.form == TernaryForm::standard) format_ = Format::u2;
    if (plan_.how.form == TernaryForm::portable) format_ = Format::t5r;
    return {};
  }

  void leave(const WeightFacts& weight, std::string why) {
    out_.left.push_back({weight.name, std::move(why)});
  }

  Status store(const TernaryCandidate& candidate) {
    if (cancel_ != nullptr) ONNXPACK_CHECK(cancel_->check());
    const model::Constant& constant = model_.constants()[candidate.constant];
    const auto& quantised = candidate.quantised;
    const WeightFacts facts = quantised
                                  ? WeightFacts{quantised->name, quantised->type, quantised->dims}
                                  : WeightFacts{constant.name, constant.type, constant.dims};
    if (!candidate.other_use.empty() && plan_.how.form != TernaryForm::standard) {
      leave(facts, candidate.other_use);
      return {};
    }
    ONNXPACK_TRY(auto values, values_of(candidate));
    if (auto* why = std::get_if<std::string>(&values)) {
      leave(facts, std::move(*why));
      return {};
    }
    const auto order =
        plan_.how.form == TernaryForm::standard ? CodeOrder::as_initializer : CodeOrder::rows;
    const auto zero = request_.negative_zero_as_zero ? NegativeZero::as_zero : NegativeZero::refuse;
    ONNXPACK_TRY(auto answer, store_ternary(facts, std::get<0>(values), candidate.transposed,
                                            format_, order, zero, codes_));
    if (auto* refused = std::get_if<Refused>(&answer)) {
      leave(facts, refused->why);
      return {};
    }
    auto& stored = std::get<StoredTernary>(answer);
    if (plan_.how.form == TernaryForm::portable &&
        stored.scale_layout.granularity == Granularity::block) {
      // Its codes stay in the file, which other forms may share.
      leave(facts, "the portable form has no block scales");
      return {};
    }
    report(facts, candidate, stored);
    if (quantised) {
      plan_.stored_at.insert(candidate.frees.begin(), candidate.frees.end());
    } else {
      plan_.stored_at.insert(constant.message.offset);
    }
    if (candidate.dequantizer) plan_.dropped.insert(*candidate.dequantizer);
    for (const auto& use : candidate.uses) plan_.uses[use.node] = {plan_.rewrites.size(), use.kind};
    plan_.bodies.insert(candidate.bodies.begin(), candidate.bodies.end());
    plan_.by_name.emplace(facts.name, plan_.rewrites.size());
    plan_.rewrites.emplace_back(plan_.how, facts, candidate.transposed, std::move(stored));
    return {};
  }

  Result<std::variant<std::vector<std::uint8_t>, std::string>> values_of(
      const TernaryCandidate& candidate) const {
    if (candidate.quantised) return dequantise(model_, *candidate.quantised);
    ONNXPACK_TRY(auto values, read_weight(model_, model_.constants()[candidate.constant]));
    return std::variant<std::vector<std::uint8_t>, std::string>(std::move(values));
  }

  void report(const WeightFacts& facts, const TernaryCandidate& candidate,
              const StoredTernary& stored) {
    const auto [granularity, block] = stored.scale_layout;
    const std::size_t rows_at = candidate.transposed ? 1 : 0;
    std::uint64_t before = model_.constants()[candidate.constant].size;
    if (candidate.quantised) before += candidate.quantised->scales->size;
    out_.tensors.push_back({facts.name, facts.dims, facts.dims[rows_at], facts.dims[1 - rows_at],
                            granularity == Granularity::tensor ? "tensor"
                            : granularity == Granularity::row  ? "row"
                                                               : fmt::format("block {}", block),
                            stored.scales.size(), before, stored.offset, stored.layout.bytes,
                            stored.negative_zeros, candidate.uses.size() + candidate.body_uses});
  }

  const model::ModelFile& model_;
  const TernarizeRequest& request_;
  io::WritableFile& codes_;
  const CancelFlag* cancel_;
  TernaryPlan plan_;
  Format format_ = Format::t5r;
  Ternarized out_;
};

constexpr std::pair<TernaryForm, std::string_view> form_names[] = {
    {TernaryForm::operators, "operators"},
    {TernaryForm::standard, "standard"},
    {TernaryForm::portable, "portable"}};

}  // namespace

std::string_view to_string(TernaryForm form) {
  return form_names[static_cast<std::size_t>(form)].second;
}

Result<TernaryForm> parse_ternary_form(std::string_view name) {
  for (const auto& [form, text] : form_names)
    if (text == name) return form;
  return fail(ErrorKind::invalid_argument, fmt::format("no form is called '{}'", name),
              "there are: operators, standard, portable");
}

Result<Ternarized> ternarize(const model::ModelFile& model, const TernarizeRequest& request,
                             io::WritableFile& codes, const CancelFlag* cancel) {
  // What is brought to the main graph is a model of its own, whose splice is said in ranges of the
  // given one.
  ONNXPACK_TRY(auto whole, write_out_functions(model));
  std::vector<LeftTensor> left = std::move(whole.left);
  std::optional<model::ModelFile> flat;
  if (whole.splice) {
    ONNXPACK_TRY(flat, model::open_spliced(model, *whole.splice));
  }
  ONNXPACK_TRY(auto lifted, lift_initializers(flat ? *flat : model));
  left.insert(left.end(), lifted.left.begin(), lifted.left.end());
  if (lifted.splice) {
    whole.splice = whole.splice ? model::compose(*lifted.splice, *whole.splice) : *lifted.splice;
    ONNXPACK_TRY(flat, model::open_spliced(model, *whole.splice));
  }
  ONNXPACK_TRY(auto out, Ternarizer(flat ? *flat : model, request, codes, cancel).run());
  out.left.insert(out.left.begin(), left.begin(), left.end());
  if (!flat) return out;
  if (out.tensors.empty()) {
    out.splice = {};
    out.splice.append_range({0, model.file().size()});
  } else {
    out.splice = model::compose(out.splice, *whole.splice);
  }
  return out;
}

Status save_ternarized(io::FileSystem& files, const model::ModelFile& model, const Ternarized& made,
                       const io::fs::path& output, io::Overwrite overwrite) {
  if (made.needs_old_files) {
    ONNXPACK_TRY(auto saved, save_model(files, model, made.splice, output, overwrite));
    (void)saved;
    return {};
  }
  if (overwrite == io::Overwrite::no && files.exists(output))
    return fail(ErrorKind::already_exists, fmt::format("{} exists", output.string()),
                "choose another name, or add --force to replace it");
  ONNXPACK_TRY(auto file, files.create(output));
  for (const model::Segment& segment : made.splice.segments) {
    if (const auto* range = std::get_if<model::FileRange>(&segment)) {
      ONNXPACK_CHECK(file->append_from(model.file(), range->offset, range->size));
    } else {
      ONNXPACK_CHECK(file->write(std::get<Bytes>(segment)));
    }
  }
  return file->publish(overwrite);
}

}  // namespace onnxpack::transform
