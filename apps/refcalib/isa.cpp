#include "engine/cpu/isa.h"

#include "apps/refcalib/command.h"

namespace refcalib::app {

Command isa_command() {
  return {
      .name = "isa",
      .summary = "List the instruction sets of this machine and the one in use",
      .aliases = {},
      .declare =
          [](CLI::App& app) { app.footer("REFCALIB_ISA=NAME in the environment forces one of the list.\n"); },
      .run =
          [](Report& report) {
            const engine::Isa in_use = engine::selected_isa();
            for (const engine::Isa isa : engine::available_isas())
              report.line(std::string(engine::to_string(isa)) + (isa == in_use ? "  (in use)" : ""));
            return Exit::ok;
          }};
}

}  // namespace refcalib::app
