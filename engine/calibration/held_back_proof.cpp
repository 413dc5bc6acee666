#include "engine/calibration/held_back_proof.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/calibration/output_comparison.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

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
      db.push_back(bounded_sqnr_db(expected.output(i), actual.output(i)));
  }
  return db;
}

double mean_of(const std::vector<double>& db) {
  return db.empty() ? 0 : std::accumulate(db.begin(), db.end(), 0.0) / static_cast<double>(db.size());
}

bool gains(const std::vector<double>& before, const std::vector<double>& after, double errors) {
  const double difference = mean_of(after) - mean_of(before), n = static_cast<double>(before.size());
  if (!(difference > 0)) return false;
  double square = 0;
  for (std::size_t i = 0; i < before.size(); ++i) square += std::pow(after[i] - before[i] - difference, 2);
  return before.size() > 1 && difference > errors * std::sqrt(square / (n * (n - 1)));
}

}  // namespace refcalib::engine
