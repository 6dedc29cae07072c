// The gradient of a convolution's weights by the CPU's tiles (AMX), for bf16 maps that lie channels last.
//
// Compiled by compiled.py on the machine that trains. gw[o, ky, kx, c] is the sum over all pixels of gy[pixel, o]
// x[pixel', c], pixel' = pixel * stride - padding + (ky, kx) * dilation: for each tap a product of matrices. The images of
// a strip lie one behind another on a grid with zeros between them, so that a tap is a step along it: gy as a row of
// pixels for each filter, x as pairs of pixels (0 1, 2 3, …) and, for odd steps, (1 2, 3 4, …); with a stride there is one
// such grid for each of its phases.
#include <algorithm>
#include <cstdint>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using bf16 = uint16_t;
constexpr int ROWS = 16;        // of a tile; as many floats, or pairs of bf16, lie in each
constexpr int PIXELS = 32;      // bf16 in a row of a tile
constexpr int TILE = ROWS * PIXELS;
constexpr int BLOCK = 2 * ROWS; // channels, and filters, that are multiplied at once
constexpr long STRIP = 400000;  // bytes of a strip, which is to stay in the second cache

struct Shape {
  int images, channels, height, width;  // of x
  int filters, rows, columns;           // of gy
  int kernel[2], stride[2], padding[2], dilation[2];
};
struct Tap {
  int phase;
  long step;  // pixels along the grid, from its first
};

static int floored(int a, int b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }
static long rounded(long a, long b) { return (a + b - 1) / b * b; }

// Two pixels of 16 channels, one in the low halves and one in the high ones.
static inline __m512i pair(const bf16 *first, const bf16 *second) {
  __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)first));
  __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)second));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

struct Grid : Shape {
  int high, wide, together;  // of the larger map of an image, with the zeros behind it; images in a strip
  long length, lead, line;   // pixels of a strip, of the zeros before it and behind it, and of all
  std::vector<Tap> taps;
  int phases() const { return stride[0] * stride[1]; }
  explicit Grid(const Shape &shape) : Shape(shape) {
    auto start = [&](int axis, int k) { return k * dilation[axis] - padding[axis]; };
    int gap[2] = {0, 0};
    for (int axis = 0; axis < 2; axis++)
      for (int k = 0; k < kernel[axis]; k++)
        gap[axis] = std::max(gap[axis], std::abs(floored(start(axis, k), stride[axis])));
    high = std::max(rows, (height - 1) / stride[0] + 1) + gap[0];
    wide = std::max(columns, (width - 1) / stride[1] + 1) + gap[1];
    long each = long(high) * wide * sizeof(bf16) * (2 * channels * phases() + filters);
    together = int(std::max(1L, std::min<long>(images, STRIP / each)));
    length = rounded(long(together) * high * wide, PIXELS);
    lead = rounded(gap[0] * wide + gap[1], 2);
    line = rounded(length + 2 * lead + 2, PIXELS);  // the last two places begin no pair
    for (int ky = 0; ky < kernel[0]; ky++)
      for (int kx = 0; kx < kernel[1]; kx++) {
        int y = start(0, ky), x = start(1, kx), down = floored(y, stride[0]), right = floored(x, stride[1]);
        int phase = (y - down * stride[0]) * stride[1] + x - right * stride[1];
        taps.push_back({phase, lead + long(down) * wide + right});
      }
  }
};

// The maps of one strip as the tiles read them.
struct Strip {
  const Grid &g;
  std::vector<bf16> memory, zeros;
  bf16 *xs, *gys;  // (phase, even or odd, 16 channels, pair, channel, pixel); (16 filters, 32 pixels, filter, pixel)
  std::vector<const bf16 *> at;
  explicit Strip(const Grid &g)
      : g(g), memory(2L * g.phases() * g.line * g.channels + g.length * g.filters + PIXELS),
        zeros(std::max(g.channels, g.filters)), at(g.line) {
    xs = memory.data() + (64 - uintptr_t(memory.data()) % 64) % 64 / sizeof(bf16);
    gys = xs + 2L * g.phases() * g.line * g.channels;
  }

