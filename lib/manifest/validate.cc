// What must hold between the fields of a manifest. One function per kind of thing; each error
// carries the field's path.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "fields.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/safe_path.h"
#include "onnxpack/manifest/manifest.h"

namespace onnxpack::manifest {
namespace {

constexpr std::array<std::string_view, 6> top_folders = {"attachments", "components", "digests",
                                                         "evidence",    "signatures", "variants"};

std::unexpected<Error> bad(std::string_view path, std::string_view what) {
  return fail(ErrorKind::corrupt, fmt::format("{}: {}", path, what));
}

// A name that becomes one folder or one file.
Status check_single_name(std::string_view path, std::string_view name) {
  if (auto status = io::check_relative_name(name); !status)
    return bad(path, status.error().message());
  if (name.find('/') != std::string_view::npos) {
    return bad(path, fmt::format("expected a name without '/', found \"{}\"", printable(name)));
  }
  return {};
}

Status check_digest(std::string_view path, std::string_view digest) {
  if (is_sha256(digest)) return {};
  return bad(path,
             fmt::format("expected a SHA-256 as 64 lower-case hexadecimal digits, found \"{}\"",
                         printable(digest)));
}

// In rising order, each once; names that differ only by case are one name on many file systems.
class Order {
 public:
  Status add(std::string_view path, const std::string& name) {
    if (!seen_.insert(io::fold_case(name)).second) {
      return bad(path, fmt::format("\"{}\" appears twice, or differs from another only by case",
                                   printable(name)));
    }
    if (!last_.empty() && name < last_) {
      return bad(path,
                 fmt::format("\"{}\" must stand before \"{}\": they are in order of their bytes",
                             printable(name), printable(last_)));
    }
    last_ = name;
    return {};
  }

 private:
  std::set<std::string> seen_;
  std::string last_;
};

class Validator {
 public:
  explicit Validator(const Manifest& manifest) : manifest_(manifest) {}

  Status run() {
    ONNXPACK_CHECK(check_members());
    ONNXPACK_CHECK(check_chunk_digests());
    Order component_names;
    for (std::size_t i = 0; i < manifest_.components.size(); ++i) {
      std::string path = fmt::format("components[{}]", i);
      ONNXPACK_CHECK(check_single_name(path + ".component_name", manifest_.components[i].name));
      ONNXPACK_CHECK(component_names.add(path + ".component_name", manifest_.components[i].name));
      ONNXPACK_CHECK(check_component(path, manifest_.components[i]));
    }
    Order attachment_names;
    for (std::size_t i = 0; i < manifest_.attachments.size(); ++i) {
      std::string path = fmt::format("attachments[{}].member", i);
      ONNXPACK_CHECK(check_member_in(path, manifest_.attachments[i].member, "attachments/"));
      ONNXPACK_CHECK(attachment_names.add(path, manifest_.attachments[i].member));
    }
    Order variant_names;
    for (std::size_t i = 0; i < manifest_.variants.size(); ++i) {
      std::string path = fmt::format("variants[{}]", i);
      ONNXPACK_CHECK(check_single_name(path + ".name", manifest_.variants[i].name));
      ONNXPACK_CHECK(variant_names.add(path + ".name", manifest_.variants[i].name));
      ONNXPACK_CHECK(check_variant(path, manifest_.variants[i]));
    }
    return {};
  }

 private:
  Status check_members() {
    std::map<std::string, std::string> folded;
    for (std::size_t i = 0; i < manifest_.members.size(); ++i) {
      const Member& member = manifest_.members[i];
      std::string path = fmt::format("members[{}].name", i);
      if (auto status = io::check_relative_name(member.name); !status)
        return bad(path, status.error().message());
      std::string_view top = std::string_view(member.name).substr(0, member.name.find('/'));
      if (top.size() == member.name.size() ||
          std::ranges::find(top_folders, top) == top_folders.end()) {
        return bad(path, fmt::format("expected a member below one of {}, found \"{}\"",
                                     fmt::join(top_folders, ", "), printable(member.name)));
      }
      if (!folded.emplace(io::fold_case(member.name), member.name).second) {
        return bad(path, fmt::format("\"{}\" appears twice, or differs from another only by case",
                                     printable(member.name)));
      }
      ONNXPACK_CHECK(check_digest(fmt::format("members[{}].sha256", i), member.sha256));
      names_.insert(member.name);
    }
    return check_no_file_is_folder(folded);
  }

  // "a" and "a/b" cannot both be unpacked. Every folder of every member is looked up, so the cost
  // is in the text, not its square.
  static Status check_no_file_is_folder(const std::map<std::string, std::string>& folded) {
    for (const auto& [name, original] : folded) {
      for (auto slash = name.find('/'); slash != std::string::npos;
           slash = name.find('/', slash + 1)) {
        if (folded.contains(name.substr(0, slash))) {
          return bad("members", fmt::format("\"{}\" needs a folder where another member is a file",
                                            printable(original)));
        }
      }
    }
    return {};
  }

  Status check_chunk_digests() {
    for (std::size_t i = 0; i < manifest_.members.size(); ++i) {
      const std::string& digests = manifest_.members[i].chunk_digests;
      if (digests.empty()) continue;
      ONNXPACK_CHECK(
          check_member_in(fmt::format("members[{}].chunk_digests", i), digests, "digests/"));
    }
    return {};
  }

