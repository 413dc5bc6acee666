#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "engine/formats/caffe/net.pb.h"

namespace refcalib::engine::caffe {

/// A top of a layer: its layer and its rank among the tops. In-place layers give a new one under the same name.
struct Top {
  std::size_t layer = 0, rank = 0;
  auto operator<=>(const Top&) const = default;
};

/// Which layer reads what. A layer reads the last blob of a name that was given before it.
class Topology {
 public:
  /// Keeps a reference to `net`. Throws FormatError for a bottom that no layer before gives.
  explicit Topology(const proto::NetParameter& net);

  const proto::LayerParameter& layer(std::size_t index) const { return net_.layer(static_cast<int>(index)); }
  std::size_t size() const noexcept { return bottoms_.size(); }
  const std::vector<Top>& bottoms(std::size_t layer) const { return bottoms_[layer]; }
  /// Layers that read a top, in their order.
  const std::vector<std::size_t>& readers(Top top) const;

 private:
  const proto::NetParameter& net_;
  std::vector<std::vector<Top>> bottoms_;
  std::map<Top, std::vector<std::size_t>> readers_;
};

/// What becomes of layers in a network that is only run.
struct Plan {
  std::vector<bool> translated;  ///< layers that lead to an output
  std::vector<Top> outputs;      ///< in the order of the layers
};

/// Layers of losses and of accuracy do not count as readers: what they judge is an output, behind the Softmax or Sigmoid that some losses
/// contain. What a Silence reads is no output.
Plan plan(const Topology& topology);

}  // namespace refcalib::engine::caffe
