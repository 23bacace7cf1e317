// What the CPU can do, as a value: kernels are chosen by it, and nothing below asks the machine
// again.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace onnxpack::kernels {

// This folder uses nothing of ours, so its errors are texts; callers know the kind (style of
// messages as everywhere).
template <typename T>
using Result = std::expected<T, std::string>;
using Status = std::expected<void, std::string>;

// Instruction sets that kernels are written for. Each names all it needs; there is no order among
// them, a kernel list has its own.
enum class Isa : std::uint8_t {
  reference,    // plain C++, baseline of the architecture
  avx2,         // AVX2, FMA, F16C, BMI2
  avx_vnni,     // avx2 and AVX-VNNI
  avx512,       // avx2 and AVX-512 F, BW, DQ, VL, CD
  avx512_vnni,  // avx512 and VNNI
  avx512_vbmi,  // avx512_vnni and VBMI
  avx512_bf16,  // avx512_vbmi and BF16
  amx_int8,     // avx512_vbmi and AMX's tiles and products of bytes
  amx_bf16,     // avx512_bf16 and AMX's tiles and products of bf16
  neon,         // aarch64's baseline
  neon_dot,     // neon and the dot product instructions (sdot, udot)
  neon_i8mm,    // neon_dot and the matrix product instructions of bytes (smmla)
};

std::string_view to_string(Isa isa);
// Errors: names what is known. "reference" is one of them.
Result<Isa> parse_isa(std::string_view name);
// All of them, in the order of the enumeration.
std::span<const Isa> all_isas();

// How a stream from memory is asked for ahead of its use. In one stage a line is asked for once,
// into the first cache. In two, first into the second cache from far ahead, then into the first:
// the first cache has room for few lines that are under way, so each had better come from near.
enum class Lookahead : std::uint8_t {
  one_stage,
  two_stages,  // Intel's CPUs
  in_order,    // Zen 4: mostly as those, but decode leaves few queries to what the CPU fetches by
               // itself
};

class CpuFeatures {
 public:
  // Nothing but the baseline.
  constexpr CpuFeatures() = default;
  // The running machine, as CPU and operating system allow (AVX-512 state that the system does not
  // save does not count). Where the CPU has AMX, Linux is asked to let this process use it: all its
  // threads from then on, and every signal stack must hold 8 KiB more. A process that has a smaller
  // one is refused, and has no AMX then.
  static CpuFeatures detect();
  // Exactly what `isa` needs, on a machine that wants memory asked for as given.
  static CpuFeatures only(Isa isa, Lookahead lookahead = Lookahead::one_stage);

  // Whether kernels of `isa` may run.
  bool has(Isa isa) const;
  // As measured on the vendors' CPUs; a property of the machine, so forcing an Isa leaves it.
  Lookahead lookahead() const { return lookahead_; }
  bool operator==(const CpuFeatures&) const = default;

 private:
  explicit constexpr CpuFeatures(std::uint32_t bits, Lookahead lookahead = Lookahead::one_stage)
      : bits_(bits), lookahead_(lookahead) {}
  std::uint32_t bits_ = 0;
  Lookahead lookahead_ = Lookahead::one_stage;
  friend CpuFeatures intersect(CpuFeatures a, CpuFeatures b);
};

CpuFeatures intersect(CpuFeatures a, CpuFeatures b);

// The environment variable whose text goes to choose_features().
inline constexpr const char* force_variable = "ONNXPACK_KERNELS";

// What kernels may use on `machine`, given the value of ONNXPACK_KERNELS ("" when unset: all of
// it). Otherwise the name of one Isa, and nothing beyond what that needs is used. Errors: an
// unknown name, or one that `machine` cannot run.
Result<CpuFeatures> choose_features(CpuFeatures machine, std::string_view forced);

}  // namespace onnxpack::kernels
