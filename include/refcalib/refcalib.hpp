#pragma once

// The whole toolkit, in reading order.

#include <refcalib/version.hpp>
// What integers there are and how reals map to them.
#include <refcalib/params.hpp>
#include <refcalib/types.hpp>
// The maps themselves.
#include <refcalib/quantize.hpp>
#include <refcalib/requantize.hpp>
// What was seen, and the range to take for it.
#include <refcalib/histogram.hpp>
#include <refcalib/observer.hpp>
#include <refcalib/quantization_noise.hpp>
#include <refcalib/threshold.hpp>
// The same for all values of a network, as files that add up.
#include <refcalib/collector.hpp>
#include <refcalib/statistics.hpp>
#include <refcalib/statistics_file.hpp>
// Weights, and how good the outcome is.
#include <refcalib/metrics.hpp>
#include <refcalib/per_channel.hpp>
