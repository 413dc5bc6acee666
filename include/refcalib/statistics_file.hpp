#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <refcalib/detail/byte_stream.hpp>
#include <refcalib/statistics.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// The format of .rcstat files, version 1. A head of text lines, each ended by '\n', that `head -n 20` shows:
//
//   refcalib-statistics 1
//   model HASH NAME                      hashes are 16 hexadecimal digits, 0 where not known
//   preprocessing HASH WORDS
//   samples COUNT DATA-HASH
//   records WORD…                        ranges, channel-ranges; the line is bare if there are none
//   bins 4096
//   value CHANNELS AXIS BYTES NAME       one line for each value, increasing by name; BYTES: of its block
//   end
//
// In names and words a backslash is written \\, a line feed \n and a carriage return \r. Then binary data,
// numbers little-endian, floats as IEEE 754, "varint" as LEB128:
//
//   if there are records: the hashes of the samples, u64, increasing
//   for each value a block:
//     varint  observations
//     varint  zeros, NaN, infinities
//     f32     smallest, largest finite value
//     varint  1 if there are bins of negative values, else 0
//     bins of positive values, then those of negative ones: for every bin that is not empty, varint 1 + empty
//             bins in front of it, varint count; varint 0 ends them
//     f32     smallest of each channel, largest of each channel
//     u64 u64 for each channel: the sum of its means, whole part in two's complement and fraction times 2^64
//     u64 u64 for each channel: the same of its mean squares
//     f32 f32 for each sample, if `ranges`: smallest, largest
//     f32 f32 for each sample and channel, if `channel-ranges`
//   u64 ContentHash of everything in front of it
//
// Equal statistics are written as equal bytes.

namespace refcalib {

/// The bytes of a file. `statistics` must be sorted (Statistics::sort).
[[nodiscard]] std::string to_bytes(const Statistics& statistics);

/// Statistics from the bytes of a file. Throws std::invalid_argument that says in one line what is wrong;
/// memory stays in proportion to the number of bytes.
[[nodiscard]] Statistics statistics_from_bytes(std::string_view bytes);

/// Writes a file under a temporary name and renames it, so that no reader meets half of one. Throws
/// std::runtime_error naming the file.
void save_statistics(const Statistics& statistics, const std::filesystem::path& file);

/// Reads a file. Throws std::runtime_error naming it.
[[nodiscard]] Statistics load_statistics(const std::filesystem::path& file);

namespace detail {

inline constexpr std::string_view kStatisticsMagic = "refcalib-statistics ";
inline constexpr std::string_view kStatisticsVersion = "1";

inline std::string escaped(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\\')
      line += "\\\\";
    else if (c == '\n')
      line += "\\n";
    else if (c == '\r')
      line += "\\r";
    else
      line += c;
  }
  return line;
}

inline std::string unescaped(std::string_view line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      text += line[i];
      continue;
    }
    const char code = ++i < line.size() ? line[i] : '\0';
    if (code != '\\' && code != 'n' && code != 'r')
      throw std::invalid_argument("a name with a stray backslash");
    text += code == 'n' ? '\n' : code == 'r' ? '\r' : '\\';
  }
  return text;
}

inline std::string hexadecimal(std::uint64_t number) {
  std::string digits(16, '0');
  for (std::size_t i = 16; i-- > 0; number >>= 4) digits[i] = "0123456789abcdef"[number & 15U];
  return digits;
}

/// The words of the head, line by line.
class HeadReader {
 public:
  explicit HeadReader(std::string_view bytes) : rest_(bytes) {}

  /// Goes to the next line and returns its first word.
  std::string_view line() {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) throw std::invalid_argument("its head ends too early");
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return word();
  }
  void expect(std::string_view key) {
    if (line() != key)
      throw std::invalid_argument("its head has no line '" + std::string(key) + "' where it should");
  }
  std::string_view word() {
    const std::size_t end = std::min(line_.find(' '), line_.size());
    const std::string_view taken = line_.substr(0, end);
    line_.remove_prefix(std::min(end + 1, line_.size()));
    return taken;
  }
  std::uint64_t number(int base = 10) {
    const std::string_view digits = word();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc{} || end != digits.data() + digits.size())
      throw std::invalid_argument("its head has '" + std::string(digits.substr(0, 40)) +
                                  "' in place of a number");
    return value;
  }
  std::string words() { return unescaped(std::exchange(line_, {})); }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_, line_;
};

inline void write_bins(ByteWriter& out, std::span<const std::uint64_t> bins) {
  std::size_t next = 0;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (bins[i] == 0) continue;
    out.varint(1 + i - next);
    out.varint(bins[i]);
    next = i + 1;
  }
  out.varint(0);
}

