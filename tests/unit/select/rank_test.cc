#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "evidence_index.h"
#include "world.h"

using namespace onnxpack;
using namespace onnxpack::select;
using namespace onnxpack::select::testing;

namespace {

const Ranked& refused(const Selection& selection, const std::string& name) {
  auto it = std::ranges::find(selection.refused, name, &Ranked::variant);
  REQUIRE(it != selection.refused.end());
  return *it;
}

}  // namespace

TEST_CASE("an unmeasured CPU variant stands below the original, unless told otherwise", "[rank]") {
  auto manifest =
      package({variant("v3", "x86-64-v3"), variant("v4", "x86-64-v4"), variant("arm", "aarch64")});
  auto request = request_for("x86-64-v4");
  auto selection = rank(manifest, request);
  CHECK(ladder_text(selection) == "(original) > v4 > v3");
  CHECK(selection->decided_by ==
        "v4 is not measured on such a device: without a measurement code for a CPU, or for any "
        "GPU, stands below the original graph");
  CHECK(selection->ladder[0].place == Place::selected);
  CHECK(selection->ladder[1].place == Place::compatible);
  CHECK(selection->ladder[1].reason ==
        "not measured on such a device: stands below the original graph");
  CHECK(refused(*selection, "arm").reason == "needs arch.name arm64; target has amd64");
  CHECK(refused(*selection, "arm").place == Place::incompatible);

  request.unmeasured = Unmeasured::above_original;
  selection = rank(manifest, request);
  CHECK(ladder_text(selection) == "v4 > v3 > (original)");
  CHECK(selection->decided_by == "specificity: architecture level (4 against 3 of v3)");
}

TEST_CASE("measured beats guessed", "[rank]") {
  auto manifest = package({variant("v3-fast", "x86-64-v3"), variant("v3-slow", "x86-64-v3"),
                           variant("v4", "x86-64-v4")});
  auto request = request_for("x86-64-v4");
  request.evidence = {measured(manifest, "x86-64-v4", "", 10.5),
                      measured(manifest, "x86-64-v4", "v3-fast", 7.2),
                      measured(manifest, "x86-64-v4", "v3-slow", 41.8)};
  auto selection = rank(manifest, request);
  CHECK(ladder_text(selection) == "v3-fast > (original) > v3-slow > v4");
  CHECK(selection->decided_by ==
        "measured latency (7.20 ms against 10.5 ms of the original graph)");
  CHECK(selection->ladder[0].latency->median_ms == 7.2);
  CHECK(selection->ladder[2].reason == "measured 41.80 ms, the original graph 10.50 ms");

  // Equal to the original is not better than it.
  request.evidence[1] = measured(manifest, "x86-64-v4", "v3-fast", 10.5);
  CHECK(ladder_text(rank(manifest, request)) == "(original) > v3-fast > v3-slow > v4");
  // Measured, but the original was not: nobody is given a slower one unsaid.
  request.evidence.erase(request.evidence.begin());
  selection = rank(manifest, request);
  CHECK(ladder_text(selection) == "(original) > v3-fast > v3-slow > v4");
  CHECK(selection->decided_by ==
        "the original graph is not measured on such a device, so v3-fast may be slower than it");
}

