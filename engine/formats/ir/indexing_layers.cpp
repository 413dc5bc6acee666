#include "engine/formats/ir/indexing_layers.h"

#include <utility>

#include "engine/core/error.h"
#include "engine/formats/ir/rearrange_layers.h"
#include "engine/ops/indexing.h"

namespace refcalib::engine::ir {

void add_gather(LayerReader& reader, std::int64_t axis, std::int64_t batch_dims, bool wrap) {
  const std::int64_t batch =
      batch_dims < 0 ? batch_dims + static_cast<std::int64_t>(reader.shape(1).size()) : batch_dims;
  reader.add("Gather", GatherAttributes{LayerReader::axis(axis, reader.shape(0).size()), batch, wrap},
             {reader.input(0), reader.input(1)});
}

void add_scatter(LayerReader& reader, const char* op, std::string reduction, bool use_init_val) {
  reader.expect_inputs(4, 4);
  const std::int64_t axis = LayerReader::axis(scalar(reader, 3), reader.shape(0).size());
  reader.add(op, ScatterAttributes{axis, std::move(reduction), use_init_val},
             {reader.input(0), reader.input(1), reader.input(2)});
}

void add_one_hot(LayerReader& reader, std::int64_t axis, std::int64_t depth, ValueId on, ValueId off) {
  reader.add("OneHot", OneHotAttributes{LayerReader::axis(axis, reader.shape(0).size() + 1), depth},
             {reader.input(0), on, off});
}

void add_reverse_sequence(LayerReader& reader, std::int64_t seq_axis, std::int64_t batch_axis) {
  reader.expect_inputs(2, 2);
  const std::size_t rank = reader.shape(0).size();
  reader.add(
      "ReverseSequence",
      ReverseSequenceAttributes{LayerReader::axis(batch_axis, rank), LayerReader::axis(seq_axis, rank)},
      {reader.input(0), reader.input(1)});
}

}  // namespace refcalib::engine::ir
