#include <algorithm>
#include <array>

#include "engine/core/error.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/indexing_layers.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/formats/ir/rearrange_layers.h"
#include "engine/ops/embedding_bag.h"
#include "engine/ops/fold.h"
#include "engine/ops/indexing.h"
#include "engine/ops/movement.h"

namespace refcalib::engine::ir {
namespace {

void read_gather(LayerReader& reader) {
  reader.expect_inputs(3, 3);
  add_gather(reader, scalar(reader, 2), reader.integer("batch_dims", 0), true);
}

void read_gather_elements(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  reader.add("GatherElements",
             GatherElementsAttributes{LayerReader::axis(reader.integer("axis"), reader.shape(0).size())},
             reader.inputs());
}

void add_gather_nd(LayerReader& reader, bool flatten_batch) {
  reader.expect_inputs(2, 2);
  reader.add("GatherND", GatherNDAttributes{reader.integer("batch_dims", 0), flatten_batch}, reader.inputs());
}

void read_scatter_elements(LayerReader& reader) {
  add_scatter(reader, "ScatterElementsUpdate", reader.word("reduction", "none"),
              reader.boolean("use_init_val", true));
}

void read_scatter_nd(LayerReader& reader) {
  reader.expect_inputs(3, 3);
  reader.add("ScatterNDUpdate", ScatterAttributes{0, reader.word("reduction", "none"), true},
             reader.inputs());
}

void read_one_hot(LayerReader& reader) {
  reader.expect_inputs(4, 4);
  add_one_hot(reader, reader.integer("axis"), scalar(reader, 1), reader.input(2), reader.input(3));
}

DType output_type(const LayerReader& reader, std::string_view absent) {
  return element_type(reader.word("output_type", absent));
}

/// Inputs are rows, columns, diagonal and the shape of the batch.
void read_eye(LayerReader& reader) {
  reader.expect_inputs(3, 4);
  const std::int64_t rows = scalar(reader, 0), columns = scalar(reader, 1), diagonal = scalar(reader, 2);
  Shape shape = reader.input_count() > 3 ? reader.ints(3) : Shape{};
  shape.insert(shape.end(), {rows, columns});
  const std::int64_t count = element_count(shape);
  if (count > (1 << 24)) throw FormatError("a matrix of shape " + to_string(shape) + " is too large");
  std::vector<double> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(i % columns - i / columns % rows == diagonal ? 1 : 0);
  reader.set_outputs(
      {reader.builder().constant(reader.name(), make_constant(output_type(reader, ""), shape, values))});
}

void read_non_zero(LayerReader& reader) {
  reader.expect_inputs(1, 1);
  const ValueId found = reader.helper("NonZero", "i64", NoAttributes{}, {reader.input(0)});
  const std::string type(to_string(output_type(reader, "i64")));
  reader.add("Convert", ConvertAttributes{type}, {found});
}

/// Patches of sizes[0] x sizes[1] elements, `rates` apart: every element of a patch is a strided slice of the padded input, and
/// the slices are the channels of the result, patch element slowest.
void read_patches(LayerReader& reader) {
  reader.expect_inputs(1, 1);
  const Shape x = reader.shape(0);
  const std::vector<std::int64_t> sizes = reader.integers("sizes"), strides = reader.integers("strides"),
                                  rates = reader.integers("rates");
  if (x.size() != 4 || sizes.size() != 2 || strides.size() != 2 || rates.size() != 2)
    throw FormatError("patches need an input of rank 4 and two sizes, strides and rates");
  constexpr std::int64_t most = 1 << 20, most_slices = 1024;
  for (const auto* list : {&sizes, &strides, &rates})
    for (const std::int64_t v : *list)
      if (v < 1 || v > most) throw FormatError("sizes, strides and rates are not positive");
  if (sizes[0] * sizes[1] > most_slices)
    throw UnsupportedError("patches of more than 1024 elements are not supported");
  const std::string padding = reader.word("auto_pad", "valid");
  PadAttributes pads{{0, 0, 0, 0}, {0, 0, 0, 0}};
  std::vector<std::int64_t> counts;
  for (std::size_t d = 0; d < 2; ++d) {
    const std::int64_t reach = (sizes[d] - 1) * rates[d] + 1, dim = x[d + 2];
    counts.push_back(padding == "valid" ? (dim - reach) / strides[d] + 1
                                        : (dim + strides[d] - 1) / strides[d]);
    const std::int64_t total =
        padding == "valid" ? 0 : std::max<std::int64_t>((counts[d] - 1) * strides[d] + reach - dim, 0);
    if (padding == "valid" && dim < reach) throw FormatError("a patch is larger than the input");
    pads.begin[d + 2] = padding == "same_lower" ? total - total / 2 : total / 2;
    pads.end[d + 2] = total - pads.begin[d + 2];
  }
  if (padding != "valid" && padding != "same_upper" && padding != "same_lower")
    throw FormatError("attribute 'auto_pad' has the unknown value '" + padding + "'");
  const ValueId padded = pad(reader, "padded", reader.input(0), std::move(pads));
  std::vector<ValueId> slices;
  for (std::int64_t i = 0; i < sizes[0]; ++i)
    for (std::int64_t j = 0; j < sizes[1]; ++j) {
      const std::int64_t y = i * rates[0], z = j * rates[1];
      const std::string at = std::to_string(i) + "." + std::to_string(j);
      const Ranges ranges{
          {0, 0, y, z},
          {x[0], x[1], y + (counts[0] - 1) * strides[0] + 1, z + (counts[1] - 1) * strides[1] + 1},
          {1, 1, strides[0], strides[1]}};
      slices.push_back(slice(reader, at, padded, ranges));
    }
  reader.add("Concat", ConcatAttributes{1}, std::move(slices));
}

/// Bags of rows of a table; the reduction is an attribute since version 15. A default row that is not stated, or -1, leaves empty bags 0.
void add_embedding_bag(LayerReader& reader, EmbeddingBagAttributes a, std::size_t default_input,
                       std::size_t weights_input) {
  const std::string reduction = reader.word("reduction", "sum");
  if (reduction != "sum" && reduction != "mean")
    throw FormatError("attribute 'reduction' has the unknown value '" + reduction + "'");
  a.mean = reduction == "mean";
  const bool packed = a.form == "packed";
  if (!packed && reader.input_count() > default_input) a.default_index = scalar(reader, default_input);
  std::vector<ValueId> inputs(reader.inputs().begin(), reader.inputs().begin() + (packed ? 2 : 3));
  a.weighted = reader.input_count() > weights_input;
  if (a.weighted) inputs.push_back(reader.input(weights_input));
  if (a.weighted && a.mean) throw FormatError("a mean has no weights");
  reader.add("EmbeddingBag", std::move(a), std::move(inputs));
}

void read_packed_bags(LayerReader& reader) {
  reader.expect_inputs(2, 3);
  add_embedding_bag(reader, {}, 2, 2);
}

void read_bags_by_offset(LayerReader& reader) {
  reader.expect_inputs(3, 5);
  add_embedding_bag(reader, {.form = "offsets"}, 3, 4);
}

void read_bags_by_segment(LayerReader& reader) {
  reader.expect_inputs(4, 6);
  add_embedding_bag(reader, {.form = "segments", .bags = scalar(reader, 3)}, 4, 5);
}

constexpr std::array<OpsetLayer, 17> kLayers = {{
    {"gather", 1, kNewest, read_gather},
    {"gatherelements", 6, kNewest, read_gather_elements},
    {"gathernd", 5, 7, [](LayerReader& r) { add_gather_nd(r, true); }},
    {"gathernd", 8, kNewest, [](LayerReader& r) { add_gather_nd(r, false); }},
    {"scatterupdate", 3, kNewest, [](LayerReader& r) { add_scatter(r, "ScatterUpdate", "none", true); }},
    {"scatterelementsupdate", 3, 11,
     [](LayerReader& r) { add_scatter(r, "ScatterElementsUpdate", "none", true); }},
    {"scatterelementsupdate", 12, kNewest, read_scatter_elements},
    {"scatterndupdate", 3, kNewest, read_scatter_nd},
    {"onehot", 1, kNewest, read_one_hot},
    {"nonzero", 3, kNewest, read_non_zero},
    {"eye", 9, kNewest, read_eye},
    {"extractimagepatches", 3, kNewest, read_patches},
    {"embeddingbagpackedsum", 3, kNewest, read_packed_bags},
    {"embeddingbagoffsetssum", 3, kNewest, read_bags_by_offset},
    {"embeddingsegmentssum", 3, kNewest, read_bags_by_segment},
    {"embeddingbagpacked", 15, kNewest, read_packed_bags},
    {"embeddingbagoffsets", 15, kNewest, read_bags_by_offset},
}};

}  // namespace

std::span<const OpsetLayer> opset_indexing_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
