#include "engine/calibration/output_comparison.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>
#include <utility>

#include "engine/ops/activation.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

double bounded_sqnr_db(std::span<const float> expected, std::span<const float> actual) {
  double signal = 0, noise = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double e = static_cast<double>(expected[i]), error = static_cast<double>(actual[i]) - e;
    signal += e * e;
    noise += error * error;
  }
  constexpr double most = 120, least = -20;
  if (noise == 0) return most;
  const double db = 10 * std::log10(signal / noise);
  return std::isfinite(db) ? std::clamp(db, least, most) : least;
}

void uncover_outputs(Graph& graph) {
  const auto squashes = [](const Node& node) {
    return node.op == "Softmax" ||
           (node.op == "Activation" && node.attributes.as<ActivationAttributes>().function == "sigmoid");
  };
  for (ValueId& output : graph.outputs) {
    ValueId at = output;
    const Node* node = graph.producer(at);
    while (node != nullptr && node->op == "Reshape") node = graph.producer(at = node->inputs.front());
    if (node != nullptr && squashes(*node) && graph.producer(node->inputs.front()) != nullptr)
      output = node->inputs.front();
  }
}

OutputComparison::OutputComparison(const Graph& original, KeptInputs inputs, int threads)
    : inputs_(std::move(inputs)), threads_(threads) {
  CompileOptions compile = default_options();
  compile.int8 = false;
  Graph graph = original;
  uncover_outputs(graph);
  expected_ = answers(Program::compile(std::move(graph), compile));
}

std::vector<double> OutputComparison::measure(Graph quantized) const {
  uncover_outputs(quantized);
  const Answers actual = answers(Program::compile(std::move(quantized)));
  std::vector<double> db(actual.size());
  for (std::size_t i = 0; i < db.size(); ++i) db[i] = bounded_sqnr_db(expected_[i], actual[i]);
  return db;
}

OutputComparison::Answers OutputComparison::answers(std::shared_ptr<const Program> program) const {
  const std::size_t outputs = program->outputs().size();
  Answers result(inputs_.size() * outputs);
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    Session session(program, 1);
    for (std::size_t i = next++; i < inputs_.size(); i = next++) {
      for (std::size_t port = 0; port < inputs_[i].size(); ++port)
        std::copy(inputs_[i][port].begin(), inputs_[i][port].end(), session.input(port).begin());
      session.run();
      for (std::size_t o = 0; o < outputs; ++o)
        result[i * outputs + o].assign(session.output(o).begin(), session.output(o).end());
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (int t = 1; t < threads_; ++t) helpers.emplace_back(work);
    work();
  }
  return result;
}

}  // namespace refcalib::engine
