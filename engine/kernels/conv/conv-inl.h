#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "engine/kernels/conv/blocking.h"
#include "engine/kernels/conv/squares-inl.h"
#include "engine/kernels/conv/taps-inl.h"
#include "engine/kernels/conv/tile-inl.h"

/// Packing, pointer tables and the loops around the register tile, written once for every instruction set and
/// both element types. Included by instruction-set files only.
namespace refcalib::engine::kernels {
namespace {

/// The tiles of one instruction set and element type: MaxRows[c] rows by c vectors, and every smaller number
/// of rows.
template <class Product, int MaxColumns, int... RowsOf>
struct Conv {
  using Input = typename Product::Input;
  using Packed = typename Product::Packed;
  using TileFunction = void (*)(const TileCall<Product>&) noexcept;
  static constexpr int kMostRows = 16;
  static constexpr TileShape shape{Product::lanes, Product::stored, Product::group,
                                   sizeof(Input),  MaxColumns,      {0, RowsOf...}};

  template <int Columns, int Rows>
  static constexpr TileFunction function() {
    if constexpr (Rows <= shape.rows[Columns])
      return &run_tile<Product, static_cast<std::size_t>(Rows), static_cast<std::size_t>(Columns)>;
    else
      return nullptr;
  }
  struct Table {
    TileFunction of[static_cast<std::size_t>(MaxColumns) + 1][kMostRows + 1];
  };
  template <int Columns, int... Rows>
  static constexpr void fill(Table& table, std::integer_sequence<int, Rows...>) {
    ((table.of[Columns][Rows + 1] = function<Columns, Rows + 1>()), ...);
  }
  template <int... Columns>
  static constexpr Table make(std::integer_sequence<int, Columns...>) {
    Table table{};
    (fill<Columns + 1>(table, std::make_integer_sequence<int, kMostRows>{}), ...);
    return table;
  }
  static constexpr Table tiles = make(std::make_integer_sequence<int, MaxColumns>{});

  static bool accepts(const ConvGeometry&) noexcept { return true; }

  static std::size_t packed_bytes(const ConvGeometry& g) noexcept {
    const Blocking b = block(g, shape);
    if constexpr (Product::lists_steps)
      return b.pad_bytes +
             static_cast<std::size_t>(g.groups * b.panels * ListedPanel(b, Product::stored).panel_bytes);
    else
      return b.pad_bytes + static_cast<std::size_t>(g.groups * b.vectors) * b.vector_bytes + 64;
  }

  static constexpr std::int64_t kInPadding = -1;

  /// Where the weight of a position of a tap lies, counted from the first of an output channel, or kInPadding.
  static std::int64_t position_offset(const ConvGeometry& g, const Blocking& b, std::int64_t t,
                                      std::int64_t position) noexcept {
    const std::int64_t area = g.kernel_d * g.kernel_h * g.kernel_w, channel = position % b.pitch;
    if (position >= b.tap_length || channel >= b.in_group) return kInPadding;
    return channel * area + (b.merged ? t * g.kernel_w + position / b.pitch : t);
  }

  /// Steps that are packed together, so that a cache line of the source is used up while it is there.
  static constexpr std::int64_t kPackedSteps = 64;

  /// What the broadcasts [begin, end) meet, taps innermost: Product::group weights of each of a panel's output channels, 0 in the
  /// padding. `source` is the group's first weight, `first` the panel's first channel.
  static void pack_steps(const ConvGeometry& g, const Blocking& b, const Packed* source, std::int64_t first,
                         std::int64_t vectors, std::int64_t begin, std::int64_t end, std::byte* to) {
    const std::int64_t per_channel = b.in_group * g.kernel_d * g.kernel_h * g.kernel_w;
    std::byte* step[kPackedSteps];
    std::int64_t from[kPackedSteps][Product::group];
    for (std::int64_t s = 0; s < end - begin; ++s) {
      const std::int64_t t = (begin + s) % b.taps, k = (begin + s) / b.taps;
      step[s] = to + (t * b.groups_per_tap + k) * vectors * Product::stored;
      for (int i = 0; i < Product::group; ++i) from[s][i] = position_offset(g, b, t, k * Product::group + i);
    }
    for (std::int64_t o = 0; o < vectors * Product::lanes; ++o) {
      const std::int64_t vector = o / Product::lanes * Product::stored;
      const int lane = static_cast<int>(o % Product::lanes);
      const Packed* const channel = source + (first + o) * per_channel;
      const bool real = first + o < b.out_group;
      for (std::int64_t s = 0; s < end - begin; ++s)
        for (int i = 0; i < Product::group; ++i)
          Product::put(step[s] + vector, lane, i,
                       real && from[s][i] != kInPadding ? channel[from[s][i]] : Packed{0});
    }
  }

  /// True if a packed vector holds the weights of each lane's channel side by side, as they lie in the source.
  static constexpr bool as_words =
      Product::stored == 4 * Product::lanes && Product::group * sizeof(Packed) == 4;

