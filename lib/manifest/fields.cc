#include "fields.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::manifest {
namespace {

// "1.3": digits only, no more of them than the number needs, so that a version has one spelling.
std::optional<FormatVersion> parse_version(std::string_view text) {
  FormatVersion out{0, 0};
  auto parts = split(text, '.');
  if (parts.size() != 2) return std::nullopt;
  int* fields[] = {&out.major, &out.minor};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string_view part = parts[i];
    auto parsed = std::from_chars(part.data(), part.data() + part.size(), *fields[i]);
    if (part.empty() || part[0] == '-' || (part[0] == '0' && part.size() > 1) ||
        parsed.ec != std::errc() || parsed.ptr != part.data() + part.size())
      return std::nullopt;
  }
  return out;
}

}  // namespace

Result<Header> read_header(const json::Cursor& root, std::string_view format) {
  ONNXPACK_TRY(auto format_field, root.at("format"));
  ONNXPACK_TRY(std::string found, format_field.string());
  if (found != format) {
    return std::unexpected(
        format_field.error(fmt::format("expected \"{}\", found \"{}\"", format, printable(found))));
  }
  ONNXPACK_TRY(auto version_field, root.at("schema_version"));
  ONNXPACK_TRY(std::string text, version_field.string());
  auto version = parse_version(text);
  if (!version) {
    return std::unexpected(
        version_field.error(fmt::format("expected major.minor, found \"{}\"", printable(text))));
  }
  if (version->major != current_version.major) {
    return fail(ErrorKind::unsupported,
                fmt::format("{}: this program reads version {}.x of {}, found {}",
                            version_field.path(), current_version.major, format, text),
                version->major > current_version.major
                    ? "a newer onnx-pack made this package: update"
                    : "");
  }
  bool newer = version->minor > current_version.minor;
  return Header{*version, newer ? target::UnknownFields::keep : target::UnknownFields::refuse};
}

void write_header(json::Value& out, std::string_view format, const FormatVersion& version) {
  out["format"] = format;
  out["schema_version"] = fmt::format("{}.{}", version.major, version.minor);
}

Result<Unknown> read_unknown(const json::Cursor& cursor,
                             std::initializer_list<std::string_view> known,
                             target::UnknownFields mode) {
  if (mode == target::UnknownFields::refuse) {
    ONNXPACK_CHECK(cursor.only_keys(known));
    return Unknown{};
  }
  Unknown out;
  ONNXPACK_TRY(auto members, cursor.members());
  for (const auto& [key, member] : members) {
    if (std::ranges::find(known, std::string_view(key)) == known.end())
      out.emplace(key, member.value());
  }
  return out;
}

void write_unknown(json::Value& out, const Unknown& unknown) {
  for (const auto& [key, value] : unknown) {
    // A field known here wins: keeping must never change what this version understands.
    if (out.find(key) == nullptr) out[key] = value;
  }
}

Result<std::string> read_string(const json::Cursor& cursor, std::string_view key) {
  ONNXPACK_TRY(auto field, cursor.at(key));
  ONNXPACK_TRY(std::string text, field.string());
  if (text.empty()) return std::unexpected(field.error("expected text, found an empty string"));
  return text;
}

Result<std::uint64_t> read_size(const json::Cursor& cursor, std::string_view key) {
  ONNXPACK_TRY(auto field, cursor.at(key));
  return field.size();
}

Result<std::string> read_digest(const json::Cursor& cursor, std::string_view key) {
  ONNXPACK_TRY(auto field, cursor.at(key));
  ONNXPACK_TRY(std::string text, field.string());
  if (is_sha256(text)) return text;
  return std::unexpected(field.error(fmt::format(
      "expected a SHA-256 as 64 lower-case hexadecimal digits, found \"{}\"", printable(text))));
}

Result<std::string> read_text(const json::Cursor& cursor, std::string_view key) {
  return cursor.string_or(key, "");
}

Result<json::Object> read_object(const json::Cursor& cursor, std::string_view key) {
  ONNXPACK_TRY(auto field, cursor.find(key));
  if (!field) return json::Object{};
  ONNXPACK_CHECK(field->members());
  return field->value().as_object();
}

Result<std::map<std::string, std::string>> read_string_map(const json::Cursor& cursor,
                                                           std::string_view key) {
  std::map<std::string, std::string> out;
  ONNXPACK_TRY(auto field, cursor.find(key));
  if (!field) return out;
  ONNXPACK_TRY(auto members, field->members());
  for (const auto& [name, member] : members) {
    ONNXPACK_TRY(out[name], member.string());
  }
  return out;
}

void put(json::Value& out, std::string_view key, const std::string& value) {
  if (!value.empty()) out[key] = value;
}

void put(json::Value& out, std::string_view key, const json::Object& value) {
  if (!value.empty()) out[key] = value;
}

void put(json::Value& out, std::string_view key, const std::vector<std::string>& values) {
  if (!values.empty()) out[key] = json::Array(values.begin(), values.end());
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace onnxpack::manifest
