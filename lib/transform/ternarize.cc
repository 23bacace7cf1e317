#include "onnxpack/transform/ternarize.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <variant>

#include "graph_splice.h"
#include "names.h"
#include "onnx_make.h"
#include "onnxpack/model/wire.h"
#include "onnxpack/transform/save.h"
#include "raise_opset.h"
#include "ternary_bodies.h"
#include "ternary_candidates.h"
#include "ternary_lift.h"
#include "ternary_nodes.h"
#include "ternary_stored.h"

namespace onnxpack::transform {
namespace {

using kernels::ternary::Format;
using kernels::ternary::Granularity;
using kernels::ternary::NegativeZero;
using kernels::ternary::parse_encoding;
using model::WireField;
using model::WireInput;
using model::WireMessage;
using model::WireType;

// onnx.proto's field numbers.
constexpr std::uint32_t model_ir_version = 1;
constexpr std::uint32_t model_graph = 7;
constexpr std::uint32_t model_opset_import = 8;
constexpr std::uint32_t graph_node = 1;
constexpr std::uint32_t graph_initializer = 5;

constexpr std::int64_t uint2_opset = 25;
constexpr std::int64_t uint2_ir_version = 13;
constexpr std::int64_t oldest_opset = 13;  // inputs, not attributes, of Clip, Slice and Unsqueeze

void append_message(model::Splice& splice, std::uint32_t number,
                    const google::protobuf::MessageLite& message) {
  const std::string text = message.SerializeAsString();
  Bytes bytes;
  model::append_bytes_field(bytes, number, onnxpack::as_bytes(text));
  splice.append_bytes(bytes);
}

class Ternarizer {
 public:
  Ternarizer(const model::ModelFile& model, const TernarizeRequest& request,
             io::WritableFile& codes, const CancelFlag* cancel)
      : model_(model),
        request_(request),
        codes_(codes),
        cancel_(cancel),
        how_{request.form, request.float_activations, request.location, default_opset(model)} {}

