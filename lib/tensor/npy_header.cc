// Grammar of the dict literal, as numpy.lib.format writes and as its own safe reader takes it:
//   dict   := '{' (entry (',' entry)* ','?)? '}'      entry := string ':' value
//   value  := string | 'True' | 'False' | tuple       tuple := '(' (integer (',' integer)* ','?)?
//   ')' string := '...' or "..." without escapes          integer := digits, 'L' allowed behind
//   (Python 2)
// followed by spaces and one newline. Anything else (a list of fields in 'descr', say) is no plain
// array.
#include "npy_header.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <optional>

#include "onnxpack/base/text.h"

namespace onnxpack::tensor {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
// numpy's own reader refuses longer ones unless asked; a plain array's header has 128 bytes.
constexpr std::size_t header_limit = 10000;

std::unexpected<Error> corrupt(std::string what) {
  return fail(ErrorKind::corrupt, fmt::format("npy header: {}", what));
}

class DictParser {
 public:
  explicit DictParser(std::string_view text) : text_(text) {}

  struct Fields {
    std::optional<std::string> descr;
    std::optional<bool> fortran_order;
    std::optional<Shape> shape;
  };

  Result<Fields> parse() {
    Fields fields;
    ONNXPACK_CHECK(expect('{'));
    while (!take('}')) {
      ONNXPACK_TRY(const std::string key, string());
      ONNXPACK_CHECK(expect(':'));
      ONNXPACK_CHECK(value(key, fields));
      if (!take(',')) {
        ONNXPACK_CHECK(expect('}'));
        break;
      }
    }
    skip_space();
    if (at_ != text_.size())
      return corrupt(fmt::format("unexpected text after the dict at {}", at_));
    return fields;
  }

 private:
  Status value(const std::string& key, Fields& fields) {
    if (key == "descr" && !fields.descr) {
      skip_space();
      if (at_ < text_.size() && text_[at_] == '[') {
        return fail(ErrorKind::unsupported, "npy header: a structured array holds no plain tensor");
      }
      ONNXPACK_TRY(fields.descr, string());
    } else if (key == "fortran_order" && !fields.fortran_order) {
      ONNXPACK_TRY(fields.fortran_order, boolean());
    } else if (key == "shape" && !fields.shape) {
      ONNXPACK_TRY(fields.shape, tuple());
    } else {
      return corrupt(fmt::format("unexpected or repeated key '{}'", printable(key)));
    }
    return {};
  }

  Result<std::string> string() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') return corrupt(fmt::format("expected a string at {}", at_));
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return corrupt("a string does not end");
    const std::string_view content = text_.substr(at_ + 1, end - at_ - 1);
    if (content.find('\\') != std::string_view::npos) return corrupt("a string has a backslash");
    at_ = end + 1;
    return std::string(content);
  }

  Result<bool> boolean() {
    if (take_word("True")) return true;
    if (take_word("False")) return false;
    return corrupt(fmt::format("expected True or False at {}", at_));
  }

  Result<Shape> tuple() {
    Shape shape;
    ONNXPACK_CHECK(expect('('));
    while (!take(')')) {
      ONNXPACK_TRY(const std::int64_t dimension, integer());
      shape.push_back(dimension);
      if (!take(',')) {
        ONNXPACK_CHECK(expect(')'));
        break;
      }
    }
    return shape;
  }

