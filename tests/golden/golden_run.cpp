#include "tests/golden/golden_run.h"

#include <algorithm>
#include <stdexcept>

#include "engine/evaluation/npy.h"

namespace refcalib_test {

using namespace refcalib::engine;

namespace {

/// Every n-th element along each axis, as the golden files of large outputs hold them.
std::vector<float> strided(std::span<const float> values, const Shape& shape,
                           const std::vector<std::int64_t>& stride) {
  std::vector<float> out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::int64_t rest = static_cast<std::int64_t>(i);
    bool taken = true;
    for (std::size_t d = shape.size(); d-- > 0;) {
      taken = taken && rest % shape[d] % stride[d] == 0;
      rest /= shape[d];
    }
    if (taken) out.push_back(values[i]);
  }
  return out;
}

}  // namespace

void fill_golden_inputs(Session& session, const GoldenEntry& entry) {
  const auto ports = session.program().inputs();
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const auto it = std::find_if(entry.inputs.begin(), entry.inputs.end(),
                                 [&](const GoldenTensor& t) { return t.name == ports[i].name; });
    const GoldenTensor& tensor = it != entry.inputs.end() ? *it : entry.inputs.at(i);
    const std::vector<float> values = read_npy(tensor.file);
    if (values.size() != session.input(i).size())
      throw std::runtime_error("input '" + ports[i].name + "' has another size than the golden file");
    std::copy(values.begin(), values.end(), session.input(i).begin());
  }
}

std::vector<float> golden_view(const Session& session, const GoldenTensor& golden) {
  const auto ports = session.program().outputs();
  const auto it =
      std::find_if(ports.begin(), ports.end(), [&](const PortInfo& p) { return p.name == golden.name; });
  if (it == ports.end()) return {};
  const std::span<const float> values = session.output(static_cast<std::size_t>(it - ports.begin()));
  if (golden.stride.empty()) return {values.begin(), values.end()};
  return strided(values, it->shape, golden.stride);
}

}  // namespace refcalib_test
