# refcalib_sanitize(TARGET): instruments a target with the sanitizers named in REFCALIB_SANITIZE.
function(refcalib_sanitize target)
  if(REFCALIB_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${REFCALIB_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${REFCALIB_SANITIZE})
  endif()
endfunction()
