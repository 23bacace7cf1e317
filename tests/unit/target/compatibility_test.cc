// One table row per published rule; the source stands in the row.
#include "onnxpack/target/compatibility.h"

#include <catch2/catch_test_macros.hpp>

#include "onnxpack/base/text.h"
#include "onnxpack/target/vocabulary.h"

using namespace onnxpack;
using namespace onnxpack::target;

namespace {

Target with(const char* profile, Facts facts) {
  Target out = *find_profile(profile);
  for (auto& [feature, values] : facts) out.facts[feature] = values;
  return out;
}

struct Row {
  const char* source;
  const char* ep;
  std::string text;
  Target target;
  Verdict verdict;
  const char* validator;
  const char* reason;  // part of it
};

void check_rows(std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    INFO(row.source << ": " << row.text << " on " << row.target.name);
    auto answer = validate_compatibility(row.ep, row.text, row.target);
    CHECK(to_string(answer.verdict) == to_string(row.verdict));
    CHECK(answer.validator == row.validator);
    INFO(answer.reason);
    CHECK(answer.reason.find(row.reason) != std::string::npos);
  }
}

constexpr const char* qnn = "QNNExecutionProvider";
constexpr const char* qnn_source =
    "onnxruntime-qnn qnn_cache_compatibility_manager.cc, pull requests 366 and 482";

std::string hex_header(unsigned major, unsigned minor, unsigned patch) {
  Bytes header(64);
  header[24] = static_cast<std::byte>(major);
  header[25] = static_cast<std::byte>(minor);
  header[26] = static_cast<std::byte>(patch);
  return to_hex(header);
}

}  // namespace

TEST_CASE("QNN v1", "[compatibility]") {
  using enum Verdict;
  check_rows({
      {qnn_source, qnn, "6:2.37.0:5.37.0:3.0.0:75:0", with("qualcomm-sm8650", {}), optimal,
       "qnn/v1", "HTP v75, target has v75"},
      {qnn_source, qnn, "6:2.37.0:5.37.0:3.0.0:73:0", with("qualcomm-sm8650", {}),
       prefer_recompilation, "qnn/v1", "v73"},
      {qnn_source, qnn, "6:2.37.0:5.37.0:3.0.0:79:0", with("qualcomm-sm8650", {}), unsupported,
       "qnn/v1", "v79, target has v75"},
      // v1 has no generation boundary: an old processor's blob only prefers recompilation.
      {qnn_source, qnn, "6:2.37.0:5.37.0:3.0.0:69:0", with("qualcomm-sm8650", {}),
       prefer_recompilation, "qnn/v1", "v69"},
      {qnn_source, qnn, "3:2.37.0:5.37.0:3.0.0:75:0", with("qualcomm-sm8650", {}), unsupported,
       "qnn/v1", "made for QNN backend 3, target has 6"},
      {qnn_source, qnn, "6:2.37.0:5.37.0:3.0.0:75:0",
       with("qualcomm-sm8650", {{"qnn.backend_api", {"5.36.0"}}}), unsupported, "qnn/v1",
       "backend API 5.37.0, target has 5.36.0"},
      {qnn_source, qnn, "6:2.37.0:5.36.0:3.0.0:75:0",
       with("qualcomm-sm8650", {{"qnn.backend_api", {"5.37.0"}}}), optimal, "qnn/v1", ""},
      // With the user driver the SDK version counts, the API version does not.
      {qnn_source, qnn, "6:2.37.0:5.99.0:3.0.0:73:0",
       with("qualcomm-sc8380xp", {{"qnn.user_driver", {"yes"}},
                                  {"runtime.qnn", {"2.38.0"}},
                                  {"qnn.backend_api", {"5.1.0"}}}),
       optimal, "qnn/v1", ""},
      {qnn_source, qnn, "6:2.39.0:5.37.0:3.0.0:73:0",
       with("qualcomm-sc8380xp", {{"qnn.user_driver", {"yes"}}, {"runtime.qnn", {"2.38.0"}}}),
       unsupported, "qnn/v1", "QNN SDK 2.39.0, target has 2.38.0"},
      {qnn_source, qnn, "6:2.37.0:5.37.0:3.0.0:73:1",
       with("qualcomm-sc8380xp", {{"qnn.user_driver", {"no"}}}), unsupported, "qnn/v1",
       "user driver"},
      {qnn_source, qnn, "6:2.37.0:5.37.0:3.0.0:75:0", with("x86-64-v3", {}), not_applicable,
       "qnn/v1", "does not state qualcomm.htp_arch"},
  });
}

