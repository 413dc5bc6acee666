#pragma once

#include <string>

#include "engine/formats/ir/layer_reader.h"

namespace refcalib::engine::ir {

// Translations of operations with indices that the legacy and the opset vocabulary share.

void add_gather(LayerReader& reader, std::int64_t axis, std::int64_t batch_dims, bool wrap);
/// Inputs are data, indices, updates, axis.
void add_scatter(LayerReader& reader, const char* op, std::string reduction, bool use_init_val);
void add_one_hot(LayerReader& reader, std::int64_t axis, std::int64_t depth, ValueId on, ValueId off);
void add_reverse_sequence(LayerReader& reader, std::int64_t seq_axis, std::int64_t batch_axis);

}  // namespace refcalib::engine::ir
