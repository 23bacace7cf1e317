#include "text_layout.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::cli {
namespace {

using Range = std::pair<std::uint32_t, std::uint32_t>;

// Coarse on purpose (Unicode 15 blocks): names of files, inputs and scopes, not poetry. libc's
// wcwidth depends on the locale.
constexpr std::array<Range, 8> zero_width = {{{0x0300, 0x036F},
                                              {0x0483, 0x0489},
                                              {0x0591, 0x05BD},
                                              {0x064B, 0x065F},
                                              {0x200B, 0x200F},
                                              {0x20D0, 0x20FF},
                                              {0xFE00, 0xFE0F},
                                              {0xFE20, 0xFE2F}}};
constexpr std::array<Range, 9> double_width = {{{0x1100, 0x115F},
                                                {0x2E80, 0x303E},
                                                {0x3041, 0xA4CF},
                                                {0xAC00, 0xD7A3},
                                                {0xF900, 0xFAFF},
                                                {0xFE30, 0xFE6F},
                                                {0xFF00, 0xFF60},
                                                {0x1F300, 0x1FAFF},
                                                {0x20000, 0x3FFFD}}};

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, std::uint32_t point) {
  return std::ranges::any_of(ranges,
                             [&](Range r) { return point >= r.first && point <= r.second; });
}

struct Character {
  std::size_t bytes = 1;
  std::size_t cells = 1;
};

Character first_character(std::string_view text) {
  auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {};
  std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  bytes = std::min(bytes, text.size());
  std::uint32_t point = lead & (0x7FU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    point = (point << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  std::size_t cells = within(zero_width, point) ? 0 : within(double_width, point) ? 2 : 1;
  return {bytes, cells};
}

std::string_view code_of(Style style) {
  switch (style) {
    case Style::plain:
      return "";
    case Style::bold:
      return "1";
    case Style::dim:
      return "2";
    case Style::good:
      return "32";
    case Style::bad:
      return "31";
    case Style::caution:
      return "33";
    case Style::name:
      return "36";
  }
  return "";
}

}  // namespace

std::string Paint::operator()(Style style, std::string_view text) const {
  if (!on_ || style == Style::plain || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code_of(style), text);
}

std::size_t display_width(std::string_view text) {
  std::size_t cells = 0;
  while (!text.empty()) {
    Character c = first_character(text);
    cells += c.cells;
    text.remove_prefix(c.bytes);
  }
  return cells;
}

std::string fit(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::size_t bytes = 0;
  std::size_t cells = 0;
  while (true) {
    Character c = first_character(text.substr(bytes));
    if (cells + c.cells > width - 1) break;
    bytes += c.bytes;
    cells += c.cells;
  }
  return std::string(text.substr(0, bytes)) + "…";
}

Table::Table(std::vector<Align> alignment, std::vector<std::string> titles)
    : alignment_(std::move(alignment)), titles_(std::move(titles)) {}

void Table::add(std::vector<Cell> row) {
  row.resize(alignment_.size());
  for (Cell& cell : row) cell.text = printable(cell.text);
  rows_.push_back({std::move(row), {}});
}

void Table::note(std::string text, Style style) {
  if (!rows_.empty()) rows_.back().notes.emplace_back(printable(text), style);
}

std::string Table::render(const Paint& paint, std::size_t indent) const {
  std::vector<std::size_t> widths(alignment_.size(), 0);
  for (std::size_t i = 0; i < titles_.size(); ++i) widths[i] = display_width(titles_[i]);
  for (const Row& row : rows_) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row.cells[i].text));
    }
  }
  std::string out;
  auto line = [&](auto&& cell_at) {
    std::string text(indent, ' ');
    std::size_t owed =
        0;  // padding is written only before something, so that no line ends in blanks
    for (std::size_t i = 0; i < widths.size(); ++i) {
      Cell cell = cell_at(i);
      std::size_t pad = widths[i] - std::min(widths[i], display_width(cell.text));
      if (alignment_[i] == Align::right) owed += std::exchange(pad, 0);
      if (!cell.text.empty()) {
        text.append(std::exchange(owed, 0), ' ');
        text += paint(cell.style, cell.text);
      }
      owed += pad + 2;
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    out += text + "\n";
  };
  if (!titles_.empty()) line([&](std::size_t i) { return Cell(titles_[i], Style::dim); });
  for (const Row& row : rows_) {
    line([&](std::size_t i) { return row.cells[i]; });
    for (const Cell& note : row.notes) {
      out += std::string(indent + 2, ' ') + paint(note.style, note.text) + "\n";
    }
  }
  return out;
}

std::string count(std::size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

}  // namespace onnxpack::cli
