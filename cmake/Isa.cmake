# THE TABLE of instruction sets: name and compiler flags, weakest first.
# A row here, a bit in engine/cpu/isa.cpp, and one small file per primitive that deserves it make a new instruction set.
set(REFCALIB_ISAS scalar)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND REFCALIB_ISAS avx2 avxvnni avx512 avx512vnni)
endif()
set(REFCALIB_ISA_FLAGS_scalar)
set(REFCALIB_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi -mbmi2 -mlzcnt -mpopcnt)
set(REFCALIB_ISA_FLAGS_avxvnni ${REFCALIB_ISA_FLAGS_avx2} -mavxvnni)
set(REFCALIB_ISA_FLAGS_avx512 ${REFCALIB_ISA_FLAGS_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd)
set(REFCALIB_ISA_FLAGS_avx512vnni ${REFCALIB_ISA_FLAGS_avx512} -mavx512vnni)

# refcalib_isa_sources(TARGET ISA FILE...): compiles the files into TARGET with the instruction set's flags. The target keeps
# the list, as isa:file, for the test that no such object leaks symbols.
function(refcalib_isa_sources target isa)
  target_sources(${target} PRIVATE ${ARGN})
  set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target} PROPERTIES COMPILE_OPTIONS "${REFCALIB_ISA_FLAGS_${isa}}")
  if(REFCALIB_ISA_FLAGS_${isa})
    list(TRANSFORM ARGN PREPEND "${isa}:" OUTPUT_VARIABLE entries)
    set_property(TARGET ${target} APPEND PROPERTY REFCALIB_ISA_SOURCES ${entries})
  endif()
endfunction()
