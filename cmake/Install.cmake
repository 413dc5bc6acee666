# Install rules and the package configuration: find_package(refcalib) gives refcalib::refcalib and, where it can, refcalib::engine.
# Three install components: toolkit (headers), engine (library and its public headers), program (the command line).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/refcalib")

# --- toolkit ----------------------------------------------------------------------------------------------------
install(TARGETS refcalib EXPORT refcalib-toolkit-targets)
install(EXPORT refcalib-toolkit-targets NAMESPACE refcalib:: DESTINATION "${_package_dir}" COMPONENT toolkit)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/refcalib" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT toolkit
  FILES_MATCHING PATTERN "*.hpp")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/package/refcalib-config.cmake.in"
  "${PROJECT_BINARY_DIR}/package/refcalib-config.cmake" INSTALL_DESTINATION "${_package_dir}")
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/refcalib-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/package/refcalib-config.cmake" "${PROJECT_BINARY_DIR}/package/refcalib-config-version.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/package/refcalib-xsimd.cmake" DESTINATION "${_package_dir}" COMPONENT toolkit)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT toolkit)

# --- engine -----------------------------------------------------------------------------------------------------
# Its public headers; everything else (kernels, operations, passes, readers) is free to change. The list is closed under
# #include, which the consumer project of the tests proves by compiling all of it from an installed copy.
set(REFCALIB_ENGINE_PUBLIC_HEADERS
  core/dtype.h core/error.h core/pair_proof.h core/parallel.h core/shape.h
  cpu/isa.h
  graph/attributes.h graph/constant.h graph/graph.h graph/print.h graph/quantization.h
  runtime/program.h runtime/step.h
  formats/model.h formats/ir/document.h formats/ir/ir.h formats/ir/reshape.h
  calibration/calibrate.h calibration/candidates.h calibration/collect.h calibration/convergence.h calibration/correct.h
  calibration/decide.h calibration/method_spec.h calibration/model_hash.h calibration/options.h calibration/percentile_search.h calibration/plan.h
  calibration/presets.h calibration/samples.h calibration/target_profile.h
  diagnosis/diagnose.h
  evaluation/dataset.h evaluation/image.h evaluation/input_source.h evaluation/labels.h evaluation/npy.h evaluation/output_file.h
  evaluation/preprocess.h evaluation/random_input.h evaluation/topk.h)
if(TARGET refcalib_engine)
  install(TARGETS refcalib_engine EXPORT refcalib-engine-targets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT engine)
  install(EXPORT refcalib-engine-targets NAMESPACE refcalib:: DESTINATION "${_package_dir}" COMPONENT engine)
  install(FILES "${CMAKE_CURRENT_LIST_DIR}/package/refcalib-engine.cmake" DESTINATION "${_package_dir}" COMPONENT engine)
  foreach(header IN LISTS REFCALIB_ENGINE_PUBLIC_HEADERS)
    cmake_path(GET header PARENT_PATH folder)
    install(FILES "${PROJECT_SOURCE_DIR}/engine/${header}"
      DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/refcalib-engine/engine/${folder}" COMPONENT engine)
  endforeach()
endif()

# --- program ----------------------------------------------------------------------------------------------------
if(TARGET refcalib_cli)
  install(TARGETS refcalib_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT program)
endif()
