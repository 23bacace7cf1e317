// Attention whose scores and probabilities pass through programs: Y = prob_mod(softmax(score_mod(Q
// K^T))) V, the operator ai.onnx.preview::FlexAttention-1 of onnx 1.22 and 1.23.
//
// Shapes, all row-major without gaps: Q (B, Hq, L, E), K (Bk, Hkv, S, E), V (Bk, Hkv, S, Ev), Y (B,
// Hq, L, Ev); Hq is a multiple of Hkv, query head h reads kv head h / (Hq / Hkv); Bk is B, or 1:
// one K and V for all batches (a pool of pages). Any size may be 0.
//
// Numbers, by the operator's own function body: Q and K are each multiplied by sqrt(scale), rounded
// to the element type; a score is rounded to the element type, then becomes a number of the softmax
// precision, in which the modifiers and the softmax work. A row whose scores are all -inf gives
// NaN, or zeros where `zero_masked_rows` is set (an option of ours, off by default).
//
// The fast kernels differ from that in what rounding leaves open and in two things: f32 scores are
// taken from (Q * scale) K^T, and a key that is masked by -inf does not reach the output even when
// its K or V holds NaN or infinity (0 * NaN is NaN in the function body). They accumulate in f32.
// The reference accumulates in f64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "onnxpack/kernels/cpu_features.h"
#include "onnxpack/kernels/flex_program.h"
#include "onnxpack/kernels/parallel.h"

namespace onnxpack::kernels::flex {

struct Spec {
  Type element = Type::f32;    // f32, f64, f16 or bf16
  std::optional<float> scale;  // 1/sqrt(E) when absent; negative: NaN everywhere, as sqrt says
  std::optional<Type> softmax_precision;  // f64 for f64, else f32 when absent
  std::optional<Program> score_mod;       // on elements of the softmax precision
  std::optional<Program> prob_mod;
  bool zero_masked_rows = false;

  Type precision() const {
    return softmax_precision.value_or(element == Type::f64 ? Type::f64 : Type::f32);
  }
};

struct TableView {
  Type element = Type::f32;
  const void* data = nullptr;
  std::vector<std::int64_t> sizes;
};

struct Arguments {
  std::int64_t batch = 0, kv_batch = 0, q_heads = 0, kv_heads = 0;
  std::int64_t q_length = 0, kv_length = 0;  // L, S
  std::int64_t qk_size = 0, v_size = 0;      // E, Ev
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  void* y = nullptr;  // overlaps none of the others
  // score_mod's captured tables, then prob_mod's.
  std::vector<TableView> tables = {};
};

// What a run did, for tests and `kernels explain`: tiles by class. The reference kernel has none.
struct TileCounts {
  std::size_t empty = 0;    // whole ranges of keys count as one tile
  std::size_t full = 0;     // the program changes nothing
  std::size_t partial = 0;  // the program runs
  std::size_t scores = 0;   // that were computed, those of lanes that only fill up included
};

class FlexAttention {
 public:
  // Chooses the kernel. Errors: a spec that contradicts itself.
  static Result<FlexAttention> create(Spec spec, CpuFeatures features);

  const Spec& spec() const { return spec_; }
  // The kernel that runs f32, f16 and bf16; other element types and precisions use the reference.
  Isa isa() const { return isa_; }

  // Thread safe. Takes what does not depend on S: a few hundred KB for each of parallel.width()
  // workers, with converted K and V up to 3 MB, which its threads keep until they end (4 MiB at
  // most each, whatever they have run); and per call, for each table that a modifier indexes by k
  // or q, a sixteenth of its size. Errors: shapes that do not fit each other or the programs, an
  // index beyond a table.
  Status run(const Arguments& arguments, Parallel& parallel, TileCounts* counts = nullptr) const;

 private:
  Spec spec_;
  Isa isa_ = Isa::reference;
  Lookahead lookahead_ = Lookahead::one_stage;
};

}  // namespace onnxpack::kernels::flex
