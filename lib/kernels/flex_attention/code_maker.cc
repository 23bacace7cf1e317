#include "flex_attention/code_maker.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include <fmt/format.h>

namespace onnxpack::kernels::flex {

Result<TileCode> CodeMaker::make() {
  code_.slots = {1, 2, 1, 0};
  mark_needed();
  for (NodeId id = 0; id < program_.nodes.size(); ++id) {
    if (needed_[id]) made_[id] = compile(id);
  }
  finish(value(program_.output));
  if (!missing_.empty()) return std::unexpected(missing_);
  fuse_scales();
  reuse_slots();
  return std::move(code_);
}

void CodeMaker::mark_needed() {
  needed_.assign(program_.nodes.size(), false);
  auto need = [this](NodeId id) {
    const NodeId real = stand_ins_[id];
    if (real < needed_.size()) needed_[real] = true;
  };
  need(program_.output);
  for (auto id = static_cast<NodeId>(program_.nodes.size()); id-- > 0;) {
    if (!needed_[id]) continue;
    for (NodeId argument : program_.nodes[id].arguments) need(argument);
  }
}

CodeValue CodeMaker::value(NodeId id) {
  const NodeId real = stand_ins_[id];
  if (real == constant_true) return constant(Storage::i32, 0, 1);
  if (real == constant_false) return constant(Storage::i32, 0, 0);
  return made_[real];
}

CodeValue CodeMaker::constant(Storage storage, double real, std::int64_t whole) {
  std::array<std::byte, 8> bytes{};
  const auto narrow = static_cast<float>(real);
  const auto short_whole = static_cast<std::int32_t>(whole);
  switch (storage) {
    case Storage::f32:
      std::memcpy(bytes.data(), &narrow, sizeof narrow);
      break;
    case Storage::f64:
      std::memcpy(bytes.data(), &real, sizeof real);
      break;
    case Storage::i32:
      std::memcpy(bytes.data(), &short_whole, sizeof short_whole);
      break;
    case Storage::i64:
      std::memcpy(bytes.data(), &whole, sizeof whole);
      break;
  }
  code_.constants.push_back(bytes);
  return {CodeValue::Kind::constant, varies_no, storage,
          static_cast<std::uint32_t>(code_.constants.size() - 1)};
}

CodeValue CodeMaker::step(const VmKey& key, std::vector<CodeValue> operands, std::int64_t immediate,
                          const void* table) {
  CodeStep out;
  out.function = ops_.function(key);
  if (out.function == nullptr) missing_ = fmt::format("no vector form of {}", to_string(key.op));
  Varies varies = varies_no;
  for (const CodeValue& operand : operands) {
    varies = static_cast<Varies>(varies | operand.varies);
    out.operands[out.operand_count++] = operand;
  }
  out.immediate = immediate;
  out.table = table;
  out.result = {CodeValue::Kind::slot, varies, key.to, code_.slots[varies]++};
  code_.steps[varies].push_back(out);
  return out.result;
}

CodeValue CodeMaker::as(const CodeValue& value, Storage storage) {
  if (value.storage == storage) return value;
  return step({.op = Op::cast, .from = value.storage, .to = storage}, {value});
}

CodeValue CodeMaker::rounded(Type type, CodeValue value) {
  if (type == Type::f16) return step({.extra = VmExtra::round_f16}, {value});
  if (type == Type::bf16) return step({.extra = VmExtra::round_bf16}, {value});
  return value;
}

CodeValue CodeMaker::compile(NodeId id) {
  const Node& node = program_.nodes[id];
  switch (node.op) {
    case Op::element:
      return {CodeValue::Kind::element, varies_both, Storage::f32, 0};
    case Op::index:
      switch (node.immediate) {
        case 0:
          return {CodeValue::Kind::slot, varies_row, Storage::i32, slot_k};
        case 1:
          return {CodeValue::Kind::slot, varies_lane, Storage::i32, slot_q};
        case 2:
          return {CodeValue::Kind::slot, varies_lane, Storage::i32, slot_h};
        default:
          return {CodeValue::Kind::slot, varies_no, Storage::i32, slot_b};
      }
    case Op::constant:
      return constant(storage_[id], is_float(node.type) ? real_of(node) : 0, node.immediate);
    case Op::load:
      return compile_load(node, storage_[id]);
    case Op::cast:
      return compile_cast(id);
    default:
      return compile_operation(id);
  }
}

// An index as a whole number from 0 below the axis' size: what is proven needs no step.
CodeValue CodeMaker::compile_index(const Node& load, std::size_t axis) {
  const TableView& table = tables_[static_cast<std::size_t>(load.immediate)];
  const Range& range = everywhere_[load.arguments[axis]];
  const CodeValue index = value(load.arguments[axis]);
  const auto size = static_cast<double>(table.sizes[axis]);
  if (range.low >= 0 && range.high < size) return index;
  return step({.extra = VmExtra::check_index, .from = Storage::i64, .to = Storage::i64},
              {as(index, Storage::i64)}, table.sizes[axis]);
}

CodeValue CodeMaker::compile_load(const Node& node, Storage wanted) {
  const TableView& table = tables_[static_cast<std::size_t>(node.immediate)];
  std::int64_t elements = 1;
  for (std::int64_t size : table.sizes) elements *= size;
  if (elements == 0) missing_ = "a table without elements";
  CodeValue flat = constant(Storage::i32, 0, 0);
  for (std::size_t axis = 0; axis < node.arguments.size(); ++axis) {
    const CodeValue index = compile_index(node, axis);
    if (axis == 0) {
      flat = index;
      continue;
    }
    const bool narrow =
        elements <= 2147483647 && flat.storage == Storage::i32 && index.storage == Storage::i32;
    const Storage storage = narrow ? Storage::i32 : Storage::i64;
    const VmKey multiply{.op = Op::multiply, .from = storage, .to = storage};
    const VmKey add{.op = Op::add, .from = storage, .to = storage};
    flat = step(multiply, {as(flat, storage), constant(storage, 0, table.sizes[axis])});
    flat = step(add, {flat, as(index, storage)});
  }
  Storage to = Storage::f32;
  if (node.type == Type::f64) to = Storage::f64;
  if (node.type == Type::i32 || node.type == Type::boolean) to = Storage::i32;
  if (node.type == Type::i64) to = wanted;
  return step({.op = Op::load, .from = flat.storage, .to = to, .element = table.element}, {flat}, 0,
              table.data);
}

CodeValue CodeMaker::compile_cast(NodeId id) {
  const Node& node = program_.nodes[id];
  const CodeValue from = value(node.arguments[0]);
  VmKey key{.op = Op::cast, .from = from.storage, .to = storage_[id], .element = Type::f32};
  if (node.type == Type::boolean) key.element = Type::boolean;
  if (node.type != Type::boolean && from.storage == storage_[id]) return rounded(node.type, from);
  return rounded(node.type, step(key, {from}));
}

CodeValue CodeMaker::compile_operation(NodeId id) {
  const Node& node = program_.nodes[id];
  std::vector<CodeValue> operands;
  for (NodeId argument : node.arguments) operands.push_back(value(argument));
  const std::size_t first = node.op == Op::select ? 1 : 0;
  // All operands in one storage: the widest of theirs and, but for comparisons, of the result.
  const bool compares = node.type == Type::boolean && node.op != Op::select;
  Storage storage = compares ? operands[first].storage : storage_[id];
  for (std::size_t i = first; i < operands.size(); ++i) {
    if (operands[i].storage == Storage::i64) storage = Storage::i64;
  }
  for (std::size_t i = first; i < operands.size(); ++i) operands[i] = as(operands[i], storage);
  const Storage to = compares ? Storage::i32 : storage;
  if (node.op == Op::divide && node.type == Type::f32) {
    // By a constant: its reciprocal, half an ulp off at most before the product is rounded, costs a
    // tenth.
    const NodeId divisor = stand_ins_[node.arguments[1]];
    if (divisor < program_.nodes.size() && program_.nodes[divisor].op == Op::constant) {
      const double reciprocal = 1.0 / real_of(program_.nodes[divisor]);
      if (std::fabs(reciprocal) < 1e30 && std::fabs(reciprocal) > 1e-30) {
        return step({.op = Op::multiply, .from = storage, .to = to},
                    {operands[0], constant(storage, reciprocal, 0)});
      }
    }
  }
  CodeValue out = step({.op = node.op, .from = storage, .to = to}, operands);
  if (!compares && !is_float(node.type)) out = as(out, storage_[id]);
  return rounded(node.type, out);
}

void CodeMaker::finish(const CodeValue& result) {
  if (result.kind == CodeValue::Kind::element) return;
  const CodeValue tile{CodeValue::Kind::element, varies_both, Storage::f32, 0};
  auto& steps = code_.steps[varies_both];
  if (result.kind == CodeValue::Kind::slot && result.varies == varies_both && !steps.empty()) {
    steps.back().result = tile;
    return;
  }
  CodeStep copy;
  copy.function = ops_.function({.extra = VmExtra::copy, .from = Storage::f32, .to = Storage::f32});
  copy.result = tile;
  copy.operands[0] = result;
  copy.operand_count = 1;
  steps.push_back(copy);
}

// A function whose argument and result are multiplied by constants, a cap for instance, is one step
// over the tile instead of three.
void CodeMaker::fuse_scales() {
  auto& steps = code_.steps[varies_both];
  const VmFunction multiply = ops_.function({.op = Op::multiply});
  auto is_slot = [](const CodeValue& value) {
    return value.kind == CodeValue::Kind::slot && value.varies == varies_both;
  };
  std::map<std::uint32_t, int> uses;
  for (const CodeStep& step : steps) {
    for (std::size_t i = 0; i < step.operand_count; ++i) {
      if (is_slot(step.operands[i])) ++uses[step.operands[i].number];
    }
  }
  // Which operand of a product by a constant is the constant.
  auto constant_of = [&](const CodeStep& step) -> std::optional<std::size_t> {
    for (std::size_t i = 0; step.function == multiply && i < 2; ++i) {
      if (step.operands[i].kind == CodeValue::Kind::constant) return i;
    }
    return std::nullopt;
  };
  auto feeds = [&](std::size_t from, const CodeValue& operand) {
    const CodeValue& result = steps[from].result;
    return is_slot(result) && is_slot(operand) && result.number == operand.number &&
           uses[result.number] == 1;
  };
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    for (Op op : {Op::exponential, Op::hyperbolic_tangent, Op::sigmoid}) {
      if (steps[i].function != ops_.function({.op = op})) continue;
      const auto after = constant_of(steps[i + 1]);
      if (!after || !feeds(i, steps[i + 1].operands[1 - *after])) break;
      CodeStep fused = steps[i];
      fused.function = ops_.function({.op = op, .extra = VmExtra::scaled});
      fused.operands[1] = constant(Storage::f32, 1, 0);
      fused.operands[2] = steps[i + 1].operands[*after];
      fused.operand_count = 3;
      fused.result = steps[i + 1].result;
      const auto before = i > 0 ? constant_of(steps[i - 1]) : std::nullopt;
      const bool both = before && feeds(i - 1, fused.operands[0]);
      if (both) {
        fused.operands[0] = steps[i - 1].operands[1 - *before];
        fused.operands[1] = steps[i - 1].operands[*before];
      }
      const std::size_t first = both ? i - 1 : i;
      steps[first] = fused;
      steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(first) + 1,
                  steps.begin() + static_cast<std::ptrdiff_t>(i) + 2);
      break;
    }
  }
}

