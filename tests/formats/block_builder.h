#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/formats/document_builder.h"
#include "tests/support/random.hpp"

namespace refcalib_test {

/// The layers that blocks of well-known networks are made of, as converters wrote them for each generation: v2 with a number per
/// direction, v7 with weights as constants, v10 and later in operations. Weights are random numbers of a seed and the same in all
/// spellings, if the layers with weights are added in the same order.
class BlockBuilder {
 public:
  using Source = DocumentBuilder::Source;
  using Shape = refcalib::engine::Shape;

  explicit BlockBuilder(int version) : b(version), version_(version) {}
  bool legacy() const { return b.legacy(); }
  const Shape& shape(Source x) const { return b.shape(x); }

  std::vector<float> numbers(std::int64_t count, float low, float high) {
    Random random(++seed_);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) v = random.real(low, high);
    return values;
  }

  /// Weights that keep the size of values, and a bias. `kernel`, `stride` and `dilation` per spatial dimension; pads of half the kernel.
  struct Window {
    std::vector<std::int64_t> kernel, stride = std::vector<std::int64_t>(kernel.size(), 1),
                                      dilation = std::vector<std::int64_t>(kernel.size(), 1);
    std::int64_t groups = 1;
    bool padded = true;
  };
  Source conv(Source x, std::int64_t outs, const Window& w) { return windowed(x, outs, w, false); }
  Source conv(Source x, std::int64_t outs, std::int64_t kernel, std::int64_t stride = 1,
              std::int64_t groups = 1) {
    const std::size_t spatial = shape(x).size() - 2;
    Window w{.kernel = std::vector<std::int64_t>(spatial, kernel),
             .stride = std::vector<std::int64_t>(spatial, stride)};
    w.groups = groups;
    return conv(x, outs, w);
  }
  Source depthwise(Source x, std::int64_t kernel, std::int64_t stride = 1) {
    return conv(x, shape(x)[1], kernel, stride, shape(x)[1]);
  }
  /// A transposed convolution that multiplies the size by `stride`, kernel twice the stride.
  Source deconv(Source x, std::int64_t outs, std::int64_t stride, std::int64_t groups = 1) {
    const std::size_t spatial = shape(x).size() - 2;
    Window w{.kernel = std::vector<std::int64_t>(spatial, 2 * stride),
             .stride = std::vector<std::int64_t>(spatial, stride)};
    w.groups = groups;
    return windowed(x, outs, w, true);
  }
  Source dense(Source x, std::int64_t outs) {
    const std::int64_t batch = shape(x)[0], ins = refcalib::engine::element_count(shape(x)) / batch;
    const float size = 1.7F / std::sqrt(static_cast<float>(ins));
    const auto w = numbers(outs * ins, -size, size), bias = numbers(outs, -0.2F, 0.2F);
    if (legacy())
      return weighted("FullyConnected", {{"out-size", std::to_string(outs)}}, x, {outs, ins}, w, bias,
                      {batch, outs});
    const Source flat = reshape(x, {batch, ins});
    const Source y =
        add("MatMul", {{"transpose_b", "true"}}, {flat, b.constant<float>({outs, ins}, w)}, {batch, outs});
    return add("Add", {}, {y, b.constant<float>({1, outs}, bias)}, {batch, outs});
  }

  Source relu(Source x) { return same("ReLU", {}, {x}); }
  Source relu6(Source x) { return same("Clamp", {{"min", "0"}, {"max", "6"}}, {x}); }
  Source leaky(Source x, float slope) {
    if (legacy()) return same("ReLU", {{"negative_slope", std::to_string(slope)}}, {x});
    return same("PReLU", {}, {x, b.constant<float>({1}, {std::stof(std::to_string(slope))})});
  }
  Source prelu(Source x) {
    const std::int64_t channels = shape(x)[1];
    const auto slopes = numbers(channels, 0.05F, 0.4F);
    if (!legacy()) return same("PReLU", {}, {x, b.constant<float>({channels}, slopes)});
    const Source y = same("PReLU", {{"channel_shared", "0"}}, {x});
    b.blob("weights", slopes);
    return y;
  }
  Source sigmoid(Source x) { return same("Sigmoid", {}, {x}); }
  Source swish(Source x) { return legacy() ? multiply(x, sigmoid(x)) : same("Swish", {}, {x}, "opset4"); }
  Source hswish(Source x) {
    if (!legacy()) return same("HSwish", {}, {x}, "opset4");
    return multiply(x, power(relu6(power(x, 1, 3)), 1.0F / 6, 0));
  }
  Source softmax(Source x, std::int64_t axis = 1) {
    return same("SoftMax", {{"axis", std::to_string(axis)}}, {x});
  }

