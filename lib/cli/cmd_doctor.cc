#include <algorithm>

#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/base/text.h"
#include "onnxpack/package/backends.h"
#include "render.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

namespace fs = std::filesystem;

// A folder that onnx-pack writes to: tried, not guessed from permissions.
struct FolderState {
  std::string purpose;
  fs::path path;
  bool writable = false;
  std::uint64_t free = 0;
  std::string problem;
};

FolderState probe_folder(io::FileSystem& files, std::string purpose, const fs::path& path) {
  FolderState out{std::move(purpose), path, false, 0, ""};
  if (path.empty()) {
    out.problem = "no place for it: HOME is not set";
    return out;
  }
  // What does not exist yet is made when needed; the nearest folder that exists decides.
  fs::path existing = path;
  while (!files.exists(existing) && existing.has_relative_path()) existing = existing.parent_path();
  auto probe = files.make_temporary_directory(existing, ".onnx-pack-doctor-");
  if (probe) {
    out.writable = true;
    static_cast<void>(files.remove_all(*probe));
  } else {
    out.problem = probe.error().message();
  }
  std::error_code ignored;
  out.free = fs::space(existing, ignored).available;
  if (ignored) out.free = 0;
  return out;
}

std::string fact(const target::Target& host, std::string_view feature) {
  auto found = host.facts.find(feature);
  return found == host.facts.end() ? "unknown" : join(found->second, " ");
}

class Doctor final : public Command {
 public:
  void declare(Flags&) override {}
  Result<ExitCode> run(Context& context) override;

 private:
  void render(const Context& context) const;
  json::Value to_document() const;
  std::size_t usable() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(backends_, [](const auto& backend) { return backend.usable; }));
  }
  std::size_t compiling() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(backends_, [](const auto& backend) { return backend.compiles; }));
  }
  std::vector<std::string> problems() const;
  std::string summary() const;

  target::Target host_;
  std::vector<package::BackendInfo> backends_;
  std::vector<FolderState> folders_;
  fs::path program_;
  fs::path libexec_;
};

Result<ExitCode> Doctor::run(Context& context) {
  package::Environment& environment = context.environment();
  program_ = context.world().program;
  libexec_ = environment.libexec;
  ONNXPACK_TRY(backends_, package::list_backends(environment));
  ONNXPACK_TRY(host_, package::host_target(environment));
  folders_ = {probe_folder(context.files(), "build cache", environment.cache),
              probe_folder(context.files(), "logs", environment.logs),
              probe_folder(context.files(), "temporary files", fs::temp_directory_path())};
  context.end_progress();
  if (context.json()) {
    context.print(to_document());
  } else {
    render(context);
  }
  return usable() > 0 ? ExitCode::ok : ExitCode::unavailable;
}

std::vector<std::string> Doctor::problems() const {
  std::vector<std::string> out;
  for (const auto& backend : backends_) {
    if (!backend.usable) {
      out.push_back(fmt::format("backend {} is not usable", backend.name));
    } else if (!backend.compiles) {
      out.push_back(fmt::format("backend {} runs variants only", backend.name));
    }
  }
  for (const auto& folder : folders_) {
    if (!folder.writable)
      out.push_back(fmt::format("the folder for {} cannot be written", folder.purpose));
  }
  return out;
}

std::string Doctor::summary() const {
  if (usable() == 0) {
    return "not ready: no backend is usable, so only build --backend none, inspect, select, "
           "extract and verify --integrity-only work";
  }
  auto found = problems();
  std::string out = compiling() == 0 ? std::string("ready to run what was compiled elsewhere")
                                     : fmt::format("ready: {} usable", count(usable(), "backend"));
  return found.empty() ? out : fmt::format("{}, but {}", out, join(found, "; "));
}

void Doctor::render(const Context& context) const {
  auto& out = context.out();
  const Paint& paint = context.console().paint();
  out << fmt::format("onnx-pack {} at {}\n\n{}\n", ONNXPACK_VERSION, printable(program_.string()),
                     paint(Style::bold, "this machine"));
  Table machine({Align::left, Align::left});
  if (context.console().verbose()) {
    for (const auto& [feature, values] : host_.facts)
      machine.add({feature, values.empty() ? "(none)" : join(values, " ")});
  } else {
    for (std::string_view feature : {"os.name", "arch.name", "x86_64.level", "cpu.vendor",
                                     "cpu.name", "cpu.microarchitecture", "memory.bytes"}) {
      if (host_.facts.contains(feature)) machine.add({feature, fact(host_, feature)});
    }
    for (const auto& [feature, values] : host_.facts) {
      if (feature.starts_with("runtime.") || feature.starts_with("accelerator."))
        machine.add({feature, join(values, " ")});
    }
  }
  out << machine.render(paint, 2) << '\n' << paint(Style::bold, "backends") << '\n';
  if (backends_.empty()) {
    out << fmt::format("  none: looked for onnx-pack-backend-NAME in {}, --backend-path and PATH\n",
                       printable(libexec_.string()));
  } else {
    render_backends(context.console(), backends_);
  }
  out << '\n' << paint(Style::bold, "folders") << '\n';
  Table folders({Align::left, Align::left, Align::left});
  for (const auto& folder : folders_) {
    folders.add({folder.purpose, folder.path.string(),
                 folder.writable ? Cell(human_size(folder.free) + " free", Style::good)
                                 : Cell(folder.problem, Style::bad)});
  }
  out << folders.render(paint, 2) << '\n'
      << paint(usable() > 0 ? Style::good : Style::bad, summary()) << '\n';
}

json::Value Doctor::to_document() const {
  json::Value out = document("doctor");
  json::Value backends = backends_document(backends_);
  out["ok"] = usable() > 0;
  out["summary"] = summary();
  out["onnx_pack"] = ONNXPACK_VERSION;
  out["program"] = program_.string();
  out["host"] = target::to_json(host_);
  out["backends"] = *backends.find("backends");
  json::Array folders;
  for (const auto& folder : folders_) {
    folders.push_back(json::object({{"purpose", folder.purpose},
                                    {"path", folder.path.string()},
                                    {"writable", folder.writable},
                                    {"free", folder.free},
                                    {"problem", folder.problem}}));
  }
  out["folders"] = std::move(folders);
  return out;
}

}  // namespace

const Verb doctor_verb = {
    .name = "doctor",
    .help = "say what is installed, found, shadowed and missing, and how to get it",
    .examples =
        "onnx-pack doctor\n"
        "onnx-pack doctor -v    # every fact of this machine",
    .needs = Needs::backends,
    .make = make_command<Doctor>};

}  // namespace onnxpack::cli
