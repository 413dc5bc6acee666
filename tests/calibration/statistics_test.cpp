#include <algorithm>
#include <atomic>
#include <random>
#include <refcalib/statistics_file.hpp>

#include "engine/calibration/collect.h"
#include "engine/calibration/convergence.h"
#include "engine/calibration/decide.h"
#include "engine/calibration/model_hash.h"
#include "engine/calibration/name_pattern.h"
#include "tests/calibration/samples.h"
#include "tests/ops/random_network.h"
#include "tests/runtime/allocations.h"

using namespace refcalib_test;
using refcalib::ContentHash;
using refcalib::Range;
using refcalib::Statistics;
using refcalib::statistics_from_bytes;
using refcalib::to_bytes;

namespace {

/// x -> conv -> relu -> second -> third
Graph chain(std::int64_t batch = 1, float weight = 1) {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {batch, 3, 8, 8});
  const ValueId conv = add_convolution(b, "conv", x, random_tensor({1, 5, 3, 3, 3}, 2, -weight, weight),
                                       random_tensor({5}, 3).data, convolution(2, 1, 1));
  const ValueId relu = add_activation(b, "relu", conv, "relu");
  const ValueId second =
      add_convolution(b, "second", relu, random_tensor({1, 4, 5, 1, 1}, 4, -1, 1), {}, convolution(2));
  b.output(add_convolution(b, "third", second, random_tensor({1, 2, 4, 1, 1}, 5, -1, 1), {}, convolution(2)));
  return b.finish();
}

Samples samples_for(const Graph& graph, std::size_t count) {
  Samples samples;
  for (std::size_t s = 0; s < count; ++s) {
    samples.emplace_back();
    for (const ValueId id : graph.inputs)
      samples.back().push_back(random_tensor(graph.value(id).shape, 100 * s + id, -2, 2));
  }
  return samples;
}

Statistics collected(const Graph& graph, const Samples& samples, const CollectOptions& options = {}) {
  return collect(graph, {samples.size(), filling(samples), {}}, options).statistics;
}

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("shards give the bytes of one run, and the calibration of it", "[statistics]") {
  std::mt19937 random(4);
  for (const std::uint64_t seed : {1U, 4U}) {
    const Graph graph = RandomNetwork(seed, {.layers = 10}).graph;
    Samples samples = samples_for(graph, 100);
    CollectOptions options;
    options.threads = 2;
    const std::string expected = to_bytes(collected(graph, samples, options));
    const CalibrationOptions how;
    const CalibrationPlan plan = plan_calibration(graph, how);
    const ir::Annotation annotation = calibrated(graph, samples, how).annotation;
    for (const std::size_t shards : {1U, 2U, 7U, 100U}) {
      std::shuffle(samples.begin(), samples.end(), random);
      Statistics sum;
      for (std::size_t s = 0; s < shards; ++s) {
        Samples part;
        for (std::size_t i = s; i < samples.size(); i += shards) part.push_back(samples[i]);
        options.threads = static_cast<int>(1 + s % 3);
        const Statistics own = statistics_from_bytes(to_bytes(collected(graph, part, options)));
        if (s == 0)
          sum = own;
        else
          sum.merge(own);
      }
      sum.sort();
      CHECK(to_bytes(sum) == expected);
      CHECK(same_annotation(decide(graph, plan, sum, how).annotation, annotation));
    }
  }
}

TEST_CASE("statistics do not depend on threads, instruction set or batch", "[statistics]") {
  const Graph graph = chain();
  const Samples samples = samples_for(graph, 6);
  CollectOptions options;
  options.records.channel_ranges = true;
  const Statistics expected = collected(graph, samples, options);
  for (const Isa isa : available_isas()) {
    const UsedIsa used(isa);
    options.threads = 1 + static_cast<int>(isa);
    CHECK(collected(graph, samples, options) == expected);
  }
  Samples batches;
  for (std::size_t s = 0; s < 2; ++s) {
    Tensor t{{4, 3, 8, 8}, {}};
    for (std::size_t row = 0; row < 4; ++row) {
      const auto& data = samples[s * 4 + row < 6 ? s * 4 + row : 0][0].data;
      t.data.insert(t.data.end(), data.begin(), data.end());
    }
    batches.push_back({t});
  }
  // The last two rows of the second run only fill up.
  const SampleSource source{2,
                            [&](Session& session, std::size_t index) {
                              filling(batches)(session, index);
                              return Filled(std::vector<bool>{true, true, index == 0, index == 0});
                            },
                            {}};
  Statistics in_batches = collect(chain(4), source, options).statistics;
  CHECK(in_batches.origin.model_hash != expected.origin.model_hash);
  in_batches.origin = expected.origin;
  CHECK(in_batches == expected);
}

