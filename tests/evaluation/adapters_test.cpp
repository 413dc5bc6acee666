#include <cmath>

#include "engine/evaluation/adapters/adapter.h"
#include "engine/evaluation/postprocessing/postprocessor.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::Approx;
using refcalib_test::Contains;

namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<Adapter> adapter_of(const Entries& entries) {
  const ConfigNode node = map_node(entries);
  Fields fields(node, "adapter");
  return make_adapter(fields);
}

std::unique_ptr<Postprocessor> step_of(const Entries& entries, const DatasetMeta& meta = {}) {
  const ConfigNode node = map_node(entries);
  Fields fields(node, "postprocessing");
  return make_postprocessor(fields, meta);
}

template <class T>
T read(const Adapter& adapter, const std::vector<NetworkOutput>& outputs, std::size_t row = 0,
       std::size_t rows = 1, const SampleGeometry& geometry = {}) {
  return std::get<T>(adapter.read({outputs, rows}, row, geometry));
}

/// Runs a step on a prediction and returns what becomes of it.
template <class P>
P after(const Postprocessor& step, P prediction, Truth truth = BoxTruth{},
        const SampleGeometry& geometry = {}) {
  Prediction any = std::move(prediction);
  step.run(truth, any, geometry);
  return std::get<P>(any);
}

template <class T>
T truth_after(const Postprocessor& step, T truth, Prediction prediction = BoxPrediction{},
              const SampleGeometry& geometry = {}) {
  Truth any = std::move(truth);
  step.run(any, prediction, geometry);
  return std::get<T>(any);
}

bool same(const Box& a, const Box& b) {
  return std::fabs(a.x1 - b.x1) + std::fabs(a.y1 - b.y1) + std::fabs(a.x2 - b.x2) + std::fabs(a.y2 - b.y2) <
         1e-5;
}

}  // namespace

TEST_CASE("scores of classes, by row and by name", "[adapters]") {
  const std::vector<float> first{1, 2, 3, 4}, second{5};
  const std::vector<NetworkOutput> outputs{{"a", {2, 2}, first}, {"b", {1}, second}};
  CHECK(read<ClassPrediction>(*adapter_of({{"type", "classification"}}), outputs, 1, 2).scores ==
        std::vector<float>{3, 4});
  const auto named =
      adapter_of({{"type", "classification"}, {"classification_output", "b"}, {"argmax_output", "True"}});
  CHECK(read<ClassPrediction>(*named, outputs).scores == std::vector<float>{0, 0, 0, 0, 0, 1});
  CHECK_THROWS_WITH(read<ClassPrediction>(
                        *adapter_of({{"type", "classification"}, {"classification_output", "c"}}), outputs),
                    Contains("it has 'a', 'b'"));
  CHECK_THROWS_WITH(read<ClassPrediction>(*adapter_of({{"type", "classification"}}), outputs, 0, 3),
                    Contains("3 samples"));
  CHECK(read<ValuesPrediction>(*adapter_of({{"type", "regression"}}), outputs, 0, 2).values ==
        std::vector<double>{1, 2});
  CHECK_THROWS_WITH(read<ItemPrediction>(*adapter_of({{"type", "hit_ratio_adapter"}}), outputs),
                    Contains("one score"));
}

