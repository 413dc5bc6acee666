#include <cmath>

#include "tests/evaluation/metric_support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

Sample classified(std::int64_t label, std::vector<float> scores) {
  return {ClassTruth{label}, ClassPrediction{std::move(scores)}};
}

struct Seen {
  std::int64_t label;
  float score;
  Box box;
};

BoxPrediction boxes(const std::vector<Seen>& seen) {
  BoxPrediction out;
  for (const Seen& one : seen) {
    out.labels.push_back(one.label);
    out.scores.push_back(one.score);
    out.boxes.push_back(one.box);
  }
  return out;
}

BoxTruth objects(const std::vector<Box>& list, std::int64_t label = 1,
                 std::vector<std::uint8_t> difficult = {}, std::vector<std::uint8_t> crowd = {}) {
  return {list, std::vector<std::int64_t>(list.size(), label), std::move(difficult), std::move(crowd)};
}

Sample masks(int width, std::vector<std::int32_t> real, std::vector<float> seen) {
  const int height = static_cast<int>(real.size()) / width;
  return {MaskTruth{"", {1, 1, height, width, std::move(real)}},
          MaskPrediction{{1, 1, height, width, std::move(seen)}, true}};
}

Sample offered(std::int64_t user, std::int64_t item, bool positive, double score) {
  return {ItemTruth{user, item, positive}, ItemPrediction{score}};
}

}  // namespace

TEST_CASE("accuracy among the k best, as a whole and per class", "[metrics]") {
  const std::vector<Sample> samples{classified(0, {0.9F, 0.1F, 0}), classified(1, {0.5F, 0.4F, 0.1F}),
                                    classified(1, {0, 1, 0}), classified(2, {0.3F, 0.4F, 0.2F})};
  CHECK(value_of(*metric_of({{"type", "accuracy"}}), samples) == 0.5);
  CHECK(value_of(*metric_of({{"type", "accuracy"}, {"top_k", "2"}}), samples) == 0.75);
  const auto per_class = metric_of({{"type", "accuracy_per_class"}}, letters(4));
  const auto values = values_of(*per_class, samples);
  REQUIRE(values.size() == 4);
  CHECK(values[0] == 1);
  CHECK(values[1] == 0.5);
  CHECK(values[2] == 0);
  CHECK(std::isnan(values[3]));  // no sample has the class
  CHECK(per_class->info().names == std::vector<std::string>{"a", "b", "c", "d"});
  CHECK(per_class->value(std::vector<std::uint32_t>(4, 1)) == 0.5);
}

TEST_CASE("a class that the network does not have is an error of the sample", "[metrics]") {
  for (const char* type : {"accuracy", "accuracy_per_class"}) {
    const auto metric = metric_of({{"type", type}}, letters(4));
    metric->begin(1);
    for (const std::int64_t label : {3, -1})
      CHECK_THROWS_WITH(metric->add(0, ClassTruth{label}, ClassPrediction{{1, 0, 0}}),
                        Contains("is none of the 3 classes"));
  }
}

TEST_CASE("a metric over chosen and repeated samples; samples without evidence count nothing", "[metrics]") {
  const auto metric = metric_of({{"type", "accuracy"}});
  metric->begin(3);
  metric->add(0, ClassTruth{0}, ClassPrediction{{1, 0}});
  metric->add(2, ClassTruth{1}, ClassPrediction{{1, 0}});
  metric->end();
  const auto over = [&](std::vector<std::uint32_t> weights) { return metric->value(weights); };
  CHECK(over({1, 1, 1}) == 0.5);
  CHECK(over({3, 9, 1}) == 0.75);
  CHECK(over({1, 1, 0}) == 1);
  CHECK(std::isnan(over({0, 1, 0})));
  const auto each = metric->per_sample();
  REQUIRE(each.has_value());
  CHECK(each->at(0) == 1);
  CHECK(std::isnan(each->at(1)));
  CHECK(each->at(2) == 0);
}

