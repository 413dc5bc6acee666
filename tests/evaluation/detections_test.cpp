#include "engine/evaluation/detections.h"

#include "tests/support/catch.hpp"

using namespace refcalib::engine;

TEST_CASE("rows of detections end at the first negative image", "[detections]") {
  const std::vector<float> rows{0,  3, 0.9F, 0.1F, 0.2F, 0.3F, 0.4F, 1, 2, 0.8F, 0, 0, 1, 1,
                                -1, 0, 0,    0,    0,    0,    0,    0, 1, 1,    0, 0, 1, 1};
  const auto seen = read_detections(rows);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].label == 3);
  CHECK(seen[0].x1 == 0.1F);
  CHECK(seen[0].y2 == 0.4F);
  CHECK(seen[1].image == 1);
  CHECK(read_detections(std::span(rows).first(13)).size() == 1);
  CHECK(read_detections({}).empty());
}

TEST_CASE("overlap of boxes", "[detections]") {
  const Detection a{0, 0, 1, 0, 0, 1, 1}, half{0, 0, 1, 0, 0, 1, 0.5F}, far{0, 0, 1, 2, 2, 3, 3};
  CHECK(overlap(a, a) == 1);
  CHECK(overlap(a, half) == 0.5);
  CHECK(overlap(a, far) == 0);
  const Detection empty{0, 0, 1, 0.5F, 0.5F, 0.5F, 0.5F};
  CHECK(overlap(empty, empty) == 0);
}

TEST_CASE("matching prefers the best score and needs image, label and overlap", "[detections]") {
  const std::vector<Detection> reference{
      {0, 1, 0.6F, 0, 0, 1, 1}, {0, 1, 0.9F, 0, 0, 1, 1}, {1, 2, 0.7F, 0, 0, 1, 1}};
  const std::vector<Detection> other{
      {0, 1, 0.5F, 0, 0, 1, 0.95F}, {0, 2, 0.8F, 0, 0, 1, 1}, {1, 2, 0.8F, 0, 0, 1, 0.5F}};
  const auto matches = match_detections(reference, other, 0.9);
  REQUIRE(matches.size() == 1);
  CHECK(matches[0].reference == 1);
  CHECK(matches[0].other == 0);
  CHECK(matches[0].overlap == Approx(0.95));
  CHECK(match_detections(reference, other, 0.4).size() == 2);
  CHECK(match_detections(reference, {}, 0.1).empty());
}

TEST_CASE("agreement counts what is seen above a score", "[detections]") {
  const std::vector<Detection> reference{
      {0, 1, 0.9F, 0, 0, 1, 1}, {0, 1, 0.55F, 2, 2, 3, 3}, {0, 1, 0.2F, 4, 4, 5, 5}};
  const std::vector<Detection> other{
      {0, 1, 0.45F, 0, 0, 1, 1}, {0, 1, 0.8F, 6, 6, 7, 7}, {0, 1, 0.6F, 4, 4, 5, 5}};
  DetectionAgreement agreement;
  CHECK(agreement.share() == 1);
  agreement.add(reference, other, 0.5, 0.9);
  CHECK(agreement.reference == 2);
  CHECK(agreement.matched == 1);  // the partner's own score does not matter
  CHECK(agreement.extra == 1);    // nor does a partner's below the limit
  CHECK(agreement.worst_score == Approx(0.45));
  CHECK(agreement.share() == Approx(1.0 / 3));
}
