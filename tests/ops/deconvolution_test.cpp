#include <algorithm>

#include "engine/ops/deconvolution_phases.h"
#include "tests/ops/deconvolution_cases.h"
#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

ValueId add_deconvolution(GraphBuilder& b, ValueId x, const Tensor& w, const std::vector<float>& bias,
                          const ConvolutionAttributes& a) {
  std::vector<ValueId> in{x, b.constant("w", constant_of(w))};
  if (!bias.empty())
    in.push_back(b.constant("b", Constant::f32({static_cast<std::int64_t>(bias.size())}, bias)));
  return b.add1("Deconvolution", "y", Attributes::of(a), in);
}

}  // namespace

TEST_CASE("transposed convolutions compute the sum of products in every context", "[deconvolution]") {
  std::uint64_t seed = 1;
  for (const DeconvolutionCase& c : deconvolution_cases()) {
    const Tensor x = random_tensor(c.x, ++seed), w = random_tensor(c.w, ++seed, -1, 1);
    const std::vector<float> bias = random_tensor({c.w[0] * c.w[2]}, ++seed).data;
    CHECK(inferred("Deconvolution", Attributes::of(c.attributes()), {c.x, c.w}) ==
          deconvolved_shape(c.x, c.w, c.attributes()));
    for (const bool with_bias : {false, true}) {
      const std::vector<float> used = with_bias ? bias : std::vector<float>{};
      const Tensor expected = deconvolve<double>(x, w, used, c.attributes());
      const Tensor exact = deconvolve<float>(x, w, used, c.attributes());
      for (const Context context : kContexts) {
        INFO(c.what << ", " << name_of(context) << (with_bias ? ", bias" : ""));
        const auto actual = run_in(context, {x}, [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
          return add_deconvolution(b, ids[0], w, used, c.attributes());
        });
        CHECK(deviation(actual, expected.data) < 1e-5);
        CHECK(same_bytes(actual, exact.data));
      }
    }
  }
}

TEST_CASE("bias, residual, slope and clamp are fused behind a transposed convolution", "[deconvolution]") {
  const Tensor x = random_tensor({2, 5, 4, 4}, 1), w = random_tensor({1, 5, 7, 3, 3}, 2, -1, 1);
  const ConvolutionAttributes a = convolution(2, 2, 1);
  const std::vector<float> bias = random_tensor({7}, 4).data, slope = random_tensor({7}, 5, 0, 1).data,
                           factor = random_tensor({7}, 6).data;
  const Tensor sum = deconvolve<double>(x, w, {}, a);
  const Tensor residual = random_tensor(sum.shape, 3, -4, 4);
  for (const bool add : {false, true})
    for (const bool bend : {false, true}) {
      INFO("residual " << add << ", slope " << bend);
      const Tensor expected = generate(sum.shape, [&](const Index& at) {
        const auto c = static_cast<std::size_t>(at[1]);
        float y = value_at(sum, at) * factor[c] + bias[c] + (add ? value_at(residual, at) : 0.0F);
        if (bend) return y < 0 ? y * slope[c] : y;
        return std::min(std::max(y, 0.0F), 6.0F);
      });
      GraphBuilder b;
      const ValueId in = b.input("x", DType::f32, x.shape), other = b.input("r", DType::f32, sum.shape);
      ValueId y = add_deconvolution(b, in, w, {}, a);
      y = add_eltwise(b, "factor", "mul", y, b.constant("f", Constant::f32({1, 7, 1, 1}, factor)));
      y = add_eltwise(b, "bias", "add", y, b.constant("b", Constant::f32({7, 1, 1}, bias)));
      if (add) y = add_eltwise(b, "sum", "add", other, y);
      if (bend)
        y = b.add1("PRelu", "bent", Attributes::of(PReluAttributes{}),
                   {y, b.constant("slope", Constant::f32({7}, slope))});
      else
        y = b.add1("Activation", "clamped", Attributes::of(ActivationAttributes{"clamp", 0, 6}), {y});
      b.output(y);
      const auto program = Program::compile(b.graph(), options_for(Isa::scalar));
      CHECK(std::count_if(program->steps().begin(), program->steps().end(),
                          [](const StepInfo& s) { return s.op != "Reorder" && s.op != "Reinterpret"; }) == 1);
      CHECK(deviation(run_everywhere(b.graph(), {x, residual}).front(), expected.data) < 1e-5);
    }
}

