#include <cmath>

#include "engine/evaluation/annotation/converter.h"
#include "engine/evaluation/annotation/run_lengths.h"
#include "engine/evaluation/pipeline.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::Contains;
using refcalib_test::TemporaryFolder;

namespace {

using Counts = std::vector<std::uint32_t>;
using Entries = std::vector<std::pair<std::string, std::string>>;

/// Whether each place lies inside, row by row.
std::vector<bool> drawn(const RunLengths& runs) {
  std::vector<bool> inside(static_cast<std::size_t>(runs.height * runs.width), false);
  const auto height = static_cast<std::uint32_t>(runs.height), width = static_cast<std::uint32_t>(runs.width);
  runs.for_each_run([&](std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t i = first; i < first + count; ++i) inside[(i % height) * width + i / height] = true;
  });
  return inside;
}

AnnotationSet convert(const Entries& entries, const TemporaryFolder& folder) {
  const ConfigNode node = map_node(entries);
  Fields fields(node, "conversion", "converter");
  return convert_annotation(fields, ConverterPaths(folder.path()));
}

/// Signed distance of a point to a closed outline, positive inside, by the even-odd rule.
double inside_by(const std::vector<double>& corners, double x, double y) {
  double nearest = 1e9;
  bool inside = false;
  const std::size_t n = corners.size() / 2;
  for (std::size_t i = 0; i < n; ++i) {
    const double ax = corners[2 * i], ay = corners[2 * i + 1];
    const double bx = corners[2 * ((i + 1) % n)], by = corners[2 * ((i + 1) % n) + 1];
    if ((ay > y) != (by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax)) inside = !inside;
    const double length = (bx - ax) * (bx - ax) + (by - ay) * (by - ay);
    const double t =
        length > 0 ? std::clamp(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0.0, 1.0) : 0.0;
    nearest = std::min(nearest, std::hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)));
  }
  return inside ? nearest : -nearest;
}

}  // namespace

TEST_CASE("run lengths in COCO's compressed form, by hand", "[masks]") {
  const std::vector<std::pair<Counts, std::string>> cases{
      {{2, 3, 1, 1}, "231N"},   // the fourth is 1 - 3 = -2: 11110, whose highest bit says that it is negative
      {{0, 6, 1}, "061"},       //
      {{16}, "`0"},             // 10000 would be negative: another group follows
      {{32, 4}, "P14"},         // 00000 with more, then 1
      {{0, 5, 0, 7}, "0502"}};  // 7 - 5
  for (const auto& [counts, text] : cases) {
    int places = 0;
    for (const std::uint32_t count : counts) places += static_cast<int>(count);
    INFO(text);
    CHECK(RunLengths::from_counts(counts, 1, places).text() == text);
    CHECK(RunLengths::from_text(text, 1, places).counts == counts);
  }
  std::uint32_t state = 7;
  for (int k = 0; k < 100; ++k) {
    Counts counts;
    std::uint32_t places = 0;
    for (int i = 0; i < 40; ++i) {
      state = state * 1664525U + 1013904223U;
      counts.push_back((state >> 8U) % (k % 2 == 0 ? 20U : 20000U));
      places += counts.back();
    }
    const RunLengths runs = RunLengths::from_counts(counts, static_cast<int>(places), 1);
    CHECK(RunLengths::from_text(runs.text(), runs.height, 1).counts == counts);
  }
}

TEST_CASE("what run lengths and polygons cannot be", "[masks]") {
  CHECK_THROWS_WITH(RunLengths::from_text("231N", 2, 4), Contains("sum up to 7 places"));
  CHECK_THROWS_WITH(RunLengths::from_text("P", 2, 4), Contains("within a number"));
  CHECK_THROWS_WITH(RunLengths::from_text("2 3", 2, 4), Contains("wrong character"));
  CHECK_THROWS_WITH(RunLengths::from_text("PPPPPPPPPP1", 2, 4), Contains("within a number"));
  CHECK_THROWS_WITH(RunLengths::from_text("N", 2, 4), Contains("do not fit"));
  CHECK_THROWS_WITH(RunLengths::from_polygon(std::vector<double>{1, 2, 3, 4}, 5, 5),
                    Contains("three corners"));
  CHECK_THROWS_WITH(RunLengths::from_polygon(std::vector<double>{1, 2, 3, 4, 5, 1e9}, 5, 5),
                    Contains("far outside"));
  CHECK_THROWS_WITH(RunLengths::from_polygon(std::vector<double>{1, 2, 3, 4, 5, NAN}, 5, 5),
                    Contains("far outside"));
}

