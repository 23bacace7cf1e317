#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/package/lowered.h"
#include "package_view.h"
#include "render.h"

namespace onnxpack::cli {
namespace {

using manifest::Component;
using manifest::Variant;
using package::PackageFile;

std::string opsets_text(const std::map<std::string, std::int64_t>& opsets) {
  std::string out;
  for (const auto& [domain, version] : opsets) {
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", domain.empty() ? "ai.onnx" : domain,
                       version);
  }
  return out;
}

void print_identity(const Console& console, const PackageFile& package) {
  const manifest::Manifest& manifest = package.manifest();
  Table table({Align::left, Align::left});
  if (!manifest.package.name.empty()) {
    table.add(
        {"package",
         Cell(fmt::format("{} {}", manifest.package.name, manifest.package.version), Style::bold)});
  }
  if (!manifest.package.description.empty()) table.add({"", manifest.package.description});
  if (!manifest.package.licenses.empty())
    table.add({"licences", join(manifest.package.licenses, ", ")});
  table.add({"id", package.id()});
  std::uint64_t missing = 0;
  std::uint64_t absent_bytes = 0;
  for (const manifest::Member& member : manifest.members) {
    if (package.holds(member.name)) continue;
    ++missing;
    absent_bytes += member.size;
  }
  table.add(
      {"file", fmt::format("{}, {}", package.path().string(), human_size(package.file_size()))});
  table.add(
      {"holds", missing == 0
                    ? Cell("everything")
                    : Cell(fmt::format("a part: {} of the full package are not in this file ({})",
                                       count(missing, "member"), human_size(absent_bytes)),
                           Style::caution)});
  for (const Component& component : manifest.components) {
    if (stands_as_files(package, component)) continue;
    table.add(
        {"unzip", Cell(fmt::format("alone gives no {} that runs: its weights are held as extents; "
                                   "extract puts them together",
                                   printable(component.name)),
                       Style::caution)});
  }
  console.out() << table.render(console.paint(), 0);
}

void print_component(const Console& console, const PackageFile& package,
                     const Component& component) {
  Table table({Align::left, Align::left, Align::left, Align::left});
  auto values = [&](std::string_view label, const std::vector<manifest::ValueInfo>& list) {
    for (const auto& value : list) {
      table.add(
          {label, value.name, value.type, value.shape ? shape_text(value.shape) : "rank unknown"});
    }
  };
  values("input", component.inputs);
  values("output", component.outputs);
  for (const auto& data : component.external_data) {
    const manifest::Member* member = package.manifest().find_member(data.member);
    table.add({"data", data.location, member == nullptr ? "" : human_size(member->size),
               package.holds(data.member) ? "" : "not in this file"});
  }
  for (const auto& scope : component.scopes) {
    table.add({"scope", scope.name, count(scope.node_count, "node"),
               console.verbose() ? scope.digest : ""});
  }
  // What cannot be read is said by verify; here it only is not shown.
  for (const auto& node :
       package::lowered_nodes(package, component).value_or(std::vector<package::LoweredNode>())) {
    table.add({"to lower", node.name, "FlexAttention",
               node.why_expanded.empty() ? "" : "not tileable: " + node.why_expanded});
  }
  console.out() << fmt::format(
      "\n{} {}: {}, {}, IR {}, opset {}{}{}\n", console.paint()(Style::bold, "component"),
      console.paint()(Style::name, printable(component.name)),
      printable(component.original.file_name), human_size(component.original.size),
      component.ir_version, printable(opsets_text(component.opset_imports)),
      component.producer.empty() ? "" : ", by " + printable(component.producer),
      package.holds(component.model) ? "" : " (not in this file)");
  console.out() << table.render(console.paint(), 2);
}

std::string shapes_text(const Variant& variant) {
  std::string out;
  for (const auto& [input, shape] : variant.fixed_shapes) {
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", input, shape_text(shape));
  }
  return out;
}

std::string coverage_text(const Variant& variant) {
  const auto& coverage = variant.coverage;
  if (coverage.total_nodes == 0) return "";
  return fmt::format("{} of {}", coverage.covered_nodes, count(coverage.total_nodes, "node"));
}

// What this file holds of the variant beyond what other members have as well.
std::string own_text(const PackageFile& package, const Variant& variant) {
  return holds_variant(package, variant) ? human_size(variant_own_size(package, variant)) : "";
}

std::string shared_text(const PackageFile& package, const Variant& variant) {
  std::uint64_t full = variant_size(package.manifest(), variant);
  if (!holds_variant(package, variant) || full == 0) return "";
  std::uint64_t own = std::min(variant_own_size(package, variant), full);
  return fmt::format("{} %", (full - own) * 100 / full);
}

// Why a variant costs as much as it does, where that is worth asking.
std::string own_reason(const PackageFile& package, const Variant& variant) {
  if (!holds_variant(package, variant)) return "";
  std::uint64_t own = variant_own_size(package, variant);
  // A graph without its weights is small and new in every package.
  if (own * 2 <= variant_size(package.manifest(), variant) || own * 8 <= original_size(package))
    return "";
  return fmt::format(
      "own: {} keeps weights in another form than the model (rearranged, packed or "
      "converted), or this file is a slim one that holds them in one piece",
      variant.backend);
}

std::string needs_text(const Variant& variant) {
  std::vector<std::string> texts;
  for (const auto& requirement : variant.requirements)
    texts.push_back(target::to_text(requirement));
  return texts.empty() ? "nothing in particular" : join(texts, "; ");
}

std::string tools_text(const Variant& variant) {
  std::vector<std::string> texts;
  for (const auto& [tool, version] : variant.provenance.tools)
    texts.push_back(fmt::format("{} {}", tool, version));
  return join(texts, ", ");
}

Style style_of(target::Outcome outcome) {
  return outcome == target::Outcome::met       ? Style::good
         : outcome == target::Outcome::not_met ? Style::bad
                                               : Style::caution;
}

std::string here_text(const HostAnswer& here) {
  std::string_view what = here.outcome == target::Outcome::met       ? "should run"
                          : here.outcome == target::Outcome::not_met ? "does not run"
                                                                     : "may run";
  return here.reason.empty() ? std::string(what) : fmt::format("{}: {}", what, here.reason);
}

void print_variants(const Console& console, const PackageFile& package,
                    const target::Target& host) {
  const auto& variants = package.manifest().variants;
  if (variants.empty()) {
    console.out() << "\nno variants: the original graph alone\n";
    return;
  }
  console.out() << fmt::format("\n{}\n",
                               console.paint()(Style::bold, count(variants.size(), "variant")));
  Table table({Align::left, Align::left, Align::left, Align::left, Align::left, Align::right,
               Align::right, Align::right, Align::left, Align::left},
              {"name", "target", "backend", "EP", "precision", "size", "shared", "own", "coverage",
               "fixed shapes"});
  for (const Variant& variant : variants) {
    HostAnswer here = answer_for(variant, host);
    table.add({Cell(variant.name, Style::name), variant.target, variant.backend, variant.ep,
               variant.precision, human_size(variant_size(package.manifest(), variant)),
               shared_text(package, variant), own_text(package, variant), coverage_text(variant),
               shapes_text(variant)});
    if (!holds_variant(package, variant)) table.note("not in this file", Style::caution);
    if (!own_reason(package, variant).empty()) table.note(own_reason(package, variant));
    table.note("needs " + needs_text(variant));
    if (!variant.compatibility_string.empty())
      table.note("compatibility " + variant.compatibility_string);
    if (!variant.provenance.tools.empty()) table.note("made by " + tools_text(variant));
    if (const auto& source = variant.provenance.source) {
      for (const auto& step : source->transformations) table.note("of " + to_text(step));
    }
    table.note("here: " + here_text(here), style_of(here.outcome));
  }
  console.out() << table.render(console.paint(), 2);
}

void print_sizes(const Console& console, const PackageFile& package) {
  Table table({Align::left, Align::right, Align::left});
  for (const SizeLine& line : size_breakdown(package)) {
    table.add({line.part, human_size(line.size), line.held ? "" : "not in this file"});
  }
  // Of a toy model, padding is most of the package.
  constexpr std::uint64_t least_compared = std::uint64_t{64} << 10;
  std::uint64_t original = original_size(package);
  std::string ratio =
      original < least_compared
          ? ""
          : fmt::format("  the file is {:.3f} times the original of {}\n",
                        static_cast<double>(package.file_size()) / static_cast<double>(original),
                        human_size(original));
  console.out() << fmt::format("\n{}\n", console.paint()(Style::bold, "sizes"))
                << table.render(console.paint(), 2) << ratio;
}

// Folders of a tree, built from member names.
struct Folder {
  std::map<std::string, Folder> folders;
  std::map<std::string, const manifest::Member*> files;
};

void print_folder(const Console& console, const PackageFile& package, const Folder& folder,
                  const std::string& indent) {
  std::size_t left = folder.folders.size() + folder.files.size();
  auto branch = [&] { return --left == 0 ? std::pair{"└── ", "    "} : std::pair{"├── ", "│   "}; };
  for (const auto& [name, inner] : folder.folders) {
    auto [here, below] = branch();
    console.out() << indent << here << console.paint()(Style::bold, printable(name) + "/") << '\n';
    print_folder(console, package, inner, indent + below);
  }
  for (const auto& [name, member] : folder.files) {
    auto [here, below] = branch();
    bool held = package.holds(member->name);
    std::string text = fmt::format("{}  {}", printable(name), human_size(member->size));
    console.out() << indent << here
                  << (held ? text : console.paint()(Style::dim, text + "  (not in this file)"))
                  << '\n';
  }
}

}  // namespace

