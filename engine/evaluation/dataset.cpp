#include "engine/evaluation/dataset.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <refcalib/content_hash.hpp>

#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

std::string input_names(std::span<const PortInfo> inputs) {
  std::string names;
  for (const PortInfo& input : inputs) names += (names.empty() ? "'" : ", '") + input.name + "'";
  return names;
}

/// The paths for each input.
std::map<std::string, std::vector<fs::path>> assign_paths(std::span<const PortInfo> inputs,
                                                          std::span<const std::string> items) {
  std::map<std::string, std::vector<fs::path>> bound;
  for (const std::string& item : items) {
    const auto named = std::find_if(inputs.begin(), inputs.end(), [&](const PortInfo& input) {
      return item.starts_with(input.name + "=");
    });
    if (named != inputs.end()) {
      bound[named->name].emplace_back(item.substr(named->name.size() + 1));
      continue;
    }
    std::error_code ignored;
    const std::size_t equals = item.find('=');
    if (equals != std::string::npos && !fs::exists(item, ignored))
      throw UsageError("the network has no input '" + item.substr(0, equals) + "'; it has " +
                       input_names(inputs));
    if (inputs.size() != 1)
      throw UsageError("the network has " + std::to_string(inputs.size()) + " inputs (" +
                       input_names(inputs) + "); say which one gets '" + item + "' as NAME=PATH");
    bound[inputs.front().name].emplace_back(item);
  }
  return bound;
}

/// Rows of one run: how often a source's row fits into its input.
std::size_t rows_per_run(const PortInfo& input, const InputSource& source) {
  return source.row_size == 0 ? 1 : static_cast<std::size_t>(element_count(input.shape)) / source.row_size;
}

}  // namespace

Dataset::Dataset(std::span<const PortInfo> inputs, const DatasetOptions& options) {
  const auto bound = assign_paths(inputs, options.inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const PortInfo& input = inputs[i];
    names_.push_back(input.name);
    if (const auto paths = bound.find(input.name); paths != bound.end())
      sources_.push_back(open_source(paths->second, input, options.preprocessing));
    else if (options.random_seed)
      sources_.push_back(random_source(input, i, *options.random_seed));
    else
      throw UsageError("no data for input '" + input.name + "' of shape " + to_string(input.shape) +
                       "; name an image, a folder, a list, a .npy, or use --random SEED");
  }
  count(inputs, options);
}

Dataset::Dataset(std::span<const PortInfo> inputs, std::vector<InputSource> sources,
                 const DatasetOptions& options)
    : sources_(std::move(sources)) {
  for (const PortInfo& input : inputs) names_.push_back(input.name);
  count(inputs, options);
}

void Dataset::count(std::span<const PortInfo> inputs, const DatasetOptions& options) {
  // The longest source sets the number of samples. A source with exactly one run of data, such as the size of
  // the picture for a detection network, serves every run.
  std::size_t longest = sources_.size();
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (sources_[i].samples > (longest < sources_.size() ? sources_[longest].samples : 0)) longest = i;
  if (longest == sources_.size()) {
    samples_ = options.subset != 0 ? options.subset : options.random_samples;
    batch_ = sources_.empty() ? 1 : rows_per_run(inputs.front(), sources_.front());
  } else {
    samples_ = sources_[longest].samples;
    batch_ = rows_per_run(inputs[longest], sources_[longest]);
  }
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const std::size_t given = sources_[i].samples, rows = rows_per_run(inputs[i], sources_[i]);
    const bool in_step = rows == batch_ && (given == samples_ || given == 0);
    if (!in_step && given != rows && given != 0)
      throw FormatError("input '" + names_[i] + "' has " + std::to_string(given) + " samples, input '" +
                        names_[longest] + "' has " + std::to_string(samples_));
    constant_.push_back(!in_step);
  }
  choose_subset(options);
}

