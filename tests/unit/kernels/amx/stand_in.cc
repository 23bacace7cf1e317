#include "unit/kernels/amx/stand_in.h"

using onnxpack::kernels::CpuFeatures;
using onnxpack::kernels::Isa;

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "unit/kernels/amx/tiles.h"

namespace onnxpack_test::amx {
namespace {

constinit thread_local Tiles tiles;
constinit std::atomic<std::uint64_t> executed_count = 0;
constinit std::atomic<std::uint64_t> fault_count = 0;
// Written by whoever counts the first fault; read when the threads are done.
constinit const char* first_fault = nullptr;
struct sigaction before = {};

// gregs in the order in which instructions number registers.
constexpr std::array<int, 16> registers = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                           REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                           REG_R12, REG_R13, REG_R14, REG_R15};

enum class Prefix : std::uint8_t { none, x66, xf3, xf2 };  // VEX.pp

struct Instruction {
  std::uint8_t opcode = 0;
  Prefix prefix = Prefix::none;
  bool in_memory = false;  // ModRM.mod is not 11
  bool has_sib = false;
  std::size_t reg = 0, rm = 0, third = 0;  // tmm1, tmm2 and tmm3 of a product
  std::uint64_t address = 0, stride = 0;
  std::uint64_t next = 0;  // where the following instruction stands
};

std::uint64_t value_of(const greg_t* from, std::size_t number) {
  return static_cast<std::uint64_t>(from[registers[number]]);
}

std::uint64_t displacement(const std::uint8_t* at, std::size_t size) {
  std::int64_t out = 0;
  if (size == 1) out = static_cast<std::int8_t>(*at);
  if (size == 4) {
    std::int32_t four;
    std::memcpy(&four, at, sizeof four);
    out = four;
  }
  return static_cast<std::uint64_t>(out);
}

// What follows ModRM, whose extensions by VEX.X and VEX.B are given.
const std::uint8_t* decode_address(const std::uint8_t* at, std::size_t mode, std::size_t x,
                                   std::size_t b, const greg_t* from, Instruction& to) {
  std::size_t size = mode == 1 ? 1 : mode == 2 ? 4 : 0;
  bool next_relative = false;
  to.has_sib = to.rm % 8 == 4;
  if (to.has_sib) {
    const std::uint8_t sib = *at++;
    const std::size_t index = (sib >> 3U & 7U) + x;
    const std::size_t base = (sib & 7U) + b;
    if (index != 4) to.stride = value_of(from, index) << (sib >> 6U);
    if (base % 8 == 5 && mode == 0) {
      size = 4;
    } else {
      to.address = value_of(from, base);
    }
  } else if (to.rm % 8 == 5 && mode == 0) {
    size = 4;
    next_relative = true;
  } else {
    to.address = value_of(from, to.rm);
  }
  to.address += displacement(at, size);
  at += size;
  if (next_relative) to.address += reinterpret_cast<std::uint64_t>(at);
  return at;
}

// Tile instructions are VEX.128.0F38.W0 with opcodes 49, 4B, 5C and 5E; false for anything else.
bool decode(const greg_t* from, Instruction& to) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(from[REG_RIP]);
  if (at[0] != 0xC4 || (at[1] & 0x1FU) != 2 || (at[2] & 0x84U) != 0) return false;
  const std::size_t r = (at[1] & 0x80U) != 0 ? 0 : 8;
  const std::size_t x = (at[1] & 0x40U) != 0 ? 0 : 8;
  const std::size_t b = (at[1] & 0x20U) != 0 ? 0 : 8;
  to.third = ~(at[2] >> 3U) & 15U;
  to.prefix = static_cast<Prefix>(at[2] & 3U);
  to.opcode = at[3];
  const std::size_t mode = at[4] >> 6U;
  to.reg = (at[4] >> 3U & 7U) + r;
  to.rm = (at[4] & 7U) + b;
  to.in_memory = mode != 3;
  at += 5;
  if (to.in_memory) at = decode_address(at, mode, x, b, from, to);
  to.next = reinterpret_cast<std::uint64_t>(at);
  return to.opcode == 0x49 || to.opcode == 0x4B || to.opcode == 0x5C || to.opcode == 0x5E;
}

constexpr const char* no_such = "this tile instruction does not exist";