TEST_CASE("mean average precision, by hand", "[metrics]") {
  DatasetMeta meta = letters(3);
  meta.background = 0;
  // One class, two objects: right (0.9), wrong (0.8), right (0.7): precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1.
  const std::vector<Sample> samples{
      {objects({{0, 0, 9, 9}, {20, 20, 29, 29}}),
       boxes({{1, 0.9F, {0, 0, 9, 9}}, {1, 0.8F, {50, 50, 59, 59}}, {1, 0.7F, {20, 20, 29, 29}}})}};
  const auto area = metric_of({{"type", "map"}}, meta);
  const auto values = values_of(*area, samples);
  CHECK(values[0] == Approx(0.5 + 0.5 * 2 / 3));
  CHECK(std::isnan(values[1]));  // a class without detections is left out
  CHECK(area->info().names == std::vector<std::string>{"b", "c"});
  CHECK(value_of(*metric_of({{"type", "map"}, {"integral", "11point"}}, meta), samples) ==
        Approx((6 * 1.0 + 5 * 2.0 / 3) / 11));
  CHECK(value_of(*metric_of({{"type", "recall"}}, meta), samples) == 1);
  // Weights repeat a sample: the same objects and detections twice.
  CHECK(area->value(std::vector<std::uint32_t>{2}) == Approx(0.5 + 0.5 * 2 / 3));
}

TEST_CASE("a class that is never detected counts 0 only where that is asked for", "[metrics]") {
  const std::vector<Sample> samples{{objects({{0, 0, 9, 9}}, 1), boxes({})},
                                    {objects({{0, 0, 9, 9}}, 0), boxes({{0, 1, {0, 0, 9, 9}}})}};
  CHECK(value_of(*metric_of({{"type", "map"}}, letters(2)), samples) == 1);
  CHECK(value_of(*metric_of({{"type", "map"}, {"count_undetected_classes", "True"}}, letters(2)), samples) ==
        0.5);
}

TEST_CASE("difficult objects count neither as found nor as missed", "[metrics]") {
  const DatasetMeta meta = letters(2);
  const auto difficult = objects({{0, 0, 9, 9}, {20, 20, 29, 29}}, 1, {1, 0});
  const auto run = [&](const std::vector<Seen>& seen, Entries more) {
    Entries entries{{"type", "map"}};
    entries.insert(entries.end(), more.begin(), more.end());
    return value_of(*metric_of(entries, meta), {{difficult, boxes(seen)}});
  };
  const Seen easy{1, 0.5F, {20, 20, 29, 29}}, hard{1, 0.9F, {0, 0, 9, 9}}, again{1, 0.8F, {0, 0, 9, 9}};
  CHECK(run({hard, easy}, {}) == 1);
  CHECK(run({hard, easy}, {{"ignore_difficult", "False"}}) == 1);
  CHECK(run({easy}, {{"ignore_difficult", "False"}}) == 0.5);
  CHECK(run({hard, again, easy}, {}) == 0.5);  // the second one is wrong
  CHECK(run({hard, again, easy}, {{"allow_multiple_matches_per_ignored", "True"}}) == 1);
}

TEST_CASE("objects that are missed at a number of wrong detections per picture", "[metrics]") {
  // Two objects in two pictures; right, wrong, right, wrong: recall 1/2, 1/2, 1, 1 at 0, 1/2, 1/2, 1 wrong ones per picture.
  const std::vector<Sample> samples{
      {objects({{0, 0, 9, 9}}), boxes({{1, 0.9F, {0, 0, 9, 9}}, {1, 0.8F, {50, 50, 59, 59}}})},
      {objects({{0, 0, 9, 9}}), boxes({{1, 0.7F, {0, 0, 9, 9}}, {1, 0.6F, {50, 50, 59, 59}}})}};
  const auto at = [&](const std::string& level) {
    return value_of(*metric_of({{"type", "miss_rate"}, {"fppi_level", level}}, letters(2)), samples);
  };
  CHECK(at("0") == 0.5);
  CHECK(at("0.3") == 0.5);  // between the first and the second
  CHECK(at("0.75") == 0);   // between the third and the last
  CHECK(at("1") == 0);
  CHECK(value_of(*metric_of({{"type", "miss_rate"}, {"fppi_level", "0.1"}}, letters(2)),
                 {{objects({{0, 0, 9, 9}}), boxes({})}}) == 1);
  CHECK_FALSE(metric_of({{"type", "miss_rate"}, {"fppi_level", "0.1"}}, letters(2))->info().higher_is_better);
  CHECK_THROWS_WITH(metric_of({{"type", "miss_rate"}}, letters(2)), Contains("fppi_level"));
}

