#include "onnxpack/manifest/manifest.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "onnxpack/json/cursor.h"
#include "onnxpack/manifest/evidence.h"
#include "samples.h"

using namespace onnxpack;
using namespace onnxpack::manifest;
using namespace onnxpack::manifest::testing;

namespace {

const std::filesystem::path data = std::filesystem::path(ONNXPACK_TEST_DATA) / "manifest";

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  INFO(file);
  REQUIRE(in);
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

// The committed document is what the code writes; ONNXPACK_REWRITE=1 writes it anew.
void check_golden(const std::string& name, const std::string& text) {
  if (std::getenv("ONNXPACK_REWRITE") != nullptr)
    std::ofstream(data / name, std::ios::binary) << text;
  CHECK(read(data / name) == text);
}

std::string error_of(const Result<Manifest>& manifest) {
  return manifest ? "(accepted)" : manifest.error().message();
}

}  // namespace

TEST_CASE("a manifest with every field keeps its bytes", "[manifest]") {
  Manifest manifest = full_manifest();
  REQUIRE(validate(manifest));
  std::string text = emit(manifest);
  check_golden("manifest.json", text);
  auto back = parse(text);
  INFO(error_of(back));
  REQUIRE(back);
  CHECK(*back == manifest);
  CHECK(emit(*back) == text);
}

TEST_CASE("layout and evidence keep their bytes", "[manifest]") {
  std::string layout = emit(full_layout());
  check_golden("layout.json", layout);
  auto layout_back = parse_layout(layout);
  REQUIRE(layout_back);
  CHECK(*layout_back == full_layout());
  CHECK(check_layout(*layout_back, full_manifest()));

  std::string evidence = json::canonical(to_json(full_evidence()));
  check_golden("evidence.json", evidence);
  auto evidence_back = evidence_from_json(*json::parse(evidence));
  REQUIRE(evidence_back);
  CHECK(*evidence_back == full_evidence());
}

TEST_CASE("generated manifests read back equal", "[manifest]") {
  for (unsigned seed = 0; seed < 400; ++seed) {
    Manifest manifest = random_manifest(seed);
    std::string text = emit(manifest);
    auto back = parse(text);
    INFO(seed << ": " << error_of(back));
    REQUIRE(back);
    REQUIRE(*back == manifest);
    REQUIRE(emit(*back) == text);
  }
}

TEST_CASE("the order in which parts were added leaves no trace", "[manifest]") {
  std::mt19937 random(5);
  for (unsigned seed = 0; seed < 50; ++seed) {
    Manifest manifest = random_manifest(seed);
    Manifest shuffled = manifest;
    std::shuffle(shuffled.components.begin(), shuffled.components.end(), random);
    std::shuffle(shuffled.variants.begin(), shuffled.variants.end(), random);
    REQUIRE(emit(shuffled) == emit(manifest));
  }
}

namespace {

// "variants[0].ep" as steps through a document; the last one may be new.
json::Value* walk(json::Value& root, const json::Array& path, std::size_t steps) {
  json::Value* at = &root;
  for (std::size_t i = 0; i < steps; ++i) {
    at = path[i].is(json::Kind::integer)
             ? &at->as_array().at(static_cast<std::size_t>(path[i].as_integer()))
             : &(*at)[path[i].as_string()];
  }
  return at;
}

void apply(json::Value& document, const json::Value& change) {
  const json::Array& path = change.find("path")->as_array();
  json::Value* parent = walk(document, path, path.size() - 1);
  const json::Value& last = path.back();
  const json::Value* value = change.find("set");
  if (value != nullptr) {
    *walk(document, path, path.size()) = *value;
  } else if (const json::Value* pushed = change.find("append")) {
    walk(document, path, path.size())->push_back(*pushed);
  } else if (last.is(json::Kind::integer)) {
    parent->as_array().erase(parent->as_array().begin() + last.as_integer());
  } else {
    REQUIRE(parent->as_object().erase(last.as_string()) == 1);
  }
}

std::string typed_verdict(const std::string& document, const json::Value& value) {
  auto said = [](const auto& result) {
    return result ? std::string("accepted") : result.error().message();
  };
  if (document == "manifest.json") return said(parse(json::canonical(value)));
  if (document == "layout.json") return said(parse_layout(json::canonical(value)));
  if (document == "evidence.json") return said(evidence_from_json(value));
  return "no such document";
}

}  // namespace

