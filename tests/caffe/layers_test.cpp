#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "tests/caffe/caffe_model.h"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

using Floats = std::vector<float>;

constexpr std::size_t kC = 4, kH = 5, kW = 6;
constexpr long kChannels = 4, kHeight = 5, kWidth = 6;

Floats numbers(std::size_t count, float scale = 1) {
  Floats values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(scale * (static_cast<float>((i * 37 + 11) % 101) / 50.0F - 1.0F));
  return values;
}

float at(const Floats& x, std::size_t c, std::size_t h, std::size_t w) {
  return x[(c * kH + h) * kW + w];
}

struct Blob {
  std::vector<std::int64_t> shape;
  Floats values;
};

/// A layer "y" over an input "x" of [1, 4, 5, 6], its blobs, and what Caffe's definition gives.
struct LayerCase {
  const char* name;
  std::string layer;
  std::vector<Blob> blobs;
  std::function<Floats(const Floats&)> expected;
  float tolerance = 1e-5F;
};

Floats each(const Floats& x, const std::function<double(double)>& f) {
  Floats y;
  for (const float v : x) y.push_back(static_cast<float>(f(static_cast<double>(v))));
  return y;
}

/// Caffe's pooling: outputs rounded up, the last window inside, averages over the padded picture.
Floats pool(const Floats& x, bool max, long k, long s, long p, bool ceil = true) {
  const auto size = [&](long in) {
    const double room = static_cast<double>(in + 2 * p - k) / static_cast<double>(s);
    long out = static_cast<long>(ceil ? std::ceil(room) : std::floor(room)) + 1;
    if (p > 0 && (out - 1) * s >= in + p) --out;
    return out;
  };
  const long oh = size(kHeight), ow = size(kWidth);
  Floats y;
  for (std::size_t c = 0; c < kC; ++c)
    for (long i = 0; i < oh; ++i)
      for (long j = 0; j < ow; ++j) {
        long h0 = i * s - p, w0 = j * s - p;
        long h1 = std::min(h0 + k, kHeight + p), w1 = std::min(w0 + k, kWidth + p);
        const double area = static_cast<double>((h1 - h0) * (w1 - w0));
        h0 = std::max(h0, 0L), w0 = std::max(w0, 0L);
        h1 = std::min(h1, kHeight), w1 = std::min(w1, kWidth);
        double sum = 0, best = -1e30;
        for (long h = h0; h < h1; ++h)
          for (long w = w0; w < w1; ++w) {
            const double v = at(x, c, static_cast<std::size_t>(h), static_cast<std::size_t>(w));
            sum += v, best = std::max(best, v);
          }
        y.push_back(static_cast<float>(max ? best : sum / area));
      }
  return y;
}

/// Group and dilated convolution, weights [M, C / g, k, k].
Floats convolve(const Floats& x, const Floats& w, const Floats& b, long m, long k, long s, long p, long d,
                long g) {
  const auto size = [&](long in) { return (in + 2 * p - (d * (k - 1) + 1)) / s + 1; };
  const long oh = size(kHeight), ow = size(kWidth), per = kChannels / g;
  Floats y;
  for (long o = 0; o < m; ++o)
    for (long i = 0; i < oh; ++i)
      for (long j = 0; j < ow; ++j) {
        double sum = b.empty() ? 0 : static_cast<double>(b[static_cast<std::size_t>(o)]);
        for (long c = 0; c < per; ++c)
          for (long u = 0; u < k; ++u)
            for (long v = 0; v < k; ++v) {
              const long h = i * s - p + u * d, q = j * s - p + v * d;
              if (h < 0 || q < 0 || h >= kHeight || q >= kWidth) continue;
              const long channel = o / (m / g) * per + c;
              sum += static_cast<double>(at(x, static_cast<std::size_t>(channel), static_cast<std::size_t>(h),
                                            static_cast<std::size_t>(q))) *
                     static_cast<double>(w[static_cast<std::size_t>(((o * per + c) * k + u) * k + v)]);
            }
        y.push_back(static_cast<float>(sum));
      }
  return y;
}

