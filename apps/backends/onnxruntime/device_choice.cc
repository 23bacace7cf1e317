#include "device_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "onnxpack/base/text.h"

namespace onnxpack::ort_backend {
namespace {

bool has(const Metadata& metadata, const std::string& key, const std::string& value) {
  const auto found = metadata.find(key);
  return found != metadata.end() && found->second == value;
}

bool has_all(const DeviceFacts& device, const Metadata& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& entry) {
    return has(device.metadata, entry.first, entry.second) ||
           has(device.hardware, entry.first, entry.second);
  });
}

std::string pairs(const Metadata& metadata) {
  std::vector<std::string> out;
  for (const auto& [key, value] : metadata)
    out.push_back(fmt::format("{}={}", printable(key), printable(value)));
  return join(out, ", ");
}

Error nothing_fits(const std::vector<DeviceFacts>& offered, const DeviceWish& wish) {
  std::vector<std::string> found;
  for (const DeviceFacts& device : offered) {
    if (device.ep == wish.ep) found.push_back(fmt::format("[{}]", device.text()));
  }
  if (found.empty()) {
    return Error(ErrorKind::unavailable,
                 fmt::format("the plug-in offers no device of {} on this machine, nor a virtual "
                             "one to compile for",
                             wish.ep));
  }
  const std::string expected = wish.metadata.empty()
                                   ? fmt::format("a device of class {}", join(wish.kinds, " or "))
                                   : fmt::format("a device with {}", pairs(wish.metadata));
  return Error(ErrorKind::unavailable, fmt::format("no device of {} fits: expected {}, found {}",
                                                   wish.ep, expected, join(found, " ")))
      .with_hint("name the device with onnxruntime.ep_device='{\"KEY\": \"VALUE\"}'");
}

}  // namespace

bool DeviceFacts::is_virtual() const {
  return has(hardware, "is_virtual", "1") || has(metadata, "is_virtual", "1");
}

std::string DeviceFacts::text() const {
  std::vector<std::string> parts = {kind.empty() ? "device" : kind};
  for (const Metadata* part : {&metadata, &hardware}) {
    Metadata shown = *part;
    shown.erase("library_path");  // says where it lies on this machine, not which device it is
    if (!shown.empty()) parts.push_back(pairs(shown));
  }
  return join(parts, ", ");
}

Result<std::size_t> choose_device(const std::vector<DeviceFacts>& offered, const DeviceWish& wish) {
  using Rank = std::tuple<std::ptrdiff_t, bool, std::size_t>;
  std::optional<Rank> best;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    const DeviceFacts& device = offered[i];
    if (device.ep != wish.ep || !has_all(device, wish.metadata)) continue;
    const auto kind = std::ranges::find(wish.kinds, device.kind);
    if (kind == wish.kinds.end() && wish.metadata.empty()) continue;
    const Rank rank{kind - wish.kinds.begin(), device.is_virtual(), i};
    if (!best || rank < *best) best = rank;
  }
  if (!best) return std::unexpected<Error>(nothing_fits(offered, wish));
  return std::get<std::size_t>(*best);
}

}  // namespace onnxpack::ort_backend