  static void pack_words(const ConvGeometry& g, const Blocking& b, const Packed* source, std::int64_t first,
                         std::int64_t vectors, std::byte* to) {
    const std::int64_t area = g.kernel_d * g.kernel_h * g.kernel_w;
    const SquarePacking<typename Product::Vectors, Packed> squares(b.in_group, area, vectors, to);
    for (std::int64_t v = 0; v < vectors; ++v) {
      const std::int64_t channel = first + v * Product::lanes;
      squares.pack(source + channel * b.in_group * area, b.out_group - channel, v);
    }
  }

  /// Bytes of a panel of so many vectors.
  static std::int64_t panel_bytes(const Blocking& b, std::int64_t vectors) noexcept {
    if constexpr (Product::lists_steps) return ListedPanel(b, Product::stored).panel_bytes;
    return vectors * static_cast<std::int64_t>(b.vector_bytes);
  }

  static void pack_panel(const ConvGeometry& g, const Blocking& b, const Packed* source, std::int64_t first,
                         std::int64_t vectors, std::byte* to) {
    if constexpr (Product::lists_steps) {
      pack_listed(g, b, source, first, vectors, to);
    } else {
      if constexpr (as_words)
        if (!b.merged) return pack_words(g, b, source, first, vectors, to);
      const std::int64_t steps = b.groups_per_tap * b.taps;
      for (std::int64_t s = 0; s < steps; s += kPackedSteps)
        pack_steps(g, b, source, first, vectors, s, steps - s < kPackedSteps ? steps : s + kPackedSteps, to);
    }
  }

  /// A panel with a list of its steps.
  static void pack_listed(const ConvGeometry& g, const Blocking& b, const Packed* source, std::int64_t first,
                          std::int64_t vectors, std::byte* to) {
    const std::int64_t per_channel = b.in_group * g.kernel_d * g.kernel_h * g.kernel_w;
    const std::int64_t channels = vectors * Product::lanes;
    const std::int64_t real = b.out_group - first < channels ? b.out_group - first : channels;
    StepList<Product> list(to, ListedPanel(b, Product::stored), vectors);
    WeightWindow window;
    std::int64_t from[WeightWindow::positions];
    for (std::int64_t k = 0; k < b.tap_length; k += WeightWindow::positions) {
      const std::int64_t rest = b.tap_length - k;
      const int count = rest < WeightWindow::positions ? static_cast<int>(rest) : WeightWindow::positions;
      for (std::int64_t t = 0; t < b.taps; ++t) {
        window.clear(count, channels);
        for (int i = 0; i < count; ++i) from[i] = position_offset(g, b, t, k + i);
        for (std::int64_t o = 0; o < real; ++o) {
          const Packed* const channel = source + (first + o) * per_channel;
          for (int i = 0; i < count; ++i)
            if (from[i] != kInPadding) window.set(i, o, channel[from[i]]);
        }
        window.finish();
        list.add(window, static_cast<std::int32_t>(t * b.block_pixels * std::int64_t{sizeof(void*)}), k);
      }
    }
  }

  /// The integer that stands for 0 in a channel; positions behind the last channel meet weights of 0.
  static std::uint8_t pad_value(const ConvGeometry& g, std::int64_t channel) noexcept {
    if (g.in_zero_points == nullptr || channel >= g.in_channels) return g.in_zero_point;
    return g.in_zero_points[channel];
  }

  static void pack(const ConvGeometry& g, const void* weights, void* packed) noexcept {
    const Blocking b = block(g, shape);
    auto* pad = static_cast<Input*>(packed);
    for (std::size_t i = 0; i < b.pad_bytes / sizeof(Input); ++i)
      pad[i] =
          static_cast<Input>(sizeof(Input) == 1 ? pad_value(g, static_cast<std::int64_t>(i) % b.pitch) : 0);
    std::byte* to = static_cast<std::byte*>(packed) + b.pad_bytes;
    const std::int64_t group_weights = b.out_group * b.in_group * g.kernel_d * g.kernel_h * g.kernel_w;
    for (std::int64_t group = 0; group < g.groups; ++group) {
      const Packed* source = static_cast<const Packed*>(weights) + group * group_weights;
      for (std::int64_t panel = 0; panel < b.panels; ++panel) {
        const std::int64_t vector = b.panel_begin(panel), vectors = b.panel_begin(panel + 1) - vector;
        pack_panel(g, b, source, vector * Product::lanes, vectors, to);
        to += panel_bytes(b, vectors);
      }
    }
  }

  static std::size_t scratch_bytes(const ConvGeometry& g) noexcept {
    const Blocking b = block(g, shape);
    return b.table_bytes + b.pixel_bytes +
           b.segment_bytes * static_cast<std::size_t>(b.block_pixels * b.taps) + 64;
  }

  static std::int64_t work_items(const ConvGeometry& g) noexcept {
    const Blocking b = block(g, shape);
    return g.groups * b.blocks * b.panels;
  }

