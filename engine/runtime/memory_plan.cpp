#include "engine/runtime/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "engine/ops/infer.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"

namespace refcalib::engine {
namespace {

constexpr std::size_t kAlignment = 64;
/// Kernels may read this far behind a tensor.
constexpr std::size_t kReadable = 64;

std::size_t aligned(std::size_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

/// A value as part of the memory of another one.
struct Part {
  ValueId root = kNone;
  std::size_t offset = 0;
  std::int64_t pixel_stride = 0;
};

class Planner {
 public:
  explicit Planner(const Graph& graph) : graph_(graph), order_(graph.order()), parts_(graph.value_count()) {
    for (ValueId id = 0; id < graph.value_count(); ++id) {
      const Shape& shape = graph.value(id).shape;
      parts_[id] = {id, 0, shape.size() > 1 ? shape[1] : 1};
    }
  }

  MemoryPlan plan(bool share) {
    for (auto it = order_.rbegin(); it != order_.rend(); ++it)
      if (op_record(graph_.node(*it).op).aliasing == Aliasing::slices) place_slices(graph_.node(*it));
    for (const NodeId id : order_)
      if (op_record(graph_.node(id).op).aliasing == Aliasing::view) place_view(graph_.node(id));
    return allocate(share);
  }

 private:
  const Value& value(ValueId id) const { return graph_.value(id); }
  std::size_t bytes(ValueId id) const {
    return static_cast<std::size_t>(element_count(value(id).shape)) * size_of(value(id).dtype);
  }

  bool feeds_view(ValueId id) const {
    for (const NodeId reader : graph_.consumers(id))
      if (op_record(graph_.node(reader).op).aliasing == Aliasing::view) return true;
    return false;
  }

  bool is_view(ValueId id) const {
    const NodeId producer = value(id).producer;
    return producer != kNone && op_record(graph_.node(producer).op).aliasing == Aliasing::view;
  }

  /// The value whose memory `id` is, under another shape.
  ValueId viewed(ValueId id) const {
    while (is_view(id) && !graph_.is_output(id)) id = graph_.node(value(id).producer).inputs.front();
    return id;
  }

  /// Whether the value can be written where it is wanted: nothing else has decided where it lies.
  bool may_be_placed(const Node& concat, ValueId id) const {
    const Value& v = value(id);
    return !v.constant && v.producer != kNone && !graph_.is_output(id) && !is_view(id) &&
           v.dtype == value(concat.outputs.front()).dtype && parts_[id].root == id;
  }

  bool may_be_strided(const Node& concat, ValueId id) const {
    return may_be_placed(concat, id) && value(id).layout == value(concat.outputs.front()).layout &&
           !feeds_view(id);
  }

  void place_slices(const Node& concat) {
    const ValueId out = concat.outputs.front();
    const Value& whole = value(out);
    const auto axis = static_cast<std::size_t>(
        normalize_axis(concat.attributes.as<ConcatAttributes>().axis, whole.shape.size()));
    const bool channels = whole.layout == Layout::channels_last && axis == 1;
    bool outermost = whole.layout == Layout::plain;
    for (std::size_t d = 0; d < axis; ++d) outermost = outermost && whole.shape[d] == 1;
    if (!channels && !outermost) return;
    if (channels) return place_channels(concat, parts_[out]);
    std::size_t offset = parts_[out].offset;
    for (const ValueId id : concat.inputs) {
      // The slice is dense, so that a value under another shape, and in another order, fills it just the same.
      const ValueId source = viewed(id);
      const bool same = source != id || value(id).layout == whole.layout;
      if (same && may_be_placed(concat, source) && parts_[out].root != source)
        parts_[source] = {parts_[out].root, offset, parts_[source].pixel_stride};
      offset += bytes(id);
    }
  }

  void place_channels(const Node& concat, const Part whole) {
    std::size_t offset = whole.offset;
    for (const ValueId id : concat.inputs) {
      if (may_be_strided(concat, id)) parts_[id] = {whole.root, offset, whole.pixel_stride};
      offset += static_cast<std::size_t>(value(id).shape[1]) * size_of(value(id).dtype);
    }
  }

  void place_view(const Node& node) {
    const ValueId in = node.inputs.front(), out = node.outputs.front();
    if (value(in).constant) return;
    const Shape& shape = value(out).shape;
    parts_[out] = {parts_[in].root, parts_[in].offset, shape.size() > 1 ? shape[1] : 1};
  }

  struct Block {
    ValueId root = kNone;
    std::size_t size = 0, offset = 0;
    std::size_t first = 0, last = 0;
  };

  std::vector<Block> blocks(bool share) const {
    const std::size_t end = order_.size() + 1;
    std::vector<Block> by_root(graph_.value_count());
    const auto touch = [&](ValueId id, std::size_t time) {
      if (value(id).constant) return;
      Block& block = by_root[parts_[id].root];
      if (block.root == kNone)
        block = {parts_[id].root, aligned(bytes(parts_[id].root) + kReadable), 0, time, time};
      block.first = std::min(block.first, share ? time : 0);
      block.last = std::max(block.last, share ? time : end);
    };
    for (const ValueId id : graph_.inputs) touch(id, 0), touch(id, end);
    for (std::size_t i = 0; i < order_.size(); ++i) {
      for (const ValueId id : graph_.node(order_[i]).inputs) touch(id, i + 1);
      for (const ValueId id : graph_.node(order_[i]).outputs) touch(id, i + 1);
    }
    for (const ValueId id : graph_.outputs) touch(id, end);
    std::erase_if(by_root, [](const Block& b) { return b.root == kNone; });
    return by_root;
  }

  MemoryPlan allocate(bool share) const {
    std::vector<Block> pending = blocks(share);
    std::stable_sort(pending.begin(), pending.end(),
                     [](const Block& a, const Block& b) { return a.size > b.size; });
    std::vector<Block> placed;
    MemoryPlan plan;
    for (Block block : pending) {
      std::vector<Block> neighbours;
      for (const Block& other : placed)
        if (other.first <= block.last && block.first <= other.last) neighbours.push_back(other);
      std::sort(neighbours.begin(), neighbours.end(),
                [](const Block& a, const Block& b) { return a.offset < b.offset; });
      for (const Block& other : neighbours)
        if (block.offset < other.offset + other.size && other.offset < block.offset + block.size)
          block.offset = other.offset + other.size;
      placed.push_back(block);
      plan.arena_bytes = std::max(plan.arena_bytes, block.offset + block.size);
    }
    std::vector<std::size_t> offset_of(graph_.value_count(), 0);
    std::vector<bool> known(graph_.value_count(), false);
    for (const Block& block : placed) offset_of[block.root] = block.offset, known[block.root] = true;
    plan.places.resize(graph_.value_count());
    for (ValueId id = 0; id < graph_.value_count(); ++id)
      if (known[parts_[id].root])
        plan.places[id] = {offset_of[parts_[id].root] + parts_[id].offset, parts_[id].pixel_stride, true};
    return plan;
  }

  const Graph& graph_;
  std::vector<NodeId> order_;
  std::vector<Part> parts_;
};

}  // namespace

MemoryPlan plan_memory(const Graph& graph, bool share) {
  return Planner(graph).plan(share);
}

}  // namespace refcalib::engine
