#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <refcalib/content_hash.hpp>
#include <refcalib/statistics.hpp>
#include <refcalib/statistics_file.hpp>
#include <refcalib/value_statistics.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace refcalib {

/// Collects statistics inside an application that runs the network itself, for example on one of every hundred
/// frames of real traffic, and writes the files that `refcalib merge` and `refcalib calibrate --statistics`
/// read.
///
///   Collector collector(load_statistics("empty.rcstat"));     // from refcalib collect --empty
///   ...
///   if (collector.begin_sample(pixels)) {                     // the input as the network gets it
///     for (each value) collector.add(collector.find("conv1"), {data, channels, height * width, ...});
///     collector.end_sample();
///   }
///   save_statistics(collector.statistics(), "camera7.rcstat");
///
/// Without records of single samples memory and file stay constant however many samples are seen. One
/// Collector is for one thread; several are merged. Sums are the same bits as those of the command line if
/// the application is compiled without contraction of floating-point expressions (-ffp-contract=off).
class Collector {
 public:
  /// Watches the values of `pattern`, with its origin and records; its samples are not taken over.
  /// `every`: of so many samples one is looked at, the first one included.
  explicit Collector(const Statistics& pattern, std::uint64_t every = 1) : every_(every) {
    if (every == 0) throw std::invalid_argument("Collector: one of 0 samples");
    seen_.origin = pattern.origin;
    for (const auto& [name, value] : pattern.values) {
      names_.push_back(name);
      observers_.emplace_back(value.channels(), value.channel_axis, pattern.origin.records);
    }
    added_.assign(names_.size(), false);
  }

  [[nodiscard]] std::span<const std::string> names() const { return names_; }
  /// The number of a value. Throws std::invalid_argument for a name that is not watched.
  [[nodiscard]] std::size_t find(std::string_view name) const {
    const auto at = std::lower_bound(names_.begin(), names_.end(), name);
    if (at == names_.end() || *at != name)
      throw std::invalid_argument("Collector: the value '" + std::string(name) + "' is not watched");
    return static_cast<std::size_t>(at - names_.begin());
  }

  /// Says that a sample begins, by what the network is fed. False: it is not looked at, call neither add()
  /// nor end_sample().
  bool begin_sample(std::span<const float> input) {
    if (turn_++ % every_ != 0) return false;
    ContentHash hash;
    hash.add(input);
    hash_ = hash.value();
    added_.assign(names_.size(), false);
    return true;
  }

  /// One value of the current sample. Throws std::invalid_argument for another number of channels, and for a
  /// value that was added before.
  void add(std::size_t value, const SampleView& sample) {
    if (added_.at(value))
      throw std::invalid_argument("Collector: the value '" + names_[value] + "' was added twice");
    observers_[value].add(sample);
    added_[value] = true;
  }

  /// Throws std::invalid_argument naming a value that was not added.
  void end_sample() {
    for (std::size_t i = 0; i < added_.size(); ++i)
      if (!added_[i]) throw std::invalid_argument("Collector: the value '" + names_[i] + "' is missing");
    seen_.add_sample(hash_);
  }

  /// What was seen since the beginning, sorted as files need it. Not between begin_sample and end_sample.
  [[nodiscard]] Statistics statistics() const {
    Statistics result = seen_;
    for (std::size_t i = 0; i < names_.size(); ++i)
      result.values.emplace(names_[i], observers_[i].statistics());
    result.sort();
    return result;
  }

 private:
  std::uint64_t every_;
  std::uint64_t turn_ = 0;
  std::uint64_t hash_ = 0;
  std::vector<std::string> names_;
  std::vector<ValueObserver> observers_;
  std::vector<bool> added_;
  Statistics seen_;  ///< without values
};

}  // namespace refcalib
