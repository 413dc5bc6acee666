#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <refcalib/content_hash.hpp>
#include <refcalib/value_statistics.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace refcalib {

/// What statistics belong to. Two sets of statistics can be added if they agree in this.
struct StatisticsOrigin {
  std::string model;                     ///< its name, for messages
  std::uint64_t model_hash = 0;          ///< of what determines the values; 0: not known
  std::string preprocessing;             ///< in words, for messages
  std::uint64_t preprocessing_hash = 0;  ///< 0: not known, fits every other
  SampleRecords records;
  friend bool operator==(const StatisticsOrigin&, const StatisticsOrigin&) = default;
};

/// Everything that a calibration needs to know of data: what was seen of each value of a network, by its
/// name. A plain value. Which samples went into it is kept as hashes of what the network was fed, in
/// increasing order, so that equal multisets of samples give equal statistics, however they were divided,
/// ordered and merged.
struct Statistics {
  StatisticsOrigin origin;
  std::uint64_t sample_count = 0;
  /// Sum of the mixed hashes of the samples, modulo 2^64: independent of their order.
  std::uint64_t data_hash = 0;
  /// Hashes of the samples, increasing; empty if no records of single samples are kept.
  std::vector<std::uint64_t> samples;
  std::map<std::string, ValueStatistics> values;

  /// Counts a sample. Its records must be at the same place in all values.
  void add_sample(std::uint64_t hash) {
    ++sample_count;
    data_hash += ContentHash::mix(hash);
    if (origin.records.any()) samples.push_back(hash);
  }

  /// Adds samples of the same network. Records of single samples that one side does not have are dropped. Call
  /// sort() before anything is compared or written. Throws std::invalid_argument that says what differs.
  void merge(const Statistics& other);

  /// Forgets records of single samples that are not among `kept`.
  void keep(const SampleRecords& kept);

  /// Brings the samples, with their records, into increasing order of hashes.
  void sort();

  friend bool operator==(const Statistics&, const Statistics&) = default;
};

namespace detail {

template <class T>
void permute_rows(std::vector<T>& rows, std::span<const std::size_t> order, std::size_t width) {
  if (rows.empty()) return;
  std::vector<T> sorted;
  sorted.reserve(rows.size());
  for (const std::size_t from : order) {
    const auto first = rows.begin() + static_cast<std::ptrdiff_t>(from * width);
    sorted.insert(sorted.end(), first, first + static_cast<std::ptrdiff_t>(width));
  }
  rows = std::move(sorted);
}

}  // namespace detail

inline void Statistics::merge(const Statistics& other) {
  if (origin.model_hash != other.origin.model_hash)
    throw std::invalid_argument("they are of different models, '" + origin.model + "' and '" +
                                other.origin.model + "'");
  const std::uint64_t prepared = other.origin.preprocessing_hash;
  if (origin.preprocessing_hash != 0 && prepared != 0 && prepared != origin.preprocessing_hash)
    throw std::invalid_argument("the data was prepared differently, '" + origin.preprocessing + "' and '" +
                                other.origin.preprocessing + "'");
  if (values.size() != other.values.size() ||
      !std::equal(values.begin(), values.end(), other.values.begin(),
                  [](const auto& a, const auto& b) { return a.first == b.first; }))
    throw std::invalid_argument("they are of different values of the model");
  const SampleRecords common{origin.records.ranges && other.origin.records.ranges,
                             origin.records.channel_ranges && other.origin.records.channel_ranges};
  keep(common);
  if (prepared != 0) {
    origin.preprocessing_hash = prepared;
    origin.preprocessing = other.origin.preprocessing;
  }
  for (auto& [name, value] : values) {
    try {
      value.merge(other.values.at(name));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("value '" + name + "': " + error.what());
    }
  }
  sample_count += other.sample_count;
  data_hash += other.data_hash;
  samples.insert(samples.end(), other.samples.begin(), other.samples.end());
  keep(common);
}

inline void Statistics::keep(const SampleRecords& kept) {
  origin.records = {origin.records.ranges && kept.ranges,
                    origin.records.channel_ranges && kept.channel_ranges};
  if (!origin.records.any()) samples.clear();
  for (auto& [name, value] : values) {
    if (!origin.records.ranges) value.sample_ranges.clear();
    if (!origin.records.channel_ranges) value.sample_channel_ranges.clear();
  }
}

inline void Statistics::sort() {
  std::vector<std::size_t> order(samples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t a, std::size_t b) {
    if (samples[a] != samples[b]) return samples[a] < samples[b];
    // The same sample twice has the same records; others are told apart by them.
    for (const auto& [name, value] : values) {
      if (value.sample_ranges.empty()) continue;
      const Range& x = value.sample_ranges[a];
      const Range& y = value.sample_ranges[b];
      if (x.min != y.min) return x.min < y.min;
      if (x.max != y.max) return x.max < y.max;
    }
    return false;
  };
  std::sort(order.begin(), order.end(), before);
  detail::permute_rows(samples, order, 1);
  for (auto& [name, value] : values) {
    detail::permute_rows(value.sample_ranges, order, 1);
    detail::permute_rows(value.sample_channel_ranges, order, value.channels());
  }
}

}  // namespace refcalib
