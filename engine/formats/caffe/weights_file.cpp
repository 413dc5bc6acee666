#include "engine/formats/caffe/weights_file.h"

#include <climits>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/mapped_file.h"

namespace refcalib::engine::caffe {

std::filesystem::path weights_file_of(const std::filesystem::path& net) {
  std::filesystem::path path = net;
  return path.replace_extension(".caffemodel");
}

std::shared_ptr<const proto::WeightsNet> read_weights_message(const std::filesystem::path& path) {
  return in_context({path.string(), "", ""}, [&] {
    const ir::MappedFile file = ir::map_file(path);
    if (file.bytes.size() > INT_MAX) throw UnsupportedError("the file is larger than 2 GiB");
    auto net = std::make_shared<proto::WeightsNet>();
    if (!net->ParseFromArray(file.bytes.data(), static_cast<int>(file.bytes.size())) ||
        (net->layer_size() == 0 && net->layers_size() == 0))
      throw FormatError("this is no .caffemodel, or the file is damaged",
                        {"", "", "check that the file is complete"});
    for (const proto::WeightsLayerV1& layer : net->layers())
      if (layer.has_layer())
        throw UnsupportedError(
            "the file has the format of 2013",
            {"", layer.layer().name(), "convert it with Caffe's upgrade_net_proto_binary"});
    return std::shared_ptr<const proto::WeightsNet>(std::move(net));
  });
}

Shape blob_shape(const proto::BlobProto& blob) {
  if (blob.has_shape()) return {blob.shape().dim().begin(), blob.shape().dim().end()};
  return {blob.num(), blob.channels(), blob.height(), blob.width()};
}

std::vector<float> blob_values(const proto::BlobProto& blob) {
  std::vector<float> values(blob.data().begin(), blob.data().end());
  if (values.empty())
    for (const double value : blob.double_data()) values.push_back(static_cast<float>(value));
  const Shape shape = blob_shape(blob);
  for (const std::int64_t dim : shape)
    if (dim < 0) throw FormatError("a blob has the shape " + to_string(shape));
  if (element_count(shape) != static_cast<std::int64_t>(values.size()))
    throw FormatError("a blob of shape " + to_string(shape) + " has " + std::to_string(values.size()) +
                      " values");
  return values;
}

Weights::Weights(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code ignored;
  if (!std::filesystem::exists(path_, ignored)) return;
  net_ = read_weights_message(path_);
  const auto add = [&](const auto& layer) {
    std::vector<const proto::BlobProto*> list;
    for (const proto::BlobProto& blob : layer.blobs()) list.push_back(&blob);
    if (!list.empty()) blobs_[layer.name()] = std::move(list);
  };
  for (const proto::WeightsLayerV1& layer : net_->layers()) add(layer);
  for (const proto::WeightsLayer& layer : net_->layer()) add(layer);
}

std::vector<const proto::BlobProto*> Weights::blobs(const std::string& layer) const {
  if (!net_)
    throw IoError("the layer needs weights, and there is no file " + path_.string(),
                  {"", "", "name the .caffemodel with -w"});
  const auto found = blobs_.find(layer);
  if (found == blobs_.end())
    throw FormatError(path_.string() + " has no weights for the layer",
                      {"", "", "check that both files belong together"});
  return found->second;
}

}  // namespace refcalib::engine::caffe
