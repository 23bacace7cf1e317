// `describe`: what a backend is, said before it does anything. Must answer within seconds and needs
// no model.
#pragma once

#include <string>
#include <vector>

#include "onnxpack/protocol/common.h"
#include "onnxpack/target/requirement.h"
#include "onnxpack/target/target.h"

namespace onnxpack::protocol {

struct DescribeRequest {
  ProtocolVersion protocol = current_version;
  bool operator==(const DescribeRequest&) const = default;
};
json::Value to_json(const DescribeRequest& request);
Result<DescribeRequest> describe_request_from_json(const json::Cursor& cursor);

// One rule of what the backend serves, decided by the host from the target alone: every part must
// hold.
struct ServeRule {
  std::string family;                             // for people: "x86-64 CPUs", "Qualcomm HTP"
  std::vector<std::string> names;                 // globs over target names; empty: any
  std::vector<target::Requirement> requirements;  // over the target's facts
  std::vector<std::string>
      absent;  // features the target must not state (or must know to have none of)
  bool wants_backend_options =
      false;  // the target must carry settings for this backend (backend_options.<name>)
  // Of operators beyond ONNX's own that a model for such a target may have: "org.onnxpack".
  std::vector<std::string> domains = {};
  bool operator==(const ServeRule&) const = default;
};

struct OptionInfo {
  std::string name;
  std::string description;  // one line
  json::Value schema;       // JSON Schema of the value, with "default"
  bool operator==(const OptionInfo&) const = default;
};

// Something the backend needs that is not part of it: a runtime library, a program, a licence file.
struct Need {
  std::string name;  // "libonnxruntime.so.1"
  bool found = false;
  std::string where;  // path or version when found
  std::string how;    // how to get it when missing
  bool operator==(const Need&) const = default;
};

struct DescribeResponse {
  Answer answer;  // always ok from a working backend; an unavailable one says so below
  std::string name;
  std::string description;  // one line for `onnx-pack backends`
  VersionRange protocol;
  std::vector<Verb> verbs;
  Versions versions;              // everything whose change changes blobs: part of the build key
  std::string ep;                 // the EP its variants run on, when there is only one
  std::vector<ServeRule> serves;  // any rule is enough
  std::vector<OptionInfo> options;
  std::vector<Need> needs;
  bool deterministic = false;  // same request, same bytes
  bool available = true;
  bool compiles = true;  // false: it runs variants here, but what compiles them is not installed
  std::string reason;    // why not, when not available or when it does not compile
  std::string hint;      // what to install
  bool operator==(const DescribeResponse&) const = default;
};
json::Value to_json(const DescribeResponse& response);
Result<DescribeResponse> describe_response_from_json(const json::Cursor& cursor);

// Whether `description` serves `target`; when not, `reason` says what came nearest ("needs
// accelerator.kind any of qualcomm-htp; ...").
struct Served {
  bool served = false;
  std::string family;
  std::string reason;
  std::vector<std::string> domains = {};  // the rule's
};
Served serves(const DescribeResponse& description, const target::Target& target);

}  // namespace onnxpack::protocol