  Status check_member_in(std::string_view path, const std::string& name, std::string_view folder) {
    if (!name.starts_with(folder)) {
      return bad(path,
                 fmt::format("expected a member below {}, found \"{}\"", folder, printable(name)));
    }
    if (!names_.contains(name))
      return bad(path, fmt::format("there is no member \"{}\"", printable(name)));
    return {};
  }

  Status check_component(const std::string& path, const Component& component) {
    std::string folder = fmt::format("components/{}/", component.name);
    ONNXPACK_CHECK(check_member_in(path + ".model", component.model, folder));
    ONNXPACK_CHECK(check_single_name(path + ".original.file_name", component.original.file_name));
    ONNXPACK_CHECK(check_digest(path + ".original.sha256", component.original.sha256));
    for (std::size_t i = 0; i < component.external_data.size(); ++i) {
      const ExternalData& data = component.external_data[i];
      std::string data_path = fmt::format("{}.external_data[{}]", path, i);
      ONNXPACK_CHECK(check_member_in(data_path + ".member", data.member, folder));
      // The location becomes a file name when the original is extracted.
      if (auto status = io::check_relative_name(data.location); !status) {
        return bad(data_path + ".location", status.error().message());
      }
    }
    return check_scopes(path, component);
  }

  static Status check_scopes(const std::string& path, const Component& component) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < component.scopes.size(); ++i) {
      const Scope& scope = component.scopes[i];
      std::string scope_path = fmt::format("{}.scopes[{}]", path, i);
      if (printable(scope.name) != scope.name)
        return bad(scope_path + ".name", "has control characters or is not UTF-8");
      if (!names.insert(scope.name).second) {
        return bad(scope_path + ".name", fmt::format("\"{}\" appears twice", scope.name));
      }
      if (!scope.node_outputs.empty() && scope.node_outputs.size() != scope.node_count) {
        return bad(scope_path + ".node_outputs",
                   fmt::format("expected {} names, one per node, found {}", scope.node_count,
                               scope.node_outputs.size()));
      }
    }
    return {};
  }

  Status check_variant(const std::string& path, const Variant& variant) {
    const Component* component = manifest_.find_component(variant.component);
    if (component == nullptr) {
      return bad(path + ".component_name",
                 fmt::format("there is no component \"{}\"", printable(variant.component)));
    }
    if (variant.compatibility_string.empty() != variant.compatibility_hash.empty()) {
      return bad(path + ".compatibility_hash",
                 "a hash without a compatibility_string, or the other way round");
    }
    if (!variant.compatibility_hash.empty()) {
      ONNXPACK_CHECK(check_digest(path + ".compatibility_hash", variant.compatibility_hash));
    }
    for (const auto& [input, shape] : variant.fixed_shapes) {
      bool known = std::ranges::any_of(component->inputs,
                                       [&](const auto& value) { return value.name == input; });
      if (!known) {
        return bad(path + ".fixed_shapes", fmt::format("component \"{}\" has no input \"{}\"",
                                                       component->name, printable(input)));
      }
    }
    if (variant.coverage.covered_nodes > variant.coverage.total_nodes) {
      return bad(path + ".coverage",
                 fmt::format("{} covered of {} nodes", variant.coverage.covered_nodes,
                             variant.coverage.total_nodes));
    }
    // A slim package keeps what its variants read, so a reference must name what there is to keep.
    for (std::size_t i = 0; i < variant.references.size(); ++i) {
      ONNXPACK_CHECK(
          check_member_in(fmt::format("{}.references[{}]", path, i), variant.references[i], ""));
    }
    return check_partitions(path, variant, *component);
  }

  Status check_partitions(const std::string& path, const Variant& variant,
                          const Component& component) {
    if (variant.partitions.empty())
      return bad(path + ".partitions", "a variant without a partition is none");
    std::string folder = fmt::format("variants/{}/", variant.name);
    std::set<std::string_view> scopes;
    for (std::size_t i = 0; i < variant.partitions.size(); ++i) {
      const Partition& partition = variant.partitions[i];
      std::string partition_path = fmt::format("{}.partitions[{}]", path, i);
      bool known = std::ranges::any_of(
          component.scopes, [&](const auto& scope) { return scope.name == partition.scope; });
      if (!known) {
        return bad(partition_path + ".scope",
                   fmt::format("component \"{}\" has no scope \"{}\"", component.name,
                               printable(partition.scope)));
      }
      if (!scopes.insert(partition.scope).second) {
        return bad(partition_path + ".scope",
                   fmt::format("\"{}\" is covered twice", printable(partition.scope)));
      }
      if (partition.blobs.empty())
        return bad(partition_path + ".blobs", "a partition without a blob is none");
      for (std::size_t k = 0; k < partition.blobs.size(); ++k) {
        ONNXPACK_CHECK(check_member_in(fmt::format("{}.blobs[{}].member", partition_path, k),
                                       partition.blobs[k].member, folder));
      }
    }
    return {};
  }

  const Manifest& manifest_;
  std::set<std::string> names_;
};

}  // namespace

Status validate(const Manifest& manifest) {
  return Validator(manifest).run();
}

}  // namespace onnxpack::manifest
