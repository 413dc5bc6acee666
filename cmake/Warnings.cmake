# refcalib_target_defaults(TARGET): language level, warnings, sanitizers and floating-point rules of our own code.
function(refcalib_target_defaults target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # Contraction would let the compiler fuse a*b+c on some instruction sets only; results must not depend on that.
  target_compile_options(${target} PRIVATE -ffp-contract=off -fno-math-errno -fno-trapping-math
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 reports impossible overlaps in std::string concatenation (GCC bug 105651).
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
  if(REFCALIB_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  refcalib_sanitize(${target})
endfunction()