TEST_CASE("rows of detections, by picture, up to the first negative one", "[adapters]") {
  const std::vector<float> rows{0,  3, 0.9F, 0.1F, 0.2F, 0.3F, 0.4F, 1, 2, 0.8F, 0, 0, 1, 1,
                                -1, 0, 0,    0,    0,    0,    0,    0, 1, 1,    0, 0, 1, 1};
  const std::vector<float> other{1, 2};
  const std::vector<NetworkOutput> outputs{{"x", {1, 2}, other}, {"d", {1, 1, 4, 7}, rows}};
  const auto ssd = adapter_of({{"type", "ssd"}});
  const auto seen = read<BoxPrediction>(*ssd, outputs, 0, 2);
  REQUIRE(seen.labels == std::vector<std::int64_t>{3});
  CHECK(same(seen.boxes[0], {0.1, 0.2, 0.3, 0.4}));
  CHECK(read<BoxPrediction>(*ssd, outputs, 1, 2).labels == std::vector<std::int64_t>{2});
  CHECK_THROWS_WITH(read<BoxPrediction>(*ssd, {{"x", {1, 2}, other}}), Contains("rows of 7"));
  const std::vector<float> mxnet{-1, 1, 0, 0, 1, 1, 4, 0.5F, 0, 0, 1, 1};
  CHECK(read<BoxPrediction>(*adapter_of({{"type", "ssd_mxnet"}}), {{"m", {1, 2, 6}, mxnet}}).labels ==
        std::vector<std::int64_t>{4});
}

TEST_CASE("boxes and scores as two outputs", "[adapters]") {
  const std::vector<float> boxes{0, 0, 1, 1, 0.5F, 0.5F, 1, 1}, scores{0.1F, 0.9F, 0.8F, 0.2F};
  const std::vector<NetworkOutput> outputs{{"boxes", {1, 2, 4}, boxes}, {"scores", {1, 2, 2}, scores}};
  const auto faces = adapter_of(
      {{"type", "ultra_lightweight_face_detection"}, {"boxes_out", "boxes"}, {"scores_out", "scores"}});
  const auto seen = read<BoxPrediction>(*faces, outputs);
  CHECK(seen.labels == std::vector<std::int64_t>{1});
  CHECK(seen.scores == std::vector<float>{0.9F});
  CHECK_THROWS_WITH(adapter_of({{"type", "ultra_lightweight_face_detection"}}),
                    Contains("'boxes_out' is missing"));
}

TEST_CASE("grids of YOLO, by hand", "[adapters]") {
  // One anchor, one class, 1x2 cells; only the second cell sees something.
  const std::vector<float> grid{0, 0.25F, 0, 0.5F, 0, 0, 0, std::log(2.0F), 0, 0.8F, 0, 0.5F};
  const Entries entries{{"type", "yolo_v3"}, {"classes", "1"}, {"num", "1"}, {"anchors", "16, 32"}};
  SampleGeometry geometry;
  geometry.input_width = 64;
  geometry.input_height = 128;
  const std::vector<NetworkOutput> outputs{{"g", {1, 6, 1, 2}, grid}};
  const auto seen = read<BoxPrediction>(*adapter_of(entries), outputs, 0, 1, geometry);
  REQUIRE(seen.boxes.size() == 1);
  // Centre (1 + 0.25) / 2, 0.5; size 16 / 64, 2 * 32 / 128.
  CHECK(same(seen.boxes[0], {0.625 - 0.125, 0.5 - 0.25, 0.625 + 0.125, 0.5 + 0.25}));
  CHECK(seen.scores[0] == Approx(0.4));

  std::vector<float> raw = grid;
  for (const std::size_t i : {1U, 3U, 9U, 11U}) raw[i] = std::log(grid[i] / (1 - grid[i]));
  for (const std::size_t i : {0U, 2U, 8U, 10U}) raw[i] = -100;
  Entries raw_entries = entries;
  raw_entries.emplace_back("raw_output", "True");
  const auto from_raw =
      read<BoxPrediction>(*adapter_of(raw_entries), {{"g", {1, 6, 1, 2}, raw}}, 0, 1, geometry);
  REQUIRE(from_raw.boxes.size() == 1);
  CHECK(same(from_raw.boxes[0], seen.boxes[0]));
  CHECK(from_raw.scores[0] == Approx(seen.scores[0]));

  const auto v2 = adapter_of({{"type", "yolo_v2"}, {"classes", "1"}, {"num", "1"}, {"anchors", "0.5, 0.25"}});
  const auto cells = read<BoxPrediction>(*v2, outputs, 0, 1, geometry);
  REQUIRE(cells.boxes.size() == 1);
  CHECK(same(cells.boxes[0], {0.625 - 0.125, 0.25, 0.625 + 0.125, 0.75}));
  CHECK_THROWS_WITH(read<BoxPrediction>(*adapter_of({{"type", "yolo_v3"}}), outputs, 0, 1, geometry),
                    Contains("255 channels"));
}

