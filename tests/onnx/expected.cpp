#include "tests/onnx/expected.h"

#include <fstream>
#include <sstream>

namespace refcalib_test {

std::map<std::string, std::vector<Expected>> read_expected() {
  std::map<std::string, std::vector<Expected>> cases;
  std::ifstream file(REFCALIB_SOURCE_DIR "/tests/onnx/expected.txt");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream parts(line);
    std::string name, output, dims, values;
    std::getline(parts, name, '|');
    std::getline(parts, output, '|');
    std::getline(parts, dims, '|');
    std::getline(parts, values, '|');
    Expected expected;
    std::istringstream shape(dims), numbers(values);
    for (std::int64_t dim = 0; shape >> dim;) expected.shape.push_back(dim);
    for (std::string word; numbers >> word;) expected.values.push_back(std::stof(word));
    cases[name].push_back(std::move(expected));
  }
  return cases;
}

}  // namespace refcalib_test
