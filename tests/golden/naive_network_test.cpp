#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "engine/formats/ir/ir.h"
#include "engine/runtime/program.h"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

// A network without recorded outputs (the engine of its time crashes on the v6 file), evaluated layer by layer straight from
// the file, by plain loops that share nothing with the engine but the parser of XML.

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

/// Channels, height, width of one image.
struct Image {
  std::int64_t c = 0, h = 0, w = 0;
  std::vector<double> data;

  Image() = default;
  Image(std::int64_t channels, std::int64_t height, std::int64_t width, double fill = 0)
      : c(channels), h(height), w(width), data(static_cast<std::size_t>(c * h * w), fill) {}
  double* row(std::int64_t channel, std::int64_t y) { return data.data() + (channel * h + y) * w; }
  const double* row(std::int64_t channel, std::int64_t y) const {
    return data.data() + (channel * h + y) * w;
  }
};

/// The two numbers of an attribute such as kernel="3,3".
struct Pair {
  std::int64_t y = 0, x = 0;

  Pair(const ir::Layer& layer, const char* key) {
    const std::string* text = layer.attribute(key);
    REQUIRE(text != nullptr);
    char comma = 0;
    std::istringstream(*text) >> y >> comma >> x;
  }
};

class Evaluation {
 public:
  explicit Evaluation(const ir::Document& document) : document_(document) {}

  /// The image that the network's only output is.
  Image run(const Image& input) {
    std::vector<bool> read(document_.layers.size(), false);
    for (const ir::Edge& edge : document_.edges)
      for (std::size_t i = 0; i < document_.layers.size(); ++i)
        read[i] = read[i] || document_.layers[i].id == edge.from_layer;
    for (const ir::Layer& layer : document_.layers)
      if (layer.type == "Input") values_[layer.id] = input;
    for (std::size_t i = 0; i < document_.layers.size(); ++i)
      if (!read[i]) return value(document_.layers[i]);
    FAIL("the network has no output");
    return {};
  }

 private:
  const Image& value(const ir::Layer& layer) {
    if (const auto known = values_.find(layer.id); known != values_.end()) return known->second;
    return values_[layer.id] = compute(layer);
  }

  std::vector<const Image*> inputs(const ir::Layer& layer) {
    std::vector<const Image*> found;
    for (const ir::Port& port : layer.inputs)
      for (const ir::Edge& edge : document_.edges)
        if (edge.to_layer == layer.id && edge.to_port == port.id)
          for (const ir::Layer& source : document_.layers)
            if (source.id == edge.from_layer) found.push_back(&value(source));
    return found;
  }

  std::vector<float> blob(const ir::Layer& layer, const std::string& name) const {
    for (const ir::Blob& b : layer.blobs)
      if (b.name == name) {
        std::vector<float> values(b.size / 4);
        std::memcpy(values.data(), document_.weights.data() + b.offset, b.size);
        return values;
      }
    return {};
  }

  Image compute(const ir::Layer& layer) {
    INFO("layer '" << layer.name << "' of type " << layer.type);
    const std::vector<const Image*> in = inputs(layer);
    REQUIRE(!in.empty());
    const Image& x = *in.front();
    if (layer.type == "Convolution") return convolution(layer, x);
    if (layer.type == "Deconvolution") return deconvolution(layer, x);
    if (layer.type == "Pooling") return largest(layer, x);
    if (layer.type == "Concat") return joined(in);
    const bool sigmoid = layer.type == "Activation" && *layer.attribute("type") == "sigmoid";
    if (!sigmoid && layer.type != "ReLU") FAIL("no rule for this layer");
    Image y = x;
    for (double& v : y.data) v = sigmoid ? 1 / (1 + std::exp(-v)) : std::max(v, 0.0);
    return y;
  }

  Image with_bias(const ir::Layer& layer, std::int64_t channels, std::int64_t h, std::int64_t w) const {
    Image y(channels, h, w);
    const std::vector<float> bias = blob(layer, "biases");
    if (bias.empty()) return y;
    REQUIRE(std::ssize(bias) == channels);
    for (std::int64_t o = 0; o < channels; ++o)
      std::fill(y.row(o, 0), y.row(o, 0) + h * w, static_cast<double>(bias[static_cast<std::size_t>(o)]));
    return y;
  }