inline std::vector<std::uint64_t> read_bins(ByteReader& in) {
  std::vector<std::uint64_t> bins(Histogram::kBins, 0);
  std::size_t next = 0;
  for (std::uint64_t skip = in.varint(); skip != 0; skip = in.varint()) {
    if (skip > bins.size() - next) throw std::invalid_argument("a histogram has too many bins");
    next += skip - 1;
    bins[next++] = in.varint();
  }
  return bins;
}

inline void write_value(ByteWriter& out, const ValueStatistics& value) {
  const HistogramState histogram = value.histogram.state();
  for (const std::uint64_t count :
       {value.observations, histogram.zeros, histogram.nans, histogram.infinities})
    out.varint(count);
  out.f32(histogram.min);
  out.f32(histogram.max);
  out.varint(histogram.negative.empty() ? 0 : 1);
  write_bins(out, histogram.positive);
  if (!histogram.negative.empty()) write_bins(out, histogram.negative);
  for (const float x : value.channel_min) out.f32(x);
  for (const float x : value.channel_max) out.f32(x);
  for (const auto* sums : {&value.mean_sum, &value.square_sum})
    for (const ExactSum& sum : *sums) {
      out.u64(static_cast<std::uint64_t>(sum.whole));
      out.u64(sum.fraction);
    }
  for (const auto* ranges : {&value.sample_ranges, &value.sample_channel_ranges})
    for (const Range& range : *ranges) {
      out.f32(range.min);
      out.f32(range.max);
    }
}

/// The exponent that a histogram of these extremes has.
inline int histogram_exponent(float min, float max) {
  int exponent = Histogram::kMinExponent;
  const float reach = std::max(-min, max);
  if (reach > 0.0F) std::frexp(reach, &exponent);
  return std::max(exponent, Histogram::kMinExponent);
}

inline std::vector<Range> read_ranges(ByteReader& in, std::size_t count) {
  if (count > in.left() / 8) throw std::invalid_argument("it ends too early");
  std::vector<Range> ranges(count);
  for (Range& range : ranges) {
    range.min = in.f32();
    range.max = in.f32();
  }
  return ranges;
}

inline ValueStatistics read_value(std::string_view block, std::size_t channels, std::uint32_t axis,
                                  std::size_t samples, const SampleRecords& records) {
  ByteReader in(block);
  if (channels > block.size() / 40) throw std::invalid_argument("it ends too early");
  ValueStatistics value(channels, axis);
  value.observations = in.varint();
  HistogramState histogram{};
  histogram.zeros = in.varint();
  histogram.nans = in.varint();
  histogram.infinities = in.varint();
  histogram.min = in.f32();
  histogram.max = in.f32();
  histogram.exponent = histogram_exponent(histogram.min, histogram.max);
  const bool negative = in.varint() != 0;
  histogram.positive = read_bins(in);
  if (negative) histogram.negative = read_bins(in);
  value.histogram = Histogram(histogram);
  for (float& x : value.channel_min) x = in.f32();
  for (float& x : value.channel_max) x = in.f32();
  for (auto* sums : {&value.mean_sum, &value.square_sum})
    for (ExactSum& sum : *sums) {
      sum.whole = static_cast<std::int64_t>(in.u64());
      sum.fraction = in.u64();
    }
  if (records.ranges) value.sample_ranges = read_ranges(in, samples);
  if (records.channel_ranges) value.sample_channel_ranges = read_ranges(in, samples * channels);
  if (in.left() > 0) throw std::invalid_argument("a value has more data than it needs");
  return value;
}

/// What the head says.
struct StatisticsHead {
  struct Value {
    std::string name;
    std::uint64_t channels, axis, bytes;
  };
  std::vector<Value> values;
};

inline StatisticsHead read_head(HeadReader& head, Statistics& statistics) {
  head.expect("model");
  statistics.origin.model_hash = head.number(16);
  statistics.origin.model = head.words();
  head.expect("preprocessing");
  statistics.origin.preprocessing_hash = head.number(16);
  statistics.origin.preprocessing = head.words();
  head.expect("samples");
  statistics.sample_count = head.number();
  statistics.data_hash = head.number(16);
  head.expect("records");
  statistics.origin.records = {false, false};
  for (std::string_view word = head.word(); !word.empty(); word = head.word()) {
    if (word == "ranges")
      statistics.origin.records.ranges = true;
    else if (word == "channel-ranges")
      statistics.origin.records.channel_ranges = true;
    else
      throw std::invalid_argument("it keeps records '" + std::string(word.substr(0, 40)) +
                                  "' that are not known");
  }
  head.expect("bins");
  if (head.number() != Histogram::kBins)
    throw std::invalid_argument("its histograms have another number of bins");
  StatisticsHead result;
  for (std::string_view key = head.line(); key != "end"; key = head.line()) {
    if (key != "value") throw std::invalid_argument("its head has no line 'end'");
    StatisticsHead::Value value{};
    value.channels = head.number();
    value.axis = head.number();
    value.bytes = head.number();
    value.name = head.words();
    if (!result.values.empty() && result.values.back().name >= value.name)
      throw std::invalid_argument("its values are not in order");
    result.values.push_back(std::move(value));
  }
  return result;
}

}  // namespace detail

