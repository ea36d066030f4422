// Stages that are trained by their rates: an unpadded convolution, batch norm, integrate-and-fire neurons; images lie
// side by side in vectors.
//
// Layout of a feature map: [groups, time, channels, height, width, lanes]. Threads share the groups; sums over images are
// kept per group, and do not depend on the number of threads.
// The source of the formulas is sqnn/layers/separable.py.
#include <algorithm>
#include <cstdint>

#include "vectors.h"

using namespace sqnn;

namespace {

// Sides of a convolution.
struct Shape {
  int64_t channels, outputs, height, width, stride, high, wide;
  int64_t area() const { return high * wide; }
};

Shape shape_of(int64_t channels, int64_t outputs, int64_t height, int64_t width, int64_t kernel, int64_t stride) {
  return {channels, outputs, height, width, stride, (height - kernel) / stride + 1, (width - kernel) / stride + 1};
}

// A separable convolution is one of each channel for itself, whose maps are then mixed place by place.
Shape of_one(const Shape& s) { return {1, 1, s.height, s.width, s.stride, s.high, s.wide}; }
Shape of_mixing(const Shape& s) { return {s.channels, s.outputs, s.high, s.wide, 1, s.high, s.wide}; }

// OUT output channels at COLUMNS places of one step: enough sums at a time that none waits for the last addition.
template <int OUT, int COLUMNS, int K>
inline void correlate_at(const Vector* x, const float* weight, Vector* y, const Shape& s, int64_t i, int64_t j) {
  Vector total[OUT][COLUMNS];
  for (int o = 0; o < OUT; o++)
    for (int at = 0; at < COLUMNS; at++) total[o][at] = Vector{};
  for (int64_t c = 0; c < s.channels; c++) {
    const Vector* corner = x + (c * s.height + i * s.stride) * s.width + j * s.stride;
    const float* factor = weight + c * K * K;
#pragma GCC unroll 25
    for (int k = 0; k < K * K; k++)
      for (int at = 0; at < COLUMNS; at++) {
        const Vector value = corner[at * s.stride + (k / K) * s.width + k % K];
        for (int o = 0; o < OUT; o++) total[o][at] += value * factor[o * s.channels * K * K + k];
      }
  }
  for (int o = 0; o < OUT; o++)
    for (int at = 0; at < COLUMNS; at++) y[o * s.area() + i * s.wide + j + at] = total[o][at];
}

template <int OUT, int COLUMNS, int K>
void correlate_some(const Vector* x, const float* weight, Vector* y, const Shape& s, int64_t from) {
  weight += from * s.channels * K * K;
  y += from * s.area();
  for (int64_t i = 0; i < s.high; i++) {
    int64_t j = 0;
    for (; j + COLUMNS <= s.wide; j += COLUMNS) correlate_at<OUT, COLUMNS, K>(x, weight, y, s, i, j);
    for (; j < s.wide; j++) correlate_at<OUT, 1, K>(x, weight, y, s, i, j);
  }
}

template <int K>
void correlate(const Vector* x, const float* weight, Vector* y, const Shape& s) {
  int64_t o = 0;
  for (; o + 8 <= s.outputs; o += 8) correlate_some<8, 1, K>(x, weight, y, s, o);
  for (; o + 4 <= s.outputs; o += 4) correlate_some<4, 1, K>(x, weight, y, s, o);
  for (; o + 2 <= s.outputs; o += 2) correlate_some<2, 2, K>(x, weight, y, s, o);
  for (; o < s.outputs; o++) correlate_some<1, 5, K>(x, weight, y, s, o);
}

// Adds slopes of y times x to the gradients of the weights, [outputs, channels, K * K].
template <int K>
void weigh(const Vector* slopes, const Vector* x, Vector* weights, const Shape& s) {
  for (int64_t o = 0; o < s.outputs; o++)
    for (int64_t c = 0; c < s.channels; c++) {
      Vector* found = weights + (o * s.channels + c) * K * K;
      Vector total[K * K];
      for (int k = 0; k < K * K; k++) total[k] = found[k];
      for (int64_t i = 0; i < s.high; i++)
        for (int64_t j = 0; j < s.wide; j++) {
          const Vector slope = slopes[o * s.area() + i * s.wide + j];
          const Vector* corner = x + (c * s.height + i * s.stride) * s.width + j * s.stride;
#pragma GCC unroll 25
          for (int k = 0; k < K * K; k++) total[k] += slope * corner[(k / K) * s.width + k % K];
        }
      for (int k = 0; k < K * K; k++) found[k] = total[k];
    }
}

// The gradient of x.
template <int K>
void scatter(const Vector* slopes, const float* weight, Vector* inputs, const Shape& s) {
  std::fill(inputs, inputs + s.channels * s.height * s.width, Vector{});
  for (int64_t i = 0; i < s.high; i++)
    for (int64_t j = 0; j < s.wide; j++)
      for (int64_t c = 0; c < s.channels; c++) {
        Vector total[K * K];
        for (int k = 0; k < K * K; k++) total[k] = Vector{};
        for (int64_t o = 0; o < s.outputs; o++) {
          const Vector slope = slopes[o * s.area() + i * s.wide + j];
          const float* factor = weight + (o * s.channels + c) * K * K;
#pragma GCC unroll 25
          for (int k = 0; k < K * K; k++) total[k] += slope * factor[k];
        }
        Vector* corner = inputs + (c * s.height + i * s.stride) * s.width + j * s.stride;
        for (int k = 0; k < K * K; k++) corner[(k / K) * s.width + k % K] += total[k];
      }
}

// The weights of a convolution: [outputs, channels, K * K], or with a `mixing` [outputs, channels] windows [channels,
// K * K] of a separable one.
struct Weights {
  const float *windows, *mixing;
};

// Maps of one step; `maps` has room for those of each channel.
template <int K>
void convolve(const Vector* x, const Weights& weights, Vector* maps, Vector* y, const Shape& s) {
  if (weights.mixing == nullptr) return correlate<K>(x, weights.windows, y, s);
  for (int64_t c = 0; c < s.channels; c++)
    correlate<K>(x + c * s.height * s.width, weights.windows + c * K * K, maps + c * s.area(), of_one(s));
  correlate<1>(maps, weights.mixing, y, of_mixing(s));
}

// The gradients of the weights, added to `windows` and `mixing`, and that of x where `inputs` is not null.
template <int K>
void convolve_back(const Vector* slopes, const Vector* x, const Weights& weights, Vector* maps, Vector* map_slopes,
                   Vector* windows, Vector* mixing, Vector* inputs, const Shape& s) {
  if (weights.mixing == nullptr) {
    weigh<K>(slopes, x, windows, s);
    if (inputs != nullptr) scatter<K>(slopes, weights.windows, inputs, s);
    return;
  }
  scatter<1>(slopes, weights.mixing, map_slopes, of_mixing(s));
  for (int64_t c = 0; c < s.channels; c++) {
    const Vector *in = x + c * s.height * s.width, *slope = map_slopes + c * s.area();
    correlate<K>(in, weights.windows + c * K * K, maps + c * s.area(), of_one(s));
    weigh<K>(slope, in, windows + c * K * K, of_one(s));
    if (inputs != nullptr)
      scatter<K>(slope, weights.windows + c * K * K, inputs + c * s.height * s.width, of_one(s));
  }
  weigh<1>(slopes, maps, mixing, of_mixing(s));
}

// The sums of maps over the first images of a group, [outputs].
void sum_maps(const Vector* maps, double* sums, const Shape& s, int64_t lanes) {
  for (int64_t o = 0; o < s.outputs; o++) {
    Vector total = Vector{};
    for (int64_t n = 0; n < s.area(); n++) total += maps[o * s.area() + n];
    sums[o] = sum_of(total, lanes);
  }
}

// The numbers of the neurons of a channel.
struct Neurons {
  float scale, shift, decay, threshold;
};

// One step of neurons: their membranes, their spikes, and how often each fired so far.
template <int RESET>
void fire_by(const Vector* __restrict y, Vector* __restrict membranes, Vector* __restrict spikes,
             Vector* __restrict counts, int64_t size, const Neurons k) {
  for (int64_t n = 0; n < size; n++) {
    const Vector charged = charge(membranes[n], y[n], k.scale, k.shift, k.decay);
    const Mask fired = charged > k.threshold;
    membranes[n] = after_reset(charged, fired, k.threshold, RESET);
    spikes[n] = choose(fired, all(1), Vector{});
    counts[n] += spikes[n];
  }
}

void fire(const Vector* y, Vector* membranes, Vector* spikes, Vector* counts, int64_t size, const Neurons& neurons,
          int reset) {
  if (reset == SUBTRACT) return fire_by<SUBTRACT>(y, membranes, spikes, counts, size, neurons);
  if (reset == ZERO) return fire_by<ZERO>(y, membranes, spikes, counts, size, neurons);
  fire_by<NONE>(y, membranes, spikes, counts, size, neurons);
}

// Calls DO with the side of the window as a constant.
#define SQNN_OF_SIDE(kernel, DO, ...)     \
  switch (kernel) {                       \
    case 1: DO<1>(__VA_ARGS__); break;    \
    case 2: DO<2>(__VA_ARGS__); break;    \
    case 3: DO<3>(__VA_ARGS__); break;    \
    case 4: DO<4>(__VA_ARGS__); break;    \
    default: DO<5>(__VA_ARGS__); break;   \
  }

}  // namespace