TEST_CASE("QNN v2", "[compatibility]") {
  using enum Verdict;
  check_rows({
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:75:57:8:0", with("qualcomm-sm8650", {}), optimal,
       "qnn/v2", "v75 with 8 MB VTCM, target has v75 with 8 MB"},
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:73:43:8:0", with("qualcomm-sm8650", {}),
       prefer_recompilation, "qnn/v2", "v73"},
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:79:69:8:0", with("qualcomm-sm8650", {}), unsupported,
       "qnn/v2", "v79"},
      // Below v73 never loads from v73 on, unlike v1.
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:69:36:8:0", with("qualcomm-sm8550", {}), unsupported,
       "qnn/v2", "v69"},
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:68:30:4:0", with("qualcomm-sm8450", {}),
       prefer_recompilation, "qnn/v2", "v68"},
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:68:39:8:0", with("qualcomm-sm8350", {}), unsupported,
       "qnn/v2", "8 MB VTCM"},
      // Unset VTCM is never optimal; less VTCM than there is prefers recompilation.
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:75:57:0:0", with("qualcomm-sm8650", {}),
       prefer_recompilation, "qnn/v2", "0 MB"},
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:75:57:4:0", with("qualcomm-sm8650", {}),
       prefer_recompilation, "qnn/v2", "4 MB"},
      // The SoC number is recorded, not compared.
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:73:60:8:0", with("qualcomm-sm8550", {}), optimal,
       "qnn/v2", ""},
      // Several SoCs in one blob: the best of them.
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:79,73,75:69,43,57:8,8,8:0", with("qualcomm-sm8650", {}),
       optimal, "qnn/v2", "v75 with 8 MB VTCM (nearest of several)"},
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:79,81:69,87:8,8:0", with("qualcomm-sm8650", {}),
       unsupported, "qnn/v2", "v79"},
      // Not of the format: lists of unequal length, too few fields. As ONNX Runtime does with text
      // it does not know.
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:79,81:69:8,8:0", with("qualcomm-sm8650", {}),
       not_applicable, "", "no rule here knows"},
      {qnn_source, qnn, "6:2.48.0:75", with("qualcomm-sm8650", {}), not_applicable, "",
       "no rule here knows"},
      {qnn_source, qnn, "v2:6:2.48.0:5.48.0:75:57:8:maybe", with("qualcomm-sm8650", {}),
       not_applicable, "", "no rule here knows"},
  });
}

