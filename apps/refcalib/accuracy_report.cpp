#include "apps/refcalib/accuracy_report.h"

#include <cmath>

#include "apps/refcalib/json.h"
#include "apps/refcalib/text.h"

namespace refcalib::app {
namespace {

std::string number(double value) {
  return std::isnan(value) ? "-" : fixed(value, 3);
}

}  // namespace

void AccuracyReport::add(const engine::EvaluationConfig& config, engine::Evaluation evaluation) {
  entries_.push_back({config.name, config.dataset.name, std::move(evaluation)});
}

const AccuracyReport::Entry* AccuracyReport::baseline(std::size_t index) const {
  for (std::size_t i = 0; i < index; ++i)
    if (entries_[i].dataset == entries_[index].dataset &&
        entries_[i].evaluation.samples == entries_[index].evaluation.samples)
      return &entries_[i];
  return nullptr;
}

std::vector<AccuracyReport::Figure> AccuracyReport::figures(const Style& style) const {
  std::vector<Figure> out;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const engine::Evaluation& evaluation = entries_[i].evaluation;
    const Entry* const first = baseline(i);
    for (std::size_t k = 0; k < evaluation.metrics.size(); ++k) {
      const engine::Metric& metric = *evaluation.metrics[k];
      const engine::MetricInfo& info = metric.info();
      Figure figure{entries_[i].model, entries_[i].dataset, info.name, info.unit};
      const auto all = evaluation.all();
      figure.value = metric.value(all) * info.scale;
      figure.reference = info.reference;
      if (style.intervals) {
        const auto [low, high] = engine::bootstrap_interval(metric, evaluation.samples);
        figure.interval = {low * info.scale, high * info.scale};
      }
      if (first != nullptr && k < first->evaluation.metrics.size() &&
          first->evaluation.metrics[k]->info().name == info.name) {
        figure.difference =
            engine::paired_difference(*first->evaluation.metrics[k], metric, evaluation.samples);
        for (double* const x :
             {&figure.difference->difference, &figure.difference->low, &figure.difference->high})
          *x *= info.scale;
      }
      if (style.per_class && !info.names.empty()) {
        const auto values = metric.values(all);
        for (std::size_t c = 0; c < values.size() && c < info.names.size(); ++c)
          figure.classes.emplace_back(info.names[c], values[c] * info.scale);
      }
      out.push_back(std::move(figure));
    }
  }
  return out;
}

std::string AccuracyReport::pretty(const Style& style) const {
  std::string text;
  std::vector<Figure> all = figures(style);
  std::size_t at = 0;
  for (const Entry& entry : entries_) {
    text += "model '" + entry.model + "' on '" + entry.dataset +
            "': " + counted(entry.evaluation.samples - entry.evaluation.failed.size(), "sample") +
            (entry.evaluation.failed.empty()
                 ? ""
                 : ", " + std::to_string(entry.evaluation.failed.size()) + " left out") +
            ", " + duration(entry.evaluation.seconds) + "\n";
    for (std::size_t k = 0; k < entry.evaluation.metrics.size(); ++k, ++at) {
      const Figure& figure = all[at];
      const std::string unit = figure.unit.empty() ? "" : " " + figure.unit;
      text += "  " + figure.metric + " " + number(figure.value) + unit;
      if (figure.interval)
        text += " [" + number(figure.interval->first) + ", " + number(figure.interval->second) + "]";
      if (figure.reference) text += " (reference " + number(*figure.reference) + ")";
      text += "\n";
      if (figure.difference) {
        text += "    difference " + number(figure.difference->difference) + unit + ", 95 % interval [" +
                number(figure.difference->low) + ", " + number(figure.difference->high) + "]";
        if (figure.difference->better + figure.difference->worse > 0)
          text += ", " + std::to_string(figure.difference->better) + " better, " +
                  std::to_string(figure.difference->worse) + " worse";
        text += "\n";
      }
      if (figure.classes.empty()) continue;
      Table table{{"class", figure.metric}, {}, {}};
      for (const auto& [name, value] : figure.classes) table.rows.push_back({name, number(value)});
      text += table.text();
    }
  }
  return text;
}

std::string AccuracyReport::csv(const Style& style) const {
  Table table{{"model", "dataset", "metric", "class", "value", "unit", "difference", "low", "high", "better",
               "worse"},
              {},
              {}};
  const auto plain = [](double x) { return std::isnan(x) ? std::string() : significant(x, 9); };
  for (const Figure& f : figures(style)) {
    std::vector<std::string> row{f.model, f.dataset, f.metric, "", plain(f.value), f.unit};
    if (f.difference)
      row.insert(row.end(),
                 {plain(f.difference->difference), plain(f.difference->low), plain(f.difference->high),
                  std::to_string(f.difference->better), std::to_string(f.difference->worse)});
    row.resize(table.header.size());
    table.rows.push_back(std::move(row));
    for (const auto& [name, value] : f.classes) {
      table.rows.push_back({f.model, f.dataset, f.metric, name, plain(value), f.unit});
      table.rows.back().resize(table.header.size());
    }
  }
  return table.csv();
}

std::string AccuracyReport::json(const Style& style) const {
  std::vector<JsonObject> list;
  for (const Figure& f : figures(style)) {
    JsonObject object;
    object.add("model", f.model)
        .add("dataset", f.dataset)
        .add("metric", f.metric)
        .add("value", f.value)
        .add("unit", f.unit);
    if (f.reference) object.add("reference", *f.reference);
    if (f.interval) object.add("low", f.interval->first).add("high", f.interval->second);
    if (f.difference) {
      JsonObject difference;
      difference.add("value", f.difference->difference)
          .add("low", f.difference->low)
          .add("high", f.difference->high);
      difference.add("better", f.difference->better).add("worse", f.difference->worse);
      object.add("difference", difference);
    }
    if (!f.classes.empty()) {
      JsonObject classes;
      for (const auto& [name, value] : f.classes) classes.add(name, value);
      object.add("classes", classes);
    }
    list.push_back(std::move(object));
  }
  std::vector<JsonObject> runs;
  for (const Entry& entry : entries_) {
    JsonObject run;
    run.add("model", entry.model).add("dataset", entry.dataset).add("samples", entry.evaluation.samples);
    run.add("left_out", entry.evaluation.failed.size()).add("seconds", entry.evaluation.seconds);
    runs.push_back(std::move(run));
  }
  return JsonObject().add("evaluations", runs).add("figures", list).text();
}

}  // namespace refcalib::app
