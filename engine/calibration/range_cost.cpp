#include "engine/calibration/range_cost.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <span>

#include "engine/core/error.h"
#include "engine/passes/passes.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {
namespace {

struct Trial {
  Quantization q;
  double noise = 0;
  std::size_t clipped = 0;
};

struct Seen {
  double signal = 0;
  std::size_t elements = 0;
  std::vector<Trial> trials;
};

class CostObserver final : public StepObserver {
 public:
  explicit CostObserver(std::map<std::string, Seen>& values) : values_(values) {}

  void after_step(int, std::span<const ValueView> outputs) noexcept override {
    for (const ValueView& view : outputs)
      if (const auto found = values_.find(view.value->name); found != values_.end()) add(view, found->second);
  }

 private:
  void add(const ValueView& view, Seen& seen) {
    copy_to_floats(view, floats_);
    seen.elements += floats_.size();
    for (const float x : floats_) seen.signal += static_cast<double>(x) * static_cast<double>(x);
    for (Trial& trial : seen.trials) {
      const float scale = trial.q.scale.front();
      const auto zero = static_cast<float>(trial.q.zero_point), first = static_cast<float>(trial.q.qmin),
                 last = static_cast<float>(trial.q.qmax);
      for (const float x : floats_) {
        const float exact = std::nearbyint(x / scale) + zero, q = std::clamp(exact, first, last);
        const double error = static_cast<double>(x) - static_cast<double>((q - zero) * scale);
        trial.noise += error * error;
        trial.clipped += exact != q;
      }
    }
  }

  std::map<std::string, Seen>& values_;
  std::vector<float> floats_;
};

void run_all(const Graph& graph, const SampleSource& samples, int threads, CostObserver& observer) {
  Graph unquantized = graph;
  drop_quantization(unquantized);
  CompileOptions compile = default_options();
  compile.int8 = false;
  Session session(Program::compile(std::move(unquantized), compile), threads);
  bool any = false;
  for (std::size_t index = 0; index < samples.runs; ++index) {
    if (!samples.fill(session, index)) continue;
    any = true;
    session.run(observer);
  }
  if (!any) throw UsageError("no sample could be used");
}

}  // namespace

std::vector<RangeCost> range_costs(const Graph& graph, const std::vector<ir::Annotation::Activation>& limits,
                                   const SampleSource& samples, int threads) {
  std::map<std::string, Seen> values;
  std::vector<std::pair<std::string, std::size_t>> places;
  for (const ir::Annotation::Activation& limit : limits) {
    Seen& seen = values[limit.value];
    places.emplace_back(limit.value, seen.trials.size());
    seen.trials.push_back({activation_quantization({limit.range.front()}, limit.levels)});
  }
  CostObserver observer(values);
  run_all(graph, samples, threads, observer);
  std::vector<RangeCost> costs;
  for (const auto& [name, index] : places) {
    const Seen& seen = values.at(name);
    if (seen.elements == 0) continue;
    const Trial& trial = seen.trials[index];
    constexpr double decibel = 10;
    costs.push_back({name,
                     trial.noise > 0 ? decibel * std::log10(seen.signal / trial.noise)
                                     : std::numeric_limits<double>::infinity(),
                     static_cast<double>(trial.clipped) / static_cast<double>(seen.elements)});
  }
  return costs;
}

}  // namespace refcalib::engine
