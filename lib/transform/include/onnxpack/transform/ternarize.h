// Weights that are exactly ternary, found in a model and stored in 2 or 1.6 bits each
// (docs/ternary-format.md).
//
// What is found: initializers of the main graph, or (floats) of bodies of If, Loop and Scan and
// values of Constant nodes, with two dimensions and at least 256 elements that are, in functions of
// the model too, the weights of MatMul, Gemm (alpha 1, transA 0) or Gather (axis 0) and in which
// every scale block is exactly {-s, 0, s}: float, float16 or bfloat16, integers behind DequantizeLinear, and input B of
// com.microsoft.MatMulNBits. Nothing is ever rounded: a matrix that is not ternary stays as it is,
// with the reason. Everything that is stored is decoded again and compared with the weights bit by
// bit before this returns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::transform {

// What a node that used such weights becomes.
enum class TernaryForm : std::uint8_t {
  // org.onnxpack TernaryMatMul and TernaryGather (libonnxpack_ops).
  operators,
  // The weight is a UINT2 tensor with DequantizeLinear behind it; the nodes stay. Any runtime with
  // opset 25. The model's opset is raised to
  // 25 where that changes no operator that it uses.
  standard,
  // Standard operators of opset 13 and newer decode the ternary.t5r bytes, and quantise activations
  // as TernaryMatMul does: equal results. Scales per
  // tensor or row only.
  portable,
};
// "operators", "standard", "portable". Errors: invalid_argument.
Result<TernaryForm> parse_ternary_form(std::string_view name);
std::string_view to_string(TernaryForm form);

struct TernarizeRequest {
  TernaryForm form = TernaryForm::operators;
  // "ternary.t5r/1" or "ternary.u2/1"; form operators only: standard is u2, portable is t5r.
  std::string encoding = "ternary.t5r/1";
  // Of TernaryMatMul; portable is always int8.
  bool float_activations = false;
  // Takes -0.0 as 0. Else a matrix with one is not ternary.
  bool negative_zero_as_zero = false;
  // As the model is to name the file of codes: relative, beside the model.
  std::string location = "weights.ternary";
};

struct TernaryTensor {
  std::string name;
  std::vector<std::int64_t> dims;  // of the initializer
  std::int64_t rows = 0;           // N and K of the stored matrix
  std::int64_t columns = 0;
  std::string scales;  // "tensor", "row", "block 128"
  std::uint64_t scale_bytes = 0;
  std::uint64_t size_before = 0;
  std::uint64_t offset = 0;  // in the file of codes
  std::uint64_t size = 0;    // of the codes
  std::uint64_t negative_zeros = 0;
  std::size_t uses = 0;  // nodes
};
struct LeftTensor {
  std::string name;
  std::string why;
};

struct Ternarized {
  std::vector<TernaryTensor> tensors;  // in file order
  std::vector<LeftTensor> left;        // that a MatMul, Gemm or Gather uses, and why each stays
  model::Splice splice;  // ranges of model.file(); the model itself when tensors is empty
  // Whether the new model still refers to the old one's external files: some of their tensors stand
  // in attributes or bodies.
  bool needs_old_files = false;
};

// Appends the codes to `codes`, each tensor at a multiple of 4096, then the external initializers
// that stay, so that the new model does not drag the old weights along. Memory: about three times
// the largest weight. Errors: unsupported (the opset is too old for the form, or cannot be raised,
// naming the operator; encoding and form do not go together), corrupt, cancelled, as io.
Result<Ternarized> ternarize(const model::ModelFile& model, const TernarizeRequest& request,
                             io::WritableFile& codes, const CancelFlag* cancel = nullptr);

// Writes the new model at `output`; old external files are copied beside it only where it needs
// them. Errors: already_exists without `overwrite`; as io::FileSystem.
Status save_ternarized(io::FileSystem& files, const model::ModelFile& model, const Ternarized& made,
                       const io::fs::path& output, io::Overwrite overwrite);

// A tensor of codes that TernaryMatMul or TernaryGather of the main graph reads, as its node
// describes it; nobody has checked that.
struct TernaryCodes {
  std::size_t constant = 0;  // index in model.constants()
  std::string encoding;      // "ternary.t5r/1"
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};
// Errors: as reading; corrupt. Cost: nothing for models without such nodes.
Result<std::vector<TernaryCodes>> ternary_codes(const model::ModelFile& model);

}  // namespace onnxpack::transform
