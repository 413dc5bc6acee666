#include "engine/evaluation/pipeline.h"

#include <algorithm>
#include <array>
#include <regex>

#include "engine/core/error_context.h"
#include "engine/evaluation/annotation/converter.h"
#include "engine/evaluation/npy.h"
#include "engine/evaluation/readers/nifti.h"

namespace refcalib::engine {

namespace fs = std::filesystem;

std::string conversion_command(const DatasetConfig& dataset) {
  if (!dataset.conversion) return {};
  std::string command = "refcalib convert-annotation", rest;
  for (const auto& [key, value] : dataset.conversion->map)
    if (key == "converter")
      command += " " + value.text;
    else
      rest += " --" + key + " " + value.text;
  return command + rest + " -a " + dataset.annotation.stem().string() + ".json";
}

AnnotationSet load_annotations(const DatasetConfig& dataset, const PathPrefixes& prefixes) {
  AnnotationSet set;
  std::error_code ignored;
  const bool exists = !dataset.annotation.empty() && fs::exists(dataset.annotation, ignored);
  const std::string extension = dataset.annotation.extension().string();
  const bool named_pickle = extension == ".pickle" || extension == ".pkl";
  if (named_pickle && (exists ? !is_json(dataset.annotation) : !dataset.conversion)) {
    const std::string command = conversion_command(dataset);
    throw UnsupportedError("annotations of the Accuracy Checker (Python pickles) are not read",
                           {.file = dataset.annotation.string(),
                            .remedy = "make a JSON file with `" +
                                      (command.empty() ? "refcalib convert-annotation CONVERTER … -a " +
                                                             dataset.annotation.stem().string() + ".json"
                                                       : command) +
                                      "` and name that as 'annotation'"});
  }
  if (exists) {
    set = read_annotations(dataset.annotation);
  } else if (dataset.conversion) {
    Fields fields(*dataset.conversion, "annotation_conversion", "converter");
    set = convert_annotation(fields, ConverterPaths(prefixes.source));
    if (!dataset.annotation.empty()) write_annotations(dataset.annotation, set);
  } else {
    throw IoError("there is no such annotation",
                  {.file = dataset.annotation.string(),
                   .remedy = "make it with refcalib convert-annotation, or give 'annotation_conversion'"});
  }
  if (!dataset.meta.empty()) set.meta = read_dataset_meta(dataset.meta);
  if (!dataset.subset.empty()) take_subset(set, dataset.subset, dataset.subset_seed);
  if (set.samples.empty())
    throw FormatError("the annotation has no samples", {.file = dataset.annotation.string()});
  return set;
}

template <class F>
auto Pipeline::build(const ConfigNode& node, const char* section, const char* what, const F& make) {
  Fields fields(node, what);
  auto made = in_context({.file = node.where()}, [&] { return make(fields); });
  understood_.push_back({section, fields.entries()});
  return made;
}

Pipeline::Pipeline(const EvaluationConfig& config, const DatasetMeta& meta, const PreprocessContext& context)
    : data_(config.dataset.data), masks_(config.dataset.masks), meta_(meta) {
  const DatasetConfig& dataset = config.dataset;
  reader_ = build(dataset.reader, "reader", "reader", [&](Fields& f) { return make_reader(f, data_); });
  for (const ConfigNode& node : dataset.preprocessing)
    preprocessing_.push_back(build(node, "preprocessing", "preprocessing",
                                   [&](Fields& f) { return make_preprocessor(f, context); }));
  adapter_ = build(config.launcher.adapter, "adapter", "adapter", [](Fields& f) { return make_adapter(f); });
  for (const ConfigNode& node : dataset.postprocessing)
    postprocessing_.push_back(build(node, "postprocessing", "postprocessing",
                                    [&](Fields& f) { return make_postprocessor(f, meta_); }));
  for (const ConfigNode& node : dataset.metrics)
    metrics_.push_back(build(node, "metrics", "metric", [&](Fields& f) { return make_metric(f, meta_); }));
}

std::vector<Frame> Pipeline::prepare(const Annotation& sample) const {
  std::vector<Frame> frames;
  for (const std::string& id : sample.ids) {
    Frame frame = reader_->read(id);
    in_context({.file = (data_ / id).string()}, [&] {
      if (frame.picture)
        for (const auto& step : preprocessing_) step->run(frame);
    });
    frame.geometry.input_width = frame.width;
    frame.geometry.input_height = frame.height;
    frames.push_back(std::move(frame));
  }
  return frames;
}

namespace {

Plane<std::int32_t> mask_of_numbers(const std::filesystem::path& file) {
  Shape shape;
  const std::vector<float> values = read_npy(file, &shape);
  if (shape.size() != 2 && shape.size() != 3)
    throw FormatError("a mask must have two axes, or three for a volume", {.file = file.string()});
  Plane<std::int32_t> mask{1,
                           shape.size() == 3 ? static_cast<int>(shape[0]) : 1,
                           static_cast<int>(shape[shape.size() - 2]),
                           static_cast<int>(shape.back()),
                           {}};
  mask.values.assign(values.begin(), values.end());
  return mask;
}

/// A volume of labels, of several channels the first.
Plane<std::int32_t> mask_of_volume(const std::filesystem::path& file) {
  const Frame volume = read_nifti(file);
  Plane<std::int32_t> mask{1, volume.depth, volume.height, volume.width, {}};
  const auto channels = static_cast<std::size_t>(volume.channels);
  for (std::size_t i = 0; i < volume.values.size(); i += channels)
    mask.values.push_back(static_cast<std::int32_t>(volume.values[i]));
  return mask;
}

/// What is in no object gets the background's label, or without one a label that counts nothing.
Plane<std::int32_t> mask_of_objects(const MaskTruth& truth, std::optional<std::int64_t> background) {
  constexpr std::int32_t nowhere = -1, ignored = 255;
  Plane<std::int32_t> mask{1, 1, truth.height, truth.width, {}};
  mask.values.assign(mask.area(), nowhere);
  const auto height = static_cast<std::uint32_t>(truth.height),
             width = static_cast<std::uint32_t>(truth.width);
  for (const MaskTruth::Object& object : truth.objects)
    object.region.for_each_run([&](std::uint32_t first, std::uint32_t count) {
      for (std::uint32_t place = first; place < first + count; ++place) {
        std::int32_t& label = mask.values[static_cast<std::size_t>(place % height) * width + place / height];
        label = std::max(label, static_cast<std::int32_t>(object.label));
      }
    });
  std::ranges::replace(mask.values, nowhere, static_cast<std::int32_t>(background.value_or(ignored)));
  return mask;
}

}  // namespace

Truth Pipeline::truth(const Annotation& sample) const {
  Truth truth = sample.truth;
  if (auto* const mask = std::get_if<MaskTruth>(&truth); mask != nullptr && mask->height > 0)
    mask->labels = mask_of_objects(*mask, meta_.background);
  if (auto* const mask = std::get_if<MaskTruth>(&truth); mask != nullptr && !mask->file.empty()) {
    const fs::path file = masks_ / mask->file;
    if (file.extension() == ".npy") {
      mask->labels = mask_of_numbers(file);
    } else if (file.extension() == ".nii" || file.extension() == ".gz") {
      mask->labels = mask_of_volume(file);
    } else {
      mask->labels = read_mask(file, meta_.segmentation_colors);
    }
  }
  if (auto* const picture = std::get_if<PictureTruth>(&truth); picture != nullptr && !picture->file.empty()) {
    const Image image = load_image(data_ / picture->file);
    picture->picture = {image.channels, 1, image.height, image.width, {}};
    picture->picture.values.resize(image.pixels.size());
    const auto channels = static_cast<std::size_t>(image.channels), area = picture->picture.area();
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
      picture->picture.values[i % channels * area + i / channels] = static_cast<float>(image.pixels[i]);
  }
  return truth;
}

void Pipeline::postprocess(Truth& truth, Prediction& prediction, const SampleGeometry& geometry) const {
  for (const auto& step : postprocessing_) step->run(truth, prediction, geometry);
}

namespace {

std::string names_of(std::span<const PortInfo> inputs) {
  std::string text;
  for (const PortInfo& input : inputs) text += (text.empty() ? "'" : ", '") + input.name + "'";
  return text;
}

}  // namespace

InputFeeder::InputFeeder(std::span<const PortInfo> inputs, const LauncherConfig& launcher) {
  for (const InputBinding& binding : launcher.inputs) {
    const auto found =
        std::find_if(inputs.begin(), inputs.end(), [&](const PortInfo& p) { return p.name == binding.name; });
    if (found == inputs.end())
      throw UsageError("the network has no input '" + binding.name + "'",
                       {.remedy = "it has " + names_of(inputs)});
    targets_.push_back({binding, static_cast<std::size_t>(found - inputs.begin()), found->shape});
  }
  const bool any_data = std::any_of(targets_.begin(), targets_.end(), [](const Target& t) {
    return t.binding.kind == InputBinding::Kind::data;
  });
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    names_.push_back(inputs[i].name);
    const bool bound =
        std::any_of(targets_.begin(), targets_.end(), [&](const Target& t) { return t.input == i; });
    if (bound) continue;
    if (any_data)
      throw UsageError(
          "input '" + inputs[i].name + "' of shape " + to_string(inputs[i].shape) + " gets no data",
          {.remedy = "add it to 'inputs' of the launcher"});
    InputBinding binding;
    binding.name = inputs[i].name;
    targets_.push_back({binding, i, inputs[i].shape});
  }
  // The first input that gets data says how many samples a run takes.
  for (const Target& target : targets_)
    if (target.binding.kind == InputBinding::Kind::data) {
      batch_ = target.shape.empty() ? 1 : static_cast<std::size_t>(target.shape.front());
      break;
    }
}

