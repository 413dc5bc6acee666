#include "engine/diagnosis/reference_values.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <set>
#include <span>
#include <string_view>

#include "engine/calibration/plan.h"
#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

/// Operations that choose and sort: rows change places where nothing much happened. What they choose from is judged instead.
constexpr std::array<std::string_view, 6> kChoosing = {
    "DetectionOutput", "NonMaxSuppression", "MulticlassNms", "MatrixNms", "Proposal", "TopK"};

std::vector<ValueId> judged_outputs(const Graph& graph) {
  std::set<ValueId> judged;
  std::set<ValueId> met;
  std::vector<ValueId> open = graph.outputs;
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    if (!met.insert(id).second) continue;
    const Node* const producer = graph.producer(id);
    const bool chosen =
        producer != nullptr && std::find(kChoosing.begin(), kChoosing.end(), producer->op) != kChoosing.end();
    // Selections from the results of such an operation lead to it through values of other types.
    if (chosen || (producer != nullptr && graph.value(id).dtype != DType::f32)) {
      for (const ValueId in : producer->inputs)
        if (!graph.value(in).constant) open.push_back(in);
    } else if (graph.value(id).dtype == DType::f32) {
      judged.insert(id);
    }
  }
  return {judged.begin(), judged.end()};
}

}  // namespace

