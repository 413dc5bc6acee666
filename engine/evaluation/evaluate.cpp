#include "engine/evaluation/evaluate.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>

#include "engine/core/parallel.h"

namespace refcalib::engine {
namespace {

/// What the threads of an evaluation share.
struct Work {
  const EvaluationConfig& config;
  const AnnotationSet& annotations;
  const EvaluateOptions& options;
  const Pipeline& pipeline;
  const InputFeeder& feeder;
  bool keep;
  Evaluation& result;
  std::mutex mutex{};  // of what follows and of result.failed
  std::size_t next = 0, done = 0;
  std::exception_ptr error{};
  bool stopped = false;

  std::size_t count() const noexcept { return annotations.samples.size(); }
};

/// The outputs of a session as adapters see them.
std::vector<NetworkOutput> outputs_of(const Session& session) {
  std::vector<NetworkOutput> outputs;
  const auto ports = session.program().outputs();
  for (std::size_t i = 0; i < ports.size(); ++i)
    outputs.push_back({ports[i].name, ports[i].shape, session.output(i)});
  return outputs;
}

void fail(Work& work, std::size_t sample, const std::string& reason) {
  const std::lock_guard lock(work.mutex);
  work.result.failed.emplace_back(sample, reason);
}

/// Truth, postprocessing, metrics of one sample.
void judge(Work& work, std::size_t sample, Prediction prediction, const SampleGeometry& geometry) {
  const Annotation& annotation = work.annotations.samples[sample];
  Truth truth;
  try {
    truth = work.pipeline.truth(annotation);
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    fail(work, sample, error.what());
    return;
  }
  if (work.keep) work.result.predictions[sample] = StoredPrediction{prediction, geometry};
  work.pipeline.postprocess(truth, prediction, geometry);
  for (const auto& metric : work.pipeline.metrics()) metric->add(sample, truth, prediction);
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

/// A volume for a network of pictures goes through it slice by slice.
bool by_slices(const std::vector<Frame>& frames, const Session& session) {
  return frames.size() == 1 && frames.front().depth > 1 &&
         session.program().inputs().front().shape.size() == 4;
}

Prediction run_slices(Work& work, Session& session, std::size_t sample, const Frame& volume) {
  std::vector<Prediction> slices;
  const std::size_t size = volume.values.size() / static_cast<std::size_t>(volume.depth);
  for (int z = 0; z < volume.depth; ++z) {
    Frame slice = volume;
    slice.depth = 1;
    const auto begin =
        volume.values.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(z) * size);
    slice.values.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
    for (std::size_t row = 0; row < work.feeder.batch(); ++row)
      work.feeder.feed(session, row, work.annotations.samples[sample], {&slice, 1});
    session.run();
    const auto outputs = outputs_of(session);
    slices.push_back(work.pipeline.adapter().read({outputs, work.feeder.batch()}, 0, slice.geometry));
  }
  if (!std::holds_alternative<MaskPrediction>(slices.front()))
    throw UsageError("volumes need an adapter of masks, such as 'brain_tumor_segmentation'");
  return joined(std::move(slices));
}

struct Loaded {
  std::size_t sample;
  std::vector<Frame> frames;
};

/// One run of the network with these samples; rows left over repeat the last one.
void run_batch(Work& work, Session& session, const std::vector<Loaded>& batch) {
  if (batch.empty()) return;
  if (by_slices(batch.front().frames, session)) {
    for (const Loaded& one : batch)
      judge(work, one.sample, run_slices(work, session, one.sample, one.frames.front()),
            one.frames.front().geometry);
    return;
  }
  for (std::size_t row = 0; row < work.feeder.batch(); ++row) {
    const Loaded& one = batch[std::min(row, batch.size() - 1)];
    work.feeder.feed(session, row, work.annotations.samples[one.sample], one.frames);
  }
  session.run();
  const auto outputs = outputs_of(session);
  for (std::size_t row = 0; row < batch.size(); ++row) {
    const SampleGeometry& geometry = batch[row].frames.front().geometry;
    judge(work, batch[row].sample,
          work.pipeline.adapter().read({outputs, work.feeder.batch()}, row, geometry), geometry);
  }
}

/// The samples of the next run that can be read.
std::vector<Loaded> load_batch(Work& work, std::size_t first, std::size_t end) {
  std::vector<Loaded> batch;
  for (std::size_t sample = first; sample < end; ++sample) try {
      batch.push_back({sample, work.pipeline.prepare(work.annotations.samples[sample])});
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
      std::size_t first = 0, end = 0;
      {
        const std::lock_guard lock(work.mutex);
        if (work.error || work.stopped || work.next >= work.count()) return;
        if (work.options.stop && work.options.stop()) {
          work.stopped = true;
          return;
        }
        first = work.next;
        end = work.next = std::min(work.count(), first + work.feeder.batch());
      }
      run_batch(work, session, load_batch(work, first, end));
      const std::lock_guard lock(work.mutex);
      work.done += end - first;
      if (work.options.progress) work.options.progress(work.done, work.count());
    }
  } catch (...) {
    const std::lock_guard lock(work.mutex);
    if (!work.error) work.error = std::current_exception();
  }
}

void finish(Pipeline& pipeline, Evaluation& result) {
  for (const auto& metric : pipeline.metrics()) metric->end();
  result.metrics = pipeline.take_metrics();
  std::sort(result.failed.begin(), result.failed.end());
}

}  // namespace

Evaluation evaluate(const std::shared_ptr<const Program>& program, const EvaluationConfig& config,
                    const AnnotationSet& annotations, const EvaluateOptions& options, bool keep_predictions) {
  const auto start = std::chrono::steady_clock::now();
  const InputFeeder feeder(program->inputs(), config.launcher);
  Pipeline pipeline(config, annotations.meta, feeder.context());
  Evaluation result;
  result.samples = annotations.samples.size();
  if (keep_predictions) result.predictions.resize(result.samples);
  for (const auto& metric : pipeline.metrics()) metric->begin(result.samples);

  Work work{config, annotations, options, pipeline, feeder, keep_predictions, result, {}};
  const std::size_t threads =
      static_cast<std::size_t>(options.threads > 0 ? options.threads : usable_cores());
  std::vector<std::thread> team;
  for (std::size_t t = 1; t < threads; ++t) team.emplace_back([&] { run_thread(work, program); });
  run_thread(work, program);
  for (std::thread& member : team) member.join();
  if (work.error) std::rethrow_exception(work.error);
  result.stopped = work.stopped;
  finish(pipeline, result);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

Evaluation evaluate_stored(std::vector<std::optional<StoredPrediction>> predictions,
                           const EvaluationConfig& config, const AnnotationSet& annotations,
                           const PreprocessContext& context) {
  if (predictions.size() != annotations.samples.size())
    throw UsageError("the stored predictions are of " + std::to_string(predictions.size()) +
                         " samples, the dataset has " + std::to_string(annotations.samples.size()),
                     {.remedy = "remove the file to make them anew"});
  Pipeline pipeline(config, annotations.meta, context);
  const InputFeeder feeder({}, {});
  Evaluation result;
  result.samples = annotations.samples.size();
  for (const auto& metric : pipeline.metrics()) metric->begin(result.samples);
  const EvaluateOptions options;
  Work work{config, annotations, options, pipeline, feeder, false, result, {}};
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    if (predictions[i])
      judge(work, i, std::move(predictions[i]->prediction), predictions[i]->geometry);
    else
      result.failed.emplace_back(i, annotations.samples[i].name() + ": no prediction is stored");
  }
  finish(pipeline, result);
  return result;
}

}  // namespace refcalib::engine
