#include "ternary_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "graph_splice.h"
#include "names.h"
#include "onnx_make.h"
#include "onnxpack/model/wire.h"
#include "raise_opset.h"
#include "ternary_bodies.h"

namespace onnxpack::transform {
namespace {

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

class TernaryEditor {
 public:
  TernaryEditor(const model::ModelFile& model, TernaryPlan& plan, io::WritableFile& codes)
      : model_(model), plan_(plan), codes_(codes) {}

  Result<TernaryEdited> run() {
    if (plan_.how.form == TernaryForm::standard) {
      ONNXPACK_CHECK(may_raise_opset(model_, plan_.how.opset, uint2_opset));
    } else if (plan_.how.opset < oldest_opset && plan_.how.form == TernaryForm::portable) {
      return fail(ErrorKind::unsupported,
                  fmt::format("the portable form needs opset {}, the model is of opset {}",
                              oldest_opset, plan_.how.opset));
    }
    ONNXPACK_CHECK(choose_names());
    find_staying();
    ONNXPACK_CHECK(edit_model());
    return std::move(out_);
  }

 private:
  Status choose_names() {
    std::set<std::string> taken;
    ONNXPACK_CHECK(for_each_value(model_, [&](const auto& name) { taken.insert(name); }));
    for (const auto& constant : model_.constants()) {
      // What held a quantised weight goes; a weight's own name may stay that of a value.
      if (plan_.stored_at.contains(constant.message.offset) &&
          !plan_.by_name.contains(constant.name))
        taken.erase(constant.name);
    }
    std::set<std::string> stems;
    if (!plan_.bodies.empty()) stems = taken;
    for (const auto& [name, rewrite] : plan_.by_name) stems.insert(name);
    for (const auto& [node, use] : plan_.uses)
      for (const auto& output : model_.nodes()[node].outputs) stems.insert(output);
    plan_.how.mark = free_mark(stems, taken);
    ONNXPACK_TRY(plan_.how.stem, free_stem(model_, plan_.how.stem));
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
    const bool raises = plan_.how.form == TernaryForm::standard && plan_.how.opset < uint2_opset;
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
      } else if (plan_.how.form == TernaryForm::standard &&
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
        const bool dropped = plan_.dropped.contains(node);
        if (node != 0 && !plan_.uses.contains(node) && !plan_.bodies.contains(node) && !dropped)
          continue;
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
    for (const auto& rewrite : plan_.rewrites)
      for (const auto& tensor : rewrite.initializers())
        append_message(graph_, graph_initializer, tensor);
    if (plan_.how.form == TernaryForm::portable)
      for (const auto& tensor : shared_portable_initializers(plan_.how))
        append_message(graph_, graph_initializer, tensor);
    return {};
  }

  bool is_stored(const WireField& field) const { return plan_.stored_at.contains(field.payload); }

  // External initializers that stay move to the new file.
  void find_staying() {
    for (const auto& constant : model_.constants()) {
      const auto* external = std::get_if<model::ExternalData>(&constant.data);
      if (external == nullptr || plan_.stored_at.contains(constant.message.offset)) continue;
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
    set_external(tensor, plan_.how.location, codes_.position(), from->range.size);
    ONNXPACK_CHECK(codes_.append_from(*source, from->range.offset, from->range.size));
    append_message(graph_, graph_initializer, tensor);
    return {};
  }

  void append_decoders() {
    for (const auto& rewrite : plan_.rewrites)
      for (const auto& node : rewrite.decoders()) append_message(graph_, graph_node, node);
  }

  Status append_replaced(std::size_t index, const WireField& field) {
    ONNXPACK_TRY(onnx::NodeProto node, read_node(model_, field));
    if (plan_.bodies.contains(index)) rewrite_bodies(node, replacer());
    const auto use = plan_.uses.find(index);
    if (use == plan_.uses.end()) {
      append_message(graph_, graph_node, node);
      return {};
    }
    const auto& [rewrite, kind] = use->second;
    for (auto& made : plan_.rewrites[rewrite].replace(node, kind))
      append_message(graph_, graph_node, made);
    return {};
  }

  // What uses a stored weight in a body; the weight's new parts are in the main graph, which bodies
  // see.
  ReplaceNode replacer() const {
    return [this](const onnx::NodeProto& node,
                  const Hidden& hidden) -> std::optional<std::vector<onnx::NodeProto>> {
      for (int i = 0; i < node.input_size(); ++i) {
        const auto weight = plan_.by_name.find(node.input(i));
        if (weight == plan_.by_name.end() || hidden.contains(node.input(i))) continue;
        if (const auto known = known_use(node, i))
          return plan_.rewrites[weight->second].replace(node, known->kind);
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
    if (plan_.how.form == TernaryForm::operators && !has_own) add("org.onnxpack", 1);
  }

  const model::ModelFile& model_;
  TernaryPlan& plan_;
  io::WritableFile& codes_;
  std::map<std::uint64_t, const model::ExternalData*> staying_;  // by where their messages begin
  model::Splice graph_;
  TernaryEdited out_;
};

}  // namespace

Result<TernaryEdited> edit_ternary(const model::ModelFile& model, TernaryPlan& plan,
                                   io::WritableFile& codes) {
  return TernaryEditor(model, plan, codes).run();
}

}  // namespace onnxpack::transform
