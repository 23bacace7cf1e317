// A verb's flags: declared once with name, help and what to do with each value; parsed by CLI11
// (seen in flags.cc only).
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "onnxpack/base/error.h"

namespace onnxpack::cli {

enum class Parsed { values, help };
enum class Count { one, optional, many };  // many: at least one, takes all that is left

// Values are handed to their `use` in the order of declaration, and for one flag in the order of
// the command line. So a flag that reads a file of defaults is declared first.
class Flags {
 public:
  using Use = std::function<Status(const std::string& value)>;

  // `command` as people type it: "onnx-pack inspect".
  explicit Flags(std::string command = "") : command_(std::move(command)) {}

  // Starts a heading of the help text for the flags that follow.
  void heading(std::string title);
  void positional(std::string name, Count count, std::string help, Use use);
  // `names` as "--output,-o". Given twice: an error.
  void once(std::string names, std::string value, std::string help, Use use);
  // The same, but may be repeated.
  void each(std::string names, std::string value, std::string help, Use use);
  void flag(std::string names, std::string help, std::function<void()> use);

  // The common cases, into a field that holds the default.
  void on(std::string names, std::string help, bool& out);
  void text(std::string names, std::string value, std::string help, std::string& out);
  void texts(std::string names, std::string value, std::string help, std::vector<std::string>& out);
  void path(std::string names, std::string value, std::string help, std::filesystem::path& out);
  void paths(std::string names, std::string value, std::string help,
             std::vector<std::filesystem::path>& out);
  template <std::integral T>
  void number(std::string names, std::string value, std::string help, T& out, T least = 0);
  template <typename T>
  void choice(std::string names, std::string help, std::vector<std::pair<std::string, T>> values,
              T& out);

  // Errors: invalid_argument, with the nearest flag for an unknown one.
  Result<Parsed> parse(const std::vector<std::string>& arguments);
  // Hands the values over. Errors: those of `use`, with the flag's name in front.
  Status apply() const;

  // "MODEL [flags]" and the table of flags, for --help.
  std::string usage() const;
  std::string help_table() const;
  std::vector<std::string> long_names() const;

 private:
  struct Item {
    std::string names = {};  // of a positional: its name
    std::string value = {};  // empty: takes none
    std::string help = {};
    std::string heading = {};
    bool positional = false;
    Count count = Count::optional;
    bool repeatable = false;
    Use use = {};
    std::vector<std::string> given = {};
    bool set = false;
  };
  Item& add(Item item);
  Status check_counts() const;
  bool is_flag(const std::string& text) const;
  Status take_positionals(const std::vector<std::string>& extras,
                          std::vector<std::string>& positionals) const;
  Status deal(const std::vector<std::string>& positionals);

  std::deque<Item> items_;  // a deque: CLI11 keeps pointers to the elements
  std::string command_;
  std::string heading_;
};

// "whole number" texts. Errors: invalid_argument naming the bounds.
Result<std::int64_t> parse_whole(std::string_view text, std::int64_t least, std::int64_t most);
// One of `known`. Errors: invalid_argument with the list and the nearest.
Result<std::size_t> parse_choice(std::string_view text, const std::vector<std::string>& known);

template <std::integral T>
void Flags::number(std::string names, std::string value, std::string help, T& out, T least) {
  once(std::move(names), std::move(value), std::move(help),
       [&out, least](const std::string& text) -> Status {
         constexpr auto most = std::in_range<std::int64_t>(std::numeric_limits<T>::max())
                                   ? static_cast<std::int64_t>(std::numeric_limits<T>::max())
                                   : std::numeric_limits<std::int64_t>::max();
         ONNXPACK_TRY(auto number, parse_whole(text, static_cast<std::int64_t>(least), most));
         out = static_cast<T>(number);
         return {};
       });
}

template <typename T>
void Flags::choice(std::string names, std::string help,
                   std::vector<std::pair<std::string, T>> values, T& out) {
  std::vector<std::string> known;
  std::string shown;
  for (const auto& [name, unused] : values) {
    known.push_back(name);
    shown += (shown.empty() ? "" : "|") + name;
  }
  once(std::move(names), std::move(shown), std::move(help),
       [&out, known, values](const std::string& text) -> Status {
         ONNXPACK_TRY(auto index, parse_choice(text, known));
         out = values[index].second;
         return {};
       });
}

}  // namespace onnxpack::cli