/// Keeps the values of one run.
class ReferenceValues::Keeper final : public StepObserver {
 public:
  explicit Keeper(ReferenceValues& owner) : owner_(owner) {}
  void after_step(int, std::span<const ValueView> outputs) noexcept override {
    try {
      for (const ValueView& view : outputs) {
        const auto found = owner_.values_.find(view.value->name);
        if (found == owner_.values_.end()) continue;
        std::vector<float> floats;
        copy_to_floats(view, floats);
        found->second.runs.push_back(std::move(floats));
      }
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  }
  bool out_of_memory = false;

 private:
  ReferenceValues& owner_;
};

/// Compares the values of another network with those of one run.
class ReferenceValues::Comparer final : public StepObserver {
 public:
  /// `wanted`: the name there, and the value here.
  Comparer(std::map<std::string, const Watched*> wanted, std::map<std::string, ValueError>& errors)
      : wanted_(std::move(wanted)), errors_(errors) {}
  void begin(std::size_t run) { run_ = run; }
  void after_step(int, std::span<const ValueView> outputs) noexcept override {
    try {
      for (const ValueView& view : outputs) {
        const auto found = wanted_.find(view.value->name);
        if (found == wanted_.end()) continue;
        const Watched& here = *found->second;
        if (run_ >= here.runs.size()) continue;  // a view, which no step of the reference writes
        copy_to_floats(view, floats_);
        if (floats_.size() != here.runs[run_].size()) {
          other_size = found->first;
          continue;
        }
        ValueError& error = errors_[found->first];
        error.channels.resize(here.channels);
        error.add(here.runs[run_], floats_, here.inner);
      }
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  }
  bool out_of_memory = false;
  std::string other_size;

 private:
  std::map<std::string, const Watched*> wanted_;
  std::map<std::string, ValueError>& errors_;
  std::size_t run_ = 0;
  std::vector<float> floats_;
};

ReferenceValues::Watched ReferenceValues::shape_of(const Graph& graph, ValueId id) const {
  const Shape& shape = graph.value(id).shape;
  Watched watched;
  const std::size_t axis = channel_axis(graph, id);
  if (shape.size() <= axis) {
    watched.inner = static_cast<std::size_t>(std::max<std::int64_t>(element_count(shape), 1));
    return watched;
  }
  watched.channels = static_cast<std::size_t>(shape[axis]);
  for (std::size_t d = axis + 1; d < shape.size(); ++d) watched.inner *= static_cast<std::size_t>(shape[d]);
  return watched;
}

ReferenceValues::ReferenceValues(const Graph& reference, const std::vector<ValueId>& watched,
                                 const SampleSource& samples, std::size_t memory) {
  std::size_t bytes = 0;
  const auto add = [&](ValueId id) {
    const std::string& name = reference.value(id).name;
    if (!values_.emplace(name, shape_of(reference, id)).second) return;
    bytes += sizeof(float) * static_cast<std::size_t>(element_count(reference.value(id).shape));
  };
  for (const ValueId id : watched) {
    add(id);
    names_.emplace(id, reference.value(id).name);
  }
  for (const ValueId id : judged_outputs(reference)) {
    add(id);
    outputs_.push_back(reference.value(id).name);
  }
  CompileOptions options = default_options();
  options.int8 = false;
  Session session(Program::compile(reference, options), 1);
  const std::size_t affordable = std::max<std::size_t>(memory / std::max<std::size_t>(bytes, 1), 1);
  for (std::size_t run = 0; run < samples.runs && inputs_.size() < affordable; ++run) {
    if (!samples.fill(session, run)) continue;
    inputs_.emplace_back();
    for (std::size_t i = 0; i < session.program().inputs().size(); ++i)
      inputs_.back().emplace_back(session.input(i).begin(), session.input(i).end());
    Keeper keeper(*this);
    session.run(keeper);
    if (keeper.out_of_memory) throw std::bad_alloc();
  }
  if (inputs_.empty()) throw UsageError("not one sample could be used");
}

std::map<std::string, ValueError> ReferenceValues::compare(
    const std::shared_ptr<const Program>& program,
    const std::vector<std::pair<std::string, std::string>>& names) const {
  std::map<std::string, const Watched*> wanted;
  for (const auto& [there, here] : names) wanted.emplace(there, &values_.at(here));
  for (const std::string& output : outputs_) wanted.emplace(output, &values_.at(output));
  std::map<std::string, ValueError> errors;
  Comparer comparer(std::move(wanted), errors);
  Session session(program, 1);
  for (std::size_t run = 0; run < inputs_.size(); ++run) {
    for (std::size_t i = 0; i < inputs_[run].size(); ++i) {
      if (i >= program->inputs().size() || session.input(i).size() != inputs_[run][i].size())
        throw UsageError("the two models differ: other inputs");
      std::copy(inputs_[run][i].begin(), inputs_[run][i].end(), session.input(i).begin());
    }
    comparer.begin(run);
    session.run(comparer);
  }
  if (comparer.out_of_memory) throw std::bad_alloc();
  if (!comparer.other_size.empty())
    throw UsageError("the two models differ: other shapes", {{}, comparer.other_size, {}});
  return errors;
}

double ReferenceValues::output_noise(const std::map<std::string, ValueError>& errors) const {
  double sum = 0;
  std::size_t count = 0;
  for (const std::string& output : outputs_) {
    const auto found = errors.find(output);
    if (found == errors.end() || !(found->second.reference_energy() > 0)) continue;
    sum += found->second.error_energy() / found->second.reference_energy();
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

Saturation ReferenceValues::saturation(ValueId value, const std::vector<QuantizationRange>& limits) const {
  Saturation found;
  const Watched& watched = values_.at(names_.at(value));
  for (const std::vector<float>& run : watched.runs) {
    found.elements += run.size();
    if (limits.empty()) continue;
    for (std::size_t i = 0; i < run.size(); ++i) {
      const QuantizationRange& range = limits[limits.size() == 1 ? 0 : i / watched.inner % watched.channels];
      const float half = (range.high - range.low) / 510;
      const float beyond = std::max({run[i] - range.high, range.low - run[i], 0.0F});
      if (beyond <= half) continue;
      ++found.count;
      found.energy += static_cast<double>(beyond) * static_cast<double>(beyond);
    }
  }
  return found;
}

ValueError ReferenceValues::extremes(ValueId value) const {
  const Watched& watched = values_.at(names_.at(value));
  ValueError error;
  error.channels.resize(watched.channels);
  for (const std::vector<float>& run : watched.runs) error.add(run, run, watched.inner);
  return error;
}

}  // namespace refcalib::engine
