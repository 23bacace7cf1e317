// The build file: a BuildRequest as JSON. Field names are those of the flags of `onnx-pack build`,
// with '_' for '-'.
//
//   {"version": 1, "model": "det.onnx", "targets": ["x86-64-v3", {"target": "qualcomm-sm8650",
//   "input_shapes": {"x": [1, 3, 48, 192]}}],
//    "output": "det.onnxpkg"}
//
// schemas/build.schema.json says the same for editors; tests/unit/package/build_file_test.cc
// compares the two.
#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/json/cursor.h"
#include "onnxpack/package/build.h"

namespace onnxpack::package {
namespace {

using json::Cursor;

constexpr std::uint64_t max_build_file = std::uint64_t{4} << 20;
constexpr std::int64_t max_dimension = std::int64_t{1} << 40;
constexpr std::int64_t max_seconds = 30LL * 24 * 3600;

class Reader {
 public:
  Reader(io::FileSystem& files, std::filesystem::path folder)
      : files_(files), folder_(std::move(folder)) {}
  Result<BuildRequest> request(const Cursor& root);

 private:
  Status inputs(const Cursor& root);
  Status attachment(const Cursor& field);
  Status targets(const Cursor& root);
  Status target(const Cursor& field);
  Status sources(const Cursor& field, const std::string& target);
  Status transformation(const Cursor& field, const std::string& target);
  Result<target::Target> named_target(const Cursor& field);
  Result<target::Target> target_file(const Cursor& field, const std::filesystem::path& path);
  Status limits(const Cursor& root);
  Status package_info(const Cursor& root);

  // Written by hand in the file, so relative to it and not to where the command runs.
  std::filesystem::path at(const std::string& path) const { return folder_ / path; }