TEST_CASE("measurements of other devices and other blobs do not count", "[rank]") {
  auto manifest = package({variant("v3", "x86-64-v3")});
  auto request = request_for("zen3");
  auto with = [&](const char* device, double variant_ms) {
    request.evidence = {measured(manifest, device, "", 10),
                        measured(manifest, device, "v3", variant_ms)};
    return ladder_text(rank(manifest, request));
  };
  CHECK(with("zen3", 5) == "v3 > (original)");
  CHECK(with("zen2", 5) == "(original) > v3");       // another microarchitecture
  CHECK(with("x86-64-v3", 5) == "v3 > (original)");  // states none: the level decides
  CHECK(with("x86-64-v4", 5) == "(original) > v3");
  CHECK(with("aarch64", 5) == "(original) > v3");
  // The very microarchitecture outdoes the mere level.
  request.evidence = {measured(manifest, "x86-64-v3", "", 10),
                      measured(manifest, "x86-64-v3", "v3", 5), measured(manifest, "zen3", "", 10),
                      measured(manifest, "zen3", "v3", 20)};
  CHECK(ladder_text(rank(manifest, request)) == "(original) > v3");

  request.evidence = {measured(manifest, "zen3", "", 10), measured(manifest, "zen3", "v3", 5)};
  request.evidence[1].entries[0].blobs = {digest_of("rebuilt since")};
  CHECK(ladder_text(rank(manifest, request)) == "(original) > v3");
  // Another runtime release than the target's.
  request.evidence[1] = measured(manifest, "zen3", "v3", 5);
  request.evidence[1].entries[0].runtime = "iree 3.12.0";
  CHECK(ladder_text(rank(manifest, request)) == "v3 > (original)");
  request.target.facts["runtime.iree"] = {"3.13.0"};
  CHECK(ladder_text(rank(manifest, request)) == "(original) > v3");
  request.target.facts["runtime.iree"] = {"3.12.4"};
  CHECK(ladder_text(rank(manifest, request)) == "v3 > (original)");
}

TEST_CASE("only equal thread counts compare", "[rank]") {
  auto manifest = package({variant("v3", "x86-64-v3")});
  auto request = request_for("x86-64-v3");
  request.evidence = {measured(manifest, "x86-64-v3", "", 10, 1),
                      measured(manifest, "x86-64-v3", "v3", 5, 8)};
  CHECK(ladder_text(rank(manifest, request)) == "(original) > v3");
  request.evidence.push_back(measured(manifest, "x86-64-v3", "v3", 20, 1));
  CHECK(rank(manifest, request)->ladder[1].latency->median_ms == 20);
  // Of several measurements of one thing the middle one counts.
  for (double ms : {6.0, 7.0})
    request.evidence.push_back(measured(manifest, "x86-64-v3", "v3", ms, 1));
  CHECK(ladder_text(rank(manifest, request)) == "v3 > (original)");
  CHECK(rank(manifest, request)->ladder[0].latency->median_ms == 7);
}

TEST_CASE("an accelerator that the target states stands above the original until it is measured",
          "[rank]") {
  auto manifest = package({variant("npu", "qualcomm-sm8650", "QNNExecutionProvider"),
                           variant("cpu", "aarch64-v8.2"), variant("gpu", "vulkan")});
  auto request = request_for("qualcomm-sm8650");
  request.target.facts["vulkan.version"] = {"1.3"};
  auto selection = rank(manifest, request);
  // Code for any GPU is presumed nothing of: it lost to the CPU on the GPU it was tried on.
  CHECK(ladder_text(selection) == "npu > (original) > gpu > cpu");
  CHECK(selection->ladder[0].reason ==
        "npu of the target, presumed faster than the original graph");
  // Measured slower than the original it falls below it.
  request.evidence = {measured(manifest, "qualcomm-sm8650", "", 10),
                      measured(manifest, "qualcomm-sm8650", "npu", 30)};
  CHECK(ladder_text(rank(manifest, request)) == "(original) > npu > gpu > cpu");
  // What another SoC measured says nothing about this one.
  request.evidence = {measured(manifest, "qualcomm-sm8650", "", 10),
                      measured(manifest, "qualcomm-sm8550", "npu", 30)};
  CHECK(ladder_text(rank(manifest, request)) == "npu > (original) > gpu > cpu");
}

