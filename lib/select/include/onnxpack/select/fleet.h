// A fleet: what each of many devices would take from a package, and the least that serves them all.
// A pure function over select::rank.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/manifest/manifest.h"
#include "onnxpack/select/select.h"
#include "onnxpack/target/target.h"

namespace onnxpack::select {

// What is counted: single variants (a package that is there), or targets, each with all the
// variants made for it (a package that is to be built).
enum class Unit { variant, target };

struct FleetDevice {
  std::string name;  // unique; a file's name, since many files call their target "host"
  target::Target target;
};

struct FleetRequest {
  std::vector<FleetDevice> devices;
  Request ranking;  // but for its target, which is each device in turn
  Unit unit = Unit::variant;
};

struct DevicePick {
  std::string device;
  std::string unit;    // of the variant that select would take; empty: the original graph
  std::string reason;  // of an original: why nothing else
  bool operator==(const DevicePick&) const = default;
};

struct UnitUse {
  std::string unit;
  std::string device;               // cpu, gpu, npu: where its variants run
  std::vector<std::string> picks;   // devices that take it, with everything there to choose from
  std::vector<std::string> serves;  // devices for which it stands above the original graph, on the
                                    // kind of accelerator of their best
  bool needed = false;              // in the smallest set
  std::vector<std::string> set_picks;  // devices that take it when there is the smallest set only
  std::string reason;  // without picks: why the device nearest to it does not take it
};

struct FleetPlan {
  std::vector<DevicePick> devices;    // in the request's order
  std::vector<UnitUse> units;         // in name order
  std::vector<std::string> smallest;  // units, in name order: no smaller set serves as many devices
  bool proved = true;                 // that none is smaller
  std::vector<std::string> originals;  // devices that nothing serves
};

// A unit serves a device when it stands above the original graph there, on an accelerator of the
// same class as the device's best unit: a phone with an NPU is not served by code for its CPU.
// Among equally small sets, the one whose units are the most specific.
//
// Errors: invalid_argument (no device, two of one name); those of rank().
Result<FleetPlan> plan_fleet(const manifest::Manifest& manifest, const FleetRequest& request);

}  // namespace onnxpack::select