  Source add(Source x, Source y) {
    return legacy() ? same("Eltwise", {{"operation", "sum"}}, {x, y}) : same("Add", {}, {x, y});
  }
  Source multiply(Source x, Source y) {
    return legacy() ? same("Eltwise", {{"operation", "mul"}}, {x, y}) : same("Multiply", {}, {x, y});
  }
  /// A factor and an offset per channel: a batch normalization that was not folded.
  Source affine(Source x) {
    const std::int64_t channels = shape(x)[1];
    const auto scale = numbers(channels, 0.6F, 1.4F), offset = numbers(channels, -0.3F, 0.3F);
    if (legacy()) {
      const Source y = same("ScaleShift", {}, {x});
      b.blob("weights", scale);
      b.blob("biases", offset);
      return y;
    }
    Shape one(shape(x).size(), 1);
    one[1] = channels;
    return same("Add", {},
                {same("Multiply", {}, {x, b.constant<float>(one, scale)}), b.constant<float>(one, offset)});
  }
  Source concat(const std::vector<Source>& parts, std::int64_t axis = 1) {
    Shape out = shape(parts.front());
    auto& along = out[static_cast<std::size_t>(axis)];
    along = 0;
    for (const Source part : parts) along += shape(part)[static_cast<std::size_t>(axis)];
    return add("Concat", {{"axis", std::to_string(axis)}}, parts, out);
  }

  Source max_pool(Source x, std::int64_t kernel, std::int64_t stride, std::int64_t pad = 0) {
    return pool(x, "max", kernel, stride, pad);
  }
  Source avg_pool(Source x, std::int64_t kernel, std::int64_t stride, std::int64_t pad = 0) {
    return pool(x, "avg", kernel, stride, pad);
  }
  Source global_pool(Source x) {
    Shape out(shape(x).size(), 1);
    out[0] = shape(x)[0], out[1] = shape(x)[1];
    const std::vector<std::int64_t> sizes(shape(x).begin() + 2, shape(x).end());
    if (legacy()) return pool(x, "avg", sizes.front(), 1, 0);
    std::vector<std::int64_t> axes;
    for (std::size_t d = 2; d < shape(x).size(); ++d) axes.push_back(static_cast<std::int64_t>(d));
    return add("ReduceMean", {{"keep_dims", "true"}}, {x, b.ints(axes)}, out);
  }
  /// Squeeze and excite: factors per channel from the means of all channels.
  Source excite(Source x, std::int64_t inner) {
    return multiply(x, sigmoid(conv(relu(conv(global_pool(x), inner, 1)), shape(x)[1], 1)));
  }

