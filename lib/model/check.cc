#include "onnxpack/model/check.h"

#include <fmt/format.h>
#include <onnx/checker.h>
#include <onnx/shape_inference/implementation.h>

#include <algorithm>
#include <exception>
#include <functional>

#include "checkable.h"
#include "onnxpack/base/text.h"
#include "onnxpack/model/wire.h"
#include "skeleton.h"
#include "walk_types.h"

namespace onnxpack::model {
namespace {

// onnx's messages run over several lines; ours are one.
std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
  return printable(out);
}

// Runs a piece of onnx; its exceptions end here.
Status guarded(std::string_view what, const std::function<void()>& run) {
  try {
    run();
    return {};
  } catch (const std::exception& error) {
    return fail(ErrorKind::corrupt,
                fmt::format("{} refuses the model: {}", what, one_line(error.what())));
  } catch (...) {
    return fail(ErrorKind::corrupt, fmt::format("{} refuses the model", what));
  }
}

void infer(onnx::ModelProto& model, bool strict) {
  onnx::ShapeInferenceOptions options{strict, strict ? 1 : 0, !strict};
  onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(), options);
}

Result<ValueInfo> to_value_info(const onnx::ValueInfoProto& proto) {
  const auto bytes = proto.SerializeAsString();
  const ViewFile file(as_bytes(bytes));
  WireInput input(file);
  return walk_value_info(WireMessage(input));
}

Status collect(const onnx::GraphProto& graph, std::vector<ValueInfo>& out) {
  for (const auto* list : {&graph.input(), &graph.value_info(), &graph.output()}) {
    for (const auto& proto : *list) {
      if (proto.name().starts_with(hoisted_prefix) || !proto.has_type()) continue;
      ONNXPACK_TRY(ValueInfo info, to_value_info(proto));
      out.push_back(std::move(info));
    }
  }
  std::ranges::stable_sort(out, {}, &ValueInfo::name);
  const auto twice = std::ranges::unique(out, {}, &ValueInfo::name);
  out.erase(twice.begin(), twice.end());
  return {};
}

Status collect_bodies(const onnx::GraphProto& graph, const std::string& path, CheckReport& out) {
  for (const auto& node : graph.node()) {
    for (const auto& attribute : node.attribute()) {
      if (!attribute.has_g() || node.output_size() == 0) continue;
      const std::string inner = body_path(path, node.output(0), attribute.name());
      ONNXPACK_CHECK(collect(attribute.g(), out.bodies[inner]));
      ONNXPACK_CHECK(collect_bodies(attribute.g(), inner, out));
    }
  }
  return {};
}

Status check_skeleton(onnx::ModelProto& model, const Checkable& checkable, CheckReport& report) {
  auto structure = guarded("the onnx checker", [&] { onnx::checker::check_model(model); });
  if (!structure) {
    if (!checkable.newer_opset) return structure;
    report.warnings.push_back(structure.error().message() + " (by the rules of an older opset)");
    report.complete = false;
  }
  if (!checkable.can_infer) {
    report.warnings.emplace_back("shape inference was left out: functions hold too many constants");
    report.complete = false;
    return {};
  }
  densify(model);
  auto copy = model;
  auto strict = guarded("onnx's shape inference", [&] { infer(copy, true); });
  if (!strict) {
    // What an unknown operator makes has no type, and its users may trip over that.
    if (checkable.unknown.empty()) return strict;
    report.warnings.push_back(strict.error().message() +
                              " (perhaps for the unknown operators' sake)");
    report.complete = false;
  }
  // Once more for the values' sake: with data propagation, which finds more shapes, and keeping
  // what is found before an error.
  if (auto loose = guarded("onnx's shape inference", [&] { infer(model, false); }); !loose) {
    report.complete = false;
  }
  return {};
}

}  // namespace

std::string body_path(const std::string& outer, const std::string& first_output,
                      const std::string& attribute) {
  return fmt::format("{}{}{}.{}", outer, outer.empty() ? "" : "/", first_output, attribute);
}

Result<CheckReport> check(const ModelFile& model) {
  const auto context = printable(model.path().string());
  ONNXPACK_TRY(auto skeleton, load_skeleton(model));
  Checkable checkable;
  CheckReport report;
  ONNXPACK_CHECK(in(guarded("onnx",
                            [&] {
                              set_unknown_aside(*skeleton, checkable);
                              replace_left_out(*skeleton, checkable);
                            }),
                    context));
  ONNXPACK_CHECK(in(check_skeleton(*skeleton, checkable, report), context));
  ONNXPACK_CHECK(in(collect(skeleton->graph(), report.values), context));
  ONNXPACK_CHECK(in(collect_bodies(skeleton->graph(), "", report), context));
  report.unknown = std::move(checkable.unknown);
  report.complete = report.complete && report.unknown.empty();
  return report;
}

}  // namespace onnxpack::model
