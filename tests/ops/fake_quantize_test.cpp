#include <array>

#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

float formula(float x, float il, float ih, float ol, float oh, float levels) {
  if (x <= std::min(il, ih)) return ol;
  if (x > std::max(il, ih)) return oh;
  return std::nearbyint((x - il) / (ih - il) * (levels - 1)) / (levels - 1) * (oh - ol) + ol;
}

struct Case {
  const char* what;
  Shape x, limits;
  std::int64_t levels;
  bool inverted;
};

}  // namespace

TEST_CASE("FakeQuantize follows the formula of the operation set in every context", "[fake_quantize]") {
  const Case cases[] = {{"per tensor", {2, 5, 3, 4}, {}, 256, false},
                        {"per channel", {2, 5, 3, 4}, {1, 5, 1, 1}, 256, false},
                        {"16 levels", {3, 7}, {1, 1}, 16, false},
                        {"2 levels", {3, 7}, {1}, 2, false},
                        {"per column", {3, 7}, {7}, 255, false},
                        {"per image", {2, 3, 2, 2}, {2, 1, 1, 1}, 256, false},
                        {"inverted output", {2, 5, 3, 4}, {1, 5, 1, 1}, 256, true}};
  for (const Case& c : cases) {
    const Tensor x = random_tensor(c.x, 1, -3, 3);
    const Tensor il = random_tensor(c.limits, 2, -2, -0.5F), ih = random_tensor(c.limits, 3, 0.5F, 2);
    const Tensor ol = random_tensor(c.limits, 4, c.inverted ? 1.0F : -3.0F, c.inverted ? 2.0F : -1.0F);
    const Tensor oh = random_tensor(c.limits, 5, c.inverted ? -2.0F : 1.0F, c.inverted ? -1.0F : 3.0F);
    const Tensor expected = generate(c.x, [&](const Index& at) {
      return formula(value_at(x, at), broadcast_at(il, at), broadcast_at(ih, at), broadcast_at(ol, at),
                     broadcast_at(oh, at), static_cast<float>(c.levels));
    });
    for (const Context context : kContexts) {
      INFO(c.what << ", " << name_of(context));
      CHECK(same_bytes(run_in(context, {x},
                              [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
                                std::vector<ValueId> inputs{ids[0]};
                                for (const Tensor* t : {&il, &ih, &ol, &oh})
                                  inputs.push_back(b.constant("limit", constant_of(*t)));
                                return b.add1("FakeQuantize", "y",
                                              Attributes::of(FakeQuantizeAttributes{c.levels}), inputs);
                              }),
                       expected.data));
    }
  }
}

TEST_CASE("FakeQuantize that does not fit is an error", "[fake_quantize]") {
  const auto levels = [](std::int64_t n) { return Attributes::of(FakeQuantizeAttributes{n}); };
  CHECK_THROWS_WITH(inferred("FakeQuantize", levels(1), {{2}, {}, {}, {}, {}}),
                    Contains("FakeQuantize needs at least 2 levels"));
  CHECK_THROWS_WITH(inferred("FakeQuantize", levels(256), {{2, 3}, {}, {2}, {}, {}}),
                    Contains("do not broadcast"));
  CHECK_THROWS_WITH(inferred("FakeQuantize", levels(256), {{1, 3}, {}, {2, 1}, {}, {}}),
                    Contains("limits of shape [2,1] do not broadcast to the data"));
}

TEST_CASE("FakeQuantize takes limits that are computed", "[fake_quantize]") {
  const Shape shape{2, 5, 3, 4};
  for (const Shape& limits : {Shape{}, Shape{1, 5, 1, 1}, Shape{4}, Shape{2, 5, 3, 4}}) {
    INFO(to_string(limits));
    const Tensor x = random_tensor(shape, 1, -3, 3);
    const std::array<Tensor, 4> l = {random_tensor(limits, 2, -2, -0.5F), random_tensor(limits, 3, 0.5F, 2),
                                     random_tensor(limits, 4, -3, -1), random_tensor(limits, 5, 1, 3)};
    const Tensor expected = generate(shape, [&](const Index& at) {
      return formula(value_at(x, at), broadcast_at(l[0], at), broadcast_at(l[1], at), broadcast_at(l[2], at),
                     broadcast_at(l[3], at), 16);
    });
    for (const Context context : kContexts) {
      INFO(name_of(context));
      CHECK(same_bytes(run_in(context, {x, l[0], l[1], l[2], l[3]},
                              [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
                                return b.add1("FakeQuantize", "y", Attributes::of(FakeQuantizeAttributes{16}),
                                              ids);
                              }),
                       expected.data));
    }
  }
}