/// Transposed convolution, weights [C, M / g, k, k].
Floats deconvolve(const Floats& x, const Floats& w, long m, long k, long s, long p, long g) {
  const long oh = s * (kHeight - 1) + k - 2 * p, ow = s * (kWidth - 1) + k - 2 * p, mg = m / g,
             cg = kChannels / g;
  std::vector<double> y(static_cast<std::size_t>(m * oh * ow), 0);
  for (long c = 0; c < kChannels; ++c)
    for (long o = 0; o < mg; ++o)
      for (long i = 0; i < kHeight; ++i)
        for (long j = 0; j < kWidth; ++j)
          for (long u = 0; u < k; ++u)
            for (long v = 0; v < k; ++v) {
              const long h = i * s - p + u, q = j * s - p + v;
              if (h < 0 || q < 0 || h >= oh || q >= ow) continue;
              y[static_cast<std::size_t>((((c / cg) * mg + o) * oh + h) * ow + q)] +=
                  static_cast<double>(at(x, static_cast<std::size_t>(c), static_cast<std::size_t>(i),
                                         static_cast<std::size_t>(j))) *
                  static_cast<double>(w[static_cast<std::size_t>(((c * mg + o) * k + u) * k + v)]);
            }
  return {y.begin(), y.end()};
}

Floats lrn(const Floats& x, bool within, long n, double alpha, double beta, double k) {
  Floats y;
  for (long c = 0; c < kChannels; ++c)
    for (long h = 0; h < kHeight; ++h)
      for (long w = 0; w < kWidth; ++w) {
        double sum = 0;
        const auto add = [&](long cc, long hh, long ww) {
          if (cc < 0 || hh < 0 || ww < 0 || cc >= kChannels || hh >= kHeight || ww >= kWidth) return;
          const double v =
              at(x, static_cast<std::size_t>(cc), static_cast<std::size_t>(hh), static_cast<std::size_t>(ww));
          sum += v * v;
        };
        for (long a = -(n / 2); a <= n / 2; ++a) {
          if (!within) add(c + a, h, w);
          for (long b = -(n / 2); within && b <= n / 2; ++b) add(c, h + a, w + b);
        }
        const double area = static_cast<double>(within ? n * n : n);
        y.push_back(static_cast<float>(
            static_cast<double>(at(x, static_cast<std::size_t>(c), static_cast<std::size_t>(h),
                                   static_cast<std::size_t>(w))) *
            std::pow((within ? 1 : k) + alpha / area * sum, -beta)));
      }
  return y;
}

Floats per_channel(const Floats& x, const std::function<double(double, std::size_t)>& f) {
  Floats y;
  for (std::size_t i = 0; i < x.size(); ++i)
    y.push_back(static_cast<float>(f(static_cast<double>(x[i]), i / (kH * kW))));
  return y;
}

const Floats kFour = {0.5F, -1.5F, 2.0F, 0.25F}, kVariance = {1.0F, 0.5F, 4.0F, 2.25F};

