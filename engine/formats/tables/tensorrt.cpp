#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "engine/formats/tables/table_formats.h"
#include "engine/formats/tables/table_text.h"

// TensorRT's calibration cache: a line `TRT-VERSION-ALGORITHM`, then `TENSOR: HEX`, the bits of the 32-bit float threshold / 127 as eight
// hexadecimal digits, the most significant first. Tensors' names may hold blanks and colons.

namespace refcalib::engine::tables {
namespace {

constexpr std::string_view kHeader = "TRT-";
constexpr double kSteps = 127;

bool recognises(std::string_view text) {
  const auto lines = lines_of(text);
  return !lines.empty() && lines.front().text.starts_with(kHeader);
}

float scale_of(const TableLine& line, std::string_view digits) {
  std::uint32_t bits = 0;
  constexpr int hexadecimal = 16;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits, hexadecimal);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size())
    line.fail("'" + std::string(digits) + "' is not the hexadecimal form of a 32-bit float");
  const float scale = std::bit_cast<float>(bits);
  if (!std::isfinite(scale) || scale < 0)
    line.fail("the scale " + std::string(digits) + " is negative or not finite");
  return scale;
}

CalibrationTable read(std::string_view text) {
  CalibrationTable table;
  for (const TableLine& line : lines_of(text)) {
    if (line.number == 1 && line.text.starts_with(kHeader)) continue;
    const std::size_t colon = line.text.rfind(':');
    if (colon == 0 || colon == std::string_view::npos) line.fail("is not TENSOR: HEX");
    std::string name(line.text.substr(0, colon));
    const auto words = TableLine{line.number, line.text.substr(colon + 1)}.words();
    if (words.size() != 1) line.fail("is not TENSOR: HEX");
    const double threshold = static_cast<double>(scale_of(line, words.front())) * kSteps;
    if (threshold > 0)
      table.activations.push_back(
          {std::move(name), ActivationEntry::Place::output, -threshold, threshold, true, {}});
    else
      table.notes.push_back("'" + name + "' has the scale 0 and is left out");
  }
  return table;
}

std::string write(const CalibrationTable& table) {
  std::string text = "TRT-8601-EntropyCalibration2\n";
  for (const ActivationEntry& entry : table.activations) {
    if (entry.place != ActivationEntry::Place::output) continue;
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(entry.threshold() / kSteps));
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hexadecimal;
    for (int shift = 28; shift >= 0; shift -= 4) hexadecimal += digits[bits >> shift & 0xf];
    text += entry.name + ": " + hexadecimal + "\n";
  }
  return text;
}

}  // namespace

extern const TableFormat tensorrt_format;
const TableFormat tensorrt_format{"tensorrt", "calibration cache of TensorRT", recognises, read, write};

}  // namespace refcalib::engine::tables
