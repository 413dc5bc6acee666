#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/graph/builder.h"
#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"
#include "engine/ops/pooling.h"
#include "engine/runtime/program.h"
#include "tests/ops/node_named.h"
#include "tests/support/catch.hpp"
#include "tests/support/guarded_buffer.hpp"
#include "tests/support/random.hpp"

/// Small networks for tests: tensors in the order of the file, building blocks, and runs on every instruction
/// set.
namespace refcalib_test {

using namespace refcalib::engine;

/// A tensor in the order of the file (N, C, spatial…), row-major.
struct Tensor {
  Shape shape;
  std::vector<float> data;
};

using Index = std::vector<std::int64_t>;

/// Row-major position of an index.
inline std::size_t offset(const Shape& shape, const Index& at) {
  std::int64_t position = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) position = position * shape[d] + at[d];
  return static_cast<std::size_t>(position);
}

/// Calls f(index) for every index of a shape, the last dimension fastest.
template <class F>
void for_each_index(const Shape& shape, F f) {
  Index at(shape.size(), 0);
  for (std::int64_t i = 0; i < element_count(shape); ++i) {
    f(std::as_const(at));
    for (std::size_t d = shape.size(); d-- > 0;) {
      if (++at[d] < shape[d]) break;
      at[d] = 0;
    }
  }
}

/// The tensor whose element at an index is f(index).
template <class F>
Tensor generate(const Shape& shape, F f) {
  Tensor t{shape, {}};
  for_each_index(shape, [&](const Index& at) { t.data.push_back(static_cast<float>(f(at))); });
  return t;
}

inline Tensor random_tensor(const Shape& shape, std::uint64_t seed, float low = -2, float high = 2) {
  Random random(seed);
  return generate(shape, [&](const Index&) { return random.real(low, high); });
}

inline float value_at(const Tensor& t, const Index& at) {
  return t.data[offset(t.shape, at)];
}

/// Element `at` of a tensor that is broadcast (as numpy does) to a shape of this index.
inline float broadcast_at(const Tensor& t, const Index& at) {
  Index own(t.shape.size());
  for (std::size_t d = 0; d < own.size(); ++d) own[d] = t.shape[d] == 1 ? 0 : at[d + at.size() - own.size()];
  return value_at(t, own);
}

inline Constant constant_of(const Tensor& t) {
  return Constant::f32(t.shape, t.data);
}

// ---- building blocks --------------------------------------------------------------------------------------

inline ConvolutionAttributes convolution(std::size_t spatial, std::int64_t stride = 1, std::int64_t pad = 0,
                                         std::int64_t dilation = 1) {
  ConvolutionAttributes a;
  a.strides.assign(spatial, stride);
  a.dilations.assign(spatial, dilation);
  a.pads_begin.assign(spatial, pad);
  a.pads_end.assign(spatial, pad);
  return a;
}

inline PoolingAttributes pooling(std::string method, std::size_t spatial, std::int64_t kernel,
                                 std::int64_t stride = 1, std::int64_t pad = 0) {
  PoolingAttributes a;
  a.method = std::move(method);
  a.kernel.assign(spatial, kernel);
  a.strides.assign(spatial, stride);
  a.dilations.assign(spatial, 1);
  a.pads_begin.assign(spatial, pad);
  a.pads_end.assign(spatial, pad);
  return a;
}

/// A convolution with the weights and, if not empty, the bias.
inline ValueId add_convolution(GraphBuilder& b, const std::string& name, ValueId x, const Tensor& weights,
                               const std::vector<float>& bias, const ConvolutionAttributes& a) {
  std::vector<ValueId> inputs{x, b.constant(name + "/w", constant_of(weights))};
  if (!bias.empty()) {
    const auto count = static_cast<std::int64_t>(bias.size());
    inputs.push_back(b.constant(name + "/b", Constant::f32({count}, bias)));
  }
  return b.add1("Convolution", name, Attributes::of(a), inputs);
}

inline ValueId add_activation(GraphBuilder& b, const std::string& name, ValueId x,
                              const std::string& function, double alpha = 0, double beta = 0) {
  return b.add1("Activation", name, Attributes::of(ActivationAttributes{function, alpha, beta}), {x});
}

inline ValueId add_eltwise(GraphBuilder& b, const std::string& name, const std::string& operation, ValueId x,
                           ValueId y) {
  return b.add1("Eltwise", name, Attributes::of(EltwiseAttributes{operation, {}}), {x, y});
}