TEST_CASE("statistics do not depend on the memory that they may take, and keep to it", "[statistics]") {
  const Graph graph = RandomNetwork(4, {.layers = 10}).graph;
  const Samples samples = samples_for(graph, 6);
  const SampleSource source{samples.size(), filling(samples), {}};
  // Beside sessions and statistics: the simplified graph and its program, the lists of samples.
  constexpr std::int64_t network = 200'000;
  for (const bool channels : {false, true}) {
    CollectOptions options;
    options.threads = 3;
    options.records.channel_ranges = channels;
    const std::string expected = to_bytes(collected(graph, samples, options));
    std::size_t refused = 0, most_passes = 0, at_once = 0;
    for (std::size_t bound = 1 << 16; bound < 1 << 23; bound += bound / 8) {
      INFO(bound);
      options.max_memory = bound;
      try {
        const AllocatedBytes memory;
        const Collected seen = collect(graph, source, options);
        CHECK(memory.peak() < static_cast<std::int64_t>(bound) + network);
        CHECK(to_bytes(seen.statistics) == expected);
        CHECK(refused > 0);  // from the least bound on all are enough
        most_passes = std::max(most_passes, seen.passes);
        at_once += seen.passes == 1;
      } catch (const UsageError&) {
        ++refused;
        CHECK(most_passes == 0);
      }
    }
    CHECK(most_passes > 4);
    CHECK(at_once > 4);
  }
}

TEST_CASE("more samples take no more memory than their records", "[statistics]") {
  // ONNX Runtime and NNCF keep the activations of all samples until the last one was run.
  const Graph graph = chain();
  const auto peak_with = [&](std::size_t count) {
    const Samples samples = samples_for(graph, count);
    const SampleSource source{samples.size(), filling(samples), {}};
    CollectOptions options;
    options.threads = 1;
    const AllocatedBytes memory;
    static_cast<void>(collect(graph, source, options));
    return memory.peak();
  };
  // Values of a sample: 17 channels of 8 x 8 floats; its records: a hash and the two ends of each value.
  constexpr std::int64_t activations = 17 * 64 * 4, records = 8 + 5 * 8, more = 150;
  const std::int64_t few = peak_with(50), many = peak_with(50 + more);
  INFO(few << " bytes, " << many << " bytes");
  CHECK(many - few < 4 * more * records);
  CHECK(4 * records < activations / 4);
}

TEST_CASE("too little memory, and what cannot be done in several passes, are errors", "[statistics]") {
  const Graph graph = RandomNetwork(4, {.layers = 10}).graph;
  const Samples samples = samples_for(graph, 6);
  const SampleSource source{samples.size(), filling(samples), {}};
  CollectOptions options;
  options.max_memory = 100'000;
  const std::string refused = error_of([&] { collect(graph, source, options); });
  CHECK_THAT(refused, Contains("takes at least") && Contains("0.1 MB are allowed"));
  // What is named is enough.
  options.max_memory =
      static_cast<std::size_t>(std::stod(refused.substr(refused.find("least ") + 6)) * 1e6 + 0.5);
  std::size_t done = 0;
  std::vector<std::size_t> all;
  const Collected seen = collect(graph, source, options, [&](std::size_t now, std::size_t of) {
    all.push_back(of);
    return now == ++done;
  });
  CHECK(seen.passes > 1);
  CHECK(all == std::vector<std::size_t>(seen.passes * samples.size(), seen.passes * samples.size()));
  CHECK_THROWS_AS(collect(graph, source, options, [&](std::size_t now, std::size_t) { return now < 8; }),
                  Cancelled);

  const Statistics before = empty_statistics(graph);
  options.resume = &before;
  CHECK_THAT(error_of([&] { collect(graph, source, options); }), Contains("cannot be resumed"));
  options.resume = nullptr;
  std::atomic<std::size_t> filled = 0;
  const SampleSource changing{samples.size(),
                              [&](Session& session, std::size_t index) {
                                return filled++ != 7 && filling(samples)(session, index).any();
                              },
                              {}};
  CHECK_THAT(error_of([&] { collect(graph, changing, options); }), Contains("others in pass 2"));
}

