#include <span>
#include <string>

#include "engine/formats/caffe/calibration_table.h"
#include "engine/formats/tables/bmnet.h"
#include "engine/formats/tables/table_formats.h"

// BMNet's calibration table as the bytes of a protocol buffer: what its text form says (tables/bmnet.cpp), in files that end in .pb2.

namespace refcalib::engine::tables {
namespace {

bool recognises(std::string_view bytes) {
  return caffe::is_binary_table(std::as_bytes(std::span(bytes)));
}

CalibrationTable read(std::string_view bytes) {
  CalibrationTable table;
  for (const caffe::LayerThresholds& layer : caffe::table_from_bytes(std::as_bytes(std::span(bytes))).layers)
    for (const auto& [top, threshold] : layer.tops)
      add_bmnet_entry(table, bmnet_name(layer.name, top, layer.tops.size()), static_cast<double>(threshold));
  return table;
}

std::string write(const CalibrationTable& table) {
  caffe::CalibrationTable message;
  for (const ActivationEntry& entry : table.activations) {
    if (entry.place != ActivationEntry::Place::output) continue;
    message.layers.push_back(
        {entry.name, {}, {{entry.name, static_cast<float>(entry.threshold() / kBmnetReached)}}});
  }
  return caffe::table_bytes(message);
}

}  // namespace

extern const TableFormat bmnet_binary_format;
const TableFormat bmnet_binary_format{.name = "bmnet",
                                      .title = "calibration table of BMNet, in binary form",
                                      .recognises = recognises,
                                      .read = read,
                                      .write = write,
                                      .extension = ".pb2"};

}  // namespace refcalib::engine::tables
