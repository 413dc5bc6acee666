#include "engine/runtime/program.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/core/for_each_index.h"
#include "engine/core/parallel.h"
#include "engine/ops/fold.h"
#include "engine/ops/op.h"
#include "engine/passes/passes.h"
#include "engine/runtime/program_impl.h"

namespace refcalib::engine {
namespace {

/// A guard against damaged files; networks of this size are far beyond what the engine is for.
constexpr std::size_t kMostArenaBytes = std::size_t{16} << 30;

class Planning final : public PlanContext {
 public:
  explicit Planning(Program::Impl& impl) : impl_(impl) {}
  const Graph& graph() const noexcept override { return impl_.graph; }
  Isa isa() const noexcept override { return impl_.isa; }
  bool exact() const noexcept override { return impl_.exact; }

  TensorRef tensor(ValueId id) const override { return tensor(id, DType::f32); }

  TensorRef tensor(ValueId id, DType dtype) const override {
    const Value& value = impl_.graph.value(id);
    if (!value.constant) return tensor_of(impl_.graph, impl_.memory, id);
    const auto [it, added] = constant_index_.try_emplace(std::pair{id, dtype}, impl_.constants.size());
    if (added) {
      const Constant constant = converted(value.constant, dtype);
      AlignedBytes& bytes = impl_.constants.emplace_back(constant.bytes().size());
      if (bytes.size() != 0) std::memcpy(bytes.data(), constant.bytes().data(), bytes.size());
    }
    TensorRef ref;
    ref.where.constant = impl_.constants[it->second].data();
    ref.dtype = dtype;
    ref.shape = value.shape;
    return ref;
  }

 private:
  Program::Impl& impl_;
  mutable std::map<std::pair<ValueId, DType>, std::size_t> constant_index_;
};

std::string precision_of(const Graph& graph, const Node& node) {
  const auto integer = [&](ValueId id) {
    return graph.value(id).dtype == DType::u8 && graph.value(id).quantization;
  };
  const bool in = integer(node.inputs.front()), out = integer(node.outputs.front());
  if (op_record(node.op).rule == QuantizationRule::weighted) return in ? "I8" : "FP32";
  if (in == out) return in ? "I8" : "FP32";
  return in ? "I8>FP32" : "FP32>I8";
}

void plan_steps(Program::Impl& impl) {
  Planning context(impl);
  impl.input_values = impl.graph.inputs;
  for (const NodeId id : impl.graph.order()) {
    const Node& node = impl.graph.node(id);
    const OpRecord& record = op_record(node.op);
    std::unique_ptr<Step> step;
    try {
      if (record.plan == nullptr && record.aliasing != Aliasing::view)
        throw UnsupportedError("operation '" + node.op + "' cannot be computed at run time",
                               {{}, {}, "its inputs must be constants"});
      if (record.plan != nullptr) step = record.plan(node, context);
    } catch (const UnsupportedError& error) {
      throw UnsupportedError(error.message(), error.with({{}, node.name, {}}).context());
    } catch (const FormatError& error) {
      throw FormatError(error.message(), error.with({{}, node.name, {}}).context());
    }
    if (step == nullptr) {
      // A view exists as soon as its source does.
      auto& holder = impl.infos.empty() ? impl.input_values : impl.infos.back().outputs;
      holder.insert(holder.end(), node.outputs.begin(), node.outputs.end());
      continue;
    }
    StepInfo info{.name = node.name,
                  .op = node.op,
                  .kernel = {},
                  .precision = precision_of(impl.graph, node),
                  .reason = float_reason(impl.graph, id),
                  .macs = step->macs(),
                  .pairs = {},
                  .outputs = node.outputs};
    impl.scratch_bytes = std::max(impl.scratch_bytes, step->scratch_bytes());
    impl.constant_bytes += step->constant_bytes();
    impl.macs += info.macs;
    impl.infos.push_back(std::move(info));
    impl.steps.push_back(std::move(step));
  }
}

/// Prepares the steps, the largest ones first, on as many cores as that keeps busy.
void prepare_steps(const std::vector<std::unique_ptr<Step>>& steps) {
  constexpr std::size_t bytes_per_thread = std::size_t{1} << 20;
  std::vector<Step*> order;
  std::size_t bytes = 0;
  for (const auto& step : steps) {
    order.push_back(step.get());
    bytes += step->constant_bytes();
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const Step* a, const Step* b) { return a->constant_bytes() > b->constant_bytes(); });
  const auto threads =
      static_cast<int>(std::min(static_cast<std::size_t>(usable_cores()), 1 + bytes / bytes_per_thread));
  for_each_index(order.size(), threads, [&](std::size_t i) { order[i]->prepare(); });
}

void check_isa(Isa isa) {
  if (is_available(isa)) return;
  std::string available;
  for (const Isa other : available_isas())
    available += (available.empty() ? "" : ", ") + std::string(to_string(other));
  throw UnsupportedError(
      "this processor cannot run the instruction set '" + std::string(to_string(isa)) + "'",
      {{}, {}, "available: " + available});
}

void check_port(const Value& value, const std::string& name, const char* what) {
  if (value.constant)
    throw UnsupportedError(std::string(what) + " is a constant: it depends on no input", {{}, name, {}});
  if (value.dtype != DType::f32)
    throw Error(std::string("internal: ") + what + " is not of floats", {{}, name, {}});
}

std::vector<DType> types_of(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<DType> types;
  for (const ValueId id : ids) types.push_back(graph.value(id).dtype);
  return types;
}

/// Runs the passes. Outputs keep the names that they have before lowering inserts conversions.
void lower(Program::Impl& impl, Graph graph, const CompileOptions& options) {
  impl.isa = options.isa;
  impl.exact = options.exact;
  impl.graph = std::move(graph);
  const std::vector<DType> input_types = types_of(impl.graph, impl.graph.inputs);
  const std::vector<DType> output_types = types_of(impl.graph, impl.graph.outputs);
  run_passes(impl.graph, simplification_passes());
  for (const ValueId id : impl.graph.inputs)
    check_port(impl.graph.value(id), impl.graph.value(id).name, "an input");
  std::vector<std::string> names;
  for (const ValueId id : impl.graph.outputs) names.push_back(impl.graph.value(id).name);
  run_passes(impl.graph, lowering_passes(options.int8));
  for (std::size_t i = 0; i < impl.graph.inputs.size(); ++i) {
    const Value& value = impl.graph.value(impl.graph.inputs[i]);
    impl.inputs.push_back({value.name, value.shape, input_types[i]});
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Value& value = impl.graph.value(impl.graph.outputs[i]);
    check_port(value, names[i], "an output");
    impl.outputs.push_back({names[i], value.shape, output_types[i]});
  }
}

void plan(Program::Impl& impl, const CompileOptions& options) {
  impl.memory = plan_memory(impl.graph, options.share_memory);
  if (impl.memory.arena_bytes > kMostArenaBytes)
    throw UnsupportedError("the values need " + std::to_string(impl.memory.arena_bytes >> 30) +
                           " GiB of memory; at most 16 GiB are supported");
  plan_steps(impl);
  prepare_steps(impl.steps);
  for (std::size_t i = 0; i < impl.steps.size(); ++i) {
    impl.infos[i].kernel = impl.steps[i]->kernel();
    impl.infos[i].pairs = impl.steps[i]->pairs();
  }
  for (const AlignedBytes& bytes : impl.constants) impl.constant_bytes += bytes.size();
}

}  // namespace