TEST_CASE("a calibration within bounded memory is the same", "[statistics]") {
  const Graph graph = chain();
  const Samples samples = samples_for(graph, 8);
  for (const char* const method : {"mse", "percentile", "kl"}) {
    CalibrationOptions options;
    options.method = method;
    options.threads = 2;
    const CalibrationResult expected = calibrated(graph, samples, options);
    CHECK(expected.collect_passes == 1);
    options.max_memory = 700'000;
    const CalibrationResult bounded = calibrated(graph, samples, options);
    CHECK(bounded.collect_passes > 1);
    CHECK(same_annotation(bounded.annotation, expected.annotation));
  }
}

TEST_CASE("statistics hold every value that any layer selection needs", "[statistics]") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const Graph graph = RandomNetwork(seed, {.layers = 12}).graph;
    const Samples samples = samples_for(graph, 3);
    const Statistics statistics = collected(graph, samples);
    const CalibrationPlan all = plan_calibration(graph, {});
    for (const NodeId id : all.candidates.weighted) {
      CalibrationOptions options;
      options.ignore_layers = {all.simplified.node(id).name};
      if (all.candidates.weighted.size() == 1) continue;
      const CalibrationPlan plan = plan_calibration(graph, options);
      CHECK(same_annotation(decide(graph, plan, statistics, options).annotation,
                            calibrated(graph, samples, options).annotation));
    }
  }
}

TEST_CASE("an interrupted collection goes on to the bytes of an undisturbed one", "[statistics]") {
  const Graph graph = chain();
  Samples samples = samples_for(graph, 20);
  samples[13] = samples[4];  // one sample twice
  const std::string expected = to_bytes(collected(graph, samples));
  for (const int threads : {1, 3})
    for (const std::size_t stop : {1U, 7U, 19U}) {
      std::string state;
      std::size_t runs = 0;
      CollectOptions options;
      options.threads = threads;
      options.checkpoint = [&](const Statistics& so_far) { state = to_bytes(so_far); };
      const SampleSource source{samples.size(), filling(samples), {}};
      CHECK_THROWS_AS(
          collect(graph, source, options, [&](std::size_t done, std::size_t) { return done < stop; }),
          Cancelled);
      REQUIRE_FALSE(state.empty());
      const Statistics before = statistics_from_bytes(state);
      CHECK(before.sample_count >= stop);
      CHECK(before.sample_count < stop + static_cast<std::size_t>(threads));
      // The samples may come in another order.
      std::rotate(samples.begin(), samples.begin() + 5, samples.end());
      options.resume = &before;
      const Statistics whole =
          collect(graph, source, options, [&](std::size_t, std::size_t) { return ++runs > 0; }).statistics;
      CHECK(to_bytes(whole) == expected);
      CHECK(runs == samples.size());
    }
  // States while it runs are whole as well.
  CollectOptions options;
  options.threads = 1;
  options.checkpoint_seconds = 0;
  std::vector<std::uint64_t> counts;
  options.checkpoint = [&](const Statistics& so_far) { counts.push_back(so_far.sample_count); };
  CHECK(to_bytes(collected(graph, samples, options)) == expected);
  CHECK(counts.size() == samples.size());
  CHECK(std::is_sorted(counts.begin(), counts.end()));
}

