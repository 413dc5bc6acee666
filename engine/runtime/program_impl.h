#pragma once

#include <memory>
#include <vector>

#include "engine/runtime/memory_plan.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

/// What a Program holds; shared with Session and with those who plan what sessions take.
struct Program::Impl {
  Graph graph;
  Isa isa = Isa::scalar;
  bool exact = true;
  MemoryPlan memory;
  std::vector<std::unique_ptr<Step>> steps;
  std::vector<StepInfo> infos;
  std::vector<ValueId>
      input_values;  ///< values available before the first step: network inputs and views of them
  std::vector<PortInfo> inputs, outputs;
  std::vector<AlignedBytes> constants;  ///< f32 copies of constants that steps read as tensors
  std::size_t scratch_bytes = 0;        ///< per member of a team
  std::size_t constant_bytes = 0;
  std::int64_t macs = 0;
};

/// The tensor of a run-time value under a memory plan.
TensorRef tensor_of(const Graph& graph, const MemoryPlan& memory, ValueId id);

}  // namespace refcalib::engine
