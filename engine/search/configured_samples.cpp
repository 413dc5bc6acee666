#include "engine/search/configured_samples.h"

#include <algorithm>
#include <memory>

#include "engine/search/ranking_subset.h"

namespace refcalib::engine {
namespace {

std::vector<Frame> middle_slice(const Frame& volume) {
  Frame slice = volume;
  const std::size_t size = volume.values.size() / static_cast<std::size_t>(volume.depth);
  const auto begin =
      volume.values.begin() + static_cast<std::ptrdiff_t>(size * static_cast<std::size_t>(volume.depth / 2));
  slice.depth = 1;
  slice.values.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
  return {std::move(slice)};
}

std::string in_words(const ConfigNode& node) {
  std::string text = node.text;
  for (const auto& [key, entry] : node.map) text += (text.empty() ? "" : " ") + key + "=" + in_words(entry);
  for (const ConfigNode& entry : node.list) text += (text.empty() ? "" : ",") + in_words(entry);
  return text;
}

}  // namespace

ConfiguredSamples::ConfiguredSamples(std::span<const PortInfo> inputs, const EvaluationConfig& config,
                                     const AnnotationSet& annotations, std::size_t count,
                                     PreparedSamples* prepared)
    : inputs_(inputs.begin(), inputs.end()),
      config_(config),
      annotations_(annotations),
      feeder_(inputs, config.launcher),
      pipeline_(config, annotations.meta, feeder_.context()),
      prepared_(prepared),
      chosen_(RankingSubset::even(annotations.samples.size(), count == 0 ? annotations.samples.size() : count)
                  .samples) {}

SampleSource ConfiguredSamples::source() {
  SampleSource source;
  const std::size_t batch = feeder_.batch();
  source.runs = (chosen_.size() + batch - 1) / batch;
  source.fill = [this](Session& session, std::size_t run) { return Filled(fill(session, run)); };
  source.name = [this, batch](std::size_t run) { return annotations_.samples[chosen_[run * batch]].name(); };
  return source;
}

std::vector<bool> ConfiguredSamples::fill(Session& session, std::size_t run) {
  const std::size_t batch = feeder_.batch();
  std::vector<bool> own(batch, false);
  std::vector<std::size_t> missing;
  std::size_t good = annotations_.samples.size();
  std::shared_ptr<const std::vector<Frame>> last;
  for (std::size_t row = 0; row < batch; ++row) {
    if (run * batch + row >= chosen_.size()) {
      missing.push_back(row);
      continue;
    }
    const std::size_t sample = chosen_[run * batch + row];
    try {
      const Annotation& annotation = annotations_.samples[sample];
      auto frames = prepared_ != nullptr
                        ? prepared_->get(pipeline_, annotation, sample)
                        : std::make_shared<const std::vector<Frame>>(pipeline_.prepare(annotation));
      if (by_slices(*frames, inputs_))
        frames = std::make_shared<const std::vector<Frame>>(middle_slice(frames->front()));
      feeder_.feed(session, row, annotation, *frames);
      own[row] = true;
      good = sample;
      last = std::move(frames);
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {
      skip(sample, error.what());
      missing.push_back(row);
    }
  }
  if (last)
    for (const std::size_t row : missing) feeder_.feed(session, row, annotations_.samples[good], *last);
  return own;
}

void ConfiguredSamples::skip(std::size_t sample, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const auto at = std::lower_bound(skipped_.begin(), skipped_.end(), sample,
                                   [](const auto& known, std::size_t s) { return known.first < s; });
  if (at == skipped_.end() || at->first != sample) skipped_.emplace(at, sample, reason);
}

std::string ConfiguredSamples::preparation() const {
  std::string text = "reader " + in_words(config_.dataset.reader);
  for (const ConfigNode& step : config_.dataset.preprocessing) text += "; " + in_words(step);
  return text;
}

}  // namespace refcalib::engine