  /// Points the call to a panel; `panels` is where the panels begin.
  static void set_panel(TileCall<Product>& call, const Blocking& b, const std::byte* panels,
                        std::int64_t group, std::int64_t panel) noexcept {
    if constexpr (Product::lists_steps) {
      const ListedPanel layout(b, Product::stored);
      const std::byte* const at = panels + (group * b.panels + panel) * layout.panel_bytes;
      const auto* const header = reinterpret_cast<const ListHeader*>(at);
      call.steps = reinterpret_cast<const ListedStep*>(at + ListedPanel::header_bytes);
      call.panel = at + layout.weights;
      call.capacity = layout.capacity;
      call.in_place = header->in_place;
      call.reordered = header->reordered;
    } else {
      call.panel =
          panels + static_cast<std::size_t>(group * b.vectors + b.panel_begin(panel)) * b.vector_bytes;
    }
  }

  static PairProof proof(const ConvGeometry& g, const void* packed) noexcept {
    const Blocking b = block(g, shape);
    PairProof all;
    for (std::int64_t panel = 0; panel < g.groups * b.panels; ++panel) {
      const std::byte* const at =
          static_cast<const std::byte*>(packed) + b.pad_bytes + panel * panel_bytes(b, 0);
      const PairProof& one = reinterpret_cast<const ListHeader*>(at)->proof;
      all.in_place += one.in_place;
      all.reordered += one.reordered;
      all.alone += one.alone;
    }
    return all;
  }

  static void run(const ConvGeometry& g, const ConvOperands& o, std::int64_t begin,
                  std::int64_t end) noexcept {
    const Blocking b = block(g, shape);
    TapTable<Input> taps(g, b, o);
    const std::int64_t out_bytes = o.epilogue.output_kind == Epilogue::Output::f32 ? 4 : 1;
    const std::int64_t residual_bytes = o.epilogue.residual_kind == Epilogue::Residual::none  ? 0
                                        : o.epilogue.residual_kind == Epilogue::Residual::f32 ? 4
                                                                                              : 1;
    std::int64_t known_block = -1;
    TileCall<Product> call{};
    call.row_stride = taps.step();
    const bool zeros = g.in_zero_point == 0 && g.in_zero_points == nullptr;
    call.padding = zeros && b.taps > 1 ? taps.padding() : nullptr;
    call.tap_count = b.taps;
    call.groups_per_tap = b.groups_per_tap;
    call.epilogue = &o.epilogue;
    call.output_step = g.out_pixel_stride * out_bytes;
    call.residual_step = g.residual_pixel_stride * residual_bytes;
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t panel = unit % b.panels, group_block = unit / b.panels;
      const std::int64_t block_index = group_block % b.blocks, group = group_block / b.blocks;
      const std::int64_t first = block_index * b.block_pixels;
      const std::int64_t count = first + b.block_pixels <= b.pixels ? b.block_pixels : b.pixels - first;
      if (group_block != known_block)
        taps.build(static_cast<const Input*>(o.input) + group * b.in_group, first, count);
      known_block = group_block;
      const std::int64_t vector = b.panel_begin(panel);
      const int columns = static_cast<int>(b.panel_begin(panel + 1) - vector);
      const std::int64_t channel = vector * Product::lanes, left = b.out_group - channel;
      set_panel(call, b, static_cast<const std::byte*>(o.packed) + b.pad_bytes, group, panel);
      call.channel = group * b.out_group + channel;
      call.columns =
          static_cast<std::size_t>(left < columns * Product::lanes ? left : columns * Product::lanes);
      // Meanwhile the next panel comes into the cache: each tile fetches one of the vectors of every step.
      const std::int64_t next_panel = panel_bytes(b, columns);
      const std::int64_t step_bytes = columns * std::int64_t{Product::stored};
      call.ahead = unit + 1 < end && panel + 1 < b.panels ? next_panel : 0;
      for (std::int64_t p = 0; p < count; p += b.rows) {
        const std::int64_t rows = count - p < b.rows ? count - p : b.rows;
        call.taps = taps.at(p);
        call.pixels = taps.pixels(p);
        const std::int64_t pixel = call.pixels == nullptr ? first + p : 0;
        call.output = static_cast<std::byte*>(o.output) + pixel * call.output_step + call.channel * out_bytes;
        call.residual = static_cast<const std::byte*>(o.residual) + pixel * call.residual_step +
                        call.channel * residual_bytes;
        tiles.of[columns][rows](call);
        if (call.ahead != 0) call.ahead = call.ahead + 64 < next_panel + step_bytes ? call.ahead + 64 : 0;
      }
    }
  }

  static constexpr ConvKernel kernel(const char* name, Isa isa) {
    ConvKernel made{name, isa, &accepts, &packed_bytes, &pack, &scratch_bytes, &work_items, &run};
    if constexpr (Product::lists_steps) made.proof = &proof;
    return made;
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
