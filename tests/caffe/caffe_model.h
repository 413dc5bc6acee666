#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/formats/caffe/weights.pb.h"
#include "engine/formats/model.h"
#include "engine/runtime/program.h"
#include "tests/support/catch.hpp"

namespace refcalib_test {

/// The files of a Caffe model in a folder that goes away with it.
class CaffeModel {
 public:
  using Floats = std::vector<float>;

  explicit CaffeModel(std::string net, const std::string& name = "model")
      : folder_(std::filesystem::temp_directory_path() / ("refcalib_caffe_" + name)), net_(std::move(net)) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~CaffeModel() { std::filesystem::remove_all(folder_); }
  CaffeModel(const CaffeModel&) = delete;
  CaffeModel& operator=(const CaffeModel&) = delete;

  CaffeModel& blob(const std::string& layer, std::vector<std::int64_t> shape, Floats values) {
    using namespace refcalib::engine::caffe;
    proto::WeightsLayer* entry = nullptr;
    for (proto::WeightsLayer& existing : *weights_.mutable_layer())
      if (existing.name() == layer) entry = &existing;
    if (entry == nullptr) {
      entry = weights_.add_layer();
      entry->set_name(layer);
    }
    proto::BlobProto& blob = *entry->add_blobs();
    for (const std::int64_t dim : shape) blob.mutable_shape()->add_dim(dim);
    blob.mutable_data()->Add(values.begin(), values.end());
    return *this;
  }
  refcalib::engine::caffe::proto::WeightsNet& weights() { return weights_; }

  std::filesystem::path path() const { return folder_ / "net.prototxt"; }
  std::filesystem::path folder() const { return folder_; }
  /// Writes the files.
  std::filesystem::path write() const {
    std::ofstream(path()) << net_;
    if (weights_.layer_size() > 0 || weights_.layers_size() > 0) {
      std::ofstream file(folder_ / "net.caffemodel", std::ios::binary);
      weights_.SerializeToOstream(&file);
    }
    return path();
  }

 private:
  std::filesystem::path folder_;
  std::string net_;
  refcalib::engine::caffe::proto::WeightsNet weights_;
};

/// Outputs of a model for an input of these numbers.
inline std::vector<std::vector<float>> run_floats(const refcalib::engine::Graph& graph,
                                                  const std::vector<std::vector<float>>& inputs,
                                                  bool int8 = false) {
  using namespace refcalib::engine;
  CompileOptions options = default_options();
  options.int8 = int8;
  Session session(Program::compile(graph, options), 1);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    REQUIRE(session.input(i).size() == inputs[i].size());
    std::copy(inputs[i].begin(), inputs[i].end(), session.input(i).begin());
  }
  session.run();
  std::vector<std::vector<float>> outputs;
  for (std::size_t i = 0; i < session.program().outputs().size(); ++i)
    outputs.emplace_back(session.output(i).begin(), session.output(i).end());
  return outputs;
}

/// The text of the error that reading the model ends in: one line that names one of its files.
inline std::string caffe_error(const std::filesystem::path& path, const std::filesystem::path& weights = {},
                               const refcalib::engine::ir::InputShapes& shapes = {}) {
  try {
    refcalib::engine::load_model(path, weights, shapes);
  } catch (const refcalib::engine::Error& error) {
    const std::string text = error.what();
    CHECK(text.find(path.stem().string() + ".") != std::string::npos);  // the network or its weights
    CHECK(text.find('\n') == std::string::npos);
    CHECK(text.find("internal") == std::string::npos);
    return text;
  }
  return {};
}

}  // namespace refcalib_test
