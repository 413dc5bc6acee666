#include <algorithm>
#include <cmath>

#include "engine/evaluation/adapters/yolo.h"

namespace refcalib::engine {
namespace {

/// Several grids, anchors in pixels of what is fed. Which anchors a grid has follows from `anchor_masks` (one
/// list of numbers of anchors for each output in turn), else from its size: grids of 13 cells have the
/// largest ones.
class YoloV3 : public Adapter {
 public:
  YoloV3(YoloRules rules, std::size_t count, std::vector<double> anchors, std::vector<std::string> outputs,
         std::vector<std::vector<std::size_t>> masks)
      : rules_(rules),
        count_(count),
        anchors_(std::move(anchors)),
        outputs_(std::move(outputs)),
        masks_(std::move(masks)) {}

  Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry& geometry) const override {
    std::vector<const NetworkOutput*> outputs;
    for (const std::string& name : outputs_) outputs.push_back(&run.output(name, kWho));
    if (outputs_.empty())
      for (const NetworkOutput& output : run.outputs) outputs.push_back(&output);
    if (!masks_.empty() && masks_.size() != outputs.size())
      throw UsageError(std::string(kWho) + ": 'anchor_masks' has " + std::to_string(masks_.size()) +
                       " lists, there are " + std::to_string(outputs.size()) + " outputs");
    BoxPrediction prediction;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const std::size_t anchors = masks_.empty() ? count_ : masks_[i].size();
      const YoloGrid grid =
          yolo_grid(run, *outputs[i], row, anchors * (rules_.coords + 1 + rules_.classes), kWho);
      read_yolo_grid(grid, rules_, anchors_of(i, grid), geometry.input_width, geometry.input_height,
                     prediction);
    }
    return prediction;
  }

 private:
  static constexpr std::string_view kWho = "adapter 'yolo_v3'";

  std::vector<double> anchors_of(std::size_t output, const YoloGrid& grid) const {
    std::vector<double> own;
    if (!masks_.empty()) {
      for (const std::size_t k : masks_[output])
        own.insert(own.end(), {anchors_[2 * k], anchors_[2 * k + 1]});
      return own;
    }
    const auto all = static_cast<double>(anchors_.size() / 2), count = static_cast<double>(count_);
    const double level = std::log2(static_cast<double>(grid.columns) / 13);
    const double first = count * (all / count - 1 - level);
    const auto from = static_cast<std::size_t>(std::clamp(first, 0.0, all - count));
    own.assign(anchors_.begin() + static_cast<std::ptrdiff_t>(2 * from),
               anchors_.begin() + static_cast<std::ptrdiff_t>(2 * (from + count_)));
    return own;
  }

  YoloRules rules_;
  std::size_t count_;
  std::vector<double> anchors_;
  std::vector<std::string> outputs_;
  std::vector<std::vector<std::size_t>> masks_;
};

std::vector<std::vector<std::size_t>> read_masks(Fields& fields, std::size_t anchors) {
  std::vector<std::vector<std::size_t>> masks;
  const ConfigNode* const node = fields.raw("anchor_masks");
  if (node == nullptr) return masks;
  for (const ConfigNode& entry : node->list) {
    masks.emplace_back();
    for (const ConfigNode& number : entry.list) {
      const auto value = parse_number(number.text);
      if (!value || *value < 0 || *value >= static_cast<double>(anchors) || *value != std::floor(*value))
        fields.fail("anchor_masks", "'" + number.text + "' is no number of an anchor",
                    "there are 0 to " + std::to_string(anchors - 1));
      masks.back().push_back(static_cast<std::size_t>(*value));
    }
  }
  const bool empty =
      masks.empty() || std::any_of(masks.begin(), masks.end(), [](const auto& m) { return m.empty(); });
  if (empty) fields.fail("anchor_masks", "'anchor_masks' must be a list of lists: [[3, 4, 5], [0, 1, 2]]");
  return masks;
}

std::unique_ptr<Adapter> make(Fields& fields) {
  YoloRules rules;
  rules.classes = static_cast<std::size_t>(fields.integer("classes", 80, 1, 100000));
  rules.coords = static_cast<std::size_t>(fields.integer("coords", 4, 4, 64));
  const auto count = static_cast<std::size_t>(fields.integer("num", 3, 1, 64));
  rules.threshold = fields.number("threshold", 0.001, {0, 1});
  rules.raw = fields.flag("raw_output", false);
  std::vector<double> anchors = read_anchors(
      fields, "yolo_v3",
      {{"yolo_v3", {10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326}},
       {"tiny_yolo_v3", {10, 14, 23, 27, 37, 58, 81, 82, 135, 169, 344, 319}}});
  if (anchors.size() < 2 * count)
    fields.fail("anchors", "there are " + std::to_string(anchors.size() / 2) + " anchors, 'num' is " +
                               std::to_string(count));
  auto masks = read_masks(fields, anchors.size() / 2);
  std::vector<std::string> outputs = fields.texts("outputs");
  return std::make_unique<YoloV3>(rules, count, std::move(anchors), std::move(outputs), std::move(masks));
}

}  // namespace

extern const AdapterRecord yolo_v3_adapter{
    .name = "yolo_v3", .summary = "grids of a RegionYolo or raw ones, anchors in pixels", .make = make};

}  // namespace refcalib::engine
