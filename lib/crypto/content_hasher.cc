#include "onnxpack/crypto/content_hasher.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "onnxpack/crypto/crc32.h"
#include "running_sha256.h"

namespace onnxpack::crypto {

// Pieces travel: free list -> filled by the caller -> the queues of all workers -> free list. A
// piece is free again when the caller and all workers let go of it. The queues cannot grow beyond
// the number of pieces.
class ContentHasher::Pipeline {
 public:
  explicit Pipeline(HashWith with)
      : one_pass_(with == HashWith::best && RunningSha256::supported()),
        workers_(one_pass_ ? 1 : 2) {
    if (one_pass_) {
      workers_[0].hash = [this](const Piece& piece) {
        running_.add(piece.view());
        if (piece.ends_chunk) chunks_.push_back(running_.cut());
      };
    } else {
      workers_[0].hash = [this](const Piece& piece) { whole_.update(piece.view()); };
      workers_[1].hash = [this](const Piece& piece) {
        chunk_.update(piece.view());
        if (piece.ends_chunk) chunks_.push_back(chunk_.finish());
      };
    }
  }
  ~Pipeline() { stop_threads(); }
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  std::span<std::byte> buffer() {
    if (current_ != nullptr && current_->size == piece_size) submit();  // kept back by commit()
    release_held();
    if (current_ == nullptr) current_ = take_free();
    return std::span(current_->data.get(), piece_size).subspan(current_->size);
  }

  void commit(std::size_t size) {
    if (size == 0) return;
    // Here and not by a worker: it is cheap, and the bytes are in this core's cache.
    crc_ = crypto::crc32({current_->data.get() + current_->size, size}, crc_);
    current_->size += size;
    total_ += size;
    // Content of one piece is common and needs no threads, and whether a second one follows is not
    // known yet.
    if (current_->size == piece_size && total_ > piece_size) submit();
  }

  ContentHashes finish() {
    release_held();
    if (current_ != nullptr && current_->size > 0) {
      if (total_ <= piece_size) {
        hash_here(*current_);
      } else {
        submit();
      }
    }
    wait_for_workers();
    ContentHashes out;
    out.size = total_;
    out.crc32 = crc_;
    if (!at_chunk_end()) chunks_.push_back(one_pass_ ? running_.cut() : chunk_.finish());
    out.sha256 = one_pass_ ? running_.finish() : whole_.finish();
    out.chunks = std::exchange(chunks_, {});
    reset();
    return out;
  }

  void reset() {
    release_held();
    wait_for_workers();
    running_ = RunningSha256();
    whole_ = Sha256();
    chunk_ = Sha256();
    chunks_.clear();
    crc_ = 0;
    total_ = 0;
    if (current_ != nullptr) current_->size = 0;
  }

 private:
  struct Piece {
    std::unique_ptr<std::byte[]> data = std::make_unique_for_overwrite<std::byte[]>(piece_size);
    std::size_t size = 0;
    bool ends_chunk = false;
    std::size_t users = 0;
    ByteView view() const { return {data.get(), size}; }
  };

  struct Worker {
    std::function<void(const Piece&)> hash;
    std::deque<Piece*> queue;
  };

  bool at_chunk_end() const { return total_ % chunk_size == 0; }

  Piece* take_free() {
    Piece* piece = nullptr;
    std::unique_lock lock(mutex_);
    if (free_.empty() && made_.size() < buffers) {
      piece = made_.emplace_back(std::make_unique<Piece>()).get();
    } else {
      done_.wait(lock, [&] { return !free_.empty(); });
      piece = free_.back();
      free_.pop_back();
    }
    piece->size = 0;
    return piece;
  }

  // The piece that was filled last; total_ is its end in the content.
  void submit() {
    release_held();
    Piece* piece = std::exchange(current_, nullptr);
    piece->ends_chunk = at_chunk_end();
    start_threads();
    if (threads_.empty()) {
      hash_here(*piece);
      piece->users = 1;
    } else {
      {
        std::scoped_lock lock(mutex_);
        piece->users = 1 + workers_.size();
        pending_ += workers_.size();
        for (Worker& worker : workers_) worker.queue.push_back(piece);
      }
      work_.notify_all();
    }
    held_ = piece;
  }

  // Requires: the workers have nothing to do.
  void hash_here(Piece& piece) {
    piece.ends_chunk = at_chunk_end();
    for (Worker& worker : workers_) worker.hash(piece);
  }

  void start_threads() {
    if (!threads_.empty() || threads_refused_) return;
    try {
      for (Worker& worker : workers_) threads_.emplace_back([this, &worker] { run(worker); });
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

  void run(Worker& worker) {
    while (true) {
      Piece* piece = nullptr;
      {
        std::unique_lock lock(mutex_);
        work_.wait(lock, [&] { return stopping_ || !worker.queue.empty(); });
        if (stopping_) return;
        piece = worker.queue.front();
        worker.queue.pop_front();
      }
      worker.hash(*piece);
      {
        std::scoped_lock lock(mutex_);
        --pending_;
        drop(piece);
      }
      done_.notify_all();
    }
  }

  void wait_for_workers() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return pending_ == 0; });
  }

  // By the caller's thread, which may have read the committed piece until now.
  void release_held() {
    if (held_ == nullptr) return;
    std::scoped_lock lock(mutex_);
    drop(std::exchange(held_, nullptr));
  }

  void drop(Piece* piece) {
    if (--piece->users == 0) free_.push_back(piece);
  }

  const bool one_pass_;
  std::vector<Worker> workers_;  // the queues are guarded by mutex_
  std::vector<std::thread> threads_;
  bool threads_refused_ = false;

  // The caller's thread only.
  Piece* current_ = nullptr;  // being filled
  Piece* held_ = nullptr;     // submitted, still readable by the caller
  std::uint64_t total_ = 0;
  std::uint32_t crc_ = 0;

  // A worker's thread while something is pending, the caller's otherwise.
  RunningSha256 running_;
  Sha256 whole_;
  Sha256 chunk_;
  std::vector<Digest> chunks_;

  std::mutex mutex_;  // guards all below
  std::condition_variable work_;
  std::condition_variable done_;
  std::vector<std::unique_ptr<Piece>> made_;
  std::vector<Piece*> free_;
  std::size_t pending_ = 0;  // uses of pieces by workers that are not finished
  bool stopping_ = false;
};

ContentHasher::ContentHasher(HashWith with) : pipeline_(std::make_unique<Pipeline>(with)) {}
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
  // Where nothing is written, reading leaves the better part of a core, and two passes on two cores
  // end sooner than one that costs less.
  ContentHasher hasher(std::thread::hardware_concurrency() > 1 ? HashWith::openssl
                                                               : HashWith::best);
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
