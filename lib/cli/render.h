// Reports as text for people, on the console's out. JSON forms are in documents.h.
#pragma once

#include <string>
#include <vector>

#include "console.h"
#include "onnxpack/json/value.h"
#include "onnxpack/model/check.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/package/backends.h"
#include "onnxpack/package/bench.h"
#include "onnxpack/package/build.h"
#include "onnxpack/package/fleet.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/package/runtime_check.h"
#include "onnxpack/package/slim.h"
#include "onnxpack/package/verify.h"
#include "onnxpack/target/target.h"

namespace onnxpack::transform {
struct FlexNode;
}

namespace onnxpack::cli {

void render_build(const Console& console, const package::BuildRequest& request,
                  const package::BuildReport& report);

void render_package(const Console& console, const package::PackageFile& package,
                    const target::Target& host);
// One variant with everything that is known of it. Requires: the manifest has it.
void render_variant(const Console& console, const package::PackageFile& package,
                    const std::string& name, const target::Target& host);
void render_package_tree(const Console& console, const package::PackageFile& package);

// `check` is null when the model did not pass it.
void render_model(const Console& console, const model::ModelFile& model,
                  const model::CheckReport* check,
                  const std::vector<transform::FlexNode>& to_lower);
json::Value model_document(const model::ModelFile& model, const model::CheckReport& check,
                           const std::vector<transform::FlexNode>& to_lower);

enum class Explain { no, yes };
void render_select(const Console& console, const package::PackageFile& package,
                   const target::Target& target, const package::SlimReport& report, Explain explain,
                   const std::string& output);

void render_runtime_checks(const Console& console,
                           const std::vector<package::RuntimeCheck>& checks);

void render_verify(const Console& console, const package::PackageFile& package,
                   const package::VerifyReport& report);

void render_bench(const Console& console, const package::BenchReport& report);

// `subject` is the model or package as it was named.
void render_plan(const Console& console, const package::FleetReport& report,
                 const std::string& subject, std::size_t devices);

void render_backends(const Console& console, const std::vector<package::BackendInfo>& backends);
void render_targets(const Console& console, const std::vector<target::Target>& targets);
void render_targets_diff(const Console& console, const target::Target& a, const target::Target& b);

// "3.52 ms", "1.2 s"; "" for what a runtime does not tell.
std::string milliseconds(double value);
// "[?, 3, height, 192]"; "" when the rank is unknown.
std::string shape_text(const std::optional<std::vector<manifest::Dimension>>& shape);
std::string shape_text(const std::vector<std::int64_t>& shape);
// "id  sha256:..." people compare the first twelve digits.
std::string short_id(const std::string& id);

}  // namespace onnxpack::cli
