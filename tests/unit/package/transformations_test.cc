#include "transformations.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <vector>

namespace onnxpack::package {
namespace {

using Choice = std::optional<std::string>;  // nothing: not given

json::Object object_of(const std::vector<std::pair<std::string, Choice>>& given) {
  json::Object out;
  for (const auto& [key, value] : given)
    if (value) out[key] = *value;
  return out;
}

const Transformation& transformation(std::string_view name) {
  auto found = find_transformation(name);
  REQUIRE(found);
  return **found;
}

// What stands in the manifest is complete; completing it again, as a later build does, changes
// nothing.
void check_complete(const Transformation& how, const json::Object& given, bool right) {
  const auto complete = complete_parameters(how, given);
  INFO(json::canonical(json::Value(given)));
  REQUIRE(complete.has_value() == right);
  if (!right) {
    REQUIRE(complete.error().kind() == ErrorKind::invalid_argument);
    return;
  }
  for (const auto& [key, value] : given) REQUIRE(complete->at(key) == value);
  const auto again = complete_parameters(how, *complete);
  REQUIRE(again);
  REQUIRE(*again == *complete);
}

TEST_CASE("lower-flex-attention takes a form and nothing else") {
  const auto& how = transformation("lower-flex-attention");
  for (const Choice& form : {Choice(), Choice("operators"), Choice("expanded"), Choice("Expanded")})
    check_complete(how, object_of({{"form", form}}), form != Choice("Expanded"));
  check_complete(how, object_of({{"forms", "operators"}}), false);
  check_complete(how, {{"form", json::Value(1)}}, false);
}

TEST_CASE("ternarize takes what goes together, and asks for that") {
  const auto& how = transformation("ternarize/1");
  std::size_t taken = 0;
  for (const Choice& form :
       {Choice(), Choice("operators"), Choice("standard"), Choice("portable"), Choice("other")}) {
    for (const Choice& encoding :
         {Choice(), Choice("t5r"), Choice("t5k"), Choice("u2"), Choice("u2r")}) {
      for (const Choice& activations : {Choice(), Choice("int8"), Choice("float32"), Choice("")}) {
        for (const Choice& zero : {Choice(), Choice("refuse"), Choice("as_zero"), Choice("keep")}) {
          const auto given = object_of({{"form", form},
                                        {"encoding", encoding},
                                        {"activations", activations},
                                        {"negative_zero", zero}});
          const bool known =
              form != "other" && encoding != "u2r" && activations != "" && zero != "keep";
          const bool operators = !form || form == "operators";
          const std::string own = form == "standard" ? "u2" : "t5r";
          const bool together = operators || (!activations && (!encoding || encoding == own));
          check_complete(how, given, known && together);
          if (!known || !together) continue;
          ++taken;
          const auto request = ternarize_request(*complete_parameters(how, given));
          REQUIRE(to_string(request.form) == form.value_or("operators"));
          REQUIRE(request.encoding == fmt::format("ternary.{}/1", encoding.value_or(own)));
          REQUIRE(request.float_activations == (activations == "float32"));
          REQUIRE(request.negative_zero_as_zero == (zero == "as_zero"));
        }
      }
    }
  }
  REQUIRE(taken == 2 * 4 * 3 * 3 + 2 * 2 * 3);
  check_complete(how, object_of({{"location", "elsewhere"}}), false);
}

TEST_CASE("a transformation is found with and without its version, another is not taken for it") {
  for (const Transformation& one : transformations()) {
    REQUIRE(&transformation(one.name) == &one);
    REQUIRE(&transformation(fmt::format("{}/{}", one.name, one.version)) == &one);
    for (const char* suffix : {"/0", "/99", "/", "/1x", "/ 1", "/-1"}) {
      INFO(one.name << suffix);
      const auto found = find_transformation(std::string(one.name) + suffix);
      REQUIRE(!found);
    }
    const auto shorter = find_transformation(one.name.substr(1));
    REQUIRE(!shorter);
    REQUIRE(shorter.error().kind() == ErrorKind::not_found);
  }
}

}  // namespace
}  // namespace onnxpack::package
