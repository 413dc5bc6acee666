#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/core/shape.h"

namespace refcalib::app {

/// "[1,3,224,224]" (empty name: every input) or "data[1,3,224,224],info[1,3]"; an empty text gives an empty
/// list. Throws UsageError.
std::vector<std::pair<std::string, engine::Shape>> parse_shapes(const std::string& text);

}  // namespace refcalib::app
