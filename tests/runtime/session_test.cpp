#include <thread>

#include "tests/ops/random_network.h"
#include "tests/runtime/allocations.h"

using namespace refcalib_test;

namespace {

std::shared_ptr<const Program> program_of(const RandomNetwork& network, bool int8,
                                          Isa isa = available_isas().back()) {
  return Program::compile(network.graph, options_for(isa, int8));
}

RandomNetwork network_of(std::uint64_t seed) {
  return RandomNetwork(seed, {.layers = 14, .fake_quantize = true});
}

Outputs fresh_outputs(const std::shared_ptr<const Program>& program, const std::vector<Tensor>& inputs) {
  Session session(program, 1);
  feed(session, inputs);
  session.run();
  return outputs_of(session);
}

std::vector<Tensor> other_inputs(const std::vector<Tensor>& inputs, std::uint64_t seed) {
  std::vector<Tensor> others;
  for (const Tensor& t : inputs) others.push_back(random_tensor(t.shape, seed++));
  return others;
}

bool same(const Outputs& a, const Outputs& b) {
  bool equal = a.size() == b.size();
  for (std::size_t i = 0; equal && i < a.size(); ++i) equal = same_bytes(a[i], b[i]);
  return equal;
}

/// Counts calls, and checks what it is told against the program.
class Watcher final : public StepObserver {
 public:
  explicit Watcher(const Program& program) : program_(program) {}
  void after_step(int step, std::span<const ValueView> outputs) noexcept override {
    in_order = in_order && step == calls - 1;
    ++calls;
    if (step < 0) {
      inputs += outputs.size();
      return;
    }
    const std::vector<ValueId>& written = program_.steps()[static_cast<std::size_t>(step)].outputs;
    complete = complete && written.size() == outputs.size();
    for (std::size_t i = 0; complete && i < outputs.size(); ++i)
      complete = outputs[i].id == written[i] && outputs[i].value == &program_.graph().value(written[i]) &&
                 outputs[i].data != nullptr && outputs[i].tensor.shape == outputs[i].value->shape;
  }
  int calls = 0;
  std::size_t inputs = 0;
  bool in_order = true, complete = true;

 private:
  const Program& program_;
};

}  // namespace

TEST_CASE("run does not allocate, observed or not, in either precision", "[session]") {
  {
    const AllocationCount armed;
    const auto number = std::make_unique<int>(1);
    CHECK(armed.count() == 1);
  }
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    for (const bool int8 : {false, true})
      for (const Isa isa : available_isas())
        for (const int threads : {1, 2}) {
          INFO("seed " << seed << (int8 ? " INT8 " : " FP32 ") << to_string(isa) << " " << threads
                       << " threads");
          const RandomNetwork network = network_of(seed);
          Session session(program_of(network, int8, isa), threads);
          feed(session, network.inputs);
          Watcher watcher(session.program());
          std::vector<double> seconds(session.program().steps().size());
          std::int64_t plain = 0, observed = 0, profiled = 0;
          {
            const AllocationCount armed;
            session.run();
            plain = armed.count();
            session.run(watcher);
            observed = armed.count() - plain;
            session.run_profiled(seconds);
            profiled = armed.count() - plain - observed;
          }
          CHECK(plain == 0);
          CHECK(observed == 0);
          CHECK(profiled == 0);
        }
}

TEST_CASE("a run does not depend on those before it", "[session]") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed)
    for (const bool int8 : {false, true}) {
      INFO("seed " << seed << (int8 ? " INT8" : " FP32"));
      const RandomNetwork network = network_of(seed);
      const auto program = program_of(network, int8);
      const Outputs expected = fresh_outputs(program, network.inputs);
      Session session(program, 2);
      for (const std::vector<Tensor>& inputs : {other_inputs(network.inputs, 5), network.inputs,
                                                other_inputs(network.inputs, 9), network.inputs}) {
        feed(session, inputs);
        session.run();
        if (!same_bytes(inputs[0].data, network.inputs[0].data)) continue;
        CHECK(same(outputs_of(session), expected));
        // Inputs stay as filled, so that a second run needs nothing.
        for (std::size_t i = 0; i < inputs.size(); ++i) CHECK(same_bytes(session.input(i), inputs[i].data));
        session.run();
        CHECK(same(outputs_of(session), expected));
      }
    }
}

TEST_CASE("NaN of one run leaves no trace in the next", "[session]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    for (const bool int8 : {false, true}) {
      const RandomNetwork network = network_of(seed);
      const auto program = program_of(network, int8);
      const Outputs expected = fresh_outputs(program, network.inputs);
      Session session(program, 1);
      for (std::size_t i = 0; i < network.inputs.size(); ++i)
        std::fill(session.input(i).begin(), session.input(i).end(), std::nanf(""));
      session.run();
      feed(session, network.inputs);
      session.run();
      CHECK(same(outputs_of(session), expected));
    }
}

