// Spiking blocks: 3x3 convolution, batch norm, integrate-and-fire neurons, 2x2 max pool; images lie side by side in vectors.
//
// Layout of a feature map: [groups, time, channels, height, width, lanes]. Threads share the groups; sums over images are
// kept per group, and do not depend on the number of threads.
// The source of the formulas of the backward pass is sqnn/neurons/fused.py.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "vectors.h"

using namespace sqnn;

namespace {

// Copy planes into the middle of zeros, one wider on each side.
void pad(Vector* padded, const Vector* planes, int64_t channels, int64_t height, int64_t width) {
  for (int64_t c = 0; c < channels; c++)
    for (int64_t i = 0; i < height; i++)
      std::memcpy(padded + (c * (height + 2) + i + 1) * (width + 2) + 1, planes + (c * height + i) * width,
                  width * sizeof(Vector));
}

// Channels, and neighbouring pixels or places of a window, that are summed up at once: as many sums as hide the latency
// of an addition, and as registers hold.
constexpr int WIDE = LANES == 16 ? 8 : 4, LONG = 3, WEIGHED = 4;

// The block of outputs that begins with this one.
inline int64_t block_at(int64_t output, int64_t outputs) {
  int64_t block = WIDE;
  while (output + block > outputs) block /= 2;
  return block;
}

// Weights of a convolution, block by block: [channels, 9, outputs of the block]. `weight` is [outputs, channels, 9], or
// for the gradient of what was convolved [channels, outputs, 9], whose windows are turned by half a turn.
void arrange(float* arranged, const float* weight, int64_t channels, int64_t outputs, bool turned) {
  for (int64_t first = 0; first < outputs; first += block_at(first, outputs))
    for (int64_t c = 0; c < channels; c++)
      for (int64_t k = 0; k < 9; k++)
        for (int64_t o = first; o < first + block_at(first, outputs); o++)
          *arranged++ = turned ? weight[(c * outputs + o) * 9 + 8 - k] : weight[(o * channels + c) * 9 + k];
}

// PIXELS neighbouring pixels of OUT output channels.
template <int OUT, int PIXELS>
inline void convolve_pixels(const Vector* padded, const float* arranged, Vector* out, Vector* sum, int64_t channels,
                            int64_t plane, int64_t row, int64_t area) {
  Vector total[OUT][PIXELS];
#pragma GCC unroll 8
  for (int o = 0; o < OUT; o++)
#pragma GCC unroll 3
    for (int p = 0; p < PIXELS; p++) total[o][p] = Vector{};
  for (int64_t c = 0; c < channels; c++, padded += plane, arranged += 9 * OUT)
#pragma GCC unroll 9
    for (int k = 0; k < 9; k++) {
      const Vector* corner = padded + (k / 3) * row + k % 3;
#pragma GCC unroll 8
      for (int o = 0; o < OUT; o++) {
        const Vector factor = all(arranged[k * OUT + o]);
#pragma GCC unroll 3
        for (int p = 0; p < PIXELS; p++) total[o][p] += corner[p] * factor;
      }
    }
#pragma GCC unroll 8
  for (int o = 0; o < OUT; o++)
#pragma GCC unroll 3
    for (int p = 0; p < PIXELS; p++) {
      out[o * area + p] = total[o][p];
      sum[o] += total[o][p];
    }
}

// OUT output channels of one step; adds their sums to `sums` [OUT].
template <int OUT>
void convolve_block(const Vector* padded, const float* arranged, Vector* out, Vector* sums, int64_t channels,
                    int64_t height, int64_t width) {
  const int64_t row = width + 2, plane = (height + 2) * row, area = height * width;
  for (int64_t i = 0; i < height; i++)
    for (int64_t j = 0; j < width;) {
      const Vector* corner = padded + i * row + j;
      Vector* to = out + i * width + j;
      const int64_t left = width - j;
      if (left == 1) {
        convolve_pixels<OUT, 1>(corner, arranged, to, sums, channels, plane, row, area);
        j += 1;
      } else if (left == 2 || left == 4) {  // 4 is twice 2: one pixel alone would wait for its own sums
        convolve_pixels<OUT, 2>(corner, arranged, to, sums, channels, plane, row, area);
        j += 2;
      } else {
        convolve_pixels<OUT, LONG>(corner, arranged, to, sums, channels, plane, row, area);
        j += LONG;
      }
    }
}

// All output channels of one step; adds their sums to `sums` [outputs].
void convolve_step(const Vector* padded, const float* arranged, Vector* out, Vector* sums, int64_t channels,
                   int64_t outputs, int64_t height, int64_t width) {
  for (int64_t o = 0; o < outputs;) {
    const int64_t block = block_at(o, outputs);
    const auto convolve = block == 8   ? convolve_block<8>
                          : block == 4 ? convolve_block<4>
                          : block == 2 ? convolve_block<2>
                                       : convolve_block<1>;
    convolve(padded, arranged, out + o * height * width, sums + o, channels, height, width);
    arranged += block * channels * 9;
    o += block;
  }
}

// Gradients of the weights [OUT, 9] between one channel and OUT outputs that lie a stride apart, of one step; adds to
// them.
template <int OUT>
void weigh_block(const Vector* padded, const Vector* slopes, Vector* found, int64_t stride, int64_t height,
                 int64_t width) {
  const int64_t row = width + 2, plane = (height + 2) * row;
  for (int line = 0; line < 3; line++) {  // of the window
    Vector total[OUT][3];
#pragma GCC unroll 4
    for (int o = 0; o < OUT; o++)
#pragma GCC unroll 3
      for (int k = 0; k < 3; k++) total[o][k] = found[o * stride + line * 3 + k];
    for (int64_t i = 0; i < height; i++) {
      const Vector *corner = padded + (i + line) * row, *slope = slopes + (i + 1) * row + 1;
      for (int64_t j = 0; j < width; j++)
#pragma GCC unroll 4
        for (int o = 0; o < OUT; o++)
#pragma GCC unroll 3
          for (int k = 0; k < 3; k++) total[o][k] += slope[o * plane + j] * corner[j + k];
    }
#pragma GCC unroll 4
    for (int o = 0; o < OUT; o++)
#pragma GCC unroll 3
      for (int k = 0; k < 3; k++) found[o * stride + line * 3 + k] = total[o][k];
  }
}

// Gradients of all weights [outputs, channels, 9] of one step; adds to them.
void weigh_step(const Vector* padded, const Vector* slopes, Vector* found, int64_t channels, int64_t outputs,
                int64_t height, int64_t width) {
  const int64_t plane = (height + 2) * (width + 2);
  for (int64_t o = 0; o < outputs;) {
    const int64_t block = std::min<int64_t>(WEIGHED, block_at(o, outputs));
    const auto weigh = block == WEIGHED ? weigh_block<WEIGHED> : block == 2 ? weigh_block<2> : weigh_block<1>;
    for (int64_t c = 0; c < channels; c++)
      weigh(padded + c * plane, slopes + o * plane, found + (o * channels + c) * 9, channels * 9, height, width);
    o += block;
  }
}

}  // namespace

