#include "engine/search/search_journal.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/core/error.h"
#include "engine/evaluation/output_file.h"

namespace refcalib::engine {
namespace {

using Json = nlohmann::json;

/// JSON has no infinity; a drop may be one.
Json to_json(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

double to_number(const Json& value) {
  if (value.is_number()) return value.get<double>();
  const std::string text = value.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  return text == "inf" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
}

}  // namespace

SearchJournal::SearchJournal(std::filesystem::path file, std::string origin, bool resume)
    : file_(std::move(file)), origin_(std::move(origin)) {
  std::error_code ignored;
  if (!resume || !std::filesystem::exists(file_, ignored)) return;
  std::ifstream stream(file_);
  if (!stream) throw IoError("cannot read the journal", {.file = file_.string()});
  try {
    const Json json = Json::parse(stream);
    if (json.at("origin").get<std::string>() != origin_)
      throw UsageError("is the journal of another search: model, configuration, data or options differ",
                       {file_.string(), {}, "leave out --resume to begin anew"});
    for (const auto& [name, values] : json.at("results").items()) {
      auto& result = results_[name];
      for (const Json& value : values) result.push_back(to_number(value));
    }
  } catch (const Json::exception& error) {
    throw FormatError("is no journal of a search: " + std::string(error.what()),
                      {file_.string(), {}, "leave out --resume to begin anew"});
  }
  read_back_ = results_.size();
}

std::vector<double> SearchJournal::get(const std::string& name,
                                       const std::function<std::vector<double>()>& measure) {
  if (const auto found = results_.find(name); found != results_.end()) return found->second;
  std::vector<double> result = measure();
  if (result.empty()) return result;
  results_[name] = result;
  write();
  return result;
}

void SearchJournal::write() const {
  if (file_.empty()) return;
  Json results = Json::object();
  for (const auto& [name, values] : results_) {
    Json& list = results[name] = Json::array();
    for (const double value : values) list.push_back(to_json(value));
  }
  OutputFile file(file_);
  file.write(Json{{"origin", origin_}, {"results", std::move(results)}}.dump(1) + "\n");
  file.commit();
}

void SearchJournal::remove() const {
  std::error_code ignored;
  if (!file_.empty()) std::filesystem::remove(file_, ignored);
}

}  // namespace refcalib::engine
