#include "onnxpack/tensor/element_type.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "onnxpack/base/text.h"

namespace onnxpack::tensor {
namespace {

enum class Class : std::uint8_t { other, floating, signed_integer, unsigned_integer, complex };

struct Facts {
  std::string_view name;
  std::string_view alias;  // what numpy users type, where it differs
  std::uint8_t bits;
  Class kind;
};

// Indexed by the number in TensorProto.DataType.
constexpr std::array<Facts, 27> facts = {{
    {"undefined", "", 0, Class::other},
    {"float", "float32", 32, Class::floating},
    {"uint8", "", 8, Class::unsigned_integer},
    {"int8", "", 8, Class::signed_integer},
    {"uint16", "", 16, Class::unsigned_integer},
    {"int16", "", 16, Class::signed_integer},
    {"int32", "", 32, Class::signed_integer},
    {"int64", "", 64, Class::signed_integer},
    {"string", "", 0, Class::other},
    {"bool", "boolean", 8, Class::other},
    {"float16", "", 16, Class::floating},
    {"double", "float64", 64, Class::floating},
    {"uint32", "", 32, Class::unsigned_integer},
    {"uint64", "", 64, Class::unsigned_integer},
    {"complex64", "", 64, Class::complex},
    {"complex128", "", 128, Class::complex},
    {"bfloat16", "", 16, Class::floating},
    {"float8e4m3fn", "", 8, Class::floating},
    {"float8e4m3fnuz", "", 8, Class::floating},
    {"float8e5m2", "", 8, Class::floating},
    {"float8e5m2fnuz", "", 8, Class::floating},
    {"uint4", "", 4, Class::unsigned_integer},
    {"int4", "", 4, Class::signed_integer},
    {"float4e2m1", "", 4, Class::floating},
    {"float8e8m0", "", 8, Class::floating},
    {"uint2", "", 2, Class::unsigned_integer},
    {"int2", "", 2, Class::signed_integer},
}};

const Facts& facts_of(ElementType type) {
  return facts.at(static_cast<std::size_t>(type));
}

}  // namespace

std::optional<ElementType> element_type_from_onnx(std::int64_t number) {
  if (number < 1 || number >= static_cast<std::int64_t>(facts.size())) return std::nullopt;
  return static_cast<ElementType>(number);
}

std::string_view name_of(ElementType type) {
  return facts_of(type).name;
}

std::string type_string(ElementType type) {
  return fmt::format("tensor({})", name_of(type));
}

Result<ElementType> parse_element_type(std::string_view text) {
  std::string_view word = text;
  if (word.starts_with("tensor(") && word.ends_with(")")) word = word.substr(7, word.size() - 8);
  std::vector<std::string> known;
  for (std::size_t i = 1; i < facts.size(); ++i) {
    if (word == facts[i].name || (!word.empty() && word == facts[i].alias)) {
      return static_cast<ElementType>(i);
    }
    known.emplace_back(facts[i].name);
  }
  auto nearest = did_you_mean(word, known);
  return fail(ErrorKind::invalid_argument,
              fmt::format("unknown element type '{}'", printable(text)),
              nearest ? fmt::format("did you mean '{}'?", *nearest)
                      : fmt::format("known types: {}", join(known, ", ")));
}

unsigned bit_width(ElementType type) {
  return facts_of(type).bits;
}
bool is_floating(ElementType type) {
  return facts_of(type).kind == Class::floating;
}
bool is_complex(ElementType type) {
  return facts_of(type).kind == Class::complex;
}
bool is_integer(ElementType type) {
  return facts_of(type).kind == Class::signed_integer ||
         facts_of(type).kind == Class::unsigned_integer;
}
bool is_signed(ElementType type) {
  return facts_of(type).kind == Class::signed_integer;
}

}  // namespace onnxpack::tensor
