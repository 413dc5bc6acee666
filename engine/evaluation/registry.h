#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/evaluation/configuration/fields.h"

namespace refcalib::engine {

/// The record whose name the `key` of an entry spells. Records have `name` and `aliases`. Throws FormatError
/// with file, line and the accepted spellings. `what`: "metric".
template <class Record>
const Record& choose_record(Fields& fields, std::string_view key, std::span<const Record* const> records,
                            std::string_view what) {
  const std::string given = fields.text(key);
  std::vector<std::string_view> names;
  for (const Record* record : records) {
    names.push_back(record->name);
    bool found = record->name == given;
    for (const std::string_view alias : record->aliases) found = found || alias == given;
    if (!found) continue;
    fields.rename(std::string(what) + " '" + given + "'");
    return *record;
  }
  const std::string near = nearest_name(given, names);
  fields.fail(key, "there is no " + std::string(what) + " '" + given + "'",
              (near.empty() ? "" : "did you mean '" + near + "'? ") + "There are " + quoted_list(names));
}

}  // namespace refcalib::engine
