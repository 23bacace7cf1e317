#include <fmt/format.h>
#include <onnx/checker.h>
#include <onnx/defs/schema.h>

#include <map>
#include <set>
#include <tuple>

#include "checkable.h"
#include "graph_digest.h"
#include "onnxpack/base/text.h"

namespace onnxpack::model {
namespace {

// Not a domain that anybody imports; the checker passes nodes of domains that it does not know.
constexpr const char* aside_domain = "org.onnxpack.unknown";

using Imports = std::map<std::string, std::int64_t>;

template <typename Repeated>
Imports imports_of(const Repeated& imports) {
  Imports out;
  for (const auto& import : imports) out[normal_domain(import.domain())] = import.version();
  return out;
}

class Finder {
 public:
  explicit Finder(onnx::ModelProto& model) : model_(model) {
    for (const auto& function : model.functions()) {
      functions_.emplace(normal_domain(function.domain()), function.name());
    }
  }

  void run(Checkable& out) {
    imports_ = imports_of(model_.opset_import());
    for (auto& node : *model_.mutable_graph()->mutable_node()) visit(node);
    if (set_aside_) add_import(*model_.mutable_opset_import());
    for (auto& function : *model_.mutable_functions()) {
      set_aside_ = false;
      imports_ = imports_of(function.opset_import());
      for (auto& node : *function.mutable_node()) visit(node);
      if (set_aside_) add_import(*function.mutable_opset_import());
    }
    report(out);
  }

 private:
  using Key = std::tuple<std::string, std::string, std::int64_t>;

  void visit(onnx::NodeProto& node) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) visit(*attribute.mutable_g());
      for (auto& graph : *attribute.mutable_graphs()) visit(graph);
    }
    const auto domain = normal_domain(node.domain());
    if (functions_.contains({domain, node.op_type()})) return;
    const auto import = imports_.find(domain);
    if (import == imports_.end()) return;  // the checker says so, better
    const auto& known = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
    const auto range = known.find(domain);
    if (range != known.end() && import->second > range->second.second) {
      ++newer_[{domain, "", import->second}];
    }
    const auto version =
        static_cast<int>(std::min<std::int64_t>(import->second, std::numeric_limits<int>::max()));
    const auto* schema =
        onnx::OpSchemaRegistry::Instance()->GetSchema(node.op_type(), version, domain);
    if (schema != nullptr && !schema->Deprecated() &&
        !onnx::checker::check_is_experimental_op(node))
      return;
    ++unknown_[{domain, node.op_type(), import->second}];
    if (range == known.end()) return;
    node.set_domain(aside_domain);
    set_aside_ = true;
  }
  void visit(onnx::GraphProto& graph) {
    for (auto& node : *graph.mutable_node()) visit(node);
  }

  template <typename Imported>
  static void add_import(Imported& imports) {
    auto* import = imports.Add();
    import->set_domain(aside_domain);
    import->set_version(1);
  }

  void report(Checkable& out) const {
    for (const auto& [key, count] : newer_) {
      const auto& [domain, op_type, version] = key;
      const auto newest =
          onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map().at(domain).second;
      out.newer_opset = true;
      out.unknown.push_back(
          {domain, op_type, version, count,
           fmt::format("opset {} of {} is newer than {}, the newest that onnx 1.23 knows; used by "
                       "{} node{}",
                       version, shown_domain(domain), newest, count, count == 1 ? "" : "s")});
    }
    for (const auto& [key, count] : unknown_) {
      const auto& [domain, op_type, version] = key;
      out.unknown.push_back(
          {domain, op_type, version, count,
           fmt::format("no schema for {}::{} (opset {}), used by {} node{}", shown_domain(domain),
                       printable(op_type), version, count, count == 1 ? "" : "s")});
    }
  }
  static std::string shown_domain(const std::string& domain) {
    return domain.empty() ? "ai.onnx" : printable(domain);
  }

  onnx::ModelProto& model_;
  std::set<std::pair<std::string, std::string>> functions_;
  Imports imports_;
  bool set_aside_ = false;
  std::map<Key, std::size_t> newer_;
  std::map<Key, std::size_t> unknown_;
};

}  // namespace

void set_unknown_aside(onnx::ModelProto& model, Checkable& out) {
  Finder(model).run(out);
}

}  // namespace onnxpack::model
