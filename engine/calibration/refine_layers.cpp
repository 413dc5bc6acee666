#include "engine/calibration/refine_layers.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <refcalib/rounding.hpp>
#include <span>
#include <thread>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/editable_layer.h"
#include "engine/calibration/layer_samples.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

/// Patches per layer, and what is added to the diagonal of their Gram matrix, as a share of its mean: rare inputs cannot be relied on.
constexpr std::size_t kRows = 8192;
constexpr double kDamping = 0.01;
constexpr int kSweeps = 8;
/// Deeper layers are rounded by coordinate descent alone: factorizing a matrix takes depth^3 / 3 products.
constexpr std::size_t kDeepestFactor = 2304;
/// Every layer runs all of them again, and all lie in memory.
constexpr std::size_t kKeptSamples = 96;

/// One layer that can be refined.
struct Task {
  std::string name;
  ir::Annotation::Weights* annotation = nullptr;
  LayerGeometry geometry;
  std::vector<float> weights, bias;  ///< as trained
  ValueId input = kNone;             ///< of the simplified graph
};

/// f(i) for i in [0, count) by several threads.
void parallel(std::size_t count, int threads, const std::function<void(std::size_t)>& f) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) f(i);
  };
  std::vector<std::jthread> helpers;
  for (int t = 1; t < threads; ++t) helpers.emplace_back(work);
  work();
}

/// Moments of the patches of one group.
struct Moments {
  std::vector<double> gram;  ///< [depth][depth], of the actual ones about their mean
  std::vector<double> mean;
  std::vector<std::vector<double>> means, reference_means;  ///< of each sample
};

/// [depth][depth]: mean of x x' over rows. Sums of a block of rows are floats; each element is summed by one thread in the order of the rows.
std::vector<double> second_moments(const std::vector<float>& x, std::size_t rows, std::size_t depth,
                                   int threads) {
  std::vector<double> total(depth * depth, 0.0);
  constexpr std::size_t strip = 16, block = 256;
  parallel((depth + strip - 1) / strip, threads, [&](std::size_t s) {
    const std::size_t first = s * strip, last = std::min(depth, first + strip);
    std::vector<float> sums((last - first) * depth);
    for (std::size_t r0 = 0; r0 < rows; r0 += block) {
      std::fill(sums.begin(), sums.end(), 0.0F);
      for (std::size_t r = r0; r < std::min(rows, r0 + block); ++r)
        for (std::size_t i = first; i < last; ++i) {
          const float* const row = &x[r * depth];
          float* const sum = &sums[(i - first) * depth];
          for (std::size_t j = 0; j < depth; ++j) sum[j] += row[i] * row[j];
        }
      for (std::size_t i = 0; i < sums.size(); ++i) total[first * depth + i] += static_cast<double>(sums[i]);
    }
  });
  for (double& v : total) v /= static_cast<double>(rows);
  return total;
}

/// [depth]: means over some of the rows, from a column on.
std::vector<double> patch_means(const std::vector<float>& patches, std::size_t first, std::size_t rows,
                                std::size_t pitch, std::size_t column, std::size_t depth) {
  std::vector<double> means(depth, 0.0);
  for (std::size_t r = first; r < first + rows; ++r)
    for (std::size_t k = 0; k < depth; ++k)
      means[k] += static_cast<double>(patches[r * pitch + column + k]) / static_cast<double>(rows);
  return means;
}

/// The mean of a few numbers as far as they tell it from zero: shrunk by the share that its standard error has in it (the positive part of
/// James and Stein's estimator), so that what differs by chance from sample to sample is left alone.
double certain_mean(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (values.size() < 2 || mean == 0) return mean;
  double square = 0;
  for (const double v : values) square += (v - mean) * (v - mean);
  return mean * std::max(0.0, 1 - square / (n * (n - 1)) / (mean * mean));
}

Moments moments(const PatchSamples& samples, const LayerGeometry& geometry, std::size_t group, int threads) {
  const std::size_t depth = geometry.depth, rows = samples.rows, pitch = geometry.patch();
  Moments m;
  m.mean.assign(depth, 0.0);
  const std::size_t each = rows / samples.samples;
  for (std::size_t s = 0; s < samples.samples; ++s) {
    m.means.push_back(patch_means(samples.actual, s * each, each, pitch, group * depth, depth));
    m.reference_means.push_back(patch_means(samples.reference, s * each, each, pitch, group * depth, depth));
    for (std::size_t k = 0; k < depth; ++k)
      m.mean[k] += m.means.back()[k] / static_cast<double>(samples.samples);
  }
  std::vector<float> centred(rows * depth);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t k = 0; k < depth; ++k)
      centred[r * depth + k] =
          static_cast<float>(static_cast<double>(samples.actual[r * pitch + group * depth + k]) - m.mean[k]);
  m.gram = second_moments(centred, rows, depth, threads);
  return m;
}

class LayerRefinement {
 public:
  LayerRefinement(Task& task, const PatchSamples& samples, const RefineOptions& options)
      : task_(task), samples_(samples), options_(options) {}

  void run() {
    const LayerGeometry& g = task_.geometry;
    values_ = task_.weights;
    bias_.assign(g.channels(), 0.0F);
    for (std::size_t group = 0; group < g.groups; ++group) refine_group(group);
    if (options_.weights) task_.annotation->values = values_;
    // A bias corrected for the nearest integers is corrected for the chosen ones.
    if (options_.biases || !task_.annotation->bias.empty()) task_.annotation->bias = bias_;
  }