  /// Weights [output, input, y, x] of one group.
  Image convolution(const ir::Layer& layer, const Image& x) const {
    const Pair k(layer, "kernel"), s(layer, "strides"), p(layer, "pads_begin"), e(layer, "pads_end");
    const std::int64_t channels = std::stoll(*layer.attribute("output"));
    Image y =
        with_bias(layer, channels, (x.h + p.y + e.y - k.y) / s.y + 1, (x.w + p.x + e.x - k.x) / s.x + 1);
    const std::vector<float> weights = blob(layer, "weights");
    REQUIRE(std::ssize(weights) == channels * x.c * k.y * k.x);
    auto w = weights.begin();
    for (std::int64_t o = 0; o < channels; ++o)
      for (std::int64_t c = 0; c < x.c; ++c)
        for (std::int64_t i = 0; i < k.y; ++i)
          for (std::int64_t j = 0; j < k.x; ++j, ++w)
            for (std::int64_t row = 0; row < y.h; ++row) {
              const std::int64_t from = row * s.y - p.y + i;
              if (from < 0 || from >= x.h) continue;
              const double* in = x.row(c, from);
              double* out = y.row(o, row);
              for (std::int64_t q = 0; q < y.w; ++q) {
                const std::int64_t at = q * s.x - p.x + j;
                if (at >= 0 && at < x.w) out[q] += in[at] * static_cast<double>(*w);
              }
            }
    return y;
  }

  /// Weights [input, output, y, x] of one group: every input is added to the outputs that it reaches.
  Image deconvolution(const ir::Layer& layer, const Image& x) const {
    const Pair k(layer, "kernel"), s(layer, "strides"), p(layer, "pads_begin"), e(layer, "pads_end");
    const std::int64_t channels = std::stoll(*layer.attribute("output"));
    Image y =
        with_bias(layer, channels, s.y * (x.h - 1) + k.y - p.y - e.y, s.x * (x.w - 1) + k.x - p.x - e.x);
    const std::vector<float> weights = blob(layer, "weights");
    REQUIRE(std::ssize(weights) == channels * x.c * k.y * k.x);
    auto w = weights.begin();
    for (std::int64_t c = 0; c < x.c; ++c)
      for (std::int64_t o = 0; o < channels; ++o)
        for (std::int64_t i = 0; i < k.y; ++i)
          for (std::int64_t j = 0; j < k.x; ++j, ++w)
            for (std::int64_t row = 0; row < x.h; ++row) {
              const std::int64_t to = row * s.y - p.y + i;
              if (to < 0 || to >= y.h) continue;
              for (std::int64_t q = 0; q < x.w; ++q) {
                const std::int64_t at = q * s.x - p.x + j;
                if (at >= 0 && at < y.w) y.row(o, to)[at] += x.row(c, row)[q] * static_cast<double>(*w);
              }
            }
    return y;
  }

  /// The windows of this network tile the image.
  static Image largest(const ir::Layer& layer, const Image& x) {
    const Pair k(layer, "kernel"), s(layer, "strides"), p(layer, "pads_begin");
    REQUIRE((*layer.attribute("pool-method") == "max" && k.y == s.y && k.x == s.x && p.y == 0 && p.x == 0));
    REQUIRE((x.h % k.y == 0 && x.w % k.x == 0));
    Image y(x.c, x.h / k.y, x.w / k.x, -INFINITY);
    for (std::int64_t c = 0; c < x.c; ++c)
      for (std::int64_t row = 0; row < x.h; ++row)
        for (std::int64_t q = 0; q < x.w; ++q) {
          double& out = y.row(c, row / k.y)[q / k.x];
          out = std::max(out, x.row(c, row)[q]);
        }
    return y;
  }

  static Image joined(const std::vector<const Image*>& parts) {
    Image y(0, parts.front()->h, parts.front()->w);
    for (const Image* part : parts) {
      y.c += part->c;
      y.data.insert(y.data.end(), part->data.begin(), part->data.end());
    }
    return y;
  }

  const ir::Document& document_;
  std::map<int, Image> values_;
};

}  // namespace

TEST_CASE("the U-Net of generation 6 gives what plain loops give", "[golden]") {
  const std::filesystem::path xml =
      std::filesystem::path(REFCALIB_TOPOLOGIES_DIR) / "v6" / "unet_tiny_256.xml";
  if (!std::filesystem::exists(xml)) {
    WARN("SKIPPED: the topologies are not there");
    return;
  }
  const ir::Document document = ir::read_document(xml);
  Image input(3, 256, 256);
  Random random(6);
  for (double& v : input.data) v = static_cast<double>(random.real(-1, 1));
  const Image expected = Evaluation(document).run(input);
  for (const Isa isa : available_isas()) {
    CompileOptions options = default_options();
    options.isa = isa;
    // The portable loops take longer than all else.
    if (isa == Isa::scalar && available_isas().size() > 1) continue;
    Session session(Program::compile(ir::to_graph(document), options), 2);
    std::copy(input.data.begin(), input.data.end(), session.input(0).begin());
    session.run();
    REQUIRE(session.output(0).size() == expected.data.size());
    double worst = 0;
    for (std::size_t i = 0; i < expected.data.size(); ++i)
      worst = std::max(worst, std::fabs(static_cast<double>(session.output(0)[i]) - expected.data[i]));
    INFO(to_string(isa) << ": largest difference " << worst);
    CHECK(worst < 1e-4);
  }
}