PreprocessContext InputFeeder::context() const noexcept {
  for (const Target& target : targets_)
    if (target.binding.kind == InputBinding::Kind::data && target.shape.size() == 4) {
      const bool last = target.binding.channels_last;
      return {static_cast<int>(target.shape[last ? 2 : 3]), static_cast<int>(target.shape[last ? 1 : 2])};
    }
  return {};
}

void InputFeeder::feed_picture(const Target& target, const Frame& frame, std::span<float> row) {
  const Shape& shape = target.shape;
  const bool last = target.binding.channels_last;
  const auto side = [&](std::size_t axis) { return static_cast<int>(shape[axis]); };
  const bool is_volume = shape.size() == 5;
  const std::size_t first = last ? 1 : 2;
  const int channels = side(last ? shape.size() - 1 : 1);
  const int depth = is_volume ? side(first) : 1;
  const int height = side(first + (is_volume ? 1 : 0)), width = side(first + (is_volume ? 2 : 1));
  if (frame.height != height || frame.width != width || frame.depth != depth || frame.channels < channels)
    throw UsageError(
        "after preprocessing the sample has " + std::to_string(frame.width) + "x" +
            std::to_string(frame.height) + " with " + std::to_string(frame.channels) + " channels; input '" +
            target.binding.name + "' takes " + std::to_string(width) + "x" + std::to_string(height) +
            " with " + std::to_string(channels),
        {.remedy = frame.channels < channels ? "check the colour steps of 'preprocessing'"
                                             : "add or correct `type: resize` in 'preprocessing'"});
  const auto from_channels = static_cast<std::size_t>(frame.channels),
             to_channels = static_cast<std::size_t>(channels);
  const std::size_t area = frame.area();
  for (std::size_t c = 0; c < to_channels; ++c)
    for (std::size_t i = 0; i < area; ++i)
      row[last ? i * to_channels + c : c * area + i] = frame.values[i * from_channels + c];
}

