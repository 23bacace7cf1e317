#include "event_lines.h"

namespace onnxpack::backend {

bool EventLines::append(std::string_view bytes,
                        const std::function<void(const protocol::Event&)>& use) {
  bool alive = false;
  while (!bytes.empty()) {
    auto end = bytes.find('\n');
    std::string_view piece = bytes.substr(0, end);
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (line_.size() + piece.size() > protocol::max_event_line) skipping_ = true;
    if (!skipping_) line_ += piece;
    if (end == std::string_view::npos) break;

    Result<protocol::Event> event = fail(ErrorKind::corrupt, "line too long");
    if (!skipping_) event = protocol::event_from_line(line_);
    if (event) {
      alive = true;
      use(*event);
    } else {
      ++unreadable_;
    }
    line_.clear();
    skipping_ = false;
  }
  return alive;
}

}  // namespace onnxpack::backend
