#include "onnxpack/model/constants.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>

#include "facts.h"
#include "onnxpack/base/text.h"
#include "onnxpack/model/wire.h"
#include "typed_values.h"
#include "walk_types.h"

namespace onnxpack::model {
namespace {

Status read_string_tensor(const ModelFile& model, const Constant& constant, const ByteSink& use) {
  WireInput input(model.file());
  const auto& message = constant.message;
  return decode_strings(WireMessage::at(input, message.offset, message.size),
                        [&](std::string_view text) -> Status {
                          Bytes length;
                          append_le<std::uint64_t>(length, text.size());
                          ONNXPACK_CHECK(use(length));
                          return use(as_bytes(text));
                        });
}

Status read_typed(const ModelFile& model, const Constant& constant, const ByteSink& use) {
  WireInput input(model.file());
  const auto& message = constant.message;
  std::uint64_t found = 0;
  ONNXPACK_CHECK(decode_typed(WireMessage::at(input, message.offset, message.size), constant.type,
                              [&](ByteView bytes) -> Status {
                                found += bytes.size();
                                return use(bytes);
                              }));
  if (found == constant.size) return {};
  return fail(ErrorKind::corrupt,
              fmt::format("typed values make {} bytes, type {} and shape need {}", found,
                          to_string(constant.type), constant.size));
}

// An external file is opened once for all constants in it.
class ExternalOpener {
 public:
  explicit ExternalOpener(const ModelFile& model)
      : model_(model), files_(model.external_files().size()) {}
  Result<const io::ReadableFile*> get(std::size_t index) {
    auto& file = files_[index];
    if (!file) {
      ONNXPACK_TRY(file, model_.open_external(index));
    }
    return file.get();
  }

 private:
  const ModelFile& model_;
  std::vector<std::unique_ptr<io::ReadableFile>> files_;
};

Status read_from(const ModelFile& model, const Constant& constant, ExternalOpener& external,
                 const ByteSink& use) {
  if (const auto* inside = std::get_if<InlineData>(&constant.data)) {
    return io::for_each_piece(model.file(), inside->range.offset, inside->range.size, use);
  }
  if (const auto* outside = std::get_if<ExternalData>(&constant.data)) {
    ONNXPACK_TRY(const io::ReadableFile* file, external.get(outside->file));
    return io::for_each_piece(*file, outside->range.offset, outside->range.size, use);
  }
  if (std::holds_alternative<TypedData>(constant.data)) {
    return constant.type == DataType::string ? read_string_tensor(model, constant, use)
                                             : read_typed(model, constant, use);
  }
  const auto needed = raw_size(constant.type, constant.dims).value_or(0);
  if (needed == 0) return {};
  return fail(ErrorKind::corrupt, fmt::format("no data, type {} and shape need {} bytes",
                                              to_string(constant.type), needed));
}

Status read_named(const ModelFile& model, const Constant& constant, ExternalOpener& external,
                  const ByteSink& use) {
  return in(in(read_from(model, constant, external, use), describe(constant)),
            printable(model.path().string()));
}

Result<ContentHash> hash_one(const ModelFile& model, const Constant& constant,
                             ExternalOpener& external, const CancelFlag* cancel) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       &XXH3_freeState);
  XXH3_128bits_reset(state.get());
  ONNXPACK_CHECK(read_named(model, constant, external, [&](ByteView bytes) -> Status {
    XXH3_128bits_update(state.get(), bytes.data(), bytes.size());
    return cancel != nullptr ? cancel->check() : Status{};
  }));
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state.get()));
  ContentHash hash;
  std::ranges::copy(canonical.digest, hash.bytes.begin());
  return hash;
}

}  // namespace

std::string ContentHash::hex() const {
  return to_hex(std::as_bytes(std::span(bytes)));
}

Status read_constant(const ModelFile& model, const Constant& constant,
                     const std::function<Status(ByteView)>& use) {
  ExternalOpener external(model);
  return read_named(model, constant, external, use);
}

Result<std::vector<ContentHash>> hash_constants(const ModelFile& model, unsigned threads,
                                                const CancelFlag* cancel) {
  const auto& constants = model.constants();
  std::vector<ContentHash> hashes(constants.size());
  std::vector<std::optional<Error>> errors(constants.size());
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto work = [&] {
    ExternalOpener external(model);
    for (auto i = next++; i < constants.size() && !failed; i = next++) {
      auto hash = hash_one(model, constants[i], external, cancel);
      if (hash) {
        hashes[i] = *hash;
      } else {
        errors[i] = std::move(hash.error());
        failed = true;
      }
    }
  };
  {
    std::vector<std::jthread> others;
    const auto wanted = std::min<std::size_t>(threads, constants.size());
    try {
      for (std::size_t i = 1; i < wanted; ++i) others.emplace_back(work);
    } catch (const std::system_error&) {
      // At the limit of threads: those that are there do it.
    }
    work();
  }
  for (auto& error : errors) {
    if (error) return std::unexpected(std::move(*error));
  }
  return hashes;
}

}  // namespace onnxpack::model
