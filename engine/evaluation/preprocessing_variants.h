#pragma once

#include <string>
#include <vector>

#include "engine/evaluation/configuration/evaluation_config.h"
#include "engine/evaluation/preprocessing/preprocessor.h"

namespace refcalib::engine {

/// Another way to preprocess that a configuration may have meant.
struct PreprocessingVariant {
  std::string what;  ///< what it does differently: "red first (RGB)"
  std::vector<ConfigNode> steps;
  bool no_normalization = false;  ///< it feeds pixels as they are: the network may normalize them itself
};

/// The variants of a list of steps: the other order of colours, the usual means and scales in both orders,
/// none, each normalization of several left out, and for classification the usual ways to come to the
/// network's size. The list itself is none of them. Empty if the steps are not those of pictures.
std::vector<PreprocessingVariant> preprocessing_variants(const std::vector<ConfigNode>& steps,
                                                         const PreprocessContext& context, bool try_sizes);

}  // namespace refcalib::engine
