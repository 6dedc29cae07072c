// Batch norm with the activation behind it, or a ReLU before it, forward and backward, for maps that lie channels last: float32 or bf16.
//
// Compiled by fused.py on the machine that trains. A map of `rows` pixels and `channels` is read as lines of `wide`
// numbers, whole pixels each and a multiple of LANES, so that every loop runs over full vectors.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>
#if defined(__AVX512F__) && defined(__AVX512BF16__)
#include <immintrin.h>
#define FAST_X86 1
#endif

constexpr int LANES = 16;
using bf16 = uint16_t;
using Floats = float __attribute__((vector_size(4 * LANES)));
using Words = uint32_t __attribute__((vector_size(4 * LANES)));
using Integers = int32_t __attribute__((vector_size(4 * LANES)));
using Halves = uint16_t __attribute__((vector_size(2 * LANES)));
using LooseFloats = float __attribute__((vector_size(4 * LANES), aligned(4)));
using LooseHalves = uint16_t __attribute__((vector_size(2 * LANES), aligned(2)));

static inline Floats get(const float *from) { return *reinterpret_cast<const LooseFloats *>(from); }
static inline Floats get(const bf16 *from) {
  return (Floats)(__builtin_convertvector(*reinterpret_cast<const LooseHalves *>(from), Words) << 16);
}
static inline void put(float *to, Floats value) { *reinterpret_cast<LooseFloats *>(to) = value; }
static inline void put(bf16 *to, Floats value) {  // to the nearest, ties to even; nan stays nan
#ifdef FAST_X86
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), (__m256i)_mm512_cvtneps_pbh((__m512)value));
#else
  Words bits = (Words)value, rounded = (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
  rounded = value == value ? rounded : Words{} + 0x7fc0u;
  *reinterpret_cast<LooseHalves *>(to) = __builtin_convertvector(rounded, Halves);
#endif
}

#ifdef FAST_X86
// For bf16: 2^n 2^f by a series of four terms and a reciprocal of 14 bits; relative error 1e-4, a twentieth of a step.
static inline Floats sigmoid(const bf16 *, Floats z) {
  __m512 x = (__m512)(z * -1.44269504f), n = _mm512_roundscale_ps(x, 0);
  Floats f = (Floats)x - (Floats)n, p = 0.0096181f * f + 0.0555041f;
  p = p * f + 0.2402265f;
  p = p * f + 0.6931472f;
  p = p * f + 1.f;
  return (Floats)_mm512_rcp14_ps((__m512)(1.f + (Floats)_mm512_scalef_ps((__m512)p, n)));
}
#endif
// exp(-z) as 2^n e^r with |r| <= ln 2 / 2.
template <class Number> static inline Floats sigmoid(const Number *, Floats z) {
  Floats x = z < -87.f ? Floats{} + 87.f : -z;
  x = x < -87.f ? Floats{} - 87.f : x;
  constexpr float magic = 12582912.f;  // 1.5 * 2^23: adding it rounds to an integer, which stands in the lowest bits
  Floats shifted = x * 1.44269504f + magic, n = shifted - magic;
  Floats r = x - n * 0.693359375f + n * 2.12194440e-4f, p = (1 / 5040.f) * r + 1 / 720.f;
  p = p * r + 1 / 120.f;
  p = p * r + 1 / 24.f;
  p = p * r + 1 / 6.f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.f;
  return 1.f / (1.f + p * (Floats)(((Integers)shifted - 0x4b400000 + 127) << 23));
}