extern "C" {

// Ask for large pages for memory that nobody has touched: the system hands out each page on first touch, which for small
// ones takes longer than to fill them. Where there are none, nothing changes.
int32_t sqnn_take_large_pages(float* memory, int64_t bytes) {
#ifdef MADV_HUGEPAGE
  const int64_t page = sysconf(_SC_PAGESIZE), start = (int64_t)memory;
  const int64_t first = (start + page - 1) / page * page, end = (start + bytes) / page * page;
  if (end > first) madvise((void*)first, (size_t)(end - first), MADV_HUGEPAGE);
#endif
  return 0;
}

// images [time, batch, numbers] -> packed [groups, time, numbers, lanes]; missing images are zeros.
int32_t sqnn_pack(const float* images, float* packed, int64_t time, int64_t batch, int64_t numbers, int64_t groups,
               int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    for (int64_t g = first; g < last; g++) {
      const int64_t lanes = lanes_of(g, batch);
      for (int64_t t = 0; t < time; t++) {
        const float* from = images + (t * batch + g * LANES) * numbers;
        float* to = packed + (g * time + t) * numbers * LANES;
        if (lanes < LANES) std::memset(to, 0, numbers * LANES * sizeof(float));
        for (int64_t n0 = 0; n0 < numbers; n0 += LANES)
          for (int64_t lane = 0; lane < lanes; lane++)
            for (int64_t n = n0; n < std::min(numbers, n0 + LANES); n++) to[n * LANES + lane] = from[lane * numbers + n];
      }
    }
  });
}

// The inverse of sqnn_pack.
int32_t sqnn_unpack(const float* packed, float* images, int64_t time, int64_t batch, int64_t numbers, int64_t groups,
                 int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    for (int64_t g = first; g < last; g++) {
      const int64_t lanes = lanes_of(g, batch);
      for (int64_t t = 0; t < time; t++) {
        const float* from = packed + (g * time + t) * numbers * LANES;
        float* to = images + (t * batch + g * LANES) * numbers;
        for (int64_t n0 = 0; n0 < numbers; n0 += LANES)
          for (int64_t lane = 0; lane < lanes; lane++)
            for (int64_t n = n0; n < std::min(numbers, n0 + LANES); n++) to[lane * numbers + n] = from[n * LANES + lane];
      }
    }
  });
}

