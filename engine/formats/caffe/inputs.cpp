#include "engine/formats/caffe/inputs.h"

#include <climits>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/caffe/weights_file.h"
#include "engine/formats/ir/mapped_file.h"

namespace refcalib::engine::caffe {
namespace {

/// transform_param, completed by the fields that data layers had before there was one.
proto::TransformationParameter transform_of(const proto::LayerParameter& layer) {
  proto::TransformationParameter result = layer.transform_param();
  const auto complete = [&](const auto& older) {
    if (!result.has_scale() && older.has_scale()) result.set_scale(older.scale());
    if (!result.has_mean_file() && older.has_mean_file()) result.set_mean_file(older.mean_file());
    if (!result.has_crop_size() && older.has_crop_size()) result.set_crop_size(older.crop_size());
  };
  if (layer.has_data_param()) complete(layer.data_param());
  if (layer.has_image_data_param()) complete(layer.image_data_param());
  if (layer.has_window_data_param()) complete(layer.window_data_param());
  return result;
}

/// A mean_file: as it is named, or in the folder of the network. Nothing if there is no such file.
std::optional<std::filesystem::path> find_mean_file(const std::string& name,
                                                    const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const std::filesystem::path& path :
       {std::filesystem::path(name), folder / name, folder / std::filesystem::path(name).filename()})
    if (std::filesystem::is_regular_file(path, ignored)) return path;
  return std::nullopt;
}

/// Dimensions [C, H, W] and values of a picture of means.
std::pair<Shape, std::vector<float>> read_mean_file(const std::filesystem::path& path) {
  return in_context({path.string(), "", ""}, [&]() -> std::pair<Shape, std::vector<float>> {
    const ir::MappedFile file = ir::map_file(path);
    proto::BlobProto blob;
    if (file.bytes.size() > INT_MAX ||
        !blob.ParseFromArray(file.bytes.data(), static_cast<int>(file.bytes.size())))
      throw FormatError("this is no .binaryproto, or the file is damaged",
                        {"", "", "check that the file is complete"});
    std::vector<float> values = blob_values(blob);
    Shape shape = blob_shape(blob);
    while (shape.size() > 3 && shape.front() == 1) shape.erase(shape.begin());
    if (shape.size() != 3 || values.empty())
      throw FormatError("the mean has the shape " + to_string(shape) + "; expected is [C,H,W]");
    return {std::move(shape), std::move(values)};
  });
}

std::vector<float> channel_means(const Shape& shape, const std::vector<float>& values) {
  const std::size_t each = values.size() / static_cast<std::size_t>(shape[0]);
  std::vector<float> means;
  for (std::size_t c = 0; c < static_cast<std::size_t>(shape[0]); ++c) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(c * each);
    means.push_back(static_cast<float>(
        std::accumulate(first, first + static_cast<std::ptrdiff_t>(each), 0.0) / static_cast<double>(each)));
  }
  return means;
}

std::int64_t channels_of(const proto::LayerParameter& layer, const proto::TransformationParameter& transform,
                         const std::filesystem::path& folder) {
  if (transform.force_gray() || !layer.image_data_param().is_color()) return 1;
  if (transform.mean_value_size() > 1) return transform.mean_value_size();
  if (transform.has_mean_file())
    if (const auto path = find_mean_file(transform.mean_file(), folder))
      return read_mean_file(*path).first[0];
  return 3;
}

Shape dims_of(const proto::BlobShape& shape) {
  return {shape.dim().begin(), shape.dim().end()};
}

/// The rank-th of values that are stated for each top or once for all.
template <class List>
auto pick(const List& list, int rank) {
  return list.Get(rank < list.size() ? rank : 0);
}

}  // namespace

std::optional<Shape> input_shape(const proto::LayerParameter& layer, int rank,
                                 const std::filesystem::path& folder) {
  if (layer.type() == "Input") {
    const proto::InputParameter& p = layer.input_param();
    if (p.shape_size() == 0) return std::nullopt;
    return dims_of(p.shape(rank < p.shape_size() ? rank : 0));
  }
  if (layer.type() == "DummyData") {
    const proto::DummyDataParameter& p = layer.dummy_data_param();
    if (p.shape_size() > 0) return dims_of(p.shape(rank < p.shape_size() ? rank : 0));
    if (p.num_size() == 0 || p.channels_size() == 0 || p.height_size() == 0 || p.width_size() == 0)
      return std::nullopt;
    return Shape{pick(p.num(), rank), pick(p.channels(), rank), pick(p.height(), rank),
                 pick(p.width(), rank)};
  }
  if (rank != 0) return std::nullopt;
  if (layer.type() == "MemoryData") {
    const proto::MemoryDataParameter& p = layer.memory_data_param();
    return Shape{p.batch_size(), p.channels(), p.height(), p.width()};
  }
  const proto::TransformationParameter transform = transform_of(layer);
  std::int64_t height = transform.resize_param().height(), width = transform.resize_param().width();
  if (layer.image_data_param().new_height() > 0) {
    height = layer.image_data_param().new_height();
    width = layer.image_data_param().new_width();
  }
  if (transform.crop_size() > 0) height = width = transform.crop_size();
  if (transform.crop_h() > 0) {
    height = transform.crop_h();
    width = transform.crop_w();
  }
  if (height < 1 || width < 1) return std::nullopt;
  // Data layers give batches for training; a network that is run takes one picture.
  return Shape{1, channels_of(layer, transform, folder), height, width};
}

std::optional<StatedPreprocessing> preprocessing_of(const proto::LayerParameter& layer,
                                                    const std::filesystem::path& folder) {
  if (layer.top_size() == 0) return std::nullopt;
  const proto::TransformationParameter transform = transform_of(layer);
  StatedPreprocessing result;
  result.input = layer.top(0);
  result.scale = transform.scale();
  if (!std::isfinite(result.scale) || result.scale == 0)
    throw FormatError("the scale of transform_param is not a finite number other than 0");
  if (transform.mean_value_size() > 0 && transform.has_mean_file())
    throw FormatError("transform_param has both mean_value and mean_file", {"", "", "keep one of them"});
  if (transform.mean_value_size() > 0) {
    result.mean.assign(transform.mean_value().begin(), transform.mean_value().end());
    result.origin = "mean_value";
    for (const float mean : result.mean)
      if (!std::isfinite(mean)) throw FormatError("a mean_value is not finite");
  } else if (transform.has_mean_file()) {
    if (const auto path = find_mean_file(transform.mean_file(), folder)) {
      const auto [shape, values] = read_mean_file(*path);
      result.mean = channel_means(shape, values);
      result.origin = "mean_file " + path->string() + ", mean of each channel";
    } else {
      result.note = "mean_file " + transform.mean_file() + " was not found: nothing is subtracted";
    }
  }
  const bool scaled = result.scale != 1;
  if (scaled) result.origin += result.origin.empty() ? "scale" : ", scale";
  if (result.origin.empty() && result.note.empty()) return std::nullopt;
  return result;
}

}  // namespace refcalib::engine::caffe
