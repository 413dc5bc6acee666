#include "apps/refcalib/detection_report.h"

#include "engine/graph/builder.h"
#include "engine/ops/activation.h"
#include "engine/ops/detection_output.h"
#include "tests/support/catch.hpp"

using namespace refcalib;
using namespace refcalib::app;

namespace {

/// One prior for each of two boxes; the scores are the input.
std::shared_ptr<const engine::Program> detector(double shift) {
  engine::GraphBuilder b;
  const auto scores = b.input("scores", engine::DType::f32, {1, 4});
  const auto side = static_cast<float>(0.5 + shift);
  const auto locations = b.constant("locations", engine::Constant::f32({1, 8}, std::vector<float>(8, 0.0F)));
  const auto priors =
      b.constant("priors", engine::Constant::f32({1, 1, 8}, {0, 0, side, 0.5F, 0.5F, 0.5F, 1, 1}));
  engine::DetectionOutputAttributes rules;
  rules.nms_threshold = 0.5, rules.keep_top_k = 2, rules.variance_encoded_in_target = true;
  b.output(b.add1("DetectionOutput", "boxes", engine::Attributes::of(rules), {locations, scores, priors}));
  return engine::Program::compile(b.finish(), engine::default_options());
}

}  // namespace

TEST_CASE("detections are printed best first", "[detections]") {
  const std::vector<float> rows{0, 1, 0.6F,  0, 0, 1, 1, 0, 7, 0.9F, 0.25F, 0.5F, 0.75F, 1,
                                1, 3, 0.95F, 0, 0, 1, 1, 0, 2, 0.3F, 0,     0,    1,     1};
  CHECK(detection_lines(rows, 0, 0.5) ==
        "  label 7  score 0.9000  box 0.2500 0.5000 0.7500 1.0000\n"
        "  label 1  score 0.6000  box 0.0000 0.0000 1.0000 1.0000\n");
  CHECK(detection_lines(rows, 1, 0.5) == "  label 3  score 0.9500  box 0.0000 0.0000 1.0000 1.0000\n");
  CHECK(detection_lines(rows, 2, 0.5) == "  no box with a score of 0.5 or more\n");
}

TEST_CASE("boxes of two networks are matched", "[detections]") {
  const auto first = detector(0), second = detector(0.4);
  REQUIRE(detection_output(*first) == 0U);
  DetectionComparison comparison(*first, *second);
  CHECK(comparison.has("boxes"));
  CHECK_FALSE(comparison.has("scores"));
  engine::Session a(first, 1), b(second, 1);
  for (engine::Session* session : {&a, &b}) {
    const float scores[] = {0.1F, 0.9F, 0.2F, 0.8F};
    std::copy(std::begin(scores), std::end(scores), session->input(0).begin());
    session->run();
  }
  comparison.add(a, b);
  CHECK(comparison.lowest_share() == Approx(1.0 / 3));
  CHECK(comparison.text() ==
        "detections 'boxes': 1 of 2 boxes above score 0.5 matched with IoU >= 0.9, 1 only in the other, "
        "largest "
        "difference of scores 0\n");
}

TEST_CASE("a network without detections has no such output", "[detections]") {
  engine::GraphBuilder b;
  const auto x = b.input("x", engine::DType::f32, {1, 1, 3, 7});
  b.output(
      b.add1("Activation", "y", engine::Attributes::of(engine::ActivationAttributes{"relu", 0, 0}), {x}));
  const auto program = engine::Program::compile(b.finish(), engine::default_options());
  CHECK_FALSE(detection_output(*program));
  CHECK(DetectionComparison(*program, *program).text().empty());
  CHECK(DetectionComparison(*program, *program).lowest_share() == 1);
}
