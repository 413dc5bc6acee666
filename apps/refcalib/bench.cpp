#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "apps/refcalib/agreement.h"
#include "apps/refcalib/bench_report.h"
#include "apps/refcalib/command.h"
#include "apps/refcalib/measure.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/stated_preprocessing.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/core/parallel.h"

namespace refcalib::app {
namespace {

struct Options {
  ModelOptions model;
  InputOptions input;
  std::string api = "sync", versus, report_type, report_folder, report_file;
  std::size_t iterations = 0, streams = 0, requests = 0, warm_up = 5;
  double seconds = 0;
  bool pin = false, per_layer = false, versus_float = false;
  IgnoredOptions ignored{{{"-l,--path-to-extension", "all layers are built in"},
                          {"-c,--path-to-cldnn-config", "there is no GPU"},
                          {"--exec-graph-path", "see refcalib inspect --dump"},
                          {"--stream-output", "results are whole lines", false},
                          {"--progress", "nothing is printed while measuring", false}}};

  Counters counters() const {
    if (report_type == "no_counters") return Counters::none;
    return report_type == "detailed_counters" ? Counters::detailed : Counters::average;
  }
  /// Whether layers are timed one by one, which takes about a second.
  bool times_layers() const { return per_layer || counters() != Counters::none; }
  Limit limit() const {
    const bool neither = iterations == 0 && seconds <= 0;
    return {iterations, neither ? 10.0 : seconds};
  }
};

void declare(CLI::App& app, Options& o) {
  declare_model(app, o.model);
  const std::string how = "Measurement";
  app.add_option("--api", o.api,
                 "sync: one request after the other | async: several streams at once [also -api]")
      ->check(CLI::IsMember({"sync", "async"}))
      ->capture_default_str()
      ->group(how);
  app.add_option("--niter", o.iterations, "Runs; 0: by time [also -niter]")
      ->check(whole_number())
      ->group(how);
  app.add_option("-t,--time", o.seconds,
                 "Seconds; with --niter, the later of both ends it; default without both: 10")
      ->check(non_negative_number())
      ->group(how);
  app.add_option("--warm-up", o.warm_up, "Runs that are not counted")
      ->check(whole_number())
      ->capture_default_str()
      ->group(how);
  app.add_option("--nstreams", o.streams, "Streams of --api async, which share --nthreads; 0: one per thread")
      ->check(whole_number())
      ->group(how);
  app.add_option("--nireq", o.requests, "Requests in flight of --api async; 0: one per stream")
      ->check(whole_number())
      ->group(how);
  declare_switch(
      app, "--pin", o.pin,
      "Bind the calling thread of every stream to a core of its own; YES or NO (default) may follow")
      ->group(how);
  app.add_option("--vs", o.versus,
                 "A second model OTHER.xml; both take turns, the ratio of their times is printed")
      ->group(how);
  app.add_flag("--vs-fp32", o.versus_float, "Run the second model in FP32 (default for it: the model itself)")
      ->group(how);
  declare_inputs(app, o.input, "-i,--input");

  const std::string output = "Reports";
  declare_switch(app, "--per-layer", o.per_layer, "Print every layer, not only those with weights [also -pc]")
      ->group(output);
  app.add_option("--report-type", o.report_type,
                 "no_counters (layers are not timed) | average_counters | detailed_counters: what a report "
                 "says about "
                 "layers; without --report it goes to benchmark_report.csv")
      ->check(CLI::IsMember({"no_counters", "average_counters", "detailed_counters"}))
      ->group(output);
  app.add_option("--report-folder", o.report_folder, "Folder of benchmark_report.csv")->group(output);
  app.add_option("--report", o.report_file, "Write FILE.json or FILE.csv")->group(output);
  o.ignored.declare(app);
}

void check(const Options& o, Report& report) {
  if (o.api == "sync" && (o.streams > 1 || o.requests > 1))
    throw engine::UsageError("--nstreams and --nireq need --api async");
  if (o.api == "async" && (!o.versus.empty() || o.versus_float))
    throw engine::UsageError("--vs takes turns and needs --api sync");
  if (o.streams > 1024 || o.requests > 65536)
    throw engine::UsageError("that many streams or requests make no sense");
  for (const std::string ending : {".json", ".csv"})
    if (o.report_file.empty() || o.report_file.ends_with(ending)) {
      o.ignored.report(report);
      return;
    }
  throw engine::UsageError("--report: the file's name must end in .json or .csv", {.file = o.report_file});
}

/// A model that is ready to run, and what loading it took.
struct Candidate {
  std::string name;
  std::shared_ptr<const engine::Program> program;
  double load_ms = 0;
};

Candidate load_candidate(const ModelOptions& options) {
  const Stopwatch watch;
  Candidate candidate;
  candidate.name = std::filesystem::path(options.model).filename().string();
  candidate.program = engine::Program::compile(load(options).graph, options.compile_options());
  candidate.load_ms = watch.seconds() * 1e3;
  return candidate;
}

engine::DatasetOptions data_options(const Options& o, Report& report) {
  engine::DatasetOptions data = dataset_options(report, o.model.model, o.input, 1);
  // A measurement needs some numbers, not particular ones.
  if (data.inputs.empty() && !data.random_seed) data.random_seed = 0;
  return data;
}

void fill(engine::Session& session, engine::Dataset& dataset, std::size_t run, Report& report) {
  for (std::size_t tried = 0; tried < dataset.runs(); ++tried)
    if (dataset.fill(session, (run + tried) % dataset.runs())) return;
  report_skipped(report, dataset);
  throw engine::FormatError("no sample could be read");
}

void set_rates(BenchResult& result, const engine::Program& program) {
  const double seconds = result.latency.median * 1e-3;
  if (seconds > 0) result.gops = 2e-9 * static_cast<double>(program.macs()) / seconds;
  // Streams overlap: together they do more than one request's latency says.
  if (result.api == "async")
    result.gops = 2e-9 * static_cast<double>(program.macs()) * result.fps / static_cast<double>(result.batch);
  const double limit = peak_gops(result.peak, result.precision.int8 > 0);
  if (limit > 0) result.peak_percent = 100.0 * result.gops / limit;
}

Statistics in_milliseconds(std::vector<double> seconds) {
  for (double& s : seconds) s *= 1e3;
  return summarize(std::move(seconds));
}

/// Other programs can disturb one short measurement of the machine's peak: the better of one before and one
/// after counts.
class Peak {
 public:
  Peak(engine::Isa isa, int threads) : isa_(isa), threads_(threads), before_(measure()) {}
  engine::kernels::PeakRates best() const {
    engine::kernels::PeakRates best = measure();
    best.f32_gflops = std::max(best.f32_gflops, before_.f32_gflops);
    best.u8s8_gops = std::max(best.u8s8_gops, before_.u8s8_gops);
    return best;
  }

