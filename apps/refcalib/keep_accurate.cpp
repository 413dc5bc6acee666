#include "apps/refcalib/keep_accurate.h"

#include <algorithm>
#include <memory>
#include <refcalib/metrics.hpp>
#include <set>

#include "apps/refcalib/agreement.h"
#include "apps/refcalib/detection_report.h"
#include "apps/refcalib/text.h"
#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/output_comparison.h"
#include "engine/calibration/same_class.h"
#include "engine/runtime/program.h"

namespace refcalib::app {
namespace {

/// Share of what is missing to the goal that layers in float may leave.
constexpr double kWorthwhile = 0.5;
/// Runs of the data that decide whether the goal is reached: that of agreement, and that of classes, of which few are near to change.
constexpr std::size_t kGoalRuns = 16, kClassRuns = 100;
constexpr int kThreads =
    1;  ///< of many short sessions: a team that waits for busy cores would take longer than one thread
/// Runs that put the layers in order; a single sample that is cut off somewhere weighs more with classes than with boxes.
constexpr std::size_t kOrderRuns = 4, kClassOrderRuns = 32;

/// A network whose boxes are left unselected: what goes into the selection are numbers that change smoothly.
engine::Graph without_selection(engine::Graph graph) {
  std::vector<engine::ValueId> outputs;
  for (const engine::ValueId id : graph.outputs) {
    const engine::Shape& shape = graph.value(id).shape;
    const engine::Node* producer = graph.producer(id);
    if (producer == nullptr || shape.size() != 4 || shape[3] != 7) {
      outputs.push_back(id);
      continue;
    }
    for (const engine::ValueId input : producer->inputs)
      if (!graph.value(input).constant && std::find(outputs.begin(), outputs.end(), input) == outputs.end())
        outputs.push_back(input);
  }
  graph.outputs = std::move(outputs);
  return graph;
}

std::shared_ptr<const engine::Program> compiled(engine::Graph graph, bool int8) {
  engine::CompileOptions options = engine::default_options();
  options.int8 = int8;
  return engine::Program::compile(std::move(graph), options);
}

/// One search; trials differ in the layers that are held in float.
class Search {
 public:
  Search(const engine::Graph& original, const engine::ir::Annotation& annotation, engine::Dataset& dataset,
         const Goal& goal)
      : dataset_(dataset), goal_(goal), original_(original), annotation_(annotation) {
    for (const auto& weights : annotation.weights) layers_.push_back(weights.layer);
  }

  const std::vector<std::string>& layers() const noexcept { return layers_; }

  /// What the goal is about, with the first `count` layers in float.
  double reached(std::size_t count) {
    if (!reference_)
      reference_ = std::make_unique<engine::Session>(compiled(measured(original_), false), kThreads);
    const std::set<std::string> kept(layers_.begin(), layers_.begin() + static_cast<std::ptrdiff_t>(count));
    engine::Session trial(compiled(measured(with_float(kept)), true), kThreads);
    return goal_.classes ? same_class_of(*reference_, trial, dataset_, kClassRuns)
                         : agreement_of(*reference_, trial, dataset_, kGoalRuns);
  }

  /// Puts the layers in the order of the error that each causes alone. False if `go_on` ended it.
  bool order(const std::function<bool()>& go_on) {
    engine::Session exact(compiled(without_selection(measured(original_)), false), kThreads);
    std::vector<std::pair<double, std::string>> harm;
    for (const std::string& layer : layers_) {
      if (!go_on()) return false;
      std::set<std::string> others(layers_.begin(), layers_.end());
      others.erase(layer);
      engine::Session alone(compiled(without_selection(measured(with_float(others))), true), kThreads);
      harm.emplace_back(-noise(exact, alone), layer);
    }
    std::stable_sort(harm.begin(), harm.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < harm.size(); ++i) layers_[i] = harm[i].second;
    return true;
  }

 private:
  std::size_t order_runs() const {
    return std::min(goal_.classes ? kClassOrderRuns : kOrderRuns, dataset_.runs());
  }

  /// The calibrated network with some layers as the original has them, their biases too.
  engine::Graph with_float(const std::set<std::string>& kept) const {
    engine::ir::Annotation annotation = annotation_;
    std::erase_if(annotation.weights, [&](const auto& weights) { return kept.contains(weights.layer); });
    annotation.keep_float.insert(annotation.keep_float.end(), kept.begin(), kept.end());
    return engine::annotated_graph(original_, annotation);
  }

  /// With the outputs that the goal is about.
  engine::Graph measured(engine::Graph graph) const {
    if (goal_.classes) engine::uncover_outputs(graph);
    return graph;
  }

  /// Sum over the outputs of squared errors, each as a share of the output's squares.
  double noise(engine::Session& exact, engine::Session& other) {
    const std::size_t outputs = exact.program().outputs().size();
    std::vector<double> error(outputs, 0), signal(outputs, 0);
    for (std::size_t run = 0; run < order_runs(); ++run) {
      if (!dataset_.fill(exact, run)) continue;
      copy_inputs(exact, other);
      exact.run();
      other.run();
      for (std::size_t i = 0; i < outputs; ++i) {
        const auto a = exact.output(i), b = other.output(i);
        for (std::size_t k = 0; k < a.size(); ++k) {
          const double x = static_cast<double>(a[k]), difference = x - static_cast<double>(b[k]);
          error[i] += difference * difference;
          signal[i] += x * x;
        }
      }
    }
    double total = 0;
    for (std::size_t i = 0; i < outputs; ++i) total += signal[i] > 0 ? error[i] / signal[i] : error[i];
    return total;
  }