  Source reshape(Source x, const Shape& to) {
    if (version_ == 2) return add("Reshape", {{"dim", join(to)}}, {x}, to);
    return add("Reshape", legacy() ? Pairs{} : Pairs{{"special_zero", "false"}}, {x, b.ints(to)}, to);
  }
  Source permute(Source x, const std::vector<std::int64_t>& order) {
    Shape out;
    for (const std::int64_t d : order) out.push_back(shape(x)[static_cast<std::size_t>(d)]);
    if (legacy()) return add("Permute", {{"order", join(order)}}, {x}, out);
    return add("Transpose", {}, {x, b.ints(order)}, out);
  }
  /// Legacy files shuffle channels by reshapes around a permutation.
  Source shuffle(Source x, std::int64_t groups) {
    const Shape s = shape(x);
    if (!legacy())
      return add("ShuffleChannels", {{"axis", "1"}, {"group", std::to_string(groups)}}, {x}, s, "opset3");
    const Source split = reshape(x, {s[0], groups, s[1] / groups, s[2], s[3]});
    return reshape(permute(split, {0, 2, 1, 3, 4}), s);
  }
  std::pair<Source, Source> halves(Source x) {
    Shape half = shape(x);
    half[1] /= 2;
    const std::string name = next("Split");
    const Source first = legacy() ? b.add("Split", name, {{"axis", "1"}}, {x}, {half, half})
                                  : b.add("Split", name, {{"num_splits", "2"}},
                                          {x, b.constant<std::int64_t>({}, {1})}, {half, half});
    return {first, {first.layer, 1}};
  }
  Source reorg(Source x, std::int64_t stride) {
    const Shape s = shape(x);
    return add("ReorgYolo", {{"stride", std::to_string(stride)}}, {x},
               {s[0], s[1] * stride * stride, s[2] / stride, s[3] / stride}, "opset2");
  }
  /// The middle of x in the size of `like`.
  Source crop(Source x, Source like, std::int64_t offset) {
    Shape out = shape(x);
    out[2] = shape(like)[2], out[3] = shape(like)[3];
    const std::string text = std::to_string(offset);
    if (legacy()) return add("Crop", {{"axis", "2,3"}, {"offset", text + "," + text}}, {x, like}, out);
    return add("StridedSlice", {{"begin_mask", "1,1,0,0"}, {"end_mask", "1,1,0,0"}},
               {x, b.ints({0, 0, offset, offset}), b.ints({0, 0, offset + out[2], offset + out[3]}),
                b.ints({1, 1, 1, 1})},
               out);
  }
  Source bilinear(Source x, std::int64_t height, std::int64_t width) {
    Shape out = shape(x);
    out[2] = height, out[3] = width;
    if (legacy())
      return add("Interp",
                 {{"align_corners", "1"},
                  {"pad_beg", "0"},
                  {"pad_end", "0"},
                  {"height", std::to_string(height)},
                  {"width", std::to_string(width)}},
                 {x}, out);
    return resized(x, "linear_onnx", "align_corners", out);
  }
  Source nearest_twice(Source x) {
    Shape out = shape(x);
    out[2] *= 2, out[3] *= 2;
    if (legacy())
      return add("Resample",
                 {{"type", "caffe.ResampleParameter.NEAREST"}, {"factor", "2.0"}, {"antialias", "0"}}, {x},
                 out);
    return resized(x, "nearest", "asymmetric", out);
  }
  Source depth_to_space(Source x, std::int64_t block) {
    const Shape s = shape(x);
    Pairs pairs{{"block_size", std::to_string(block)}};
    if (!legacy()) pairs.emplace_back("mode", "blocks_first");
    return add("DepthToSpace", pairs, {x}, {s[0], s[1] / block / block, s[2] * block, s[3] * block});
  }
  /// Rows of a table of random numbers, chosen by numbers that the network gets as floats: [n] gives [n, width].
  Source embedding(Source ids, std::int64_t rows, std::int64_t width) {
    const Source table = b.constant<float>({rows, width}, numbers(rows * width, -1, 1));
    const Shape out{shape(ids)[0], width};
    if (legacy()) return add("Gather", {{"axis", "0"}}, {table, ids}, out);
    const Source whole = add("Convert", {{"destination_type", "i64"}}, {ids}, shape(ids));
    return add("Gather", {}, {table, whole, b.constant<std::int64_t>({}, {0})}, out, "opset8");
  }

  Source add(const std::string& type, Pairs pairs, const std::vector<Source>& inputs, const Shape& out,
             const std::string& opset = "opset1") {
    return b.add(type, next(type), std::move(pairs), inputs, {out}, opset);
  }

  DocumentBuilder b;