TEST_CASE("the border counts as a part of the box unless that is turned off", "[metrics]") {
  const DatasetMeta meta = letters(2);
  // 10x10 against 5x10 pixels: 1/2 with the border, 4 * 9 / 81 without.
  const std::vector<Sample> samples{{objects({{0, 0, 9, 9}}), boxes({{1, 1, {0, 0, 4, 9}}})}};
  CHECK(value_of(*metric_of({{"type", "map"}}, meta), samples) == 1);
  CHECK(value_of(*metric_of({{"type", "map"}, {"include_boundaries", "False"}}, meta), samples) == 0);
  CHECK(value_of(
            *metric_of({{"type", "map"}, {"include_boundaries", "False"}, {"overlap_method", "ioa"}}, meta),
            samples) == 1);
}

TEST_CASE("COCO precision and recall, by hand", "[metrics]") {
  const DatasetMeta meta = letters(3);
  const std::vector<Sample> samples{
      {objects({{0, 0, 10, 10}, {20, 20, 30, 30}}),
       boxes({{1, 0.9F, {0, 0, 10, 10}}, {1, 0.8F, {50, 50, 60, 60}}, {1, 0.7F, {20, 20, 30, 26}}})}};
  // At 0.5 and 0.6: precision 1 up to recall 1/2 (51 points), 2/3 beyond. Above: 1 and then nothing.
  const double low = (51 + 50 * 2.0 / 3) / 101, high = 51.0 / 101;
  const auto run = [&](const char* type, const char* threshold) {
    return values_of(*metric_of({{"type", type}, {"threshold", threshold}}, meta), samples);
  };
  CHECK(run("coco_precision", ".50")[1] == Approx(low));
  CHECK(run("coco_precision", "0.75")[1] == Approx(high));
  CHECK(run("coco_precision", ".50, .75")[1] == Approx((low + high) / 2));
  CHECK(run("coco_precision", ".50:.05:.95")[1] == Approx((3 * low + 7 * high) / 10));
  CHECK(run("coco_recall", ".50")[1] == 1);
  CHECK(run("coco_recall", ".75")[1] == 0.5);
  CHECK(run("coco_precision", ".50")[0] == 0);  // a class without objects
  CHECK(std::isnan(run("coco_orig_precision", ".50")[0]));
  CHECK(value_of(*metric_of({{"type", "coco_orig_precision"}, {"threshold", ".5"}}, meta), samples) ==
        Approx(low));
}

TEST_CASE("COCO: crowds may be found again and again, and detections are cut", "[metrics]") {
  const DatasetMeta meta = letters(2);
  const std::vector<Sample> samples{
      {objects({{0, 0, 100, 100}, {200, 0, 210, 10}}, 1, {}, {1, 0}),
       boxes({{1, 0.9F, {0, 0, 10, 10}}, {1, 0.8F, {20, 20, 40, 40}}, {1, 0.7F, {200, 0, 210, 10}}})}};
  CHECK(values_of(*metric_of({{"type", "coco_precision"}}, meta), samples)[1] == Approx(1));
  CHECK(values_of(*metric_of({{"type", "coco_recall"}, {"max_detections", "2"}}, meta), samples)[1] == 0);
}

