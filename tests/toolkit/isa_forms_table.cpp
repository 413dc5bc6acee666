#include <vector>

#include "tests/toolkit/isa_forms.h"

namespace refcalib_test {

IsaForms forms_scalar();
#ifdef REFCALIB_TOOLKIT_X86
IsaForms forms_avx2();
IsaForms forms_avx512();
#endif

std::span<const IsaForms> available_isa_forms() {
  static const std::vector<IsaForms> table = [] {
    std::vector<IsaForms> forms{forms_scalar()};
#ifdef REFCALIB_TOOLKIT_X86
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) forms.push_back(forms_avx2());
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      forms.push_back(forms_avx512());
    }
#endif
    return forms;
  }();
  return table;
}

}  // namespace refcalib_test