TEST_CASE("an accelerator stands before the CPU whatever the target lists first", "[rank]") {
  auto manifest = package({variant("cpu", "x86-64-v3"), variant("gpu", "vulkan")});
  auto request = request_for("x86-64-v3");
  request.target.facts["accelerator.class"] = {"cpu", "gpu"};
  request.target.facts["vulkan.version"] = {"1.3"};
  CHECK(ladder_text(rank(manifest, request)) == "(original) > gpu > cpu");
  request.unmeasured = Unmeasured::above_original;
  CHECK(ladder_text(rank(manifest, request)) == "gpu > cpu > (original)");
}

TEST_CASE("code made for one GPU is presumed faster, code for any is not", "[rank]") {
  auto manifest = package({variant("any", "vulkan"), variant("own", "cuda-sm_90")});
  auto request = request_for("cuda-sm_90");
  request.target.facts["vulkan.version"] = {"1.3"};
  CHECK(ladder_text(rank(manifest, request)) == "own > (original) > any");
  manifest.variants[0].requirements.push_back(
      {"accelerator.vendor", target::Test::any_of, {"nvidia"}});
  CHECK(ladder_text(rank(manifest, request)) == "own > any > (original)");
  // Where a target names a GPU but no vendor, iree says for which subgroups the code is.
  manifest.variants[0].requirements.pop_back();
  manifest.variants[0].compatibility_string =
      "onnx-pack/1;runtime.iree=3.13.0;vulkan.subgroup_size=32;vulkan.version=1.1";
  request.target.facts["vulkan.subgroup_size"] = {"32"};
  request.target.facts["runtime.iree"] = {"3.13.0"};
  CHECK(ladder_text(rank(manifest, request)) == "own > any > (original)");
}

TEST_CASE("what one GPU measured through Vulkan speaks for that GPU alone", "[rank]") {
  auto manifest = package({variant("gpu", "vulkan")});
  auto request = request_for("x86-64-v3");
  auto on = [](target::Facts facts, const char* device) {
    facts["accelerator.class"] = {"cpu", "gpu"};
    facts["vulkan.version"] = {"1.3.277"};
    facts["vulkan.device"] = {device};
    return facts;
  };
  request.target.facts = on(request.target.facts, "10de:2330");
  request.evidence = {measured(manifest, "x86-64-v3", "", 10),
                      measured(manifest, "x86-64-v3", "gpu", 5)};
  for (const char* device : {"10de:2330", "10de:2684"}) {
    for (auto& evidence : request.evidence)
      evidence.device.facts = on(evidence.device.facts, device);
    bool same = request.target.facts["vulkan.device"].front() == device;
    CHECK(ladder_text(rank(manifest, request)) == (same ? "gpu > (original)" : "(original) > gpu"));
  }
}

TEST_CASE("a device class is needed even if no requirement says so", "[rank]") {
  auto gpu = variant("gpu", "vulkan");
  gpu.requirements.clear();
  auto selection = rank(package({gpu}), request_for("x86-64-v3"));
  CHECK(refused(*selection, "gpu").reason == "needs accelerator.class gpu; target has cpu");
}

TEST_CASE("what the target does not state is unknown, what it lacks is incompatible", "[rank]") {
  auto needs_runtime = variant("a", "x86-64-v3");
  needs_runtime.requirements.push_back({"runtime.iree", target::Test::version, {">=3.13"}});
  auto needs_both = variant("b", "x86-64-v4");
  needs_both.requirements.insert(needs_both.requirements.begin(),
                                 {"runtime.iree", target::Test::version, {">=3.13"}});
  auto selection = rank(package({needs_runtime, needs_both}), request_for("x86-64-v3"));
  CHECK(refused(*selection, "a").place == Place::unknown);
  CHECK(refused(*selection, "a").reason ==
        "needs runtime.iree >=3.13; the target does not state it");
  // One that is surely not met says more than one nobody can judge.
  CHECK(refused(*selection, "b").place == Place::incompatible);
  CHECK(refused(*selection, "b").reason == "needs x86_64.level v4; target has v1, v2, v3");
}