  engine::Dataset& dataset_;
  Goal goal_;
  const engine::Graph& original_;
  const engine::ir::Annotation& annotation_;
  std::unique_ptr<engine::Session> reference_;
  std::vector<std::string> layers_;
};

}  // namespace

double agreement_of(engine::Session& reference, engine::Session& other, engine::Dataset& dataset,
                    std::size_t runs) {
  DetectionComparison detections(reference.program(), other.program());
  const auto outputs = reference.program().outputs(), others = other.program().outputs();
  std::vector<double> cosines(outputs.size(), 0);
  std::size_t used = 0;
  for (std::size_t run = 0; run < std::min(runs, dataset.runs()); ++run) {
    if (!dataset.fill(reference, run)) continue;
    copy_inputs(reference, other);
    reference.run();
    other.run();
    ++used;
    detections.add(reference, other);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      for (std::size_t k = 0; k < others.size(); ++k)
        if (others[k].name == outputs[i].name)
          cosines[i] += refcalib::cosine(reference.output(i), other.output(k));
  }
  double least = detections.lowest_share();
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (used > 0 && !detections.has(outputs[i].name))
      least = std::min(least, cosines[i] / static_cast<double>(used));
  return least;
}

double same_class_of(engine::Session& reference, engine::Session& other, engine::Dataset& dataset,
                     std::size_t runs) {
  const auto classes = classification_output(reference.program().outputs());
  if (!classes) return 1;
  const std::string& name = reference.program().outputs()[*classes].name;
  const auto others = other.program().outputs();
  const auto partner =
      std::find_if(others.begin(), others.end(), [&](const auto& port) { return port.name == name; });
  if (partner == others.end()) return 1;
  const auto at = static_cast<std::size_t>(partner - others.begin());
  engine::SameClass same;
  for (std::size_t run = 0; run < std::min(runs, dataset.runs()); ++run) {
    if (!dataset.fill(reference, run)) continue;
    copy_inputs(reference, other);
    reference.run();
    other.run();
    const auto rows = dataset.rows();
    const auto expected = reference.output(*classes), actual = other.output(at);
    if (rows.empty() || expected.size() % rows.size() != 0) continue;
    const std::size_t size = expected.size() / rows.size();
    for (std::size_t row = 0; row < rows.size(); ++row)
      if (rows[row]) same.add(expected.subspan(row * size, size), actual.subspan(row * size, size));
  }
  return same.expected_share();
}

double reached_by(const engine::Model& model, const engine::ir::Annotation& annotation,
                  engine::Dataset& dataset, const Goal& goal) {
  return Search(model.graph, annotation, dataset, goal).reached(0);
}

AccurateChoice keep_accurate(const engine::Model& model, const engine::ir::Annotation& annotation,
                             engine::Dataset& dataset, const Goal& goal, const std::function<bool()>& go_on) {
  AccurateChoice choice;
  Search search(model.graph, annotation, dataset, goal);
  choice.all_int8 = choice.chosen = search.reached(0);
  if (choice.all_int8 >= goal.least || search.layers().size() < 2 || !search.order(go_on)) return choice;
  // Without any layer in INT8 there is no calibrated network: one is left.
  const std::size_t most = search.layers().size() - 1;
  std::size_t fails = 0, reaches = most;
  for (std::size_t count = 1; count < most; count *= 2) {
    if (!go_on()) return choice;
    if (search.reached(count) >= goal.least) {
      reaches = count;
      break;
    }
    fails = count;
  }
  while (reaches - fails > 1) {
    if (!go_on()) return choice;
    const std::size_t middle = fails + (reaches - fails) / 2;
    (search.reached(middle) >= goal.least ? reaches : fails) = middle;
  }
  const double reached = search.reached(reaches);
  // What hardly changes the answers is not worth its time.
  if (reached < goal.least && goal.least - reached > kWorthwhile * (goal.least - choice.all_int8))
    return choice;
  choice.chosen = reached;
  choice.layers.assign(search.layers().begin(),
                       search.layers().begin() + static_cast<std::ptrdiff_t>(reaches));
  return choice;
}

std::vector<std::string> described(const AccurateChoice& choice, const Goal& goal) {
  if (choice.all_int8 >= goal.least) return {};
  const auto figure = [&](double share) {
    return goal.classes ? fixed(100 * share, 1) + " %" : fixed(share, 4);
  };
  const std::string all = (goal.classes ? "INT8 in all layers is expected to keep the best class of "
                                        : "INT8 in all layers agrees with FP32 to ") +
                          figure(choice.all_int8) + ", short of " + figure(goal.least);
  if (choice.layers.empty()) return {all + "; layers in FP32 do not change that"};
  std::vector<std::string> lines{all + "; with " + counted(choice.layers.size(), "layer") +
                                 " in FP32, those that cause the largest errors: " + figure(choice.chosen)};
  std::string names;
  for (const std::string& layer : choice.layers) names += (names.empty() ? "" : ", ") + layer;
  lines.push_back("kept in FP32, the most harmful first: " + names);
  return lines;
}

}  // namespace refcalib::app