TEST_CASE("OpenVINO CPU, GPU and NPU", "[compatibility]") {
  using enum Verdict;
  constexpr const char* ep = "onnxpack.openvino";
  const Facts gpu = {{"intel.gpu_ip", {"20.1.4"}},
                     {"intel.gpu_eus", {"160"}},
                     {"intel.gpu_driver", {"25.1.2"}},
                     {"runtime.openvino", {"2026.4.1-22982-e213a147257-releases/2026/4"}}};
  const Facts npu = {
      {"intel.npu_tiles", {"6"}}, {"intel.npu_elf", {"1.3.0"}}, {"intel.npu_mi", {"11.4.10"}}};
  const std::string gpu_text = "meta=1.0;ov=2026.4.1;desc=[driver=25.1.2;ip=20.1.4;eus=160]";
  const std::string npu_text =
      "meta=2.6;ov=2026.2.0;desc=[compiler=8.1;npu=4000;t=4;elf=1.2.2;mi=11.4.10]";
  constexpr const char* cpu_source =
      "a blob exported by OpenVINO 2026.4.1 on an AVX2 machine; openvino pull request 36969";
  constexpr const char* gpu_source = "openvino pull requests 36540 and 36744";
  constexpr const char* npu_source = "openvino pull requests 34118 and 35478";
  const std::string cpu_text = "meta=1.0;ov=2026.4.1;isa=Intel AVX2";
  check_rows({
      {cpu_source, ep, cpu_text, with("zen3", {{"runtime.openvino", {"2026.4.1"}}}), optimal,
       "openvino/cpu", "Intel AVX2"},
      {cpu_source, ep, cpu_text, with("zen3", {{"runtime.openvino", {"2026.4.0"}}}), unsupported,
       "openvino/cpu", "made for OpenVINO 2026.4.1, target has 2026.4.0"},
      // Import wants the same text, so a better CPU is refused as well.
      {cpu_source, ep, cpu_text, with("zen4", {{"runtime.openvino", {"2026.4.1"}}}), unsupported,
       "openvino/cpu", "target has Intel AVX-512 with Intel DL Boost and bfloat16 support"},
      {cpu_source, ep, cpu_text, with("alderlake", {{"runtime.openvino", {"2026.4.1"}}}),
       unsupported, "openvino/cpu", "Intel AVX2 with Intel DL Boost"},
      {cpu_source, ep, cpu_text, with("zen3", {}), not_applicable, "openvino/cpu",
       "the target does not state it"},
      // A class of CPUs has no one text, an AMX machine's must be stated.
      {cpu_source, ep, cpu_text, with("x86-64-v3", {{"runtime.openvino", {"2026.4.1"}}}),
       not_applicable, "openvino/cpu", "does not state"},
      {cpu_source, ep, cpu_text, with("sapphirerapids", {{"runtime.openvino", {"2026.4.1"}}}),
       not_applicable, "openvino/cpu", "does not state"},
      {cpu_source, ep, cpu_text,
       with("x86-64-v3", {{"runtime.openvino", {"2026.4.1"}}, {"openvino.isa", {"Intel AVX2"}}}),
       optimal, "openvino/cpu", "Intel AVX2"},
      {gpu_source, ep, gpu_text, with("intel-gpu", gpu), optimal, "openvino/gpu", "20.1.4"},
      {gpu_source, ep, gpu_text, with("intel-gpu", {{"intel.gpu_driver", {"25.1.3"}}}), unsupported,
       "openvino/gpu", "made for intel.gpu_driver 25.1.2, target has 25.1.3"},
      {gpu_source, ep, gpu_text, with("intel-gpu", {{"intel.gpu_ip", {"12.55.8"}}}), unsupported,
       "openvino/gpu", "intel.gpu_ip"},
      {gpu_source, ep, gpu_text, with("intel-gpu", {}), not_applicable, "openvino/gpu",
       "does not state"},
      {npu_source, ep, npu_text, with("intel-npu-4000", npu), optimal, "openvino/npu", "4000"},
      {npu_source, ep, npu_text, with("intel-npu-3720", npu), unsupported, "openvino/npu",
       "made for intel.npu_platform 4000, target has 3720"},
      {npu_source, ep, npu_text,
       with("intel-npu-4000", {{"intel.npu_tiles", {"2"}},
                               {"intel.npu_elf", {"1.3.0"}},
                               {"intel.npu_mi", {"11.4.10"}}}),
       unsupported, "openvino/npu", "intel.npu_tiles 4, target has 2"},
      {npu_source, ep, npu_text,
       with("intel-npu-4000", {{"intel.npu_tiles", {"6"}},
                               {"intel.npu_elf", {"1.1.9"}},
                               {"intel.npu_mi", {"11.4.10"}}}),
       unsupported, "openvino/npu", "intel.npu_elf 1.2.2, target has 1.1.9"},
      {npu_source, ep, npu_text,
       with("intel-npu-4000", {{"intel.npu_tiles", {"6"}},
                               {"intel.npu_elf", {"1.2.0"}},
                               {"intel.npu_mi", {"12.0.0"}}}),
       unsupported, "openvino/npu", "intel.npu_mi 11.4.10, target has 12.0.0"},
      {npu_source, ep, npu_text, with("intel-npu-4000", {}), not_applicable, "openvino/npu",
       "does not state"},
  });
}

