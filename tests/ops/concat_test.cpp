#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

Attributes along(std::int64_t axis) {
  return Attributes::of(ConcatAttributes{axis});
}

Tensor joined(const std::vector<Tensor>& parts, std::size_t axis) {
  Shape shape = parts.front().shape;
  for (std::size_t i = 1; i < parts.size(); ++i) shape[axis] += parts[i].shape[axis];
  return generate(shape, [&](const Index& at) {
    Index from = at;
    std::size_t part = 0;
    while (from[axis] >= parts[part].shape[axis]) from[axis] -= parts[part++].shape[axis];
    return value_at(parts[part], from);
  });
}

struct Case {
  std::vector<Shape> parts;
  std::int64_t axis;
};
const Case kCases[] = {{{{2, 3, 4, 4}, {2, 17, 4, 4}, {2, 1, 4, 4}}, 1},
                       {{{1, 3, 4, 4}, {1, 5, 4, 4}}, -3},
                       {{{2, 3, 4, 2}, {2, 3, 4, 5}}, 3},
                       {{{1, 3, 2, 2}, {2, 3, 2, 2}}, 0},
                       {{{4}, {3}}, 0},
                       {{{2, 3}, {2, 5}}, -1},
                       {{{1, 3}, {1, 5}, {1, 70}}, 1},
                       {{{2, 4, 3, 3}}, 1}};

}  // namespace

TEST_CASE("concatenation joins parts along any axis in every context", "[concat]") {
  std::uint64_t seed = 0;
  for (const Case& c : kCases) {
    std::vector<Tensor> parts;
    for (const Shape& shape : c.parts) parts.push_back(random_tensor(shape, ++seed));
    const auto rank = static_cast<std::int64_t>(c.parts.front().size());
    const Tensor expected = joined(parts, static_cast<std::size_t>(c.axis < 0 ? c.axis + rank : c.axis));
    CHECK(inferred("Concat", along(c.axis), c.parts) == expected.shape);
    std::vector<Constant> constants;
    for (const Tensor& part : parts) constants.push_back(constant_of(part));
    CHECK(folded("Concat", along(c.axis), constants).to_floats() == expected.data);
    for (const Context context : kContexts) {
      INFO(to_string(expected.shape) << " axis " << c.axis << ", " << name_of(context));
      // As given: network inputs are copied. Behind an operation: written as slices.
      for (const bool computed : {false, true})
        CHECK(same_bytes(run_in(context, parts,
                                [&](GraphBuilder& b, std::vector<ValueId> ids) {
                                  for (std::size_t i = 0; computed && i < ids.size(); ++i)
                                    ids[i] =
                                        add_activation(b, "part" + std::to_string(i), ids[i], "linear", 1, 0);
                                  return b.add1("Concat", "y", along(c.axis), ids);
                                }),
                         expected.data));
    }
  }
}

TEST_CASE("one value may be joined twice, with constants, in nested concatenations", "[concat]") {
  for (const std::int64_t axis : {std::int64_t{1}, std::int64_t{2}}) {
    const Tensor x = random_tensor({1, 3, 4, 4}, 1), k = random_tensor({1, 3, 4, 4}, 2);
    Tensor y = x;
    for (float& v : y.data) v = std::fabs(v);
    const Tensor inner = joined({y, k, y}, static_cast<std::size_t>(axis));
    const Tensor expected = joined({x, inner, y}, static_cast<std::size_t>(axis));
    for (const Context context : kContexts) {
      INFO("axis " << axis << ", " << name_of(context));
      CHECK(same_bytes(run_in(context, {x},
                              [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
                                const ValueId a = add_activation(b, "abs", ids[0], "abs");
                                const ValueId c = b.constant("k", constant_of(k));
                                const ValueId nested = b.add1("Concat", "inner", along(axis), {a, c, a});
                                return b.add1("Concat", "y", along(axis), {ids[0], nested, a});
                              }),
                       expected.data));
    }
  }
}

TEST_CASE("parts that the network gives out, or that become views, are joined all the same", "[concat]") {
  const Tensor x = random_tensor({1, 6, 2, 2}, 1);
  GraphBuilder b;
  const ValueId in = add_identity(b, "in", b.input("x", DType::f32, x.shape));
  const ValueId a = add_activation(b, "a", in, "abs"), n = add_activation(b, "n", in, "neg");
  const ValueId flat = b.add1("Reshape", "flat", Attributes::of(ReshapeAttributes{}),
                              {n, b.constant("s", Constant::i64_vector({1, -1}))});
  const ValueId all = b.add1("Concat", "all", along(1), {a, n});
  b.output(a);
  b.output(add_activation(b, "f", flat, "neg"));
  b.output(add_identity(b, "out", all));
  Tensor absolute = x, negative = x;
  for (float& v : absolute.data) v = std::fabs(v);
  for (float& v : negative.data) v = -v;
  const Outputs outputs = run_everywhere(b.finish(), {x});
  CHECK(outputs[0] == absolute.data);
  CHECK(outputs[1] == x.data);
  CHECK(outputs[2] == joined({absolute, negative}, 1).data);
}

