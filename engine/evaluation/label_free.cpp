#include "engine/evaluation/label_free.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "engine/evaluation/annotation/converter.h"
#include "engine/evaluation/image.h"
#include "engine/evaluation/metrics/confusion.h"
#include "engine/evaluation/topk.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

constexpr float kSure = 0.5F;         ///< score from which on a box is an object
constexpr std::size_t kAtOnce = 128;  ///< samples whose raw predictions are kept at a time

bool taken_by(const std::string& reader, const fs::path& file) {
  const std::string name = file.filename().string();
  if (name.starts_with(".")) return false;
  if (reader.starts_with("numpy")) return name.ends_with(".npy");
  if (reader.starts_with("nifti")) return name.ends_with(".nii") || name.ends_with(".nii.gz");
  return has_image_extension(file);
}

/// The samples of the dataset, each without a truth of any meaning.
AnnotationSet samples_of(const EvaluationConfig& config) {
  const DatasetConfig& dataset = config.dataset;
  if (!dataset.annotation.empty() || dataset.conversion) return load_annotations(dataset, config.prefixes);
  const ConfigNode* const type = dataset.reader.find("type");
  const std::string reader = type != nullptr ? type->text : dataset.reader.text;
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dataset.data, error))
    if (entry.is_regular_file() && taken_by(reader, entry.path()))
      names.push_back(entry.path().filename().string());
  if (error)
    throw IoError("cannot read the folder: " + error.message(),
                  {.file = dataset.data.string(), .remedy = "check data_source and -s"});
  if (names.empty())
    throw FormatError("holds no file that '" + reader + "' reads", {.file = dataset.data.string()});
  std::sort(names.begin(), names.end());
  AnnotationSet set;
  for (const std::string& name : names) set.add({name}, ClassTruth{});
  if (!dataset.meta.empty()) set.meta = read_dataset_meta(dataset.meta);
  if (!dataset.subset.empty()) take_subset(set, dataset.subset, dataset.subset_seed);
  return set;
}

/// Every place in one region of its label.
MaskTruth regions_of(const MaskPrediction& prediction) {
  const std::vector<std::int32_t> labels = mask_labels(prediction, true);
  const auto& plane = prediction.scores;
  MaskTruth truth;
  if (plane.depth > 1) {
    truth.labels = {1, plane.depth, plane.height, plane.width, labels};
    return truth;
  }
  truth.height = plane.height;
  truth.width = plane.width;
  for (const std::int32_t label : std::set<std::int32_t>(labels.begin(), labels.end())) {
    RunLengths region{plane.height, plane.width, {}};
    bool inside = false;
    std::uint32_t run = 0;
    for (int x = 0; x < plane.width; ++x)
      for (int y = 0; y < plane.height; ++y) {
        const bool here = labels[static_cast<std::size_t>(y) * static_cast<std::size_t>(plane.width) +
                                 static_cast<std::size_t>(x)] == label;
        if (here != inside) {
          region.counts.push_back(run);
          run = 0;
          inside = here;
        }
        ++run;
      }
    region.counts.push_back(run);
    truth.objects.push_back({label, std::move(region)});
  }
  return truth;
}

struct AsTruth {
  Truth operator()(const ClassPrediction& p) const {
    return ClassTruth{static_cast<std::int64_t>(top_k(p.scores, 1).front())};
  }
  Truth operator()(const BoxPrediction& p) const {
    BoxTruth truth;
    for (std::size_t i = 0; i < p.boxes.size(); ++i) {
      if (p.scores[i] < kSure) continue;
      truth.boxes.push_back(p.boxes[i]);
      truth.labels.push_back(p.labels[i]);
    }
    truth.difficult.resize(truth.boxes.size());
    truth.crowd.resize(truth.boxes.size());
    return truth;
  }
  Truth operator()(const MaskPrediction& p) const { return regions_of(p); }
  Truth operator()(const ValuesPrediction& p) const { return ValuesTruth{p.values}; }
  Truth operator()(const PicturePrediction& p) const { return PictureTruth{"", p.picture}; }
  Truth operator()(const ItemPrediction&) const {
    throw UnsupportedError("items of users need labels: which item was taken is no answer of the network");
  }
};