  io::FileSystem& files_;
  std::filesystem::path folder_;
  BuildRequest out_;
};

Result<std::string> text(const Cursor& field) {
  ONNXPACK_TRY(std::string out, field.string());
  if (out.empty()) return std::unexpected(field.error("expected a text, found an empty one"));
  return out;
}

Result<std::vector<std::int64_t>> shape(const Cursor& field) {
  return json::read_array(field, [](const Cursor& size) { return size.integer(1, max_dimension); });
}

// {"input_shapes": ..., "free_dimension_overrides": ..., "backend_options": ...}, of the whole
// build or of one target.
Result<CompileSettings> settings(const Cursor& object) {
  CompileSettings out;
  ONNXPACK_TRY(auto shapes, object.find("input_shapes"));
  if (shapes) {
    ONNXPACK_TRY(auto members, shapes->members());
    for (const auto& [input, field] : members) {
      ONNXPACK_TRY(out.input_shapes[input], shape(field));
    }
  }
  ONNXPACK_TRY(auto dimensions, object.find("free_dimension_overrides"));
  if (dimensions) {
    ONNXPACK_TRY(auto members, dimensions->members());
    for (const auto& [name, field] : members) {
      ONNXPACK_TRY(out.free_dimensions[name], field.integer(1, max_dimension));
    }
  }
  ONNXPACK_TRY(auto options, object.find("backend_options"));
  if (options) {
    ONNXPACK_TRY(auto members, options->members());
    for (const auto& [backend, field] : members) {
      if (!field.value().is(json::Kind::object))
        return std::unexpected(field.error("expected an object of options"));
      out.backend_options[backend] = field.value().as_object();
    }
  }
  return out;
}

Status Reader::inputs(const Cursor& root) {
  ONNXPACK_TRY(auto model, root.find("model"));
  if (model) {
    ONNXPACK_TRY(std::string path, text(*model));
    out_.components.push_back({"model", at(path)});
  }
  ONNXPACK_TRY(auto components, root.find("components"));
  if (components) {
    ONNXPACK_TRY(auto members, components->members());
    for (const auto& [name, field] : members) {
      if (name == "model" && model)
        return std::unexpected(field.error("the field \"model\" names this component already"));
      ONNXPACK_TRY(std::string path, text(field));
      out_.components.push_back({name, at(path)});
    }
  }
  ONNXPACK_TRY(auto attachments, root.find("attach"));
  if (!attachments) return {};
  ONNXPACK_TRY(auto fields, attachments->array());
  for (const Cursor& field : fields) ONNXPACK_CHECK(attachment(field));
  return {};
}

// "vocab.txt", or {"name": "labels.txt", "file": "data/labels-v2.txt"}.
Status Reader::attachment(const Cursor& field) {
  if (field.value().is(json::Kind::string)) {
    ONNXPACK_TRY(std::string path, text(field));
    out_.attachments.push_back({std::filesystem::path(path).filename().string(), at(path)});
    return {};
  }
  ONNXPACK_CHECK(field.only_keys({"name", "file"}));
  ONNXPACK_TRY(auto name_field, field.at("name"));
  ONNXPACK_TRY(auto file_field, field.at("file"));
  ONNXPACK_TRY(std::string name, text(name_field));
  ONNXPACK_TRY(std::string file, text(file_field));
  out_.attachments.push_back({name, at(file)});
  return {};
}

Result<target::Target> Reader::target_file(const Cursor& field, const std::filesystem::path& path) {
  auto read = [&]() -> Result<target::Target> {
    ONNXPACK_TRY(std::string content, files_.read_text(path, max_build_file));
    ONNXPACK_TRY(auto value, json::parse(content));
    return target::target_from_json(value);
  };
  return in(in(read(), printable(path.string())), field.path());
}

// A profile name, "host" (left bare, see build.h), or a JSON file.
Result<target::Target> Reader::named_target(const Cursor& field) {
  ONNXPACK_TRY(std::string name, text(field));
  if (name == "host") {
    target::Target host;
    host.name = name;
    return host;
  }
  if (name.ends_with(".json") || name.find('/') != std::string::npos)
    return target_file(field, at(name));
  return in(target::find_profile(name), field.path());
}

// "x86-64-v3", or {"target": "qualcomm-sm8650", "input_shapes": ..., "allow_missing": true} for one
// with settings of its own.
Status Reader::target(const Cursor& field) {
  bool bare = field.value().is(json::Kind::string);
  Cursor name = field;
  if (!bare) {
    ONNXPACK_CHECK(
        field.only_keys({"target", "input_shapes", "free_dimension_overrides", "backend_options",
                         "allow_missing", "source", "source_precision", "transform", "ternarize"}));
    ONNXPACK_TRY(name, field.at("target"));
  }
  ONNXPACK_TRY(auto target, named_target(name));
  for (const auto& known : out_.targets) {
    if (known.name == target.name)
      return std::unexpected(name.error(fmt::format("target {} is listed twice", target.name)));
  }
  if (!bare) {
    ONNXPACK_TRY(out_.target_settings[target.name], settings(field));
    ONNXPACK_CHECK(sources(field, target.name));
    ONNXPACK_TRY(bool allow_missing, field.boolean_or("allow_missing", false));
    if (allow_missing) out_.allow_missing.push_back(target.name);
  }
  out_.targets.push_back(std::move(target));
  return {};
}

// A path, or component -> path.
Status Reader::sources(const Cursor& field, const std::string& target) {
  ONNXPACK_TRY(auto source, field.find("source"));
  ONNXPACK_TRY(std::string precision, field.string_or("source_precision", ""));
  auto add = [&](const std::string& component, const Cursor& path_field) -> Status {
    ONNXPACK_TRY(std::string path, text(path_field));
    out_.sources.push_back(
        {.target = target, .component = component, .model = at(path), .precision = precision});
    return {};
  };
  if (source && source->value().is(json::Kind::string)) {
    ONNXPACK_CHECK(add("model", *source));
  } else if (source) {
    ONNXPACK_TRY(auto members, source->members());
    for (const auto& [component, path_field] : members) ONNXPACK_CHECK(add(component, path_field));
  }
  ONNXPACK_TRY(auto steps, field.find("transform"));
  if (steps) {
    ONNXPACK_TRY(auto list, steps->array());
    for (const Cursor& step : list) ONNXPACK_CHECK(transformation(step, target));
  }
  ONNXPACK_TRY(auto kinds, field.find("ternarize"));
  if (!kinds) return {};
  ONNXPACK_TRY(auto list, kinds->array());
  for (const Cursor& kind : list) {
    ONNXPACK_TRY(std::string name, kind.string_in({"t5r", "t5k", "u2", "standard", "portable"}));
    ONNXPACK_TRY(auto wanted, ternary_source({.target = target}, name));
    out_.sources.push_back(std::move(wanted));
  }
  return {};
}

// {"name": "lower-flex-attention/1", "parameters": {"form": "operators"}, "component": "model",
// "label": "..."}; several of one component and label are applied in turn.
Status Reader::transformation(const Cursor& field, const std::string& target) {
  ONNXPACK_CHECK(field.only_keys({"name", "parameters", "component", "label"}));
  ONNXPACK_TRY(auto name_field, field.at("name"));
  TransformationRequest step;
  ONNXPACK_TRY(step.name, text(name_field));
  ONNXPACK_TRY(auto parameters, field.find("parameters"));
  if (parameters) {
    ONNXPACK_CHECK(parameters->members());
    step.parameters = parameters->value().as_object();
  }
  SourceRequest wanted{.target = target};
  ONNXPACK_TRY(wanted.component, field.string_or("component", "model"));
  ONNXPACK_TRY(wanted.label, field.string_or("label", ""));
  auto found = std::ranges::find_if(out_.sources, [&](const SourceRequest& source) {
    return source.target == target && source.component == wanted.component &&
           source.label == wanted.label;
  });
  if (found == out_.sources.end()) found = out_.sources.insert(found, std::move(wanted));
  found->transformations.push_back(std::move(step));
  return {};
}

Status Reader::targets(const Cursor& root) {
  ONNXPACK_TRY(auto field, root.find("targets"));
  if (!field) return {};
  ONNXPACK_TRY(auto fields, field->array());
  for (const Cursor& element : fields) ONNXPACK_CHECK(target(element));
  return {};
}

Status Reader::limits(const Cursor& root) {
  ONNXPACK_TRY(auto jobs, root.find("jobs"));
  if (jobs) {
    ONNXPACK_TRY(auto number, jobs->integer(0, 4096));
    out_.jobs = static_cast<unsigned>(number);
  }
  ONNXPACK_TRY(out_.fail_fast, root.boolean_or("fail_fast", false));
  ONNXPACK_TRY(out_.compact, root.boolean_or("compact", false));
  ONNXPACK_TRY(auto allowed, root.strings_or_empty("allow_missing"));
  out_.allow_missing.insert(out_.allow_missing.end(), allowed.begin(), allowed.end());
  ONNXPACK_TRY(auto coverage, root.find("min_coverage"));
  if (coverage) {
    ONNXPACK_TRY(out_.min_coverage, coverage->number());
    if (!(out_.min_coverage >= 0 && out_.min_coverage <= 1))
      return std::unexpected(coverage->error("expected a share from 0 to 1"));
  }
  auto seconds = [&](std::string_view key) -> Result<std::optional<std::chrono::seconds>> {
    ONNXPACK_TRY(auto field, root.find(key));
    if (!field) return std::nullopt;
    ONNXPACK_TRY(auto number, field->integer(1, max_seconds));
    return std::chrono::seconds(number);
  };
  ONNXPACK_TRY(out_.compile_timeout, seconds("timeout"));
  ONNXPACK_TRY(auto heartbeat, seconds("heartbeat_timeout"));
  if (heartbeat) out_.heartbeat_timeout = *heartbeat;
  ONNXPACK_TRY(auto memory, root.find("memory_limit"));
  if (memory && memory->value().is(json::Kind::string)) {
    out_.memory_limit = 0;
    auto size = parse_size(memory->value().as_string());
    if (!size) return std::unexpected(memory->error(size.error().message()));
    out_.memory_limit = *size;
  } else if (memory) {
    ONNXPACK_TRY(out_.memory_limit, memory->size());
  }
  return {};
}

Status Reader::package_info(const Cursor& root) {
  ONNXPACK_TRY(auto field, root.find("package"));
  if (!field) return {};
  ONNXPACK_CHECK(field->only_keys({"name", "version", "description", "licenses"}));
  ONNXPACK_TRY(out_.info.name, field->string_or("name", ""));
  ONNXPACK_TRY(out_.info.version, field->string_or("version", ""));
  ONNXPACK_TRY(out_.info.description, field->string_or("description", ""));
  ONNXPACK_TRY(out_.info.licenses, field->strings_or_empty("licenses"));
  return {};
}

Result<BuildRequest> Reader::request(const Cursor& root) {
  ONNXPACK_CHECK(root.only_keys({"$schema",
                                 "version",
                                 "model",
                                 "components",
                                 "attach",
                                 "targets",
                                 "output",
                                 "force",
                                 "backends",
                                 "input_shapes",
                                 "free_dimension_overrides",
                                 "backend_options",
                                 "jobs",
                                 "fail_fast",
                                 "compact",
                                 "allow_missing",
                                 "min_coverage",
                                 "timeout",
                                 "heartbeat_timeout",
                                 "memory_limit",
                                 "package"}));
  ONNXPACK_TRY(auto version, root.at("version"));
  ONNXPACK_TRY(auto number, version.integer());
  if (number != 1)
    return std::unexpected(version.error(
        fmt::format("expected 1, the version that this onnx-pack reads, found {}", number)));
  ONNXPACK_CHECK(inputs(root));
  ONNXPACK_CHECK(targets(root));
  ONNXPACK_TRY(out_.settings, settings(root));
  ONNXPACK_TRY(out_.backends, root.strings_or_empty("backends"));
  ONNXPACK_CHECK(limits(root));
  ONNXPACK_CHECK(package_info(root));
  ONNXPACK_TRY(auto output, root.find("output"));
  if (output) {
    ONNXPACK_TRY(std::string path, text(*output));
    out_.output = at(path);
  }
  ONNXPACK_TRY(bool force, root.boolean_or("force", false));
  out_.overwrite = force ? io::Overwrite::yes : io::Overwrite::no;
  return std::move(out_);
}

}  // namespace

Result<BuildRequest> read_build_file(io::FileSystem& files, const std::filesystem::path& path) {
  ONNXPACK_TRY(std::string content, files.read_text(path, max_build_file));
  auto read = [&]() -> Result<BuildRequest> {
    ONNXPACK_TRY(auto value, json::parse(content));
    return Reader(files, path.parent_path()).request(Cursor(value));
  };
  return in(read(), printable(path.string()));
}

}  // namespace onnxpack::package