 private:
  engine::kernels::PeakRates measure() const { return engine::kernels::measure_peak(isa_, threads_); }

  engine::Isa isa_;
  int threads_;
  engine::kernels::PeakRates before_;
};

/// `memory`: largest so far, taken before the machine's peak is measured, which needs memory of its own.
BenchResult describe(const Candidate& candidate, int threads, std::size_t batch, std::int64_t memory) {
  BenchResult result;
  result.model = candidate.name;
  result.load_ms = candidate.load_ms;
  result.threads = threads;
  result.batch = batch;
  result.isa = std::string(engine::to_string(candidate.program->isa()));
  result.precision = count_precisions(*candidate.program);
  result.peak_bytes = memory;
  return result;
}

/// Completes a result with rates. `peak` is that of all threads; the layers are timed in one session alone.
void finish(BenchResult& result, engine::Session& session, const engine::kernels::PeakRates& peak,
            bool times_layers) {
  result.peak = peak;
  if (result.api == "sync" && result.latency.median > 0)
    result.fps = static_cast<double>(result.batch) * 1e3 / result.latency.median;
  set_rates(result, session.program());
  if (!times_layers) return;
  const auto session_peak = session.threads() == result.threads
                                ? peak
                                : engine::kernels::measure_peak(session.program().isa(), session.threads());
  const double budget = 1e3 / std::max(0.01, result.latency.median);  // about a second
  const auto runs = static_cast<std::size_t>(std::clamp(budget, 5.0, 200.0));
  result.layers = layer_times(session.program(), profile_steps(session, runs), session_peak);
}

Exit conclude(const Options& o, Report& report, BenchResult& result, std::optional<VersusResult>& versus) {
  if (versus) versus->other.peak_bytes = result.peak_bytes;
  print_bench(report, result, o.per_layer ? o.counters() : Counters::none);
  if (versus) print_versus(report, result, *versus);
  std::filesystem::path file = o.report_file;
  if (file.empty() && !o.report_type.empty())
    file = std::filesystem::path(o.report_folder) / "benchmark_report.csv";
  if (!file.empty()) {
    write_bench_report(file, result, versus, o.counters());
    report.line("report: " + file.string());
  }
  return Exit::ok;
}

Exit run_sync(const Options& o, Report& report, const Candidate& first,
              const std::optional<Candidate>& second) {
  const std::optional<int> first_core = o.pin ? std::optional(0) : std::nullopt;
  engine::Session session(first.program, o.model.threads, first_core);
  engine::Dataset dataset(first.program->inputs(), data_options(o, report));
  report_inputs(report, dataset, o.input);
  fill(session, dataset, 0, report);
  std::optional<engine::Session> other;
  std::vector<engine::Session*> sessions{&session};
  if (second) {
    other.emplace(second->program, o.model.threads, first_core);
    copy_inputs(session, *other);
    sessions.push_back(&*other);
  }
  if (o.pin && !engine::pin_this_thread(0)) report.warning("the system refuses to bind the thread to a core");

  for (engine::Session* const each : sessions) each->run();
  const std::int64_t memory = peak_memory();
  const Peak machine(first.program->isa(), session.threads());
  auto times = measure_interleaved(sessions, o.warm_up, o.limit());
  const auto peak = machine.best();
  BenchResult result = describe(first, session.threads(), dataset.batch(), memory);
  std::optional<VersusResult> versus;
  if (second) {
    versus.emplace(VersusResult{describe(*second, other->threads(), dataset.batch(), memory),
                                summarize(pairwise_ratios(times[1], times[0]))});
    versus->other.latency = in_milliseconds(std::move(times[1]));
    finish(versus->other, *other, peak, o.times_layers());
  }
  result.latency = in_milliseconds(std::move(times[0]));
  finish(result, session, peak, o.times_layers());
  return conclude(o, report, result, versus);
}

Exit run_async(const Options& o, Report& report, const Candidate& candidate) {
  const int threads = o.model.threads == 0 ? engine::usable_cores() : o.model.threads;
  const std::size_t streams = o.streams == 0 ? static_cast<std::size_t>(threads) : o.streams;
  const int threads_each = std::max(1, threads / static_cast<int>(streams));
  engine::Dataset dataset(candidate.program->inputs(), data_options(o, report));
  report_inputs(report, dataset, o.input);
  std::vector<engine::Session> sessions;
  for (std::size_t s = 0; s < streams; ++s) {
    const int core = static_cast<int>(s) * threads_each;
    sessions.emplace_back(candidate.program, threads_each, o.pin ? std::optional(core) : std::nullopt);
    fill(sessions.back(), dataset, s % dataset.runs(), report);
  }
  const auto pin = [&](std::size_t stream) {
    if (o.pin) (void)engine::pin_this_thread(static_cast<int>(stream) * threads_each);
  };
  sessions.front().run();
  const std::int64_t memory = peak_memory();
  const int used = threads_each * static_cast<int>(streams);
  const Peak machine(candidate.program->isa(), used);
  StreamResult measured =
      measure_streams(sessions, o.requests == 0 ? streams : o.requests, o.warm_up, o.limit(), pin);

  BenchResult result = describe(candidate, used, dataset.batch(), memory);
  result.api = "async";
  result.streams = streams;
  result.fps = static_cast<double>(measured.latencies.size() * dataset.batch()) / measured.seconds;
  result.latency = in_milliseconds(std::move(measured.latencies));
  finish(result, sessions.front(), machine.best(), o.times_layers());
  std::optional<VersusResult> none;
  return conclude(o, report, result, none);
}

Exit run(const Options& o, Report& report) {
  check(o, report);
  const Candidate first = load_candidate(o.model);
  if (o.api == "async") return run_async(o, report, first);
  std::optional<Candidate> second;
  if (!o.versus.empty() || o.versus_float) {
    ModelOptions other = o.model;
    other.float_only = o.model.float_only || o.versus_float;
    if (!o.versus.empty()) {
      other.model = o.versus;
      other.weights.clear();
    }
    second = load_candidate(other);
    if (o.versus_float) second->name += " in FP32";
  }
  return run_sync(o, report, first, second);
}

}  // namespace

Command bench_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "bench",
          .summary = "Measure how fast a model runs, alone or against another",
          .aliases = {kSubsetAlias,
                      {"-pc", "--per-layer"},
                      {"--perf-counts", "--per-layer"},
                      {"--path-to-model", "--model"},
                      {"--path-to-input", "--input"},
                      {"--target-device", "--device"},
                      {"--api-type", "--api"},
                      {"--number-iterations", "--niter"},
                      {"--number-streams", "--nstreams"},
                      {"--number-threads", "--nthreads"},
                      {"--batch-size", "--batch"},
                      {"--infer-threads-pinning", "--pin"}},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
