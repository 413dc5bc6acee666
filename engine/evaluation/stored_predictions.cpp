#include "engine/evaluation/stored_predictions.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/evaluation/output_file.h"

namespace refcalib::engine {
namespace {

using nlohmann::json;

constexpr const char* kHeader = R"({"format":"refcalib predictions","version":1})";

json json_of(const Plane<float>& plane) {
  return {{"c", plane.channels},
          {"d", plane.depth},
          {"h", plane.height},
          {"w", plane.width},
          {"values", plane.values}};
}

Plane<float> plane_of(const json& j) {
  return {j.at("c"), j.at("d"), j.at("h"), j.at("w"), j.at("values").get<std::vector<float>>()};
}

struct Writer {
  json& out;
  void operator()(const ClassPrediction& p) const { out["scores"] = p.scores; }
  void operator()(const ValuesPrediction& p) const { out["values"] = p.values; }
  void operator()(const ItemPrediction& p) const { out["item_score"] = p.score; }
  void operator()(const PicturePrediction& p) const { out["picture"] = json_of(p.picture); }
  void operator()(const MaskPrediction& p) const {
    out["mask"] = json_of(p.scores);
    out["is_labels"] = p.is_labels;
  }
  void operator()(const BoxPrediction& p) const {
    out["boxes"] = json::array();
    for (const Box& b : p.boxes) out["boxes"].push_back({b.x1, b.y1, b.x2, b.y2});
    out["labels"] = p.labels;
    out["box_scores"] = p.scores;
  }
};

Prediction prediction_of(const json& j) {
  if (j.contains("scores")) return ClassPrediction{j["scores"].get<std::vector<float>>()};
  if (j.contains("values")) return ValuesPrediction{j["values"].get<std::vector<double>>()};
  if (j.contains("item_score")) return ItemPrediction{j["item_score"]};
  if (j.contains("picture")) return PicturePrediction{plane_of(j["picture"])};
  if (j.contains("mask")) return MaskPrediction{plane_of(j["mask"]), j.at("is_labels")};
  BoxPrediction boxes;
  for (const json& b : j.at("boxes")) boxes.boxes.push_back({b.at(0), b.at(1), b.at(2), b.at(3)});
  boxes.labels = j.at("labels").get<std::vector<std::int64_t>>();
  boxes.scores = j.at("box_scores").get<std::vector<float>>();
  if (boxes.labels.size() != boxes.boxes.size() || boxes.scores.size() != boxes.boxes.size())
    throw FormatError("boxes, labels and scores are of different number");
  return boxes;
}

json json_of(const SampleGeometry& g) {
  return {g.width,         g.height,         g.input_width, g.input_height, g.pad_left, g.pad_top,
          g.content_width, g.content_height, g.crop_left,   g.crop_top,     g.scale_x,  g.scale_y};
}

SampleGeometry geometry_of(const json& j) {
  return {j.at(0), j.at(1), j.at(2), j.at(3), j.at(4),  j.at(5),
          j.at(6), j.at(7), j.at(8), j.at(9), j.at(10), j.at(11)};
}

}  // namespace

void write_predictions(const std::filesystem::path& path, const AnnotationSet& annotations,
                       const std::vector<std::optional<StoredPrediction>>& predictions) {
  OutputFile file(path);
  file.write(std::string(kHeader) + "\n");
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    json line{{"id", annotations.samples[i].name()}};
    if (predictions[i]) {
      line["geometry"] = json_of(predictions[i]->geometry);
      std::visit(Writer{line}, predictions[i]->prediction);
    }
    file.write(line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
  }
  file.commit();
}

std::vector<std::optional<StoredPrediction>> read_predictions(const std::filesystem::path& path,
                                                              const AnnotationSet& annotations) {
  std::ifstream in(path);
  if (!in) throw IoError("cannot open the predictions", {.file = path.string()});
  std::string line;
  if (!std::getline(in, line) || line != kHeader)
    throw FormatError("no predictions of refcalib",
                      {.file = path.string(), .remedy = "remove the file to make them anew"});
  std::vector<std::optional<StoredPrediction>> out;
  while (std::getline(in, line)) try {
      const json j = json::parse(line);
      const std::string id = j.at("id");
      if (out.size() >= annotations.samples.size() || id != annotations.samples[out.size()].name())
        throw UsageError("the predictions are of other samples; '" + id + "' is not the dataset's number " +
                             std::to_string(out.size()),
                         {.file = path.string(), .remedy = "remove the file to make them anew"});
      if (j.contains("geometry"))
        out.emplace_back(StoredPrediction{prediction_of(j), geometry_of(j["geometry"])});
      else
        out.emplace_back(std::nullopt);
    } catch (const json::exception& error) {
      throw FormatError("prediction " + std::to_string(out.size()) + ": " + error.what(),
                        {.file = path.string()});
    }
  return out;
}

}  // namespace refcalib::engine