TEST_CASE("polygons cover the places whose middle they cover", "[masks]") {
  const auto rectangle = drawn(RunLengths::from_polygon(std::vector<double>{1, 2, 5, 2, 5, 7, 1, 7}, 10, 8));
  for (int y = 0; y < 10; ++y)
    for (int x = 0; x < 8; ++x)
      CHECK(rectangle[static_cast<std::size_t>(y * 8 + x)] == (x >= 1 && x < 5 && y >= 2 && y < 7));
  std::uint32_t state = 3;
  const auto next = [&](double low, double high) {
    state = state * 1664525U + 1013904223U;
    return low + (high - low) * static_cast<double>(state >> 8U) / (1U << 24U);
  };
  for (int k = 0; k < 100; ++k) {
    std::vector<double> corners;
    for (int i = 0; i < 3 + k % 6; ++i) {
      corners.push_back(next(-5, 45));
      corners.push_back(next(-5, 35));
    }
    const auto inside = drawn(RunLengths::from_polygon(corners, 30, 40));
    for (int y = 0; y < 30; ++y)
      for (int x = 0; x < 40; ++x) {
        const double distance = inside_by(corners, x + 0.5, y + 0.5);
        // Corners are rounded to a fifth of a pixel, edges to the points between.
        if (std::fabs(distance) < 0.8) continue;
        INFO("polygon " << k << ", place " << x << ", " << y);
        REQUIRE(inside[static_cast<std::size_t>(y * 40 + x)] == (distance > 0));
      }
  }
}

TEST_CASE("regions of COCO become masks: polygons, run lengths, overlaps, the background", "[masks]") {
  const TemporaryFolder folder;
  // 3 high, 4 wide. A column of class 7 as a polygon, the two left columns of class 2 as run lengths, a crowd of class 7 as a list.
  const std::string before = R"({"categories": [{"id": 7, "name": "train"}, {"id": 2, "name": "car"}],
    "images": [{"id": 9, "file_name": "b.jpg", "height": 3, "width": 4}], "annotations": [)";
  const std::string objects = R"(
    {"image_id": 9, "category_id": 7, "segmentation": [[1, 0, 2, 0, 2, 3, 1, 3]]},
    {"image_id": 9, "category_id": 2, "segmentation": {"size": [3, 4], "counts": "066"}},
    {"image_id": 9, "category_id": 7, "iscrowd": 1, "segmentation": {"size": [3, 4], "counts": [11, 1]}}]})";
  folder.write("coco.json", before + objects);
  const auto mask = [&](const Entries& more) {
    Entries entries{{"converter", "mscoco_segmentation"}, {"annotation_file", "coco.json"}};
    entries.insert(entries.end(), more.begin(), more.end());
    const AnnotationSet made = convert(entries, folder);
    const AnnotationSet read = parse_annotations(to_json(made), "x.json");
    CHECK(to_json(read) == to_json(made));
    EvaluationConfig config;
    config.dataset.reader = text_node("opencv_imread");
    config.launcher.adapter = text_node("segmentation");
    const Truth truth = Pipeline(config, read.meta, {}).truth(read.samples.at(0));
    const auto& labels = std::get<MaskTruth>(truth).labels;
    CHECK((labels.height == 3 && labels.width == 4));
    return labels.values;
  };
  CHECK(mask({}) == std::vector<std::int32_t>{0, 1, 255, 255, 0, 1, 255, 255, 0, 1, 255, 1});
  CHECK(mask({{"has_background", "True"}}) == std::vector<std::int32_t>{1, 2, 0, 0, 1, 2, 0, 0, 1, 2, 0, 2});
  CHECK(mask({{"use_full_label_map", "True"}})[11] == 7);
  const AnnotationSet files =
      convert({{"converter", "mscoco_segmentation"}, {"annotation_file", "coco.json"}, {"mask_dir", "masks"}},
              folder);
  CHECK(std::get<MaskTruth>(files.samples[0].truth).file == "masks/b.png");

  const auto refuse = [&](const std::string& object, const char* part) {
    folder.write("wrong.json", before + object + "]}");
    CHECK_THROWS_WITH(
        convert({{"converter", "mscoco_segmentation"}, {"annotation_file", "wrong.json"}}, folder),
        Contains("wrong.json: picture 'b.jpg'") && Contains(part));
  };
  refuse(R"({"image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4]})",
         "no 'segmentation'; masks that were drawn");
  refuse(R"({"image_id": 9, "category_id": 7, "segmentation": []})", "'segmentation' is empty");
  refuse(R"({"image_id": 9, "category_id": 7, "segmentation": {"size": [4, 3], "counts": "066"}})",
         "another size");
  refuse(R"({"image_id": 9, "category_id": 7, "segmentation": {"size": [3, 4], "counts": [11, 2]}})",
         "13 places");
  refuse(R"({"image_id": 9, "category_id": 5, "segmentation": [[1, 0, 2, 0, 2, 3]]})", "category 5");
  CHECK_THROWS_WITH(parse_annotations(R"({"format": "refcalib annotations", "version": 1, "annotations":
                      [{"id": "a", "mask": {"size": [3], "objects": []}}]})",
                                      "x.json"),
                    Contains("'size' of a mask"));
}