void InputFeeder::feed(Session& session, std::size_t row, const Annotation& sample,
                       std::span<const Frame> frames) const {
  for (const Target& target : targets_) {
    const std::span<float> all = session.input(target.input);
    const std::size_t size = row_size(target.input, all.size());
    feed_row(target.input, size == all.size() ? all : all.subspan(row * size, size), sample, frames);
  }
}

const InputFeeder::Target& InputFeeder::target(std::size_t input) const {
  return *std::find_if(targets_.begin(), targets_.end(),
                       [&](const Target& target) { return target.input == input; });
}

std::size_t InputFeeder::row_size(std::size_t input, std::size_t elements) const {
  const InputBinding& binding = target(input).binding;
  if (binding.kind == InputBinding::Kind::constant) return elements;
  if (elements % batch_ != 0)
    throw UsageError("input '" + binding.name + "' cannot be divided into " + std::to_string(batch_) +
                     " samples");
  return elements / batch_;
}

void InputFeeder::feed_row(std::size_t input, std::span<float> row, const Annotation& sample,
                           std::span<const Frame> frames) const {
  const Target& target = this->target(input);
  if (target.binding.kind == InputBinding::Kind::constant) {
    const auto& value = target.binding.constant;
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(value[i % value.size()]);
    return;
  }
  if (target.binding.kind == InputBinding::Kind::image_info) {
    const Frame& frame = frames.front();
    const std::array<float, 3> info{static_cast<float>(frame.height), static_cast<float>(frame.width), 1};
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = i < 3 ? info[i] : 1;
    return;
  }
  std::size_t chosen = 0;
  if (!target.binding.pattern.empty()) {
    const std::regex pattern(target.binding.pattern);
    while (chosen < sample.ids.size() &&
           !std::regex_search(sample.ids[chosen], pattern, std::regex_constants::match_continuous))
      ++chosen;
    if (chosen == sample.ids.size())
      throw UsageError("none of the ids '" + sample.name() + "' matches '" + target.binding.pattern +
                       "' of input '" + target.binding.name + "'");
  }
  const Frame& frame = frames[chosen];
  if (frame.picture && (target.shape.size() == 4 || target.shape.size() == 5)) {
    feed_picture(target, frame, row);
    return;
  }
  if (frame.values.size() != row.size())
    throw UsageError("the sample has " + std::to_string(frame.values.size()) + " numbers; input '" +
                     target.binding.name + "' of shape " + to_string(target.shape) + " takes " +
                     std::to_string(row.size()));
  std::copy(frame.values.begin(), frame.values.end(), row.begin());
}

}  // namespace refcalib::engine