// LDTILECFG, STTILECFG, TILERELEASE, TILEZERO
const char* run_configuration(const Instruction& i) {
  if (i.third != 0) return no_such;
  if (!i.in_memory && i.prefix == Prefix::xf2 && i.rm == 0) return tiles.zero(i.reg);
  if (i.reg != 0) return no_such;
  // As the processor reads them: past the stride that a SIB byte adds.
  auto* bytes = reinterpret_cast<std::uint8_t*>(i.address + i.stride);
  if (i.in_memory && i.prefix == Prefix::none) return tiles.configure(bytes);
  if (i.in_memory && i.prefix == Prefix::x66) {
    tiles.read_configuration(bytes);
    return nullptr;
  }
  if (i.in_memory || i.prefix != Prefix::none || i.rm != 0) return no_such;
  tiles.release();
  return nullptr;
}

// TILELOADD, TILELOADDT1, TILESTORED
const char* run_move(const Instruction& i) {
  if (!i.in_memory || !i.has_sib || i.third != 0 || i.prefix == Prefix::none) return no_such;
  if (i.prefix == Prefix::xf3) return tiles.store(i.reg, i.address, i.stride);
  return tiles.load(i.reg, i.address, i.stride);
}

const char* run_product(const Instruction& i) {
  if (i.in_memory || (i.opcode == 0x5C && i.prefix != Prefix::xf3)) return no_such;
  if (i.opcode == 0x5C) return tiles.dot_bf16(i.reg, i.rm, i.third);
  const bool a = i.prefix == Prefix::xf2 || i.prefix == Prefix::xf3;  // TDPBSSD, TDPBSUD
  const bool b = i.prefix == Prefix::xf2 || i.prefix == Prefix::x66;  // TDPBSSD, TDPBUSD
  return tiles.dot_bytes(i.reg, i.rm, i.third, a ? Signs::yes : Signs::no,
                         b ? Signs::yes : Signs::no);
}

void on_illegal(int signal, siginfo_t* info, void* context) {
  greg_t* at = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  Instruction i;
  if (decode(at, i)) {
    const char* wrong = i.opcode == 0x49   ? run_configuration(i)
                        : i.opcode == 0x4B ? run_move(i)
                                           : run_product(i);
    if (wrong != nullptr && fault_count++ == 0) first_fault = wrong;
    ++executed_count;
    at[REG_RIP] = static_cast<greg_t>(i.next);
  } else if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else {
    ::signal(SIGILL, SIG_DFL);  // returning runs the instruction again, now fatally
  }
}

// Whether the processor knows tiles and the system saves them: then LDTILECFG does not trap.
bool tiles_are_on() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0 || (edx >> 24U & 1U) == 0) return false;
  __get_cpuid(1, &eax, &ebx, &ecx, &edx);
  if ((ecx >> 27U & 1U) == 0) return false;
  asm("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
  return (eax >> 17U & 3U) == 3;
}

}  // namespace

StandIn::StandIn() : machine_(CpuFeatures::detect()), emulates_(!tiles_are_on()) {
  if (!emulates_) return;
  executed_count = 0;
  struct sigaction action = {};
  action.sa_sigaction = on_illegal;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGILL, &action, &before) != 0) std::abort();
}

StandIn::~StandIn() {
  if (emulates_) sigaction(SIGILL, &before, nullptr);
  const std::string left = faults();
  if (left.empty()) return;
  std::fprintf(stderr, "a test did not ask for faults of tile instructions: %s\n", left.c_str());
  std::abort();
}

std::string StandIn::faults() const {
  const std::uint64_t count = fault_count.exchange(0);
  return count == 0 ? "" : std::string(first_fault) + " (of " + std::to_string(count) + ")";
}

std::uint64_t StandIn::executed() const {
  return executed_count;
}

}  // namespace onnxpack_test::amx

#else

namespace onnxpack_test::amx {

StandIn::StandIn() : machine_(CpuFeatures::detect()) {}
StandIn::~StandIn() = default;
std::string StandIn::faults() const {
  return "";
}
std::uint64_t StandIn::executed() const {
  return 0;
}

}  // namespace onnxpack_test::amx

#endif

namespace onnxpack_test::amx {

bool StandIn::has(Isa isa) const {
  if (machine_.has(isa) || !emulates_) return machine_.has(isa);
  if (isa == Isa::amx_int8) return machine_.has(Isa::avx512_vbmi);
  return isa == Isa::amx_bf16 && machine_.has(Isa::avx512_bf16);
}

}  // namespace onnxpack_test::amx
