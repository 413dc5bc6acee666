#include <chrono>
#include <utility>

#include "engine/ops/element_block.h"
#include "engine/ops/strides.h"
#include "engine/runtime/program.h"
#include "engine/runtime/program_impl.h"

namespace refcalib::engine {

struct Session::State {
  State(std::shared_ptr<const Program> p, int threads, std::optional<int> first_core)
      : program(std::move(p)),
        team(threads, first_core),
        arena(program->arena_bytes()),
        scratch_stride((program->impl().scratch_bytes + 127) / 64 * 64),
        scratch(scratch_stride * static_cast<std::size_t>(team.size())) {
    input_views = views_of(program->impl().input_values);
    for (const StepInfo& info : program->steps()) step_views.push_back(views_of(info.outputs));
  }

  RunContext context() noexcept { return {arena.data(), scratch.data(), scratch_stride, team}; }

  /// Made once, so that an observed run allocates no more than any other.
  std::vector<ValueView> views_of(const std::vector<ValueId>& ids) {
    std::vector<ValueView> views;
    for (const ValueId id : ids) {
      const TensorRef tensor = tensor_of(program->graph(), program->impl().memory, id);
      views.push_back({id, &program->graph().value(id), tensor, arena.data() + tensor.where.offset});
    }
    return views;
  }

  std::shared_ptr<const Program> program;
  ThreadTeam team;
  AlignedBytes arena;
  std::size_t scratch_stride;
  AlignedBytes scratch;
  std::vector<ValueView> input_views;
  std::vector<std::vector<ValueView>> step_views;
};

Session::Session(std::shared_ptr<const Program> program, int threads, std::optional<int> first_core)
    : state_(std::make_unique<State>(std::move(program), threads, first_core)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;

const Program& Session::program() const noexcept {
  return *state_->program;
}
int Session::threads() const noexcept {
  return state_->team.size();
}

std::span<float> Session::input(std::size_t i) noexcept {
  const Program& program = *state_->program;
  const auto offset = program.impl().memory.places[program.graph().inputs[i]].offset;
  return {reinterpret_cast<float*>(state_->arena.data() + offset),
          static_cast<std::size_t>(element_count(program.inputs()[i].shape))};
}

std::span<const float> Session::output(std::size_t i) const noexcept {
  const Program& program = *state_->program;
  const ValueId id = program.graph().outputs[i];
  const auto count = static_cast<std::size_t>(element_count(program.outputs()[i].shape));
  const auto offset = program.impl().memory.places[id].offset;
  return {reinterpret_cast<const float*>(state_->arena.data() + offset), count};
}

void Session::run() noexcept {
  const RunContext context = state_->context();
  for (const auto& step : state_->program->impl().steps) step->run(context);
}

void Session::run(StepObserver& observer) noexcept {
  const RunContext context = state_->context();
  const Program::Impl& impl = state_->program->impl();
  observer.after_step(-1, state_->input_views);
  for (std::size_t i = 0; i < impl.steps.size() && !observer.done(); ++i) {
    impl.steps[i]->run(context);
    observer.after_step(static_cast<int>(i), state_->step_views[i]);
  }
}

void Session::run_profiled(std::span<double> seconds) noexcept {
  const RunContext context = state_->context();
  const auto& steps = state_->program->impl().steps;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    steps[i]->run(context);
    seconds[i] += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
}

void copy_to_floats(const ValueView& view, std::vector<float>& out) {
  const TensorRef& t = view.tensor;
  const std::vector<std::int64_t> strides = element_strides(t);
  out.resize(static_cast<std::size_t>(t.count()));
  const auto* bytes = static_cast<const std::uint8_t*>(view.data);
  const auto size = static_cast<std::int64_t>(size_of(t.dtype));
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::int64_t rest = static_cast<std::int64_t>(i), at = 0, channel = 0;
    for (std::size_t d = t.shape.size(); d-- > 0;) {
      const std::int64_t position = rest % t.shape[d];
      rest /= t.shape[d];
      at += position * strides[d];
      if (d == 1) channel = position;
    }
    if (t.quantization != nullptr) {
      const Quantization& q = *t.quantization;
      const float scale = q.scale[q.per_channel() ? static_cast<std::size_t>(channel) : 0];
      out[i] = static_cast<float>(static_cast<std::int32_t>(bytes[at]) - q.zero_point) * scale;
    } else {
      load_block(t.dtype, static_cast<const std::byte*>(view.data) + at * size, 0, 1, &out[i]);
    }
  }
}

}  // namespace refcalib::engine