extern "C" {

// Maps y of a convolution without padding, [groups, 1, outputs, ...], and their sums over the images of each group,
// [groups, outputs]. `mixing` is null where the convolution is not separable.
int32_t sqnn_correlate(const float* x, const float* weight, const float* mixing, float* y, double* sums, int64_t batch,
                       int64_t channels, int64_t outputs, int64_t height, int64_t width, int64_t kernel, int64_t stride,
                       int64_t groups, int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    const Shape s = shape_of(channels, outputs, height, width, kernel, stride);
    const Weights weights = {weight, mixing};
    Vectors own(channels * s.area());
    for (int64_t g = first; g < last; g++) {
      const Vector* in = (const Vector*)x + g * channels * height * width;
      Vector* maps = (Vector*)y + g * outputs * s.area();
      SQNN_OF_SIDE(kernel, convolve, in, weights, own.data(), maps, s)
      sum_maps(maps, sums + g * outputs, s, lanes_of(g, batch));
    }
  });
}

// Rates without time: clip(scale * y + shift, 0, 1).
int32_t sqnn_clip(const float* y, const float* scale, const float* shift, float* rates, int64_t channels, int64_t area,
               int64_t groups, int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    for (int64_t g = first; g < last; g++)
      for (int64_t c = 0; c < channels; c++) {
        const Vector* in = (const Vector*)y + (g * channels + c) * area;
        Vector* out = (Vector*)rates + (g * channels + c) * area;
        for (int64_t n = 0; n < area; n++) {
          const Vector z = scale[c] * in[n] + shift[c];
          const Vector above = choose(z < 0, Vector{}, z);  // what is no number stays none
          out[n] = choose(above > 1, all(1), above);
        }
      }
  });
}

