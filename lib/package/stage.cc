#include "stage.h"

#include "onnxpack/io/safe_path.h"

namespace onnxpack::package {
namespace {

Status write_model(io::FileSystem& files, const PreparedComponent& component,
                   const std::filesystem::path& path) {
  ONNXPACK_TRY(auto splice, component.annotated.with_table({}));
  ONNXPACK_TRY(auto file, files.create(path));
  for (const auto& segment : splice.segments) {
    if (const auto* bytes = std::get_if<Bytes>(&segment)) {
      ONNXPACK_CHECK(file->write(*bytes));
    } else {
      const auto& range = std::get<model::FileRange>(segment);
      ONNXPACK_CHECK(file->append_from(component.model.file(), range.offset, range.size));
    }
  }
  return file->publish_unsynced(io::Overwrite::no);
}

}  // namespace

Status stage_components(const Environment& environment,
                        const std::vector<PreparedComponent>& components,
                        const std::filesystem::path& root) {
  auto& files = *environment.files;
  for (const auto& component : components) {
    std::filesystem::path model = root / component.description.model;
    ONNXPACK_CHECK(files.make_directories(model.parent_path()));
    ONNXPACK_CHECK(write_model(files, component, model));
    for (std::size_t i = 0; i < component.description.external_data.size(); ++i) {
      ONNXPACK_CHECK(environment.cancel->check());
      ONNXPACK_TRY(auto path,
                   io::join_beneath(root, component.description.external_data[i].member));
      ONNXPACK_CHECK(files.make_directories(path.parent_path()));
      ONNXPACK_TRY(auto source, component.model.open_external(i));
      ONNXPACK_TRY(auto file, files.create(path));
      ONNXPACK_CHECK(file->append_from(*source, 0, source->size()));
      ONNXPACK_CHECK(file->publish_unsynced(io::Overwrite::no));
    }
  }
  return {};
}

}  // namespace onnxpack::package