 private:
  static std::string join(const std::vector<std::int64_t>& values) { return DocumentBuilder::join(values); }
  /// A legacy layer with blobs, or with constants in their place.
  Source weighted(const std::string& type, Pairs pairs, Source x, const Shape& dims,
                  const std::vector<float>& w, const std::vector<float>& bias, const Shape& out) {
    if (version_ == 7) {
      const Shape channels{static_cast<std::int64_t>(bias.size())};
      return add(type, std::move(pairs), {x, b.constant<float>(dims, w), b.constant<float>(channels, bias)},
                 out);
    }
    const Source y = add(type, std::move(pairs), {x}, out);
    b.blob("weights", w);
    b.blob("biases", bias);
    return y;
  }
  /// Lists of height and width as v2 writes them.
  static void per_direction(Pairs& pairs) {
    const std::pair<const char*, const char*> words[] = {
        {"kernel", "kernel"}, {"strides", "stride"}, {"dilations", "dilation"}, {"pads_begin", "pad"}};
    for (const auto& [list, scalar] : words)
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        if (pairs[i].first != list) continue;
        const std::string value = pairs[i].second;
        const std::size_t comma = value.find(',');
        pairs[i] = {std::string(scalar) + "-y", value.substr(0, comma)};
        pairs.emplace_back(std::string(scalar) + "-x", value.substr(comma + 1));
        break;
      }
    std::erase_if(pairs, [](const auto& pair) { return pair.first == "pads_end"; });
  }
  std::string next(const std::string& type) { return type + std::to_string(++names_); }
  Source same(const std::string& type, Pairs pairs, const std::vector<Source>& inputs,
              const std::string& opset = "opset1") {
    return add(type, std::move(pairs), inputs, Shape(shape(inputs.front())), opset);
  }
  Source power(Source x, float scale, float shift) {
    return same("Power", {{"power", "1"}, {"scale", std::to_string(scale)}, {"shift", std::to_string(shift)}},
                {x});
  }
  Source resized(Source x, const char* mode, const char* coordinates, const Shape& out) {
    return add("Interpolate",
               {{"mode", mode},
                {"shape_calculation_mode", "sizes"},
                {"coordinate_transformation_mode", coordinates},
                {"nearest_mode", "floor"}},
               {x, b.ints({out[2], out[3]}), b.constant<float>({2}, {1, 1}), b.ints({2, 3})}, out, "opset4");
  }

  Source pool(Source x, const char* method, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
    Shape out = shape(x);
    const std::vector<std::int64_t> k(out.size() - 2, kernel), s(k.size(), stride), p(k.size(), pad);
    for (std::size_t d = 2; d < out.size(); ++d) out[d] = (out[d] + 2 * pad - kernel) / stride + 1;
    Pairs pairs{{"kernel", join(k)},   {"strides", join(s)},    {"pads_begin", join(p)},
                {"pads_end", join(p)}, {"exclude-pad", "true"}, {"rounding_type", "floor"}};
    if (!legacy()) return add(method == std::string("max") ? "MaxPool" : "AvgPool", pairs, {x}, out);
    pairs.emplace_back("pool-method", method);
    if (version_ == 2) per_direction(pairs);
    return add("Pooling", pairs, {x}, out);
  }

  Source windowed(Source x, std::int64_t outs, const Window& w, bool transposed) {
    Shape out = shape(x);
    const std::int64_t ins = out[1];
    std::vector<std::int64_t> pads;
    std::int64_t area = 1;
    for (std::size_t d = 0; d < w.kernel.size(); ++d) {
      const std::int64_t extent = (w.kernel[d] - 1) * w.dilation[d] + 1;
      pads.push_back(!w.padded ? 0 : transposed ? (extent - w.stride[d]) / 2 : extent / 2);
      auto& size = out[d + 2];
      size = transposed ? (size - 1) * w.stride[d] + extent - 2 * pads[d]
                        : (size + 2 * pads[d] - extent) / w.stride[d] + 1;
      area *= w.kernel[d];
    }
    out[1] = outs;
    const std::int64_t fan = ins / w.groups * area;
    const float size = 1.7F / std::sqrt(static_cast<float>(fan));
    const auto weights = numbers(outs * fan, -size, size), bias = numbers(outs, -0.2F, 0.2F);
    Pairs pairs{{"strides", join(w.stride)},
                {"pads_begin", join(pads)},
                {"pads_end", join(pads)},
                {"dilations", join(w.dilation)}};
    if (legacy()) {
      pairs.emplace_back("output", std::to_string(outs));
      pairs.emplace_back("group", std::to_string(w.groups));
      pairs.emplace_back("kernel", join(w.kernel));
      if (version_ == 2) per_direction(pairs);
      Shape dims = transposed ? Shape{ins, outs / w.groups} : Shape{outs, ins / w.groups};
      dims.insert(dims.end(), w.kernel.begin(), w.kernel.end());
      return weighted(transposed ? "Deconvolution" : "Convolution", pairs, x, dims, weights, bias, out);
    }
    Shape dims = transposed ? Shape{ins / w.groups, outs / w.groups} : Shape{outs / w.groups, ins / w.groups};
    if (w.groups > 1) dims.insert(dims.begin(), w.groups);
    dims.insert(dims.end(), w.kernel.begin(), w.kernel.end());
    const std::string type =
        std::string(w.groups > 1 ? "Group" : "") + "Convolution" + (transposed ? "BackpropData" : "");
    const Source y = add(type, pairs, {x, b.constant<float>(dims, weights)}, out);
    Shape one(out.size(), 1);
    one[1] = outs;
    return add("Add", {}, {y, b.constant<float>(one, bias)}, out);
  }

  int version_;
  std::uint64_t seed_ = 0;
  int names_ = 0;
};

}  // namespace refcalib_test