TEST_CASE("parts under another shape, in another order and twice are joined all the same", "[concat]") {
  const Shape shapes[] = {{1, 18, 3, 3}, {1, 18, 2, 2}};
  const Tensor x = random_tensor(shapes[0], 1), y = random_tensor(shapes[1], 2);
  GraphBuilder b;
  std::vector<ValueId> parts;
  for (int i = 0; i < 2; ++i) {
    const std::string name = i == 0 ? "x" : "y";
    const ValueId in = b.input(name, DType::f32, shapes[i]);
    // Pixel by pixel, as detection networks join the answers of their scales.
    const ValueId moved =
        b.add1("Transpose", name + "/pixels", Attributes::of(TransposeAttributes{{0, 2, 3, 1}}),
               {add_unit_convolution(b, name + "/c", in)});
    parts.push_back(b.add1("Reshape", name + "/rows", Attributes::of(ReshapeAttributes{}),
                           {moved, b.constant("s", Constant::i64_vector({1, -1, 6}))}));
  }
  parts.push_back(parts.front());
  b.output(add_identity(b, "out", b.add1("Concat", "all", along(1), parts)));
  std::vector<float> expected;
  for (const Tensor* t : {&x, &y, &x})
    for (std::size_t p = 0; p < t->data.size() / 18; ++p)
      for (std::size_t c = 0; c < 18; ++c) expected.push_back(t->data[c * (t->data.size() / 18) + p]);
  const Outputs outputs = run_everywhere(b.finish(), {x, y});
  CHECK(outputs[0] == expected);
}

TEST_CASE("integer parts share one quantization and are moved as bytes", "[concat][int8]") {
  const Shape shapes[] = {{2, 5, 3, 3}, {2, 16, 3, 3}};
  const Tensor x = random_tensor(shapes[0], 1, -1, 1), y = random_tensor(shapes[1], 2, -4, 4);
  GraphBuilder b;
  const ValueId i = b.input("x", DType::f32, shapes[0]), j = b.input("y", DType::f32, shapes[1]);
  const ValueId p = add_unit_convolution(b, "p", i), q = add_unit_convolution(b, "q", j);
  const ValueId all = b.add1("Concat", "all", along(1), {p, q});
  b.output(add_unit_convolution(b, "out", all));
  // The parts have ranges of their own: 0 to 1 and about -4 to 4. All of them are stored with the wider one.
  quantize_value(b.graph(), i, {1.0F / 255}, 0);
  quantize_value(b.graph(), p, {1.0F / 255}, 0);
  quantize_value(b.graph(), j, {4.0F / 127}, 128);
  quantize_value(b.graph(), q, {4.0F / 127}, 128);
  quantize_value(b.graph(), all, {4.0F / 127}, 128);
  const Recorder seen = observe_everywhere(b.finish(), {x, y});
  CHECK(seen.dtype("all") == DType::u8);
  CHECK(seen.dtype("p") == DType::u8);
  CHECK(same_bytes(seen.at("all"), joined({{shapes[0], seen.at("p")}, {shapes[1], seen.at("q")}}, 1).data));
  Tensor positive = x;
  for (float& v : positive.data) v = std::max(v, 0.0F);
  CHECK(deviation(seen.at("p"), positive.data) < 4.0 / 127);
  CHECK(deviation(seen.at("q"), y.data) < 4.0 / 127);
}

TEST_CASE("parts that do not fit are errors", "[concat]") {
  CHECK_THROWS_WITH(inferred("Concat", along(1), {{2, 3}, {3, 3}}),
                    Contains("inputs [2,3] and [3,3] differ outside the axis"));
  CHECK_THROWS_WITH(inferred("Concat", along(1), {{2, 3}, {2, 3, 1}}),
                    Contains("concatenates tensors of different rank"));
  CHECK_THROWS_WITH(inferred("Concat", along(2), {{2, 3}}), Contains("axis 2 is outside a tensor of rank 2"));
  CHECK_THROWS_AS(inferred("Concat", along(-3), {{2, 3}}), FormatError);
}
