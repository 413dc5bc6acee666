#include "apps/refcalib/layer_compare.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <refcalib/metrics.hpp>
#include <utility>

namespace refcalib::app {

struct LayerComparison::Entry {
  LayerDifference difference;
  std::vector<float> values;  ///< of the reference, this run
  std::size_t runs = 0;
  double cosine_sum = 0;
  MeanDecibels sqnr;
};

/// Copies every value of the reference.
class LayerComparison::Keeper : public engine::StepObserver {
 public:
  explicit Keeper(LayerComparison& owner) : owner_(owner) {}
  void after_step(int, std::span<const engine::ValueView> outputs) noexcept override {
    try {
      for (const engine::ValueView& view : outputs) {
        const auto [at, added] = owner_.by_name_.emplace(view.value->name, owner_.entries_.size());
        if (added) owner_.entries_.push_back({});
        Entry& entry = owner_.entries_[at->second];
        entry.difference.value = view.value->name;
        engine::copy_to_floats(view, entry.values);
        entry.difference.elements = entry.values.size();
      }
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  }
  bool out_of_memory = false;

 private:
  LayerComparison& owner_;
};

/// Compares the values of the other network with the copies.
class LayerComparison::Comparer : public engine::StepObserver {
 public:
  Comparer(LayerComparison& owner, const engine::Program& program) : owner_(owner), program_(program) {}
  void after_step(int step, std::span<const engine::ValueView> outputs) noexcept override {
    try {
      for (const engine::ValueView& view : outputs) {
        const auto at = owner_.partners_.find(view.value->name);
        if (at == owner_.partners_.end()) continue;
        Entry& entry = owner_.entries_[at->second];
        engine::copy_to_floats(view, values_);
        if (step >= 0)
          entry.difference.precision = program_.steps()[static_cast<std::size_t>(step)].precision;
        add(entry);
      }
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  }
  bool out_of_memory = false;

 private:
  void add(Entry& entry) const {
    ++entry.runs;
    LayerDifference& d = entry.difference;
    if (values_.size() != entry.values.size()) {
      d.same_size = false;
      return;
    }
    const double cosine = refcalib::cosine(entry.values, values_);
    entry.cosine_sum += cosine;
    if (!(cosine >= d.worst_cosine)) d.worst_cosine = cosine;  // NaN counts as worst
    entry.sqnr.add(refcalib::sqnr_db(entry.values, values_));
    const double error = refcalib::max_abs_error(entry.values, values_);
    if (!(error <= d.max_error)) d.max_error = error;
  }

  LayerComparison& owner_;
  const engine::Program& program_;
  std::vector<float> values_;
};

LayerComparison::~LayerComparison() = default;

LayerComparison::LayerComparison(const engine::Program& reference, const engine::Program& other) {
  // The order of the report: inputs, then what the reference's steps write.
  const engine::Graph& graph = reference.graph();
  const auto add = [&](engine::ValueId id) {
    const std::string& name = graph.value(id).name;
    if (!by_name_.emplace(name, entries_.size()).second) return;
    entries_.push_back({});
    entries_.back().difference.value = name;
    entries_.back().difference.output = graph.is_output(id);
  };
  for (const engine::ValueId id : graph.inputs) add(id);
  for (const engine::StepInfo& step : reference.steps())
    for (const engine::ValueId id : step.outputs) add(id);
  partners_ = by_name_;
  pair_outputs(reference, other);
}

void LayerComparison::pair_outputs(const engine::Program& reference, const engine::Program& other) {
  const auto ours = reference.outputs(), theirs = other.outputs();
  if (ours.size() != theirs.size()) return;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const bool known = by_name_.contains(theirs[i].name) || !by_name_.contains(ours[i].name);
    if (known || engine::element_count(ours[i].shape) != engine::element_count(theirs[i].shape)) return;
  }
  for (std::size_t i = 0; i < ours.size(); ++i) {
    paired_.emplace_back(ours[i].name, theirs[i].name);
    partners_.emplace(theirs[i].name, by_name_.at(ours[i].name));
  }
}

void LayerComparison::run(engine::Session& reference, engine::Session& other) {
  Keeper keeper(*this);
  reference.run(keeper);
  Comparer comparer(*this, other.program());
  other.run(comparer);
  if (keeper.out_of_memory || comparer.out_of_memory) throw std::bad_alloc();
}

std::vector<LayerDifference> LayerComparison::differences() const {
  std::vector<LayerDifference> all;
  for (const Entry& entry : entries_) {
    if (entry.runs == 0) continue;
    LayerDifference difference = entry.difference;
    difference.cosine = entry.cosine_sum / static_cast<double>(entry.runs);
    difference.sqnr_db = entry.sqnr.mean();
    all.push_back(std::move(difference));
  }
  return all;
}

std::size_t LayerComparison::unmatched() const {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.runs == 0; }));
}

}  // namespace refcalib::app