 private:
  void refine_group(std::size_t group) {
    const LayerGeometry& g = task_.geometry;
    const Moments m = moments(samples_, g, group, g.groups > 1 ? 1 : options_.threads);
    std::vector<double> metric = m.gram;
    double power = 0;
    for (std::size_t k = 0; k < g.depth; ++k) power += metric[k * g.depth + k];
    const double pull = std::max(kDamping * power / static_cast<double>(g.depth), 1e-20);
    for (std::size_t k = 0; k < g.depth; ++k) metric[k * g.depth + k] += pull;
    std::optional<Cholesky> factor;
    if (options_.weights && g.depth <= kDeepestFactor) factor.emplace(metric, g.depth);
    parallel(g.outputs, options_.threads, [&](std::size_t o) {
      refine_row(group * g.outputs + o, m, {metric, factor});
    });
  }

  /// The metric of a group's weights.
  struct Metric {
    const std::vector<double>& matrix;
    const std::optional<Cholesky>& factor;
  };

  void refine_row(std::size_t o, const Moments& m, const Metric& metric) {
    const LayerGeometry& g = task_.geometry;
    const auto& ranges = task_.annotation->range;
    const Quantization q = weight_quantization({ranges[ranges.size() > 1 ? o : 0]}, task_.annotation->levels);
    const auto step = static_cast<double>(q.scale.front());
    std::vector<double> trained(g.depth);
    for (std::size_t k = 0; k < g.depth; ++k) trained[k] = static_cast<double>(task_.weights[g.weight(o, k)]);
    const std::vector<double> steps(g.depth, step);
    // The largest weight keeps its integer: engines that derive the scale from the stored weights find the same one.
    std::vector<bool> fixed(g.depth, false);
    const auto largest = std::max_element(trained.begin(), trained.end(),
                                          [](double a, double b) { return std::abs(a) < std::abs(b); });
    fixed[static_cast<std::size_t>(largest - trained.begin())] = true;
    const std::vector<int> integers = rounded(metric, trained, steps, q.qmax, fixed);
    std::vector<double> missing;  // by sample
    for (std::size_t s = 0; s < m.means.size(); ++s) {
      const std::vector<double>& wanted = options_.biases ? m.reference_means[s] : m.means[s];
      double sum = 0;
      for (std::size_t k = 0; k < g.depth; ++k)
        sum += trained[k] * wanted[k] - integers[k] * step * m.means[s][k];
      missing.push_back(sum);
    }
    for (std::size_t k = 0; k < g.depth; ++k)
      values_[g.weight(o, k)] = static_cast<float>(integers[k] * step);
    const double bias = static_cast<double>(task_.bias[o]) + certain_mean(missing);
    bias_[o] = static_cast<float>(bias);
  }

  /// By both searches, and the better one of their results.
  std::vector<int> rounded(const Metric& metric, const std::vector<double>& trained,
                           const std::vector<double>& steps, int limit,
                           const std::vector<bool>& fixed) const {
    std::vector<int> best =
        round_in_metric(metric.matrix, trained, steps, limit, options_.weights ? kSweeps : 0, fixed);
    if (!metric.factor) return best;
    const auto error = [&](const std::vector<int>& integers) {
      std::vector<double> difference(integers.size());
      for (std::size_t k = 0; k < integers.size(); ++k) difference[k] = integers[k] * steps[k] - trained[k];
      return quadratic_error(metric.matrix, difference);
    };
    const std::vector<int> plane = round_to_nearest_plane(*metric.factor, trained, steps, limit, fixed);
    std::vector<int> other = round_in_metric(metric.matrix, trained, steps, limit, kSweeps, fixed, plane);
    return error(other) < error(best) ? other : best;
  }

  Task& task_;
  const PatchSamples& samples_;
  const RefineOptions& options_;
  std::vector<float> values_, bias_;
};

/// Layers whose weights run as the file has them, and whose bias can be replaced.
std::vector<Task> find_tasks(const Graph& original, const Graph& simplified,
                             const std::vector<NodeId>& weighted, ir::Annotation& annotation) {
  std::vector<Task> tasks;
  for (const NodeId id : weighted) {
    const Node& lowered = simplified.node(id);
    Task task;
    task.name = lowered.name;
    for (auto& weights : annotation.weights)
      if (weights.layer == lowered.name) task.annotation = &weights;
    const std::optional<EditableLayer> layer = editable_layer(original, simplified, lowered);
    if (task.annotation == nullptr || !layer) continue;
    task.weights = layer->weights;
    task.bias = layer->bias;
    task.geometry = layer->geometry;
    task.input = lowered.inputs.front();
    tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace

void refine_layers(const Graph& original, const Graph& simplified, const std::vector<NodeId>& weighted,
                   std::size_t samples, const FillInputs& fill, const RefineOptions& options,
                   ir::Annotation& annotation, const std::function<void()>& between) {
  std::vector<Task> tasks = find_tasks(original, simplified, weighted, annotation);
  CompileOptions compile = default_options();
  compile.int8 = false;
  const auto reference = Program::compile(simplified, compile);
  const KeptInputs inputs = keep_inputs(reference, samples, fill, kKeptSamples);
  if (inputs.empty()) return;
  for (std::size_t first = 0; first < tasks.size();) {
    std::size_t last = first + 1;
    while (last < tasks.size() && tasks[last].input == tasks[first].input) ++last;
    std::vector<std::string> names;
    std::vector<LayerGeometry> geometries;
    for (std::size_t t = first; t < last; ++t) {
      names.push_back(tasks[t].name);
      geometries.push_back(tasks[t].geometry);
    }
    if (between) between();
    const auto actual = Program::compile(annotated_graph(original, annotation));
    const auto patches = sample_patches(reference, actual, names, geometries, inputs, kRows, options.threads);
    for (std::size_t t = first; t < last; ++t) LayerRefinement(tasks[t], patches[t - first], options).run();
    first = last;
  }
}

}  // namespace refcalib::engine