// The same list goes through the schemas in tests/structure/check_schemas.py.
TEST_CASE("every listed change is refused with the field's path", "[manifest]") {
  auto changes = json::parse(read(data / "refused.json"));
  REQUIRE(changes);
  for (const json::Value& change : changes->find("changes")->as_array()) {
    std::string document = change.find("document")->as_string();
    auto value = json::parse(read(data / document));
    REQUIRE(value);
    apply(*value, change);
    INFO(json::compact(change));
    CHECK(typed_verdict(document, *value) == change.find("error")->as_string());
  }
}

TEST_CASE("another major version is refused, another minor one kept verbatim", "[manifest]") {
  auto value = *json::parse(emit(full_manifest()));
  value["schema_version"] = "2.0";
  auto major = parse(json::canonical(value));
  REQUIRE_FALSE(major);
  CHECK(major.error().kind() == ErrorKind::unsupported);
  CHECK(major.error().message() ==
        "schema_version: this program reads version 1.x of onnx-pack/manifest, found 2.0");
  CHECK(major.error().hint().find("update") != std::string::npos);

  // Strange fields at every object of the document survive; known ones are still checked.
  value["schema_version"] = "1.7";
  std::size_t added = 0;
  auto decorate = [&](auto& self, json::Value& at, const std::string& key) -> void {
    if (at.is(json::Kind::array)) {
      for (auto& item : at.as_array()) self(self, item, key);
    } else if (at.is(json::Kind::object)) {
      for (auto& [name, member] : at.as_object()) self(self, member, name);
      // These maps hold names or foreign data, where a further key is no unknown field.
      for (const char* map : {"opset_imports", "fixed_shapes", "tools", "external_sha256"}) {
        if (key == map) return;
      }
      at["zz_later"] = json::Array{1, "two", nullptr};
      ++added;
    }
  };
  decorate(decorate, value, "");
  CHECK(added > 30);
  std::string text = json::canonical(value);
  auto minor = parse(text);
  INFO(error_of(minor));
  REQUIRE(minor);
  CHECK(minor->version == FormatVersion{1, 7});
  CHECK(emit(*minor) == text);
  // A requirement with a field of later times is not understood, hence never met.
  CHECK_FALSE(minor->variants[0].requirements[0].unknown.empty());

  value["variants"].as_array()[0]["ep"] = 3;
  CHECK(error_of(parse(json::canonical(value))) == "variants[0].ep: expected a string, found 3");
}

TEST_CASE("a later way of holding bytes is not guessed", "[layout]") {
  auto value = *json::parse(emit(full_layout()));
  value["schema_version"] = "1.1";
  value["members"].as_array()[0]["storage"] = "deltas";
  auto layout = parse_layout(json::canonical(value));
  REQUIRE_FALSE(layout);
  CHECK(layout.error().kind() == ErrorKind::unsupported);
  CHECK(layout.error().message() ==
        "members[0].storage: expected stored, extents or absent, found \"deltas\"");
}

TEST_CASE("layout and manifest must speak of the same members", "[layout]") {
  Manifest manifest = full_manifest();
  Layout layout = full_layout();
  Layout missing = layout;
  missing.members.erase(missing.members.begin() + 2);
  CHECK(
      check_layout(missing, manifest).error().message() ==
      "\"attachments/labels.txt\" is in the manifest, but the layout does not say how it is held");
  Layout foreign = layout;
  foreign.members.push_back({"variants/x/blob", Storage::stored, 1, digest(1)});
  CHECK(check_layout(foreign, manifest).error().message() ==
        "\"variants/x/blob\" is not in the manifest");
  Layout bare = layout;
  bare.members.push_back({"signatures/a.sig", Storage::stored});
  CHECK(check_layout(bare, manifest).error().message() ==
        "\"signatures/a.sig\" is not in the manifest, so the layout must give its size and sha256");
}