std::vector<LayerCase> layer_cases() {
  std::vector<LayerCase> cases;
  const auto add = [&](const char* name, const std::string& layer, std::vector<Blob> blobs,
                       std::function<Floats(const Floats&)> expected, float tolerance = 1e-5F) {
    cases.push_back({name, layer, std::move(blobs), std::move(expected), tolerance});
  };
  const Floats w = numbers(6 * 2 * 9), b = numbers(6);
  add(
      "convolution of groups with dilation",
      "type: \"Convolution\" convolution_param { num_output: 6 kernel_size: 3 pad: 2 stride: 2 dilation: 2 "
      "group: 2 }",
      {{{6, 2, 3, 3}, w}, {{6}, b}}, [=](const Floats& x) { return convolve(x, w, b, 6, 3, 2, 2, 2, 2); },
      1e-4F);
  add(
      "convolution without biases, old blob shapes",
      "type: \"Convolution\" convolution_param { num_output: 4 kernel_h: 1 kernel_w: 1 bias_term: false }",
      {{{4, 4, 1, 1}, numbers(16)}},
      [](const Floats& x) { return convolve(x, numbers(16), {}, 4, 1, 1, 0, 1, 1); }, 1e-4F);
  add(
      "depthwise deconvolution",
      "type: \"Deconvolution\" convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 4 "
      "bias_term: false }",
      {{{4, 1, 4, 4}, numbers(64)}},
      [](const Floats& x) { return deconvolve(x, numbers(64), 4, 4, 2, 1, 4); }, 1e-4F);
  add(
      "deconvolution of groups",
      "type: \"Deconvolution\" convolution_param { num_output: 6 kernel_size: 3 stride: 2 group: 2 "
      "bias_term: false }",
      {{{4, 3, 3, 3}, numbers(108)}},
      [](const Floats& x) { return deconvolve(x, numbers(108), 6, 3, 2, 0, 2); }, 1e-4F);
  for (const bool transposed : {false, true})
    add(
        transposed ? "inner product of a transposed matrix" : "inner product",
        std::string("type: \"InnerProduct\" inner_product_param { num_output: 3 transpose: ") +
            (transposed ? "true }" : "false }"),
        {{transposed ? std::vector<std::int64_t>{120, 3} : std::vector<std::int64_t>{1, 1, 3, 120},
          numbers(360)},
         {{3}, {1, 2, 3}}},
        [transposed](const Floats& x) {
          const Floats m = numbers(360);
          Floats y;
          for (std::size_t o = 0; o < 3; ++o) {
            double sum = static_cast<double>(o + 1);
            for (std::size_t i = 0; i < 120; ++i)
              sum +=
                  static_cast<double>(x[i]) * static_cast<double>(transposed ? m[i * 3 + o] : m[o * 120 + i]);
            y.push_back(static_cast<float>(sum));
          }
          return y;
        },
        1e-4F);
  for (const bool max : {true, false})
    for (const long k : {2L, 3L})
      for (const long s : {1L, 2L, 3L})
        for (const long p : {0L, 1L}) {
          if (k == 2 && s == 3 && p == 0) continue;  // Caffe's last window lies outside of the picture
          add("pooling",
              std::string("type: \"Pooling\" pooling_param { pool: ") + (max ? "MAX" : "AVE") +
                  " kernel_size: " + std::to_string(k) + " stride: " + std::to_string(s) +
                  " pad: " + std::to_string(p) + " }",
              {}, [=](const Floats& x) { return pool(x, max, k, s, p); });
        }
  add("pooling rounded down", "type: \"Pooling\" pooling_param { kernel_size: 2 stride: 2 ceil_mode: false }",
      {}, [](const Floats& x) { return pool(x, true, 2, 2, 0, false); });
  add("global pooling", "type: \"Pooling\" pooling_param { pool: AVE global_pooling: true }", {},
      [](const Floats& x) {
        Floats y;
        for (std::size_t c = 0; c < kC; ++c) {
          double sum = 0;
          for (std::size_t i = 0; i < kH * kW; ++i) sum += static_cast<double>(x[c * kH * kW + i]);
          y.push_back(static_cast<float>(sum / (kH * kW)));
        }
        return y;
      });
  add("lrn across channels", "type: \"LRN\" lrn_param { local_size: 3 alpha: 0.5 beta: 0.75 k: 2 }", {},
      [](const Floats& x) { return lrn(x, false, 3, 0.5, 0.75, 2); });
  add("lrn within channels",
      "type: \"LRN\" lrn_param { local_size: 3 alpha: 0.5 beta: 0.75 k: 2 norm_region: WITHIN_CHANNEL }", {},
      [](const Floats& x) { return lrn(x, true, 3, 0.5, 0.75, 2); });
  add("batch norm", "type: \"BatchNorm\" batch_norm_param { eps: 0.001 }",
      {{{4}, kFour}, {{4}, kVariance}, {{1}, {2}}}, [](const Floats& x) {
        return per_channel(x, [](double v, std::size_t c) {
          return (v - static_cast<double>(kFour[c]) / 2) /
                 std::sqrt(static_cast<double>(kVariance[c]) / 2 + 0.001);
        });
      });
  add("scale with biases", "type: \"Scale\" scale_param { bias_term: true }",
      {{{4}, kFour}, {{4}, kVariance}}, [](const Floats& x) {
        return per_channel(x, [](double v, std::size_t c) {
          return v * static_cast<double>(kFour[c]) + static_cast<double>(kVariance[c]);
        });
      });
  add("scale along the last axis", "type: \"Scale\" scale_param { axis: 3 }", {{{6}, {1, 2, 3, 4, 5, 6}}},
      [](const Floats& x) {
        Floats y = x;
        for (std::size_t i = 0; i < y.size(); ++i) y[i] *= static_cast<float>(i % kW + 1);
        return y;
      });
  add("bias", "type: \"Bias\"", {{{4}, kFour}}, [](const Floats& x) {
    return per_channel(x, [](double v, std::size_t c) { return v + static_cast<double>(kFour[c]); });
  });
  add("prelu", "type: \"PReLU\"", {{{4}, kFour}}, [](const Floats& x) {
    return per_channel(x,
                       [](double v, std::size_t c) { return v > 0 ? v : v * static_cast<double>(kFour[c]); });
  });
  add("prelu of one slope", "type: \"PReLU\" prelu_param { channel_shared: true }", {{{1}, {0.25F}}},
      [](const Floats& x) { return each(x, [](double v) { return v > 0 ? v : v * 0.25; }); });
  add("leaky relu", "type: \"ReLU\" relu_param { negative_slope: 0.125 }", {},
      [](const Floats& x) { return each(x, [](double v) { return v > 0 ? v : v * 0.125; }); });
  add("relu6", "type: \"ReLU6\" relu6_param { threshold: 0.5 }", {},
      [](const Floats& x) { return each(x, [](double v) { return std::clamp(v, 0.0, 0.5); }); });
  add("clip", "type: \"Clip\" clip_param { min: -0.5 max: 0.25 }", {},
      [](const Floats& x) { return each(x, [](double v) { return std::clamp(v, -0.5, 0.25); }); });
  add("elu", "type: \"ELU\" elu_param { alpha: 0.5 }", {},
      [](const Floats& x) { return each(x, [](double v) { return v > 0 ? v : 0.5 * std::expm1(v); }); });
  add("sigmoid", "type: \"Sigmoid\"", {},
      [](const Floats& x) { return each(x, [](double v) { return 1 / (1 + std::exp(-v)); }); });
  add("tanh", "type: \"TanH\"", {},
      [](const Floats& x) { return each(x, [](double v) { return std::tanh(v); }); });
  add("absolute value", "type: \"AbsVal\"", {},
      [](const Floats& x) { return each(x, [](double v) { return std::fabs(v); }); });
  add("power", "type: \"Power\" power_param { power: 3 scale: 2 shift: 0.5 }", {},
      [](const Floats& x) { return each(x, [](double v) { return std::pow(0.5 + 2 * v, 3); }); });
  add("power of one", "type: \"Power\" power_param { scale: -2 shift: 0.5 }", {},
      [](const Floats& x) { return each(x, [](double v) { return 0.5 - 2 * v; }); });
  add(
      "exponential to a base", "type: \"Exp\" exp_param { base: 2 scale: 3 shift: 1 }", {},
      [](const Floats& x) { return each(x, [](double v) { return std::pow(2, 1 + 3 * v); }); }, 1e-4F);
  add("logarithm to a base", "type: \"Log\" log_param { base: 10 scale: 0.5 shift: 2 }", {},
      [](const Floats& x) { return each(x, [](double v) { return std::log10(2 + 0.5 * v); }); });
  add("bnll", "type: \"BNLL\"", {},
      [](const Floats& x) { return each(x, [](double v) { return std::log1p(std::exp(v)); }); });
  add("threshold", "type: \"Threshold\" threshold_param { threshold: 0.1 }", {},
      [](const Floats& x) { return each(x, [](double v) { return v > 0.1F ? 1.0 : 0.0; }); });
  add("softmax over width", "type: \"Softmax\" softmax_param { axis: -1 }", {}, [](const Floats& x) {
    Floats y = x;
    for (std::size_t r = 0; r < y.size(); r += kW) {
      double sum = 0;
      for (std::size_t j = 0; j < kW; ++j) sum += std::exp(static_cast<double>(x[r + j]));
      for (std::size_t j = 0; j < kW; ++j)
        y[r + j] = static_cast<float>(std::exp(static_cast<double>(x[r + j])) / sum);
    }
    return y;
  });
  const auto normalized = [](const Floats& x, bool spatial, const Floats& scale) {
    Floats y = x;
    for (std::size_t i = 0; i < y.size(); ++i) {
      double sum = 1e-10;
      for (std::size_t k = 0; k < y.size(); ++k)
        if (spatial || k % (kH * kW) == i % (kH * kW))
          sum += static_cast<double>(x[k]) * static_cast<double>(x[k]);
      y[i] = static_cast<float>(static_cast<double>(x[i]) / std::sqrt(sum) *
                                static_cast<double>(scale[scale.size() == 1 ? 0 : i / (kH * kW)]));
    }
    return y;
  };
  add("normalize over channels",
      "type: \"Normalize\" norm_param { across_spatial: false channel_shared: false }", {{{4}, kFour}},
      [=](const Floats& x) { return normalized(x, false, kFour); });
  add("normalize over all", "type: \"Normalize\" norm_param { }", {{{1}, {20}}},
      [=](const Floats& x) { return normalized(x, true, {20}); });
  const auto rows = [](const Floats& x, const std::function<double(double)>& f, double factor) {
    Floats y;
    for (std::size_t c = 0; c < kC; ++c) {
      double sum = 0;
      for (std::size_t i = 0; i < kH * kW; ++i) sum += f(static_cast<double>(x[c * kH * kW + i]));
      y.push_back(static_cast<float>(sum * factor));
    }
    return y;
  };
  add("reduction to a sum of magnitudes",
      "type: \"Reduction\" reduction_param { operation: ASUM axis: 2 coeff: 0.5 }", {}, [=](const Floats& x) {
        return rows(
            x, [](double v) { return std::fabs(v); }, 0.5);
      });
  add("reduction to a sum of squares", "type: \"Reduction\" reduction_param { operation: SUMSQ axis: 2 }", {},
      [=](const Floats& x) {
        return rows(
            x, [](double v) { return v * v; }, 1);
      });
  add("reduction to a mean", "type: \"Reduction\" reduction_param { operation: MEAN axis: -2 }", {},
      [=](const Floats& x) {
        return rows(
            x, [](double v) { return v; }, 1.0 / (kH * kW));
      });
  add("position of the maximum", "type: \"ArgMax\" argmax_param { out_max_val: true }", {},
      [](const Floats& x) {
        const auto best = std::max_element(x.begin(), x.end());
        return Floats{static_cast<float>(best - x.begin()), *best};
      });
  add("positions of maxima along channels", "type: \"ArgMax\" argmax_param { axis: 1 }", {},
      [](const Floats& x) {
        Floats y;
        for (std::size_t i = 0; i < kH * kW; ++i) {
          std::size_t best = 0;
          for (std::size_t c = 1; c < kC; ++c)
            if (x[c * kH * kW + i] > x[best * kH * kW + i]) best = c;
          y.push_back(static_cast<float>(best));
        }
        return y;
      });
  add("permute", "type: \"Permute\" permute_param { order: 0 order: 3 order: 1 }", {}, [](const Floats& x) {
    Floats y;
    for (std::size_t w2 = 0; w2 < kW; ++w2)
      for (std::size_t c = 0; c < kC; ++c)
        for (std::size_t h = 0; h < kH; ++h) y.push_back(at(x, c, h, w2));
    return y;
  });
  for (const char* shape :
       {"type: \"Flatten\"", "type: \"Reshape\" reshape_param { shape { dim: 0 dim: -1 } }",
        "type: \"Reshape\" reshape_param { shape { dim: 2 dim: -1 } axis: 1 num_axes: 2 }",
        "type: \"Dropout\"", "type: \"Split\""})
    add("unchanged elements", shape, {}, [](const Floats& x) { return x; });
  add("tile", "type: \"Tile\" tile_param { axis: 1 tiles: 2 }", {}, [](const Floats& x) {
    Floats y = x;
    y.insert(y.end(), x.begin(), x.end());
    return y;
  });
  add("shuffled channels", "type: \"ShuffleChannel\" shuffle_channel_param { group: 2 }", {},
      [](const Floats& x) {
        Floats y;
        for (const std::size_t c : {0U, 2U, 1U, 3U})
          y.insert(y.end(), x.begin() + static_cast<long>(c * kH * kW),
                   x.begin() + static_cast<long>((c + 1) * kH * kW));
        return y;
      });
  add("upsample", "type: \"Upsample\" upsample_param { scale: 2 }", {}, [](const Floats& x) {
    Floats y;
    for (std::size_t c = 0; c < kC; ++c)
      for (std::size_t h = 0; h < 2 * kH; ++h)
        for (std::size_t w2 = 0; w2 < 2 * kW; ++w2) y.push_back(at(x, c, h / 2, w2 / 2));
    return y;
  });
  add("interp", "type: \"Interp\" interp_param { zoom_factor: 2 }", {}, [](const Floats& x) {
    Floats y;
    for (std::size_t c = 0; c < kC; ++c)
      for (std::size_t h = 0; h < 2 * kH - 1; ++h)
        for (std::size_t w2 = 0; w2 < 2 * kW - 1; ++w2)
          y.push_back((at(x, c, h / 2, w2 / 2) + at(x, c, (h + 1) / 2, w2 / 2) +
                       at(x, c, h / 2, (w2 + 1) / 2) + at(x, c, (h + 1) / 2, (w2 + 1) / 2)) /
                      4);
    return y;
  });
  add("mvn", "type: \"MVN\" mvn_param { eps: 0.01 }", {}, [](const Floats& x) {
    return per_channel(x, [&](double v, std::size_t c) {
      double mean = 0, square = 0;
      for (std::size_t i = 0; i < kH * kW; ++i) mean += static_cast<double>(x[c * kH * kW + i]) / (kH * kW);
      for (std::size_t i = 0; i < kH * kW; ++i)
        square += std::pow(static_cast<double>(x[c * kH * kW + i]) - mean, 2) / (kH * kW);
      return (v - mean) / (std::sqrt(square) + 0.01);
    });
  });
  return cases;
}