  Result<std::int64_t> integer() {
    skip_space();
    std::int64_t value = -1;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc{} || value < 0)
      return corrupt(fmt::format("expected a dimension at {}", at_));
    at_ += static_cast<std::size_t>(end - begin);
    take('L');
    return value;
  }

  bool take_word(std::string_view word) {
    skip_space();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Status expect(char c) {
    if (!take(c)) return corrupt(fmt::format("expected '{}' at {}", c, at_));
    return {};
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

struct Dtype {
  std::string_view code;  // without the byte order
  ElementType type;
};
constexpr std::array<Dtype, 17> dtypes = {{
    {"f4", ElementType::float32},
    {"f8", ElementType::float64},
    {"f2", ElementType::float16},
    {"b1", ElementType::boolean},
    {"i1", ElementType::int8},
    {"i2", ElementType::int16},
    {"i4", ElementType::int32},
    {"i8", ElementType::int64},
    {"u1", ElementType::uint8},
    {"u2", ElementType::uint16},
    {"u4", ElementType::uint32},
    {"u8", ElementType::uint64},
    {"c8", ElementType::complex64},
    {"c16", ElementType::complex128},
    // ml_dtypes' types; see npy.h.
    {"V2", ElementType::uint16},
    {"V1", ElementType::uint8},
    {"?", ElementType::boolean},
}};

Status read_descr(std::string_view descr, NpyHeader& header) {
  std::string_view code = descr;
  char order = '|';
  if (!code.empty() && std::string_view("<>=|").find(code.front()) != std::string_view::npos) {
    order = code.front();
    code.remove_prefix(1);
  }
  for (const Dtype& dtype : dtypes) {
    if (dtype.code != code) continue;
    // '=' and '|' on a wide type would mean the writer's own order, which the file does not say.
    if (bit_width(dtype.type) > 8 && order != '<' && order != '>' && code != "V2") break;
    header.type = dtype.type;
    header.byte_order = order == '>' ? ByteOrder::big : ByteOrder::little;
    return {};
  }
  return fail(ErrorKind::unsupported,
              fmt::format("npy header: arrays of dtype '{}' are not supported", printable(descr)),
              "numbers, bools and complex numbers are: convert with astype and save again");
}

// The dict's text and where the data begins.
struct Framing {
  std::string_view dict;
  std::size_t data_offset;
};

Result<Framing> read_framing(ByteView file) {
  ByteReader reader(file);
  auto start = reader.take(magic.size());
  if (!start || as_text(*start) != magic) {
    return fail(ErrorKind::corrupt, "not an .npy file (it does not start with \\x93NUMPY)");
  }
  ONNXPACK_TRY(const std::uint8_t major, in(reader.read_le<std::uint8_t>(), "npy header"));
  ONNXPACK_CHECK(in(reader.skip(1), "npy header"));  // minor: 0 in all versions
  if (major < 1 || major > 3) {
    return fail(ErrorKind::unsupported,
                fmt::format("npy format version {} is not known (1 to 3 are)", major));
  }
  std::size_t length = 0;
  if (major == 1) {
    ONNXPACK_TRY(length, in(reader.read_le<std::uint16_t>(), "npy header"));
  } else {
    ONNXPACK_TRY(length, in(reader.read_le<std::uint32_t>(), "npy header"));
  }
  if (length > header_limit)
    return corrupt(fmt::format("{} bytes long, at most {} are expected", length, header_limit));
  ONNXPACK_TRY(const ByteView dict, in(reader.take(length), "npy header"));
  return Framing{as_text(dict), reader.position()};
}

}  // namespace

Result<NpyHeader> parse_npy_header(ByteView file) {
  ONNXPACK_TRY(const Framing framing, read_framing(file));
  ONNXPACK_TRY(auto fields, DictParser(framing.dict).parse());
  if (!fields.descr || !fields.fortran_order || !fields.shape) {
    return corrupt("'descr', 'fortran_order' or 'shape' is missing");
  }
  NpyHeader header;
  header.memory_order = *fields.fortran_order ? MemoryOrder::fortran : MemoryOrder::c;
  header.shape = std::move(*fields.shape);
  header.data_offset = framing.data_offset;
  ONNXPACK_CHECK(read_descr(*fields.descr, header));
  return header;
}

std::string_view descr_of(ElementType type) {
  switch (type) {
    case ElementType::float32:
      return "<f4";
    case ElementType::float64:
      return "<f8";
    case ElementType::float16:
      return "<f2";
    case ElementType::boolean:
      return "|b1";
    case ElementType::uint8:
    case ElementType::uint4:
    case ElementType::uint2:
      return "|u1";
    case ElementType::int8:
    case ElementType::int4:
    case ElementType::int2:
      return "|i1";
    case ElementType::int16:
      return "<i2";
    case ElementType::int32:
      return "<i4";
    case ElementType::int64:
      return "<i8";
    case ElementType::uint16:
      return "<u2";
    case ElementType::uint32:
      return "<u4";
    case ElementType::uint64:
      return "<u8";
    case ElementType::complex64:
      return "<c8";
    case ElementType::complex128:
      return "<c16";
    case ElementType::bfloat16:
      return "<V2";
    default:
      return "<V1";
  }
}

Bytes make_npy_header(std::string_view descr, const Shape& shape) {
  std::string tuple = fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  std::string dict =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", descr, tuple);
  // numpy leaves room to grow the first dimension in place: 21 digits in all.
  if (!shape.empty())
    dict.append(21 - std::min<std::size_t>(21, std::to_string(shape.front()).size()), ' ');
  // numpy's own count: prefix, dict and newline, then 64 - (that mod 64) spaces, so an exact fit
  // gets 64 more.
  const std::size_t unpadded = magic.size() + 2 + 2 + dict.size() + 1;
  const std::size_t padding = 64 - unpadded % 64;
  dict.append(padding, ' ');
  dict.push_back('\n');
  Bytes out;
  append(out, magic);
  const bool wide = dict.size() > 0xffff;
  append_le<std::uint8_t>(out, wide ? 2 : 1);
  append_le<std::uint8_t>(out, 0);
  if (wide) {
    append_le(out, static_cast<std::uint32_t>(dict.size()));
  } else {
    append_le(out, static_cast<std::uint16_t>(dict.size()));
  }
  append(out, dict);
  return out;
}

}  // namespace onnxpack::tensor