// Values that vary both ways are large; those that are no longer read give their place to the next.
void CodeMaker::reuse_slots() {
  auto& steps = code_.steps[varies_both];
  auto is_slot = [](const CodeValue& value) {
    return value.kind == CodeValue::Kind::slot && value.varies == varies_both;
  };
  std::map<std::uint32_t, std::size_t> last_use;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    for (std::size_t j = 0; j < steps[i].operand_count; ++j) {
      if (is_slot(steps[i].operands[j])) last_use[steps[i].operands[j].number] = i;
    }
  }
  std::map<std::uint32_t, std::uint32_t> place;
  std::vector<std::uint32_t> free;
  std::uint32_t used = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    CodeStep& step = steps[i];
    std::vector<std::uint32_t> ended;
    for (std::size_t j = 0; j < step.operand_count; ++j) {
      CodeValue& operand = step.operands[j];
      if (!is_slot(operand)) continue;
      if (last_use[operand.number] == i) ended.push_back(operand.number);
      operand.number = place[operand.number];
    }
    if (is_slot(step.result)) {
      // Never a place that this step reads: a wider result would run ahead of a narrower operand.
      const std::uint32_t number = step.result.number;
      if (free.empty()) {
        place[number] = used++;
      } else {
        place[number] = free.back();
        free.pop_back();
      }
      step.result.number = place[number];
    }
    std::ranges::sort(ended);
    ended.erase(std::ranges::unique(ended).begin(), ended.end());
    for (std::uint32_t number : ended) free.push_back(place[number]);
  }
  code_.slots[varies_both] = used;
}

}  // namespace onnxpack::kernels::flex
