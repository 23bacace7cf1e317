#include "flags.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "onnxpack/base/text.h"
#include "text_layout.h"

namespace onnxpack::cli {
namespace {

// The name people know a flag by: the long one.
std::string long_name(const std::string& names) {
  for (std::string_view name : split(names, ',')) {
    if (name.starts_with("--")) return std::string(name);
  }
  return names;
}

}  // namespace

Flags::Item& Flags::add(Item item) {
  item.heading = heading_;
  return items_.emplace_back(std::move(item));
}

void Flags::heading(std::string title) {
  heading_ = std::move(title);
}

void Flags::positional(std::string name, Count count, std::string help, Use use) {
  Item& item = add({.names = std::move(name), .help = std::move(help), .use = std::move(use)});
  item.positional = true;
  item.count = count;
}

void Flags::once(std::string names, std::string value, std::string help, Use use) {
  add({.names = std::move(names),
       .value = std::move(value),
       .help = std::move(help),
       .use = std::move(use)});
}

void Flags::each(std::string names, std::string value, std::string help, Use use) {
  add({.names = std::move(names),
       .value = std::move(value),
       .help = std::move(help),
       .use = std::move(use)})
      .repeatable = true;
}

void Flags::flag(std::string names, std::string help, std::function<void()> use) {
  add({.names = std::move(names),
       .help = std::move(help),
       .use = [use](const std::string&) -> Status {
         use();
         return {};
       }});
}

void Flags::on(std::string names, std::string help, bool& out) {
  flag(std::move(names), std::move(help), [&out] { out = true; });
}

void Flags::text(std::string names, std::string value, std::string help, std::string& out) {
  once(std::move(names), std::move(value), std::move(help),
       [&out](const std::string& text) -> Status {
         out = text;
         return {};
       });
}

void Flags::texts(std::string names, std::string value, std::string help,
                  std::vector<std::string>& out) {
  each(std::move(names), std::move(value), std::move(help),
       [&out](const std::string& text) -> Status {
         out.push_back(text);
         return {};
       });
}

void Flags::path(std::string names, std::string value, std::string help,
                 std::filesystem::path& out) {
  once(std::move(names), std::move(value), std::move(help),
       [&out](const std::string& text) -> Status {
         if (text.empty()) return fail(ErrorKind::invalid_argument, "an empty path");
         out = text;
         return {};
       });
}

void Flags::paths(std::string names, std::string value, std::string help,
                  std::vector<std::filesystem::path>& out) {
  each(std::move(names), std::move(value), std::move(help),
       [&out](const std::string& text) -> Status {
         if (text.empty()) return fail(ErrorKind::invalid_argument, "an empty path");
         out.emplace_back(text);
         return {};
       });
}

Result<Parsed> Flags::parse(const std::vector<std::string>& arguments) {
  CLI::App app;
  app.set_help_flag("--help,-h");
  // Arguments that are no flags are dealt out below: CLI11 would count them before it says that a
  // flag is unknown.
  app.allow_extras();
  for (Item& item : items_) {
    if (item.positional) continue;
    if (item.value.empty()) {
      app.add_flag(item.names, item.set);
    } else {
      // Exactly one value each time the flag stands there, or `-t host model.onnx` would swallow
      // the model.
      app.add_option(item.names, item.given)
          ->expected(1)
          ->allow_extra_args(false)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
  }
  auto end_of_flags = std::ranges::find(arguments, "--");
  std::vector<std::string> reversed(std::make_reverse_iterator(end_of_flags), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return Parsed::help;
  } catch (const CLI::ArgumentMismatch&) {
    // The only arity rule above: the last flag stands without its value.
    return fail(ErrorKind::invalid_argument,
                fmt::format("{} needs a value", printable(*std::prev(end_of_flags))));
  } catch (const CLI::ParseError& error) {
    return fail(ErrorKind::invalid_argument, error.what());
  }
  std::vector<std::string> positionals;
  ONNXPACK_CHECK(take_positionals(app.remaining(), positionals));
  if (end_of_flags != arguments.end())
    positionals.insert(positionals.end(), end_of_flags + 1, arguments.end());
  ONNXPACK_CHECK(deal(positionals));
  ONNXPACK_CHECK(check_counts());
  return Parsed::values;
}

Status Flags::take_positionals(const std::vector<std::string>& extras,
                               std::vector<std::string>& positionals) const {
  for (const std::string& extra : extras) {
    if (!extra.starts_with('-') || extra == "-") {
      positionals.push_back(extra);
      continue;
    }
    std::string name = extra.substr(0, extra.find('='));
    auto near = did_you_mean(name, long_names());
    return fail(ErrorKind::invalid_argument, fmt::format("unknown flag {}", printable(name)),
                near ? fmt::format("did you mean {}?", *near) : "--help lists the flags");
  }
  return {};
}

Status Flags::deal(const std::vector<std::string>& positionals) {
  auto next = positionals.begin();
  for (Item& item : items_) {
    if (!item.positional || next == positionals.end()) continue;
    if (item.count == Count::many) {
      item.given.assign(next, positionals.end());
      return {};
    }
    item.given.push_back(*next++);
  }
  if (next == positionals.end()) return {};
  return fail(ErrorKind::invalid_argument,
              fmt::format("unexpected argument '{}'", printable(*next)), "usage: " + usage());
}

Status Flags::check_counts() const {
  for (const Item& item : items_) {
    for (const std::string& value : item.given) {
      if (!item.positional && is_flag(value)) {
        return fail(ErrorKind::invalid_argument, fmt::format("{} needs a value, found the flag {}",
                                                             long_name(item.names), value));
      }
    }
    if (item.positional && item.count != Count::optional && item.given.empty()) {
      return fail(ErrorKind::invalid_argument, fmt::format("{} is missing", item.names),
                  "usage: " + usage());
    }
    if (!item.positional && !item.repeatable && item.given.size() > 1) {
      return fail(
          ErrorKind::invalid_argument,
          fmt::format("{} was given {} times: '{}' and '{}'", long_name(item.names),
                      item.given.size(), printable(item.given[0]), printable(item.given[1])));
    }
  }
  return {};
}

bool Flags::is_flag(const std::string& text) const {
  return std::ranges::any_of(items_, [&](const Item& item) {
    return !item.positional &&
           std::ranges::any_of(split(item.names, ','),
                               [&](std::string_view name) { return name == text; });
  });
}

Status Flags::apply() const {
  for (const Item& item : items_) {
    std::string name = item.positional ? item.names : long_name(item.names);
    for (const std::string& value : item.given) ONNXPACK_CHECK(in(item.use(value), name));
    if (item.set) ONNXPACK_CHECK(item.use(""));
  }
  return {};
}

std::string Flags::usage() const {
  std::string out = command_.empty() ? "" : command_ + " ";
  for (const Item& item : items_) {
    if (item.positional)
      out += item.count == Count::optional ? "[" + item.names + "] " : item.names + " ";
  }
  return out + "[flags]";
}

std::string Flags::help_table() const {
  std::string out;
  auto section = [&](const std::string& heading, bool positional) {
    Table table({Align::left, Align::left});
    for (const Item& item : items_) {
      if (item.positional != positional || (!positional && item.heading != heading)) continue;
      std::string names(item.names);
      if (auto comma = names.find(','); comma != std::string::npos) {
        names = fmt::format("{}, {}", names.substr(comma + 1), names.substr(0, comma));
      } else if (!positional) {
        names = "    " + names;
      }
      table.add({item.value.empty() ? names : names + " " + item.value, item.help});
    }
    if (!table.empty())
      out += fmt::format("\n{}:\n{}", positional ? "Arguments" : heading, table.render(Paint(), 2));
  };
  section("", true);
  std::vector<std::string> headings;
  for (const Item& item : items_) {
    if (!item.positional && std::ranges::find(headings, item.heading) == headings.end())
      headings.push_back(item.heading);
  }
  for (const std::string& heading : headings) section(heading, false);
  return out;
}

std::vector<std::string> Flags::long_names() const {
  std::vector<std::string> out{"--help"};
  for (const Item& item : items_) {
    if (!item.positional) out.push_back(long_name(item.names));
  }
  return out;
}

Result<std::int64_t> parse_whole(std::string_view text, std::int64_t least, std::int64_t most) {
  std::int64_t value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && value >= least &&
      value <= most)
    return value;
  std::string bounds = most == std::numeric_limits<std::int64_t>::max()
                           ? fmt::format("of at least {}", least)
                           : fmt::format("from {} to {}", least, most);
  return fail(ErrorKind::invalid_argument,
              fmt::format("expected a whole number {}, found '{}'", bounds, printable(text)));
}

Result<std::size_t> parse_choice(std::string_view text, const std::vector<std::string>& known) {
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (known[i] == text) return i;
  }
  auto near = did_you_mean(text, known);
  return fail(ErrorKind::invalid_argument,
              fmt::format("expected {}, found '{}'", join(known, " or "), printable(text)),
              near ? fmt::format("did you mean {}?", *near) : "");
}

}  // namespace onnxpack::cli
