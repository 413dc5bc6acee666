#pragma once

#include <vector>

#include "engine/runtime/program.h"
#include "tests/formats/one_layer.h"
#include "tests/support/catch.hpp"

namespace refcalib_test {

/// The first output of a one-layer model whose inputs hold 0, 1, 2 … ; the value itself if it was folded.
inline std::vector<float> run_layer(const refcalib::engine::Graph& graph) {
  using namespace refcalib::engine;
  const Value& value = graph.value(graph.outputs.front());
  if (value.constant) return value.constant.to_floats();
  Session session(Program::compile(graph, default_options()), 1);
  for (std::size_t i = 0; i < session.program().inputs().size(); ++i) {
    float next = 0;
    for (float& v : session.input(i)) v = next++;
  }
  session.run();
  return {session.output(0).begin(), session.output(0).end()};
}

}  // namespace refcalib_test
