#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "engine/core/error.h"
#include "engine/formats/model.h"
#include "engine/runtime/program.h"

using namespace refcalib::engine;

namespace {

/// The first output for an input of a fixed pattern.
std::vector<float> run(const Graph& graph, Isa isa) {
  CompileOptions options = default_options();
  options.isa = isa;
  Session session(Program::compile(graph, options), 1);
  float next = 0;
  for (float& value : session.input(0)) {
    value = next;
    next = next < 250 ? next + 7 : 0;
  }
  session.run();
  const auto output = session.output(0);
  return {output.begin(), output.end()};
}

}  // namespace

// Reads the model named by the first argument and runs it on the best and on the portable instruction set.
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const Model model = load_model(argv[1]);
    const std::vector<float> best = run(model.graph, default_options().isa);
    const std::vector<float> portable = run(model.graph, Isa::scalar);
    double sum = 0;
    for (const float p : best) sum += static_cast<double>(p);
    const bool same = best.size() == portable.size() &&
                      std::memcmp(best.data(), portable.data(), best.size() * sizeof(float)) == 0;
    std::printf("%zu probabilities, sum %.6f, instruction sets agree: %s\n", best.size(), sum,
                same ? "yes" : "no");
    if (!same || std::abs(sum - 1) > 1e-5) return 1;
  } catch (const Error& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
  try {
    load_model("no such model.xml");
  } catch (const IoError&) {
    return 0;
  }
  return 1;
}
