#include "engine/evaluation/prepared_samples.h"

namespace refcalib::engine {

std::shared_ptr<const std::vector<Frame>> PreparedSamples::get(const Pipeline& pipeline,
                                                               const Annotation& annotation,
                                                               std::size_t sample) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = kept_.find(sample); found != kept_.end()) return found->second;
  }
  auto frames = std::make_shared<const std::vector<Frame>>(pipeline.prepare(annotation));
  std::size_t bytes = 0;
  for (const Frame& frame : *frames) bytes += sizeof frame + frame.values.size() * sizeof(float);
  const std::lock_guard lock(mutex_);
  if (bytes <= free_ && kept_.emplace(sample, frames).second) free_ -= bytes;
  return frames;
}

}  // namespace refcalib::engine
