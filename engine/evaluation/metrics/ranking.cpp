#include <algorithm>
#include <cmath>
#include <map>

#include "engine/evaluation/metrics/metric.h"

namespace refcalib::engine {
namespace {

struct Offer {
  std::int64_t user = 0, item = 0;
  bool positive = false;
  double score = 0;
};

/// For every user the best `top_k` items are taken (of equal scores the lower item); the value is what `of`
/// says about the rank of the item that the user took, 0 if it is not among them. Mean over the users with
/// such an item.
class RankingMetric : public EvidenceMetric<Offer> {
 public:
  RankingMetric(std::size_t k, double (*of)(std::size_t rank), const char* who) : k_(k), of_(of), who_(who) {}

 private:
  Offer observe(const Truth& truth, const Prediction& prediction) const override {
    const auto& item = truth_as<ItemTruth>(truth, who_);
    return {item.user, item.item, item.positive, prediction_as<ItemPrediction>(prediction, who_).score};
  }

  std::vector<double> combine(const Samples& samples, std::span<const std::uint32_t> weights) const override {
    std::map<std::int64_t, std::vector<const Offer*>> users;
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (samples[i] && weights[i] > 0) users[samples[i]->user].push_back(&*samples[i]);
    double sum = 0, count = 0;
    for (auto& [user, offers] : users) {
      std::stable_sort(offers.begin(), offers.end(), [](const Offer* a, const Offer* b) {
        return a->score != b->score ? a->score > b->score : a->item < b->item;
      });
      const auto taken =
          std::find_if(offers.begin(), offers.end(), [](const Offer* offer) { return offer->positive; });
      if (taken == offers.end()) continue;
      const auto rank = static_cast<std::size_t>(taken - offers.begin());
      sum += rank < k_ ? of_(rank) : 0;
      ++count;
    }
    return {ratio(sum, count)};
  }

  std::size_t k_;
  double (*of_)(std::size_t);
  const char* who_;
};

std::size_t read_k(Fields& fields) {
  return static_cast<std::size_t>(fields.integer("top_k", 10, 1, 1000000));
}

std::unique_ptr<Metric> make_hit_ratio(Fields& fields, const DatasetMeta&) {
  return std::make_unique<RankingMetric>(
      read_k(fields), [](std::size_t) { return 1.0; }, "metric 'hit_ratio'");
}

std::unique_ptr<Metric> make_ndcg(Fields& fields, const DatasetMeta&) {
  return std::make_unique<RankingMetric>(
      read_k(fields),
      [](std::size_t rank) { return std::log(2.0) / std::log(static_cast<double>(rank) + 2); },
      "metric 'ndcg'");
}

}  // namespace

extern const MetricRecord hit_ratio_metric{
    .name = "hit_ratio", .summary = "share of users whose item is among the top_k", .make = make_hit_ratio};
extern const MetricRecord ndcg_metric{
    .name = "ndcg", .summary = "normalized discounted cumulative gain of the user's item", .make = make_ndcg};

}  // namespace refcalib::engine
