// Text that people read or type: sizes, durations, globs, suggestions, UTF-8.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"

namespace onnxpack {

// 1536 -> "1.5 KiB"; below 1 KiB exact. Never locale dependent.
std::string human_size(std::uint64_t bytes);
// "0.8 ms", "12.3 s", "3 min 05 s".
std::string human_duration(std::chrono::nanoseconds duration);
// "250", "64KiB", "4 MB", "1.5GiB". Errors: invalid_argument.
Result<std::uint64_t> parse_size(std::string_view text);

std::string to_hex(ByteView bytes);
// Lower-case or upper-case hex; nothing on odd length or another character.
std::optional<Bytes> from_hex(std::string_view text);

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string to_lower_ascii(std::string_view text);

// '*' any run, '?' one character, everything else itself. Linear in text times stars, no recursion.
bool glob_match(std::string_view pattern, std::string_view text);

// Damerau-Levenshtein distance.
std::size_t edit_distance(std::string_view a, std::string_view b);
// The known word nearest to `word` within a third of its length, at least two edits; nothing when none is that near.
std::optional<std::string> did_you_mean(std::string_view word, std::span<const std::string> known);

bool is_valid_utf8(std::string_view text);
// Control characters and invalid UTF-8 become \xNN: foreign names must not drive a terminal.
std::string printable(std::string_view text);

}  // namespace onnxpack
