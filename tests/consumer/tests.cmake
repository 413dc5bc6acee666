# ctest entries (label "package") that build the consumer project. Building the engine a second time takes as long as the first:
# that case is labelled "long", too.
set(cases toolkit subdirectory not_installed)
if(TARGET refcalib_engine)
  list(APPEND cases engine no_pugixml subdirectory_engine)
endif()
foreach(case IN LISTS cases)
  add_test(NAME package_${case}
    COMMAND "${CMAKE_COMMAND}" -DCASE=${case} "-DSOURCE_DIR=${PROJECT_SOURCE_DIR}" "-DBUILD_DIR=${PROJECT_BINARY_DIR}"
      "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}" "-DGENERATOR=${CMAKE_GENERATOR}" "-DCOMPILER=${CMAKE_CXX_COMPILER}"
      "-DBUILD_TYPE=${CMAKE_BUILD_TYPE}" -P "${CMAKE_CURRENT_LIST_DIR}/run.cmake")
  set_tests_properties(package_${case} PROPERTIES LABELS package TIMEOUT 600)
endforeach()
if(TARGET refcalib_engine)
  set_tests_properties(package_subdirectory_engine PROPERTIES LABELS "package;long" TIMEOUT 3600)
endif()
