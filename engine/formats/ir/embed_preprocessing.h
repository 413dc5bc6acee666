#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/formats/ir/document.h"

namespace refcalib::engine::ir {

/// Preprocessing that becomes a part of the network: x' = (x - mean[c]) / scale[c], with channels in the network's own order, after the
/// channels of what is fed were reversed.
struct EmbeddedPreprocessing {
  /// By input; an empty name means every image input. One number, or one per channel.
  std::vector<std::pair<std::string, std::vector<float>>> mean, scale;
  bool reverse_channels = false;  ///< of inputs with three channels

  bool empty() const noexcept { return mean.empty() && scale.empty() && !reverse_channels; }
};

/// A v10/v11 document with layers of the preprocessing behind its inputs. Channels are reversed in the weights of the convolutions that
/// read the input where only such do, else by a Gather. Throws UsageError for an input that does not exist, or numbers that do not fit.
Document embed_preprocessing(const Document& document, const EmbeddedPreprocessing& preprocessing);

}  // namespace refcalib::engine::ir
