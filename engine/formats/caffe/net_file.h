#pragma once

#include <filesystem>

#include "engine/formats/caffe/net.pb.h"

namespace refcalib::engine::caffe {

/// Reads a .prototxt. Layers of the older format are turned into those of the newer one, `input` fields into layers of type Input; what
/// the rules of phase, level and stage leave out of a network that is tested (phase TEST) is left out.
/// Fields that the schema does not know are passed over where only training or the source of data is concerned; within the parameters
/// of a layer they are errors. Throws IoError, FormatError with the line, or UnsupportedError (files of 2013).
proto::NetParameter read_net_file(const std::filesystem::path& path);

/// The text of a .prototxt, for other messages of such files. Throws as read_net_file.
void parse_text(const std::filesystem::path& path, google::protobuf::Message& message);

}  // namespace refcalib::engine::caffe
