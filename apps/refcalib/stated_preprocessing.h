#pragma once

#include <cstddef>
#include <string>

#include "apps/refcalib/options.h"
#include "apps/refcalib/report.h"

namespace refcalib::app {

/// Prints the preprocessing that a model file states for its inputs, and what of it could not be taken over.
void report_stated_preprocessing(Report& report, const std::string& model);

/// Makes what the model file states the default of --mean and --scale, and reports it. Options that were given stay; if one of the two
/// was given, nothing is taken over.
void take_stated_preprocessing(Report& report, const std::string& model, InputOptions& input);
/// The options of a dataset, as InputOptions::dataset makes them, with what the model file states.
engine::DatasetOptions dataset_options(Report& report, const std::string& model, InputOptions input,
                                       std::size_t random_samples);

}  // namespace refcalib::app
