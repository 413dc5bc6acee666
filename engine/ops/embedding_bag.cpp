#include "engine/ops/embedding_bag.h"

#include <algorithm>
#include <cstring>

#include "engine/ops/infer.h"
#include "engine/ops/whole_tensor.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  const auto& a = attributes.as<EmbeddingBagAttributes>();
  const bool packed = a.form == "packed";
  const std::size_t count = (packed ? 2U : 3U) + (a.weighted ? 1U : 0U);
  require_inputs(in, count, count);
  require(packed || a.form == "offsets" || a.form == "segments", "the form '" + a.form + "' is unknown");
  const Shape &table = in.shape(0), &indices = in.shape(1);
  require(!table.empty() && is_float(in.dtype(0)), "the table has no rows of floats");
  require(indices.size() == (packed ? 2U : 1U), "the indices have the shape " + to_string(indices));
  if (!packed) require(in.shape(2).size() == 1, "the positions have the shape " + to_string(in.shape(2)));
  require(a.form != "segments" || in.shape(2) == indices, "there is not one segment for each index");
  require(!a.weighted || (in.shape(count - 1) == indices && is_float(in.dtype(count - 1))),
          "there is not one weight for each index");
  require(a.default_index < table[0], "the default row is outside the table");
  Shape shape = table;
  shape[0] = packed ? indices[0] : a.form == "offsets" ? in.shape(2)[0] : a.bags;
  require(shape[0] >= 0, "the number of bags is negative");
  return {{DType::f32, shape}};
}

float real(const WholeInput& input, std::int64_t i) noexcept {
  float value;
  std::memcpy(&value, input.data + i * 4, 4);
  return value;
}

/// One bag after the other.
struct Bags {
  const EmbeddingBagAttributes& a;
  std::span<const WholeInput> in;
  const WholeOutput& out;
  std::int64_t width = product(in[0].shape, 1, in[0].shape.size());

  void add(std::int64_t row, float weight, float* to) const noexcept {
    if (row < 0 || row >= in[0].shape[0]) return;
    for (std::int64_t c = 0; c < width; ++c) to[c] += real(in[0], row * width + c) * weight;
  }

  void sum(std::int64_t begin, std::int64_t end, float* to) const noexcept {
    std::fill(to, to + width, 0.0F);
    if (begin >= end) return add(a.default_index, 1, to);
    for (std::int64_t i = begin; i < end; ++i) add(in[1].integer(i), a.weighted ? real(in.back(), i) : 1, to);
    if (!a.mean) return;
    for (std::int64_t c = 0; c < width; ++c) to[c] /= static_cast<float>(end - begin);
  }

  void run() const noexcept {
    auto* to = reinterpret_cast<float*>(out.data);
    const std::int64_t bags = out.shape[0], indices = product(in[1].shape, 0, in[1].shape.size());
    std::int64_t segment_end = 0;
    for (std::int64_t b = 0; b < bags; ++b, to += width) {
      if (a.form == "packed") {
        const std::int64_t length = in[1].shape[1];
        sum(b * length, (b + 1) * length, to);
      } else if (a.form == "offsets") {
        const std::int64_t next = b + 1 < bags ? in[2].integer(b + 1) : indices;
        sum(std::clamp<std::int64_t>(in[2].integer(b), 0, indices), std::min(next, indices), to);
      } else {
        const std::int64_t begin = skip(segment_end, indices, b);
        segment_end = skip(begin, indices, b + 1);
        sum(begin, segment_end, to);
      }
    }
  }

  /// The first index from `at` on whose segment is not below `segment`.
  std::int64_t skip(std::int64_t at, std::int64_t indices, std::int64_t segment) const noexcept {
    while (at < indices && in[2].integer(at) < segment) ++at;
    return at;
  }
};

void compute(const Attributes& attributes, std::span<const WholeInput> in, const WholeOutput& out) noexcept {
  Bags{attributes.as<EmbeddingBagAttributes>(), in, out}.run();
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  return fold_whole(attributes, in, infer(attributes, in).front(), compute);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return plan_whole(node, context, "embedding_bag", compute);
}

}  // namespace

extern const OpRecord embedding_bag_op;
const OpRecord embedding_bag_op{.name = "EmbeddingBag", .infer = infer, .fold = fold, .plan = plan};

}  // namespace refcalib::engine
