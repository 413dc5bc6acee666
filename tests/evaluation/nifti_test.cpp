#include "engine/evaluation/readers/nifti.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>

#include "engine/core/error.h"
#include "engine/evaluation/annotation/converter.h"
#include "engine/evaluation/pipeline.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::Contains;
using refcalib_test::TemporaryFolder;

namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;
AnnotationSet convert(const Entries& entries, const TemporaryFolder& folder) {
  const ConfigNode node = map_node(entries);
  Fields fields(node, "conversion", "converter");
  return convert_annotation(fields, ConverterPaths(folder.path()));
}

/// A little-endian NIfTI-1 file of int16, with x fastest.
std::string nifti(const std::vector<std::int16_t>& dim, const std::vector<std::int16_t>& values,
                  float slope = 0, float shift = 0) {
  std::string bytes(352, '\0');
  const auto put = [&](std::size_t at, const auto& value) { std::memcpy(&bytes[at], &value, sizeof value); };
  put(0, std::int32_t{348});
  put(40, static_cast<std::int16_t>(dim.size()));
  for (std::size_t i = 0; i < dim.size(); ++i) put(42 + 2 * i, dim[i]);
  put(70, std::int16_t{4});
  put(72, std::int16_t{16});
  put(108, 352.0F);
  put(112, slope);
  put(116, shift);
  bytes.replace(344, 3, "n+1");
  for (const std::int16_t value : values) bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  return bytes;
}

/// A gzip file of one stored block (RFC 1951, 3.2.4), with the file's name in its header.
std::string gzipped(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int k = 0; k < 8; ++k) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  crc = ~crc;
  const auto size = static_cast<std::uint32_t>(bytes.size());
  std::string out("\x1f\x8b\x08\x08\0\0\0\0\0\x03", 10);
  out += std::string("a.nii\0", 6);
  out += '\x01';
  for (const std::uint32_t half : {size, ~size})
    for (const unsigned shift : {0U, 8U}) out += static_cast<char>(half >> shift);
  out += bytes;
  for (const std::uint32_t word : {crc, size})
    for (const unsigned shift : {0U, 8U, 16U, 24U}) out += static_cast<char>(word >> shift);
  return out;
}

}  // namespace

TEST_CASE("volumes of NIfTI, plain and compressed, with their axes turned", "[nifti]") {
  const TemporaryFolder folder;
  // 3 x 2 x 2 places, two channels: x fastest in the file.
  std::vector<std::int16_t> values;
  for (std::int16_t i = 0; i < 24; ++i) values.push_back(i);
  const std::string bytes = nifti({3, 2, 2, 2}, values);
  const Frame frame = read_nifti(folder.write("a.nii", bytes));
  CHECK((frame.width == 3 && frame.height == 2 && frame.depth == 2 && frame.channels == 2));
  // [z][y][x][channel]
  CHECK(frame.values[0] == 0);
  CHECK(frame.values[1] == 12);
  CHECK(frame.values[2] == 1);
  CHECK(frame.values[2 * 3] == 3);
  CHECK(frame.values[2 * 6 + 1] == 18);
  CHECK(read_nifti(folder.write("a.nii.gz", gzipped(bytes))).values == frame.values);
  const Frame scaled = read_nifti(folder.write("s.nii", nifti({2}, {1, 3}, 0.5F, 10)));
  CHECK(scaled.values == std::vector<float>{10.5F, 11.5F});
  std::string big_endian = nifti({2}, {1, 3});
  for (const auto& [at, size] : std::vector<std::pair<std::size_t, std::size_t>>{
           {0, 4}, {40, 2}, {42, 2}, {70, 2}, {72, 2}, {108, 4}, {352, 2}, {354, 2}})
    std::reverse(big_endian.begin() + static_cast<std::ptrdiff_t>(at),
                 big_endian.begin() + static_cast<std::ptrdiff_t>(at + size));
  CHECK(read_nifti(folder.write("b.nii", big_endian)).values == std::vector<float>{1, 3});

  const auto refuse = [&](const std::string& content, const char* part) {
    CHECK_THROWS_WITH(read_nifti(folder.write("bad.nii", content)), Contains("bad.nii") && Contains(part));
  };
  refuse("short", "no NIfTI-1 file");
  refuse(bytes.substr(0, bytes.size() - 1), "shorter than its header");
  refuse(nifti({3, 0}, {}), "bad.nii");
  refuse(nifti({32767, 32767, 32767}, {1}), "4 GB");
  refuse(nifti({1, 1, 1, 1, 1}, {1}), "5 axes");
  std::string complex = bytes;
  complex[70] = 32;
  refuse(complex, "type 32");
  const std::string packed = gzipped(bytes);
  refuse(packed.substr(0, packed.size() / 2), "bad.nii");
  for (const std::size_t cut : {packed.size() / 2, packed.size() - 12})
    CHECK_THROWS_WITH(read_nifti(folder.write("cut.nii.gz", packed.substr(0, cut))), Contains("cut.nii.gz"));
  CHECK_THROWS_AS(read_nifti(folder / "absent.nii"), IoError);
}

TEST_CASE("brain tumors: volumes with masks of the same names", "[nifti]") {
  const TemporaryFolder folder;
  for (const char* name : {"imagesTr", "labelsTr"}) std::filesystem::create_directory(folder / name);
  folder.write("imagesTr/b.nii", nifti({2, 1, 1, 1}, {1, 2}));
  folder.write("imagesTr/a.nii.gz", gzipped(nifti({2, 1, 1, 1}, {3, 4})));
  folder.write("imagesTr/._a.nii.gz", "left by a Mac");
  folder.write("imagesTr/no_mask.nii", nifti({2}, {1, 2}));
  folder.write("labelsTr/b.nii", nifti({2, 1, 1}, {0, 4}));
  folder.write("labelsTr/a.nii.gz", gzipped(nifti({2, 1, 1}, {1, 0})));
  const AnnotationSet set = convert({{"converter", "brats"}, {"data_dir", "."}}, folder);
  REQUIRE(set.samples.size() == 2);
  CHECK(set.samples[0].ids[0] == "imagesTr/a.nii.gz");

  EvaluationConfig config;
  config.dataset.data = config.dataset.masks = folder.path();
  config.dataset.reader = text_node("nifti_reader");
  config.launcher.adapter = text_node("brain_tumor_segmentation");
  const Pipeline pipeline(config, set.meta, {});
  CHECK(pipeline.prepare(set.samples[0]).at(0).values == std::vector<float>{3, 4});
  CHECK(std::get<MaskTruth>(pipeline.truth(set.samples[0])).labels.values == std::vector<std::int32_t>{1, 0});
  CHECK(std::get<MaskTruth>(pipeline.truth(set.samples[1])).labels.values == std::vector<std::int32_t>{0, 4});
  CHECK_THROWS_WITH(convert({{"converter", "brats"}, {"data_dir", "."}, {"image_folder", "no"}}, folder),
                    Contains("no such folder"));
  CHECK_THROWS_WITH(
      convert({{"converter", "brats"}, {"data_dir", "."}, {"mask_channels_first", "True"}}, folder),
      Contains("channels first"));
}
