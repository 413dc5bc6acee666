# Headers that most files of a target read, compiled once. A compiler cache cannot serve objects that were made with
# precompiled headers, so with one they are left out; files must therefore include what they use.
if(NOT DEFINED CMAKE_DISABLE_PRECOMPILE_HEADERS AND CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache")
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()

# refcalib_precompile(TARGET HEADER...): files compiled for an instruction set have flags of their own, which precompiled headers of
# other flags do not fit, and are left out.
function(refcalib_precompile target)
  if(CMAKE_DISABLE_PRECOMPILE_HEADERS)
    return()
  endif()
  target_precompile_headers(${target} PRIVATE ${ARGN})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12's impossible overlaps (see refcalib_target_defaults) come in a second kind, which a precompiled header does not
    # recognise as the standard library's.
    target_compile_options(${target} PRIVATE -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds)
  endif()
  get_target_property(entries ${target} REFCALIB_ISA_SOURCES)
  if(entries)
    list(TRANSFORM entries REPLACE "^[^:]*:" "")
    set_source_files_properties(${entries} TARGET_DIRECTORY ${target} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

# refcalib_runs_once(TARGET FILE...): files whose code runs once for a model or a file, where a third of the time that the compiler takes is
# worth more than the rest of the optimisation.
function(refcalib_runs_once target)
  set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target} PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Release>:-O1>)
endfunction()