TEST_CASE("extents lean on stored members only, in one step", "[layout]") {
  const std::string blob = "variants/x86-64-v3-onnxruntime/model.onnx";
  const std::string map = "extents/" + blob;
  auto changed = [&](auto&& change) {
    Layout layout = full_layout();
    change(layout);
    auto status = check_layout(layout, full_manifest());
    return status ? "" : status.error().message();
  };
  auto member = [](Layout& layout, const std::string& name) -> LayoutMember& {
    return *std::ranges::find(layout.members, name, &LayoutMember::name);
  };
  CHECK(changed([](Layout&) {}).empty());
  CHECK(changed([&](Layout& l) { member(l, blob).sources = {"variants/none"}; }) ==
        "\"" + blob + "\" is held as extents of \"variants/none\", which is not stored");
  CHECK(changed([&](Layout& l) { member(l, blob).sources = {blob}; }) ==
        "\"" + blob + "\" is held as extents of \"" + blob + "\", which is not stored");
  CHECK(changed([&](Layout& l) { member(l, blob).sources.push_back(map); }) ==
        "\"" + blob + "\" names its own map as a source; the map's residual is source 0");
  CHECK(changed([&](Layout& l) {
          member(l, blob).sources.push_back("components/model/model.onnx");
        }) == "\"" + blob + "\" names its source \"components/model/model.onnx\" twice");
  CHECK(changed([&](Layout& l) {
          member(l, "components/model/model.onnx").storage = Storage::absent;
        }) == "\"" + blob +
                  "\" is held as extents of \"components/model/model.onnx\", which is not stored");
  CHECK(changed([&](Layout& l) { member(l, map).storage = Storage::absent; }) ==
        "\"" + blob + "\" is held as extents, but its map \"" + map + "\" is not stored");
  CHECK(changed([&](Layout& l) { member(l, map).size.reset(); }) ==
        "\"" + map + "\" is not in the manifest, so the layout must give its size and sha256");
  CHECK(changed([&](Layout& l) {
          member(l, blob).storage = Storage::stored;
          member(l, blob).sources.clear();
        }) == "\"" + map + "\" is the extent map of a member that is not held as extents");
  CHECK(changed([&](Layout& l) {
          auto& evidence = member(l, "evidence/build-host.json");
          evidence.storage = Storage::extents;
          evidence.sources = {"components/model/model.onnx"};
        }) == "\"evidence/build-host.json\" is held as extents, but is not in the manifest");
}