// Maps y of a convolution, and the sums of y over the images of each group, [groups, outputs].
int32_t sqnn_convolve(const float* x, const float* weight, float* y, double* sums, int64_t time, int64_t batch,
                   int64_t channels, int64_t outputs, int64_t height, int64_t width, int64_t groups, int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    const int64_t area = height * width;
    Vectors padded(channels * (height + 2) * (width + 2)), found(outputs);
    std::vector<float> arranged(outputs * channels * 9);
    arrange(arranged.data(), weight, channels, outputs, false);
    std::fill(padded.begin(), padded.end(), Vector{});
    for (int64_t g = first; g < last; g++) {
      const int64_t lanes = lanes_of(g, batch);
      for (int64_t k = 0; k < outputs; k++) sums[g * outputs + k] = 0;
      for (int64_t t = 0; t < time; t++) {
        pad(padded.data(), (const Vector*)x + (g * time + t) * channels * area, channels, height, width);
        std::fill(found.begin(), found.end(), Vector{});
        Vector* out = (Vector*)y + (g * time + t) * outputs * area;
        convolve_step(padded.data(), arranged.data(), out, found.data(), channels, outputs, height, width);
        for (int64_t k = 0; k < outputs; k++) sums[g * outputs + k] += sum_of(found[k], lanes);
      }
    }
  });
}

// The sums of (y - mean)^2 over the images of each group, [groups, channels].
int32_t sqnn_spread(const float* y, const float* mean, double* sums, int64_t time, int64_t batch, int64_t channels,
                 int64_t area, int64_t groups, int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    for (int64_t g = first; g < last; g++)
      for (int64_t c = 0; c < channels; c++) {
        double sum = 0;
        for (int64_t t = 0; t < time; t++) {
          const Vector* in = (const Vector*)y + ((g * time + t) * channels + c) * area;
          Vector squares = Vector{};
          for (int64_t n = 0; n < area; n++) squares += (in[n] - mean[c]) * (in[n] - mean[c]);
          sum += sum_of(squares, lanes_of(g, batch));
        }
        sums[g * channels + c] = sum;
      }
  });
}

// Spikes of neurons on the currents scale * y + shift per channel, after the max pool.
int32_t sqnn_fire(const float* y, const float* scale, const float* shift, float* pooled, int64_t time, int64_t channels,
               int64_t height, int64_t width, float decay, float threshold, float start, int32_t reset, int64_t groups,
               int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    const int64_t area = height * width, high = height / 2, wide = width / 2;
    Vectors membrane(area);
    for (int64_t g = first; g < last; g++)
      for (int64_t c = 0; c < channels; c++) {
        std::fill(membrane.begin(), membrane.end(), all(start * threshold));
        for (int64_t t = 0; t < time; t++) {
          const Vector* in = (const Vector*)y + ((g * time + t) * channels + c) * area;
          Vector* out = (Vector*)pooled + ((g * time + t) * channels + c) * high * wide;
          for (int64_t i = 0; i < high; i++)
            for (int64_t j = 0; j < wide; j++) {
              Mask any = Mask{};
              for (int corner = 0; corner < 4; corner++) {
                const int64_t n = (2 * i + corner / 2) * width + 2 * j + corner % 2;
                const Vector charged = charge(membrane[n], in[n], scale[c], shift[c], decay);
                const Mask fired = charged > threshold;
                membrane[n] = after_reset(charged, fired, threshold, reset);
                any |= fired;
              }
              out[i * wide + j] = choose(any, all(1), Vector{});
            }
        }
      }
  });
}

