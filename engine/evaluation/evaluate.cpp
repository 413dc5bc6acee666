#include "engine/evaluation/evaluate.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include "engine/core/parallel.h"
#include "engine/evaluation/label_free.h"

namespace refcalib::engine {
namespace {

/// What the threads of a run share.
struct Work {
  const AnnotationSet& annotations;
  const EvaluateOptions& options;
  const SampleJudge& judge;
  const InputFeeder& feeder;
  bool keep;
  Evaluation& result;
  std::span<const std::size_t> samples;
  std::mutex mutex{};  // of what follows and of result.failed
  std::size_t next = 0, done = 0;
  std::exception_ptr error{};
  bool stopped = false;

  const Pipeline& pipeline() const noexcept { return judge.pipeline(); }
};

void fail(Work& work, std::size_t sample, const std::string& reason) {
  const std::lock_guard lock(work.mutex);
  work.result.failed.emplace_back(sample, reason);
}

/// Truth, postprocessing, metrics of one sample.
void judge(Work& work, std::size_t sample, Prediction prediction, const SampleGeometry& geometry) {
  std::optional<StoredPrediction> stored;
  if (work.keep) stored = StoredPrediction{prediction, geometry};
  try {
    work.judge.add(sample, std::move(prediction), geometry);
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    fail(work, sample, error.with({.file = work.annotations.samples[sample].name()}).what());
    return;
  }
  if (stored) work.result.predictions[sample] = std::move(stored);
}

/// The joint prediction of the slices of a volume.
Prediction joined(std::vector<Prediction> slices) {
  if (slices.size() == 1) return std::move(slices.front());
  MaskPrediction volume = std::get<MaskPrediction>(slices.front());
  const auto channels = static_cast<std::size_t>(volume.scores.channels);
  const std::size_t area = volume.scores.area();
  volume.scores.depth = static_cast<int>(slices.size());
  volume.scores.values.assign(channels * area * slices.size(), 0.0F);
  for (std::size_t s = 0; s < slices.size(); ++s) {
    const auto& from = std::get<MaskPrediction>(slices[s]).scores.values;
    for (std::size_t c = 0; c < channels; ++c)
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(c * area), area,
                  volume.scores.values.begin() + static_cast<std::ptrdiff_t>((c * slices.size() + s) * area));
  }
  return volume;
}

Prediction run_slices(Work& work, Session& session, std::size_t sample, const Frame& volume) {
  std::vector<Prediction> slices;
  for (int z = 0; z < volume.depth; ++z) {
    const Frame slice = slice_of(volume, z);
    for (std::size_t row = 0; row < work.feeder.batch(); ++row)
      work.feeder.feed(session, row, work.annotations.samples[sample], {&slice, 1});
    session.run();
    const auto outputs = outputs_of(session);
    slices.push_back(work.pipeline().adapter().read({outputs, work.feeder.batch()}, 0, slice.geometry));
  }
  if (!std::holds_alternative<MaskPrediction>(slices.front()))
    throw UsageError("volumes need an adapter of masks, such as 'brain_tumor_segmentation'");
  return joined(std::move(slices));
}

struct Loaded {
  std::size_t sample;
  std::shared_ptr<const std::vector<Frame>> frames;
};

/// One run of the network with these samples; rows left over repeat the last one.
void run_batch(Work& work, Session& session, const std::vector<Loaded>& batch) {
  if (batch.empty()) return;
  if (by_slices(*batch.front().frames, session.program().inputs())) {
    for (const Loaded& one : batch)
      judge(work, one.sample, run_slices(work, session, one.sample, one.frames->front()),
            one.frames->front().geometry);
    return;
  }
  for (std::size_t row = 0; row < work.feeder.batch(); ++row) {
    const Loaded& one = batch[std::min(row, batch.size() - 1)];
    work.feeder.feed(session, row, work.annotations.samples[one.sample], *one.frames);
  }
  session.run();
  const auto outputs = outputs_of(session);
  const NetworkRun run{outputs, work.feeder.batch()};
  for (std::size_t row = 0; row < batch.size(); ++row) {
    const SampleGeometry& geometry = batch[row].frames->front().geometry;
    if (work.options.outputs) work.options.outputs(batch[row].sample, run, row);
    judge(work, batch[row].sample, work.pipeline().adapter().read(run, row, geometry), geometry);
  }
}

/// The samples of the next run that can be read.
std::vector<Loaded> load_batch(Work& work, std::span<const std::size_t> samples) {
  std::vector<Loaded> batch;
  for (const std::size_t sample : samples) try {
      const Annotation& annotation = work.annotations.samples[sample];
      batch.push_back(
          {sample, work.options.prepared != nullptr
                       ? work.options.prepared->get(work.pipeline(), annotation, sample)
                       : std::make_shared<std::vector<Frame>>(work.pipeline().prepare(annotation))});
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {
      fail(work, sample, error.what());
    }
  return batch;
}

void run_thread(Work& work, const std::shared_ptr<const Program>& program) {
  try {
    Session session(program, 1);
    while (true) {
      std::span<const std::size_t> samples;
      {
        const std::lock_guard lock(work.mutex);
        if (work.error || work.stopped || work.next >= work.samples.size()) return;
        if (work.options.stop && work.options.stop()) {
          work.stopped = true;
          return;
        }
        samples =
            work.samples.subspan(work.next, std::min(work.feeder.batch(), work.samples.size() - work.next));
        work.next += samples.size();
      }
      run_batch(work, session, load_batch(work, samples));
      const std::lock_guard lock(work.mutex);
      work.done += samples.size();
      if (work.options.progress) work.options.progress(work.done, work.samples.size());
    }
  } catch (...) {
    const std::lock_guard lock(work.mutex);
    if (!work.error) work.error = std::current_exception();
  }
}

}  // namespace

std::vector<NetworkOutput> outputs_of(const Session& session) {
  std::vector<NetworkOutput> outputs;
  const auto ports = session.program().outputs();
  for (std::size_t i = 0; i < ports.size(); ++i)
    outputs.push_back({ports[i].name, ports[i].shape, session.output(i)});
  return outputs;
}

bool by_slices(const std::vector<Frame>& frames, std::span<const PortInfo> inputs) {
  return frames.size() == 1 && frames.front().depth > 1 && inputs.front().shape.size() == 4;
}

SampleJudge::SampleJudge(const EvaluationConfig& config, const AnnotationSet& annotations,
                         const PreprocessContext& context)
    : annotations_(annotations), pipeline_(config, annotations.meta, context) {
  for (const auto& metric : pipeline_.metrics()) metric->begin(annotations.samples.size());
}

void SampleJudge::add(std::size_t sample, Prediction prediction, const SampleGeometry& geometry) const {
  Truth truth = pipeline_.truth(annotations_.samples[sample]);
  if (annotations_.postprocessed) {
    Truth nothing = nothing_true(prediction, geometry);
    pipeline_.postprocess(nothing, prediction, geometry);
  } else {
    pipeline_.postprocess(truth, prediction, geometry);
  }
  for (const auto& metric : pipeline_.metrics()) metric->add(sample, truth, prediction);
}

double SampleJudge::value(std::size_t metric, std::span<const std::uint32_t> weights) const {
  pipeline_.metrics()[metric]->end();
  return pipeline_.metrics()[metric]->value(weights);
}

std::vector<std::unique_ptr<Metric>> SampleJudge::take_metrics() {
  for (const auto& metric : pipeline_.metrics()) metric->end();
  return pipeline_.take_metrics();
}

struct Evaluator::State {
  std::shared_ptr<const Program> program;
  const AnnotationSet& annotations;
  InputFeeder feeder;
  SampleJudge judge;
  bool keep;
  Evaluation result{};
};

Evaluator::Evaluator(std::shared_ptr<const Program> program, const EvaluationConfig& config,
                     const AnnotationSet& annotations, bool keep_predictions) {
  InputFeeder feeder(program->inputs(), config.launcher);
  SampleJudge judge(config, annotations, feeder.context());
  state_.reset(
      new State{std::move(program), annotations, std::move(feeder), std::move(judge), keep_predictions});
  state_->result.samples = annotations.samples.size();
  if (keep_predictions) state_->result.predictions.resize(state_->result.samples);
}

Evaluator::~Evaluator() = default;

bool Evaluator::run(std::span<const std::size_t> samples, const EvaluateOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  Work work{state_->annotations, options,        state_->judge, state_->feeder,
            state_->keep,        state_->result, samples};
  const std::size_t threads =
      static_cast<std::size_t>(options.threads > 0 ? options.threads : usable_cores());
  std::vector<std::thread> team;
  for (std::size_t t = 1; t < threads; ++t) team.emplace_back([&] { run_thread(work, state_->program); });
  run_thread(work, state_->program);
  for (std::thread& member : team) member.join();
  if (work.error) std::rethrow_exception(work.error);
  state_->result.stopped = work.stopped;
  state_->result.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return !work.stopped;
}

double Evaluator::value(std::size_t metric, std::span<const std::uint32_t> weights) const {
  return state_->judge.value(metric, weights);
}

const Metric& Evaluator::metric(std::size_t index) const {
  return *state_->judge.pipeline().metrics()[index];
}

Evaluation Evaluator::finish() {
  state_->result.metrics = state_->judge.take_metrics();
  std::sort(state_->result.failed.begin(), state_->result.failed.end());
  return std::move(state_->result);
}

Evaluation evaluate(const std::shared_ptr<const Program>& program, const EvaluationConfig& config,
                    const AnnotationSet& annotations, const EvaluateOptions& options, bool keep_predictions) {
  Evaluator evaluator(program, config, annotations, keep_predictions);
  std::vector<std::size_t> all(annotations.samples.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  evaluator.run(all, options);
  return evaluator.finish();
}

Evaluation evaluate_stored(std::vector<std::optional<StoredPrediction>> predictions,
                           const EvaluationConfig& config, const AnnotationSet& annotations,
                           const PreprocessContext& context) {
  if (predictions.size() != annotations.samples.size())
    throw UsageError("the stored predictions are of " + std::to_string(predictions.size()) +
                         " samples, the dataset has " + std::to_string(annotations.samples.size()),
                     {.remedy = "remove the file to make them anew"});
  SampleJudge sample_judge(config, annotations, context);
  const InputFeeder feeder({}, {});
  Evaluation result;
  result.samples = annotations.samples.size();
  const EvaluateOptions options;
  Work work{annotations, options, sample_judge, feeder, false, result, {}};
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    if (predictions[i])
      judge(work, i, std::move(predictions[i]->prediction), predictions[i]->geometry);
    else
      result.failed.emplace_back(i, annotations.samples[i].name() + ": no prediction is stored");
  }
  result.metrics = sample_judge.take_metrics();
  std::sort(result.failed.begin(), result.failed.end());
  return result;
}

}  // namespace refcalib::engine
