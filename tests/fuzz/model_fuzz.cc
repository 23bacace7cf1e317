// links: model io base
// Any bytes as a model: no read outside of the file, no crash; what opens is annotated and stripped
// back to the same bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "onnxpack/io/memory_file_system.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/input_ranges.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/model/scope.h"
#include "onnxpack/model/scope_hints.h"
#include "onnxpack/model/scope_table.h"
#include "onnxpack/model/signature.h"
#include "onnxpack/model/tensor_proto.h"
#include "onnxpack/model/wire.h"

namespace {

using namespace onnxpack;
using namespace onnxpack::model;

void require(bool holds) {
  if (!holds) std::abort();
}

Bytes content(const io::ReadableFile& file) {
  auto bytes = file.read(0, file.size());
  require(bytes.has_value());
  return std::move(*bytes);
}

void round_trip(const ModelFile& model) {
  std::vector<NodeAnnotation> nodes;
  for (std::size_t i = 0; i < model.nodes().size(); ++i) {
    nodes.push_back({i, {{std::string(node_scope_key), "model"}}});
  }
  const auto annotated = AnnotatedModel::make(model, nodes);
  require(annotated.has_value());
  const auto table = table_metadata(std::vector<TableScope>{{"model", "digest", nodes.size(), {}}});
  const auto splice = annotated->with_table(*table);
  require(splice.has_value());
  const auto view = splice_view(model.shared_file(), *splice);
  const auto undone = strip(*view);
  require(undone.has_value());
  const auto original = content(model.file());
  require(content(*splice_view(view, *undone)) == original);
  for (const auto& constant : model.constants()) {
    const auto* data = std::get_if<InlineData>(&constant.data);
    if (data == nullptr) continue;
    const auto moved =
        view->read(annotated->annotated_offset(data->range.offset), data->range.size);
    const auto kept = model.file().read(data->range.offset, data->range.size);
    require(moved.has_value() && kept.has_value() && *moved == *kept);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  (void)parse_tensor_proto(input);
  io::MemoryFileSystem disk;
  disk.put("/m/w.bin", Bytes(256, std::byte{1}));
  const auto file = std::make_shared<ViewFile>(input, "/m/model.onnx");
  for (const auto external : {ExternalFiles::required, ExternalFiles::described}) {
    const auto model =
        ModelFile::open(disk, file, "/m", {.external = external, .as = OpenAs::original});
    if (!model) continue;
    if (model->is_annotated()) std::abort();
    round_trip(*model);
    (void)scope_hints(*model);
    (void)effective_signature(*model, {{{"N", 1}}, {}});
    (void)input_ranges(*model);
    if (external == ExternalFiles::required) (void)whole_graph_scope(*model);
  }
  return 0;
}
