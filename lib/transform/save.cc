#include "onnxpack/transform/save.h"

#include <fmt/format.h>

namespace onnxpack::transform {
namespace {

bool same_folder(const io::fs::path& a, const io::fs::path& b) {
  auto folder = [](const io::fs::path& file) {
    std::error_code ignored;
    return io::fs::weakly_canonical(io::fs::absolute(file, ignored).parent_path(), ignored);
  };
  return folder(a) == folder(b);
}

Status copy_file(io::FileSystem& files, const io::ReadableFile& source, const io::fs::path& to,
                 io::Overwrite overwrite) {
  if (overwrite == io::Overwrite::no && files.exists(to)) {
    return fail(ErrorKind::already_exists, fmt::format("{} exists", to.string()),
                "choose another folder, or add --force");
  }
  ONNXPACK_CHECK(files.make_directories(to.parent_path()));
  ONNXPACK_TRY(auto out, files.create(to));
  ONNXPACK_CHECK(out->append_from(source, 0, source.size()));
  return out->publish(overwrite);
}

}  // namespace

Result<Saved> save_model(io::FileSystem& files, const model::ModelFile& model, const model::Splice& splice,
                         const io::fs::path& output, io::Overwrite overwrite) {
  Saved out;
  if (overwrite == io::Overwrite::no && files.exists(output)) {
    return fail(ErrorKind::already_exists, fmt::format("{} exists", output.string()),
                "choose another name, or add --force to replace it");
  }
  if (!same_folder(model.path(), output)) {
    for (std::size_t i = 0; i < model.external_files().size(); ++i) {
      const io::fs::path to = output.parent_path() / model.external_files()[i].location;
      ONNXPACK_TRY(auto source, model.open_external(i));
      ONNXPACK_CHECK(copy_file(files, *source, to, overwrite));
      out.copied.push_back(to);
    }
  }
  ONNXPACK_TRY(auto file, files.create(output));
  for (const model::Segment& segment : splice.segments) {
    if (const auto* range = std::get_if<model::FileRange>(&segment)) {
      ONNXPACK_CHECK(file->append_from(model.file(), range->offset, range->size));
    } else {
      ONNXPACK_CHECK(file->write(std::get<Bytes>(segment)));
    }
  }
  out.bytes = splice.size;
  ONNXPACK_CHECK(file->publish(overwrite));
  return out;
}

}  // namespace onnxpack::transform