TEST_CASE("the indexes of a package of six 10 GB members are small", "[manifest][layout]") {
  Manifest manifest = full_manifest();
  Layout layout = full_layout();
  for (std::uint64_t i = 0; i < 6; ++i) {
    std::string name = "variants/x86-64-v3-onnxruntime/part-" + std::to_string(i);
    std::string list = "digests/" + name + ".sha256";
    manifest.members.push_back({name, 10'000'000'000, digest(40 + i), list});
    manifest.members.push_back({list, 2384 * 32, digest(50 + i), ""});
    layout.members.push_back({name, Storage::extents, {}, {}, {"components/model/weights.bin"}});
    layout.members.push_back({"extents/" + name, Storage::stored, 5000, digest(60 + i)});
    layout.members.push_back({list, Storage::stored});
  }
  REQUIRE(validate(manifest));
  REQUIRE(check_layout(layout, manifest));
  CHECK(emit(manifest).size() + emit(layout).size() < 64 * 1024);
}

TEST_CASE("names are found or not", "[manifest]") {
  Manifest manifest = full_manifest();
  CHECK(manifest.find_component("model") == &manifest.components[0]);
  CHECK(manifest.find_variant("x86-64-v3-onnxruntime") == &manifest.variants[1]);
  CHECK(manifest.find_member("digests/model.chunks")->size == 64);
  CHECK(manifest.find_component("models") == nullptr);
  CHECK(manifest.find_variant("") == nullptr);
  CHECK(manifest.find_member("components") == nullptr);
}

TEST_CASE("evidence speaks of blobs, not of labels", "[evidence]") {
  Manifest manifest = full_manifest();
  Evidence evidence = full_evidence();
  const Variant& variant = *manifest.find_variant("x86-64-v3-onnxruntime");
  EvidenceEntry entry = evidence.entries[1];
  CHECK(speaks_of(entry, manifest, variant));
  entry.variant = "another label";
  CHECK(speaks_of(entry, manifest, variant));
  entry.blobs = {digest(99)};
  CHECK_FALSE(speaks_of(entry, manifest, variant));
  entry = evidence.entries[1];
  entry.component_sha256 = digest(99);
  CHECK_FALSE(speaks_of(entry, manifest, variant));
  // All blobs, in any order.
  const Variant& npu = *manifest.find_variant("qualcomm-sm8650-onnxruntime");
  entry = evidence.entries[1];
  entry.blobs = {digest(14), digest(13)};
  CHECK(speaks_of(entry, manifest, npu));
  entry.blobs = {digest(14)};
  CHECK_FALSE(speaks_of(entry, manifest, npu));
  CHECK_FALSE(speaks_of(entry, manifest, variant));

  CHECK(speaks_of_original(evidence.entries[0], manifest, manifest.components[0]));
  CHECK_FALSE(speaks_of_original(evidence.entries[1], manifest, manifest.components[0]));
  CHECK_FALSE(speaks_of(evidence.entries[0], manifest, variant));
}

TEST_CASE("what is not a manifest says so", "[manifest]") {
  CHECK(error_of(parse("")).starts_with("not valid JSON"));
  CHECK(error_of(parse("[]")) == "expected an object, found an array of 0");
  CHECK(error_of(parse("{}")) == "required field \"format\" is missing");
  CHECK(error_of(parse(emit(full_layout()))) ==
        "format: expected \"onnx-pack/manifest\", found \"onnx-pack/layout\"");
  auto text = emit(full_manifest());
  // Cut anywhere, it is refused.
  for (std::size_t cut = 0; cut + 1 < text.size(); cut += 97)
    CHECK_FALSE(parse(std::string_view(text).substr(0, cut)));
}

// One read of the tail must be enough to inspect and select, however large the weights are: digests
// of chunks are members of their own (2,560 chunks of a 10 GiB member are 80 KiB).
TEST_CASE("the index of six members of 10 GiB stays below 64 KiB", "[manifest]") {
  constexpr std::uint64_t large = std::uint64_t{10} << 30;
  Manifest manifest = full_manifest();
  Layout layout = full_layout();
  manifest.members[0].size = large;
  manifest.members[1].size = large;
  const auto add = [&](const std::string& name, std::uint64_t size, const std::string& chunks) {
    manifest.members.push_back({name, size, digest(manifest.members.size()), chunks});
    layout.members.push_back({name, Storage::stored});
  };
  for (int i = 0; i < 4; ++i) {
    Variant variant = manifest.variants.back();
    variant.name = "z" + std::to_string(i) + "-onnxruntime";
    const std::string blob = "variants/" + variant.name + "/model.onnx";
    variant.partitions[0].blobs[0].member = blob;
    manifest.variants.push_back(variant);
    add("digests/" + blob + ".chunks", large / (4 << 20) * 32, "");
    add(blob, large, "digests/" + blob + ".chunks");
  }
  const std::string text = emit(manifest);
  CHECK(text.size() + emit(layout).size() < 64 << 10);
  REQUIRE(parse(text));
}
