// Writes the members of a package in order, each byte once: a blob's bytes that stand in an earlier
// member are referred to. Keeps what manifest and layout say of each member.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "onnxpack/archive/writer.h"
#include "onnxpack/extents/finder.h"
#include "onnxpack/extents/resolve.h"
#include "onnxpack/io/segment.h"
#include "onnxpack/manifest/manifest.h"
#include "onnxpack/package/environment.h"

namespace onnxpack::package {

class MemberWriter {
 public:
  // Borrows both.
  MemberWriter(const Environment& environment, io::WritableFile& output)
      : environment_(environment), archive_(output) {}

  // As it is.
  Status add(const std::string& name, std::span<const io::Segment> content);
  Status add_file(const std::string& name, const io::ReadableFile& file);

  // From here on blobs may be held as extents. `expected_bytes`, of the sources to come.
  void share(std::uint64_t expected_bytes);
  // A member in whose `ranges` the bytes of blobs are looked for: one that was added as it is, or
  // one that add_held() will add. Gives its number as a source.
  Result<std::uint32_t> add_source(const std::string& name,
                                   std::shared_ptr<const io::ReadableFile> content,
                                   std::span<const extents::Range> ranges);
  // Held as extents where that saves a sixteenth, else as it is; what it adds is a source of
  // the blobs to come. Keeps `file`.
  Status add_blob(const std::string& name, std::shared_ptr<const io::ReadableFile> file);

  // For members that are held as extents of what comes later in the order of the manifest:
  // The extents of `file` in the sources so far.
  Result<std::vector<extents::Extent>> find(const io::ReadableFile& file);
  // Held as these extents; from here on what is found in source `number`, which this member was
  // added as, is found in what they refer to. As it is, where the extents do not pay.
  Status add_held(const std::string& name, std::shared_ptr<const io::ReadableFile> file,
                  std::vector<extents::Extent> extents, std::uint32_t number);
  // The order of members in the manifest, whatever the order in which they are written.
  void list_in_order(std::vector<std::string> names) { order_ = std::move(names); }

  // A member that the manifest does not know, written by finish(). Requires: in the order of names.
  void add_annex(std::string name, Bytes content);

  // Requires: it was added. Looks from the last one on.
  const manifest::Member& written(std::string_view member) const;

  // Digest lists, annexes, layout.json, manifest.json, directory: completes `manifest` with the
  // members and the archive with the indexes. Returns the package id. Errors also: as
  // manifest::validate.
  Result<std::string> finish(manifest::Manifest& manifest);
  // After any error.
  void abandon() { archive_.abandon(); }

 private:
  archive::AddOptions options();
  void note(const std::string& name, crypto::ContentHashes hashes, manifest::LayoutMember how);
  Status add_digest_lists();
  Status write_annexes();
  void put_in_order();
  // Gives the number of the map as a source.
  Result<std::uint32_t> add_mapped(const std::string& name,
                                   std::shared_ptr<const io::ReadableFile> file,
                                   std::vector<extents::Extent> extents);

  const Environment& environment_;
  archive::ArchiveWriter archive_;
  std::vector<manifest::Member> members_;
  std::vector<std::pair<std::string, Bytes>> annexes_;
  manifest::Layout layout_;
  std::map<std::string, std::vector<crypto::Digest>> chunks_;
  std::optional<extents::Finder> finder_;
  std::vector<std::string> sources_;  // sources_[n - 1] is the finder's source n
  std::map<std::uint32_t, extents::HeldAs> held_;
  std::vector<std::string> order_;
  std::uint64_t done_ = 0;
};

// True when `extents` of a member of `size` bytes are worth their map: below that, a plain member
// is simpler to map into memory.
bool extents_pay(std::span<const extents::Extent> extents, std::uint64_t size);

// What a map member consists of: the encoded records, and the residual: ranges of `file`, and what
// ternary extents have there.
struct MapContent {
  std::vector<io::Segment> segments;
  std::vector<std::shared_ptr<const void>> owners;  // of what the segments borrow beside `file`
  std::uint64_t records_size = 0;
};
// `file` is the member in full. Borrows it. Errors: as reading it.
Result<MapContent> map_content(std::vector<extents::Extent> extents, const io::ReadableFile& file);
// Numbers the sources from 1 as they are first used; `names` gets those used, in that order.
void renumber_sources(std::vector<extents::Extent>& extents, std::span<const std::string> all,
                      std::vector<std::string>& names);

}  // namespace onnxpack::package
