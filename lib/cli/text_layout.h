// Text in columns, measured as a terminal shows it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace onnxpack::cli {

enum class Style { plain, bold, dim, good, bad, caution, name };

// Adds ANSI colours, or nothing.
class Paint {
 public:
  explicit Paint(bool on = false) : on_(on) {}
  bool on() const { return on_; }
  std::string operator()(Style style, std::string_view text) const;

 private:
  bool on_;
};

// Terminal cells that valid UTF-8 takes: 2 for East Asian wide and emoji, 0 for combining marks. No
// escape sequences inside.
std::size_t display_width(std::string_view text);
// `text` cut to `width` cells, the last one an ellipsis when something was cut.
std::string fit(std::string_view text, std::size_t width);

enum class Align { left, right };

struct Cell {
  Cell() = default;
  Cell(std::string words, Style look = Style::plain) : text(std::move(words)), style(look) {}
  Cell(std::string_view words, Style look = Style::plain) : text(words), style(look) {}
  Cell(const char* words, Style look = Style::plain) : text(words), style(look) {}
  std::string text;
  Style style = Style::plain;
};

// Rows of cells. Foreign text passes printable() here, so no caller can forget it. The last column
// is never padded.
class Table {
 public:
  // Without titles no header line is printed.
  explicit Table(std::vector<Align> alignment, std::vector<std::string> titles = {});
  void add(std::vector<Cell> row);
  // A line of its own below the last row, e.g. the reason why it failed. Not part of the columns.
  void note(std::string text, Style style = Style::dim);
  bool empty() const { return rows_.empty(); }
  std::string render(const Paint& paint, std::size_t indent) const;

 private:
  struct Row {
    std::vector<Cell> cells;
    std::vector<Cell> notes;
  };
  std::vector<Align> alignment_;
  std::vector<std::string> titles_;
  std::vector<Row> rows_;
};

// "1 node", "3 nodes".
std::string count(std::size_t number, std::string_view noun);

}  // namespace onnxpack::cli
