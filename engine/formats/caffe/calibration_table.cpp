#include "engine/formats/caffe/calibration_table.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/caffe/calibration_table.pb.h"
#include "engine/formats/caffe/net_file.h"
#include "engine/formats/ir/mapped_file.h"

namespace refcalib::engine::caffe {
namespace {

proto::NetCalibration message_of(const CalibrationTable& table) {
  proto::NetCalibration message;
  if (!table.name.empty()) message.set_name(table.name);
  for (const LayerThresholds& layer : table.layers) {
    proto::LayerCalibration& entry = *message.add_layer();
    entry.set_name(layer.name);
    if (layer.right_shift) entry.set_right_shift_width(*layer.right_shift);
    for (const auto& [top, threshold] : layer.tops) {
      proto::BlobThreshold& blob = *entry.add_blob_param();
      blob.set_name(top);
      blob.set_threshold_y(threshold);
    }
  }
  return message;
}

CalibrationTable table_of(const proto::NetCalibration& message) {
  CalibrationTable table;
  table.name = message.name();
  constexpr int widest_shift = 30;
  for (const proto::LayerCalibration& entry : message.layer()) {
    LayerThresholds layer;
    layer.name = entry.name();
    if (entry.has_right_shift_width()) {
      if (entry.right_shift_width() < 0 || entry.right_shift_width() > widest_shift)
        throw FormatError(
            "right_shift_width " + std::to_string(entry.right_shift_width()) + " is out of range",
            {"", layer.name, "calibrate the model again"});
      layer.right_shift = entry.right_shift_width();
    }
    for (const proto::BlobThreshold& blob : entry.blob_param())
      layer.tops.emplace_back(blob.name(), blob.threshold_y());
    // Newer tables list the thresholds by rank.
    for (int k = static_cast<int>(layer.tops.size()); k < entry.threshold_y_size(); ++k)
      layer.tops.emplace_back(std::string(), entry.threshold_y(k));
    for (const auto& [top, threshold] : layer.tops)
      if (!std::isfinite(threshold) || threshold < 0)
        throw FormatError("threshold_y is negative or not finite",
                          {"", layer.name, "calibrate the model again"});
    table.layers.push_back(std::move(layer));
  }
  return table;
}

}  // namespace

const LayerThresholds* CalibrationTable::find(const std::string& layer) const noexcept {
  const auto found = std::find_if(layers.begin(), layers.end(),
                                  [&](const LayerThresholds& entry) { return entry.name == layer; });
  return found == layers.end() ? nullptr : &*found;
}

std::filesystem::path text_table_of(const std::filesystem::path& weights) {
  std::filesystem::path path = weights;
  return path.replace_extension(".calibration_table");
}

std::filesystem::path binary_table_of(const std::filesystem::path& weights) {
  return text_table_of(weights).string() + ".pb2";
}

/// Binary tables begin with the field of a name or of a layer.
bool is_binary_table(std::span<const std::byte> bytes) noexcept {
  if (bytes.empty()) return false;
  constexpr std::byte name_field{0x0a}, layer_field{0xa2};  // 0xa2 0x06
  if (bytes[0] == layer_field) return true;
  return bytes[0] == name_field && bytes.size() > 1 && bytes[1] > std::byte{'\n'} &&
         std::find(bytes.begin(), bytes.end(), layer_field) != bytes.end();
}

CalibrationTable table_from_bytes(std::span<const std::byte> bytes) {
  proto::NetCalibration message;
  if (bytes.size() > INT_MAX || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    throw FormatError("this is no calibration table, or the file is damaged",
                      {"", "", "check that the file is complete"});
  return table_of(message);
}

CalibrationTable read_calibration_table(const std::filesystem::path& path) {
  return in_context({path.string(), "", ""}, [&] {
    const ir::MappedFile file = ir::map_file(path);
    const std::span<const std::byte> bytes(file.bytes);
    if (is_binary_table(bytes)) return table_from_bytes(bytes);
    proto::NetCalibration message;
    parse_text(path, message);
    return table_of(message);
  });
}

std::string table_text(const CalibrationTable& table) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(message_of(table), &text);
  return text;
}

std::string table_bytes(const CalibrationTable& table) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message_of(table).SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace refcalib::engine::caffe
