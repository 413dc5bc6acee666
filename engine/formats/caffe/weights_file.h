#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/shape.h"
#include "engine/formats/caffe/weights.pb.h"

namespace refcalib::engine::caffe {

/// The .caffemodel that belongs to a .prototxt: the one of the same stem.
std::filesystem::path weights_file_of(const std::filesystem::path& net);

/// Reads the message of a .caffemodel. Throws IoError, FormatError, or UnsupportedError (files of 2013), each naming the file.
std::shared_ptr<const proto::WeightsNet> read_weights_message(const std::filesystem::path& path);

/// Dimensions of a blob, of either way of stating them.
Shape blob_shape(const proto::BlobProto& blob);
/// Its numbers. Throws FormatError if their count is not that of its shape.
std::vector<float> blob_values(const proto::BlobProto& blob);

/// The trained blobs of the layers of a network, by their names.
class Weights {
 public:
  /// Of a file that need not be there until a layer asks for blobs.
  explicit Weights(std::filesystem::path path);

  /// The blobs of a layer. Throws FormatError if the file has no layer of this name, IoError if there is no file.
  std::vector<const proto::BlobProto*> blobs(const std::string& layer) const;

 private:
  std::filesystem::path path_;
  std::shared_ptr<const proto::WeightsNet> net_;
  std::map<std::string, std::vector<const proto::BlobProto*>> blobs_;
};

}  // namespace refcalib::engine::caffe
