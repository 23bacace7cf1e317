// A file whose bytes are computed, a band at a time: the base of files that read another in another
// form. Thread safe: one band is kept, under a lock, while the file is among those that made one
// last: a member of a package may be hundreds of such files, one for each weight.
#pragma once

#include <cstdint>
#include <mutex>

#include "onnxpack/base/bytes.h"
#include "onnxpack/io/file.h"

namespace onnxpack::extents {

class BandedFile : public io::ReadableFile {
 public:
  BandedFile() = default;
  BandedFile(const BandedFile&) = delete;
  BandedFile& operator=(const BandedFile&) = delete;
  ~BandedFile() override;

  // Errors: corrupt for a range outside the file, and those of make_band().
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const final;

 protected:
  // Bytes of every band but the last, which may have fewer.
  virtual std::uint64_t band_bytes() const = 0;
  // Puts band `number` into band_; called by one thread at a time.
  virtual Status make_band(std::uint64_t number) const = 0;

  mutable Bytes band_;

 private:
  Status load(std::uint64_t number) const;
  void keep_few() const;

  mutable std::mutex mutex_;
  mutable std::uint64_t number_ = 0;
  mutable bool loaded_ = false;
};

}  // namespace onnxpack::extents
