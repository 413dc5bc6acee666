# Install rules and the package configuration: find_package(refcalib) gives refcalib::refcalib and refcalib::engine.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