TEST_CASE("a collection only goes on from statistics of the same", "[statistics]") {
  const Graph graph = chain(), other = chain(1, 2);
  const Samples samples = samples_for(graph, 2);
  const Statistics state = collected(graph, samples);
  CollectOptions options;
  options.resume = &state;
  CHECK_THAT(error_of([&] { collected(other, samples, options); }), Contains("different models"));
  options.records.channel_ranges = true;
  CHECK_THAT(error_of([&] { collected(graph, samples, options); }), Contains("other records"));
  CHECK(model_hash(graph) == model_hash(chain()));
  CHECK(model_hash(graph) != model_hash(other));
  CHECK(model_hash(annotated(graph, calibrated(graph, samples).annotation)) == model_hash(graph));
}

TEST_CASE("statistics without a value are refused", "[statistics]") {
  const Graph graph = chain();
  Statistics statistics = collected(graph, samples_for(graph, 2));
  statistics.values.erase("second");
  CHECK_THAT(error_of([&] { decide(graph, plan_calibration(graph, {}), statistics, {}); }),
             Contains("layer 'second': the statistics do not have this value"));
}

TEST_CASE("the expected share of a range is the mean over all subsets", "[statistics]") {
  const std::vector<Range> ranges = {{-1, 3}, {0.5F, 2}, {-4, 9}, {-0.5F, 4}, {-3, 0.25F}, {-4, 1}};
  for (std::size_t n = 1; n <= ranges.size(); ++n) {
    double sum = 0;
    int subsets = 0;
    for (unsigned mask = 0; mask < 1U << ranges.size(); ++mask) {
      Range own{0, 0};
      std::size_t members = 0;
      for (std::size_t i = 0; i < ranges.size(); ++i) {
        if ((mask >> i & 1U) == 0) continue;
        ++members;
        own = {std::min(own.min, ranges[i].min), std::max(own.max, ranges[i].max)};
      }
      if (members != n) continue;
      sum += static_cast<double>(own.max - own.min) / 13;
      ++subsets;
    }
    CHECK(expected_share(ranges, n) == Approx(sum / subsets).epsilon(1e-9));
  }
  CHECK(expected_share({}, 1) == 0);
  CHECK(expected_share({{0, 0}, {0, 0}}, 1) == 1);
}

TEST_CASE("convergence tells enough data from too little", "[statistics]") {
  const Graph graph = chain();
  const Statistics same = collected(graph, Samples(40, samples_for(graph, 1)[0]));
  const auto at_once = convergence(same);
  REQUIRE(at_once);
  CHECK(at_once->enough == 1);
  CHECK(at_once->mean_growth == Approx(0).margin(1e-9));
  CHECK_THAT(describe(*at_once, 40), Contains("1 of the 40 samples give 99 %"));
  // One sample that is ten times the others: nothing but all samples is enough.
  Samples spread = samples_for(graph, 40);
  for (float& v : spread[17][0].data) v *= 10;
  const auto late = convergence(collected(graph, spread));
  REQUIRE(late);
  CHECK(late->enough > 35);
  CHECK(late->mean_growth > 0.3);
  CHECK(late->largest_growth >= late->mean_growth);
  CHECK_THAT(describe(*late, 40), Contains("would still widen"));
  CollectOptions none;
  none.records.ranges = false;
  CHECK_FALSE(convergence(collected(graph, spread, none)));
  CHECK_FALSE(convergence(collected(graph, samples_for(graph, 1))));

  // The same sample is what limits hang on.
  CalibrationOptions options;
  options.method = "minmax";
  for (const ValueReport& value : calibrated(graph, spread, options).values) CHECK(value.reached_by == 1U);
  for (const ValueReport& value : calibrated(graph, Samples(40, spread[1]), options).values)
    CHECK(value.reached_by == 40U);
}