TEST_CASE("the primary execution provider alone is on the ladder", "[rank]") {
  auto manifest =
      package({variant("ov", "x86-64-v3", "onnxpack.openvino"), variant("iree", "x86-64-v3")});
  auto request = request_for("x86-64-v3");
  request.ep_order = {"onnxpack.iree", "onnxpack.openvino"};
  auto selection = rank(manifest, request);
  CHECK(ladder_text(selection) == "(original) > iree");
  CHECK(refused(*selection, "ov").reason ==
        "made for onnxpack.openvino; the primary execution provider asked for is onnxpack.iree");
}

TEST_CASE("fixed shapes are refused when stated otherwise and noted when not stated", "[rank]") {
  auto fixed = variant("fixed", "x86-64-v3");
  fixed.fixed_shapes = {{"x", {1, 3, 48, 192}}, {"ids", {1, 8}}};
  auto manifest = package({fixed});
  auto request = request_for("x86-64-v3");
  auto selection = rank(manifest, request);
  // ids has that shape in the graph itself: fixing it restricts nothing.
  CHECK(selection->ladder[1].notes ==
        std::vector<std::string>{
            "serves only x=[1,3,48,192]; other shapes fall back to the original graph"});
  request.input_shapes["x"] = {1, 3, 48, 192};
  CHECK(rank(manifest, request)->ladder[1].notes.empty());
  request.input_shapes["x"] = {1, 3, 48, 320};
  selection = rank(manifest, request);
  CHECK(ladder_text(selection) == "(original)");
  CHECK(refused(*selection, "fixed").reason ==
        "compiled for x=[1,3,48,192]; the application uses x=[1,3,48,320]");
  CHECK(selection->decided_by == "no variant suits; the original graph serves");
}

TEST_CASE("a compatibility text can refuse, and its verdict is said", "[rank]") {
  auto npu = variant("npu", "qualcomm-sm8550", "QNNExecutionProvider");
  npu.compatibility_string = "v2:6:2.48.0:5.48.0:73:43:8:0";
  auto manifest = package({npu});
  auto selection = rank(manifest, request_for("qualcomm-sm8650"));
  REQUIRE(ladder_text(selection) == "npu > (original)");
  CHECK(selection->ladder[0].verdict == target::Verdict::prefer_recompilation);
  CHECK(selection->ladder[0].notes.at(0).starts_with(
      "compatibility prefer-recompilation: made for HTP v73"));
  manifest.variants[0].compatibility_string = "v2:6:2.48.0:5.48.0:79:69:8:0";
  selection = rank(manifest, request_for("qualcomm-sm8650"));
  CHECK(refused(*selection, "npu").verdict == target::Verdict::unsupported);
  CHECK(refused(*selection, "npu").reason.starts_with("made for HTP v79"));
}

TEST_CASE("what was found to compute something else is not used", "[rank]") {
  auto manifest = package({variant("v3", "x86-64-v3")});
  auto request = request_for("x86-64-v3");
  request.evidence = {measured(manifest, "x86-64-v3", "", 10),
                      measured(manifest, "x86-64-v3", "v3", 5)};
  request.evidence[1].entries[0].equivalence = "failed";
  request.evidence[1].entries[0].equivalence_reason = "y: signal to noise 3 dB";
  auto selection = rank(manifest, request);
  CHECK(refused(*selection, "v3").reason ==
        "verification failed on a device of this kind: y: signal to noise 3 dB");
  // On another kind of device the failure does not follow.
  request.evidence[1].device = *target::find_profile("aarch64");
  CHECK(ladder_text(rank(manifest, request)) == "(original) > v3");
}

