#include <memory>

#include "apps/refcalib/command.h"
#include "apps/refcalib/layer_rows.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/supported_report.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/graph/print.h"

namespace refcalib::app {
namespace {

struct Options {
  ModelOptions model;
  std::string dump, stage = "all", format = "text";
  bool supported = false;
};

void declare(CLI::App& app, Options& o) {
  declare_model(app, o.model);
  app.add_option("--dump", o.dump, "Print the network itself: text or dot (Graphviz)")
      ->check(CLI::IsMember({"text", "dot"}));
  app.add_option("--stage", o.stage,
                 "What to dump: graph (as read), passes (after all passes), program (steps), all")
      ->check(CLI::IsMember({"graph", "passes", "program", "all"}))
      ->capture_default_str();
  CLI::Option* const model = app.get_option("--model")->required(false);
  CLI::Option* const supported =
      app.add_flag("--supported", o.supported,
                   "Print the table of operations that can be read; needs no model")
          ->excludes(model);
  app.add_option("--format", o.format, "Of the table of operations: text or markdown")
      ->check(CLI::IsMember({"text", "markdown"}))
      ->capture_default_str()
      ->needs(supported);
}

std::string dot_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "\"";
}

/// The steps in the DOT language, in the order they run.
std::string steps_dot(const engine::Program& program) {
  std::string out = "digraph program {\n  node [shape=box];\n";
  std::size_t number = 0;
  for (const engine::StepInfo& step : program.steps()) {
    const std::string label = step.name + "\n" + step.op + " " + step.precision + "\n" + step.kernel;
    std::string escaped;
    for (const char c : dot_string(label)) escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
    out += "  s" + std::to_string(number) + " [label=" + escaped + "];\n";
    if (number > 0) out += "  s" + std::to_string(number - 1) + " -> s" + std::to_string(number) + ";\n";
    ++number;
  }
  return out + "}\n";
}

Table steps_table(const engine::Program& program) {
  Table table;
  table.header = {"#",    "layer",  "operation",    "shape",       "precision",
                  "MMAC", "kernel", "output scale", "why not INT8"};
  table.left = {1, 2, 3, 4, 6, 7, 8};
  std::size_t number = 0;
  for (const engine::StepInfo& step : program.steps())
    table.rows.push_back({std::to_string(number++), step.name, step.op, output_shapes(program, step),
                          step.precision,
                          step.macs == 0 ? "" : fixed(static_cast<double>(step.macs) / 1e6, 3), step.kernel,
                          output_scales(program, step), step.reason});
  return table;
}

/// How much of a model's integer arithmetic is summed in pairs in int16, and by what those cannot saturate; nothing if none is.
void print_pairs(Report& report, const engine::Program& program) {
  double macs = 0, in_place = 0, reordered = 0, alone = 0;
  for (const engine::StepInfo& step : program.steps()) {
    if (step.pairs.all() == 0) continue;
    const double each = static_cast<double>(step.macs) / static_cast<double>(step.pairs.all());
    macs += static_cast<double>(step.macs);
    in_place += each * static_cast<double>(step.pairs.in_place);
    reordered += each * static_cast<double>(step.pairs.reordered);
    alone += each * static_cast<double>(step.pairs.alone);
  }
  if (macs == 0) return;
  report.line("proven against saturation: " + fixed(100 * macs / static_cast<double>(program.macs()), 1) +
              " % of all multiplications are summed in pairs in int16; of these " +
              fixed(100 * in_place / macs, 1) + " % as they lie, " + fixed(100 * reordered / macs, 1) +
              " % in another order, " + fixed(100 * alone / macs, 1) + " % alone");
}

void dump_graph(Report& report, const Options& o, const engine::Graph& graph, const std::string& stage) {
  if (o.stage != "all" && o.stage != stage) return;
  const bool dot = o.dump == "dot";
  report.line((dot ? "// " : "# ") + std::string(stage == "graph" ? "as read" : "after all passes"));
  report.block(dot ? engine::to_dot(graph) : engine::to_text(graph));
}

void print_ports(Report& report, const char* kind, std::span<const engine::PortInfo> ports) {
  for (const engine::PortInfo& port : ports)
    report.line(std::string(kind) + " '" + port.name + "' " + engine::to_string(port.shape) + " " +
                std::string(engine::to_string(port.dtype)));
}

Exit run(const Options& o, Report& report) {
  if (o.supported) {
    report.block(o.format == "markdown" ? supported_markdown() : supported_text());
    return Exit::ok;
  }
  if (o.model.model.empty()) throw engine::UsageError("--model is required; see refcalib inspect --help");
  const engine::Model model = load(o.model);
  if (!o.dump.empty()) dump_graph(report, o, model.graph, "graph");
  if (o.stage == "graph" && !o.dump.empty()) return Exit::ok;
  const auto program = engine::Program::compile(model.graph, o.model.compile_options());
  if (!o.dump.empty()) {
    dump_graph(report, o, program->graph(), "passes");
    if (o.stage == "program" || o.stage == "all") {
      report.line(o.dump == "dot" ? "// program" : "# program");
      report.block(o.dump == "dot" ? steps_dot(*program) : steps_table(*program).text());
    }
    return Exit::ok;
  }

  report.line("model '" + model.document.name + "', " + format_text(model) + ", " +
              counted(model.document.layers.size(), "layer"));
  print_ports(report, "input", program->inputs());
  print_ports(report, "output", program->outputs());
  report.block(steps_table(*program).text());
  const PrecisionCount count = count_precisions(*program);
  report.line(counted(program->steps().size(), "step") + " on " +
              std::string(engine::to_string(program->isa())) + "; " + std::to_string(count.int8) + " of " +
              std::to_string(count.heavy) + " steps with weights in INT8 (" +
              fixed(count.int8_macs_percent, 1) + " % of " +
              fixed(static_cast<double>(program->macs()) / 1e6, 1) + " million multiplications); weights " +
              megabytes(static_cast<std::int64_t>(program->constant_bytes())) + ", activations " +
              megabytes(static_cast<std::int64_t>(program->arena_bytes())));
  print_pairs(report, *program);
  return Exit::ok;
}

}  // namespace

Command inspect_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "inspect",
          .summary = "Show the layers of a model, what they run in and why",
          .aliases = {},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