TEST_CASE("which anchors a grid of YOLO has", "[adapters]") {
  // A single cell that sees something at its middle with factor 1: the size of the box is the anchor's.
  const auto width = [](const Entries& more, std::int64_t cells, double input) {
    Entries entries{{"type", "yolo_v3"}, {"classes", "1"}, {"num", "1"}};
    entries.insert(entries.end(), more.begin(), more.end());
    const auto area = static_cast<std::size_t>(cells * cells);
    std::vector<float> grid(6 * area, 0.0F);
    grid[4 * area] = grid[5 * area] = 1;
    SampleGeometry geometry;
    geometry.input_width = geometry.input_height = static_cast<int>(input);
    const auto seen =
        read<BoxPrediction>(*adapter_of(entries), {{"g", {1, 6, cells, cells}, grid}}, 0, 1, geometry);
    return (seen.boxes.at(0).x2 - seen.boxes.at(0).x1) * input;
  };
  const Entries three{{"anchors", "10, 10, 20, 20, 30, 30"}};
  CHECK(width(three, 13, 416) == Approx(30));
  CHECK(width(three, 26, 416) == Approx(20));
  CHECK(width(three, 52, 416) == Approx(10));
  CHECK_THROWS_WITH(adapter_of({{"type", "yolo_v3"}, {"anchors", "huge"}}), Contains("'tiny_yolo_v3'"));
  CHECK_THROWS_WITH(adapter_of({{"type", "yolo_v2"}, {"anchors", "1, 2"}}), Contains("'num' is 5"));
}

TEST_CASE("masks: scores, labels, order of the axes", "[adapters]") {
  const std::vector<float> values{1, 5, 3, 2, 4, 9};
  const auto planes =
      read<MaskPrediction>(*adapter_of({{"type", "segmentation"}}), {{"m", {1, 3, 1, 2}, values}});
  CHECK(planes.scores.channels == 3);
  CHECK_FALSE(planes.is_labels);
  const auto best = read<MaskPrediction>(*adapter_of({{"type", "segmentation"}, {"make_argmax", "True"}}),
                                         {{"m", {1, 3, 1, 2}, values}});
  CHECK(best.scores.values == std::vector<float>{2, 2});
  const auto last = read<MaskPrediction>(*adapter_of({{"type", "segmentation"}, {"output_layout", "NHWC"}}),
                                         {{"m", {1, 1, 2, 3}, values}});
  CHECK(last.scores.values == std::vector<float>{1, 2, 5, 4, 3, 9});
  CHECK(read<MaskPrediction>(*adapter_of({{"type", "segmentation"}}), {{"m", {1, 2, 3}, values}}).is_labels);
  const std::vector<float> picture{0, 0.5F, 2};
  CHECK(read<PicturePrediction>(*adapter_of({{"type", "super_resolution"}, {"reverse_channels", "True"}}),
                                {{"p", {1, 3, 1, 1}, picture}})
            .picture.values == std::vector<float>{255, 127.5F, 0});
}

