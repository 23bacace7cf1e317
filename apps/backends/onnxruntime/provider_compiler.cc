#include "provider_compiler.h"

#include <fmt/format.h>

#include <vector>

#include "plugin_devices.h"
#include "plugin_library.h"

namespace onnxpack::ort_backend {
namespace {

// QNN's devices stand for whatever its options name, so the first is as good as any.
Result<std::size_t> pick(const PluginDevices& devices, const Provider& provider,
                         const std::vector<std::string>& kinds) {
  if (provider.is_qnn() && provider.device.empty() && !devices.handles.empty()) return 0;
  return choose_device(devices.facts, {provider.ep, provider.device, kinds});
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

Result<DeviceFacts> compile_with_plugin(const Runtime& runtime, OrtEnv& environment,
                                        const Provider& provider,
                                        const std::filesystem::path& library,
                                        const CompilerJob& job, const LogTail& log) {
  const OrtApi& api = runtime.api();
  ONNXPACK_CHECK(
      register_plugin(runtime, environment, provider.ep, library, Register::virtual_ones_too));
  ONNXPACK_TRY(const PluginDevices devices, plugin_devices(runtime, environment, provider.ep));
  ONNXPACK_TRY(const std::size_t chosen, pick(devices, provider, job.kinds));

  SessionSettings settings = job.settings;
  if (!job.input.external_base.empty())
    settings.config["session.model_external_initializers_file_folder_path"] =
        job.input.external_base.string();
  ONNXPACK_TRY(const auto options, make_session_options(runtime, settings));
  auto provider_options = provider.options;
  if (provider.is_qnn() && !provider_options.contains("backend_path") &&
      !provider_options.contains("backend_type"))
    provider_options["backend_path"] = (library.parent_path() / qnn_compiler_name).string();
  ONNXPACK_CHECK(append_device(runtime, environment, options.get(), devices.handles[chosen],
                               provider_options));

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
  return devices.facts[chosen];
}

}  // namespace onnxpack::ort_backend
