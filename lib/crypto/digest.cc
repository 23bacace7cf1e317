#include "onnxpack/crypto/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <new>
#include <stdexcept>

#include "onnxpack/base/text.h"

namespace onnxpack::crypto {
namespace {

// Fetched once: OpenSSL 3 looks an algorithm up by name at every EVP_sha256() otherwise, which
// costs more than a small hash. Never freed, so that destructors of other static objects may still
// hash.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (algorithm == nullptr) throw std::runtime_error("OpenSSL offers no SHA-256");
  return algorithm;
}

EVP_MD_CTX* as_context(void* context) {
  return static_cast<EVP_MD_CTX*>(context);
}

void require(int openssl_result) {
  if (openssl_result != 1) throw std::runtime_error("OpenSSL's SHA-256 failed");
}

}  // namespace

Result<Digest> Digest::from_hex(std::string_view text) {
  auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.size() != 2 * size || !std::ranges::all_of(text, is_digit)) {
    return fail(ErrorKind::corrupt,
                fmt::format("'{}' is no SHA-256 digest; expected 64 lower-case hex digits",
                            printable(text.substr(0, 2 * size + 1))));
  }
  Bytes bytes = *onnxpack::from_hex(text);
  return Digest(std::span<const std::byte, size>(bytes.data(), size));
}

std::string Digest::hex() const {
  return to_hex(bytes_);
}

Bytes pack_digests(std::span<const Digest> digests) {
  Bytes out;
  out.reserve(digests.size() * Digest::size);
  for (const Digest& digest : digests) append(out, ByteView(digest.bytes()));
  return out;
}

Result<std::vector<Digest>> unpack_digests(ByteView bytes) {
  if (bytes.size() % Digest::size != 0) {
    return fail(ErrorKind::corrupt,
                fmt::format("a digest list has {} bytes; expected a multiple of {}", bytes.size(),
                            Digest::size));
  }
  std::vector<Digest> out;
  out.reserve(bytes.size() / Digest::size);
  for (; !bytes.empty(); bytes = bytes.subspan(Digest::size)) {
    out.emplace_back(bytes.first<Digest::size>());
  }
  return out;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_) throw std::bad_alloc();
  require(EVP_DigestInit_ex2(as_context(context_.get()), sha256_algorithm(), nullptr));
}

Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::Free::operator()(void* context) const noexcept {
  EVP_MD_CTX_free(as_context(context));
}

void Sha256::update(ByteView bytes) {
  require(EVP_DigestUpdate(as_context(context_.get()), bytes.data(), bytes.size()));
}

Digest Sha256::finish() {
  std::array<std::byte, Digest::size> out;
  unsigned length = 0;
  require(EVP_DigestFinal_ex(as_context(context_.get()),
                             reinterpret_cast<unsigned char*>(out.data()), &length));
  require(EVP_DigestInit_ex2(as_context(context_.get()), sha256_algorithm(), nullptr));
  return Digest(out);
}

Digest sha256(ByteView bytes) {
  Sha256 hasher;
  hasher.update(bytes);
  return hasher.finish();
}

Result<Digest> sha256_file(const io::ReadableFile& file, std::uint64_t offset, std::uint64_t size,
                           const CancelFlag* cancel) {
  Sha256 hasher;
  auto hash_piece = [&](ByteView piece) -> Status {
    if (cancel != nullptr) ONNXPACK_CHECK(cancel->check());
    hasher.update(piece);
    return {};
  };
  ONNXPACK_CHECK(io::for_each_piece(file, offset, size, hash_piece));
  return hasher.finish();
}

Result<Digest> sha256_file(const io::ReadableFile& file, const CancelFlag* cancel) {
  return sha256_file(file, 0, file.size(), cancel);
}

}  // namespace onnxpack::crypto
