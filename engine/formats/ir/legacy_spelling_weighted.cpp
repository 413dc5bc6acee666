#include <algorithm>
#include <string>

#include "engine/core/error.h"
#include "engine/formats/ir/legacy_spelling.h"

namespace refcalib::engine::ir {
namespace {

AttributeTexts window(const LegacyWriter& w, const std::vector<std::int64_t>& kernel,
                      const std::vector<std::int64_t>& ends) {
  const auto list = [&](const char* key, std::int64_t absent) {
    std::vector<std::int64_t> values = w.integers(key);
    if (values.empty()) values.assign(kernel.size(), absent);
    return format_integers(values);
  };
  AttributeTexts texts{{"kernel", format_integers(kernel)},
                       {"strides", list("strides", 1)},
                       {"dilations", list("dilations", 1)},
                       {"pads_begin", list("pads_begin", 0)},
                       {"pads_end", format_integers(ends)}};
  const std::string mode = w.text("auto_pad");
  if (mode == "same_upper" || mode == "same_lower" || mode == "valid") texts.emplace_back("auto_pad", mode);
  return texts;
}

/// Weights [M, C, k…] or [g, M / g, C / g, k…].
void convolution(LegacyWriter& w, std::size_t leading) {
  const Constant& weights = w.constant(1);
  const Shape& shape = weights.shape();
  const std::vector<std::int64_t> kernel(shape.begin() + static_cast<std::ptrdiff_t>(leading), shape.end());
  std::vector<std::int64_t> ends = w.integers("pads_end");
  if (ends.empty()) ends.assign(kernel.size(), 0);
  AttributeTexts texts = window(w, kernel, ends);
  texts.emplace_back("group", std::to_string(leading == 3 ? shape[0] : 1));
  texts.emplace_back("output", std::to_string(w.output().shape.at(1)));
  w.add("Convolution", std::move(texts), {&w.input(0)}, {{"weights", weights}});
}

/// Weights [C, M, k…] or [g, C / g, M / g, k…], which are those of v7 but for their order: there outputs of a group come first.
void deconvolution(LegacyWriter& w, std::size_t leading) {
  const Constant& weights = w.constant(1);
  const Shape& shape = weights.shape();
  const std::vector<std::int64_t> kernel(shape.begin() + static_cast<std::ptrdiff_t>(leading), shape.end());
  const Shape &in = w.input(0).shape, &out = w.output().shape;
  std::vector<std::int64_t> begin = w.integers("pads_begin"), strides = w.integers("strides"),
                            dilations = w.integers("dilations"), ends;
  if (begin.empty()) begin.assign(kernel.size(), 0);
  if (strides.empty()) strides.assign(kernel.size(), 1);
  if (dilations.empty()) dilations.assign(kernel.size(), 1);
  if (w.text("auto_pad").starts_with("same"))
    throw UnsupportedError("a transposed convolution with auto_pad has no form in IR version 7",
                           {"", "", "write version 11"});
  for (std::size_t i = 0; i < kernel.size(); ++i)
    ends.push_back(strides[i] * (in.at(i + 2) - 1) + (kernel[i] - 1) * dilations[i] + 1 - begin[i] -
                   out.at(i + 2));
  AttributeTexts texts = window(w, kernel, ends);
  texts.emplace_back("group", std::to_string(leading == 3 ? shape[0] : 1));
  texts.emplace_back("output", std::to_string(out.at(1)));
  w.add("Deconvolution", std::move(texts), {&w.input(0)}, {{"weights", weights}});
}

/// The matrix with rows and columns exchanged.
Constant transposed(const Constant& matrix) {
  const std::vector<float> values = matrix.to_floats();
  const auto rows = static_cast<std::size_t>(matrix.shape()[0]),
             columns = static_cast<std::size_t>(matrix.shape()[1]);
  std::vector<float> result(values.size());
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) result[c * rows + r] = values[r * columns + c];
  return Constant::f32({matrix.shape()[1], matrix.shape()[0]}, std::move(result));
}

/// A matrix of samples times constant weights, else a Gemm.
void matmul(LegacyWriter& w) {
  const bool a = w.boolean("transpose_a", false), b = w.boolean("transpose_b", false);
  const LegacyValue& weights = w.input(1);
  if (!a && w.input(0).shape.size() == 2 && weights.constant && weights.shape.size() == 2) {
    const Constant matrix = b ? *weights.constant : transposed(*weights.constant);
    return w.add("FullyConnected", {{"out-size", std::to_string(matrix.shape()[0])}}, {&w.input(0)},
                 {{"weights", matrix}});
  }
  if (w.input(0).shape.size() < 2 || weights.shape.size() < 2)
    throw UnsupportedError("a product with a vector has no form in IR version 7",
                           {"", "", "write version 11"});
  w.add("Gemm", {{"transpose_a", a ? "True" : "False"}, {"transpose_b", b ? "True" : "False"}},
        {&w.input(0), &w.input(1)});
}

/// Averages over padding divide by whole windows in v11, by what lies inside the begin pads in v7.
void pooling(LegacyWriter& w, const char* method) {
  std::vector<std::int64_t> kernel = w.integers("kernel"), begin = w.integers("pads_begin"),
                            ends = w.integers("pads_end");
  const std::vector<std::int64_t> dilations = w.integers("dilations");
  if (std::any_of(dilations.begin(), dilations.end(), [](std::int64_t d) { return d != 1; }))
    throw UnsupportedError("pooling with dilations has no form in IR version 7",
                           {"", "", "write version 11"});
  if (w.output_count() > 1 && w.output(1).readers > 0)
    throw UnsupportedError("pooling that gives positions has no form in IR version 7",
                           {"", "", "write version 11"});
  if (begin.empty()) begin.assign(kernel.size(), 0);
  if (ends.empty()) ends.assign(kernel.size(), 0);
  const bool max = std::string_view(method) == "max";
  const bool unpadded = std::all_of(begin.begin(), begin.end(), [](std::int64_t p) { return p == 0; }) &&
                        std::all_of(ends.begin(), ends.end(), [](std::int64_t p) { return p == 0; });
  const bool exclude = max || unpadded || w.boolean("exclude-pad", w.boolean("exclude_pad", false));
  if (!exclude && (ends > begin || w.text("rounding_type", "floor") != "floor"))
    throw UnsupportedError(
        "an average over more padding at the end than at the begin has no form in IR version 7",
        {"", "", "write version 11"});
  AttributeTexts texts = window(w, kernel, ends);
  std::erase_if(texts, [](const auto& text) { return text.first == "dilations"; });
  texts.emplace_back("pool-method", method);
  texts.emplace_back("exclude-pad", exclude ? "true" : "false");
  texts.emplace_back("rounding_type",
                     w.text("rounding_type", "floor").starts_with("ceil") ? "ceil" : "floor");
  w.add("Pooling", std::move(texts), {&w.input(0)});
}

constexpr LegacySpelling kSpellings[] = {
    {"convolution", [](LegacyWriter& w) { convolution(w, 2); }},
    {"groupconvolution", [](LegacyWriter& w) { convolution(w, 3); }},
    {"convolutionbackpropdata", [](LegacyWriter& w) { deconvolution(w, 2); }},
    {"groupconvolutionbackpropdata", [](LegacyWriter& w) { deconvolution(w, 3); }},
    {"matmul", matmul},
    {"maxpool", [](LegacyWriter& w) { pooling(w, "max"); }},
    {"avgpool", [](LegacyWriter& w) { pooling(w, "avg"); }},
};

}  // namespace

std::span<const LegacySpelling> weighted_spellings() noexcept {
  return kSpellings;
}

}  // namespace refcalib::engine::ir