TEST_CASE("ties fall to exactness, then size, then name", "[rank]") {
  auto manifest =
      package({variant("b", "x86-64-v3"), variant("a", "x86-64-v3"), variant("c", "x86-64-v3")});
  manifest.members[2].size = 10;  // c
  auto request = request_for("x86-64-v3");
  request.unmeasured = Unmeasured::above_original;
  CHECK(ladder_text(rank(manifest, request)) == "c > a > b > (original)");
  CHECK(rank(manifest, request)->decided_by == "smaller download (10 B against 1000 B of a)");
  manifest.variants[0].target = "x86-64-v2";
  manifest.variants[2].target = "x86-64-v2";
  CHECK(ladder_text(rank(manifest, request)) == "a > c > b > (original)");
  CHECK(rank(manifest, request)->decided_by == "built for this very target, c was not");
  manifest.members[2].size = 1000;
  manifest.variants[1].target = "x86-64-v2";
  CHECK(rank(manifest, request)->decided_by == "the order of names; nothing else tells it from b");
}

TEST_CASE("a variant asked for by name must suit all the same", "[rank]") {
  auto manifest = package({variant("v3", "x86-64-v3"), variant("v4", "x86-64-v4")});
  auto request = request_for("x86-64-v3");
  request.forced_variant = "v3";
  auto selection = rank(manifest, request);
  CHECK(ladder_text(selection) == "v3 > (original)");
  CHECK(selection->decided_by == "asked for by name");
  request.forced_variant = "v4";
  auto error = rank(manifest, request).error();
  CHECK(error.kind() == ErrorKind::incompatible);
  CHECK(error.message() ==
        "variant \"v4\" does not suit target \"x86-64-v3\": needs x86_64.level v4; target has v1, "
        "v2, v3");
  request.forced_variant = "v33";
  error = rank(manifest, request).error();
  CHECK(error.kind() == ErrorKind::not_found);
  CHECK(error.message() == "component \"model\" has no variant \"v33\"; did you mean v3?");
  CHECK(error.hint() == "its variants are v3, v4");
  request.component = "modle";
  CHECK(rank(manifest, request).error().message() ==
        "there is no component \"modle\"; did you mean model?");
}

TEST_CASE("without fallback an empty ladder is an error that names the nearest", "[rank]") {
  auto nearly = variant("nearly", "x86-64-v3");
  nearly.requirements.push_back({"runtime.iree", target::Test::version, {">=3.13"}});
  auto manifest = package({variant("arm", "aarch64"), variant("v4", "x86-64-v4"), nearly});
  auto request = request_for("x86-64-v3");
  request.fallback = Fallback::drop;
  auto error = rank(manifest, request).error();
  CHECK(error.kind() == ErrorKind::incompatible);
  CHECK(
      error.message().starts_with("nothing in the package suits target \"x86-64-v3\"; nearest: "
                                  "nearly (needs runtime.iree >=3.13; "
                                  "the target does not state it), v4 (needs x86_64.level v4"));
  CHECK(error.hint() == "build a variant for this target, or allow the original graph as fallback");
  CHECK(rank(package({}), request).error().message() ==
        "nothing in the package suits target \"x86-64-v3\": there is no variant");
  request.target.facts["runtime.iree"] = {"3.13"};
  auto selection = rank(manifest, request);
  CHECK(ladder_text(selection) == "nearly");
  CHECK(selection->decided_by == "the only variant that suits");
}

