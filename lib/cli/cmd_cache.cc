#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/backend/cache.h"
#include "onnxpack/base/text.h"
#include "render.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

enum class Action { show, prune, verify };

class CacheCommand final : public Command {
 public:
  void declare(Flags& flags) override {
    flags.positional("ACTION", Count::optional, "show (the default), prune, or verify",
                     [this](const std::string& text) -> Status {
                       ONNXPACK_TRY(auto chosen, parse_choice(text, {"show", "prune", "verify"}));
                       action_ = static_cast<Action>(chosen);
                       return {};
                     });
    flags.once("--keep", "SIZE",
               "for prune: keep this much, what was used last (default 0: nothing)",
               [this](const std::string& text) -> Status {
                 ONNXPACK_TRY(keep_, parse_size(text));
                 return {};
               });
  }

  Result<ExitCode> run(Context& context) override {
    const std::filesystem::path& root = context.environment().cache;
    if (root.empty()) {
      return fail(ErrorKind::invalid_argument,
                  "there is no place for a cache: neither HOME nor XDG_CACHE_HOME is set",
                  "set ONNX_PACK_CACHE to a folder");
    }
    ONNXPACK_TRY(auto cache, backend::Cache::open(root));
    switch (action_) {
      case Action::show:
        return show(context, cache);
      case Action::prune:
        return prune(context, cache);
      case Action::verify:
        return verify(context, cache);
    }
    return ExitCode::internal;
  }

 private:
  static Result<ExitCode> show(Context& context, backend::Cache& cache);
  Result<ExitCode> prune(Context& context, backend::Cache& cache) const;
  static Result<ExitCode> verify(Context& context, backend::Cache& cache);

  Action action_ = Action::show;
  std::uint64_t keep_ = 0;
};

Result<ExitCode> CacheCommand::show(Context& context, backend::Cache& cache) {
  ONNXPACK_TRY(auto entries, cache.list());
  std::uint64_t total = 0;
  Table table({Align::left, Align::left, Align::left, Align::right},
              {"key", "backend", "target", "size"});
  json::Array array;
  for (const auto& entry : entries) {
    total += entry.size;
    table.add({short_id(entry.key), entry.backend, entry.target, human_size(entry.size)});
    array.push_back(json::object({{"key", entry.key},
                                  {"backend", entry.backend},
                                  {"target", entry.target},
                                  {"component", entry.component},
                                  {"size", entry.size}}));
  }
  if (context.json()) {
    json::Value out = document("cache");
    out["path"] = cache.root().string();
    out["size"] = total;
    out["entries"] = std::move(array);
    context.print(out);
    return ExitCode::ok;
  }
  if (context.console().verbose() && !entries.empty())
    context.out() << table.render(context.console().paint(), 0);
  context.out() << fmt::format("{}: {} compiled, {}\n", printable(cache.root().string()),
                               count(entries.size(), "variant"), human_size(total));
  return ExitCode::ok;
}

Result<ExitCode> CacheCommand::prune(Context& context, backend::Cache& cache) const {
  ONNXPACK_TRY(std::uint64_t freed, cache.prune(keep_));
  if (context.json()) {
    json::Value out = document("cache");
    out["path"] = cache.root().string();
    out["freed"] = freed;
    context.print(out);
  } else {
    context.out() << fmt::format("{}: {} freed\n", printable(cache.root().string()),
                                 human_size(freed));
  }
  return ExitCode::ok;
}

// Damaged entries are removed, so finding some is no failure: the next build compiles them anew.
Result<ExitCode> CacheCommand::verify(Context& context, backend::Cache& cache) {
  ONNXPACK_TRY(auto verified, cache.verify(&context.cancel()));
  if (context.json()) {
    json::Value out = document("cache");
    out["path"] = cache.root().string();
    out["good"] = verified.good;
    out["damaged"] = strings(verified.damaged);
    context.print(out);
    return ExitCode::ok;
  }
  for (const std::string& key : verified.damaged)
    context.out() << fmt::format("removed {}: it was damaged\n", short_id(key));
  context.out() << fmt::format("{}: {} good, {} damaged\n", printable(cache.root().string()),
                               verified.good, verified.damaged.size());
  return ExitCode::ok;
}

}  // namespace

const Verb cache_verb = {.name = "cache",
                         .help = "show, shrink or check what was compiled before",
                         .examples =
                             "onnx-pack cache\n"
                             "onnx-pack cache prune --keep 2GiB\n"
                             "onnx-pack cache verify",
                         .needs = Needs::files,
                         .make = make_command<CacheCommand>};

}  // namespace onnxpack::cli