/// The identity as a maximum over windows of one element: it runs channels-last and is never fused, so that
/// what stands between two of them meets channels-last data. For ranks 3 to 5.
inline ValueId add_identity(GraphBuilder& b, const std::string& name, ValueId x) {
  return b.add1("Pooling", name, Attributes::of(pooling("max", b.graph().value(x).shape.size() - 2, 1)), {x});
}

/// A 1x1 convolution with the weights 1, one per channel.
inline ValueId add_unit_convolution(GraphBuilder& b, const std::string& name, ValueId x) {
  const Shape& shape = b.graph().value(x).shape;
  Shape weights(shape.size() + 1, 1);
  weights[0] = shape[1];
  return add_convolution(b, name, x, generate(weights, [](const Index&) { return 1.0F; }), {},
                         convolution(shape.size() - 2));
}

/// Marks a value as stored in u8: real = scale * (q - zero_point).
inline void quantize_value(Graph& graph, ValueId id, std::vector<float> scale, std::int32_t zero_point) {
  graph.value(id).quantization = Quantization{std::move(scale), zero_point, 0, 255};
}

// ---- running ----------------------------------------------------------------------------------------------

using Outputs = std::vector<std::vector<float>>;

inline CompileOptions options_for(Isa isa, bool int8 = false) {
  CompileOptions options;
  options.isa = isa;
  options.int8 = int8;
  return options;
}

inline void feed(Session& session, const std::vector<Tensor>& inputs) {
  REQUIRE(session.program().inputs().size() == inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    REQUIRE(session.input(i).size() == inputs[i].data.size());
    std::copy(inputs[i].data.begin(), inputs[i].data.end(), session.input(i).begin());
  }
}

inline Outputs outputs_of(const Session& session) {
  Outputs outputs;
  for (std::size_t i = 0; i < session.program().outputs().size(); ++i)
    outputs.emplace_back(session.output(i).begin(), session.output(i).end());
  return outputs;
}

inline Outputs run(const Graph& graph, const std::vector<Tensor>& inputs, const CompileOptions& options,
                   int threads = 1) {
  Session session(Program::compile(graph, options), threads);
  feed(session, inputs);
  session.run();
  return outputs_of(session);
}

/// The outputs on the scalar instruction set, after checking that every other one, with memory shared or not,
/// with one thread or three, gives the same bits.
inline Outputs run_everywhere(const Graph& graph, const std::vector<Tensor>& inputs, bool int8 = false) {
  const Outputs expected = run(graph, inputs, options_for(Isa::scalar, int8));
  for (const Isa isa : available_isas()) {
    CompileOptions options = options_for(isa, int8);
    options.share_memory = isa != Isa::scalar;
    const Outputs outputs = run(graph, inputs, options, isa == Isa::avx512 ? 1 : 3);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO("output " << i << " on " << to_string(isa));
      CHECK(same_bytes(outputs[i], expected[i]));
    }
  }
  return expected;
}

/// Keeps every value of an observed run as plain floats, by name.
class Recorder final : public StepObserver {
 public:
  void after_step(int, std::span<const ValueView> outputs) noexcept override {
    for (const ValueView& view : outputs) {
      copy_to_floats(view, values_[view.value->name]);
      dtypes_[view.value->name] = view.value->dtype;
    }
  }
  const std::vector<float>& at(const std::string& name) const { return values_.at(name); }
  DType dtype(const std::string& name) const { return dtypes_.at(name); }
  bool has(const std::string& name) const { return values_.contains(name); }
  std::size_t size() const { return values_.size(); }

 private:
  std::map<std::string, std::vector<float>> values_;
  std::map<std::string, DType> dtypes_;
};

/// All values of an INT8 run on the scalar instruction set, after checking that the others give the same bits.
inline Recorder observe_everywhere(const Graph& graph, const std::vector<Tensor>& inputs) {
  Recorder expected;
  for (const Isa isa : available_isas()) {
    Session session(Program::compile(graph, options_for(isa, true)), isa == Isa::scalar ? 1 : 2);
    feed(session, inputs);
    Recorder seen;
    session.run(seen);
    if (isa == Isa::scalar) {
      expected = seen;
      continue;
    }
    REQUIRE(seen.size() == expected.size());
    for (const NodeId id : session.program().graph().order())
      for (const ValueId out : session.program().graph().node(id).outputs) {
        const std::string& name = session.program().graph().value(out).name;
        INFO("value '" << name << "' on " << to_string(isa));
        CHECK(same_bytes(seen.at(name), expected.at(name)));
      }
  }
  return expected;
}

