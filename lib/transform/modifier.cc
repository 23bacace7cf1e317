#include "modifier.h"

#include "modifier_compiler.h"

namespace onnxpack::transform {

kernels::Result<Modifier> compile_modifier(const onnx::GraphProto& graph, flex::Type precision,
                                           const OuterLookup& outer) {
  try {
    return ModifierCompiler(precision, outer).compile(graph);
  } catch (const NotTileable& reason) {
    return std::unexpected(std::string(reason.what()));
  } catch (const std::out_of_range&) {
    return std::unexpected(std::string("an axis that is not there"));
  }
}

}  // namespace onnxpack::transform
