#include <fmt/format.h>

#include "edit_flags.h"
#include "onnxpack/base/text.h"
#include "onnxpack/json/value.h"
#include "onnxpack/manifest/evidence.h"
#include "onnxpack/package/annex.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Add final : public Command {
 public:
  void declare(Flags& flags) override;
  Result<ExitCode> run(Context& context) override;

 private:
  Status check_request() const;
  Result<std::vector<package::NewVariant>> variants(Context& context,
                                                    const package::PackageFile& package);
  Result<package::NewVariant> from_flags(Context& context, const package::PackageFile& package);
  Result<package::EditReport> add_evidence(Context& context, const package::PackageFile& package);

  std::filesystem::path package_;
  std::vector<std::filesystem::path> variant_files_;
  std::vector<std::filesystem::path> evidence_;
  std::filesystem::path blob_;
  std::string target_;
  std::map<std::string, std::string> fields_;  // of the variant that --blob makes
  EditOutput output_;
};

void Add::declare(Flags& flags) {
  flags.positional("PACKAGE", Count::one, "a package", [this](const std::string& text) -> Status {
    package_ = text;
    return {};
  });
  auto field = [&](const char* flag, const char* value, const char* help, const char* name) {
    flags.once(flag, value, help, [this, name](const std::string& text) -> Status {
      fields_[name] = text;
      return {};
    });
  };
  output_.declare(flags);
  flags.heading("What to add");
  flags.each("--variant", "FILE",
             "a variant as in manifest.json, its blobs beside the file; may be repeated",
             [this](const std::string& file) -> Status {
               variant_files_.emplace_back(file);
               return {};
             });
  flags.each("--evidence", "FILE",
             "what verify --record or bench --record wrote; the package id stays; may be repeated",
             [this](const std::string& file) -> Status {
               evidence_.emplace_back(file);
               return {};
             });
  flags.path("--blob", "FILE", "a blob of the whole graph, described by the flags below", blob_);
  flags.heading("Of --blob");
  flags.text("--target,-t", "TARGET", "what it was compiled for", target_);
  field("--backend", "NAME", "which backend runs it", "backend");
  field("--ep", "NAME", "ONNX Runtime's name of the execution provider", "ep");
  field("--device", "cpu|gpu|npu", "where it runs (default cpu)", "device");
  field("--precision", "NAME", "fp32, fp16, int8, ...", "precision");
  field("--compatibility-string", "TEXT", "what the runtime asks of a device",
        "compatibility_string");
  field("--name", "LABEL", "the variant's name (default TARGET-BACKEND)", "name");
}

Status Add::check_request() const {
  bool makes_variant = !blob_.empty() || !variant_files_.empty();
  if (!makes_variant && evidence_.empty()) {
    return fail(ErrorKind::invalid_argument, "nothing was named to add",
                "add --variant FILE, --blob FILE, or --evidence FILE");
  }
  if (makes_variant && !evidence_.empty()) {
    return fail(ErrorKind::invalid_argument, "--evidence goes alone",
                "add the variant first, then the evidence: only the variant changes the id");
  }
  if (blob_.empty() && !(fields_.empty() && target_.empty())) {
    return fail(ErrorKind::invalid_argument, "flags that describe a blob, and no --blob");
  }
  if (blob_.empty()) return {};
  for (const char* needed : {"backend", "ep"}) {
    if (!fields_.contains(needed))
      return fail(ErrorKind::invalid_argument, fmt::format("--blob needs --{}", needed));
  }
  if (target_.empty()) return fail(ErrorKind::invalid_argument, "--blob needs --target");
  return {};
}

Result<package::NewVariant> Add::from_flags(Context& context, const package::PackageFile& package) {
  ONNXPACK_TRY(auto target, context.target(target_, package::Probes::recent));
  json::Value fields = json::Object();
  for (const auto& [name, text] : fields_) fields[name] = text;
  fields["target"] = target.name;
  json::Object facts;
  for (const auto& [feature, values] : target.facts)
    facts[feature] = json::Array(values.begin(), values.end());
  fields["target_facts"] = std::move(facts);
  json::Array requirements;
  auto device = fields_.find("device");
  for (const auto& requirement :
       target::requirements_of(target, device == fields_.end() ? "cpu" : device->second))
    requirements.push_back(target::to_json(requirement));
  if (!requirements.empty()) fields["requirements"] = std::move(requirements);
  json::Value blob = json::object({{"member", blob_.filename().string()}, {"role", "model"}});
  fields["partitions"] = json::Array{json::object({{"blobs", json::Array{std::move(blob)}}})};
  auto folder = blob_.parent_path();
  return package::make_new_variant(package, std::move(fields), folder.empty() ? "." : folder);
}

Result<std::vector<package::NewVariant>> Add::variants(Context& context,
                                                       const package::PackageFile& package) {
  std::vector<package::NewVariant> out;
  for (const auto& file : variant_files_) {
    auto variant = package::read_variant_file(context.files(), package, file);
    if (!variant && variant.error().kind() == ErrorKind::corrupt)
      return std::unexpected(as_usage(variant.error()));
    if (!variant) return std::unexpected(std::move(variant.error()));
    out.push_back(std::move(*variant));
  }
  if (!blob_.empty()) {
    ONNXPACK_TRY(auto variant, from_flags(context, package));
    out.push_back(std::move(variant));
  }
  return out;
}

Result<package::EditReport> Add::add_evidence(Context& context,
                                              const package::PackageFile& package) {
  ONNXPACK_TRY(auto evidence, package::read_evidence(context.files(), evidence_));
  return package::add_evidence(context.environment(), package, evidence, output_.path,
                               output_.overwrite);
}

Result<ExitCode> Add::run(Context& context) {
  ONNXPACK_CHECK(check_request());
  ONNXPACK_TRY(auto package, package::PackageFile::open(context.files(), package_));
  if (!evidence_.empty()) {
    ONNXPACK_TRY(auto report, add_evidence(context, package));
    report_edit(context, "add", report, output_);
    return ExitCode::ok;
  }
  ONNXPACK_TRY(auto added, variants(context, package));
  ONNXPACK_TRY(auto report, package::add_variants(context.environment(), package, added,
                                                  output_.path, output_.overwrite));
  report_edit(context, "add", report, output_);
  return ExitCode::ok;
}

}  // namespace

const Verb add_verb = {
    .name = "add",
    .help = "put a variant that was compiled elsewhere, or evidence, into a package",
    .examples =
        "onnx-pack add model.onnxpkg --evidence measured.json -o measured.onnxpkg\n"
        "onnx-pack add model.onnxpkg --blob model.engine --target cuda-sm_89 --backend tensorrt "
        "--ep TensorrtExecutionProvider --device gpu -o more.onnxpkg\n"
        "onnx-pack add model.onnxpkg --variant variant.json -o more.onnxpkg",
    .needs = Needs::backends,
    .make = make_command<Add>};

}  // namespace onnxpack::cli