// Gradient of the currents from that of the pooled spikes, for the arctan surrogate of this slope; and the sums of it,
// and of it times y, over the images of each group, [groups, 2, channels]. A pool hands its gradient to the first
// neuron that fired, or to the first of all.
int32_t sqnn_fire_backward(const float* gradient, const float* y, const float* scale, const float* shift, float* currents,
                        double* sums, int64_t time, int64_t batch, int64_t channels, int64_t height, int64_t width,
                        float decay, float threshold, float start, int32_t reset, int32_t detach, float slope,
                        int64_t groups, int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    const int64_t area = height * width, high = height / 2, wide = width / 2;
    const int64_t step = channels * area, pooled_step = channels * high * wide;
    const float bend = (float)(M_PI / 2) * slope, peak = slope / 2;
    Vectors charged(time * 2 * width), membrane(2 * width), later(2 * width);  // of two rows, which are pooled
    for (int64_t g = first; g < last; g++)
      for (int64_t c = 0; c < channels; c++) {
        const int64_t lanes = lanes_of(g, batch);
        const Vector* in = (const Vector*)y + (g * time * channels + c) * area;
        const Vector* above = (const Vector*)gradient + (g * time * channels + c) * high * wide;
        Vector* out = (Vector*)currents + (g * time * channels + c) * area;
        if (height % 2 || width % 2)  // what no pool reads
          for (int64_t t = 0; t < time; t++) std::memset((void*)(out + t * step), 0, area * sizeof(Vector));
        Vector sum = Vector{}, product = Vector{};
        for (int64_t i = 0; i < high; i++) {
          const int64_t begin = 2 * i * width;
          std::fill(membrane.begin(), membrane.end(), all(start * threshold));
          std::fill(later.begin(), later.end(), Vector{});
          for (int64_t t = 0; t < time; t++)
            for (int64_t n = 0; n < 2 * width; n++) {
              // The rows of all steps lie far apart: what comes next is fetched while these are computed.
              __builtin_prefetch(in + t * step + begin + 2 * width + n);
              __builtin_prefetch(out + t * step + begin + n, 1);
              const Vector u = charge(membrane[n], in[t * step + begin + n], scale[c], shift[c], decay);
              charged[t * 2 * width + n] = u;
              membrane[n] = after_reset(u, u > threshold, threshold, reset);
            }
          for (int64_t t = time - 1; t >= 0; t--)
            for (int64_t j = 0; j < wide; j++) {
              const Vector received = above[t * pooled_step + i * wide + j];
              const Vector* pool = charged.data() + t * 2 * width + 2 * j;
              Mask fired[4], any = Mask{}, open = ~Mask{};
              for (int k = 0; k < 4; k++) {
                fired[k] = pool[(k / 2) * width + k % 2] > threshold;
                any |= fired[k];
              }
              for (int k = 0; k < 4; k++) {
                const int64_t n = (k / 2) * width + 2 * j + k % 2;
                const Vector u = charged[t * 2 * width + n];
                const Mask taken = open & (k == 0 ? fired[k] | ~any : fired[k]);
                open &= ~taken;
                Vector spike = choose(taken, received, Vector{});
                if (!detach && reset == SUBTRACT) spike -= later[n] * threshold;
                if (!detach && reset == ZERO) spike -= later[n] * u;
                const Vector bent = (u - threshold) * bend;
                Vector current = spike * (peak / (1 + bent * bent));
                current += reset == ZERO ? choose(fired[k], Vector{}, later[n]) : later[n];
                later[n] = current * decay;
                out[t * step + begin + n] = current;
                sum += current;
                product += current * in[t * step + begin + n];
              }
            }
        }
        sums[g * 2 * channels + c] = sum_of(sum, lanes);
        sums[(g * 2 + 1) * channels + c] = sum_of(product, lanes);
      }
  });
}

// With dy = factors[0] currents + factors[1] y + factors[2] per output channel: the gradient of the weights, summed over
// the images of each group [groups, outputs, channels, 9], and of x where `inputs` is not null.
int32_t sqnn_convolve_backward(const float* currents, const float* y, const float* factors, const float* x,
                            const float* weight, float* weights, float* inputs, int64_t time, int64_t batch,
                            int64_t channels, int64_t outputs, int64_t height, int64_t width, int64_t groups,
                            int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    const int64_t row = width + 2, plane = (height + 2) * row, area = height * width;
    Vectors padded(channels * plane), slopes(outputs * plane), found(outputs * channels * 9), unread(channels);
    std::vector<float> arranged(inputs == nullptr ? 0 : outputs * channels * 9);
    if (inputs != nullptr) arrange(arranged.data(), weight, outputs, channels, true);
    std::fill(padded.begin(), padded.end(), Vector{});
    std::fill(slopes.begin(), slopes.end(), Vector{});
    for (int64_t g = first; g < last; g++) {
      const Vector present = images_of(g, batch);
      std::fill(found.begin(), found.end(), Vector{});
      for (int64_t t = 0; t < time; t++) {
        pad(padded.data(), (const Vector*)x + (g * time + t) * channels * area, channels, height, width);
        for (int64_t o = 0; o < outputs; o++) {
          const int64_t at = ((g * time + t) * outputs + o) * area;
          const Vector *current = (const Vector*)currents + at, *map = (const Vector*)y + at;
          const float a = factors[o], b = factors[outputs + o], c = factors[2 * outputs + o];
          for (int64_t i = 0; i < height; i++)
            for (int64_t j = 0; j < width; j++)
              slopes[o * plane + (i + 1) * row + j + 1] =
                  (a * current[i * width + j] + (b * map[i * width + j] + c)) * present;
        }
        weigh_step(padded.data(), slopes.data(), found.data(), channels, outputs, height, width);
        if (inputs == nullptr) continue;
        Vector* out = (Vector*)inputs + (g * time + t) * channels * area;
        convolve_step(slopes.data(), arranged.data(), out, unread.data(), outputs, channels, height, width);
      }
      for (size_t k = 0; k < found.size(); k++) weights[g * found.size() + k] = (float)sum_of(found[k], LANES);
    }
  });
}

}  // extern "C"
