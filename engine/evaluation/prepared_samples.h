#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/evaluation/pipeline.h"

namespace refcalib::engine {

/// Samples that were read and preprocessed, kept for the next run of a network over them as far as memory
/// allows. All pipelines that use one must prepare alike. May be used by several threads at once.
class PreparedSamples {
 public:
  /// `bytes`: how much memory the kept samples may take.
  explicit PreparedSamples(std::size_t bytes) : free_(bytes) {}

  /// The sample from memory, or prepared now. Throws as Pipeline::prepare.
  std::shared_ptr<const std::vector<Frame>> get(const Pipeline& pipeline, const Annotation& annotation,
                                                std::size_t sample);

 private:
  std::mutex mutex_;
  std::size_t free_;
  std::map<std::size_t, std::shared_ptr<const std::vector<Frame>>> kept_;
};

}  // namespace refcalib::engine
