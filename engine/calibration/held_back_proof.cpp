#include "engine/calibration/held_back_proof.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "engine/ops/activation.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {
namespace {

/// Decibels of one output, bounded so that exact and broken ones count too.
double sqnr_db(std::span<const float> expected, std::span<const float> actual) {
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

/// Takes softmax and sigmoid off the network's outputs: behind them, errors of certain answers vanish and say nothing.
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

}  // namespace

HeldBackProof::HeldBackProof(const Graph& original, const SampleSource& samples) : source_(samples) {
  for (std::size_t i = 0; i < samples.runs; ++i)
    if (holds_back(i)) samples_.push_back(i);
  CompileOptions compile = default_options();
  compile.int8 = false;
  Graph graph = original;
  uncover_outputs(graph);
  reference_ = Program::compile(graph, compile);
}

std::vector<std::size_t> HeldBackProof::others(std::size_t samples) {
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < samples; ++i)
    if (!holds_back(i)) numbers.push_back(i);
  return numbers;
}

std::vector<double> HeldBackProof::measure(Graph quantized) const {
  uncover_outputs(quantized);
  Session expected(reference_, 1);
  Session actual(Program::compile(std::move(quantized)), 1);
  std::vector<double> db;
  for (const std::size_t sample : samples_) {
    if (!source_.fill(expected, sample)) continue;
    for (std::size_t i = 0; i < reference_->inputs().size(); ++i)
      std::copy(expected.input(i).begin(), expected.input(i).end(), actual.input(i).begin());
    expected.run();
    actual.run();
    for (std::size_t i = 0; i < reference_->outputs().size(); ++i)
      db.push_back(sqnr_db(expected.output(i), actual.output(i)));
  }
  return db;
}

double mean_of(const std::vector<double>& db) {
  return db.empty() ? 0 : std::accumulate(db.begin(), db.end(), 0.0) / static_cast<double>(db.size());
}

/// True if the second of two measurements of the same samples is better by more than the standard error of the difference.
bool gains(const std::vector<double>& before, const std::vector<double>& after) {
  const double difference = mean_of(after) - mean_of(before), n = static_cast<double>(before.size());
  if (!(difference > 0)) return false;
  double square = 0;
  for (std::size_t i = 0; i < before.size(); ++i) square += std::pow(after[i] - before[i] - difference, 2);
  return before.size() > 1 && difference > std::sqrt(square / (n * (n - 1)));
}

}  // namespace refcalib::engine
