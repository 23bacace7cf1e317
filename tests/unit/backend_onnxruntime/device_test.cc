// Which device of a plug-in is taken, and initializers that only bodies read.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "body_initializers.h"
#include "device_choice.h"
#include "plugin_library.h"
#include "wire.h"

namespace onnxpack::ort_backend {
namespace {

using Catch::Matchers::ContainsSubstring;

const std::vector<DeviceFacts> offered = {
    {"Ep", "cpu", {{"version", "1"}}, {}},
    {"Ep", "npu", {{"platform", "4000"}}, {{"is_virtual", "1"}}},
    {"Ep", "npu", {{"platform", "5010"}}, {{"is_virtual", "1"}}},
    {"Ep", "npu", {{"platform", "3720"}, {"library_path", "/x.so"}}, {}},
    {"Other", "npu", {{"platform", "9"}}, {}},
};

TEST_CASE("the target's first class goes before others, real devices before virtual ones") {
  CHECK(choose_device(offered, {"Ep", {}, {"npu", "cpu"}}).value() == 3);
  CHECK(choose_device(offered, {"Ep", {}, {"cpu"}}).value() == 0);
  CHECK(choose_device(offered, {"Other", {}, {"npu"}}).value() == 4);
}

TEST_CASE("metadata narrows the list, the provider's and the device's") {
  CHECK(choose_device(offered, {"Ep", {{"platform", "5010"}}, {"npu"}}).value() == 2);
  CHECK(choose_device(offered, {"Ep", {{"is_virtual", "1"}}, {"npu"}}).value() == 1);
  // Of another class than the target's when asked for by name.
  CHECK(choose_device(offered, {"Ep", {{"version", "1"}}, {"npu"}}).value() == 0);
}

TEST_CASE("what fits nothing is an error with both sides") {
  const auto none = choose_device(offered, {"Ep", {{"platform", "9"}}, {"npu"}});
  REQUIRE(!none);
  CHECK(none.error().kind() == ErrorKind::unavailable);
  CHECK_THAT(none.error().message(), ContainsSubstring("expected a device with platform=9"));
  CHECK_THAT(none.error().message(), ContainsSubstring("[npu, platform=4000, is_virtual=1]"));
  CHECK_THAT(none.error().message(), !ContainsSubstring("/x.so"));
  const auto kind = choose_device(offered, {"Ep", {}, {"gpu"}});
  REQUIRE(!kind);
  CHECK_THAT(kind.error().message(), ContainsSubstring("expected a device of class gpu"));
  const auto absent = choose_device(offered, {"Third", {}, {"npu"}});
  REQUIRE(!absent);
  CHECK_THAT(absent.error().message(), ContainsSubstring("offers no device of Third"));
}

TEST_CASE("the variable names a library for each provider") {
  const auto named = named_libraries("A=/a.so:B=/b=c.so:nonsense");
  CHECK(named == std::map<std::string, std::string>{{"A", "/a.so"}, {"B", "/b=c.so"}});
  CHECK(named_libraries("").empty());
}

using Part = std::pair<std::uint32_t, Bytes>;
Bytes text(std::string_view content) {
  const auto bytes = std::as_bytes(std::span(content));
  return Bytes(bytes.begin(), bytes.end());
}
Bytes message(const std::vector<Part>& parts) {
  Bytes out;
  for (const auto& [number, content] : parts) wire::append_bytes_field(out, number, content);
  return out;
}
Part weight(std::string_view name) {
  return {5, message({{8, text(name)}})};
}
Part reads(std::string_view name, std::string_view output) {
  return {1, message({{1, text(name)}, {2, text(output)}, {4, text("Relu")}})};
}
Part branch(const Bytes& body) {
  return {1, message({{2, text("z")}, {4, text("If")}, {5, message({{6, body}})}})};
}
Bytes model_of(const std::vector<Part>& graph) {
  return message({{7, message(graph)}});
}

TEST_CASE("an initializer that only a body reads goes into that body") {
  const Bytes before = model_of({branch(message({reads("w", "a")})), reads("v", "y"), weight("v"),
                                 weight("w"), weight("unused")});
  const auto out = localise_initializers(before).value();
  CHECK(out.moved == std::vector<std::string>{"w"});
  CHECK(out.model == model_of({branch(message({reads("w", "a"), weight("w")})), reads("v", "y"),
                               weight("v"), weight("unused")}));
}

TEST_CASE("a body within a body gets its own, and one that sees another's needs none") {
  const Bytes deep = model_of({branch(message({branch(message({reads("w", "a")}))})), weight("w")});
  CHECK(localise_initializers(deep).value().model ==
        model_of({branch(message({branch(message({reads("w", "a"), weight("w")}))}))}));
  const Bytes both = model_of(
      {branch(message({branch(message({reads("w", "a")})), reads("w", "b")})), weight("w")});
  CHECK(localise_initializers(both).value().model ==
        model_of(
            {branch(message({branch(message({reads("w", "a")})), reads("w", "b"), weight("w")}))}));
}

TEST_CASE("what is read outside, given as an input or hidden by the body stays") {
  const Bytes body = message({reads("w", "a")});
  const Part input{11, message({{1, text("w")}})};
  for (const Bytes& model :
       {model_of({branch(body), reads("w", "y"), weight("w")}),
        model_of({branch(body), weight("w"), input}),
        model_of({branch(message({input, reads("w", "a")})), weight("w")}),
        model_of({branch(body), weight("w"), {12, message({{1, text("w")}})}})}) {
    const auto out = localise_initializers(model).value();
    CHECK(out.moved.empty());
    CHECK(out.model.empty());
  }
}

TEST_CASE("a cut model is an error") {
  Bytes cut = model_of({branch(message({reads("w", "a")})), weight("w")});
  cut.pop_back();
  CHECK(!localise_initializers(cut));
}

}  // namespace
}  // namespace onnxpack::ort_backend
