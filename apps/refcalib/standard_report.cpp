#include "apps/refcalib/standard_report.h"

#include "apps/refcalib/json.h"
#include "apps/refcalib/text.h"

namespace refcalib::app {

std::string StandardReport::text_of(double figure) const {
  return fixed(figure * metric.scale, 3) + (metric.unit.empty() ? "" : " " + metric.unit);
}

std::string StandardReport::drop_text(double drop) const {
  if (goal.relative(metric)) return fixed(drop, 3) + " % of FP32";
  return fixed(drop, 3) + (metric.unit == "%" ? " points" : "");
}

const engine::FloatSet& StandardReport::chosen() const {
  return search.trials[search.best].floats;
}

bool StandardReport::on_front(double cost, double drop) const {
  const auto beats = [&](double other_cost, double other_drop) {
    return other_cost <= cost && other_drop <= drop && (other_cost < cost || other_drop < drop);
  };
  for (const engine::SearchTrial& trial : search.trials)
    if (trial.found.complete && beats(trial.cost, trial.found.drop)) return false;
  return !beats(float_cost, 0);
}

std::string StandardReport::reason(std::size_t layer) const {
  if (!chosen()[layer]) return {};
  if (layer < start.size() && start[layer]) return "slower in INT8";
  return "costs accuracy in INT8";
}

void StandardReport::print(Report& report, bool every_layer) const {
  if (!effects.empty() || measured_cost) {
    Table trials{
        {"networks", "FP32 layers", "time of FP32", "estimated drop", "drop", "front", ""}, {}, {0, 5, 6}};
    trials.rows.push_back({"FP32", std::to_string(layers.size()) + " of " + std::to_string(layers.size()),
                           "100.0 %", "", "0.000", on_front(float_cost, 0) ? "yes" : "", ""});
    for (std::size_t i = 0; i < search.trials.size(); ++i) {
      const engine::SearchTrial& trial = search.trials[i];
      const std::string verdict = !trial.found.complete ? "missed, ended early"
                                  : trial.found.meets   ? "met"
                                                        : "missed";
      trials.rows.push_back(
          {i == 0 ? "start" : "trial " + std::to_string(i),
           std::to_string(engine::count_of(trial.floats)) + " of " + std::to_string(layers.size()),
           fixed(100 * trial.cost / float_cost, 1) + " %", fixed(trial.estimate, 3),
           fixed(trial.found.drop, 3),
           trial.found.complete && on_front(trial.cost, trial.found.drop) ? "yes" : "",
           verdict + (i == search.best && !in_float ? ", taken" : "")});
    }
    report.block(trials.text());
    Table table{{"layer", "precision", "drop alone", "error alone", "why"}, {}, {1, 4}};
    for (std::size_t i = 0; i < layers.size() && !effects.empty(); ++i)
      if (every_layer || chosen()[i])
        table.rows.push_back({layers[i], chosen()[i] ? "FP32" : "INT8", fixed(effects[i].drop, 3),
                              significant(effects[i].output_error, 3), reason(i)});
    if (!table.rows.empty()) report.block(table.text());
  }
  std::string line = (in_float ? "best in INT8: " : "final: ") + text_of(value) + ", drop " +
                     drop_text(search.trials[search.best].found.drop);
  if (difference)
    line += "; INT8 minus FP32 " + fixed(difference->difference * metric.scale, 3) + ", 95 % interval [" +
            fixed(difference->low * metric.scale, 3) + ", " + fixed(difference->high * metric.scale, 3) + "]";
  report.line(line);
  report.line(std::string("threshold ") + drop_text(goal.threshold) + (met ? " met" : " NOT met") + ": " +
              std::to_string(layers.size() - engine::count_of(chosen())) + " of " +
              counted(layers.size(), "layer") + " in INT8, " +
              (measured_cost ? "latency " : "estimated time ") +
              fixed(100 * search.trials[search.best].cost / float_cost, 1) + " % of FP32");
  if (in_float)
    report.line(
        std::string(met ? "no network in INT8 that meets the threshold is faster than FP32 here"
                        : "no network in INT8 meets the threshold, and the best is slower than FP32 here") +
        ": FP32 was written\nfinal: " + text_of(reference) + ", FP32");
  report.line("evaluations on all " + counted(samples, "sample") + ": " + std::to_string(complete) +
              (partial > 0 ? " and " + std::to_string(partial) + " that ended early, " + fixed(passes, 2) +
                                 " passes over the samples in all"
                           : "") +
              (effects.empty() ? ""
                               : "; " + counted(search.estimates, "network") + " compared on " +
                                     counted(subset, "sample")));
}

std::string StandardReport::json() const {
  JsonObject object;
  object.add("model", model).add("dataset", dataset).add("output", output).add("method", method);
  object.add("metric", metric.name).add("unit", metric.unit).add("samples", samples);
  object.add("threshold", goal.threshold).add("drop_type", goal.relative(metric) ? "relative" : "absolute");
  object.add("fp32", reference * metric.scale).add("all_int8", all_int8 * metric.scale);
  object.add("all_int8_drop", all_int8_drop).add("final", (in_float ? reference : value) * metric.scale);
  object.add("final_drop", in_float ? 0 : search.trials[search.best].found.drop)
      .add("met", met ? "yes" : "no");
  object.add("written", in_float ? "fp32" : "int8");
  if (difference) {
    JsonObject paired;
    paired.add("value", difference->difference * metric.scale)
        .add("low", difference->low * metric.scale)
        .add("high", difference->high * metric.scale)
        .add("better", difference->better)
        .add("worse", difference->worse);
    object.add("difference", paired);
  }
  object.add("complete_evaluations", complete).add("partial_evaluations", partial).add("passes", passes);
  object.add("subset", subset).add("estimates", search.estimates);
  object.add("cost_unit", measured_cost ? "seconds" : "model").add("fp32_cost", float_cost);
  std::vector<JsonObject> trials, rows;
  for (const engine::SearchTrial& trial : search.trials)
    trials.push_back(
        JsonObject()
            .add("float_layers", engine::count_of(trial.floats))
            .add("cost", trial.cost)
            .add("estimated_drop", trial.estimate)
            .add("drop", trial.found.drop)
            .add("front", trial.found.complete && on_front(trial.cost, trial.found.drop) ? "yes" : "no")
            .add("complete", trial.found.complete ? "yes" : "no")
            .add("met", trial.found.meets ? "yes" : "no"));
  for (std::size_t i = 0; i < layers.size(); ++i) {
    JsonObject row;
    row.add("layer", layers[i]).add("precision", chosen()[i] ? "FP32" : "INT8").add("reason", reason(i));
    if (!effects.empty()) row.add("drop", effects[i].drop).add("output_error", effects[i].output_error);
    rows.push_back(std::move(row));
  }
  return object.add("trials", trials).add("layers", rows).text();
}

}  // namespace refcalib::app
