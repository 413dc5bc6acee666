# For sources that are too large to be compiled with every check in line and every variable located: the first only leaves out the
# locations of variables, the second also keeps the address sanitizer's checks out of line and does without the others.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(REFCALIB_SANITIZE_LARGE -fno-var-tracking)
  set(REFCALIB_SANITIZE_OUTLINED -fno-var-tracking -fno-sanitize=undefined --param=asan-instrumentation-with-call-threshold=0)
else()
  set(REFCALIB_SANITIZE_LARGE)
  set(REFCALIB_SANITIZE_OUTLINED -fno-sanitize=undefined "SHELL:-mllvm -asan-instrumentation-with-call-threshold=0")
endif()

# refcalib_sanitize(TARGET): instruments a target with the sanitizers named in REFCALIB_SANITIZE.
function(refcalib_sanitize target)
  if(REFCALIB_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${REFCALIB_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${REFCALIB_SANITIZE})
  endif()
endfunction()
