// The --json documents. Each is an object with "document" and "version"; fields are only added
// within a version. docs/json-output.md.
#pragma once

#include <string>
#include <vector>

#include "exit_code.h"
#include "onnxpack/json/value.h"
#include "onnxpack/manifest/manifest.h"
#include "onnxpack/package/backends.h"
#include "onnxpack/package/bench.h"
#include "onnxpack/package/build.h"
#include "onnxpack/package/diff.h"
#include "onnxpack/package/edit.h"
#include "onnxpack/package/extract.h"
#include "onnxpack/package/fleet.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/package/runtime_check.h"
#include "onnxpack/package/slim.h"
#include "onnxpack/package/verify.h"
#include "onnxpack/target/target.h"

namespace onnxpack::cli {

// {"document": kind, "version": 1} to add fields to.
json::Value document(std::string_view kind);

json::Value build_document(const package::BuildReport& report, const std::string& output,
                           ExitCode code);
json::Value package_document(const package::PackageFile& package, const target::Target& host);
json::Value select_document(const package::SlimReport& report, const target::Target& target,
                            const std::string& output);
json::Array runtime_checks(const std::vector<package::RuntimeCheck>& checks);
json::Value extract_document(const package::ExtractReport& report, const std::string& output);
// `verb`: add, remove, merge or repack.
json::Value edit_document(std::string_view verb, const package::EditReport& report,
                          const std::string& output);
json::Value diff_document(const package::PackageDiff& diff);
json::Value verify_document(const package::VerifyReport& report);
json::Value bench_document(const package::BenchReport& report);
json::Value plan_document(const package::FleetReport& report);
json::Value backends_document(const std::vector<package::BackendInfo>& backends);
json::Value targets_diff_document(const target::Target& a, const target::Target& b);
json::Value targets_document(const std::vector<target::Target>& targets);

json::Value to_json(const manifest::ValueInfo& value);
json::Array strings(const std::vector<std::string>& values);

}  // namespace onnxpack::cli
