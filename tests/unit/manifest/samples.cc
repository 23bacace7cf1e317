#include "samples.h"

namespace onnxpack::manifest::testing {
namespace {

Dimension fixed(std::int64_t value) {
  return {value, ""};
}
Dimension symbolic(const char* name) {
  return {std::nullopt, name};
}

Component detector() {
  Component out;
  out.name = "model";
  out.model = "components/model/model.onnx";
  out.original.file_name = "detector.onnx";
  out.original.transformation = "strip-annotations/1";
  out.original.size = 4745517;
  out.original.sha256 = digest(1);
  out.external_data = {{"components/model/weights.bin", "weights.bin"}};
  out.ir_version = 8;
  out.opset_imports = {{"", 12}, {"com.microsoft", 1}};
  out.producer = "paddle2onnx 1.0";
  out.inputs = {{"x", "tensor(float)", {{symbolic("batch"), fixed(3), Dimension{}, Dimension{}}}}};
  out.outputs = {{"y", "tensor(float)", std::nullopt}, {"s", "sequence(tensor(int64))", {{}}}};
  Scope whole;
  whole.name = "model";
  whole.digest = "scope-digest/1:" + digest(2);
  whole.node_count = 672;
  whole.inputs = {"x"};
  whole.outputs = {"y", "s"};
  Scope head;
  head.name = "head";
  head.digest = "scope-digest/1:" + digest(3);
  head.node_count = 2;
  head.inputs = {"features"};
  head.outputs = {"y"};
  head.node_outputs = {"head.conv", "y"};
  out.scopes = {whole, head};
  return out;
}

Variant cpu_variant() {
  Variant out;
  out.name = "x86-64-v3-onnxruntime";
  out.component = "model";
  out.backend = "onnxruntime";
  out.ep = "CPUExecutionProvider";
  out.device = "cpu";
  out.target = "x86-64-v3";
  out.target_facts["arch.name"] = json::Array{"amd64"};
  out.requirements = {{"arch.name", target::Test::any_of, {"amd64"}},
                      {"runtime.onnxruntime", target::Test::version, {">=1.31,<1.32"}},
                      {"memory.host_bytes", target::Test::at_least, {"268435456"}}};
  out.precision = "fp32";
  out.executor_info["ort"] = json::object({{"model_file", "model.onnx"}});
  Partition whole;
  whole.scope = "model";
  whole.blobs = {{"variants/x86-64-v3-onnxruntime/model.onnx", "model"}};
  out.partitions = {whole};
  out.references = {"components/model/weights.bin"};
  out.coverage = {672, 672};
  out.provenance.tools = {{"onnxruntime", "1.31.1"}};
  out.provenance.backend_digest = digest(4);
  out.provenance.options["level"] = "extended";
  out.provenance.build_key = digest(5);
  out.provenance.deterministic = true;
  return out;
}

Variant npu_variant() {
  Variant out = cpu_variant();
  out.name = "qualcomm-sm8650-onnxruntime";
  out.ep = "QNNExecutionProvider";
  out.device = "npu";
  out.target = "qualcomm-sm8650";
  out.target_facts = {};
  out.requirements = {{"qualcomm.htp_arch", target::Test::at_least, {"75"}},
                      {"accelerator.class", target::Test::any_of, {"npu"}}};
  out.compatibility_string = "v2:6:2.48.0:5.48.0:75:57:8:0";
  out.compatibility_hash = digest(6);
  out.precision = "fp16";
  out.fixed_shapes = {{"x", {1, 3, 640, 640}}};
  Partition part;
  part.scope = "head";
  part.blobs = {{"variants/qualcomm-sm8650-onnxruntime/model_ctx.onnx", "model"},
                {"variants/qualcomm-sm8650-onnxruntime/model_qnn.bin", "context"}};
  part.inputs = {
      {"features", "tensor(float16)", {{fixed(1), fixed(24), fixed(160), fixed(160)}}, "NHWC"}};
  out.partitions = {part};
  out.references = {};
  out.coverage = {2, 672};
  out.provenance.license = "Qualcomm AI Hub proprietary licence";
  out.provenance.source = SourceModel{
      "det-int8.onnx", 123456,
      digest(9),       {{"w.bin", digest(8)}},
      digest(7),       {{"lower-flex-attention/1", {{"form", json::Value("expanded")}}}}};
  out.provenance.deterministic = false;
  return out;
}

}  // namespace

Manifest full_manifest() {
  Manifest out;
  out.package.name = "ppocr-detector";
  out.package.version = "4.0";
  out.package.description = "text detection; größe < 5 MB";
  out.package.licenses = {"Apache-2.0"};
  out.components = {detector()};
  out.attachments = {{"attachments/labels.txt"}};
  out.variants = {npu_variant(), cpu_variant()};
  out.members = {{"components/model/model.onnx", 4900000, digest(10), "digests/model.chunks"},
                 {"components/model/weights.bin", 512, digest(11), ""},
                 {"attachments/labels.txt", 12, digest(12), ""},
                 {"variants/qualcomm-sm8650-onnxruntime/model_ctx.onnx", 900, digest(13), ""},
                 {"variants/qualcomm-sm8650-onnxruntime/model_qnn.bin", 3500000, digest(14), ""},
                 {"variants/x86-64-v3-onnxruntime/model.onnx", 200000, digest(15), ""},
                 {"digests/model.chunks", 64, digest(16), ""}};
  return out;
}

Layout full_layout() {
  Layout out;
  for (const Member& member : full_manifest().members) {
    out.members.push_back(
        {member.name, member.name.starts_with("variants/q") ? Storage::absent : Storage::stored});
  }
  out.members.push_back({"evidence/build-host.json", Storage::stored, 1234, digest(20)});
  // x86-64-v3-onnxruntime/model.onnx, mostly bytes of the model and its weights.
  out.members[5].storage = Storage::extents;
  out.members[5].sources = {"components/model/model.onnx", "components/model/weights.bin"};
  out.members.push_back(
      {"extents/variants/x86-64-v3-onnxruntime/model.onnx", Storage::stored, 700, digest(21)});
  return out;
}

Evidence full_evidence() {
  Evidence out;
  out.package_id = digest(30);
  out.producer = "onnx-pack 0.1.0";
  out.device.name = "build-host";
  out.device.facts = {{"arch.name", {"amd64"}}, {"cpu.microarchitecture", {"zen3", "zen2", "zen"}}};
  EvidenceEntry original;
  original.component = "model";
  original.component_sha256 = digest(1);
  original.runtime = "onnxruntime 1.31.1";
  original.latency = Latency{75.5, 12, 10.5, 10.25, 11, 50, 2};
  EvidenceEntry variant = original;
  variant.variant = "x86-64-v3-onnxruntime";
  variant.blobs = {digest(15)};
  variant.equivalence = "passed";
  variant.equivalence_reason = "signal to noise 121.4 dB";
  variant.inputs = digest(31);
  variant.latency = Latency{44, 9, 9.5, 9.25, 10, 50, 2};
  out.entries = {original, variant};
  return out;
}

namespace {

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  Manifest manifest() {
    Manifest out;
    out.package.name = text();
    out.package.version = text();
    if (coin()) out.package.licenses = {text() + "l"};
    for (std::size_t n = 1 + below(3); n > 0; --n) out.components.push_back(component(out));
    std::size_t variants = below(5);
    for (std::size_t n = 0; n < variants; ++n) out.variants.push_back(variant(out));
    if (coin()) {
      std::string attachment = "attachments/" + name("a");
      add_member(out, attachment);
      out.attachments.push_back({attachment});
    }
    return out;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  bool coin() { return below(2) == 0; }
  std::string name(const char* prefix) { return prefix + std::to_string(counter_++); }
  // Anything that JSON must be able to carry.
  std::string text() {
    static constexpr std::string_view pieces[] = {"a", "\"", "\\", "\n", "é",
                                                  "€", "😀",  " ",  "/",  "\x01"};
    std::string out;
    for (std::size_t n = below(6); n > 0; --n) out += pieces[below(std::size(pieces))];
    return out;
  }

  void add_member(Manifest& manifest, const std::string& member) {
    Member out;
    out.name = member;
    out.size = (std::uint64_t{random_()} << 20) | random_();
    out.sha256 = digest(random_());
    manifest.members.push_back(out);
    if (below(4) != 0) return;
    Member chunks{"digests/" + name("d"), 64, digest(random_()), ""};
    manifest.members.back().chunk_digests = chunks.name;
    manifest.members.push_back(chunks);
  }

  ValueInfo value() {
    ValueInfo out{name("v") + text(), "tensor(float)", std::nullopt};
    if (coin()) return out;
    out.shape.emplace();
    for (std::size_t n = below(5); n > 0; --n) {
      Dimension dimension;
      if (coin())
        dimension.value = static_cast<std::int64_t>(below(1000));
      else if (coin())
        dimension.name = "d" + text();
      out.shape->push_back(dimension);
    }
    if (coin()) out.layout = "NCHW";
    return out;
  }

  Component component(Manifest& manifest) {
    Component out;
    out.name = name("c");
    out.model = "components/" + out.name + "/model.onnx";
    add_member(manifest, out.model);
    out.original.file_name = "m.onnx";
    out.original.transformation = "strip-annotations/1";
    out.original.size = random_();
    out.original.sha256 = digest(random_());
    out.ir_version = static_cast<std::int64_t>(3 + below(12));
    out.opset_imports = {{"", 17}, {text() + "x", 1}};
    out.producer = text();
    for (std::size_t n = below(3); n > 0; --n) out.inputs.push_back(value());
    for (std::size_t n = below(3); n > 0; --n) out.outputs.push_back(value());
    for (std::size_t n = 1 + below(3); n > 0; --n) {
      Scope scope;
      scope.name = name("scope");
      scope.digest = "scope-digest/1:" + digest(random_());
      scope.node_count = below(3);
      for (std::size_t i = 0; i < scope.node_count; ++i) scope.node_outputs.push_back("o" + text());
      out.scopes.push_back(scope);
    }
    return out;
  }

  Variant variant(Manifest& manifest) {
    const Component& component = manifest.components[below(manifest.components.size())];
    Variant out;
    out.name = name("v");
    out.component = component.name;
    out.backend = "iree";
    out.ep = "onnxpack.iree";
    out.device = coin() ? "cpu" : coin() ? "gpu" : "npu";
    out.target = text();
    if (coin()) out.requirements = {{"cpu.features", target::Test::all_of, {"avx2", "fma"}}};
    if (coin()) {
      out.compatibility_string = "x" + text();
      out.compatibility_hash = digest(random_());
    }
    if (!component.inputs.empty() && coin()) out.fixed_shapes[component.inputs[0].name] = {1, 2, 3};
    if (coin()) out.executor_info["iree"] = json::object({{"function", text()}});
    Partition partition;
    partition.scope = component.scopes[0].name;
    std::string blob = "variants/" + out.name + "/blob.vmfb";
    add_member(manifest, blob);
    partition.blobs = {{blob, "model"}};
    out.partitions = {partition};
    if (coin()) out.references = {component.model};
    out.coverage = {below(10), 10};
    out.provenance.tools = {{"iree", "3.13.0"}};
    out.provenance.deterministic = coin();
    return out;
  }

  std::mt19937 random_;
  int counter_ = 10000;  // equal widths, so that names are in the order they were made
};

}  // namespace

Manifest random_manifest(unsigned seed) {
  return Generator(seed).manifest();
}

}  // namespace onnxpack::manifest::testing
