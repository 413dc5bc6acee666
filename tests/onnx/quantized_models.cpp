#include "tests/onnx/quantized_models.h"

#include "tests/support/random.hpp"

namespace refcalib_test {
namespace {

using refcalib::engine::Shape;

constexpr const char* kRuntime = "com.microsoft";

/// Adds parameters and nodes of quantized models under names of their own.
class Quantizer {
 public:
  explicit Quantizer(OnnxModel& model) : model_(model) {}

  void parameters(const std::string& name, float scale, int zero_point, int type = kUint8) {
    model_.f32(name + "_s", {}, {scale});
    model_.constant<std::uint8_t>(name + "_z", type, {}, {static_cast<std::uint8_t>(zero_point)});
  }
  /// x -> x_dq by way of x_q.
  std::string qdq(const std::string& x, float scale, int zero_point, int type = kUint8) {
    parameters(x, scale, zero_point, type);
    model_.node("QuantizeLinear", {x, x + "_s", x + "_z"}, {x + "_q"});
    model_.node("DequantizeLinear", {x + "_q", x + "_s", x + "_z"}, {x + "_dq"});
    return x + "_dq";
  }
  /// Integers of -127 to 127 with a scale per channel of `axis`; their real numbers are called name + "_dq".
  std::string weights(const std::string& name, const Shape& shape, std::int64_t axis,
                      bool dequantize = true) {
    std::vector<std::int8_t> values(static_cast<std::size_t>(refcalib::engine::element_count(shape)));
    Random random(values.size());
    random.fill_integer(values, -127, 127);
    model_.constant(name, kInt8, shape, values);
    const std::int64_t channels = shape[static_cast<std::size_t>(axis)];
    Floats scales;
    for (std::int64_t c = 0; c < channels; ++c) scales.push_back(0.002F + 0.001F * static_cast<float>(c));
    model_.f32(name + "_s", {channels}, scales);
    model_.constant(name + "_z", kInt8, {channels},
                    std::vector<std::int8_t>(static_cast<std::size_t>(channels), 0));
    if (dequantize)
      model_.node("DequantizeLinear", {name, name + "_s", name + "_z"}, {name + "_dq"},
                  {attribute("axis", static_cast<int>(axis))});
    return name + "_dq";
  }
  std::string bias(const std::string& name, const std::vector<std::int32_t>& values, float scale) {
    const auto count = static_cast<std::int64_t>(values.size());
    model_.constant(name, kInt32, {count}, values);
    model_.f32(name + "_s", {}, {scale});
    model_.node("DequantizeLinear", {name, name + "_s"}, {name + "_dq"});
    return name + "_dq";
  }

