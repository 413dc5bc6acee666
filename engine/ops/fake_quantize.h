#pragma once

#include <array>
#include <cstdint>

#include "engine/graph/constant.h"

namespace refcalib::engine {

/// What FakeQuantize makes of constant data, by the same formula and with the same bits as at run time. `limits`: input_low,
/// input_high, output_low, output_high, which broadcast to the data; levels >= 2. The result is f32.
Constant fold_fake_quantize(const Constant& data, const std::array<Constant, 4>& limits, std::int64_t levels);

}  // namespace refcalib::engine
