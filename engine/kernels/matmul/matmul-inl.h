#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/kernels/conv/tile-inl.h"
#include "engine/kernels/matmul/matmul.h"

/// Packing and the loops around the register tile of the convolutions, which a matrix product shares with them.
/// Included by instruction-set files only; in an unnamed namespace, so that each file has its own.
namespace refcalib::engine::kernels {
namespace {

/// Tiles of up to MaxRows rows by Columns vectors.
template <class Arch, int MaxColumns, int... RowsOf>
struct MatMul {
  using Product = FloatProduct<Arch>;
  using TileFunction = void (*)(const TileCall<Product>&) noexcept;
  static constexpr std::int64_t lanes = Simd<Arch>::lanes;
  static constexpr std::int64_t panel = MaxColumns * lanes;  ///< columns of a panel
  static constexpr int rows_of[] = {0, RowsOf...};
  static constexpr int kMostRows = 16;
  /// Rows of a unit at most: few enough that a unit's rows of A stay in the cache, and threads find work.
  static constexpr std::int64_t unit_rows = 96;
  static constexpr std::int64_t block_k = MatMulArgs::block_k;

  template <int Columns, int Rows>
  static constexpr TileFunction function() {
    if constexpr (Rows <= rows_of[Columns])
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

  /// How N is cut: panels of whole vectors, as equal as they can be.
  struct Cut {
    std::int64_t vectors, panels, row_blocks;
    explicit Cut(const MatMulArgs& p)
        : vectors((p.n + lanes - 1) / lanes),
          panels((vectors + MaxColumns - 1) / MaxColumns),
          row_blocks((p.m + unit_rows - 1) / unit_rows) {}
    std::int64_t begin(std::int64_t i) const { return vectors * i / panels; }
  };

  static std::int64_t depth(const MatMulArgs& p) { return p.k < block_k ? p.k : block_k; }

  // Scratch: pointers of a unit's rows, the zeros that sums start from, the packed panel, and rows of A where
  // their elements are not neighbours.
  static constexpr std::size_t pointer_bytes = static_cast<std::size_t>(unit_rows) * sizeof(const float*);
  static constexpr std::size_t zero_bytes = static_cast<std::size_t>(panel) * sizeof(float);
  static std::size_t panel_bytes(const MatMulArgs& p) {
    return static_cast<std::size_t>(depth(p) * panel) * sizeof(float);
  }

  static std::size_t scratch_bytes(const MatMulArgs& p) noexcept {
    const std::size_t rows =
        p.a_column == 1 ? 0 : static_cast<std::size_t>(depth(p) * unit_rows) * sizeof(float);
    return pointer_bytes + zero_bytes + panel_bytes(p) + rows + 128;
  }

  static std::int64_t work_items(const MatMulArgs& p) noexcept {
    const Cut cut(p);
    return p.batch * cut.panels * cut.row_blocks;
  }

  /// Writes depth x (vectors * lanes) elements, 0 beyond the `columns` that B has.
  static void pack_b(const float* b, std::int64_t b_row, std::int64_t b_column, std::int64_t k_count,
                     std::int64_t columns, std::int64_t vectors, float* to) {
    const std::int64_t width = vectors * lanes;
    if (b_column == 1) {
      for (std::int64_t k = 0; k < k_count; ++k) {
        const float* const from = b + k * b_row;
        float* const row = to + k * width;
        std::int64_t n = 0;
        for (; n + lanes <= columns; n += lanes) store(row + n, load(from + n, Full<Arch>{}), Full<Arch>{});
        if (n < columns) {
          const First<Arch> rest{static_cast<int>(columns - n)};
          store(row + n, load(from + n, rest), Full<Arch>{});
        }
      }
      return;
    }
    for (std::int64_t v = 0; v < vectors; ++v) {
      const std::int64_t first = v * lanes, valid = columns - first < lanes ? columns - first : lanes;
      pack_columns(b + first * b_column, b_row, b_column, k_count, valid, to + first, width);
    }
  }

  /// One vector of columns of a B whose columns are not neighbours; by blocks of a square where k is contiguous.
  static void pack_columns(const float* b, std::int64_t b_row, std::int64_t b_column, std::int64_t k_count,
                           std::int64_t valid, float* to, std::int64_t width) {
    std::int64_t k = 0;
    if (b_row == 1) {
      for (; k + lanes <= k_count; k += lanes) {
        Ints<Arch> square[lane_count<Arch>];
        for (std::int64_t n = 0; n < lanes; ++n) {
          const auto zero = Ints<Arch>::broadcast(0);
          square[n] = n < valid ? bits(load(b + n * b_column + k, Full<Arch>{})) : zero;
        }
        transpose<Arch>(square);
        for (std::int64_t j = 0; j < lanes; ++j)
          store(to + (k + j) * width, as_floats(square[j]), Full<Arch>{});
      }
    }
    for (; k < k_count; ++k)
      for (std::int64_t n = 0; n < lanes; ++n)
        to[k * width + n] = n < valid ? b[k * b_row + n * b_column] : 0.0F;
  }

  static void run(const MatMulArgs& p, std::int64_t begin, std::int64_t end) noexcept {
    const Cut cut(p);
    std::byte* const scratch = static_cast<std::byte*>(p.scratch);
    Unit unit{p, cut, scratch};
    for (std::int64_t index = begin; index < end;) {
      const std::int64_t row_block = index % cut.row_blocks, panel_index = index / cut.row_blocks;
      // Row blocks of one panel share its packed form.
      std::int64_t last = row_block + (end - index);
      last = last < cut.row_blocks ? last : cut.row_blocks;
      unit.run(panel_index / cut.panels, panel_index % cut.panels, row_block * unit_rows,
               last * unit_rows < p.m ? last * unit_rows : p.m);
      index += last - row_block;
    }
  }

  /// A panel of one product.
  struct Unit {
    const MatMulArgs& p;
    const Cut& cut;
    const float** pointers;
    float* zeros;
    float* packed;
    float* a_rows;

    Unit(const MatMulArgs& args, const Cut& c, std::byte* scratch)
        : p(args),
          cut(c),
          pointers(reinterpret_cast<const float**>(scratch)),
          zeros(reinterpret_cast<float*>(scratch + pointer_bytes)),
          packed(reinterpret_cast<float*>(scratch + pointer_bytes + zero_bytes)),
          a_rows(reinterpret_cast<float*>(scratch + pointer_bytes + zero_bytes + panel_bytes(args))) {
      for (std::int64_t i = 0; i < panel; ++i) zeros[i] = 0;
    }

    void run(std::int64_t batch, std::int64_t panel_index, std::int64_t row_begin, std::int64_t row_end) {
      const std::int64_t vector = cut.begin(panel_index), vectors = cut.begin(panel_index + 1) - vector;
      const std::int64_t column = vector * lanes;
      const std::int64_t columns = p.n - column < vectors * lanes ? p.n - column : vectors * lanes;
      const float* const a = p.a + p.a_offset[batch];
      const float* const b = p.b + p.b_offset[batch] + column * p.b_column;
      float* const c = p.c + p.c_offset[batch] + column;
      for (std::int64_t k = 0; k < p.k; k += block_k) {
        const std::int64_t k_count = p.k - k < block_k ? p.k - k : block_k;
        pack_b(b + k * p.b_row, p.b_row, p.b_column, k_count, columns, vectors, packed);
        for (std::int64_t m = row_begin; m < row_end; m += unit_rows)
          block(a + k * p.a_column, c, k, k_count, m, row_end - m < unit_rows ? row_end - m : unit_rows,
                columns, static_cast<int>(vectors));
      }
    }

    void block(const float* a, float* c, std::int64_t k, std::int64_t k_count, std::int64_t m,
               std::int64_t count, std::int64_t columns, int vectors) {
      for (std::int64_t r = 0; r < count; ++r) {
        pointers[r] = a + (m + r) * p.a_row;
        if (p.a_column == 1) continue;
        float* const row = a_rows + r * k_count;
        for (std::int64_t j = 0; j < k_count; ++j) row[j] = pointers[r][j * p.a_column];
        pointers[r] = row;
      }
      Epilogue epilogue{};
      epilogue.bias = zeros;
      epilogue.low = -__builtin_inff();
      epilogue.high = __builtin_inff();
      if (k != 0) epilogue.residual_kind = Epilogue::Residual::f32;
      TileCall<Product> call{};
      call.row_stride = unit_rows;
      call.tap_count = 1;
      call.groups_per_tap = k_count;
      call.panel = reinterpret_cast<const std::byte*>(packed);
      call.epilogue = &epilogue;
      call.columns = static_cast<std::size_t>(columns);
      call.output_step = call.residual_step = p.c_row * static_cast<std::int64_t>(sizeof(float));
      const int rows = rows_of[vectors];
      for (std::int64_t r = 0; r < count; r += rows) {
        const std::int64_t height = count - r < rows ? count - r : rows;
        call.taps = pointers + r;
        call.output = reinterpret_cast<std::byte*>(c + (m + r) * p.c_row);
        call.residual = call.output;
        tiles.of[vectors][height](call);
      }
    }
  };

  static constexpr MatMulKernel kernel(const char* name, Isa isa) {
    return {name, isa, &scratch_bytes, &work_items, &run};
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