TEST_CASE("patterns match as shells and regular expressions do", "[layers]") {
  struct Case {
    const char *pattern, *name;
    bool matches;
  };
  const Case cases[] = {{"conv1", "conv1", true},
                        {"conv1", "conv10", false},
                        {"conv*", "conv10", true},
                        {"*", "", true},
                        {"*conv*", "a/conv/b", true},
                        {"a*b*c", "a__b__b_c", true},
                        {"a*b*c", "a__b__b_", false},
                        {"conv?", "conv", false},
                        {"conv?", "conv1", true},
                        {"conv[12]", "conv2", true},
                        {"conv[!12]", "conv2", false},
                        {"conv[a-c_]x", "convbx", true},
                        {"conv[]]", "conv]", true},
                        {"a[b", "a[b", true},
                        {"a[b*", "a[bc", true},
                        {"conv[12]", "conv[12]", true},
                        {"re:conv[0-9]+", "conv12", true},
                        {"re:conv", "conv12", false},
                        {"re:.*/(a|b)", "x/b", true},
                        {"Conv1", "conv1", false}};
  for (const Case& c : cases) {
    INFO(c.pattern << " " << c.name);
    CHECK(NamePattern(c.pattern).matches(c.name) == c.matches);
  }
  CHECK_THAT(error_of([] { NamePattern("re:("); }), Contains("'re:(' is no regular expression"));
  const std::set<std::string> known = {"conv1", "conv2/bn", "fc6", "relu"};
  struct Near {
    const char *text, *nearest;
  };
  for (const Near& n : {Near{"conv_1", "conv1"},
                        {"CONV1", "conv1"},
                        {"cnov1", "conv1"},
                        {"conv2/nb", "conv2/bn"},
                        {"softmax", ""},
                        {"fc7", "fc6"},
                        {"", ""}})
    CHECK(nearest_name(n.text, known) == n.nearest);
}

TEST_CASE("layers are selected by patterns, place and exclusion", "[layers]") {
  const Graph graph = chain();
  const Samples samples = samples_for(graph, 2);
  struct Case {
    void (*select)(LayerSelection&);
    std::vector<std::string> integer;
  };
  const Case cases[] = {{[](LayerSelection& s) { s.ignore_layers = {"s*"}; }, {"conv", "third"}},
                        {[](LayerSelection& s) { s.ignore_layers = {"re:(conv|third)"}; }, {"second"}},
                        {[](LayerSelection& s) { s.ignore_layers = {"rel?"}; }, {"second", "third"}},
                        {[](LayerSelection& s) { s.int8_layers = {"second"}; }, {"second"}},
                        {[](LayerSelection& s) { s.int8_layers = {"*"}; }, {"conv", "second", "third"}},
                        {[](LayerSelection& s) { s.float_first = true; }, {"second", "third"}},
                        {[](LayerSelection& s) { s.float_last = true; }, {"conv", "second"}},
                        {[](LayerSelection& s) { s.float_first = s.float_last = true; }, {"second"}},
                        {[](LayerSelection& s) {
                           s.ignore_between = {{"relu", "second"}};
                         },
                         {"third"}},
                        {[](LayerSelection& s) {
                           s.layer_types = {{"second", "FullyConnected"}};
                           s.ignore_types = {"Fully*"};
                         },
                         {"conv", "third"}}};
  for (const Case& c : cases) {
    CalibrationOptions options;
    c.select(options);
    std::vector<std::string> integer;
    for (const auto& weights : calibrated(graph, samples, options).annotation.weights)
      integer.push_back(weights.layer);
    CHECK(integer == c.integer);
  }
  struct Wrong {
    void (*select)(LayerSelection&);
    const char* error;
  };
  const Wrong wrongs[] = {
      {[](LayerSelection& s) { s.ignore_layers = {"secnod"}; }, "no layer 'secnod' (is 'second' meant?)"},
      {[](LayerSelection& s) { s.int8_layers = {"x9*"}; }, "no layer 'x9*'"},
      {[](LayerSelection& s) { s.ignore_types = {"Convolutoin"}; },
       "no layer of type 'Convolutoin' (is 'Convolution' meant?)"},
      {[](LayerSelection& s) {
         s.ignore_between = {{"third", "conv"}};
       },
       "no way leads from layer 'third'"},
      {[](LayerSelection& s) { s.ignore_layers = {"re:["}; }, "no regular expression"}};
  for (const Wrong& w : wrongs) {
    CalibrationOptions options;
    w.select(options);
    CHECK_THAT(error_of([&] { calibrated(graph, samples, options); }), Contains(w.error));
  }
}
