#include "tests/golden/random_run.h"

#include <array>
#include <cstring>

#include "engine/calibration/calibrate.h"
#include "engine/evaluation/random_input.h"

namespace refcalib_test {
using namespace refcalib::engine;

void fill_random(Session& session, std::uint64_t sample) {
  for (std::size_t i = 0; i < session.program().inputs().size(); ++i)
    for (std::size_t e = 0; e < session.input(i).size(); ++e)
      session.input(i)[e] = random_input(7, sample * 16 + i, e);
}

namespace {

/// FNV-1a over the bytes of all outputs.
std::uint64_t output_hash(const Session& session) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (std::size_t i = 0; i < session.program().outputs().size(); ++i)
    for (const float value : session.output(i)) {
      std::array<unsigned char, sizeof value> bytes{};
      std::memcpy(bytes.data(), &value, sizeof value);
      for (const unsigned char byte : bytes) hash = (hash ^ byte) * 1099511628211ULL;
    }
  return hash;
}

}  // namespace

std::uint64_t run_hash(const Graph& graph, Isa isa, bool int8, int threads) {
  CompileOptions options = default_options();  // with Winograd's algorithm
  options.isa = isa;
  options.int8 = int8;
  Session session(Program::compile(graph, options), threads);
  fill_random(session, 100);
  session.run();
  return output_hash(session);
}

ir::Document calibrated(const Model& model) {
  CalibrationOptions options;
  options.threads = 2;
  const auto fill = [](Session& session, std::size_t index) {
    fill_random(session, index);
    return true;
  };
  const CalibrationResult result = calibrate(model.graph, 3, fill, options);
  return ir::compress_weights(ir::annotate(model.document, result.annotation));
}

}  // namespace refcalib_test
