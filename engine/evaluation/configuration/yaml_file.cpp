#include <yaml-cpp/yaml.h>

#include <fstream>
#include <iterator>
#include <set>

#include "engine/evaluation/configuration/config_node.h"

namespace refcalib::engine {
namespace {

constexpr int kDeepest = 64;            // levels
constexpr std::size_t kMost = 1000000;  // nodes: an alias may stand for a large part again and again

class Reader {
 public:
  explicit Reader(std::shared_ptr<const std::string> file) : file_(std::move(file)) {}

  ConfigNode read(const YAML::Node& from, int level = 0) {
    ConfigNode node;
    node.file = file_;
    node.line = from.Mark().line + 1;
    if (level > kDeepest || ++count_ > kMost)
      config_error(node, "the file is nested too deeply or too large");
    if (from.IsScalar()) {
      node.kind = ConfigNode::Kind::text;
      node.text = from.Scalar();
    } else if (from.IsSequence()) {
      node.kind = ConfigNode::Kind::list;
      for (const YAML::Node& entry : from) node.list.push_back(read(entry, level + 1));
    } else if (from.IsMap()) {
      read_map(from, node, level);
    }
    return node;
  }

 private:
  void read_map(const YAML::Node& from, ConfigNode& node, int level) {
    node.kind = ConfigNode::Kind::map;
    std::set<std::string> seen;
    for (const auto& entry : from) {
      if (!entry.first.IsScalar()) config_error(node, "a key that is no plain text");
      const std::string key = entry.first.Scalar();
      ConfigNode value = read(entry.second, level + 1);
      value.line = entry.first.Mark().line + 1;
      if (!seen.insert(key).second) config_error(value, "'" + key + "' is given twice", "remove one of them");
      node.map.emplace_back(key, std::move(value));
    }
  }

  std::shared_ptr<const std::string> file_;
  std::size_t count_ = 0;
};

}  // namespace

ConfigNode parse_yaml(const std::string& text, const std::string& name) {
  const auto file = std::make_shared<const std::string>(name);
  try {
    return Reader(file).read(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    ConfigNode at;
    at.file = file;
    at.line = error.mark.line + 1;
    config_error(at, "not valid YAML: " + error.msg);
  }
}

ConfigNode read_yaml(const std::filesystem::path& path) {
  std::error_code ignored;
  std::ifstream in(path, std::ios::binary);
  if (!in || std::filesystem::is_directory(path, ignored))
    throw IoError("cannot open the configuration", {.file = path.string()});
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return parse_yaml(text, path.string());
}

}  // namespace refcalib::engine
