/// refcalib_fuzz_ir: mutated IR models through the reader, the compiler and a session.
/// See docs/testing.md for how it is used.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/fuzz/mutate.h"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/supervise.h"

namespace refcalib_fuzz {
namespace {

constexpr const char* kUsage =
    "usage: refcalib_fuzz_ir [--cases N] [--seed S] [--first I] [--keep DIR] [--list] [--onnx] [--caffe] "
    "[--provoke "
    "KIND]\n"
    "  --cases N       number of mutated models (default 400)\n"
    "  --seed S        seed of the mutations (default 1)\n"
    "  --first I       number of the first case; with --cases 1 it repeats one case (default 0)\n"
    "  --keep DIR      keeps the files of every defect as DIR/case_<number>.xml and .bin\n"
    "  --list          prints every case\n"
    "  --onnx          mutates ONNX models instead of IR\n"
    "  --caffe         mutates Caffe models instead of IR\n"
    "  --provoke KIND  crash, hang, exception or allocation: one such defect, to see that it is found\n"
    "exit code: 0 no defect, 1 defects, 2 wrong usage or no seeds\n";

struct Options {
  std::uint64_t cases = 400, seed = 1, first = 0;
  std::string keep, provoke;
  bool list = false, onnx = false, caffe = false;
};

std::uint64_t number(const std::string& text) {
  std::size_t end = 0;
  const unsigned long long value = std::stoull(text, &end);
  if (end != text.size()) throw std::invalid_argument(text);
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view key = argv[i];
    if (key == "--list") {
      options.list = true;
      continue;
    }
    if (key == "--onnx") {
      options.onnx = true;
      continue;
    }
    if (key == "--caffe") {
      options.caffe = true;
      continue;
    }
    if (i + 1 == argc) throw std::invalid_argument(std::string(key));
    const std::string value = argv[++i];
    if (key == "--cases")
      options.cases = number(value);
    else if (key == "--seed")
      options.seed = number(value);
    else if (key == "--first")
      options.first = number(value);
    else if (key == "--keep")
      options.keep = value;
    else if (key == "--provoke")
      options.provoke = value;
    else
      throw std::invalid_argument(std::string(key));
  }
  return options;
}

/// A defect on purpose.
Outcome provoke(const std::string& kind) {
  if (kind == "crash") std::abort();
  if (kind == "exception") throw std::out_of_range("provoked");
  volatile std::uint64_t size = std::uint64_t{1} << 36;
  if (kind == "allocation") {
    void* volatile memory = ::operator new(size);
    ::operator delete(memory);
  }
  while (kind == "hang") size = size + 1;
  return {};
}

/// The seeds as they are: every one of them must run.
std::uint64_t check_seeds(const std::vector<ModelFiles>& seeds) {
  Loop loop;
  loop.count = seeds.size();
  loop.make = [&](std::uint64_t i) { return seeds[i]; };
  loop.run = run_case;
  std::uint64_t failures = 0;
  for (const Record& record : supervise(loop)) {
    if (record.outcome.verdict == Verdict::success) continue;
    ++failures;
    std::printf("seed %s does not run: %s\n", seeds[record.number].name.c_str(),
                record.outcome.message.c_str());
  }
  return failures;
}

void print_record(const Record& record, const std::string& origin) {
  const Outcome& o = record.outcome;
  std::printf("case %llu (%s): %s in %s %s\n", static_cast<unsigned long long>(record.number), origin.c_str(),
              std::string(kVerdictNames[static_cast<std::size_t>(o.verdict)]).c_str(),
              std::string(kStageNames[static_cast<std::size_t>(o.stage)]).c_str(), o.message.c_str());
}

std::uint64_t print_table(const std::vector<Record>& records) {
  std::map<std::pair<Verdict, Stage>, std::uint64_t> counts;
  for (const Record& record : records) ++counts[{record.outcome.verdict, record.outcome.stage}];
  std::uint64_t defects = 0;
  for (const auto& [key, count] : counts) {
    if (key.first == Verdict::defect) defects += count;
    std::printf("%8llu  %-17s in %s\n", static_cast<unsigned long long>(count),
                std::string(kVerdictNames[static_cast<std::size_t>(key.first)]).c_str(),
                std::string(kStageNames[static_cast<std::size_t>(key.second)]).c_str());
  }
  return defects;
}

std::vector<ModelFiles> seeds_of(const Options& options, const std::filesystem::path& shared) {
  if (options.caffe) {
#ifdef REFCALIB_CAFFE
    return load_caffe_seeds();
#else
    throw std::runtime_error("this build does not read Caffe files");
#endif
  }
  if (!options.onnx) return load_seeds(REFCALIB_SOURCE_DIR, shared);
#ifdef REFCALIB_ONNX
  return load_onnx_seeds(shared);
#else
  throw std::runtime_error("this build does not read ONNX files");
#endif
}

int run(const Options& options) {
  const char* shared = std::getenv("REFCALIB_SHARED_DIR");
  const std::vector<ModelFiles> seeds = seeds_of(options, shared != nullptr ? shared : REFCALIB_SHARED_DIR);
  if (options.provoke.empty() && check_seeds(seeds) != 0) return 2;
  Loop loop;
  loop.first = options.first;
  loop.count = options.cases;
  loop.keep = options.keep;
  loop.make = [&](std::uint64_t i) { return mutated_case(seeds, options.seed, i); };
  loop.run = run_case;
  if (!options.provoke.empty())
    loop.run = [&](const std::filesystem::path&, std::uint64_t) { return provoke(options.provoke); };
  const std::vector<Record> records = supervise(loop);
  for (const Record& record : records)
    if (options.list || record.outcome.verdict == Verdict::defect)
      print_record(record, loop.make(record.number).name);
  std::printf("%llu cases from %zu models, seed %llu\n", static_cast<unsigned long long>(options.cases),
              seeds.size(), static_cast<unsigned long long>(options.seed));
  const std::uint64_t defects = print_table(records);
  std::printf("%llu defects\n", static_cast<unsigned long long>(defects));
  return defects == 0 ? 0 : 1;
}

}  // namespace
}  // namespace refcalib_fuzz

int main(int argc, char** argv) {
  refcalib_fuzz::Options options;
  try {
    options = refcalib_fuzz::parse(argc, argv);
  } catch (const std::exception&) {
    std::fputs(refcalib_fuzz::kUsage, stderr);
    return 2;
  }
  try {
    return refcalib_fuzz::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "refcalib_fuzz_ir: %s\n", error.what());
    return 2;
  }
}