TEST_CASE("metrics of masks", "[metrics]") {
  DatasetMeta meta = letters(3);
  // Label 255 is not counted. a: 2 places, 1 right; b: 3 places, 2 right; c neither is nor is seen.
  const std::vector<Sample> samples{masks(3, {0, 0, 1, 1, 1, 255}, {0, 1, 1, 1, 0, 0})};
  CHECK(value_of(*metric_of({{"type", "segmentation_accuracy"}}, meta), samples) == Approx(3.0 / 5));
  const auto iou = values_of(*metric_of({{"type", "mean_iou"}}, meta), samples);
  CHECK(iou[0] == Approx(1.0 / 3));
  CHECK(iou[1] == Approx(2.0 / 4));
  CHECK(std::isnan(iou[2]));
  CHECK(value_of(*metric_of({{"type", "mean_accuracy"}}, meta), samples) == Approx((1.0 / 2 + 2.0 / 3) / 2));
  CHECK(value_of(*metric_of({{"type", "frequency_weighted_accuracy"}}, meta), samples) ==
        Approx((2 * (1.0 / 3) + 3 * 0.5) / 5));
  // Scores instead of labels: the best channel, the first of equal ones.
  const Sample scored{MaskTruth{"", {1, 1, 1, 2, {0, 1}}},
                      MaskPrediction{{3, 1, 1, 2, {1, 0, 1, 5, 0, 1}}, false}};
  CHECK(value_of(*metric_of({{"type", "segmentation_accuracy"}}, meta), {scored}) == 1);
  CHECK_THROWS_WITH(
      value_of(*metric_of({{"type", "mean_iou"}}, meta),
               {{MaskTruth{"", {1, 1, 1, 2, {0, 1}}}, MaskPrediction{{1, 1, 1, 1, {0}}, true}}}),
      Contains("resize_segmentation_mask"));
}

TEST_CASE("dice of slices and of labels", "[metrics]") {
  // Two slices of two places: (2 * 1 + 1) / (1 + 2 + 1) and (0 + 1) / (0 + 0 + 1).
  const Sample volume{MaskTruth{"", {1, 2, 1, 2, {1, 1, 0, 0}}},
                      MaskPrediction{{1, 2, 1, 2, {1, 0, 0, 0}}, false}};
  CHECK(value_of(*metric_of({{"type", "dice"}}), {volume}) == Approx((0.75 + 1) / 2));
  const auto index =
      values_of(*metric_of({{"type", "dice_index"}}, letters(3)), {masks(4, {1, 1, 2, 0}, {1, 2, 2, 0})});
  CHECK(index[0] == 1);  // any label
  CHECK(index[1] == Approx(2.0 / 3));
  CHECK(index[2] == Approx(2.0 / 3));
  CHECK_THROWS_WITH(metric_of({{"type", "dice_index"}, {"median", "True"}, {"mean", "True"}}, letters(2)),
                    Contains("exactly one"));
}

TEST_CASE("F1 and the area under the ROC", "[metrics]") {
  // a: 2 right, 1 wrong, 1 missed.
  const std::vector<Sample> samples{classified(0, {1, 0}), classified(0, {1, 0}), classified(0, {0, 1}),
                                    classified(1, {1, 0})};
  const auto f1 = values_of(*metric_of({{"type", "f1"}}, letters(3)), samples);
  CHECK(f1[0] == Approx(4.0 / 6));
  CHECK(f1[1] == 0);
  CHECK(std::isnan(f1[2]));
  CHECK(values_of(*metric_of({{"type", "classification_f1-score"}, {"pos_label", "0"}}, letters(3)), samples)
            .size() == 1);
  const std::vector<Sample> scores{classified(1, {0.9F}), classified(1, {0.4F}), classified(0, {0.4F}),
                                   classified(0, {0.1F})};
  CHECK(value_of(*metric_of({{"type", "roc_auc_score"}}), scores) == Approx(3.5 / 4));
}

TEST_CASE("errors of numbers", "[metrics]") {
  const std::vector<Sample> samples{{ValuesTruth{{1}}, ValuesPrediction{{2}}},
                                    {ValuesTruth{{5}}, ValuesPrediction{{2}}}};
  const auto mae = values_of(*metric_of({{"type", "mae"}}), samples);
  CHECK(mae == std::vector<double>{2, 1});
  CHECK(values_of(*metric_of({{"type", "mse"}}), samples) == std::vector<double>{5, 4});
  CHECK(value_of(*metric_of({{"type", "rmse"}}), samples) == Approx(std::sqrt(5.0)));
  CHECK(value_of(*metric_of({{"type", "rmse"}, {"per_sample", "True"}}), samples) == 2);
  CHECK_FALSE(metric_of({{"type", "mae"}})->info().higher_is_better);
  CHECK_THROWS_WITH(value_of(*metric_of({{"type", "mae"}}), {{ValuesTruth{{1, 2}}, ValuesPrediction{{2}}}}),
                    Contains("has 2 numbers"));
}

