#include "flex_attention/tile_program.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "flex_attention/code_maker.h"

namespace onnxpack::kernels::flex {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t most_kept = 64;

// The program with all sizes as numbers, folded again.
Program with_sizes(const Binding& binding) {
  Builder builder;
  for (const TableView& table : binding.tables)
    builder.add_table({table.element, static_cast<std::uint8_t>(table.sizes.size()), true, {}, {}});
  std::vector<NodeId> made;
  for (Node node : binding.program->nodes) {
    const auto immediate = static_cast<std::size_t>(node.immediate);
    if (node.op == Op::size) {
      made.push_back(builder.integer(binding.sizes[immediate]));
    } else if (node.op == Op::table_size) {
      made.push_back(builder.integer(binding.tables[immediate / 16].sizes[immediate % 16]));
    } else if (node.op == Op::index && binding.sizes[immediate] == 1) {
      made.push_back(builder.integer(0));
    } else {
      for (NodeId& argument : node.arguments) argument = made[argument];
      made.push_back(builder.make(std::move(node)));
    }
  }
  return builder.finish(made[binding.program->output]);
}

bool fits_i32(const Range& range) {
  return range.low >= -2147483648.0 && range.high <= 2147483647.0;
}

bool loads_by_element(const Program& program) {
  std::vector<bool> depends;
  for (const Node& node : program.nodes) {
    const bool any =
        std::ranges::any_of(node.arguments, [&](NodeId argument) { return depends[argument]; });
    if (any && node.op == Op::load) return true;
    depends.push_back(any || node.op == Op::element);
  }
  return false;
}

Storage storage_of(const Node& node, const Range& range) {
  switch (node.type) {
    case Type::f64:
      return Storage::f64;
    case Type::i64:
      return fits_i32(range) ? Storage::i32 : Storage::i64;
    case Type::i32:
    case Type::boolean:
      return Storage::i32;
    default:
      return Storage::f32;
  }
}

// A node that equals another in this box.
NodeId stand_in(const Program& program, NodeId id, const std::vector<Range>& ranges,
                const std::vector<NodeId>& before) {
  const Node& node = program.nodes[id];
  if (node.type == Type::boolean && node.op != Op::constant) {
    if (ranges[id].is(1)) return constant_true;
    if (ranges[id].is(0)) return constant_false;
  }
  auto argument = [&](std::size_t i) { return before[node.arguments[i]]; };
  auto range = [&](std::size_t i) { return ranges[node.arguments[i]]; };
  auto certain = [&](std::size_t i, double value) { return range(i).is(value) && !range(i).nan; };
  switch (node.op) {
    case Op::select:
      if (range(0).is(1)) return argument(1);
      if (range(0).is(0)) return argument(2);
      return id;
    case Op::logical_and:
      if (range(0).is(1)) return argument(1);
      return range(1).is(1) ? argument(0) : id;
    case Op::logical_or:
      if (range(0).is(0)) return argument(1);
      return range(1).is(0) ? argument(0) : id;
    case Op::add:
      if (certain(0, 0)) return argument(1);
      return certain(1, 0) ? argument(0) : id;
    case Op::subtract:
      return certain(1, 0) ? argument(0) : id;
    case Op::multiply:
      if (certain(0, 1)) return argument(1);
      return certain(1, 1) ? argument(0) : id;
    default:
      return id;
  }
}

}  // namespace

Result<std::unique_ptr<TileProgram>> TileProgram::make(const Binding& binding, const TileOps& ops) {
  std::unique_ptr<TileProgram> out(new TileProgram(with_sizes(binding), binding.tables, ops));
  out->last_key_ = std::max<std::int64_t>(binding.sizes[0] - 1, 0);
  out->reads_by_element_ = loads_by_element(out->program_);
  Box everything;
  for (std::size_t axis = 0; axis < 4; ++axis)
    everything.last[axis] = std::max<std::int64_t>(binding.sizes[axis] - 1, 0);
  Decisions decisions;
  out->analysis_.evaluate(everything, out->everywhere_, {0, 0, false});
  const Range of_zero = out->everywhere_[out->program_.output];
  out->keeps_zero_ = of_zero.is(0) && !of_zero.nan;
  out->analysis_.evaluate(everything, out->everywhere_, {-1e30, 1e30, false});
  out->cuts_ = out->everywhere_[out->program_.output].low == -infinity ||
               std::ranges::any_of(out->program_.nodes, [](const Node& node) {
                 return node.type == Type::boolean && node.op != Op::constant;
               });
  out->analysis_.evaluate(everything, out->everywhere_);
  for (std::size_t id = 0; id < out->program_.nodes.size(); ++id)
    out->storage_.push_back(storage_of(out->program_.nodes[id], out->everywhere_[id]));
  static_cast<void>(out->decide(everything, decisions));
  // If the whole cannot be compiled, no part is tried; parts use no function that the whole does
  // not.
  if (auto code = out->compile(decisions.stand_ins); !code) return std::unexpected(code.error());
  return out;
}

