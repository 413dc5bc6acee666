#include "engine/cpu/isa.h"

#include <array>
#include <cstdlib>
#include <string>

#include "engine/core/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace refcalib::engine {
namespace {

// One bit per group of instructions that the compiler flags of cmake/Isa.cmake switch on.
enum Feature : unsigned {
  avx2_group = 1U << 0U,    // AVX, AVX2, FMA, F16C, BMI1, BMI2, LZCNT, POPCNT
  avx_vnni = 1U << 1U,      // VEX-encoded vpdpbusd
  avx512_group = 1U << 2U,  // AVX-512 F, BW, DQ, VL, CD
  avx512_vnni = 1U << 3U,   // EVEX-encoded vpdpbusd
};

struct IsaRow {
  Isa isa;
  std::string_view name;
  unsigned features;
};

// THE TABLE: everything about an instruction set besides its compiler flags. Order of the enumeration.
constexpr std::array<IsaRow, 5> isa_table{{
    {Isa::scalar, "scalar", 0},
    {Isa::avx2, "avx2", avx2_group},
    {Isa::avxvnni, "avxvnni", avx2_group | avx_vnni},
    {Isa::avx512, "avx512", avx2_group | avx512_group},
    {Isa::avx512vnni, "avx512vnni", avx2_group | avx512_group | avx512_vnni},
}};

constexpr const IsaRow& row(Isa isa) noexcept {
  return isa_table[static_cast<std::size_t>(isa)];
}

constexpr bool has_all(std::uint64_t value, std::uint64_t mask) noexcept {
  return (value & mask) == mask;
}

#if defined(__x86_64__)

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zero where the leaf or sub-leaf does not exist.
Registers cpuid(unsigned leaf, unsigned subleaf) noexcept {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) {
    return {};
  }
  return r;
}

// XCR0: the register states that the operating system saves and restores. Written as assembly because the
// intrinsic needs -mxsave. Valid only where CPUID reports OSXSAVE.
std::uint64_t read_xcr0() noexcept {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<std::uint64_t>(high) << 32U) | low;
}

constexpr unsigned bit(unsigned n) noexcept {
  return 1U << n;
}

// Intel SDM vol. 2A "CPUID" and vol. 1 section 14.3, 15.2 (detection order: OSXSAVE, XCR0, then feature
// bits).
unsigned detect() noexcept {
  constexpr unsigned fma = bit(12), osxsave = bit(27), avx = bit(28), f16c = bit(29),
                     popcnt = bit(23);                             // 1.ecx
  constexpr unsigned bmi1 = bit(3), avx2 = bit(5), bmi2 = bit(8);  // 7.0.ebx
  constexpr unsigned avx512f = bit(16), avx512dq = bit(17), avx512cd = bit(28), avx512bw = bit(30),
                     avx512vl = bit(31);
  constexpr unsigned avx512vnni = bit(11);     // 7.0.ecx
  constexpr unsigned avxvnni = bit(4);         // 7.1.eax
  constexpr unsigned lzcnt = bit(5);           // 0x80000001.ecx
  constexpr std::uint64_t xmm_ymm = 0x06;      // XCR0: SSE and AVX state
  constexpr std::uint64_t xmm_ymm_zmm = 0xE6;  // and opmask, upper halves, zmm16-31

  const Registers leaf1 = cpuid(1, 0);
  if (!has_all(leaf1.ecx, osxsave)) {
    return 0;
  }
  const std::uint64_t xcr0 = read_xcr0();
  const Registers leaf7 = cpuid(7, 0);
  const Registers extended = cpuid(0x80000001U, 0);

  unsigned features = 0;
  if (!has_all(xcr0, xmm_ymm) || !has_all(leaf1.ecx, fma | avx | f16c | popcnt) ||
      !has_all(leaf7.ebx, bmi1 | avx2 | bmi2) || !has_all(extended.ecx, lzcnt)) {
    return features;
  }
  features |= avx2_group;
  if (leaf7.eax >= 1 && has_all(cpuid(7, 1).eax, avxvnni)) {
    features |= avx_vnni;
  }
  if (!has_all(xcr0, xmm_ymm_zmm) ||
      !has_all(leaf7.ebx, avx512f | avx512dq | avx512cd | avx512bw | avx512vl)) {
    return features;
  }
  features |= avx512_group;
  if (has_all(leaf7.ecx, avx512vnni)) {
    features |= avx512_vnni;
  }
  return features;
}

#else

unsigned detect() noexcept {
  return 0;
}

#endif

unsigned machine_features() noexcept {
  static const unsigned features = detect();
  return features;
}

std::string available_names() {
  std::string names;
  for (const Isa isa : available_isas()) {
    names += names.empty() ? "" : " ";
    names += to_string(isa);
  }
  return names;
}

}  // namespace

std::string_view to_string(Isa isa) noexcept {
  return row(isa).name;
}

bool is_available(Isa isa) noexcept {
  return has_all(machine_features(), row(isa).features);
}

std::vector<Isa> available_isas() {
  std::vector<Isa> isas;
  for (const IsaRow& candidate : isa_table) {
    if (is_available(candidate.isa)) {
      isas.push_back(candidate.isa);
    }
  }
  return isas;
}

bool includes(Isa selected, Isa needed) noexcept {
  return has_all(row(selected).features, row(needed).features);
}

Isa selected_isa() {
  const char* forced = std::getenv("REFCALIB_ISA");
  if (forced == nullptr) {
    return available_isas().back();
  }
  for (const IsaRow& candidate : isa_table) {
    if (candidate.name == forced) {
      if (!is_available(candidate.isa)) {
        throw UsageError("REFCALIB_ISA=" + std::string(forced) + " cannot run on this processor",
                         {{}, {}, "available: " + available_names()});
      }
      return candidate.isa;
    }
  }
  throw UsageError("REFCALIB_ISA='" + std::string(forced) + "' is not an instruction set",
                   {{}, {}, "available: " + available_names()});
}

}  // namespace refcalib::engine
