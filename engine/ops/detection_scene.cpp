#include "engine/ops/detection_scene.h"

#include <algorithm>
#include <cmath>

namespace refcalib::engine {
namespace {

Box clipped(const Box& b) noexcept {
  const auto clip = [](float v) { return std::min(std::max(v, 0.0F), 1.0F); };
  return {clip(b.x1), clip(b.y1), clip(b.x2), clip(b.y2)};
}

/// Moves a prior by a location. CORNER: each side by variance * location; CENTER_SIZE: the centre by
/// variance * location * size, the size by the factor exp(variance * location).
Box moved(const Box& prior, const float* location, const float* variance, bool center_size) noexcept {
  constexpr float kOnes[4] = {1, 1, 1, 1};
  const float* v = variance != nullptr ? variance : kOnes;
  if (!center_size)
    return {prior.x1 + v[0] * location[0], prior.y1 + v[1] * location[1], prior.x2 + v[2] * location[2],
            prior.y2 + v[3] * location[3]};
  const float width = prior.x2 - prior.x1, height = prior.y2 - prior.y1;
  const float x = v[0] * location[0] * width + (prior.x1 + prior.x2) * 0.5F;
  const float y = v[1] * location[1] * height + (prior.y1 + prior.y2) * 0.5F;
  const float half_width = std::exp(v[2] * location[2]) * width * 0.5F;
  const float half_height = std::exp(v[3] * location[3]) * height * 0.5F;
  return {x - half_width, y - half_height, x + half_width, y + half_height};
}

/// Cuts a full list to its best `most` and returns the score that a later candidate must exceed: of equal
/// scores the earlier prior wins, and priors come in ascending order.
float cut(Candidate* list, std::int64_t& count, std::int64_t most) noexcept {
  std::nth_element(list, list + most - 1, list + count, better);
  count = most;
  return list[most - 1].score;
}

}  // namespace

std::int64_t DetectionScene::prior_count() const noexcept {
  if (rules.normalized) return shape.priors;
  std::int64_t count = 0;
  while (count < shape.priors && boxes[count * shape.prior_size] != -1.0F) ++count;
  return count;
}

Box DetectionScene::decode(std::int64_t prior, std::int64_t label) const noexcept {
  const float* sides = boxes + prior * shape.prior_size + (shape.prior_size - 4);
  Box box{sides[0], sides[1], sides[2], sides[3]};
  if (!rules.normalized) {
    const auto width = static_cast<float>(rules.input_width), height = static_cast<float>(rules.input_height);
    box = {box.x1 / width, box.y1 / height, box.x2 / width, box.y2 / height};
  }
  const float* variance = variances != nullptr ? variances + prior * 4 : nullptr;
  const std::int64_t own = shape.location_classes == 1 ? 0 : label;
  const std::int64_t at = (prior * shape.location_classes + own) * 4;
  for (const float* from : {anchor_locations, locations}) {
    if (from == nullptr) continue;
    box = moved(box, from + at, variance, rules.center_size);
    if (rules.clip_before_nms) box = clipped(box);
  }
  return box;
}

void ScoreBar::add(float score) noexcept {
  const auto above = [](float a, float b) { return a > b; };
  if (most_ <= 0) return;
  if (count_ == most_) {
    if (!(score > heap_[0])) return;
    std::pop_heap(heap_, heap_ + count_--, above);
  }
  heap_[count_++] = score;
  std::push_heap(heap_, heap_ + count_, above);
}

std::int64_t list_capacity(std::int64_t priors, std::int64_t most) noexcept {
  // Twice what is kept, so that each cut is paid for by as many insertions.
  return most < 0 || most > priors / 2 ? priors : std::min(priors, 2 * most + kClassBlock);
}

void collect_candidates(const DetectionScene& scene, std::int64_t first, std::int64_t priors, float least,
                        CandidateLists& lists) noexcept {
  const std::int64_t classes = scene.shape.classes, most = scene.rules.top_k;
  const float lowest =
      std::max(static_cast<float>(scene.rules.confidence_threshold), std::nextafter(least, -INFINITY));
  float bar[kClassBlock];
  for (std::int64_t lane = 0; lane < kClassBlock; ++lane) {
    const std::int64_t label = first + lane;
    const bool wanted = label < classes && label != scene.rules.background_label_id && most != 0;
    bar[lane] = wanted ? lowest : INFINITY;
    lists.count[lane] = 0;
  }
  for (std::int64_t prior = 0; prior < priors; ++prior) {
    const float* row = scene.scores + prior * classes + first;
    int any = 0;
    for (std::int64_t lane = 0; lane < kClassBlock; ++lane) any |= static_cast<int>(row[lane] > bar[lane]);
    if (any == 0 || scene.dropped(prior)) continue;
    for (std::int64_t lane = 0; lane < kClassBlock; ++lane) {
      if (!(row[lane] > bar[lane])) continue;
      lists.list(lane)[lists.count[lane]++] = {row[lane], static_cast<std::int32_t>(prior)};
      if (lists.count[lane] == lists.capacity && most > 0 && most < lists.capacity)
        bar[lane] = cut(lists.list(lane), lists.count[lane], most);
    }
  }
}

}  // namespace refcalib::engine
