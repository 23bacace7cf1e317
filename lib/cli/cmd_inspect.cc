#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/base/text.h"
#include "onnxpack/model/check.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/transform/flex_attention.h"
#include "render.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Inspect final : public Command {
 public:
  void declare(Flags& flags) override {
    flags.positional("FILE", Count::one, "a package, or a plain ONNX model",
                     [this](const std::string& text) -> Status {
                       path_ = text;
                       return {};
                     });
    flags.text("--variant", "NAME", "everything about one variant of a package", variant_);
    flags.on("--tree", "the members of a package as a tree", tree_);
  }

  Result<ExitCode> run(Context& context) override {
    if (package::looks_like_package(context.files(), path_)) return inspect_package(context);
    if (!variant_.empty() || tree_) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("{} is for packages, and {} is none", tree_ ? "--tree" : "--variant",
                              printable(path_.string())));
    }
    return inspect_model(context);
  }

 private:
  // Facts of this machine without asking backends, which would take longer than all the rest.
  Result<ExitCode> inspect_package(Context& context) {
    ONNXPACK_TRY(auto package, package::PackageFile::open(context.files(), path_));
    target::Target host = target::probe_host();
    ONNXPACK_CHECK(target::apply_overrides(host, context.world().variables));
    if (!variant_.empty()) ONNXPACK_CHECK(check_variant(package));
    if (context.json()) {
      context.print(package_document(package, host));
    } else if (!variant_.empty()) {
      render_variant(context.console(), package, variant_, host);
    } else if (tree_) {
      render_package_tree(context.console(), package);
    } else {
      render_package(context.console(), package, host);
    }
    return ExitCode::ok;
  }

  Status check_variant(const package::PackageFile& package) const {
    if (package.manifest().find_variant(variant_) != nullptr) return {};
    std::vector<std::string> names;
    for (const auto& variant : package.manifest().variants) names.push_back(variant.name);
    auto near = did_you_mean(variant_, names);
    return fail(ErrorKind::not_found,
                fmt::format("{}: no variant '{}'", printable(path_.string()), printable(variant_)),
                near            ? fmt::format("did you mean {}?", printable(*near))
                : names.empty() ? "this package holds the original graph only"
                                : "it has " + printable(join(names, ", ")));
  }

  Result<ExitCode> inspect_model(Context& context) {
    ONNXPACK_TRY(auto model, model::ModelFile::open(context.files(), path_,
                                                    {.external = model::ExternalFiles::described}));
    auto check = model::check(model);
    auto to_lower = transform::to_lower(model);
    // A model that breaks the standard is shown all the same: whoever looks for the fault wants to
    // see it.
    if (!context.json()) {
      render_model(context.console(), model, check ? &*check : nullptr, to_lower);
    } else if (check) {
      context.print(model_document(model, *check, to_lower));
    }
    if (!check) return std::unexpected(check.error());
    return ExitCode::ok;
  }

  std::filesystem::path path_;
  std::string variant_;
  bool tree_ = false;
};

}  // namespace

const Verb inspect_verb = {
    .name = "inspect",
    .help = "show what a package holds, or what a model would bring into one",
    .examples =
        "onnx-pack inspect model.onnxpkg\n"
        "onnx-pack inspect model.onnxpkg --variant x86-64-v3-onnxruntime\n"
        "onnx-pack inspect model.onnxpkg --tree\n"
        "onnx-pack inspect model.onnx --json    # a model that is not packed yet",
    .needs = Needs::files,
    .make = make_command<Inspect>};

}  // namespace onnxpack::cli
