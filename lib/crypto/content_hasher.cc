#include "onnxpack/crypto/content_hasher.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "onnxpack/crypto/crc32.h"

namespace onnxpack::crypto {

// Chunks travel: free list -> filled by the caller -> both hash queues -> free list. A chunk is
// free again when the caller and both hash threads let go of it. The queues cannot grow beyond the
// number of chunks.
class ContentHasher::Pipeline {
 public:
  Pipeline() = default;
  ~Pipeline() {
    {
      std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  std::span<std::byte> buffer() {
    if (current_ != nullptr && filled_ == chunk_size)
      submit();  // the first chunk, kept back by commit()
    release_held();
    if (current_ == nullptr) current_ = take_free();
    return std::span(current_->data.get(), chunk_size).subspan(filled_);
  }

  void commit(std::size_t size) {
    filled_ += size;
    total_ += size;
    // Content of one chunk is common and needs no threads, and whether a second one follows is not
    // known yet.
    if (filled_ == chunk_size && total_ > chunk_size) submit();
  }

  ContentHashes finish() {
    ContentHashes out;
    if (total_ <= chunk_size) {
      out = hash_inline();
    } else {
      if (current_ != nullptr && filled_ > 0) submit();
      out = collect();
    }
    out.size = total_;
    reset();
    return out;
  }

  void reset() {
    release_held();
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return pending_ == 0; });
    whole_ = Sha256();
    crc_ = 0;
    chunks_.clear();
    total_ = 0;
    filled_ = 0;
  }

 private:
  struct Chunk {
    std::unique_ptr<std::byte[]> data = std::make_unique_for_overwrite<std::byte[]>(chunk_size);
    std::size_t size = 0;
    std::size_t index = 0;
    int users = 0;
    ByteView view() const { return {data.get(), size}; }
  };

  Chunk* take_free() {
    std::unique_lock lock(mutex_);
    if (free_.empty() && chunks_made_.size() < buffers) {
      chunks_made_.push_back(std::make_unique<Chunk>());
      return chunks_made_.back().get();
    }
    done_.wait(lock, [&] { return !free_.empty(); });
    Chunk* chunk = free_.back();
    free_.pop_back();
    return chunk;
  }

  void submit() {
    Chunk* chunk = std::exchange(current_, nullptr);
    release_held();
    chunk->size = std::exchange(filled_, 0);
    start_threads();
    {
      std::scoped_lock lock(mutex_);
      chunk->index = chunks_.size();
      chunks_.emplace_back();
      chunk->users = 3;
      pending_ += 2;
      whole_queue_.push_back(chunk);
      chunk_queue_.push_back(chunk);
    }
    held_ = chunk;
    if (threads_.empty()) {
      hash_whole(take(whole_queue_));
      hash_chunk(take(chunk_queue_));
    } else {
      work_.notify_all();
    }
  }

  void start_threads() {
    if (!threads_.empty() || threads_refused_) return;
    try {
      threads_.emplace_back(
          [this] { run(whole_queue_, [this](Chunk* chunk) { hash_whole(chunk); }); });
      threads_.emplace_back(
          [this] { run(chunk_queue_, [this](Chunk* chunk) { hash_chunk(chunk); }); });
    } catch (const std::system_error&) {
      // At the limit of threads: slower is better than not at all. One thread alone would leave the
      // other queue unserved.
      threads_refused_ = true;
      stop_threads();
    }
  }

