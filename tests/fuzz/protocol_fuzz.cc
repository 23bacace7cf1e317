// links: protocol
// What a backend or a host may be sent: any bytes as each message and as an event line. Nothing may
// crash, and what reads must survive being written and read again. The first byte chooses the
// message.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "onnxpack/protocol/compile.h"
#include "onnxpack/protocol/describe.h"
#include "onnxpack/protocol/event.h"
#include "onnxpack/protocol/run.h"

namespace {

using namespace onnxpack;
using namespace onnxpack::protocol;

template <auto read>
void try_message(const json::Value& value) {
  auto message = read(json::Cursor(value));
  if (!message) {
    if (message.error().message().empty()) std::abort();
    return;
  }
  json::Value written = to_json(*message);
  auto again = read(json::Cursor(written));
  if (!again || !(*again == *message)) std::abort();
}

constexpr std::array readers = {
    try_message<describe_request_from_json>, try_message<describe_response_from_json>,
    try_message<compile_request_from_json>,  try_message<compile_response_from_json>,
    try_message<plan_request_from_json>,     try_message<plan_response_from_json>,
    try_message<run_request_from_json>,      try_message<run_response_from_json>,
    try_message<probe_request_from_json>,    try_message<probe_response_from_json>,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::size_t which = data[0] % (readers.size() + 1);
  if (which == readers.size()) {
    auto event = event_from_line(text);
    if (event && to_line(*event).find('\n') != std::string::npos) std::abort();
    return 0;
  }
  if (auto value = json::parse(text)) readers[which](*value);
  return 0;
}
