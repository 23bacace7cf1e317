// bench: how fast is each variant on this machine, against the original graph? Nothing is judged by
// guess here: what does not suit this machine is not run, emulators included.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/manifest/evidence.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/package/verify.h"
#include "onnxpack/target/target.h"

namespace onnxpack::package {

struct BenchRequest {
  std::vector<std::string> variants = {};  // empty: all; the original is always measured
  InputSource inputs = {};
  unsigned rounds = 5;   // how often each subject's turn comes; every turn is a new process
  unsigned runs = 10;    // timed runs in a turn
  unsigned warmup = 2;   // untimed ones before them
  unsigned threads = 0;  // of every runtime alike; 0: as many as this machine has cores
};

enum class BenchStatus {
  measured,
  not_run,  // does not suit this machine, or cannot run here
  failed,   // should have run and did not, or computed something else than the original
};
std::string_view to_string(BenchStatus status);

struct BenchLine {
  std::string component;
  std::string variant;  // empty: the original graph
  BenchStatus status = BenchStatus::not_run;
  std::string reason;
  std::string runtime;
  // Each figure is the median over the rounds of that round's figure; `runs` counts all of them.
  std::optional<manifest::Latency> latency;
  double lowest_ms = 0;  // of the rounds' medians
  double highest_ms = 0;
  // Median over the rounds of (this median / the original's in the same round): what drifts on the
  // machine during a round meets both. Nothing for the original.
  std::optional<double> ratio;
};

struct BenchReport {
  std::vector<BenchLine> lines;     // by component; the original first, then by name
  std::vector<std::string> chosen;  // what select would take with these figures: "model:
                                    // x86-64-v3-onnxruntime"; one for each component
  target::Target device;
  std::string inputs_description;
  unsigned rounds = 0;
  unsigned runs = 0;
  unsigned threads = 0;
  manifest::Evidence evidence;  // what was learnt, for select
  bool ok = false;              // nothing failed
};

// Turns go round: in each round every subject runs once, and each round begins with another. A
// subject of which one run takes longer than 1.5 s has a single timed run in each of two rounds.
// Errors: not_found (a variant), invalid_argument (inputs that fit no signature), unavailable (the
// original cannot be run, so there is nothing to compare with), untrusted (a member's digest), io,
// cancelled.
Result<BenchReport> bench(const Environment& environment, const PackageFile& package,
                          const BenchRequest& request);

// The same for a package that was just written, whose evidence then lies in it as an annex; the id
// stays.
Result<BenchReport> bench_into(const Environment& environment, const std::filesystem::path& path,
                               const BenchRequest& request);

}  // namespace onnxpack::package
