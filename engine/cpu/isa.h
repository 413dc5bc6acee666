#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace refcalib::engine {

/// Instruction sets that kernels are compiled for, weakest first. Each one includes those before it, except
/// that nothing else includes avxvnni: its VEX-encoded dot products are an extension apart, which processors
/// with avx512 and avx512vnni (EVEX encoding) often lack.
enum class Isa : std::uint8_t { scalar, avx2, avxvnni, avx512, avx512vnni };

/// "scalar", "avx2", "avxvnni", "avx512", "avx512vnni": the spelling of REFCALIB_ISA and of every report.
std::string_view to_string(Isa isa) noexcept;

/// True if this processor and operating system (CPUID and XCR0) can run `isa`.
bool is_available(Isa isa) noexcept;

/// The available instruction sets, weakest first; never empty.
std::vector<Isa> available_isas();

/// True if code compiled for `needed` may run where `selected` is the chosen instruction set
/// (for example avx2 kernels serve avx512).
bool includes(Isa selected, Isa needed) noexcept;

/// The instruction set to use: REFCALIB_ISA if set, else the strongest available one.
/// Reads the environment at every call. Throws UsageError that lists the available ones if REFCALIB_ISA names
/// an unknown or unavailable one (the empty string is unknown).
Isa selected_isa();

}  // namespace refcalib::engine