const std::string kInput =
    "layer { name: \"x\" type: \"Input\" top: \"x\" input_param { shape { dim: 1 dim: 4 dim: 5 dim: 6 } } "
    "}\n";

void check_near(const Floats& ours, const Floats& expected, float tolerance) {
  REQUIRE(ours.size() == expected.size());
  float worst = 0;
  for (std::size_t i = 0; i < ours.size(); ++i)
    worst = std::max(worst, std::fabs(ours[i] - expected[i]) / std::max(1.0F, std::fabs(expected[i])));
  CHECK(worst <= tolerance);
}

}  // namespace

TEST_CASE("Caffe layers give what Caffe's definitions say", "[caffe]") {
  for (const LayerCase& one : layer_cases()) {
    INFO(one.name << ": " << one.layer);
    CaffeModel model(kInput + "layer { name: \"y\" bottom: \"x\" top: \"y\" " + one.layer + " }\n", "layers");
    for (const Blob& blob : one.blobs) model.blob("y", blob.shape, blob.values);
    const Floats x = numbers(kC * kH * kW);
    check_near(run_floats(load_model(model.write()).graph, {x}).at(0), one.expected(x), one.tolerance);
  }
}

TEST_CASE("Caffe layers of several bottoms and tops", "[caffe]") {
  const Floats x = numbers(kC * kH * kW);
  const auto run = [&](const std::string& layers) {
    CaffeModel model(kInput + layers, "several");
    return run_floats(load_model(model.write()).graph, {x});
  };
  const std::string doubled =
      "layer { name: \"d\" type: \"Power\" bottom: \"x\" top: \"d\" power_param { scale: 2 } }\n";
  check_near(run(doubled + "layer { name: \"e\" type: \"Eltwise\" bottom: \"x\" bottom: \"d\" bottom: \"x\" "
                           "top: \"e\" eltwise_param { coeff: 3 coeff: -1 coeff: 0.5 } }")[0],
             each(x, [](double v) { return 1.5 * v; }), 1e-5F);
  check_near(run(doubled + "layer { name: \"e\" type: \"Eltwise\" bottom: \"x\" bottom: \"d\" top: \"e\" "
                           "eltwise_param { operation: PROD } }")[0],
             each(x, [](double v) { return 2 * v * v; }), 1e-5F);
  check_near(run(doubled + "layer { name: \"e\" type: \"Eltwise\" bottom: \"x\" bottom: \"d\" top: \"e\" "
                           "eltwise_param { operation: MAX } }")[0],
             each(x, [](double v) { return std::max(v, 2 * v); }), 1e-5F);
  check_near(run(doubled + "layer { name: \"e\" type: \"Eltwise\" bottom: \"x\" bottom: \"d\" top: \"e\" "
                           "eltwise_param { coeff: 1 coeff: -1 } }")[0],
             each(x, [](double v) { return -v; }), 1e-5F);
  const auto parts =
      run("layer { name: \"s\" type: \"Slice\" bottom: \"x\" top: \"a\" top: \"b\" slice_param { "
          "slice_point: 1 } }");
  REQUIRE(parts.size() == 2);
  CHECK(parts[0] == Floats(x.begin(), x.begin() + 30));
  CHECK(parts[1] == Floats(x.begin() + 30, x.end()));
  const auto joined = run(
      "layer { name: \"s\" type: \"Slice\" bottom: \"x\" top: \"a\" top: \"b\" slice_param { axis: 1 } }\n"
      "layer { name: \"c\" type: \"Concat\" bottom: \"b\" bottom: \"a\" top: \"c\" concat_param { "
      "concat_dim: 1 } }");
  REQUIRE(joined.size() == 1);
  CHECK(std::equal(x.begin(), x.begin() + 60, joined[0].begin() + 60));
  const auto cropped =
      run("layer { name: \"p\" type: \"Pooling\" bottom: \"x\" top: \"p\" pooling_param { kernel_size: 2 "
          "stride: 2 } }\n"
          "layer { name: \"c\" type: \"Crop\" bottom: \"x\" bottom: \"p\" top: \"c\" crop_param { offset: 1 "
          "offset: 2 } }");
  REQUIRE(cropped.size() == 1);
  REQUIRE(cropped[0].size() == kC * 3 * 3);
  CHECK(cropped[0][0] == at(x, 0, 1, 2));
  CHECK(cropped[0].back() == at(x, 3, 3, 4));
  const auto scaled = run(
      "layer { name: \"p\" type: \"Pooling\" bottom: \"x\" top: \"p\" pooling_param { pool: AVE "
      "global_pooling: true } }\n"
      "layer { name: \"f\" type: \"Flatten\" bottom: \"p\" top: \"f\" }\n"
      "layer { name: \"m\" type: \"Scale\" bottom: \"x\" bottom: \"f\" top: \"m\" scale_param { axis: 0 } }");
  REQUIRE(scaled.size() == 1);
  float mean = 0;
  for (std::size_t i = 0; i < kH * kW; ++i) mean += x[i] / (kH * kW);
  CHECK(std::fabs(scaled[0][7] - x[7] * mean) < 1e-5F);
}