TensorRef tensor_of(const Graph& graph, const MemoryPlan& memory, ValueId id) {
  const Value& value = graph.value(id);
  const MemoryPlan::Place& place = memory.places.at(id);
  if (!place.used) throw Error("internal: value '" + value.name + "' has no memory");
  TensorRef ref;
  ref.where.offset = place.offset;
  ref.dtype = value.dtype;
  ref.layout = value.layout;
  ref.shape = value.shape;
  ref.pixel_stride = place.pixel_stride;
  if (value.dtype == DType::u8 && value.quantization) ref.quantization = &*value.quantization;
  return ref;
}

CompileOptions default_options() {
  CompileOptions options;
  options.isa = selected_isa();
  options.exact = false;
  return options;
}

Program::Program(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Program::~Program() = default;

std::shared_ptr<const Program> Program::compile(Graph graph, const CompileOptions& options) {
  const ErrorContext context{graph.source, {}, {}};
  return in_context(context, [&] {
    check_isa(options.isa);
    auto impl = std::make_unique<Impl>();
    lower(*impl, std::move(graph), options);
    plan(*impl, options);
    return std::shared_ptr<const Program>(new Program(std::move(impl)));
  });
}

const Graph& Program::graph() const noexcept {
  return impl_->graph;
}
std::span<const StepInfo> Program::steps() const noexcept {
  return impl_->infos;
}
std::span<const PortInfo> Program::inputs() const noexcept {
  return impl_->inputs;
}
std::span<const PortInfo> Program::outputs() const noexcept {
  return impl_->outputs;
}
Isa Program::isa() const noexcept {
  return impl_->isa;
}
std::size_t Program::arena_bytes() const noexcept {
  return impl_->memory.arena_bytes;
}
std::size_t Program::constant_bytes() const noexcept {
  return impl_->constant_bytes;
}
std::int64_t Program::macs() const noexcept {
  return impl_->macs;
}

}  // namespace refcalib::engine