TEST_CASE("boxes are scaled, clipped, rounded, and freed of bars", "[postprocessing]") {
  SampleGeometry geometry;
  geometry.width = 200;
  geometry.height = 100;
  geometry.input_width = geometry.input_height = 100;
  const BoxPrediction one{{{0.25, 0.5, 1.5, 1}}, {1}, {1}};
  const auto box_after = [&](const Entries& entries, const BoxPrediction& from) {
    return after(*step_of(entries), from, BoxTruth{}, geometry).boxes.at(0);
  };
  CHECK(same(box_after({{"type", "resize_prediction_boxes"}}, one), {50, 50, 300, 100}));
  CHECK(same(
      box_after({{"type", "clip_boxes"}, {"apply_to", "prediction"}, {"bboxes_normalized", "True"}}, one),
      {0.25, 0.5, 1, 1}));
  const BoxPrediction pixels{{{-1, 2.5, 300, 7.7}}, {1}, {1}};
  CHECK(same(box_after({{"type", "clip_boxes"}}, pixels), {0, 2.5, 200, 7.7}));
  CHECK(same(box_after({{"type", "clip_boxes"}, {"dst_width", "10"}, {"dst_height", "5"}}, pixels),
             {0, 2.5, 10, 5}));
  CHECK(same(box_after({{"type", "cast_to_int"}}, pixels), {-1, 2, 300, 8}));
  CHECK(same(box_after({{"type", "cast_to_int"}, {"round_policy", "greater"}}, pixels), {-1, 3, 300, 8}));
  CHECK(same(box_after({{"type", "normalize_boxes"}}, pixels), {-1.0 / 200, 0.025, 1.5, 0.077}));
  // The picture fills the middle half of the height of a square.
  CHECK(same(box_after({{"type", "correct_yolo_v2_boxes"}}, {{{0, 0.25, 1, 0.75}}, {1}, {1}}), {0, 0, 1, 1}));
  // Resized to 80 x 40, at the left and upper border of a 100 x 100 input.
  geometry.scale_x = geometry.scale_y = 0.4;
  CHECK(same(box_after({{"type", "faster_rcnn_postprocessing_resize"}}, {{{0.4, 0.2, 0.8, 0.4}}, {1}, {1}}),
             {100, 50, 200, 100}));
  CHECK_THROWS_WITH(step_of({{"type", "clip_boxes"}, {"dst_width", "10"}}), Contains("together"));
  CHECK_THROWS_WITH(after(*step_of({{"type", "nms"}}), ClassPrediction{}), Contains("predictions of boxes"));
}

TEST_CASE("of boxes that overlap the best one stays", "[postprocessing]") {
  const BoxPrediction seen{
      {{0, 0, 9, 9}, {0, 0, 9, 9}, {20, 0, 29, 9}, {0, 0, 9, 8}}, {1, 2, 1, 1}, {0.5F, 0.9F, 0.3F, 0.4F}};
  CHECK(after(*step_of({{"type", "nms"}}), seen).scores == std::vector<float>{0.9F, 0.3F});
  CHECK(after(*step_of({{"type", "nms"}, {"per_class", "True"}}), seen).scores ==
        std::vector<float>{0.9F, 0.5F, 0.3F});
  CHECK(after(*step_of({{"type", "nms"}, {"overlap", "0.95"}, {"keep_top_k", "3"}}), seen).scores ==
        std::vector<float>{0.9F, 0.4F});
  const auto soft = after(*step_of({{"type", "soft_nms"}}), seen);
  REQUIRE(soft.scores.size() == 4);
  CHECK(soft.scores[0] == 0.9F);
  CHECK(soft.scores[1] == 0.5F);  // of another label than the best one
  CHECK(soft.scores[3] == Approx(0.4 * std::exp(-0.9 * 0.9 / 0.5)));
}

