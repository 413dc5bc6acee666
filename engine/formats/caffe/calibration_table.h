#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace refcalib::engine::caffe {

/// What BMNet's calibration table says about one layer.
struct LayerThresholds {
  std::string name;
  /// Of the integers of a layer with weights: output = (sum of products + bias) >> shift.
  std::optional<int> right_shift;
  /// By the names of the tops: the magnitude that the integer 128 stands for.
  std::vector<std::pair<std::string, float>> tops;
};

/// BMNet's calibration table, by layers in the order of the network.
struct CalibrationTable {
  std::string name;
  std::vector<LayerThresholds> layers;

  const LayerThresholds* find(const std::string& layer) const noexcept;
};

/// The tables beside a .caffemodel: STEM.calibration_table as text and STEM.calibration_table.pb2.
std::filesystem::path text_table_of(const std::filesystem::path& weights);
std::filesystem::path binary_table_of(const std::filesystem::path& weights);

/// Reads a table, text or binary. Throws IoError, or FormatError naming the file.
CalibrationTable read_calibration_table(const std::filesystem::path& path);
/// True for what looks like a table in binary form.
bool is_binary_table(std::span<const std::byte> bytes) noexcept;
/// Reads one. Throws FormatError without the file.
CalibrationTable table_from_bytes(std::span<const std::byte> bytes);
/// A table as the file holds it.
std::string table_text(const CalibrationTable& table);
std::string table_bytes(const CalibrationTable& table);

}  // namespace refcalib::engine::caffe