TEST_CASE("pictures: PSNR and structural similarity", "[metrics]") {
  Plane<float> real{1, 1, 16, 16, std::vector<float>(256)}, seen = real;
  for (std::size_t i = 0; i < 256; ++i) {
    real.values[i] = static_cast<float>((i * 37) % 256);
    seen.values[i] = real.values[i] + (i % 2 == 0 ? 5.0F : -5.0F);
  }
  const std::vector<Sample> samples{{PictureTruth{"", real}, PicturePrediction{seen}}};
  CHECK(value_of(*metric_of({{"type", "psnr"}}), samples) == Approx(20 * std::log10(255.0 / 5)));
  CHECK(value_of(*metric_of({{"type", "ssim"}}), {{PictureTruth{"", real}, PicturePrediction{real}}}) ==
        Approx(1));
  const double similar = value_of(*metric_of({{"type", "ssim"}}), samples);
  CHECK(similar < 1);
  CHECK(similar > 0.9);
  // Constant pictures: (2 a b + c1) / (a^2 + b^2 + c1).
  const Plane<float> dark{1, 1, 12, 12, std::vector<float>(144, 10)},
      light{1, 1, 12, 12, std::vector<float>(144, 20)};
  const double c1 = 2.55 * 2.55, expected = (2 * 10 * 20 + c1) / (100 + 400 + c1);
  for (const char* window : {"gaussian", "global"})
    CHECK(value_of(*metric_of({{"type", "ssim"}, {"window", window}}),
                   {{PictureTruth{"", dark}, PicturePrediction{light}}}) == Approx(expected));
  CHECK_THROWS_WITH(
      value_of(*metric_of({{"type", "psnr"}}), {{PictureTruth{"", dark}, PicturePrediction{real}}}),
      Contains("12x12"));
}

TEST_CASE("recommendations: is the item among the best, and at which rank", "[metrics]") {
  const std::vector<Sample> samples{offered(0, 1, true, 0.5),  offered(0, 2, false, 0.9),
                                    offered(0, 3, false, 0.1), offered(1, 1, false, 0.9),
                                    offered(1, 2, false, 0.8), offered(1, 3, true, 0.1),
                                    offered(2, 1, false, 1)};  // the last user took nothing
  CHECK(value_of(*metric_of({{"type", "hit_ratio"}, {"top_k", "2"}}), samples) == 0.5);
  CHECK(value_of(*metric_of({{"type", "hit_ratio"}}), samples) == 1);
  CHECK(value_of(*metric_of({{"type", "ndcg"}, {"top_k", "2"}}), samples) ==
        Approx(std::log(2.0) / std::log(3.0) / 2));
}

TEST_CASE("what a metric refuses", "[metrics]") {
  const auto refuse = [](Entries entries, const char* part, const DatasetMeta& meta = {}) {
    INFO(part);
    CHECK_THROWS_WITH(metric_of(entries, meta), Contains(part));
  };
  refuse({{"type", "acuracy"}}, "did you mean 'accuracy'?");
  refuse({{"name", "x"}}, "'type' is missing");
  refuse({{"type", "accuracy"}, {"topk", "5"}}, "did you mean 'top_k'?");
  refuse({{"type", "accuracy"}, {"top_k", "0"}}, "a whole number from 1");
  refuse({{"type", "accuracy"}, {"presenter", "loud"}}, "'print_scalar'");
  refuse({{"type", "map"}}, "convert-annotation");
  refuse({{"type", "map"}, {"integral", "12point"}}, "'max', '11point'", letters(2));
  refuse({{"type", "coco_precision"}, {"threshold", "2"}}, "'.50:.05:.95'", letters(2));
  const auto metric = metric_of({{"type", "accuracy"}});
  metric->begin(1);
  CHECK_THROWS_WITH(metric->add(0, BoxTruth{}, ClassPrediction{}), Contains("annotations of classes"));
  CHECK_THROWS_WITH(metric->add(0, ClassTruth{}, BoxPrediction{}), Contains("predictions of classes"));
}

TEST_CASE("every metric has a name of its own and a summary", "[metrics]") {
  std::vector<std::string_view> names;
  for (const MetricRecord* record : metric_records()) {
    CHECK_FALSE(record->summary.empty());
    CHECK(record->make != nullptr);
    names.push_back(record->name);
    names.insert(names.end(), record->aliases.begin(), record->aliases.end());
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}
