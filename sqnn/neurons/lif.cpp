// Integrate-and-fire neurons along time, forward and backward; each number of a step is a neuron of its own.
//
// The formulas are those of sqnn/neurons/fused.py, in the order of its operations. A step lies in one piece of memory,
// and neurons are taken in blocks whose membranes stay in the nearest cache while time passes.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "vectors.h"

using namespace sqnn;

namespace {

constexpr int64_t BLOCK = 1024;

// Call block(start, size) for each block of neurons.
template <class Block>
int32_t in_blocks(int64_t count, int64_t threads, Block block) {
  return share((count + BLOCK - 1) / BLOCK, threads, [=](int64_t first, int64_t last) {
    for (int64_t g = first; g < last; g++) block(g * BLOCK, std::min(BLOCK, count - g * BLOCK));
  });
}

template <int RESET>
inline float reset_of(float charged, bool fired, float threshold) {
  if (RESET == SUBTRACT) return fired ? charged - threshold : charged;
  if (RESET == ZERO) return charged * (fired ? 0 : 1);
  return charged;
}

template <int RESET>
void fire_step(const float* __restrict current, float* __restrict spikes, float* __restrict kept,
               float* __restrict membranes, int64_t size, const float decay, const float threshold) {
  for (int64_t n = 0; n < size; n++) {
    const float charged = current[n] + decay * membranes[n];
    const bool fired = charged > threshold;
    spikes[n] = fired ? 1 : 0;
    kept[n] = charged;
    membranes[n] = reset_of<RESET>(charged, fired, threshold);
  }
}

// What the surrogate gives for 1 / (flat + steep (u - threshold)^2).
struct Slope {
  float flat, steep;
};

// CAUSE is the reset whose spike has a gradient, NONE where that is detached.
template <int RESET, int CAUSE>
void back_step(const float* __restrict spikes, const float* __restrict extra, const float* __restrict charged,
               float* __restrict out, float* __restrict later, int64_t size, const float decay, const float threshold,
               const Slope slope) {
  for (int64_t n = 0; n < size; n++) {
    const float u = charged[n], away = u - threshold, from = later[n];
    float received = spikes[n];
    if (CAUSE == SUBTRACT) received -= threshold * from;
    if (CAUSE == ZERO) received -= from * u;
    float found = received / (slope.flat + slope.steep * (away * away));
    found += reset_of<RESET == ZERO ? ZERO : NONE>(from, u > threshold, threshold);
    found += extra[n];
    out[n] = found;
    later[n] = found * decay;
  }
}

template <int RESET, class... Arguments>
void back_step_of(bool detach, Arguments... given) {
  detach ? back_step<RESET, NONE>(given...) : back_step<RESET, RESET>(given...);
}

// Calls DO with the reset as a constant.
#define SQNN_OF_RESET(reset, DO, ...)                          \
  switch (reset) {                                             \
    case SUBTRACT: DO<SUBTRACT>(__VA_ARGS__); break;           \
    case ZERO: DO<ZERO>(__VA_ARGS__); break;                   \
    default: DO<NONE>(__VA_ARGS__); break;                     \
  }

}  // namespace

extern "C" {

// Spikes of `time` steps, and the charged membranes where `membranes` is not null. The currents of a step lie `apart`
// numbers after those of the one before; spikes and membranes `count`.
int32_t sqnn_lif(const float* currents, float* spikes, float* membranes, int64_t time, int64_t apart, int64_t count,
                 float decay, float threshold, float start, int32_t reset, int64_t threads) {
  return in_blocks(count, threads, [=](int64_t from, int64_t size) {
    float membrane[BLOCK], unkept[BLOCK];
    std::fill(membrane, membrane + size, start * threshold);
    for (int64_t t = 0; t < time; t++) {
      const int64_t at = t * count + from;
      float* kept = membranes == nullptr ? unkept : membranes + at;
      SQNN_OF_RESET(reset, fire_step, currents + t * apart + from, spikes + at, kept, membrane, size, decay, threshold)
    }
  });
}

// The gradient of the currents from those of the spikes and of the membranes, either of which may be null.
int32_t sqnn_lif_backward(const float* g_spikes, const float* g_membranes, const float* membranes, float* g_currents,
                          int64_t time, int64_t spikes_apart, int64_t membranes_apart, int64_t count, float decay,
                          float threshold, int32_t reset, int32_t detach, float flat, float steep, int64_t threads) {
  return in_blocks(count, threads, [=](int64_t from, int64_t size) {
    float later[BLOCK] = {}, nothing[BLOCK] = {};
    for (int64_t t = time - 1; t >= 0; t--) {
      const int64_t at = t * count + from;
      const float* given = g_spikes == nullptr ? nothing : g_spikes + t * spikes_apart + from;
      const float* extra = g_membranes == nullptr ? nothing : g_membranes + t * membranes_apart + from;
      const Slope slope = {flat, steep};
      SQNN_OF_RESET(reset, back_step_of, detach, given, extra, membranes + at, g_currents + at, later, size, decay,
                    threshold, slope)
    }
  });
}

}  // extern "C"
