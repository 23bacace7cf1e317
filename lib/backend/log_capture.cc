#include "log_capture.h"

#include <algorithm>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::backend {
namespace {

constexpr std::size_t recent_size = 8 * 1024;
constexpr std::size_t line_width = 200;

void keep_end(std::string& text, std::string_view more, std::size_t size) {
  if (more.size() >= size) {
    text = more.substr(more.size() - size);
    return;
  }
  if (text.size() + more.size() > size) text.erase(0, text.size() + more.size() - size);
  text += more;
}

}  // namespace

bool LogCapture::append(std::string_view bytes) {
  total_ += bytes.size();
  keep_end(recent_, bytes, recent_size);
  if (head_ < limit_ && !stream_.is_open()) stream_.open(file_, std::ios::binary | std::ios::trunc);
  auto now = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), limit_ - head_));
  if (now > 0) {
    stream_.write(bytes.data(), static_cast<std::streamsize>(now));
    stream_.flush();  // so that a person can follow it
    head_ += now;
    bytes.remove_prefix(now);
  }
  if (!bytes.empty()) keep_end(tail_, bytes, tail_size);
  return now > 0;
}

Status LogCapture::finish() {
  if (total_ == 0) return {};
  if (!tail_.empty() && dropped() > 0) {
    stream_ << fmt::format("\n[onnx-pack: {} of output left out]\n", human_size(dropped()));
  }
  stream_ << tail_;
  stream_.close();
  if (!stream_) {
    return fail(ErrorKind::io, fmt::format("{}: cannot be written", file_.string()));
  }
  return {};
}

std::vector<std::string> LogCapture::last_lines(std::size_t count) const {
  std::vector<std::string> out;
  std::string_view rest = recent_;
  while (!rest.empty() && out.size() < count) {
    auto begin = rest.find_last_of('\n');
    std::string_view line = begin == std::string_view::npos ? rest : rest.substr(begin + 1);
    rest = begin == std::string_view::npos ? std::string_view() : rest.substr(0, begin);
    line = trim(line);
    if (!line.empty()) out.push_back(printable(line.substr(0, line_width)));
  }
  std::ranges::reverse(out);
  return out;
}

}  // namespace onnxpack::backend
