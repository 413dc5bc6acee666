# refcalib_add_test(NAME file... [LIBS lib...] [LABELS label...] [TIMEOUT seconds]): one Catch2 program, one ctest entry.
add_library(refcalib_catch STATIC "${PROJECT_SOURCE_DIR}/tests/support/catch_main.cpp")
target_include_directories(refcalib_catch PUBLIC "${PROJECT_SOURCE_DIR}")
target_compile_features(refcalib_catch PUBLIC cxx_std_20)
# Late v2 packages offer a target with main, too, so the version decides.
if(Catch2_FOUND AND Catch2_VERSION VERSION_LESS 3)
  target_link_libraries(refcalib_catch PUBLIC Catch2::Catch2)
else()
  target_link_libraries(refcalib_catch PUBLIC Catch2::Catch2WithMain)
  target_compile_definitions(refcalib_catch PUBLIC REFCALIB_CATCH_V3)
endif()
target_compile_options(refcalib_catch PRIVATE $<$<CONFIG:Release>:-O1>)
refcalib_sanitize(refcalib_catch)

# Headers that every test reads, precompiled once for all of them: without, a test takes half as long again to compile. They
# belong to a program, because position-independent code of programs is not that of libraries.
add_executable(refcalib_test_headers "${PROJECT_SOURCE_DIR}/tests/support/headers_main.cpp")
target_link_libraries(refcalib_test_headers PRIVATE refcalib_catch)
target_precompile_headers(refcalib_test_headers PRIVATE "${PROJECT_SOURCE_DIR}/tests/support/precompiled.hpp")

# Options of every test; they have to be equal where precompiled headers are shared.
function(refcalib_test_defaults target)
  refcalib_target_defaults(${target})
  # Most of the time that a build takes goes into tests; what they test is optimised in the library.
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
endfunction()
refcalib_test_defaults(refcalib_test_headers)

function(refcalib_add_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LIBS;LABELS" ${ARGN})
  if(NOT ARG_UNPARSED_ARGUMENTS)
    message(STATUS "${name}: no sources yet")
    return()
  endif()
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE refcalib_catch ${ARG_LIBS})
  target_compile_definitions(${name} PRIVATE REFCALIB_SHARED_DIR="${REFCALIB_SHARED_DIR}"
    REFCALIB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  refcalib_test_defaults(${name})
  target_precompile_headers(${name} REUSE_FROM refcalib_test_headers)
  add_test(NAME ${name} COMMAND ${name})
  if(ARG_TIMEOUT)
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  endif()
  if(ARG_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
  endif()
endfunction()