// ---- checking ---------------------------------------------------------------------------------------------

/// Largest |a - b| / max(1, |b|); infinite for different sizes and where only one is NaN or infinite.
inline double deviation(const std::vector<float>& actual, const std::vector<float>& expected) {
  if (actual.size() != expected.size()) return INFINITY;
  double worst = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double a = static_cast<double>(actual[i]), b = static_cast<double>(expected[i]);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double difference = std::fabs(a - b) / std::fmax(1.0, std::fabs(b));
    worst = std::isfinite(difference) ? std::fmax(worst, difference) : static_cast<double>(INFINITY);
  }
  return worst;
}

/// The live nodes as "Op Op …", in topological order.
inline std::string ops_of(const Graph& graph) {
  std::string text;
  for (const NodeId id : graph.order()) text += (text.empty() ? "" : " ") + graph.node(id).op;
  return text;
}

/// Where an operation stands in a network: alone, so that it sees plain data; between identities that run
/// channels-last; or as the middle slice of a concatenation, read by other operations too.
enum class Context { alone, channels_last, slice };
inline constexpr Context kContexts[] = {Context::alone, Context::channels_last, Context::slice};

inline const char* name_of(Context context) {
  return context == Context::alone ? "alone" : context == Context::channels_last ? "channels-last" : "slice";
}

/// Runs `op(builder, inputs) -> value` in a context on every instruction set; its result in the order of the
/// file. The slice context also checks the neighbours in the concatenation.
template <class F>
std::vector<float> run_in(Context context, const std::vector<Tensor>& inputs, F op) {
  const auto spatial = [](const Shape& shape) { return shape.size() >= 3 && shape.size() <= 5; };
  GraphBuilder b;
  std::vector<ValueId> ids;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = "x" + std::to_string(i);
    ids.push_back(b.input(name, DType::f32, inputs[i].shape));
    if (context != Context::alone && spatial(inputs[i].shape))
      ids.back() = add_identity(b, name + "/pixels", ids.back());
  }
  const ValueId y = op(b, ids);
  const Shape shape = b.graph().value(y).shape;
  if (context == Context::alone || shape.size() < 2 || !spatial(shape)) {
    b.output(y);
    return run_everywhere(b.finish(), inputs).front();
  }
  if (context == Context::channels_last) {
    b.output(add_identity(b, "y/pixels", y));
    return run_everywhere(b.finish(), inputs).front();
  }
  const ValueId before = add_activation(b, "before", y, "abs"), after = add_activation(b, "after", y, "neg");
  const ValueId all = b.add1("Concat", "all", Attributes::of(ConcatAttributes{1}), {before, y, after});
  b.output(add_identity(b, "all/pixels", all));
  const std::vector<float> wide = run_everywhere(b.finish(), inputs).front();
  std::vector<float> result;
  const auto block = static_cast<std::size_t>(element_count(shape) / shape[0]);
  for (std::size_t n = 0; n < static_cast<std::size_t>(shape[0]); ++n)
    for (std::size_t i = 0; i < block; ++i) {
      const float* const row = wide.data() + n * block * 3 + i;
      result.push_back(row[block]);
      CHECK(row[0] == std::fabs(row[block]));
      CHECK(row[2 * block] == -row[block]);
    }
  return result;
}

/// Shape that the builder infers for an operation on run-time inputs of these shapes.
inline Shape inferred(const std::string& op, const Attributes& attributes, const std::vector<Shape>& shapes) {
  GraphBuilder b;
  std::vector<ValueId> ids;
  for (const Shape& shape : shapes) ids.push_back(b.input("x", DType::f32, shape));
  return b.graph().value(b.add1(op, "layer", attributes, ids)).shape;
}

/// Value of an operation on constants; it must fold.
inline Constant folded(const std::string& op, const Attributes& attributes,
                       const std::vector<Constant>& inputs) {
  GraphBuilder b;
  std::vector<ValueId> ids;
  for (const Constant& input : inputs) ids.push_back(b.constant("c", input));
  const Value& value = b.graph().value(b.add1(op, "layer", attributes, ids));
  REQUIRE(value.constant);
  CHECK(b.graph().order().empty());
  return value.constant;
}

}  // namespace refcalib_test
