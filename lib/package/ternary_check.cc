#include "ternary_check.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "component_files.h"
#include "members.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/extents/finder.h"
#include "onnxpack/io/scratch.h"
#include "package_file_system.h"
#include "transformations.h"

namespace onnxpack::package {
namespace {

constexpr std::string_view transformation = "ternarize/1";

Result<std::string> digest_at(const Environment& environment, const std::filesystem::path& path) {
  ONNXPACK_TRY(auto file, environment.files->open(path));
  ONNXPACK_TRY(auto digest, crypto::sha256_file(*file, environment.cancel));
  return digest.hex();
}

// Places of the weights in the files of the model whose codes stand in the variant's blobs.
class CodeSearch {
 public:
  CodeSearch(const Environment& environment, const model::ModelFile& model,
             const transform::Ternarized& made)
      : environment_(environment), model_(model), finder_(model.file().size()) {
    for (const auto& tensor : made.tensors) names_.insert(tensor.name);
  }

  Status add_sources() {
    ONNXPACK_CHECK(add(model_.shared_file(), ranges_in(std::nullopt)));
    for (std::size_t i = 0; i < model_.external_files().size(); ++i) {
      ONNXPACK_TRY(auto file, model_.open_external(i));
      ONNXPACK_CHECK(add(std::move(file), ranges_in(i)));
    }
    return {};
  }

  Status look_into(const io::ReadableFile& blob) {
    ONNXPACK_TRY(auto extents, finder_.find(blob, environment_.cancel));
    for (const auto& extent : extents) {
      if (extent.transformation == extents::Transformation::ternary)
        found_.emplace(extent.source, extent.offset);
    }
    return {};
  }

  std::size_t found() const { return found_.size(); }
  // Weights that were integers before are not looked for: names that are no initializers.
  std::size_t wanted() const { return wanted_; }
  std::size_t weights() const { return names_.size(); }

 private:
  Status add(std::shared_ptr<const io::ReadableFile> file, std::vector<extents::Range> ranges) {
    wanted_ += ranges.size();
    return finder_.add_source(std::move(file), ranges, environment_.cancel);
  }

  std::vector<extents::Range> ranges_in(std::optional<std::size_t> external) const {
    std::vector<extents::Range> out;
    for (const auto& constant : model_.constants()) {
      if (constant.where != "graph" || !names_.contains(constant.name)) continue;
      const auto* here = std::get_if<model::InlineData>(&constant.data);
      const auto* there = std::get_if<model::ExternalData>(&constant.data);
      if (here != nullptr && !external) out.push_back(range_of(constant, here->range.offset));
      if (there != nullptr && external == there->file)
        out.push_back(range_of(constant, there->range.offset));
    }
    return out;
  }

  const Environment& environment_;
  const model::ModelFile& model_;
  extents::Finder finder_;
  std::set<std::string> names_;
  std::size_t wanted_ = 0;
  std::set<std::pair<std::uint32_t, std::uint64_t>> found_;
};

class Checker {
 public:
  Checker(const Environment& environment, const PackageFile& package,
          const manifest::Component& component, const manifest::Variant& variant)
      : environment_(environment),
        package_(package),
        component_(component),
        source_(*variant.provenance.source),
        variant_(variant) {}

  Result<IntegrityCheck> run() {
    IntegrityCheck out{fmt::format("weights of {}", printable(variant_.name)), CheckStatus::not_run,
                       ""};
    if (source_.derived_from != component_.original.sha256 || source_.transformations.size() != 1) {
      out.detail = "made from a model, or by way of one, that is not in the package";
      return out;
    }
    auto view = package_file_system(package_);
    ONNXPACK_TRY(auto model,
                 model::ModelFile::open(*view, component_.model, {.as = model::OpenAs::original}));
    ONNXPACK_TRY(auto scratch, io::ScratchDirectory::create("onnx-pack-verify-"));
    auto made =
        make_ternary(environment_, model, ternarize_request(source_.transformations[0].parameters),
                     scratch.path());
    if (!made) return finding(std::move(out), std::move(made.error()));
    ONNXPACK_TRY(bool same, is_the_source(scratch.path()));
    if (!same) {
      out.status = CheckStatus::failed;
      out.detail = fmt::format(
          "{} makes another model of the original than the variant was made of", transformation);
      return out;
    }
    CodeSearch search(environment_, model, *made);
    ONNXPACK_CHECK(search.add_sources());
    for (const auto& member : own_members(variant_)) {
      ONNXPACK_TRY(auto blob, package_.open_member(member));
      ONNXPACK_CHECK(search.look_into(*blob));
    }
    return judge(std::move(out), search);
  }

 private:
  static Result<IntegrityCheck> finding(IntegrityCheck out, Error error) {
    if (error.kind() == ErrorKind::io || error.kind() == ErrorKind::cancelled)
      return std::unexpected(std::move(error));
    out.status = CheckStatus::failed;
    out.detail = error.message();
    return out;
  }

  Result<bool> is_the_source(const std::filesystem::path& folder) const {
    ONNXPACK_TRY(auto digest, digest_at(environment_, folder / ternary_model_name));
    if (digest != source_.sha256) return false;
    for (const auto& [location, expected] : source_.external_data) {
      if (location != ternary_weights_name) continue;  // files of the original, unchanged
      ONNXPACK_TRY(auto found, digest_at(environment_, folder / ternary_weights_name));
      if (found != expected) return false;
    }
    return true;
  }

  // A compiler may hold weights in a form of its own, all of them; one that keeps codes keeps them
  // all.
  static IntegrityCheck judge(IntegrityCheck out, const CodeSearch& search) {
    out.status = CheckStatus::passed;
    out.detail = fmt::format("{} ternary, each decoded and equal bit for bit", search.weights());
    if (search.found() == search.wanted() && search.found() > 0) {
      out.detail += "; its blobs hold them";
    } else if (search.found() == 0) {
      out.detail += "; its blobs hold them in another form";
    } else {
      out.status = CheckStatus::failed;
      out.detail =
          fmt::format("of {} ternary weights its blobs hold {}", search.wanted(), search.found());
    }
    return out;
  }

  const Environment& environment_;
  const PackageFile& package_;
  const manifest::Component& component_;
  const manifest::SourceModel& source_;
  const manifest::Variant& variant_;
};

}  // namespace

bool is_ternarized(const manifest::Variant& variant) {
  const auto& source = variant.provenance.source;
  return source && std::ranges::any_of(source->transformations, [](const auto& step) {
           return step.name == transformation;
         });
}

Result<IntegrityCheck> check_ternary_weights(const Environment& environment,
                                             const PackageFile& package,
                                             const manifest::Component& component,
                                             const manifest::Variant& variant) {
  return Checker(environment, package, component, variant).run();
}

}  // namespace onnxpack::package