TEST_CASE("ONNX Runtime's rule", "[rank][ort]") {
  constexpr const char* qnn = "QNNExecutionProvider";
  auto older = variant("a-v73", "qualcomm-sm8550", qnn);
  older.compatibility_string = "v2:6:2.48.0:5.48.0:73:43:8:0";
  auto exact = variant("z-v75", "qualcomm-sm8650", qnn);
  exact.compatibility_string = "v2:6:2.48.0:5.48.0:75:57:8:0";
  auto newer = variant("m-v79", "qualcomm-sm8750", qnn);
  newer.compatibility_string = "v2:6:2.48.0:5.48.0:79:69:8:0";
  auto silent = variant("b-none", "qualcomm-sm8650", qnn);
  auto cpu = variant("cpu", "aarch64", "CPUExecutionProvider");
  auto manifest = package({older, silent, newer, exact, cpu});
  auto request = request_for("qualcomm-sm8650");
  request.policy = Policy::ort;
  request.ep_order = {qnn};
  auto selection = rank(manifest, request);
  // A variant without a text scores 0, below prefer-recompilation; no original graph at the end.
  CHECK(ladder_text(selection) == "z-v75 > a-v73 > b-none");
  CHECK(selection->decided_by == "ONNX Runtime's score (100 against 50 of a-v73)");
  CHECK(refused(*selection, "m-v79").reason.starts_with("made for HTP v79"));
  CHECK(refused(*selection, "cpu").reason ==
        "made for CPUExecutionProvider; the first execution provider is QNNExecutionProvider");

  // Ties go by declaration order, not by name.
  manifest =
      package({exact, variant("c", "qualcomm-sm8650", qnn), variant("b", "qualcomm-sm8650", qnn)});
  manifest.variants.erase(manifest.variants.begin());
  selection = rank(manifest, request);
  CHECK(ladder_text(selection) == "c > b");
  CHECK(selection->decided_by == "declaration order, as ONNX Runtime breaks ties (before b)");

  request.target = *target::find_profile("x86-64-v3");
  auto error = rank(manifest, request).error();
  CHECK(error.kind() == ErrorKind::incompatible);
  CHECK(error.message().find("needs a device of class npu; target has cpu") != std::string::npos);
  // Requirements play no part in it: ONNX Runtime does not know them.
  request.ep_order = {"CPUExecutionProvider"};
  CHECK(ladder_text(rank(package({cpu}), request)) == "cpu");
}

TEST_CASE("devices of a kind", "[evidence]") {
  auto grade = [](const char* measured, const char* wanted, const char* accelerator) {
    return kind_grade(target::find_profile(measured)->facts, target::find_profile(wanted)->facts,
                      accelerator, false);
  };
  CHECK(grade("zen3", "zen3", "cpu") == 2);
  CHECK(grade("zen3", "x86-64-v3", "cpu") == 1);
  CHECK(grade("x86-64-v3", "zen3", "cpu") == 1);
  CHECK(grade("zen3", "zen4", "cpu") == 0);
  CHECK(grade("zen4", "x86-64-v3", "cpu") == 0);
  CHECK(grade("riscv64", "riscv64", "cpu") == 1);
  CHECK(grade("vulkan", "vulkan", "cpu") == 0);
  CHECK(grade("qualcomm-sm8650", "qualcomm-sm8650", "npu") == 2);
  CHECK(grade("qualcomm-sm8550", "qualcomm-sc8380xp", "npu") == 0);  // one HTP, two SoCs
  CHECK(grade("rocm-gfx942", "rocm-gfx90a", "gpu") == 0);
  CHECK(grade("cuda-sm_86", "cuda-sm_86", "gpu") == 2);
  CHECK(grade("cuda-sm_86", "cuda-sm_80", "gpu") == 0);
  CHECK(grade("vulkan", "cuda-sm_80", "gpu") == 0);
}

TEST_CASE("Vulkan's device and CUDA's are told apart", "[evidence]") {
  auto machine = [](const char* vulkan, const char* cuda) {
    target::Facts out;
    if (*vulkan != 0) out["vulkan.device"] = {vulkan};
    if (*cuda != 0) out["nvidia.sm_arch"] = {cuda, "80_virtual"};
    return out;
  };
  const auto laptop = machine("8086:7d55", "89_real");  // its own GPU is first in Vulkan's list
  const auto desktop = machine("10de:2684", "89_real");
  CHECK(kind_grade(laptop, desktop, "gpu", false) == 2);
  CHECK(kind_grade(laptop, desktop, "gpu", true) == 0);
  CHECK(kind_grade(desktop, machine("10de:2684", ""), "gpu", true) == 2);
  // Without a Vulkan driver of the GPU a software one ran the code: it says nothing.
  CHECK(kind_grade(machine("", "89_real"), desktop, "gpu", true) == 0);
}