  // Where each place of the grid finds its pixel: every `step`-th of a map (height, width, depth) from (down, right) on.
  void find(const bf16 *map, int first, int last, int height, int width, int depth, const int *step, int down,
            int right) {
    std::fill(at.begin(), at.end(), zeros.data());
    for (int i = first; i < last; i++)
      for (int y = 0; y < g.high && y * step[0] + down < height; y++) {
        const bf16 **to = &at[g.lead + (long(i - first) * g.high + y) * g.wide];
        const bf16 *from = map + ((long(i) * height + y * step[0] + down) * width + right) * depth;
        for (int x = 0; x < g.wide && x * step[1] + right < width; x++) to[x] = from + long(x) * step[1] * depth;
      }
  }

  void lay(const bf16 *x, const bf16 *gy, int first, int last) {
    const int each[2] = {1, 1};
    find(gy, first, last, g.rows, g.columns, g.filters, each, 0, 0);
    __m512i filters = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    for (long q = 0; q < g.length; q += 2)
      for (int o = 0; o < g.filters; o += ROWS)
        _mm512_i32scatter_epi32(gys + o * g.length + q / PIXELS * TILE + q % PIXELS, _mm512_slli_epi32(filters, 6),
                                pair(at[g.lead + q] + o, at[g.lead + q + 1] + o), 1);
    for (int phase = 0; phase < g.phases(); phase++) {
      find(x, first, last, g.height, g.width, g.channels, g.stride, phase / g.stride[1], phase % g.stride[1]);
      bf16 *even = xs + 2L * phase * g.line * g.channels, *odd = even + g.line * g.channels;
      for (long q = 0; q + 2 < g.line; q += 2)
        for (int c = 0; c < g.channels; c += ROWS) {
          _mm512_store_si512(even + c * g.line + q * ROWS, pair(at[q] + c, at[q + 1] + c));
          _mm512_store_si512(odd + c * g.line + q * ROWS, pair(at[q + 1] + c, at[q + 2] + c));
        }
    }
  }

  void add(float *sums) const {
    long row = long(g.taps.size()) * g.channels;
    for (int o = 0; o < g.filters; o += BLOCK)
      for (size_t t = 0; t < g.taps.size(); t++)
        for (int c = 0; c < g.channels; c += BLOCK) {
          float *sum = sums + o * row + t * g.channels + c, *below = sum + ROWS * row;
          long step = g.taps[t].step;
          const bf16 *a = gys + o * g.length, *end = a + ROWS * g.length;
          const bf16 *b = xs + ((2L * g.taps[t].phase + step % 2) * g.channels + c) * g.line + step / 2 * PIXELS;
          _tile_loadd(0, sum, 4 * row);
          _tile_loadd(1, sum + ROWS, 4 * row);
          _tile_loadd(2, below, 4 * row);
          _tile_loadd(3, below + ROWS, 4 * row);
          for (; a < end; a += TILE, b += TILE) {
            _tile_loadd(4, a, 64);
            _tile_loadd(5, a + ROWS * g.length, 64);
            _tile_loadd(6, b, 64);
            _tile_loadd(7, b + ROWS * g.line, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
          }
          _tile_stored(0, sum, 4 * row);
          _tile_stored(1, sum + ROWS, 4 * row);
          _tile_stored(2, below, 4 * row);
          _tile_stored(3, below + ROWS, 4 * row);
        }
  }
};

struct alignas(64) Tiles {  // eight of 16 rows of 64 bytes
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// gw (filters, kernel rows, kernel columns, channels) in float32; channels and filters are multiples of BLOCK.
extern "C" void weight_gradient(const void *x, const void *gy, const void *shape, int threads, float *gw) {
  Grid grid(*(const Shape *)shape);
  long size = long(grid.taps.size()) * grid.channels * grid.filters;
  threads = std::max(1, std::min(threads, grid.images));
  std::vector<float> sums((threads - 1) * size);
  std::fill(gw, gw + size, 0.f);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int t = 0; t < threads; t++) {
    Tiles before, tiles;
    _tile_storeconfig(&before);
    _tile_loadconfig(&tiles);
    Strip strip(grid);
    int last = int(long(grid.images) * (t + 1) / threads);
    for (int first = int(long(grid.images) * t / threads); first < last; first += grid.together) {
      strip.lay((const bf16 *)x, (const bf16 *)gy, first, std::min(last, first + grid.together));
      strip.add(t ? &sums[(t - 1) * size] : gw);
    }
    _tile_loadconfig(&before);
  }
  for (int t = 1; t < threads; t++)
    for (long i = 0; i < size; i++) gw[i] += sums[(t - 1) * size + i];
}

// Whether the system gives this process the tiles' memory.
extern "C" int may_use_tiles() { return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18) == 0; }
