// What tests of passes over models ask of a model's bytes.
#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "onnxpack/model/annotate.h"
#include "onnxpack/model/wire.h"
#include "unit/model/models.h"

namespace onnxpack::transform::test {

using model::test::content;
using model::test::opened;
using model::test::parse_text;
using model::test::to_file;

inline constexpr std::uint32_t graph_field = 7;
inline constexpr std::uint32_t function_field = 25;
inline constexpr std::uint32_t node_field = 1;

struct Field {
  std::uint32_t number = 0;
  Bytes bytes;  // with tag and length, as they stand there
  Bytes payload;
  bool operator==(const Field&) const = default;
};

inline std::vector<Field> fields_of(ByteView message) {
  model::ViewFile file(message);
  model::WireInput input(file);
  model::WireMessage walk(input);
  std::vector<Field> out;
  while (true) {
    auto field = walk.next();
    REQUIRE(field);
    if (!*field) return out;
    const auto& at = **field;
    auto piece = [&](std::uint64_t begin, std::uint64_t end) {
      return Bytes(message.begin() + static_cast<std::ptrdiff_t>(begin),
                   message.begin() + static_cast<std::ptrdiff_t>(end));
    };
    out.push_back({at.number, piece(at.begin, at.end()), piece(at.payload, at.end())});
  }
}

// A model's fields, its graph's apart.
struct Parts {
  std::vector<Field> model;
  std::vector<Field> graph;
};
inline Parts parts_of(ByteView bytes) {
  Parts out;
  for (auto& field : fields_of(bytes)) {
    if (field.number == graph_field) {
      out.graph = fields_of(field.payload);
    } else {
      out.model.push_back(std::move(field));
    }
  }
  return out;
}

// What `after` has beyond `before`, which is left of it in its order; fails where it is not.
inline std::vector<Field> added(const std::vector<Field>& before, const std::vector<Field>& after) {
  std::vector<Field> out;
  auto next = before.begin();
  for (const Field& field : after) {
    if (next != before.end() && *next == field) {
      ++next;
    } else {
      out.push_back(field);
    }
  }
  REQUIRE(next == before.end());
  return out;
}

template <typename Message>
Message parsed(ByteView bytes) {
  Message out;
  REQUIRE(out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return out;
}

inline Bytes spliced(const model::ModelFile& model, const model::Splice& splice) {
  return content(*model::splice_view(model.shared_file(), splice));
}

// Calls `look` for every place in a graph that gives a value its name, in bodies too, and `use` for
// every place that names one.
using OnName = std::function<void(std::string&)>;
inline void each_name(onnx::GraphProto& graph, const OnName& look, const OnName& use) {
  auto named = [](std::string& name, const OnName& call) {
    if (!name.empty()) call(name);
  };
  for (auto& input : *graph.mutable_input()) named(*input.mutable_name(), look);
  for (auto& tensor : *graph.mutable_initializer()) named(*tensor.mutable_name(), look);
  for (auto& node : *graph.mutable_node()) {
    for (auto& input : *node.mutable_input()) named(input, use);
    for (auto& attribute : *node.mutable_attribute())
      if (attribute.has_g()) each_name(*attribute.mutable_g(), look, use);
    for (auto& output : *node.mutable_output()) named(output, look);
  }
  for (auto& output : *graph.mutable_output()) named(*output.mutable_name(), use);
}

// Names that a graph and its bodies give, each as often as it is given.
inline std::multiset<std::string> given_names(onnx::GraphProto graph) {
  std::multiset<std::string> out;
  each_name(
      graph, [&](std::string& name) { out.insert(name); }, [](std::string&) {});
  return out;
}

// The graph after some of its values took names of `wanted`; the same otherwise.
inline void rename_some(onnx::GraphProto& graph, std::vector<std::string> wanted,
                        std::mt19937& random) {
  std::map<std::string, std::string> names;
  const auto choose = [&](std::string& name) {
    if (wanted.empty() || random() % 2 == 0 || names.contains(name)) return;
    names[name] = wanted.back();
    wanted.pop_back();
  };
  std::ranges::shuffle(wanted, random);
  each_name(graph, choose, [](std::string&) {});
  const auto change = [&](std::string& name) {
    if (auto found = names.find(name); found != names.end()) name = found->second;
  };
  each_name(graph, change, change);
}

}  // namespace onnxpack::transform::test
