#include "engine/evaluation/configured_source.h"

#include <utility>

#include "engine/evaluation/evaluate.h"

namespace refcalib::engine {
namespace {

/// What the sources of one network share.
struct Shared {
  Shared(std::span<const PortInfo> ports, const EvaluationConfig& configuration, const AnnotationSet& set,
         PreparedSamples& kept)
      : inputs(ports.begin(), ports.end()),
        annotations(set),
        prepared(kept),
        feeder(ports, configuration.launcher),
        pipeline(configuration, set.meta, feeder.context()) {}

  void read(std::size_t input, std::size_t sample, std::span<float> row) const {
    const Annotation& annotation = annotations.samples[sample];
    const auto frames = prepared.get(pipeline, annotation, sample);
    if (by_slices(*frames, inputs)) {
      const std::vector<Frame> middle{slice_of(frames->front(), frames->front().depth / 2)};
      feeder.feed_row(input, row, annotation, middle);
    } else {
      feeder.feed_row(input, row, annotation, *frames);
    }
  }

  std::vector<PortInfo> inputs;
  const AnnotationSet& annotations;
  PreparedSamples& prepared;
  InputFeeder feeder;
  Pipeline pipeline;
};

std::string in_words(const ConfigNode& node) {
  std::string text = node.text;
  for (const auto& [key, entry] : node.map)
    text += (text.empty() ? "" : " ") + (key == "type" ? "" : key + "=") + in_words(entry);
  for (const ConfigNode& entry : node.list) text += (text.empty() ? "" : ",") + in_words(entry);
  return text;
}

std::string in_words(const DatasetConfig& dataset) {
  std::string text = "'" + dataset.name + "' of the configuration";
  for (const ConfigNode& step : dataset.preprocessing) text += ", " + in_words(step);
  return text;
}

}  // namespace

std::vector<InputSource> configured_sources(std::span<const PortInfo> inputs, const EvaluationConfig& config,
                                            const AnnotationSet& annotations, PreparedSamples& prepared) {
  const auto shared = std::make_shared<const Shared>(inputs, config, annotations, prepared);
  std::vector<InputSource> sources;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    InputSource source;
    source.description = in_words(config.dataset);
    source.images = true;
    source.samples = annotations.samples.size();
    source.row_size = shared->feeder.row_size(i, static_cast<std::size_t>(element_count(inputs[i].shape)));
    for (const Annotation& annotation : annotations.samples) source.files.emplace_back(annotation.name());
    source.read = [shared, i](std::size_t sample, std::span<float> row) { shared->read(i, sample, row); };
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace refcalib::engine