  void stop_threads() {
    {
      std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    stopping_ = false;
  }

  Chunk* take(std::deque<Chunk*>& queue) {
    std::scoped_lock lock(mutex_);
    Chunk* chunk = queue.front();
    queue.pop_front();
    return chunk;
  }

  template <typename Hash>
  void run(std::deque<Chunk*>& queue, Hash&& hash) {
    while (true) {
      Chunk* chunk = nullptr;
      {
        std::unique_lock lock(mutex_);
        work_.wait(lock, [&] { return stopping_ || !queue.empty(); });
        if (stopping_) return;
        chunk = queue.front();
        queue.pop_front();
      }
      hash(chunk);
    }
  }

  void hash_whole(Chunk* chunk) {
    // In pieces that stay in the cache between the two functions.
    constexpr std::size_t piece = std::size_t{64} << 10;
    for (ByteView rest = chunk->view(); !rest.empty();) {
      ByteView now = rest.first(std::min(piece, rest.size()));
      whole_.update(now);
      crc_ = crypto::crc32(now, crc_);
      rest = rest.subspan(now.size());
    }
    release(chunk);
  }

  void hash_chunk(Chunk* chunk) {
    Digest digest = sha256(chunk->view());
    {
      std::scoped_lock lock(mutex_);
      chunks_[chunk->index] = digest;
    }
    release(chunk);
  }

  // By a hash thread, done with the chunk.
  void release(Chunk* chunk) {
    {
      std::scoped_lock lock(mutex_);
      --pending_;
      drop(chunk);
    }
    done_.notify_all();
  }

  // By the caller's thread, which may have read the committed chunk until now.
  void release_held() {
    if (held_ == nullptr) return;
    std::scoped_lock lock(mutex_);
    drop(std::exchange(held_, nullptr));
  }

  void drop(Chunk* chunk) {
    if (--chunk->users == 0) free_.push_back(chunk);
  }

  ContentHashes hash_inline() {
    ContentHashes out;
    ByteView content;
    if (current_ != nullptr) content = {current_->data.get(), filled_};
    out.sha256 = sha256(content);
    out.crc32 = crypto::crc32(content);
    if (!content.empty()) out.chunks.push_back(out.sha256);
    return out;
  }

  ContentHashes collect() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return pending_ == 0; });
    ContentHashes out;
    out.crc32 = crc_;
    out.sha256 = whole_.finish();
    out.chunks = std::move(chunks_);
    return out;
  }

  std::vector<std::thread> threads_;
  bool threads_refused_ = false;

  // The caller's thread only.
  Chunk* current_ = nullptr;  // being filled
  std::size_t filled_ = 0;
  Chunk* held_ = nullptr;  // submitted, still readable by the caller
  std::uint64_t total_ = 0;

  // The whole-content thread between submissions, the caller's when nothing is pending.
  Sha256 whole_;
  std::uint32_t crc_ = 0;

  std::mutex mutex_;  // guards all below
  std::condition_variable work_;
  std::condition_variable done_;
  std::vector<std::unique_ptr<Chunk>> chunks_made_;
  std::vector<Chunk*> free_;
  std::deque<Chunk*> whole_queue_;
  std::deque<Chunk*> chunk_queue_;
  std::vector<Digest> chunks_;
  int pending_ = 0;  // chunk uses by hash threads that are not finished
  bool stopping_ = false;
};

ContentHasher::ContentHasher() : pipeline_(std::make_unique<Pipeline>()) {}
ContentHasher::~ContentHasher() = default;

std::span<std::byte> ContentHasher::buffer() {
  return pipeline_->buffer();
}
void ContentHasher::commit(std::size_t size) {
  pipeline_->commit(size);
}
ContentHashes ContentHasher::finish() {
  return pipeline_->finish();
}
void ContentHasher::reset() {
  pipeline_->reset();
}

void ContentHasher::update(ByteView bytes) {
  while (!bytes.empty()) {
    std::span<std::byte> room = buffer();
    std::size_t now = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), now);
    commit(now);
    bytes = bytes.subspan(now);
  }
}

Result<ContentHashes> hash_content(const io::ReadableFile& file, std::uint64_t offset,
                                   std::uint64_t size, const CancelFlag* cancel,
                                   const std::function<void(std::uint64_t)>& progress) {
  ContentHasher hasher;
  std::uint64_t done = 0;
  while (done < size) {
    if (cancel != nullptr) ONNXPACK_CHECK(cancel->check());
    std::span<std::byte> room = hasher.buffer();
    auto now =
        room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), size - done)));
    ONNXPACK_CHECK(file.read_at(offset + done, now));
    hasher.commit(now.size());
    done += now.size();
    if (progress) progress(done);
  }
  return hasher.finish();
}

}  // namespace onnxpack::crypto