TileClass TileProgram::decide(const Box& box, Decisions& out) const {
  analysis_.evaluate(box, out.ranges);
  out.stand_ins.resize(program_.nodes.size());
  for (NodeId id = 0; id < program_.nodes.size(); ++id)
    out.stand_ins[id] = stand_in(program_, id, out.ranges, out.stand_ins);
  if (out.ranges[program_.output].is(-infinity)) return TileClass::empty;
  const NodeId result = out.stand_ins[program_.output];
  const bool element = result < program_.nodes.size() && program_.nodes[result].op == Op::element;
  return element ? TileClass::full : TileClass::partial;
}

Result<TileCode> TileProgram::compile(const std::vector<NodeId>& stand_ins) const {
  return CodeMaker(program_, tables_, ops_, everywhere_, storage_, stand_ins).make();
}

namespace {

constexpr std::size_t cell = 8;  // bytes of the widest value
std::size_t slot_bytes(Varies varies, std::size_t chunk_rows) {
  switch (varies) {
    case varies_no:
      return 64;
    case varies_lane:
      return most_lanes * cell;
    case varies_row:
      return most_rows * cell;
    default:
      return chunk_rows * most_lanes * cell;
  }
}
constexpr std::size_t alignment = 64;

}  // namespace

TileRunner::TileRunner(const TileProgram& program) : program_(program) {
  TileCode first;
  first.slots = {index_slots, index_slots, index_slots, 1};
  reserve(first);
}

void TileRunner::reserve(const TileCode& code) {
  for (Varies varies = 0; varies < 4; ++varies) {
    const std::size_t bytes = code.slots[varies] * slot_bytes(varies, chunk_rows_) + alignment;
    if (arenas_[varies].size() >= bytes) continue;
    std::vector<std::byte> larger(bytes);
    // Index vectors, in the first slots, are moved: the new memory may be aligned otherwise.
    const std::size_t kept = index_slots * slot_bytes(varies, chunk_rows_);
    std::vector<std::byte> old = std::move(arenas_[varies]);
    const std::byte* from =
        old.empty()
            ? nullptr
            : old.data() + (alignment - reinterpret_cast<std::uintptr_t>(old.data()) % alignment) %
                               alignment;
    arenas_[varies] = std::move(larger);
    if (from != nullptr && varies != varies_both) std::copy_n(from, kept, slot(varies, 0));
  }
}

