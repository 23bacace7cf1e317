#include "provider_compiler.h"

#include <fmt/format.h>

#include <vector>

#include "plugin_library.h"

namespace onnxpack::ort_backend {
namespace {

Result<const OrtEpDevice*> find_device(const Runtime& runtime, const OrtEnv& environment,
                                       const std::string& ep) {
  const OrtEpDevice* const* devices = nullptr;
  std::size_t count = 0;
  ONNXPACK_CHECK(runtime.check(runtime.api().GetEpDevices(&environment, &devices, &count)));
  for (std::size_t i = 0; i < count; ++i) {
    if (ep == runtime.api().EpDevice_EpName(devices[i])) return devices[i];
  }
  return fail(ErrorKind::unavailable,
              fmt::format("the plug-in offers no device of {} on this machine", ep));
}

Status append_provider(const Runtime& runtime, OrtEnv& environment, OrtSessionOptions* options,
                       const OrtEpDevice* device,
                       const std::map<std::string, std::string>& provider_options) {
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : provider_options) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  return runtime.check(runtime.api().SessionOptionsAppendExecutionProvider_V2(
      options, &environment, &device, 1, keys.data(), values.data(), keys.size()));
}

Status set_input(const Runtime& runtime, const OrtCompileApi& api, OrtModelCompilationOptions* raw,
                 const CompilerInput& input) {
  return runtime.check(
      input.path.empty() ? api.ModelCompilationOptions_SetInputModelFromBuffer(
                               raw, input.model.data(), input.model.size())
                         : api.ModelCompilationOptions_SetInputModelPath(raw, input.path.c_str()));
}

Error explain(Error error, const Provider& provider, const LogTail& log) {
  if (error.message().find("Unable to compile any nodes") == std::string::npos) return error;
  const std::string why = log.first_error();
  if (why.empty()) {
    return Error(ErrorKind::unsupported,
                 fmt::format("{} compiled no node of the graph", provider.ep))
        .with_hint("the job's log names the operators that it does not support");
  }
  return Error(ErrorKind::unsupported,
               fmt::format("{} compiled no node of the graph: {}", provider.ep, why));
}

}  // namespace

Status compile_with_plugin(const Runtime& runtime, OrtEnv& environment, const Provider& provider,
                           const std::filesystem::path& library, const CompilerJob& job,
                           const LogTail& log) {
  const OrtApi& api = runtime.api();
  const auto registered = runtime.check(
      api.RegisterExecutionProviderLibrary(&environment, provider.ep.c_str(), library.c_str()));
  if (!registered) {
    return fail(ErrorKind::unavailable,
                fmt::format("{}: {}", library.string(), registered.error().message()),
                provider.is_qnn() ? fmt::format("run {}", qnn_install) : "");
  }
  ONNXPACK_TRY(const OrtEpDevice* device, find_device(runtime, environment, provider.ep));

  SessionSettings settings = job.settings;
  if (!job.input.external_base.empty())
    settings.config["session.model_external_initializers_file_folder_path"] =
        job.input.external_base.string();
  ONNXPACK_TRY(const auto options, make_session_options(runtime, settings));
  auto provider_options = provider.options;
  if (provider.is_qnn() && !provider_options.contains("backend_path") &&
      !provider_options.contains("backend_type"))
    provider_options["backend_path"] = (library.parent_path() / qnn_compiler_name).string();
  ONNXPACK_CHECK(append_provider(runtime, environment, options.get(), device, provider_options));

  const OrtCompileApi& compiler = *api.GetCompileApi();
  OrtModelCompilationOptions* raw = nullptr;
  ONNXPACK_CHECK(runtime.check(
      compiler.CreateModelCompilationOptionsFromSessionOptions(&environment, options.get(), &raw)));
  const auto owned = runtime.own(raw, compiler.ReleaseModelCompilationOptions);
  ONNXPACK_CHECK(set_input(runtime, compiler, raw, job.input));
  ONNXPACK_CHECK(
      runtime.check(compiler.ModelCompilationOptions_SetOutputModelPath(raw, job.output.c_str())));
  ONNXPACK_CHECK(
      runtime.check(compiler.ModelCompilationOptions_SetEpContextEmbedMode(raw, job.embed)));
  // Without this flag a graph of which nothing was compiled is written out as a plain model.
  ONNXPACK_CHECK(runtime.check(compiler.ModelCompilationOptions_SetFlags(
      raw, OrtCompileApiFlags_ERROR_IF_NO_NODES_COMPILED)));
  auto compiled = runtime.check(compiler.CompileModel(&environment, raw));
  if (!compiled) return std::unexpected<Error>(explain(std::move(compiled.error()), provider, log));
  return {};
}

}  // namespace onnxpack::ort_backend
