#include "tests/fuzz/run_case.h"

#include <exception>
#include <typeinfo>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/cpu/isa.h"
#include "engine/evaluation/random_input.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/model_formats.h"
#include "engine/runtime/program.h"

namespace refcalib_fuzz {
namespace {

namespace engine = refcalib::engine;

/// Sanitizers slow a multiplication down to some nanoseconds.
constexpr std::int64_t kMostMacs = 30'000'000;
constexpr std::size_t kMostBytes = std::size_t{32} << 20;

void run_once(std::shared_ptr<const engine::Program> program, std::uint64_t number) {
  engine::Session session(program, 1);
  for (std::size_t i = 0; i < program->inputs().size(); ++i) {
    std::uint64_t element = 0;
    for (float& x : session.input(i)) x = engine::random_input(number, i, element++);
  }
  session.run();
  volatile float last = 0;
  for (std::size_t i = 0; i < program->outputs().size(); ++i)
    for (const float y : session.output(i)) last = y;
  static_cast<void>(last);
}

Verdict class_of(const engine::Error& error) noexcept {
  if (dynamic_cast<const engine::IoError*>(&error) != nullptr) return Verdict::io;
  if (dynamic_cast<const engine::FormatError*>(&error) != nullptr) return Verdict::format;
  if (dynamic_cast<const engine::UnsupportedError*>(&error) != nullptr) return Verdict::unsupported;
  if (dynamic_cast<const engine::UsageError*>(&error) != nullptr) return Verdict::usage;
  return Verdict::defect;
}

/// What is wrong with the text of an error, or nothing.
std::string fault_of(const std::string& text, const std::filesystem::path& xml) {
  if (text.empty()) return "an error without a text";
  if (text.find_first_of("\n\r") != std::string::npos) return "an error of several lines: ";
  const std::string stem = xml.string().substr(0, xml.string().size() - xml.extension().string().size());
  if (text.find(stem) == std::string::npos) return "an error that names no file: ";
  if (text.find("internal:") != std::string::npos) return "an internal error: ";
  return {};
}

Outcome judged(const engine::Error& error, Stage stage, const std::filesystem::path& xml) {
  const std::string text = error.what();
  const std::string fault = fault_of(text, xml);
  if (!fault.empty()) return {Verdict::defect, stage, fault + text};
  const Verdict verdict = class_of(error);
  return {verdict, stage, verdict == Verdict::defect ? "an error of no class: " + text : text};
}

Verdict work(const std::filesystem::path& xml, std::uint64_t number, Stage& stage) {
  const engine::ir::Document document = engine::model_format(xml).read(xml, {}, {});
  stage = Stage::translate;
  engine::Graph graph = engine::ir::to_graph(document);
  stage = Stage::compile;
  const std::vector<engine::Isa> isas = engine::available_isas();
  engine::CompileOptions options;
  options.isa = isas[number % isas.size()];
  options.int8 = number % 4 != 0;
  auto program = engine::Program::compile(std::move(graph), options);
  if (program->macs() > kMostMacs || program->arena_bytes() > kMostBytes) return Verdict::not_run;
  stage = Stage::run;
  run_once(std::move(program), number);
  return Verdict::success;
}

}  // namespace

Outcome run_case(const std::filesystem::path& xml, std::uint64_t number) {
  Stage stage = Stage::read;
  try {
    const Verdict verdict = work(xml, number, stage);
    return {verdict, stage, {}};
  } catch (const engine::Error& error) {
    return judged(error, stage, xml);
  } catch (const std::exception& error) {
    return {Verdict::defect, stage, std::string(typeid(error).name()) + ": " + error.what()};
  } catch (...) {
    return {Verdict::defect, stage, "an exception of unknown type"};
  }
}

}  // namespace refcalib_fuzz
