#include <set>
#include <string>

#include "engine/ops/indexing.h"
#include "engine/ops/infer.h"
#include "engine/ops/rearrange.h"
#include "engine/ops/region_yolo.h"
#include "engine/ops/resize.h"
#include "tests/ops/network.h"

using namespace refcalib_test;

TEST_CASE("every operation is found by its name, once", "[ops]") {
  std::set<std::string_view> names;
  for (const OpRecord* record : all_ops()) {
    INFO(record->name);
    CHECK(names.insert(record->name).second);
    CHECK(find_op(record->name) == record);
    CHECK(&op_record(record->name) == record);
    CHECK(record->infer != nullptr);
    // Whatever neither runs nor folds nor is a view of its input could never be used.
    CHECK((record->plan != nullptr || record->fold != nullptr || record->aliasing == Aliasing::view));
    CHECK_FALSE((record->channels_last && record->any_layout));
    // The placement pass asks for one memory order per layer; integer operations know their scales from it.
    if (record->rule == QuantizationRule::elementwise) CHECK(record->integer_capable != nullptr);
  }
  CHECK(names.contains("Convolution"));
}

TEST_CASE("an unknown operation is an error that names it", "[ops]") {
  CHECK(find_op("Nonsense") == nullptr);
  CHECK_THROWS_AS(op_record("Nonsense"), UnsupportedError);
  CHECK_THROWS_WITH(inferred("Nonsense", Attributes::of(NoAttributes{}), {{1}}),
                    Contains("layer 'layer': operation 'Nonsense' is not supported"));
}

TEST_CASE("shapes broadcast as in numpy", "[ops]") {
  struct Case {
    Shape a, b, result;
  };
  for (const Case& c :
       {Case{{}, {}, {}}, Case{{3}, {}, {3}}, Case{{2, 3}, {3}, {2, 3}}, Case{{2, 1, 4}, {5, 1}, {2, 5, 4}},
        Case{{1}, {7, 1}, {7, 1}}, Case{{4, 1, 6}, {1, 5, 1}, {4, 5, 6}}}) {
    CHECK(broadcast_shape(c.a, c.b) == c.result);
    CHECK(broadcast_shape(c.b, c.a) == c.result);
  }
  CHECK_THROWS_WITH(broadcast_shape({2, 3}, {2}), Contains("shapes [2,3] and [2] do not broadcast"));
}

TEST_CASE("negative axes count from the end", "[ops]") {
  CHECK(normalize_axis(-1, 4) == 3);
  CHECK(normalize_axis(-4, 4) == 0);
  CHECK(normalize_axis(2, 3) == 2);
  for (const std::int64_t axis : {std::int64_t{3}, std::int64_t{-4}})
    CHECK_THROWS_WITH(normalize_axis(axis, 3), Contains("is outside a tensor of rank 3"));
  CHECK_THROWS_AS(normalize_axis(0, 0), FormatError);
}

