#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "engine/cpu/isa.h"
#include "engine/kernels/convert/convert.h"
#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/layout/layout.h"
#include "engine/kernels/pool/pool.h"
#include "engine/kernels/reduce/reduce.h"
#include "engine/kernels/softmax/softmax.h"
#include "engine/kernels/table.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib::engine::kernels;

namespace {

constexpr Isa all_isas[] = {Isa::scalar, Isa::avx2, Isa::avxvnni, Isa::avx512, Isa::avx512vnni};

// What a table must hold for dispatch to be right: rows from best to weakest, each named after its
// instruction set, a scalar one at the end, and for every instruction set the best row that it includes.
template <class Kernels>
void check_table(std::span<const Kernels> table, const std::string& folder) {
  REQUIRE_FALSE(table.empty());
  CHECK(table.back().isa == Isa::scalar);
  for (std::size_t i = 0; i < table.size(); ++i) {
    CHECK(table[i].name == folder + "/" + std::string(to_string(table[i].isa)));
    CHECK((i == 0 || table[i - 1].isa > table[i].isa));
  }
  for (const Isa isa : all_isas) {
    const Kernels& chosen = select(table, isa);
    CAPTURE(folder, to_string(isa), chosen.name);
    CHECK(includes(isa, chosen.isa));
    for (const Kernels& row : table) {
      CHECK((row.isa <= chosen.isa || !includes(isa, row.isa)));
    }
  }
}

}  // namespace

TEST_CASE("every kernel table selects the best row that an instruction set includes", "[select]") {
  check_table(convert_kernels(), "convert");
  check_table(layout_kernels(), "layout");
  check_table(pool_kernels(), "pool");
  check_table(eltwise_kernels(), "eltwise");
  check_table(softmax_kernels(), "softmax");
  check_table(reduce_kernels(), "reduce");
}

TEST_CASE("forcing an instruction set makes its kernels run", "[select]") {
  const char* old = std::getenv("REFCALIB_ISA");
  const std::optional<std::string> restore = old == nullptr ? std::nullopt : std::optional<std::string>(old);
  for (const Isa isa : available_isas()) {
    setenv("REFCALIB_ISA", std::string(to_string(isa)).c_str(), 1);
    const std::string name = select(pool_kernels(), selected_isa()).name;
    CAPTURE(to_string(isa), name);
    // Rows without dot products serve the sets with them.
    const Isa expected = isa == Isa::avx512vnni ? Isa::avx512 : (isa == Isa::avxvnni ? Isa::avx2 : isa);
    CHECK(name == "pool/" + std::string(to_string(expected)));
  }
  if (restore) {
    setenv("REFCALIB_ISA", restore->c_str(), 1);
  } else {
    unsetenv("REFCALIB_ISA");
  }
}