// Neurons fire on the currents scale * y + shift, and the next convolution takes their spikes; y has `shown` steps,
// `time` or 1. `rates` are the means of the spikes over time. Of the maps of the next convolution, `next` has all steps,
// `means` their means over time, and `sums` the sums of these over the images of each group, [groups, outputs]. Spikes
// are kept for one step only. Where `weight` is null there is no next convolution.
int32_t sqnn_fire_steps(const float* y, const float* scale, const float* shift, float* rates, const float* weight,
                        const float* mixing, float* next, float* means, double* sums, int64_t shown, int64_t time,
                        int64_t batch, int64_t channels, int64_t outputs, int64_t height, int64_t width, int64_t kernel,
                        int64_t stride, float decay, float threshold, float start, int32_t reset, int64_t groups,
                        int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    const Shape s = shape_of(channels, outputs, height, width, kernel, stride);
    const Weights weights = {weight, mixing};
    const int64_t area = height * width, size = channels * area, sent = outputs * s.area();
    Vectors membranes(size), spikes(size), own(weight == nullptr ? 0 : channels * s.area());
    for (int64_t g = first; g < last; g++) {
      Vector *rate = (Vector*)rates + g * size, *mean = (Vector*)means + g * sent;
      std::fill(membranes.begin(), membranes.end(), all(start * threshold));
      std::fill(rate, rate + size, Vector{});
      for (int64_t t = 0; t < time; t++) {
        const Vector* in = (const Vector*)y + (g * shown + (shown == 1 ? 0 : t)) * size;
        for (int64_t c = 0; c < channels; c++) {
          const int64_t at = c * area;
          fire(in + at, membranes.data() + at, spikes.data() + at, rate + at, area, {scale[c], shift[c], decay, threshold},
               reset);
        }
        if (weight == nullptr) continue;
        Vector* maps = (Vector*)next + (g * time + t) * sent;
        SQNN_OF_SIDE(kernel, convolve, spikes.data(), weights, own.data(), maps, s)
        for (int64_t n = 0; n < sent; n++) mean[n] = t == 0 ? maps[n] : mean[n] + maps[n];
      }
      for (int64_t n = 0; n < size; n++) rate[n] /= (float)time;
      if (weight == nullptr) continue;
      for (int64_t n = 0; n < sent; n++) mean[n] /= (float)time;
      sum_maps(mean, sums + g * outputs, s, lanes_of(g, batch));
    }
  });
}

