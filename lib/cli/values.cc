#include "values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "flags.h"
#include "onnxpack/base/text.h"

namespace onnxpack::cli {
namespace {

std::unexpected<Error> wrong(std::string_view expected, std::string_view found) {
  return fail(ErrorKind::invalid_argument,
              fmt::format("expected {}, found '{}'", expected, printable(found)));
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

}  // namespace

Result<std::pair<std::string, std::string>> parse_pair(std::string_view text,
                                                       std::string_view form) {
  auto at = text.find('=');
  if (at == 0 || at == std::string_view::npos || at + 1 == text.size()) return wrong(form, text);
  return std::pair{std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
}

Result<BackendOption> parse_backend_option(std::string_view text) {
  constexpr std::string_view form = "BACKEND.KEY=VALUE";
  auto equals = text.find('=');
  auto dot = text.find('.');
  if (equals == std::string_view::npos || dot == std::string_view::npos || dot == 0 ||
      dot + 1 >= equals) {
    return wrong(form, text);
  }
  BackendOption out{
      std::string(text.substr(0, dot)), std::string(text.substr(dot + 1, equals - dot - 1)), {}};
  std::string_view value = text.substr(equals + 1);
  if (auto parsed = json::parse(value)) {
    out.value = std::move(*parsed);
  } else {
    out.value = value;
  }
  return out;
}

Result<std::pair<double, double>> parse_range(std::string_view text) {
  constexpr std::string_view form = "LO:HI, two numbers with LO <= HI";
  auto at = text.find(':');
  if (at == std::string_view::npos) return wrong(form, text);
  auto low = number(text.substr(0, at));
  auto high = number(text.substr(at + 1));
  if (!low || !high || *low > *high) return wrong(form, text);
  return std::pair{*low, *high};
}

Result<double> parse_share(std::string_view text) {
  constexpr std::string_view form = "a share from 0 to 1, or from 0% to 100%";
  bool percent = text.ends_with('%');
  auto value = number(percent ? text.substr(0, text.size() - 1) : text);
  if (!value) return wrong(form, text);
  double share = percent ? *value / 100 : *value;
  if (share < 0 || share > 1) return wrong(form, text);
  return share;
}

Result<std::chrono::seconds> parse_duration(std::string_view text) {
  constexpr std::string_view form = "a time like 90s, 10m or 2h";
  std::int64_t factor = 1;
  std::string_view digits = text;
  if (!text.empty() && std::string_view("smh").find(text.back()) != std::string_view::npos) {
    factor = text.back() == 'h' ? 3600 : text.back() == 'm' ? 60 : 1;
    digits.remove_suffix(1);
  }
  auto value = parse_whole(digits, 1, 1'000'000);
  if (!value) return wrong(form, text);
  return std::chrono::seconds(*value * factor);
}

std::pair<std::string, std::string> split_target(std::string_view text,
                                                 const std::vector<std::string>& targets) {
  // The longest name first: user files may name targets with slashes.
  std::string best;
  for (const std::string& target : targets) {
    if (target.size() > best.size() && text.starts_with(target) &&
        text.substr(target.size()).starts_with('/'))
      best = target;
  }
  if (best.empty()) return {"", std::string(text)};
  return {best, std::string(text.substr(best.size() + 1))};
}

}  // namespace onnxpack::cli
