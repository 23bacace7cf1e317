#include "package_file_system.h"

#include <set>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::package {
namespace {

// A member behind FileSystem's unique_ptr.
class MemberFile final : public io::ReadableFile {
 public:
  MemberFile(std::shared_ptr<const io::ReadableFile> file, io::fs::path path)
      : file_(std::move(file)), path_(std::move(path)) {}
  std::uint64_t size() const override { return file_->size(); }
  const io::fs::path& path() const override { return path_; }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    return file_->read_at(offset, out);
  }

 private:
  std::shared_ptr<const io::ReadableFile> file_;
  io::fs::path path_;
};

class PackageFileSystem final : public io::FileSystem {
 public:
  explicit PackageFileSystem(const PackageFile& package) : package_(&package) {}

  Result<std::unique_ptr<io::ReadableFile>> open(const io::fs::path& path) override {
    ONNXPACK_TRY(auto member, package_->open_member(name(path)));
    return std::make_unique<MemberFile>(std::move(member), path);
  }
  Result<io::Entry> status(const io::fs::path& path) override {
    const manifest::Member* member = package_->manifest().find_member(name(path));
    if (member != nullptr && package_->holds(member->name))
      return io::Entry{io::EntryType::file, member->size};
    std::string folder = name(path);
    if (folder.empty()) return io::Entry{io::EntryType::directory, 0};
    folder += '/';
    for (const auto& other : package_->manifest().members) {
      if (other.name.starts_with(folder) && package_->holds(other.name))
        return io::Entry{io::EntryType::directory, 0};
    }
    return fail(ErrorKind::not_found,
                fmt::format("{}: no member {}", printable(package_->path().string()),
                            printable(name(path))));
  }
  Result<std::vector<std::string>> list(const io::fs::path& directory) override {
    std::string prefix = name(directory);
    if (!prefix.empty()) prefix += '/';
    std::set<std::string> out;
    for (const auto& member : package_->manifest().members) {
      if (!member.name.starts_with(prefix) || !package_->holds(member.name)) continue;
      std::string rest = member.name.substr(prefix.size());
      out.insert(rest.substr(0, rest.find('/')));
    }
    return std::vector<std::string>(out.begin(), out.end());
  }
  Result<std::unique_ptr<io::WritableFile>> create(const io::fs::path&) override {
    return read_only();
  }
  Status make_directories(const io::fs::path&) override { return read_only(); }
  Status remove_all(const io::fs::path&) override { return read_only(); }
  Status rename(const io::fs::path&, const io::fs::path&) override { return read_only(); }
  Result<io::fs::path> make_temporary_directory(const io::fs::path&, std::string_view) override {
    return read_only();
  }

 private:
  static std::string name(const io::fs::path& path) {
    std::string out = path.lexically_normal().generic_string();
    if (out == ".") out.clear();
    while (!out.empty() && out.back() == '/') out.pop_back();
    return out;
  }
  std::unexpected<Error> read_only() const {
    return fail(ErrorKind::unsupported,
                fmt::format("{}: a package is read only", printable(package_->path().string())));
  }
  const PackageFile* package_;
};

}  // namespace

std::unique_ptr<io::FileSystem> package_file_system(const PackageFile& package) {
  return std::make_unique<PackageFileSystem>(package);
}

}  // namespace onnxpack::package