 private:
  OnnxModel& model_;
};

OnnxModel qdq_network(int activation_type) {
  const bool is_signed = activation_type == kInt8;
  const auto zero = [&](int z) { return is_signed ? z - 128 : z; };
  OnnxModel m(13);
  Quantizer q(m);
  m.input("x", {1, 4, 9, 9});
  const std::string x = q.qdq("x", 0.025F, zero(120), activation_type);
  m.node("Conv",
         {x, q.weights("w1", {8, 4, 3, 3}, 0), q.bias("b1", {100, -300, 50, 0, 900, -20, 7, 64}, 0.0001F)},
         {"c1"}, {attribute("pads", Ints{1, 1, 1, 1})});
  m.node("Relu", {"c1"}, {"r1"});
  const std::string r1 = q.qdq("r1", 0.05F, zero(0), activation_type);
  m.node("MaxPool", {r1}, {"p1"}, {attribute("kernel_shape", Ints{3, 3}), attribute("strides", Ints{2, 2})});
  const std::string p1 = q.qdq("p1", 0.05F, zero(0), activation_type);
  m.node("Conv", {p1, q.weights("w2", {8, 1, 3, 3}, 0)}, {"c2"},
         {attribute("group", 8), attribute("pads", Ints{1, 1, 1, 1})});
  const std::string c2 = q.qdq("c2", 0.06F, zero(110), activation_type);
  m.node("Add", {c2, p1}, {"a"});
  const std::string a = q.qdq("a", 0.08F, zero(80), activation_type);
  // A ReLU that the integers alone cut off.
  m.node("Conv", {a, q.weights("w3", {6, 8, 1, 1}, 0)}, {"c3"});
  const std::string c3 = q.qdq("c3", 0.04F, zero(0), activation_type);
  m.node("GlobalAveragePool", {c3}, {"g"});
  const std::string g = q.qdq("g", 0.02F, zero(0), activation_type);
  m.node("Flatten", {g}, {"f"});
  const std::string f = q.qdq("f", 0.02F, zero(0), activation_type);
  m.node("Gemm", {f, q.weights("w4", {5, 6}, 0), q.bias("b4", {1000, -1000, 0, 500, 10}, 0.0001F)}, {"y"},
         {attribute("transB", 1)});
  m.output("y");
  return m;
}

OnnxModel qlinear_network() {
  OnnxModel m(13, kRuntime);
  Quantizer q(m);
  m.input("x", {1, 4, 6, 6});
  q.parameters("x", 0.025F, 120);
  m.node("QuantizeLinear", {"x", "x_s", "x_z"}, {"xq"});
  q.weights("w", {4, 4, 3, 3}, 0, false);
  m.constant<std::int32_t>("b", kInt32, {4}, {100, -300, 50, 2000});
  q.parameters("c", 0.05F, 100);
  m.node("QLinearConv", {"xq", "x_s", "x_z", "w", "w_s", "w_z", "c_s", "c_z", "b"}, {"cq"},
         {attribute("pads", Ints{1, 1, 1, 1})});
  m.node("MaxPool", {"cq"}, {"pq"},
         {attribute("kernel_shape", Ints{3, 3}), attribute("pads", Ints{1, 1, 1, 1})});
  q.parameters("a", 0.09F, 90);
  m.node("QLinearAdd", {"pq", "c_s", "c_z", "cq", "c_s", "c_z", "a_s", "a_z"}, {"aq"}, {}, kRuntime);
  q.parameters("l", 0.08F, 60);
  m.node("QLinearLeakyRelu", {"aq", "a_s", "a_z", "l_s", "l_z"}, {"lq"}, {attribute("alpha", 0.2F)},
         kRuntime);
  q.parameters("t", 0.1F, 90);
  m.node("QLinearConcat", {"t_s", "t_z", "lq", "l_s", "l_z", "aq", "a_s", "a_z"}, {"tq"},
         {attribute("axis", 1)}, kRuntime);
  q.parameters("v", 0.09F, 80);
  m.node("QLinearAveragePool", {"tq", "t_s", "t_z", "v_s", "v_z"}, {"vq"},
         {attribute("kernel_shape", Ints{2, 2})}, kRuntime);
  q.parameters("g", 0.03F, 70);
  m.node("QLinearGlobalAveragePool", {"vq", "v_s", "v_z", "g_s", "g_z"}, {"gq"}, {}, kRuntime);
  m.node("Flatten", {"gq"}, {"fq"});
  m.constant<std::int8_t>("k", kInt8, {8, 3}, {3,  -5, 7,  100, -90, 20,  1, 2, 3, -4, 5, -6,
                                               60, 50, 40, -30, -20, -10, 9, 8, 7, 6,  5, 4});
  m.f32("k_s", {}, {0.01F}).constant<std::int8_t>("k_z", kInt8, {}, {0});
  q.parameters("o", 0.03F, 128);
  m.node("QLinearMatMul", {"fq", "g_s", "g_z", "k", "k_s", "k_z", "o_s", "o_z"}, {"oq"});
  m.node("DequantizeLinear", {"oq", "o_s", "o_z"}, {"y"});
  m.output("y");
  return m;
}

OnnxModel qlinear_others() {
  OnnxModel m(13, kRuntime);
  Quantizer q(m);
  m.input("x", {2, 6});
  q.parameters("x", 0.025F, 120);
  m.node("QuantizeLinear", {"x", "x_s", "x_z"}, {"xq"});
  q.parameters("s", 1.0F / 256, 0);
  m.node("QLinearSigmoid", {"xq", "x_s", "x_z", "s_s", "s_z"}, {"sq"}, {}, kRuntime);
  q.parameters("m", 0.02F, 100);
  m.node("QLinearMul", {"xq", "x_s", "x_z", "sq", "s_s", "s_z", "m_s", "m_z"}, {"mq"}, {}, kRuntime);
  q.weights("w", {3, 6}, 0, false);
  m.f32("w1_s", {}, {0.01F}).constant<std::int8_t>("w1_z", kInt8, {}, {0});
  m.constant<std::int32_t>("b", kInt32, {3}, {1000, -2000, 50});
  m.node("QGemm", {"mq", "m_s", "m_z", "w", "w1_s", "w1_z", "b"}, {"y"}, {attribute("transB", 1)}, kRuntime);
  m.output("y");
  return m;
}

}  // namespace

std::vector<OperatorCase> quantized_models() {
  return {{"QDQ u8", qdq_network(kUint8)},
          {"QDQ s8", qdq_network(kInt8)},
          {"QLinear", qlinear_network()},
          {"QLinear others", qlinear_others()}};
}

}  // namespace refcalib_test