TEST_CASE("phases cover every output and every tap once", "[deconvolution]") {
  for (std::int64_t stride = 1; stride <= 6; ++stride)
    for (std::int64_t dilation = 1; dilation <= 4; ++dilation)
      for (std::int64_t kernel = 1; kernel <= 5; ++kernel)
        for (std::int64_t pad = -7; pad <= 7; ++pad) {
          const DeconvolutionAxis axis{4, 13, kernel, stride, dilation, pad};
          INFO("stride " << stride << ", dilation " << dilation << ", kernel " << kernel << ", pad " << pad);
          std::int64_t outputs = 0;
          bool right = true;
          for (std::int64_t first = 0; first < axis.phases(); ++first) {
            const DeconvolutionPhase phase = deconvolution_phase(axis, first);
            outputs += phase.count;
            for (std::int64_t n = 0; n < phase.count; ++n) {
              std::vector<std::pair<std::int64_t, std::int64_t>> reached, expected;
              for (std::size_t j = 0; j < phase.taps.size(); ++j)
                reached.emplace_back(n - phase.pad + static_cast<std::int64_t>(j) * phase.dilation,
                                     phase.taps[j]);
              for (std::int64_t i = -40; i <= 40; ++i)
                for (std::int64_t k = 0; k < kernel; ++k)
                  if (i * stride + k * dilation - pad == first + n * stride) expected.emplace_back(i, k);
              right = right && reached == expected;
            }
          }
          CHECK(right);
          CHECK(outputs == axis.out);
        }
}

TEST_CASE("a transposed convolution packs weights that are computed in each run", "[deconvolution]") {
  std::uint64_t seed = 70;
  for (const DeconvolutionCase& c : deconvolution_cases()) {
    INFO(c.what);
    const Tensor x = random_tensor(c.x, ++seed), w = random_tensor(c.w, ++seed, -1, 1);
    const std::vector<float> bias = random_tensor({c.w[0] * c.w[2]}, ++seed).data;
    GraphBuilder computed, constant;
    const ValueId in = computed.input("x", DType::f32, x.shape),
                  weights = computed.input("w", DType::f32, w.shape);
    const ValueId k = computed.constant("b", Constant::f32({c.w[0] * c.w[2]}, bias));
    computed.output(computed.add1("Deconvolution", "y", Attributes::of(c.attributes()), {in, weights, k}));
    constant.output(
        add_deconvolution(constant, constant.input("x", DType::f32, x.shape), w, bias, c.attributes()));
    const Outputs expected = run(constant.graph(), {x}, options_for(Isa::scalar));
    CHECK(same_bytes(run_everywhere(computed.graph(), {x, w}).front(), expected.front()));
  }
}

TEST_CASE("transposed convolutions that do not fit are errors", "[deconvolution]") {
  struct Bad {
    Shape x, w;
    ConvolutionAttributes a;
    const char* text;
  };
  ConvolutionAttributes no_stride = convolution(2), no_dilation = convolution(2), short_pads = convolution(2),
                        far = convolution(2), crops = convolution(2, 2, 4);
  no_stride.strides[1] = 0;
  no_dilation.dilations[0] = -1;
  short_pads.pads_end = {0};
  far.strides[0] = std::int64_t{1} << 60;
  const Bad bad[] = {
      {{4, 5}, {1, 5, 2, 1, 1}, convolution(2), "deconvolves a tensor of shape [4,5], expected rank 3 to 5"},
      {{1, 4, 5, 5}, {2, 4, 3, 3}, convolution(2), "do not fit an input of shape [1,4,5,5]"},
      {{1, 4, 5, 5}, {2, 4, 2, 3, 3}, convolution(2), "input has 4 channels, weights want 8"},
      {{1, 4, 5, 5}, {1, 4, 2, 3, 3}, short_pads, "strides, dilations and pads must have 2 values each"},
      {{1, 4, 5, 5}, {1, 4, 2, 3, 3}, no_stride, "strides and dilations must be positive"},
      {{1, 4, 5, 5}, {1, 4, 2, 3, 3}, no_dilation, "strides and dilations must be positive"},
      {{1, 4, 5, 5}, {1, 4, 2, 3, 3}, far, "out of range"},
      {{1, 4, 2, 2}, {1, 4, 2, 3, 3}, crops, "the pads leave nothing of the output"}};
  for (const Bad& c : bad) {
    INFO(c.text);
    CHECK_THROWS_AS(inferred("Deconvolution", Attributes::of(c.a), {c.x, c.w}), FormatError);
    CHECK_THROWS_WITH(inferred("Deconvolution", Attributes::of(c.a), {c.x, c.w}), Contains(c.text));
  }
  GraphBuilder sparse;
  const ValueId small = sparse.input("x", DType::f32, {1, 1, 2, 2});
  sparse.output(add_deconvolution(sparse, small, random_tensor({1, 1, 1, 1, 1}, 1), {}, convolution(2, 300)));
  CHECK_THROWS_WITH(Program::compile(sparse.graph(), options_for(Isa::scalar)),
                    Contains("more than 16384 phases"));
  GraphBuilder long_kernel;
  const ValueId line = long_kernel.input("x", DType::f32, {1, 1, 2});
  long_kernel.output(
      add_deconvolution(long_kernel, line, random_tensor({1, 1, 1, 8192}, 1), {}, convolution(1, 16384)));
  CHECK_THROWS_WITH(Program::compile(long_kernel.graph(), options_for(Isa::scalar)),
                    Contains("a kernel of so many taps and strides"));
}
