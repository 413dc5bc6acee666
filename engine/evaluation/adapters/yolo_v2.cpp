#include "engine/evaluation/adapters/yolo.h"

namespace refcalib::engine {
namespace {

/// The output of a RegionYolo with softmax over the classes: one grid, anchors in cells.
class YoloV2 : public Adapter {
 public:
  YoloV2(YoloRules rules, std::vector<double> anchors, std::string output)
      : rules_(rules), anchors_(std::move(anchors)), output_(std::move(output)) {}

  Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry&) const override {
    const std::size_t channels = anchors_.size() / 2 * (rules_.coords + 1 + rules_.classes);
    const YoloGrid grid =
        yolo_grid(run, run.output(output_, "adapter 'yolo_v2'"), row, channels, "adapter 'yolo_v2'");
    BoxPrediction prediction;
    read_yolo_grid(grid, rules_, anchors_, static_cast<double>(grid.columns), static_cast<double>(grid.rows),
                   prediction);
    return prediction;
  }

 private:
  YoloRules rules_;
  std::vector<double> anchors_;
  std::string output_;
};

std::unique_ptr<Adapter> make(Fields& fields) {
  YoloRules rules;
  rules.classes = static_cast<std::size_t>(fields.integer("classes", 20, 1, 100000));
  rules.coords = static_cast<std::size_t>(fields.integer("coords", 4, 4, 64));
  const auto count = static_cast<std::size_t>(fields.integer("num", 5, 1, 64));
  rules.threshold = fields.number("threshold", 0.001, {0, 1});
  rules.raw = fields.flag("raw_output", false);
  rules.threshold_on_class = true;
  std::vector<double> anchors = read_anchors(
      fields, "yolo_v2",
      {{"yolo_v2", {1.3221, 1.73145, 3.19275, 4.00944, 5.05587, 8.09892, 9.47112, 4.84053, 11.2364, 10.0071}},
       {"tiny_yolo_v2", {1.08, 1.19, 3.42, 4.41, 6.63, 11.38, 9.42, 5.11, 16.62, 10.52}}});
  if (anchors.size() != 2 * count)
    fields.fail("anchors", "there are " + std::to_string(anchors.size() / 2) + " anchors, 'num' is " +
                               std::to_string(count));
  return std::make_unique<YoloV2>(rules, std::move(anchors), fields.text("output", ""));
}

}  // namespace

extern const AdapterRecord yolo_v2_adapter{
    .name = "yolo_v2", .summary = "the grid of a RegionYolo, anchors in cells", .make = make};

}  // namespace refcalib::engine
