#pragma once

#include <string>

#include "apps/refcalib/options.h"
#include "engine/formats/model.h"

namespace refcalib::app {

/// The option --precision of the 2019 tools. Throws UsageError for what is neither INT8 nor, where `floats` may be chosen, FP16 or FP32.
void check_precision(const std::string& precision, bool floats);

/// The model with its floating-point weights as the option asks for: FP16 or FP32; INT8 leaves them as they are. What runs in
/// integers does so either way. Throws UsageError for a model that is no IR; UnsupportedError for weights that FP16 cannot hold.
engine::Model with_precision(engine::Model model, const ModelOptions& options, const std::string& precision);

}  // namespace refcalib::app