std::byte* TileRunner::slot(Varies varies, std::uint32_t number) const {
  auto* base = const_cast<std::byte*>(
      arenas_[varies].data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  base += (alignment - reinterpret_cast<std::uintptr_t>(base) % alignment) % alignment;
  return base + number * slot_bytes(varies, chunk_rows_);
}

void TileRunner::start(std::int64_t batch, std::span<const std::int32_t> q,
                       std::span<const std::int32_t> h, std::size_t lanes) {
  lanes_ = lanes;
  started_ = nullptr;
  decided_.reset();
  auto box = [&](std::size_t lane, std::size_t count) {
    const auto [least_q, most_q] = std::ranges::minmax(q.subspan(lane, count));
    const auto [least_h, most_h] = std::ranges::minmax(h.subspan(lane, count));
    return Box{{0, least_q, least_h, batch}, {0, most_q, most_h, batch}};
  };
  box_ = box(0, lanes);
  for (std::size_t lane = 0; lane < lanes; lane += panel_lanes)
    panels_[lane / panel_lanes] = box(lane, std::min(panel_lanes, lanes - lane));
  std::ranges::copy(q, reinterpret_cast<std::int32_t*>(slot(varies_lane, slot_q)));
  std::ranges::copy(h, reinterpret_cast<std::int32_t*>(slot(varies_lane, slot_h)));
  *reinterpret_cast<std::int32_t*>(slot(varies_no, slot_b)) = static_cast<std::int32_t>(batch);
}

TileClass TileRunner::decide(std::int64_t first, std::int64_t last) {
  if (!program_.cuts()) {
    if (!decided_) {
      box_.first[0] = 0;
      box_.last[0] = program_.last_key();
      decided_ = program_.decide(box_, decisions_);
    }
    return *decided_;
  }
  box_.first[0] = first;
  box_.last[0] = last;
  return program_.decide(box_, decisions_);
}

TileClass TileRunner::probe(std::size_t panel, std::int64_t first, std::int64_t last) {
  Box& box = panels_[panel];
  box.first[0] = first;
  box.last[0] = last;
  return program_.decide(box, probed_);
}

void TileRunner::apply(float* tile, std::int64_t first, std::size_t rows) {
  auto found = std::ranges::find_if(
      kept_, [&](const auto& kept) { return kept->stand_ins == decisions_.stand_ins; });
  if (found == kept_.end()) {
    if (kept_.size() >= most_kept) {
      kept_.clear();
      started_ = nullptr;
    }
    auto code = program_.compile(decisions_.stand_ins);
    if (!code) return;  // make() has compiled the whole
    kept_.push_back(std::make_unique<Kept>(Kept{decisions_.stand_ins, std::move(*code)}));
    found = kept_.end() - 1;
  } else {
    // The one in use stays near the front.
    std::iter_swap(found, kept_.begin());
    found = kept_.begin();
  }
  code_ = &(*found)->code;
  reserve(*code_);
  const std::size_t padded = (rows + 15) / 16 * 16;
  if (started_ != code_) {
    run(code_->steps[varies_no], varies_no, 1, 1, tile, 0);
    run(code_->steps[varies_lane], varies_lane, 1, lanes_, tile, 0);
    started_ = code_;
  }
  if (code_->slots[varies_row] > 0) {
    auto* keys = reinterpret_cast<std::int32_t*>(slot(varies_row, slot_k));
    for (std::size_t i = 0; i < padded; ++i)
      keys[i] = static_cast<std::int32_t>(first) + static_cast<std::int32_t>(std::min(i, rows - 1));
    run(code_->steps[varies_row], varies_row, 1, padded, tile, 0);
  }
  for (std::size_t row = 0; row < rows; row += chunk_rows_)
    run(code_->steps[varies_both], varies_both, std::min(chunk_rows_, rows - row), lanes_, tile,
        row);
}

VmOperand TileRunner::operand(const CodeValue& value, Varies what, float* tile,
                              std::size_t first_row) const {
  if (value.kind == CodeValue::Kind::constant) return {code_->constants[value.number].data(), 0, 0};
  if (value.kind == CodeValue::Kind::element)
    return {tile + first_row * lanes_, static_cast<std::ptrdiff_t>(lanes_), 1};
  const std::byte* data = slot(value.varies, value.number);
  switch (value.varies) {
    case varies_no:
      return {data, 0, 0};
    case varies_lane:
      return {data, 0, 1};
    case varies_row:
      if (what == varies_row) return {data, 0, 1};
      return {data + first_row * size_of(value.storage), 1, 0};
    default:
      return {data, static_cast<std::ptrdiff_t>(lanes_), 1};
  }
}

namespace {

// Rows without gaps between them are one long row: a loop instead of a loop of loops.
void flatten(VmCall& call) {
  const auto lanes = static_cast<std::ptrdiff_t>(call.lanes);
  auto gapless = [lanes](const VmOperand& operand) {
    return operand.data == nullptr || (operand.row_step == 0 && operand.lane_step == 0) ||
           (operand.row_step == lanes && operand.lane_step == 1);
  };
  if (call.rows < 2 || call.row_step != lanes || !gapless(call.a) || !gapless(call.b) ||
      !gapless(call.c))
    return;
  call.lanes *= call.rows;
  call.rows = 1;
}

}  // namespace

void TileRunner::run(const std::vector<CodeStep>& steps, Varies what, std::size_t rows,
                     std::size_t lanes, float* tile, std::size_t first_row) {
  for (const CodeStep& step : steps) {
    VmCall call;
    call.rows = rows;
    call.lanes = lanes;
    call.immediate = step.immediate;
    call.table = step.table;
    call.out_of_range = &out_of_range_;
    const VmOperand result = operand(step.result, what, tile, first_row);
    call.result = const_cast<void*>(result.data);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    call.row_step = result.row_step;
    if (step.operand_count > 0) call.a = operand(step.operands[0], what, tile, first_row);
    if (step.operand_count > 1) call.b = operand(step.operands[1], what, tile, first_row);
    if (step.operand_count > 2) call.c = operand(step.operands[2], what, tile, first_row);
    flatten(call);
    step.function(call);
  }
}

}  // namespace onnxpack::kernels::flex
