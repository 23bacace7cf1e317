#include "onnxpack/kernels/flex_attention.h"

#include <cmath>

#include <fmt/format.h>

#include "common/kernel_tables.h"
#include "flex_attention/kernel.h"

namespace onnxpack::kernels::flex {
namespace {

Status check_program(const std::optional<Program>& program, Type precision, std::string_view name) {
  if (!program) return {};
  if (program->nodes[program->output].type != precision) {
    return std::unexpected(fmt::format("{} gives {}, the softmax works in {}", name,
                                       to_string(program->nodes[program->output].type),
                                       to_string(precision)));
  }
  for (const Node& node : program->nodes) {
    if (node.op == Op::element && node.type != precision)
      return std::unexpected(fmt::format("{} takes {}, the softmax works in {}", name,
                                         to_string(node.type), to_string(precision)));
  }
  return {};
}

Status check_arguments(const Arguments& a) {
  if (a.kv_heads <= 0 ? a.q_heads != a.kv_heads : a.q_heads % a.kv_heads != 0)
    return std::unexpected(
        fmt::format("{} query heads do not share {} key heads evenly", a.q_heads, a.kv_heads));
  if (a.kv_batch != a.batch && a.kv_batch != 1)
    return std::unexpected(fmt::format("batch of K is {}, of Q {}", a.kv_batch, a.batch));
  return {};
}

// Scales whose root is no ordinary number, and sizes that an i32 cannot count, are left to the
// reference.
bool tiles_suit(const Spec& spec, const Arguments& a, float scale) {
  constexpr std::int64_t most = 2147483647;
  const bool sizes = a.q_length < most && a.kv_length < most && a.q_heads < most && a.batch < most;
  const bool usual_scale = scale > 0x1p-60F && scale < 0x1p60F;
  return spec.element != Type::f64 && spec.precision() == Type::f32 && sizes && usual_scale;
}

// Null for no binding; an error where the vector machine lacks a function.
Result<std::unique_ptr<TileProgram>> compiled(const Binding* binding, const TileOps& ops) {
  if (binding == nullptr) return std::unique_ptr<TileProgram>();
  return TileProgram::make(*binding, ops);
}

}  // namespace

const TileOps* tile_ops(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::amx_bf16:
      return &tile_ops_amxbf16();
    case Isa::avx512_bf16:
      return &tile_ops_avx512bf16();
    case Isa::avx512:
      return &tile_ops_avx512();
    case Isa::avx2:
      return &tile_ops_avx2();
#elif defined(__aarch64__)
    case Isa::neon:
      return &tile_ops_neon();
#endif
    default:
      return nullptr;
  }
}

Result<FlexAttention> FlexAttention::create(Spec spec, CpuFeatures features) {
  if (!is_float(spec.element) || !is_float(spec.precision()))
    return std::unexpected("element type and softmax precision must be floats");
  if (auto ok = check_program(spec.score_mod, spec.precision(), "score_mod"); !ok)
    return std::unexpected(ok.error());
  if (auto ok = check_program(spec.prob_mod, spec.precision(), "prob_mod"); !ok)
    return std::unexpected(ok.error());
  FlexAttention out;
  const auto entries = flex_attention_entries();
  out.isa_ = entries[choose_kernel(entries, features)].isa;
  out.spec_ = std::move(spec);
  out.lookahead_ = features.lookahead();
  return out;
}

Status FlexAttention::run(const Arguments& a, Parallel& parallel, TileCounts* counts) const {
  if (auto ok = check_arguments(a); !ok) return ok;
  const std::array<std::int64_t, 4> sizes = {a.kv_length, a.q_length, a.q_heads, a.batch};
  const std::size_t first = spec_.score_mod ? spec_.score_mod->captured_count() : 0;
  if (a.tables.size() < first) return std::unexpected("a captured value is missing");
  const std::span<const TableView> tables(a.tables);
  Binding score;
  Binding prob;
  if (spec_.score_mod) {
    auto bound = bind(*spec_.score_mod, sizes, tables.first(first));
    if (!bound) return std::unexpected("score_mod: " + bound.error());
    score = std::move(*bound);
  }
  if (spec_.prob_mod) {
    auto bound = bind(*spec_.prob_mod, sizes, tables.subspan(first));
    if (!bound) return std::unexpected("prob_mod: " + bound.error());
    prob = std::move(*bound);
  }
  if (a.batch == 0 || a.q_heads == 0 || a.q_length == 0 || a.v_size == 0) return {};
  const double usual = 1.0 / std::sqrt(static_cast<double>(a.qk_size));
  Call call{spec_, a, nullptr, nullptr, spec_.scale.value_or(static_cast<float>(usual)), counts};
  call.lookahead = lookahead_;
  if (spec_.score_mod && !spec_.score_mod->is_identity()) call.score = &score;
  if (spec_.prob_mod && !spec_.prob_mod->is_identity()) call.prob = &prob;
  if (const TileOps* ops = tile_ops(isa_); ops != nullptr && tiles_suit(spec_, a, call.scale)) {
    auto compiled_score = compiled(call.score, *ops);
    auto compiled_prob = compiled(call.prob, *ops);
    if (compiled_score && compiled_prob)
      return run_tiles(call, *ops, compiled_score->get(), compiled_prob->get(), parallel);
  }
  return run_reference(call, parallel);
}

}  // namespace onnxpack::kernels::flex
