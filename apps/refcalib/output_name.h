#pragma once

#include <set>
#include <string>

namespace refcalib::app {

/// The file name (without extension) for an output: `/`, `:` and blanks become `_`; a name that is already in
/// `taken` gets "_2", "_3", …. The result is added to `taken`.
std::string file_name_of_output(const std::string& output, std::set<std::string>& taken);

}  // namespace refcalib::app