void Dataset::choose_subset(const DatasetOptions& options) {
  const std::size_t all = samples_;
  if (options.subset != 0) samples_ = std::min(samples_, options.subset);
  if (options.subset_percent > 0) {
    const double part = std::ceil(static_cast<double>(all) * std::min(options.subset_percent, 100.0) / 100);
    samples_ = std::clamp<std::size_t>(static_cast<std::size_t>(part), 1, std::max<std::size_t>(all, 1));
  }
  if (!options.subset_seed || samples_ == all) return;
  // Selection sampling (Knuth, The Art of Computer Programming 3.4.2, algorithm S): every subset is as likely, in order.
  std::uint64_t state = *options.subset_seed;
  for (std::size_t i = 0; i < all && chosen_.size() < samples_; ++i) {
    state += 0x9e3779b97f4a7c15U;
    const double uniform = std::ldexp(static_cast<double>(ContentHash::mix(state) >> 11), -53);
    if (static_cast<double>(all - i) * uniform < static_cast<double>(samples_ - chosen_.size()))
      chosen_.push_back(i);
  }
}

bool Dataset::read_row(Session& session, std::size_t sample, std::size_t row) {
  try {
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      const std::size_t size = sources_[i].row_size;
      if (!constant_[i]) sources_[i].read(in_source(sample), session.input(i).subspan(row * size, size));
    }
    return true;
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    skip(sample, error.what());
    return false;
  }
}

void Dataset::skip(std::size_t sample, const std::string& reason) {
  const std::lock_guard lock(*mutex_);
  const auto at = std::lower_bound(skipped_.begin(), skipped_.end(), sample,
                                   [](const auto& known, std::size_t s) { return known.first < s; });
  if (at == skipped_.end() || at->first != sample) skipped_.emplace(at, sample, reason);
}

bool Dataset::fill(Session& session, std::size_t run) {
  std::vector<bool> own_rows;
  return fill(session, run, own_rows);
}

bool Dataset::fill(Session& session, std::size_t run, std::vector<bool>& own_rows) {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const std::size_t size = sources_[i].row_size;
    for (std::size_t r = 0; constant_[i] && r < session.input(i).size() / size; ++r)
      sources_[i].read(r, session.input(i).subspan(r * size, size));
  }
  std::vector<std::optional<std::size_t>> rows(batch_);
  std::optional<std::size_t> last_good;
  std::vector<std::size_t> empty_rows;
  for (std::size_t row = 0; row < batch_; ++row) {
    const std::size_t sample = run * batch_ + row;
    if (sample < samples_ && read_row(session, sample, row)) {
      rows[row] = sample;
      last_good = sample;
    } else {
      empty_rows.push_back(row);
    }
  }
  if (last_good)
    for (const std::size_t row : empty_rows) read_row(session, *last_good, row);
  own_rows.assign(batch_, false);
  for (std::size_t row = 0; row < batch_; ++row) own_rows[row] = rows[row].has_value();
  const std::lock_guard lock(*mutex_);
  rows_ = std::move(rows);
  return last_good.has_value();
}

const InputSource* Dataset::file_source() const noexcept {
  const auto found = std::find_if(sources_.begin(), sources_.end(),
                                  [](const InputSource& source) { return !source.files.empty(); });
  return found == sources_.end() ? nullptr : &*found;
}

fs::path Dataset::sample_file(std::size_t sample) const {
  const InputSource* const source = file_source();
  const std::size_t number = in_source(sample);
  return source != nullptr && number < source->files.size() ? source->files[number] : fs::path();
}

std::string Dataset::sample_name(std::size_t sample) const {
  const fs::path file = sample_file(sample);
  return file.empty() ? "sample " + std::to_string(in_source(sample)) : file.string();
}

std::optional<std::size_t> Dataset::sample_label(std::size_t sample) const {
  const InputSource* const source = file_source();
  const std::size_t number = in_source(sample);
  return source != nullptr && number < source->labels.size() ? source->labels[number] : std::nullopt;
}

std::size_t Dataset::ignored_files() const noexcept {
  std::size_t count = 0;
  for (const InputSource& source : sources_) count += source.ignored_files;
  return count;
}

bool Dataset::feeds_images() const noexcept {
  return std::any_of(sources_.begin(), sources_.end(),
                     [](const InputSource& source) { return source.images; });
}

std::vector<std::string> Dataset::describe() const {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < sources_.size(); ++i)
    lines.push_back("input '" + names_[i] + "': " + sources_[i].description);
  return lines;
}

std::string Dataset::preparation() const {
  std::string text;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const InputSource& source = sources_[i];
    text +=
        (text.empty() ? "'" : ", '") + names_[i] + "': " + (source.images ? source.description : "numbers");
  }
  return text;
}

}  // namespace refcalib::engine