TEST_CASE("sessions of one program run side by side", "[session]") {
  for (const bool int8 : {false, true}) {
    const RandomNetwork network = network_of(3);
    auto program = program_of(network, int8);
    std::vector<std::vector<Tensor>> inputs;
    std::vector<Outputs> expected, actual(4);
    for (std::size_t s = 0; s < actual.size(); ++s) {
      inputs.push_back(other_inputs(network.inputs, 100 * s));
      expected.push_back(fresh_outputs(program, inputs.back()));
    }
    {
      std::vector<std::jthread> threads;
      for (std::size_t s = 0; s < actual.size(); ++s)
        threads.emplace_back([&, s] {
          Session session(program, s % 2 == 0 ? 1 : 2);
          for (std::size_t i = 0; i < inputs[s].size(); ++i)
            std::copy(inputs[s][i].data.begin(), inputs[s][i].data.end(), session.input(i).begin());
          for (int repeat = 0; repeat < 50; ++repeat) session.run();
          actual[s] = outputs_of(session);
        });
    }
    for (std::size_t s = 0; s < actual.size(); ++s) CHECK(same(actual[s], expected[s]));
    // A session keeps its program alive, and moves.
    Session last(program, 1);
    program.reset();
    Session moved(std::move(last));
    feed(moved, inputs[0]);
    moved.run();
    CHECK(same(outputs_of(moved), expected[0]));
  }
}

TEST_CASE("an observer sees the inputs, then every step once with all that it wrote", "[session]") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed)
    for (const bool int8 : {false, true}) {
      INFO("seed " << seed);
      const RandomNetwork network = network_of(seed);
      const auto program = program_of(network, int8);
      Session session(program, 1);
      feed(session, network.inputs);
      Watcher watcher(*program);
      session.run(watcher);
      CHECK(watcher.calls == static_cast<int>(program->steps().size()) + 1);
      CHECK(watcher.in_order);
      CHECK(watcher.complete);
      CHECK(watcher.inputs >= network.inputs.size());
      CHECK(same(outputs_of(session), fresh_outputs(program, network.inputs)));

      // Every value that is computed is shown once, and outputs are what the session gives out.
      Recorder seen;
      session.run(seen);
      std::map<ValueId, int> shown;
      for (const StepInfo& step : program->steps())
        for (const ValueId id : step.outputs) ++shown[id];
      for (const NodeId id : program->graph().order())
        for (const ValueId out : program->graph().node(id).outputs)
          CHECK((shown.contains(out) || seen.has(program->graph().value(out).name)));
      for (const auto& [id, times] : shown) CHECK(times == 1);
      for (std::size_t i = 0; i < program->outputs().size(); ++i)
        CHECK(
            same_bytes(session.output(i), seen.at(program->graph().value(program->graph().outputs[i]).name)));
    }
}

TEST_CASE("profiled runs add the time of each step and compute the same", "[session]") {
  const RandomNetwork network = network_of(5);
  const auto program = program_of(network, true);
  Session session(program, 2);
  feed(session, network.inputs);
  std::vector<double> seconds(program->steps().size(), 1000.0);
  session.run_profiled(seconds);
  for (const double s : seconds) CHECK((s >= 1000.0 && s < 1010.0));
  const std::vector<double> once = seconds;
  session.run_profiled(seconds);
  for (std::size_t i = 0; i < seconds.size(); ++i) CHECK(seconds[i] >= once[i]);
  CHECK(same(outputs_of(session), fresh_outputs(program, network.inputs)));
}

TEST_CASE("values are copied to floats from every order and representation", "[copy_to_floats]") {
  const Value value;
  ValueView view{.id = 0, .value = &value, .tensor = {}, .data = nullptr};
  view.tensor.shape = {2, 3, 2};
  std::vector<float> out(99, 7.0F);

  std::vector<float> plain(12);
  for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<float>(i) - 5.5F;
  view.data = plain.data();
  copy_to_floats(view, out);
  CHECK(out == plain);

  // Channels-last with one element between pixels.
  std::vector<float> last(16, -1.0F);
  std::vector<std::uint8_t> bytes(16, 255);
  for (std::size_t n = 0; n < 2; ++n)
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t i = 0; i < 2; ++i) {
        last[(n * 2 + i) * 4 + c] = plain[(n * 3 + c) * 2 + i];
        bytes[(n * 2 + i) * 4 + c] = static_cast<std::uint8_t>((n * 3 + c) * 2 + i);
      }
  view.data = last.data();
  view.tensor.layout = Layout::channels_last;
  view.tensor.pixel_stride = 4;
  copy_to_floats(view, out);
  CHECK(out == plain);

  view.data = bytes.data();
  view.tensor.dtype = DType::u8;
  copy_to_floats(view, out);
  for (std::size_t i = 0; i < out.size(); ++i) CHECK(out[i] == static_cast<float>(i));
  const Quantization one{{0.5F}, 3, 0, 255}, each{{0.5F, 1, 2}, 3, 0, 255};
  for (const Quantization& q : {one, each}) {
    view.tensor.quantization = &q;
    copy_to_floats(view, out);
    for (std::size_t i = 0; i < out.size(); ++i)
      CHECK(out[i] == (static_cast<float>(i) - 3) * q.scale[q.per_channel() ? i / 2 % 3 : 0]);
  }
  float scalar = 4;
  ValueView single{.id = 0, .value = &value, .tensor = {}, .data = &scalar};
  copy_to_floats(single, out);
  CHECK(out == std::vector<float>{4});
}
