#include "apps/refcalib/output_name.h"

#include <algorithm>
#include <string_view>

namespace refcalib::app {

std::string file_name_of_output(const std::string& output, std::set<std::string>& taken) {
  std::string base = output.empty() ? "output" : output;
  std::replace_if(
      base.begin(), base.end(),
      [](char c) { return std::string_view("/: \t").find(c) != std::string_view::npos; }, '_');
  std::string name = base;
  for (int number = 2; !taken.insert(name).second; ++number) name = base + "_" + std::to_string(number);
  return name;
}

}  // namespace refcalib::app
