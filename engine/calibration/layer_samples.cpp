#include "engine/calibration/layer_samples.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "engine/core/error.h"
#include "engine/ops/convolution.h"
#include "engine/ops/strides.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

/// Places of a layer's output by a fixed sequence: a stride that is prime to the count visits every place once.
std::vector<std::size_t> chosen_places(std::size_t count, std::size_t wanted, std::size_t sample) {
  std::vector<std::size_t> places(std::min(count, wanted));
  constexpr std::size_t prime = 2654435761U;
  for (std::size_t i = 0; i < places.size(); ++i)
    places[i] = wanted >= count ? i : ((sample * wanted + i) * prime + sample) % count;
  return places;
}

/// Copies patches of a value in any memory order and element type.
class PatchReader {
 public:
  PatchReader(const LayerGeometry& geometry, const ValueView& view)
      : g_(geometry), view_(view), strides_(element_strides(view.tensor)) {
    const std::size_t inputs = g_.patch() / area();
    channel_stride_ = strides_.size() > 1 ? strides_[1] : 1;
    scale_.assign(inputs, 1.0F);
    if (const Quantization* q = view.tensor.quantization)
      for (std::size_t c = 0; c < inputs; ++c) scale_[c] = q->scale[q->per_channel() ? c : 0];
  }

  void read(std::size_t place, float* row) const {
    std::vector<std::int64_t> at(g_.positions.size());
    for (std::size_t d = g_.positions.size(); d-- > 0;) {
      at[d] = static_cast<std::int64_t>(place) % g_.positions[d];
      place /= static_cast<std::size_t>(g_.positions[d]);
    }
    const std::size_t taps = area(), inputs = scale_.size();
    for (std::size_t tap = 0; tap < taps; ++tap) {
      const std::int64_t offset = tap_offset(at, tap);
      for (std::size_t c = 0; c < inputs; ++c)
        row[c * taps + tap] =
            offset < 0 ? 0.0F : element(offset + static_cast<std::int64_t>(c) * channel_stride_, c);
    }
  }

 private:
  std::size_t area() const {
    std::size_t area = 1;
    for (const std::int64_t k : g_.kernel) area *= static_cast<std::size_t>(k);
    return area;
  }

  /// Offset of channel 0 under a tap of the kernel; -1 in the padding.
  std::int64_t tap_offset(const std::vector<std::int64_t>& at, std::size_t tap) const {
    std::int64_t offset = at[0] * strides_[0];
    for (std::size_t d = g_.kernel.size(); d-- > 0;) {
      const std::int64_t k = static_cast<std::int64_t>(tap) % g_.kernel[d];
      tap /= static_cast<std::size_t>(g_.kernel[d]);
      const std::int64_t x = at[d + 1] * g_.strides[d] - g_.pads[d] + k * g_.dilations[d];
      if (x < 0 || x >= g_.input[d + 2]) return -1;
      offset += x * strides_[d + 2];
    }
    return offset;
  }

  float element(std::int64_t offset, std::size_t channel) const {
    if (view_.tensor.dtype == DType::f32) return static_cast<const float*>(view_.data)[offset];
    const std::int32_t q = static_cast<const std::uint8_t*>(view_.data)[offset];
    const Quantization* quantization = view_.tensor.quantization;
    return static_cast<float>(q - (quantization ? quantization->zero_point_of(channel) : 0)) *
           scale_[channel];
  }

  const LayerGeometry& g_;
  const ValueView& view_;
  std::vector<std::int64_t> strides_;
  std::int64_t channel_stride_ = 1;
  std::vector<float> scale_;
};

/// Takes the patches of one run and ends it.
class PatchObserver final : public StepObserver {
 public:
  PatchObserver(ValueId value, std::span<const LayerGeometry> geometries)
      : value_(value), geometries_(geometries) {}

  void begin(std::size_t sample, std::span<const std::size_t> wanted, std::span<float* const> rows) {
    sample_ = sample;
    wanted_ = wanted;
    rows_ = rows;
    done_ = false;
  }

  void after_step(int, std::span<const ValueView> outputs) noexcept override {
    for (const ValueView& view : outputs) {
      if (view.id != value_) continue;
      for (std::size_t l = 0; l < geometries_.size(); ++l) {
        const PatchReader reader(geometries_[l], view);
        float* row = rows_[l];
        for (const std::size_t place : chosen_places(geometries_[l].position_count(), wanted_[l], sample_)) {
          reader.read(place, row);
          row += geometries_[l].patch();
        }
      }
      done_ = true;
    }
  }
  bool done() const noexcept override { return done_; }