// What stands around the norm: `enter` before it, `value` behind it, and the slopes of both.
struct Identity {
  static Floats enter(Floats x) { return x; }
  static Floats entered(Floats, Floats gradient) { return gradient; }
  template <class N> static Floats value(Floats z) { return z; }
  template <class N> static Floats slope(Floats) { return Floats{} + 1.f; }
};
struct Relu : Identity {
  template <class N> static Floats value(Floats z) { return z < 0.f ? Floats{} : z; }
  template <class N> static Floats slope(Floats z) { return z > 0.f ? Floats{} + 1.f : Floats{}; }
};
struct Silu : Identity {
  template <class N> static Floats value(Floats z) { return z * sigmoid((const N *)nullptr, z); }
  template <class N> static Floats slope(Floats z) {
    Floats s = sigmoid((const N *)nullptr, z);
    return s * (1.f + z * (1.f - s));
  }
};
struct ReluBefore : Identity {
  static Floats enter(Floats x) { return x < 0.f ? Floats{} : x; }
  static Floats entered(Floats x, Floats gradient) { return x > 0.f ? gradient : Floats{}; }
};

constexpr long EACH = 1 << 16;  // numbers that repay a thread of their own

// What a call works on: lines of `wide` numbers, `block` lines at a time between two sums in double.
struct Lines {
  long count;
  int wide, channels, block, threads;
  Lines(long rows, int channels, int fold, int threads)
      : count(rows / fold), wide(channels * fold), channels(channels), block(std::max(1, 8192 / wide)),
        threads(std::max<long>(1, std::min<long>(threads, count * wide / EACH))) {}
  std::vector<float> spread(const std::vector<float> &values) const {
    std::vector<float> out(wide);
    for (int i = 0; i < wide; i++) out[i] = values[i % channels];
    return out;
  }
  template <class Work> void each(Work work) const {  // work(thread, first line, last line)
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; t++) work(t, count * t / threads, count * (t + 1) / threads);
  }
  // Two sums for each channel of what `terms(line, column, first, second)` adds up over a block.
  template <class Terms> std::vector<double> sums(Terms terms) const {
    std::vector<std::vector<double>> parts(threads, std::vector<double>(2 * channels));
    each([&](int t, long from, long to) {
      for (long line = from; line < to; line += block)
        for (int column = 0; column < wide; column += LANES) {
          Floats first{}, second{};
          for (long at = line; at < std::min(to, line + block); at++) terms(at * wide + column, column, first, second);
          for (int i = 0; i < LANES; i++) {
            parts[t][(column + i) % channels] += first[i];
            parts[t][channels + (column + i) % channels] += second[i];
          }
        }
    });
    for (int t = 1; t < threads; t++)
      for (int i = 0; i < 2 * channels; i++) parts[0][i] += parts[t][i];
    return parts[0];
  }
  template <class Work> void every(Work work) const {  // work(place, column)
    each([&](int, long from, long to) {
      for (long line = from; line < to; line++)
        for (int column = 0; column < wide; column += LANES) work(line * wide + column, column);
    });
  }
};

// Mean and biased variance of each channel.
template <class Number, class Act>
static void measure(const Number *x, long rows, const Lines &lines, float *mean, float *var) {
  int channels = lines.channels;
  std::vector<Number> padded(x, x + channels);
  padded.resize(channels + LANES);
  std::vector<float> first(channels);  // the sums are of differences from the first pixel: a large mean takes no digits
  for (int c = 0; c < channels; c++) first[c] = Act::enter(get(&padded[c]))[0];
  auto shift = lines.spread(first);
  auto sums = lines.sums([&](long at, int column, Floats &sum, Floats &squares) {
    Floats d = Act::enter(get(x + at)) - get(&shift[column]);
    sum += d;
    squares += d * d;
  });
  for (int c = 0; c < channels; c++) {
    double d = sums[c] / rows, apart = sums[channels + c] / rows - d * d;
    mean[c] = float(first[c] + d);
    var[c] = float(apart < 0 ? 0 : apart);  // nan stays nan
  }
}

