#include "engine/calibration/samples.h"

#include <algorithm>

namespace refcalib::engine {

Filled::Filled(std::vector<bool> rows)
    : any_(std::find(rows.begin(), rows.end(), true) != rows.end()), rows_(std::move(rows)) {}

}  // namespace refcalib::engine