 private:
  ValueId value_;
  std::span<const LayerGeometry> geometries_;
  std::size_t sample_ = 0;
  std::span<const std::size_t> wanted_;
  std::span<float* const> rows_;
  bool done_ = false;
};

ValueId input_of(const Program& program, const std::string& layer) {
  const Graph& graph = program.graph();
  for (const NodeId id : graph.order())
    if (graph.node(id).name == layer && weighted_traits(graph.node(id)) != nullptr)
      return graph.node(id).inputs.front();
  throw Error("internal: the program has no layer of this name", {{}, layer, {}});
}

}  // namespace

std::size_t LayerGeometry::position_count() const {
  return static_cast<std::size_t>(element_count(positions));
}

std::optional<LayerGeometry> layer_geometry(const Graph& graph, const Node& node) {
  if (node.inputs.size() < 2 || !graph.value(node.inputs[1]).constant) return std::nullopt;
  const Shape &x = graph.value(node.inputs[0]).shape, &w = graph.value(node.inputs[1]).shape,
              &y = graph.value(node.outputs.front()).shape;
  LayerGeometry g;
  g.input = x;
  g.positions = {x.empty() ? 1 : x[0]};
  if (node.op == "Convolution") {
    const auto& a = node.attributes.as<ConvolutionAttributes>();
    g.groups = static_cast<std::size_t>(w[0]);
    g.outputs = static_cast<std::size_t>(w[1]);
    g.depth = static_cast<std::size_t>(w[2]);
    for (std::size_t d = 3; d < w.size(); ++d) {
      g.kernel.push_back(w[d]);
      g.depth *= static_cast<std::size_t>(w[d]);
      g.positions.push_back(y[d - 1]);
    }
    g.strides = a.strides;
    g.dilations = a.dilations;
    g.pads = a.pads_begin;
    return g;
  }
  if (node.op != "MatMul" || x.size() != 2 || w.size() != 2) return std::nullopt;
  const auto& a = node.attributes.as<MatMulAttributes>();
  if (a.transpose_a) return std::nullopt;
  g.depth = static_cast<std::size_t>(w[a.transpose_b ? 1 : 0]);
  g.outputs = static_cast<std::size_t>(w[a.transpose_b ? 0 : 1]);
  g.transposed = !a.transpose_b;
  return g;
}

KeptInputs keep_inputs(const std::shared_ptr<const Program>& program, std::size_t samples,
                       const FillInputs& fill, std::size_t most) {
  KeptInputs kept;
  Session session(program, 1);
  for (std::size_t n = 0; n < std::min(samples, most); ++n) {
    const std::size_t i = n * samples / std::min(samples, most);
    if (!fill(session, i)) continue;
    kept.emplace_back();
    for (std::size_t port = 0; port < program->inputs().size(); ++port)
      kept.back().emplace_back(session.input(port).begin(), session.input(port).end());
  }
  return kept;
}

std::vector<PatchSamples> sample_patches(const std::shared_ptr<const Program>& reference,
                                         const std::shared_ptr<const Program>& actual,
                                         std::span<const std::string> layers,
                                         std::span<const LayerGeometry> geometries, const KeptInputs& inputs,
                                         std::size_t rows, int threads) {
  std::vector<PatchSamples> samples(layers.size());
  std::vector<std::size_t> wanted, each;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    wanted.push_back((rows + inputs.size() - 1) / inputs.size());
    each.push_back(std::min(wanted.back(), geometries[l].position_count()));
    samples[l].rows = each.back() * inputs.size();
    samples[l].samples = inputs.size();
    samples[l].reference.resize(samples[l].rows * geometries[l].patch());
    samples[l].actual.resize(samples[l].rows * geometries[l].patch());
  }
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    Session sessions[] = {Session(reference, 1), Session(actual, 1)};
    PatchObserver observers[] = {{input_of(*reference, layers.front()), geometries},
                                 {input_of(*actual, layers.front()), geometries}};
    for (std::size_t i = next++; i < inputs.size(); i = next++)
      for (std::size_t s = 0; s < 2; ++s) {
        for (std::size_t port = 0; port < inputs[i].size(); ++port)
          std::copy(inputs[i][port].begin(), inputs[i][port].end(), sessions[s].input(port).begin());
        std::vector<float*> to;
        for (std::size_t l = 0; l < layers.size(); ++l)
          to.push_back((s == 0 ? samples[l].reference : samples[l].actual).data() +
                       i * each[l] * geometries[l].patch());
        observers[s].begin(i, wanted, to);
        sessions[s].run(observers[s]);
      }
  };
  {
    std::vector<std::jthread> helpers;
    for (int t = 1; t < threads; ++t) helpers.emplace_back(work);
    work();
  }
  return samples;
}

}  // namespace refcalib::engine