TEST_CASE("TensorRT header", "[compatibility]") {
  using enum Verdict;
  constexpr const char* source = "onnxruntime pull request 26774, TensorRT issue 3073";
  check_rows({
      {source, "TensorrtExecutionProvider", hex_header(10, 8, 0),
       with("cuda-sm_86", {{"runtime.tensorrt", {"10.3.0"}}}), unsupported, "tensorrt/header",
       "TensorRT 10.8.0, target has 10.3.0"},
      {source, "TensorrtExecutionProvider", hex_header(10, 3, 0),
       with("cuda-sm_86", {{"runtime.tensorrt", {"10.3.0"}}}), not_applicable, "tensorrt/header",
       "only TensorRT on the device can say"},
      {source, "NvTensorRTRTXExecutionProvider", hex_header(10, 8, 0),
       with("cuda-sm_86", {{"runtime.tensorrt", {"10.3.0"}}}), not_applicable,
       "tensorrt-rtx/header", "only TensorRT on the device can say"},
      {source, "NvTensorRTRTXExecutionProvider", "c0ffee", with("cuda-sm_86", {}), unsupported,
       "tensorrt-rtx/header", "expected 64 bytes in hexadecimal, found 3 bytes"},
      {source, "NvTensorRTRTXExecutionProvider", "not hex", with("cuda-sm_86", {}), unsupported,
       "tensorrt-rtx/header", "found other text"},
  });
}

TEST_CASE("our own text", "[compatibility]") {
  using enum Verdict;
  constexpr const char* source = "docs/selection.md";
  constexpr const char* ep = "onnxpack.iree";
  auto text = make_compatibility_string(
      {{"x86_64.level", "v3"}, {"arch.name", "amd64"}, {"runtime.iree", "3.13.0"}});
  CHECK(text == "onnx-pack/1;arch.name=amd64;runtime.iree=3.13.0;x86_64.level=v3");
  const Facts iree = {{"runtime.iree", {"3.13.0"}}};
  check_rows({
      {source, ep, text, with("x86-64-v3", iree), optimal, "onnx-pack/1", ""},
      {source, ep, text, with("x86-64-v4", iree), prefer_recompilation, "onnx-pack/1",
       "made for x86_64.level v3"},
      {source, ep, text, with("x86-64-v2", iree), unsupported, "onnx-pack/1",
       "made for x86_64.level v3, target has v1, v2"},
      {source, ep, text, with("x86-64-v3", {{"runtime.iree", {"3.14.0"}}}), prefer_recompilation,
       "onnx-pack/1", "3.13.0"},
      {source, ep, text, with("x86-64-v3", {{"runtime.iree", {"3.12.0"}}}), unsupported,
       "onnx-pack/1", "3.13.0, target has 3.12.0"},
      {source, ep, text, with("x86-64-v3", {}), not_applicable, "onnx-pack/1",
       "runtime.iree 3.13.0, the target does not state it"},
      // Unsupported wins over what is not known.
      {source, ep, text, with("x86-64-v2", {}), unsupported, "onnx-pack/1", "x86_64.level"},
      {source, ep, make_compatibility_string({{"cpu.features", "avx2,fma"}}), with("zen3", {}),
       optimal, "onnx-pack/1", ""},
      {source, ep, make_compatibility_string({{"cpu.features", "avx2,amx_int8"}}), with("zen3", {}),
       unsupported, "onnx-pack/1", "target lacks amx_int8"},
      {source, ep, make_compatibility_string({{"memory.host_bytes", "4294967296"}}),
       with("zen3", {{"memory.host_bytes", {"2147483648"}}}), unsupported, "onnx-pack/1",
       "4294967296"},
      {source, ep, "onnx-pack/1", with("zen3", {}), optimal, "onnx-pack/1", "needs nothing"},
      {source, ep, "onnx-pack/1;broken", with("zen3", {}), unsupported, "onnx-pack/1",
       "\"broken\" is not key=value"},
      {source, ep, "onnx-pack/1;a=%zz", with("zen3", {}), unsupported, "onnx-pack/1", "damaged"},
      // A later version of our own text is text that no rule here knows.
      {source, ep, "onnx-pack/2;x=1", with("zen3", {}), not_applicable, "", "no rule here knows"},
      {source, ep, "", with("zen3", {}), not_applicable, "", "has no compatibility string"},
      {source, "VitisAIExecutionProvider", "anything", with("zen3", {}), not_applicable, "",
       "VitisAIExecutionProvider"},
  });
}

TEST_CASE("values with separators survive our own text", "[compatibility]") {
  Target target;
  target.facts["acme.chip"] = {"a;b=c%d"};
  auto text = make_compatibility_string({{"acme.chip", "a;b=c%d"}});
  CHECK(text == "onnx-pack/1;acme.chip=a%3Bb%3Dc%25d");
  CHECK(validate_compatibility("", text, target).verdict == Verdict::optimal);
}