inline std::string to_bytes(const Statistics& statistics) {
  const StatisticsOrigin& origin = statistics.origin;
  detail::ByteWriter out, blocks;
  out.text(std::string(detail::kStatisticsMagic) + std::string(detail::kStatisticsVersion));
  out.text("\nmodel " + detail::hexadecimal(origin.model_hash) + " " + detail::escaped(origin.model));
  out.text("\npreprocessing " + detail::hexadecimal(origin.preprocessing_hash) + " " +
           detail::escaped(origin.preprocessing));
  out.text("\nsamples " + std::to_string(statistics.sample_count) + " " +
           detail::hexadecimal(statistics.data_hash));
  out.text("\nrecords");
  if (origin.records.ranges) out.text(" ranges");
  if (origin.records.channel_ranges) out.text(" channel-ranges");
  out.text("\nbins " + std::to_string(Histogram::kBins));
  for (const auto& [name, value] : statistics.values) {
    const std::size_t before = blocks.bytes().size();
    detail::write_value(blocks, value);
    out.text("\nvalue " + std::to_string(value.channels()) + " " + std::to_string(value.channel_axis) + " " +
             std::to_string(blocks.bytes().size() - before) + " " + detail::escaped(name));
  }
  out.text("\nend\n");
  for (const std::uint64_t hash : statistics.samples) out.u64(hash);
  out.text(blocks.bytes());
  ContentHash hash;
  hash.add(std::string_view(out.bytes()));
  out.u64(hash.value());
  return std::move(out.bytes());
}

inline Statistics statistics_from_bytes(std::string_view bytes) {
  if (!bytes.starts_with(detail::kStatisticsMagic))
    throw std::invalid_argument("it is not a file of refcalib statistics");
  detail::HeadReader head(bytes);
  head.line();
  if (const std::string version = head.words(); version != detail::kStatisticsVersion)
    throw std::invalid_argument("it has version '" + version.substr(0, 40) +
                                "' of the format; this program reads 1");
  Statistics statistics;
  const detail::StatisticsHead values = detail::read_head(head, statistics);
  const SampleRecords& records = statistics.origin.records;

  // The whole is checked before any part is read, so that damage is called damage.
  constexpr std::uint64_t hash_bytes = 8;
  const std::uint64_t samples = records.any() ? statistics.sample_count : 0;
  std::uint64_t left = head.rest().size();
  const auto need = [&left](std::uint64_t count, std::uint64_t size) {
    if (count > left / size) throw std::invalid_argument("it ends too early");
    left -= count * size;
  };
  need(1, hash_bytes);
  need(samples, hash_bytes);
  for (const auto& value : values.values) need(value.bytes, 1);
  if (left > 0) throw std::invalid_argument("it has " + std::to_string(left) + " bytes too many");
  ContentHash hash;
  hash.add(bytes.substr(0, bytes.size() - hash_bytes));
  if (detail::ByteReader(bytes.substr(bytes.size() - hash_bytes)).u64() != hash.value())
    throw std::invalid_argument("it is damaged: its check sum is wrong");

  detail::ByteReader in(head.rest());
  std::uint64_t data_hash = 0;
  for (std::uint64_t i = 0; i < samples; ++i) {
    statistics.samples.push_back(in.u64());
    data_hash += ContentHash::mix(statistics.samples.back());
  }
  if (records.any() && (data_hash != statistics.data_hash ||
                        !std::is_sorted(statistics.samples.begin(), statistics.samples.end())))
    throw std::invalid_argument("its samples are not those that its head states");
  for (const auto& value : values.values) {
    if (value.axis > 0xffffffffU) throw std::invalid_argument("a value has no such dimension");
    statistics.values.emplace(value.name,
                              detail::read_value(in.take(value.bytes), value.channels,
                                                 static_cast<std::uint32_t>(value.axis), samples, records));
  }
  return statistics;
}

inline void save_statistics(const Statistics& statistics, const std::filesystem::path& file) {
  const std::string bytes = to_bytes(statistics);
  std::filesystem::path temporary = file;
  temporary += ".part";
  {
    std::ofstream out(temporary, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.flush();
    if (!out) {
      out.close();
      std::error_code ignored;
      std::filesystem::remove(temporary, ignored);
      throw std::runtime_error(file.string() + ": cannot be written");
    }
  }
  std::error_code error;
  std::filesystem::rename(temporary, file, error);
  if (error) throw std::runtime_error(file.string() + ": cannot be written: " + error.message());
}

inline Statistics load_statistics(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(file.string() + ": cannot be opened");
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) throw std::runtime_error(file.string() + ": cannot be read");
  try {
    return statistics_from_bytes(bytes);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

}  // namespace refcalib