// Gradient of the currents z = scale * y + shift from that of clip(z, 0, 1); and the sums of it, and of it times y, over
// the images of each group, [groups, 2, channels].
int32_t sqnn_clip_backward(const float* gradient, const float* y, const float* scale, const float* shift, float* currents,
                        double* sums, int64_t batch, int64_t channels, int64_t area, int64_t groups, int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    for (int64_t g = first; g < last; g++)
      for (int64_t c = 0; c < channels; c++) {
        const int64_t at = (g * channels + c) * area;
        const Vector *above = (const Vector*)gradient + at, *in = (const Vector*)y + at;
        Vector *out = (Vector*)currents + at, sum = Vector{}, product = Vector{};
        for (int64_t n = 0; n < area; n++) {
          const Vector z = scale[c] * in[n] + shift[c];
          out[n] = choose((z >= 0) & (z <= 1), above[n], Vector{});
          sum += out[n];
          product += out[n] * in[n];
        }
        sums[g * 2 * channels + c] = sum_of(sum, lanes_of(g, batch));
        sums[(g * 2 + 1) * channels + c] = sum_of(product, lanes_of(g, batch));
      }
  });
}

// With dy = factors[0] currents + factors[1] y + factors[2] per output channel: the gradient of the weights, summed over
// the images of each group, [groups, number of weights], and of x where `inputs` is not null. The weights are
// [outputs, channels, kernel^2], or where `mixing` is not null [channels, kernel^2] and then [outputs, channels].
int32_t sqnn_correlate_backward(const float* currents, const float* y, const float* factors, const float* x,
                             const float* weight, const float* mixing, float* weights, float* inputs, int64_t batch,
                             int64_t channels, int64_t outputs, int64_t height, int64_t width, int64_t kernel,
                             int64_t stride, int64_t groups, int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    const Shape s = shape_of(channels, outputs, height, width, kernel, stride);
    const int64_t area = s.area(), plane = channels * height * width, pairs = outputs * channels;
    const int64_t windows = (mixing == nullptr ? pairs : channels) * kernel * kernel;
    const int64_t count = windows + (mixing == nullptr ? 0 : pairs);
    const Weights own = {weight, mixing};
    Vectors slopes(outputs * area), maps(channels * area), map_slopes(channels * area), found(count);
    for (int64_t g = first; g < last; g++) {
      const Vector present = images_of(g, batch);
      for (int64_t o = 0; o < outputs; o++) {
        const int64_t at = (g * outputs + o) * area;
        const Vector *current = (const Vector*)currents + at, *map = (const Vector*)y + at;
        const float a = factors[o], b = factors[outputs + o], c = factors[2 * outputs + o];
        for (int64_t n = 0; n < area; n++) slopes[o * area + n] = (a * current[n] + (b * map[n] + c)) * present;
      }
      std::fill(found.begin(), found.end(), Vector{});
      const Vector* in = (const Vector*)x + g * plane;
      Vector* to = inputs == nullptr ? nullptr : (Vector*)inputs + g * plane;
      SQNN_OF_SIDE(kernel, convolve_back, slopes.data(), in, own, maps.data(), map_slopes.data(), found.data(),
                   found.data() + windows, to, s)
      for (int64_t k = 0; k < count; k++) weights[g * count + k] = (float)sum_of(found[k], LANES);
    }
  });
}

}  // extern "C"