template <class Number, class Act>
static void forward(const Number *x, Number *y, long rows, const Lines &lines, const float *weight, const float *bias,
                    double eps, int measured, float *mean, float *var) {
  if (!measured) measure<Number, Act>(x, rows, lines, mean, var);
  std::vector<float> a(lines.channels), b(lines.channels);
  for (int c = 0; c < lines.channels; c++) {
    a[c] = float(weight[c] / std::sqrt(var[c] + eps));
    b[c] = bias[c] - mean[c] * a[c];
  }
  auto scale = lines.spread(a), offset = lines.spread(b);
  lines.every([&](long at, int column) {
    Floats value = Act::enter(get(x + at));
    put(y + at, Act::template value<Number>(value * get(&scale[column]) + get(&offset[column])));
  });
}

// With z = a x + b, g = gy act'(z) and u = (x - mean) / sigma:
// gx = a (g - mean of g - u * mean of g u), gweight = sum of g u, gbias = sum of g (Ioffe and Szegedy 2015, section 3).
template <class Number, class Act>
static void backward(const Number *x, const Number *gy, Number *gx, long rows, const Lines &lines, const float *weight,
                     const float *bias, double eps, const float *mean, const float *var, float *gweight, float *gbias) {
  int channels = lines.channels;
  std::vector<float> a(channels), b(channels), m(mean, mean + channels), c0(channels), c1(channels);
  for (int c = 0; c < channels; c++) {
    a[c] = float(weight[c] / std::sqrt(var[c] + eps));
    b[c] = bias[c] - mean[c] * a[c];
  }
  auto scale = lines.spread(a), offset = lines.spread(b), middle = lines.spread(m);
  auto sums = lines.sums([&](long at, int column, Floats &sum, Floats &product) {
    Floats value = Act::enter(get(x + at));
    Floats g = get(gy + at) * Act::template slope<Number>(value * get(&scale[column]) + get(&offset[column]));
    put(gx + at, g);
    sum += g;
    product += g * (value - get(&middle[column]));
  });
  for (int c = 0; c < channels; c++) {
    double sigma = std::sqrt(var[c] + eps), product = sums[channels + c];
    gbias[c] = float(sums[c]);
    gweight[c] = float(product / sigma);
    c1[c] = float(-a[c] * product / (sigma * sigma) / rows);
    c0[c] = float(-a[c] * sums[c] / rows - double(c1[c]) * mean[c]);
  }
  auto constant = lines.spread(c0), linear = lines.spread(c1);
  lines.every([&](long at, int column) {
    Floats given = get(x + at), value = Act::enter(given);
    Floats gradient = get(&scale[column]) * get(gx + at) + get(&constant[column]) + get(&linear[column]) * value;
    put(gx + at, Act::entered(given, gradient));
  });
}

#define RUN(pass, Number)                                      \
  (around == 0   ? pass<Number, Identity>(GIVEN(Number))       \
   : around == 1 ? pass<Number, Relu>(GIVEN(Number))           \
   : around == 2 ? pass<Number, Silu>(GIVEN(Number))           \
                 : pass<Number, ReluBefore>(GIVEN(Number)))

extern "C" void norm_forward(const void *x, void *y, int half, int around, long rows, int channels, int fold,
                             int threads, const float *weight, const float *bias, double eps, int measured, float *mean,
                             float *var) {
  Lines lines(rows, channels, fold, threads);
#define GIVEN(Number) (const Number *)x, (Number *)y, rows, lines, weight, bias, eps, measured, mean, var
  half ? RUN(forward, bf16) : RUN(forward, float);
#undef GIVEN
}

extern "C" void norm_backward(const void *x, const void *gy, void *gx, int half, int around, long rows,
                              int channels, int fold, int threads, const float *weight, const float *bias, double eps,
                              const float *mean, const float *var, float *gweight, float *gbias) {
  Lines lines(rows, channels, fold, threads);
#define GIVEN(Number) \
  (const Number *)x, (const Number *)gy, (Number *)gx, rows, lines, weight, bias, eps, mean, var, gweight, gbias
  half ? RUN(backward, bf16) : RUN(backward, float);
#undef GIVEN
}