/// A truth of the same kind, of nothing.
Truth nothing_like(const Truth& truth) {
  return std::visit([](const auto& kind) -> Truth { return std::decay_t<decltype(kind)>{}; }, truth);
}

void note_labels(const Truth& truth, std::set<std::int64_t>& labels) {
  if (const auto* const boxes = std::get_if<BoxTruth>(&truth))
    labels.insert(boxes->labels.begin(), boxes->labels.end());
  if (const auto* const mask = std::get_if<MaskTruth>(&truth))
    for (const MaskTruth::Object& object : mask->objects) labels.insert(object.label);
}

}  // namespace

Truth nothing_true(const Prediction& prediction, const SampleGeometry& geometry) {
  if (std::holds_alternative<BoxPrediction>(prediction)) return BoxTruth{};
  if (const auto* const mask = std::get_if<MaskPrediction>(&prediction)) {
    MaskTruth truth;
    truth.labels = {1, mask->scores.depth, std::max(1, geometry.height), std::max(1, geometry.width), {}};
    truth.labels.values.assign(truth.labels.area(), 0);
    return truth;
  }
  if (std::holds_alternative<ValuesPrediction>(prediction)) return ValuesTruth{};
  if (std::holds_alternative<PicturePrediction>(prediction)) return PictureTruth{};
  if (std::holds_alternative<ItemPrediction>(prediction)) return ItemTruth{};
  return ClassTruth{};
}

AnnotationSet label_free_annotations(const std::shared_ptr<const Program>& program,
                                     const EvaluationConfig& config, const EvaluateOptions& options) {
  AnnotationSet set = samples_of(config);
  const InputFeeder feeder(program->inputs(), config.launcher);
  EvaluationConfig whole = config, raw = config;
  whole.dataset.metrics.clear();
  raw.dataset.metrics.clear();
  raw.dataset.postprocessing.clear();
  const Pipeline pipeline(whole, set.meta, feeder.context());
  std::vector<std::optional<Truth>> found(set.samples.size());
  std::set<std::int64_t> labels;
  EvaluateOptions how = options;
  how.stop = {};
  const std::size_t all = set.samples.size();
  // The old truth is of no kind that postprocessing could stumble over, and no file of it is read.
  for (Annotation& sample : set.samples) sample.truth = ClassTruth{};
  for (std::size_t first = 0; first < all; first += kAtOnce) {
    std::vector<std::size_t> part(std::min(kAtOnce, all - first));
    std::iota(part.begin(), part.end(), first);
    how.progress = [&](std::size_t done, std::size_t) {
      if (options.progress) options.progress(first + done, all);
    };
    Evaluator evaluator(program, raw, set, true);
    evaluator.run(part, how);
    const Evaluation evaluation = evaluator.finish();
    for (const std::size_t i : part) {
      if (!evaluation.predictions[i]) continue;
      auto [prediction, geometry] = *evaluation.predictions[i];
      Truth nothing = nothing_true(prediction, geometry);
      pipeline.postprocess(nothing, prediction, geometry);
      found[i] = std::visit(AsTruth{}, prediction);
      note_labels(*found[i], labels);
    }
  }
  const auto known =
      std::find_if(found.begin(), found.end(), [](const auto& truth) { return truth.has_value(); });
  for (std::size_t i = 0; i < all && known != found.end(); ++i)
    set.samples[i].truth = found[i] ? std::move(*found[i]) : nothing_like(**known);
  if (set.meta.label_maps.empty())
    for (const std::int64_t label : labels) set.meta.label_maps["label_map"][label] = std::to_string(label);
  set.postprocessed = true;
  return set;
}

}  // namespace refcalib::engine