  Result<Ternarized> run() {
    ONNXPACK_CHECK(settle_format());
    ONNXPACK_TRY(auto fields, node_fields(model_));
    ONNXPACK_TRY(auto candidates, find_candidates(model_, fields));
    for (const auto& candidate : candidates) ONNXPACK_CHECK(store(candidate));
    if (rewrites_.empty()) {
      out_.splice.append_range({0, model_.file().size()});
      return std::move(out_);
    }
    if (how_.form == TernaryForm::standard) {
      ONNXPACK_CHECK(may_raise_opset(model_, how_.opset, uint2_opset));
    } else if (how_.opset < oldest_opset && how_.form == TernaryForm::portable) {
      return fail(ErrorKind::unsupported,
                  fmt::format("the portable form needs opset {}, the model is of opset {}",
                              oldest_opset, how_.opset));
    }
    ONNXPACK_CHECK(choose_names());
    find_staying();
    ONNXPACK_CHECK(edit_model());
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
    if (how_.form == TernaryForm::standard) format_ = Format::u2;
    if (how_.form == TernaryForm::portable) format_ = Format::t5r;
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
    if (!candidate.other_use.empty() && how_.form != TernaryForm::standard) {
      leave(facts, candidate.other_use);
      return {};
    }
    ONNXPACK_TRY(auto values, values_of(candidate));
    if (auto* why = std::get_if<std::string>(&values)) {
      leave(facts, std::move(*why));
      return {};
    }
    const auto order =
        how_.form == TernaryForm::standard ? CodeOrder::as_initializer : CodeOrder::rows;
    const auto zero = request_.negative_zero_as_zero ? NegativeZero::as_zero : NegativeZero::refuse;
    ONNXPACK_TRY(auto answer, store_ternary(facts, std::get<0>(values), candidate.transposed,
                                            format_, order, zero, codes_));
    if (auto* refused = std::get_if<Refused>(&answer)) {
      leave(facts, refused->why);
      return {};
    }
    auto& stored = std::get<StoredTernary>(answer);
    if (how_.form == TernaryForm::portable &&
        stored.scale_layout.granularity == Granularity::block) {
      // Its codes stay in the file, which other forms may share.
      leave(facts, "the portable form has no block scales");
      return {};
    }
    report(facts, candidate, stored);
    if (quantised) {
      stored_at_.insert(candidate.frees.begin(), candidate.frees.end());
    } else {
      stored_at_.insert(constant.message.offset);
    }
    if (candidate.dequantizer) dropped_.insert(*candidate.dequantizer);
    for (const auto& use : candidate.uses) uses_[use.node] = {rewrites_.size(), use.kind};
    bodies_.insert(candidate.bodies.begin(), candidate.bodies.end());
    by_name_.emplace(facts.name, rewrites_.size());
    rewrites_.emplace_back(how_, facts, candidate.transposed, std::move(stored));
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

  Status choose_names() {
    std::set<std::string> taken;
    ONNXPACK_CHECK(for_each_value(model_, [&](const auto& name) { taken.insert(name); }));
    for (const auto& constant : model_.constants()) {
      // What held a quantised weight goes; a weight's own name may stay that of a value.
      if (stored_at_.contains(constant.message.offset) && !by_name_.contains(constant.name))
        taken.erase(constant.name);
    }
    std::set<std::string> stems;
    if (!bodies_.empty()) stems = taken;
    for (const auto& [name, rewrite] : by_name_) stems.insert(name);
    for (const auto& [node, use] : uses_)
      for (const auto& output : model_.nodes()[node].outputs) stems.insert(output);
    how_.mark = free_mark(stems, taken);
    ONNXPACK_TRY(how_.stem, free_stem(model_, how_.stem));
    return {};
  }

  Status edit_model() {
    WireInput input(model_.file());
    WireMessage top(input);
    std::uint64_t copied = 0;
    const auto keep_up_to = [&](const WireField& field) {
      out_.splice.append_range({copied, field.begin - copied});
      copied = field.end();
    };
    const bool raises = how_.form == TernaryForm::standard && how_.opset < uint2_opset;
    while (true) {
      ONNXPACK_TRY(auto field, top.next());
      if (!field) break;
      if (field->is(model_graph, WireType::bytes)) {
        ONNXPACK_TRY(WireMessage graph, top.enter(*field));
        keep_up_to(*field);
        ONNXPACK_CHECK(edit_graph(graph));
        append_graph(out_.splice, graph_);
      } else if (raises && field->is(model_opset_import, WireType::bytes)) {
        keep_up_to(*field);
      } else if (how_.form == TernaryForm::standard &&
                 field->is(model_ir_version, WireType::varint)) {
        keep_up_to(*field);
        Bytes version;
        model::append_varint_field(
            version, model_ir_version,
            std::max(field->value, static_cast<std::uint64_t>(uint2_ir_version)));
        out_.splice.append_bytes(version);
      }
    }
    out_.splice.append_range({copied, model_.file().size() - copied});
    append_imports(raises);
    return {};
  }

  Status edit_graph(WireMessage graph) {
    std::uint64_t copied = graph.begin();
    const auto keep_up_to = [&](const WireField& field) {
      graph_.append_range({copied, field.begin - copied});
      copied = field.end();
    };
    std::size_t index = 0;
    while (true) {
      ONNXPACK_TRY(auto field, graph.next());
      if (!field) break;
      if (field->is(graph_node, WireType::bytes)) {
        const std::size_t node = index++;
        const bool dropped = dropped_.contains(node);
        if (node != 0 && !uses_.contains(node) && !bodies_.contains(node) && !dropped) continue;
        keep_up_to(*field);
        if (node == 0) append_decoders();
        if (!dropped) ONNXPACK_CHECK(append_replaced(node, *field));
      } else if (field->is(graph_initializer, WireType::bytes)) {
        const auto external = staying_.find(field->payload);
        if (is_stored(*field) || external != staying_.end()) keep_up_to(*field);
        if (external != staying_.end()) ONNXPACK_CHECK(append_moved(*field, external->second));
      }
    }
    graph_.append_range({copied, graph.end() - copied});
    for (const auto& rewrite : rewrites_)
      for (const auto& tensor : rewrite.initializers())
        append_message(graph_, graph_initializer, tensor);
    if (how_.form == TernaryForm::portable)
      for (const auto& tensor : shared_portable_initializers(how_))
        append_message(graph_, graph_initializer, tensor);
    return {};
  }

  bool is_stored(const WireField& field) const { return stored_at_.contains(field.payload); }

  // External initializers that stay move to the new file.
  void find_staying() {
    for (const auto& constant : model_.constants()) {
      const auto* external = std::get_if<model::ExternalData>(&constant.data);
      if (external == nullptr || stored_at_.contains(constant.message.offset)) continue;
      const bool movable =
          constant.source == model::ConstantSource::initializer && constant.where == "graph";
      if (movable) {
        staying_.emplace(constant.message.offset, external);
      } else {
        out_.needs_old_files = true;
      }
    }
  }

  Status append_moved(const WireField& field, const model::ExternalData* from) {
    ONNXPACK_TRY(Bytes bytes, model_.file().read(field.payload, field.size));
    onnx::TensorProto tensor;
    if (!tensor.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
      return fail(ErrorKind::corrupt,
                  fmt::format("the tensor at byte {} cannot be read", field.begin));
    ONNXPACK_TRY(auto source, model_.open_external(from->file));
    ONNXPACK_CHECK(pad_to_page(codes_));
    set_external(tensor, how_.location, codes_.position(), from->range.size);
    ONNXPACK_CHECK(codes_.append_from(*source, from->range.offset, from->range.size));
    append_message(graph_, graph_initializer, tensor);
    return {};
  }

  void append_decoders() {
    for (const auto& rewrite : rewrites_)
      for (const auto& node : rewrite.decoders()) append_message(graph_, graph_node, node);
  }

  Status append_replaced(std::size_t index, const WireField& field) {
    ONNXPACK_TRY(onnx::NodeProto node, read_node(model_, field));
    if (bodies_.contains(index)) rewrite_bodies(node, replacer());
    const auto use = uses_.find(index);
    if (use == uses_.end()) {
      append_message(graph_, graph_node, node);
      return {};
    }
    const auto& [rewrite, kind] = use->second;
    for (auto& made : rewrites_[rewrite].replace(node, kind))
      append_message(graph_, graph_node, made);
    return {};
  }

  // What uses a stored weight in a body; the weight's new parts are in the main graph, which bodies
  // see.
  ReplaceNode replacer() const {
    return [this](const onnx::NodeProto& node,
                  const Hidden& hidden) -> std::optional<std::vector<onnx::NodeProto>> {
      for (int i = 0; i < node.input_size(); ++i) {
        const auto weight = by_name_.find(node.input(i));
        if (weight == by_name_.end() || hidden.contains(node.input(i))) continue;
        if (const auto known = known_use(node, i))
          return rewrites_[weight->second].replace(node, known->kind);
      }
      return std::nullopt;
    };
  }

  void append_imports(bool raises) {
    const auto add = [&](const std::string& domain, std::int64_t version) {
      onnx::OperatorSetIdProto import;
      import.set_domain(domain);
      import.set_version(version);
      append_message(out_.splice, model_opset_import, import);
    };
    if (raises) {
      for (const auto& import : model_.opset_imports()) {
        const bool is_default = import.domain.empty() || import.domain == "ai.onnx";
        add(import.domain, is_default ? uint2_opset : import.version);
      }
    }
    const bool has_own = std::ranges::any_of(
        model_.opset_imports(), [](const auto& import) { return import.domain == "org.onnxpack"; });
    if (how_.form == TernaryForm::operators && !has_own) add("org.onnxpack", 1);
  }

  struct UseOf {
    std::size_t rewrite;
    UseKind kind;
  };

  const model::ModelFile& model_;
  const TernarizeRequest& request_;
  io::WritableFile& codes_;
  const CancelFlag* cancel_;
  Rewriting how_;
  Format format_ = Format::t5r;
  std::vector<TernaryRewrite> rewrites_;
  std::set<std::uint64_t> stored_at_;  // where the messages of the stored initializers begin
  std::map<std::size_t, UseOf> uses_;
  std::set<std::size_t> bodies_;  // nodes with such uses in their bodies
  std::map<std::string, std::size_t> by_name_;
  std::set<std::size_t> dropped_;  // nodes that made weights of integers
  std::map<std::uint64_t, const model::ExternalData*> staying_;  // by where their messages begin
  model::Splice graph_;
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