TEST_CASE("a wrong number of inputs is an error for every operation with a fixed one", "[ops]") {
  struct Case {
    std::string op;
    Attributes attributes;
    std::size_t given;
    std::string text;
  };
  const Case cases[] = {
      {"Convolution", Attributes::of(convolution(2)), 1, "has 1 inputs, expected 2 to 5"},
      {"Deconvolution", Attributes::of(convolution(2)), 1, "has 1 inputs, expected 2 to 5"},
      {"PoolingIndices", Attributes::of(PoolingIndicesAttributes{pooling("max", 2, 1), 0, "i64"}), 2,
       "has 2 inputs, expected 1"},
      {"MatMul", Attributes::of(MatMulAttributes{}), 1, "has 1 inputs, expected 2 to 4"},
      {"Pooling", Attributes::of(pooling("max", 2, 1)), 2, "has 2 inputs, expected 1"},
      {"Eltwise", Attributes::of(EltwiseAttributes{}), 3, "has 3 inputs, expected 2"},
      {"ChannelAffine", Attributes::of(ChannelAffineAttributes{}), 2, "has 2 inputs, expected 3"},
      {"PRelu", Attributes::of(PReluAttributes{}), 1, "has 1 inputs, expected 2"},
      {"FakeQuantize", Attributes::of(FakeQuantizeAttributes{}), 4, "has 4 inputs, expected 5"},
      {"Split", Attributes::of(SplitAttributes{1, {4}}), 2, "has 2 inputs, expected 1"},
      {"StridedSlice", Attributes::of(StridedSliceAttributes{}), 2, "has 2 inputs, expected 3 to 4"},
      {"Transpose", Attributes::of(TransposeAttributes{}), 2, "has 2 inputs, expected 1"},
      {"Reshape", Attributes::of(ReshapeAttributes{}), 1, "has 1 inputs, expected 2"},
      {"Gather", Attributes::of(GatherAttributes{}), 1, "has 1 inputs, expected 2"},
      {"Pad", Attributes::of(PadAttributes{}), 2, "has 2 inputs, expected 1"},
      {"Tile", Attributes::of(TileAttributes{}), 2, "has 2 inputs, expected 1"},
      {"Broadcast", Attributes::of(BroadcastAttributes{}), 2, "has 2 inputs, expected 1"},
      {"Roll", Attributes::of(RollAttributes{}), 2, "has 2 inputs, expected 1"},
      {"BlockPermute", Attributes::of(BlockPermuteAttributes{}), 2, "has 2 inputs, expected 1"},
      {"ResizeNearest", Attributes::of(ResizeAttributes{}), 2, "has 2 inputs, expected 1"},
      {"GatherElements", Attributes::of(GatherElementsAttributes{}), 1, "has 1 inputs, expected 2"},
      {"GatherND", Attributes::of(GatherNDAttributes{}), 1, "has 1 inputs, expected 2"},
      {"ScatterUpdate", Attributes::of(ScatterAttributes{}), 2, "has 2 inputs, expected 3"},
      {"ScatterElementsUpdate", Attributes::of(ScatterAttributes{}), 2, "has 2 inputs, expected 3"},
      {"ScatterNDUpdate", Attributes::of(ScatterAttributes{}), 2, "has 2 inputs, expected 3"},
      {"OneHot", Attributes::of(OneHotAttributes{}), 1, "has 1 inputs, expected 3"},
      {"ReverseSequence", Attributes::of(ReverseSequenceAttributes{}), 1, "has 1 inputs, expected 2"},
      {"Reduce", Attributes::of(ReduceAttributes{}), 2, "has 2 inputs, expected 1"},
      {"Softmax", Attributes::of(SoftmaxAttributes{}), 2, "has 2 inputs, expected 1"},
      {"Convert", Attributes::of(ConvertAttributes{}), 2, "has 2 inputs, expected 1"},
      {"ShapeOf", Attributes::of(NoAttributes{}), 2, "has 2 inputs, expected 1"},
      {"Range", Attributes::of(NoAttributes{}), 2, "has 2 inputs, expected 3"},
      {"Concat", Attributes::of(ConcatAttributes{}), 0, "has no inputs"},
      {"Activation", Attributes::of(ActivationAttributes{"relu"}), 0, "has 0 inputs, expected 1"}};
  for (const Case& c : cases) {
    INFO(c.op);
    const std::vector<Shape> shapes(c.given, Shape{1, 4, 5, 5});
    CHECK_THROWS_AS(inferred(c.op, c.attributes, shapes), FormatError);
    CHECK_THROWS_WITH(inferred(c.op, c.attributes, shapes), Contains(c.text) && Contains("layer 'layer'"));
  }
}

TEST_CASE("operations that read floats refuse computed values of other types", "[ops]") {
  struct Case {
    std::string op;
    Attributes attributes;
    Shape data;
    std::vector<Shape> constants;
  };
  RegionYoloAttributes yolo;
  yolo.classes = 1, yolo.num = 1;
  const Case cases[] = {
      {"Convolution", Attributes::of(convolution(2)), {1, 6, 4, 4}, {{1, 2, 6, 1, 1}}},
      {"Deconvolution", Attributes::of(convolution(2)), {1, 6, 4, 4}, {{1, 6, 2, 1, 1}}},
      {"MatMul", Attributes::of(MatMulAttributes{}), {2, 6}, {{6, 3}}},
      {"ChannelAffine", Attributes::of(ChannelAffineAttributes{}), {1, 6, 4, 4}, {{6}, {6}}},
      {"PRelu", Attributes::of(PReluAttributes{}), {1, 6, 4, 4}, {{6}}},
      {"Softmax", Attributes::of(SoftmaxAttributes{1, false}), {1, 6}, {}},
      {"Pooling", Attributes::of(pooling("max", 2, 1)), {1, 6, 4, 4}, {}},
      {"RegionYolo", Attributes::of(yolo), {1, 6, 2, 2}, {}},
      {"FakeQuantize", Attributes::of(FakeQuantizeAttributes{}), {1, 6}, {{}, {}, {}, {}}}};
  for (const Case& c : cases)
    for (const DType type : {DType::boolean, DType::u8, DType::i32, DType::i64, DType::f32}) {
      GraphBuilder b;
      std::vector<ValueId> inputs{b.input("x", type, c.data)};
      for (const Shape& shape : c.constants)
        inputs.push_back(b.constant(
            "k", Constant::f32(shape, std::vector<float>(static_cast<std::size_t>(element_count(shape))))));
      INFO(c.op << " of " << to_string(type));
      if (type == DType::f32)
        CHECK_NOTHROW(b.add1(c.op, "y", c.attributes, inputs));
      else
        CHECK_THROWS_AS(b.add1(c.op, "y", c.attributes, inputs), UnsupportedError);
    }
}

TEST_CASE("operations that exist to be folded cannot run", "[ops]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {});
  const ValueId one = b.constant("one", Constant::f32({}, {1}));
  CHECK_THROWS_AS(b.add1("Range", "range", Attributes::of(NoAttributes{}), {x, one, one}), UnsupportedError);
  CHECK_THROWS_WITH(b.add1("Range", "range", Attributes::of(NoAttributes{}), {x, one, one}),
                    Contains("layer 'range'") && Contains("input 0 ('x') must be a constant"));
}