TEST_CASE("boxes are filtered: predictions go, annotations become difficult", "[postprocessing]") {
  const BoxPrediction seen{{{0, 0, 10, 10}, {0, 0, 10, 50}}, {1, 2}, {0.5F, 0.9F}};
  CHECK(after(*step_of({{"type", "filter"}, {"min_confidence", "0.6"}}), seen).labels ==
        std::vector<std::int64_t>{2});
  // The labels that are named are those that go.
  CHECK(after(*step_of({{"type", "filter"}, {"labels", "1"}}), seen).labels == std::vector<std::int64_t>{2});
  CHECK(after(*step_of({{"type", "filter"}, {"aspect_ratio", "2, 6"}}), seen).labels ==
        std::vector<std::int64_t>{2});  // height by width
  CHECK(after(*step_of({{"type", "filter"}, {"height_range", "20"}}), seen).labels ==
        std::vector<std::int64_t>{2});
  CHECK(after(*step_of({{"type", "filter"}, {"height_range", "(5, 20)"}}), seen).labels ==
        std::vector<std::int64_t>{1});
  const BoxTruth real{seen.boxes, {1, 2}, {}, {}};
  const auto marked =
      truth_after(*step_of({{"type", "filter"}, {"apply_to", "annotation"}, {"height_range", "20"}}), real);
  CHECK(marked.difficult == std::vector<std::uint8_t>{1, 0});
  const auto removed = truth_after(*step_of({{"type", "filter"},
                                             {"apply_to", "annotation"},
                                             {"height_range", "20"},
                                             {"remove_filtered", "True"}}),
                                   real);
  CHECK(removed.labels == std::vector<std::int64_t>{2});
}

TEST_CASE("masks are resized, cut, extended and relabelled", "[postprocessing]") {
  const MaskPrediction seen{{1, 1, 2, 2, {1, 2, 3, 4}}, true};
  const MaskTruth real{"", {1, 1, 4, 4, std::vector<std::int32_t>(16, 7)}};
  SampleGeometry geometry;
  geometry.width = geometry.height = 4;
  const auto larger = after(*step_of({{"type", "resize_segmentation_mask"}, {"apply_to", "prediction"}}),
                            seen, real, geometry);
  CHECK(larger.scores.values == std::vector<float>{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4});
  MaskPrediction scores{{1, 1, 1, 2, {0, 4}}, false};
  const auto smooth = after(*step_of({{"type", "resize_segmentation_mask"},
                                      {"apply_to", "prediction"},
                                      {"dst_width", "4"},
                                      {"dst_height", "1"},
                                      {"interpolation", "linear"}}),
                            scores, real, geometry);
  CHECK(smooth.scores.values == std::vector<float>{0, 1, 3, 4});

  geometry.input_width = geometry.input_height = 8;
  geometry.pad_left = 4;
  geometry.content_width = 4;
  geometry.content_height = 8;
  CHECK(after(*step_of({{"type", "crop_padding"}}), seen, real, geometry).scores.values ==
        std::vector<float>{2, 4});
  CHECK(truth_after(*step_of({{"type", "crop_segmentation_mask"}, {"size", "2"}}), real, seen)
            .labels.values.size() == 4);
  CHECK(truth_after(*step_of({{"type", "clip_segmentation_mask"}, {"max_value", "1"}}), real, seen)
            .labels.values[0] == 1);
  const auto extended =
      truth_after(*step_of({{"type", "extend_segmentation_mask"}}), MaskTruth{"", {1, 1, 1, 1, {5}}},
                  MaskPrediction{{1, 1, 1, 3, {0, 0, 0}}, true});
  CHECK(extended.labels.values == std::vector<std::int32_t>{255, 5, 255});

  ConfigNode node = map_node({{"type", "remap_labels"}, {"others", "0"}});
  node.set("map", map_node({{"7", "2"}}));
  Fields fields(node, "postprocessing");
  CHECK(
      truth_after(*make_postprocessor(fields, {}), MaskTruth{"", {1, 1, 1, 2, {7, 9}}}, seen).labels.values ==
      std::vector<std::int32_t>{2, 0});
}

TEST_CASE("every adapter and step has a name of its own and a summary", "[adapters]") {
  std::vector<std::string_view> names;
  for (const AdapterRecord* record : adapter_records()) {
    CHECK_FALSE(record->summary.empty());
    names.push_back(record->name);
  }
  for (const PostprocessorRecord* record : postprocessor_records()) {
    CHECK_FALSE(record->summary.empty());
    names.push_back(record->name);
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}