std::string shape_text(const std::optional<std::vector<manifest::Dimension>>& shape) {
  if (!shape) return "";
  std::vector<std::string> sizes;
  for (const auto& dimension : *shape) {
    sizes.push_back(dimension.value          ? std::to_string(*dimension.value)
                    : dimension.name.empty() ? "?"
                                             : dimension.name);
  }
  return fmt::format("[{}]", join(sizes, ", "));
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string short_id(const std::string& id) {
  return id.substr(0, 12);
}

void render_package(const Console& console, const PackageFile& package,
                    const target::Target& host) {
  print_identity(console, package);
  for (const Component& component : package.manifest().components)
    print_component(console, package, component);
  if (!package.manifest().attachments.empty()) {
    console.out() << fmt::format("\n{}\n", console.paint()(Style::bold, "attachments"));
    for (const auto& attachment : package.manifest().attachments) {
      console.out() << "  " << printable(attachment.member)
                    << (package.holds(attachment.member) ? "" : "  (not in this file)") << '\n';
    }
  }
  print_variants(console, package, host);
  print_sizes(console, package);
}

void render_variant(const Console& console, const PackageFile& package, const std::string& name,
                    const target::Target& host) {
  const Variant& variant = *package.manifest().find_variant(name);
  HostAnswer here = answer_for(variant, host);
  Table table({Align::left, Align::left});
  auto line = [&](std::string_view label, std::string text) {
    if (!text.empty()) table.add({label, std::move(text)});
  };
  table.add({"variant", Cell(variant.name, Style::name)});
  line("package", package.id());
  line("component", variant.component);
  line("target", variant.target);
  line("backend", variant.backend);
  line("EP", variant.ep);
  line("device", variant.device);
  line("precision", variant.precision);
  line("size", human_size(variant_size(package.manifest(), variant)));
  if (holds_variant(package, variant)) {
    line("own", fmt::format("{}; {} stand in other members as well", own_text(package, variant),
                            shared_text(package, variant)));
  }
  if (!holds_variant(package, variant)) table.add({"", Cell("not in this file", Style::caution)});
  line("coverage", coverage_text(variant));
  line("fixed shapes", shapes_text(variant));
  for (const auto& requirement : variant.requirements) line("needs", target::to_text(requirement));
  line("compatibility", variant.compatibility_string);
  line("", variant.compatibility_hash.empty() ? "" : "sha256:" + variant.compatibility_hash);
  table.add({"here", Cell(here_text(here), style_of(here.outcome))});
  for (const auto& partition : variant.partitions) {
    line("scope", partition.scope);
    for (const auto& blob : partition.blobs) {
      const manifest::Member* member = package.manifest().find_member(blob.member);
      line("blob", fmt::format("{} ({}), {}, sha256:{}", blob.member, blob.role,
                               member == nullptr ? "?" : human_size(member->size),
                               member == nullptr ? "?" : member->sha256));
    }
  }
  for (const auto& reference : variant.references) line("reads", reference);
  line("made by", tools_text(variant));
  if (const auto& source = variant.provenance.source) {
    line("made from", fmt::format("{}, {}, sha256:{}", source->file_name, human_size(source->size),
                                  source->sha256));
    for (const auto& step : source->transformations) line("by", to_text(step));
  }
  line("options",
       variant.provenance.options.empty() ? "" : json::compact(variant.provenance.options));
  line("backend", variant.provenance.backend_digest.empty()
                      ? ""
                      : "sha256:" + variant.provenance.backend_digest);
  line("build key", variant.provenance.build_key);
  line("licence", variant.provenance.license);
  line("rebuild",
       variant.provenance.deterministic ? "gives the same bytes" : "may give other bytes");
  console.out() << table.render(console.paint(), 0);
}

void render_package_tree(const Console& console, const PackageFile& package) {
  Folder root;
  for (const manifest::Member& member : package.manifest().members) {
    Folder* folder = &root;
    auto parts = split(member.name, '/');
    for (std::size_t i = 0; i + 1 < parts.size(); ++i)
      folder = &folder->folders[std::string(parts[i])];
    folder->files.emplace(parts.back(), &member);
  }
  console.out() << console.paint()(Style::bold, printable(package.path().filename().string()))
                << "  " << human_size(package.file_size()) << "  id " << short_id(package.id())
                << '\n';
  print_folder(console, package, root, "");
}

}  // namespace onnxpack::cli
