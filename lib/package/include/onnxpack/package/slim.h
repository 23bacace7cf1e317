// select: ranks the variants for a target and writes the slim package that holds only what was
// chosen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/select/select.h"

namespace onnxpack::package {

struct SlimRequest {
  select::Request selection;  // its `component` is set for each component in turn
  std::filesystem::path output;
  io::Overwrite overwrite = io::Overwrite::no;
  std::size_t keep = 1;  // variants to keep for each component, best first, of those that stand
                         // above the original graph
  bool dry_run = false;  // rank only
  bool verify =
      false;  // re-hash what is copied (it is copied unhashed otherwise: verify says later)
  // The best variant's blobs in one piece, so that a runtime maps them, and what the original graph
  // shares with them as extents of theirs. Otherwise the original is the one in one piece.
  bool prefer_mapped = false;
};

struct ComponentSelection {
  std::string component;
  select::Selection selection;
};

struct SlimReport {
  std::vector<ComponentSelection> selections;  // in component order
  std::vector<std::string> kept_variants;
  bool kept_original = true;
  std::vector<std::string> dropped_members;
  std::uint64_t kept_bytes = 0;  // of members
  std::uint64_t dropped_bytes = 0;
  std::uint64_t package_size = 0;  // of the written file; 0 on a dry run
  std::string package_id;
};

// Errors: as select::rank; not_found when a chosen variant's blobs are not in this (already slim)
// package; io, already_exists, cancelled.
Result<SlimReport> select_package(const Environment& environment, const PackageFile& package,
                                  const SlimRequest& request);

}  // namespace onnxpack::package
