#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace refcalib_fuzz {

/// How a case ended. Everything but `defect` is what a user may meet.
enum class Verdict : std::uint8_t { success, not_run, io, format, unsupported, usage, defect };
inline constexpr std::array<std::string_view, 7> kVerdictNames = {
    "success", "compiled only", "IoError", "FormatError", "UnsupportedError", "UsageError", "DEFECT"};

/// How far it came.
enum class Stage : std::uint8_t { read, translate, compile, run };
inline constexpr std::array<std::string_view, 4> kStageNames = {"read", "translate", "compile", "run"};

struct Outcome {
  Verdict verdict = Verdict::success;
  Stage stage = Stage::read;
  std::string message;  ///< of the error
};

/// Reads the model, translates and compiles it and runs one session of one thread on pseudo-random inputs; models
/// that would take long ("compiled only") are not run. `number` selects the instruction set and the inputs, and
/// whether INT8 is used. A defect is any exception that is not an engine Error, and any Error whose text is empty,
/// has more than one line, does not name one of the two files, or calls itself internal.
Outcome run_case(const std::filesystem::path& xml, std::uint64_t number);

}  // namespace refcalib_fuzz
