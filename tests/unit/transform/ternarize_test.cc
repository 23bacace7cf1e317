#include "onnxpack/transform/ternarize.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <map>

#include "onnxpack/kernels/ternary/format.h"
#include "onnxpack/kernels/ternary/scales.h"
#include "onnxpack/model/check.h"
#include "support.h"
#include "ternary_models.h"

namespace onnxpack::transform {
namespace {

using namespace test;
namespace ternary = kernels::ternary;

constexpr std::string_view codes_name = "weights.ternary";

// A ternarized model, and where it was made.
struct Made {
  io::MemoryFileSystem disk;
  Bytes before;
  Ternarized result;
  Bytes after;
  Bytes codes;
};

std::unique_ptr<io::WritableFile> codes_file(io::MemoryFileSystem& disk) {
  auto file = disk.create(fmt::format("/m/{}", codes_name));
  REQUIRE(file);
  return std::move(*file);
}

void ternarized(Made& out, const Bytes& bytes, const TernarizeRequest& request) {
  out.before = bytes;
  const auto model = opened(out.disk, bytes);
  auto file = codes_file(out.disk);
  auto made = ternarize(model, request, *file);
  INFO((made ? std::string() : made.error().message()));
  REQUIRE(made);
  REQUIRE(file->publish(io::Overwrite::yes));
  out.result = std::move(*made);
  out.after = spliced(model, out.result.splice);
  out.codes = *out.disk.content(fmt::format("/m/{}", codes_name));
}

onnx::GraphProto graph_of(const Made& made) {
  return parsed<onnx::ModelProto>(made.after).graph();
}

std::int64_t integer(const onnx::NodeProto& node, std::string_view name) {
  for (const auto& one : node.attribute())
    if (one.name() == name) return one.i();
  return 0;
}
std::string text(const onnx::NodeProto& node, std::string_view name) {
  for (const auto& one : node.attribute())
    if (one.name() == name) return one.s();
  return "";
}

// The weight that a node of the operators form stands for, in bits, [N, K], by
// docs/ternary-format.md.
std::vector<std::uint32_t> decoded(const Made& made, const onnx::GraphProto& graph,
                                   const TernaryTensor& tensor, std::size_t width) {
  std::map<std::string, onnx::TensorProto> initializers;
  for (const auto& one : graph.initializer()) initializers[one.name()] = one;
  for (const auto& node : graph.node()) {
    if (node.domain() != "org.onnxpack") continue;
    const int first = node.op_type() == "TernaryMatMul" ? 1 : 0;
    const auto& codes = initializers[node.input(first)];
    std::map<std::string, std::string> external;
    for (const auto& entry : codes.external_data()) external[entry.key()] = entry.value();
    if (external["offset"] != std::to_string(tensor.offset)) continue;
    REQUIRE(external["location"] == codes_name);
    REQUIRE(external["length"] == std::to_string(tensor.size));
    const auto rows = static_cast<std::size_t>(integer(node, "N"));
    const auto columns = static_cast<std::size_t>(integer(node, "K"));
    const auto format = ternary::parse_encoding(text(node, "encoding"));
    REQUIRE(format);
    const auto layout = ternary::layout_of(*format, {rows, columns});
    REQUIRE(layout->bytes == tensor.size);
    std::vector<std::int8_t> trits(rows * columns);
    const auto* begin = reinterpret_cast<const std::uint8_t*>(made.codes.data()) + tensor.offset;
    REQUIRE(ternary::decode(*layout, {begin, tensor.size}, trits));

    const auto& scales = initializers[node.input(first + 1)];
    const auto block = static_cast<std::size_t>(integer(node, "block_size"));
    std::vector<std::uint32_t> out(trits.size());
    for (std::size_t i = 0; i < trits.size(); ++i) {
      const std::size_t n = i / columns;
      const std::size_t across = block == 0 ? 1 : (columns + block - 1) / block;
      const std::size_t at = scales.dims_size() == 0   ? 0
                             : scales.dims_size() == 1 ? n
                                                       : n * across + i % columns / block;
      std::uint32_t scale = 0;
      std::memcpy(&scale, scales.raw_data().data() + at * width, width);
      const std::uint32_t sign = 1U << (8 * width - 1);
      out[i] = trits[i] == 0 ? 0 : trits[i] > 0 ? scale : scale | sign;
    }
    return out;
  }
  FAIL("no node has the codes of " << tensor.name);
  return {};
}

TEST_CASE("an exactly ternary weight of any type, use and scales decodes to its own bits") {
  constexpr const char* encodings[] = {"ternary.u2/1", "ternary.t5r/1", "ternary.t5k/1"};
  Models models(1);
  for (int i = 0; i < 60; ++i) {
    Made made;
    TernarizeRequest request;
    request.encoding = encodings[i % 3];
    request.float_activations = i % 2 == 0;
    ternarized(made, to_file(models.next(1 + models.random()() % 5)), request);
    REQUIRE(made.result.left.empty());
    REQUIRE(made.result.tensors.size() == models.weights().size());
    const auto graph = graph_of(made);
    std::uint64_t end = 0;
    for (std::size_t w = 0; w < models.weights().size(); ++w) {
      const Weight& weight = models.weights()[w];
      const TernaryTensor& tensor = made.result.tensors[w];
      INFO(fmt::format("model {}, {} as {}", i, weight.name, tensor.scales));
      REQUIRE(tensor.name == weight.name);
      REQUIRE(tensor.uses == 1);
      REQUIRE(tensor.offset % 4096 == 0);
      REQUIRE(tensor.offset >= end);
      end = tensor.offset + tensor.size;
      const auto bits = decoded(made, graph, tensor, weight.width());
      for (std::size_t n = 0; n < weight.rows; ++n)
        for (std::size_t k = 0; k < weight.columns; ++k)
          REQUIRE(bits[n * weight.columns + k] == weight.bits[weight.at(n, k)]);
    }
    REQUIRE(made.codes.size() == end);
  }
}

TEST_CASE("a weight of which one element is the next number is left, with its place") {
  Models models(2);
  for (int i = 0; i < 60; ++i) {
    auto proto = models.next(1);
    Weight weight = models.weights()[0];
    // Among sixteen columns there are others that keep their magnitude.
    std::size_t at = 0;
    do {
      at = weight.at(models.random()() % weight.rows, models.random()() % 16);
    } while (weight.bits[at] == 0);
    weight.bits[at] ^= 1U;
    Models::put(*proto.mutable_graph(), weight);
    Made made;
    ternarized(made, to_file(proto), {});
    REQUIRE(made.result.tensors.empty());
    REQUIRE(made.result.left.size() == 1);
    REQUIRE(made.result.left[0].name == weight.name);
    REQUIRE(made.result.left[0].why.starts_with("not ternary: a second magnitude"));
    REQUIRE(made.after == made.before);
    REQUIRE(made.codes.empty());
  }
}

TEST_CASE("what is neither a number nor 0 with a plus leaves a weight as it is") {
  Models models(3);
  for (int i = 0; i < 30; ++i) {
    auto proto = models.next(1);
    Weight weight = models.weights()[0];
    const bool zero = i % 2 == 0;
    const std::uint32_t infinity = weight.type == onnx::TensorProto::FLOAT     ? 0x7F800000U
                                   : weight.type == onnx::TensorProto::FLOAT16 ? 0x7C00U
                                                                               : 0x7F80U;
    weight.bits[models.random()() % weight.bits.size()] =
        zero ? weight.sign() : infinity + models.random()() % 2;
    Models::put(*proto.mutable_graph(), weight);
    Made made;
    ternarized(made, to_file(proto), {});
    REQUIRE(made.result.left.size() == 1);
    REQUIRE(made.result.left[0].why.starts_with(zero ? "-0.0 at row " : "not finite at row "));
    Made told;
    ternarized(told, to_file(proto), {.negative_zero_as_zero = true});
    REQUIRE(told.result.tensors.size() == (zero ? 1 : 0));
    if (zero) REQUIRE(told.result.tensors[0].negative_zeros == 1);
  }
}

TEST_CASE("what uses no stored weight stays byte for byte, in its order") {
  Models models(4);
  for (int i = 0; i < 40; ++i) {
    auto proto = models.next(4, false);
    // One of them is not ternary.
    Weight dense = models.weights()[2];
    for (auto& bits : dense.bits) bits = models.scale(dense.type);
    Models::put(*proto.mutable_graph(), dense);
    auto bytes = to_file(proto);
    model::append_bytes_field(bytes, 1001, as_bytes(std::string("later")));
    auto before = parts_of(bytes);
    std::erase_if(before.graph, [&](const Field& field) {
      if (field.number == 5) return parsed<onnx::TensorProto>(field.payload).name() != dense.name;
      if (field.number != node_field) return false;
      const auto node = parsed<onnx::NodeProto>(field.payload);
      return std::ranges::any_of(node.input(), [&](const std::string& name) {
        return name.starts_with('w') && name != dense.name;
      });
    });
    Made made;
    ternarized(made, bytes, {.form = static_cast<TernaryForm>(i % 2 * 2)});
    const auto after = parts_of(made.after);
    for (const Field& field : added(before.graph, after.graph))
      REQUIRE((field.number == node_field || field.number == 5));
    const auto imports = added(before.model, after.model);
    REQUIRE(imports.size() == (i % 2 == 0 ? 1 : 0));
  }
}

TEST_CASE("a second run finds nothing more, and the codes are found as they were described") {
  Models models(5);
  for (int i = 0; i < 30; ++i) {
    Made first;
    ternarized(first, to_file(models.next(3)), {.encoding = "ternary.u2/1"});
    const auto model = opened(first.disk, first.after);
    const auto described = ternary_codes(model);
    REQUIRE(described);
    REQUIRE(described->size() == first.result.tensors.size());
    for (const TernaryCodes& codes : *described) {
      const auto& constant = model.constants()[codes.constant];
      const auto& data = std::get<model::ExternalData>(constant.data);
      const auto tensor =
          std::ranges::find(first.result.tensors, data.range.offset, &TernaryTensor::offset);
      REQUIRE(tensor != first.result.tensors.end());
      REQUIRE(codes.encoding == "ternary.u2/1");
      REQUIRE(codes.rows == tensor->rows);
      REQUIRE(codes.columns == tensor->columns);
    }
    auto file = first.disk.create("/m/second.ternary");
    REQUIRE(file);
    const auto again = ternarize(model, {}, **file);
    REQUIRE(again);
    REQUIRE(again->tensors.empty());
    REQUIRE(spliced(model, again->splice) == first.after);
  }
}

TEST_CASE("every form is a model that onnx accepts, whatever names it had") {
  Models models(6);
  for (int i = 0; i < 24; ++i) {
    auto proto = models.next(3, false, false);
    for (int round = 0; round < 3; ++round) {
      const auto before = given_names(proto.graph());
      std::set<std::string> liked;
      for (TernaryForm form :
           {TernaryForm::operators, TernaryForm::standard, TernaryForm::portable}) {
        INFO(fmt::format("model {}, round {}, {}", i, round, to_string(form)));
        Made made;
        ternarized(made, to_file(proto), {.form = form});
        REQUIRE(made.result.tensors.size() == 3);
        const auto names = given_names(graph_of(made));
        for (const std::string& name : names) {
          INFO(name);
          REQUIRE(names.count(name) == 1);
          if (!before.contains(name)) liked.insert(name);
        }
        const auto report = model::check(opened(made.disk, made.after));
        INFO((report ? std::string() : report.error().message()));
        REQUIRE(report);
      }
      rename_some(*proto.mutable_graph(), {liked.begin(), liked.end()}, models.random());
    }
  }
}

TEST_CASE("external weights that stay move to the file of codes, and the old file is not needed") {
  Models models(7);
  for (int i = 0; i < 20; ++i) {
    auto proto = models.next(2, false);
    Weight dense = models.weights()[1];
    for (auto& bits : dense.bits) bits = models.scale(dense.type);
    Models::put(*proto.mutable_graph(), dense);
    std::string data;
    for (auto& tensor : *proto.mutable_graph()->mutable_initializer()) {
      data.append(models.random()() % 100, 'x');
      const std::string offset = std::to_string(data.size());
      const std::string length = std::to_string(tensor.raw_data().size());
      data += tensor.raw_data();
      tensor.clear_raw_data();
      tensor.set_data_location(onnx::TensorProto::EXTERNAL);
      for (const auto& [key, value] : std::map<std::string, std::string>{
               {"location", "old.bin"}, {"offset", offset}, {"length", length}}) {
        auto& entry = *tensor.add_external_data();
        entry.set_key(key);
        entry.set_value(value);
      }
    }
    Made made;
    made.disk.put("/m/old.bin", as_bytes(data));
    ternarized(made, to_file(proto), {});
    REQUIRE(!made.result.needs_old_files);
    REQUIRE(made.result.tensors.size() == 1);
    const auto model = opened(made.disk, made.after);
    REQUIRE(model.external_files().size() == 1);
    REQUIRE(model.external_files()[0].location == codes_name);
    const auto kept = std::ranges::find(model.constants(), dense.name, &model::Constant::name);
    REQUIRE(kept != model.constants().end());
    const auto range = std::get<model::ExternalData>(kept->data).range;
    REQUIRE(range.offset % 4096 == 0);
    REQUIRE(range.size == dense.bits.size() * 4);
    REQUIRE(std::memcmp(made.codes.data() + range.offset, dense.bits.data(), range.size) == 0);
  }
}

TEST_CASE("a disk that fails at any call is an error, and what was not asked for is named") {
  Models models(8);
  const auto bytes = to_file(models.next(2, false));
  std::uint64_t calls = 0;
  for (std::uint64_t fail_at = 0; fail_at == 0 || fail_at <= calls; ++fail_at) {
    io::MemoryFileSystem disk;
    const auto model = opened(disk, bytes);
    auto file = codes_file(disk);
    const auto before = disk.call_count();
    if (fail_at > 0) disk.fail_call(fail_at - 1);
    auto made = ternarize(model, {}, *file);
    if (fail_at == 0) {
      REQUIRE(made);
      calls = disk.call_count() - before;
      REQUIRE(calls > 2);
    } else {
      REQUIRE(!made);
      REQUIRE(made.error().kind() == ErrorKind::io);
    }
  }
}

TEST_CASE("what a request may not ask for") {
  Models models(9);
  auto proto = models.next(1, false, false);
  const auto refused = [&](const TernarizeRequest& request, const CancelFlag* cancel = nullptr) {
    io::MemoryFileSystem disk;
    const auto bytes = to_file(proto);
    const auto model = opened(disk, bytes);
    auto file = codes_file(disk);
    auto made = ternarize(model, request, *file, cancel);
    REQUIRE(!made);
    return made.error().kind();
  };
  REQUIRE(refused({.encoding = "ternary.u2/2"}) == ErrorKind::invalid_argument);
  REQUIRE(refused({.encoding = "u2"}) == ErrorKind::invalid_argument);
  CancelFlag cancel;
  cancel.set();
  REQUIRE(refused({}, &cancel) == ErrorKind::cancelled);
  proto.mutable_opset_import(0)->set_version(12);
  REQUIRE(refused({.form = TernaryForm::portable}) == ErrorKind::unsupported);

  REQUIRE(!parse_ternary_form("Operators"));
  for (TernaryForm form : {TernaryForm::operators, TernaryForm::standard, TernaryForm::portable})
    REQUIRE(*parse_ternary_form(to_string(form)) == form);
}

TEST_CASE("saving never replaces a model unasked") {
  Models models(10);
  Made made;
  ternarized(made, to_file(models.next(1)), {});
  const auto model = opened(made.disk, made.before);
  const auto taken =
      save_ternarized(made.disk, model, made.result, "/m/model.onnx", io::Overwrite::no);
  REQUIRE(!taken);
  REQUIRE(taken.error().kind() == ErrorKind::already_exists);
  REQUIRE(*made.disk.content("/m/model.onnx") == made.before);
  REQUIRE(save_ternarized(made.disk, model, made.result, "/m/new.onnx", io::Overwrite::no));
  REQUIRE(*made.disk.content("/m/new.onnx") == made.after);
}

}  // namespace
}  // namespace onnxpack::transform
