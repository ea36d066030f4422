// What all kernels share: some images lie side by side in each vector, and the rules of integrate-and-fire neurons.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "threads.h"

namespace sqnn {

// As many as a vector of this processor holds: wider ones would be kept in memory instead of registers.
#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif
typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t Mask __attribute__((vector_size(4 * LANES), aligned(4)));
enum Reset { SUBTRACT = 0, ZERO = 1, NONE = 2 };

typedef std::vector<Vector> Vectors;

inline Vector all(float value) { return Vector{} + value; }
inline Vector choose(Mask mask, Vector yes, Vector no) { return (Vector)((mask & (Mask)yes) | (~mask & (Mask)no)); }

// The membrane before the reset; forward and backward pass compute it alike.
inline Vector charge(Vector membrane, Vector y, float scale, float shift, float decay) {
  return decay * membrane + (scale * y + shift);
}

inline Vector after_reset(Vector membrane, Mask fired, float threshold, int reset) {
  if (reset == SUBTRACT) return membrane - choose(fired, all(threshold), Vector{});
  if (reset == ZERO) return choose(fired, Vector{}, membrane);
  return membrane;
}

inline int64_t lanes_of(int64_t group, int64_t batch) { return std::min<int64_t>(LANES, batch - group * LANES); }

// The images of a group, for those who make room for them.
extern "C" __attribute__((used)) inline int32_t sqnn_lanes() { return LANES; }

// 1 for each image of a group, 0 for the rest of the vector.
inline Vector images_of(int64_t group, int64_t batch) {
  Vector present = Vector{};
  for (int64_t lane = 0; lane < lanes_of(group, batch); lane++) present[lane] = 1;
  return present;
}

// The gradient of a value for each image of a group, at `first` and every `apart` numbers on; 1 where there are none
// given, and 0 for images that are not there.
inline Vector gradient_of(const float* given, int64_t first, int64_t apart, int64_t lanes) {
  Vector found = Vector{};
  for (int64_t lane = 0; lane < lanes; lane++) found[lane] = given == nullptr ? 1 : given[first + lane * apart];
  return found;
}

inline double sum_of(Vector values, int64_t lanes) {
  double sum = 0;
  for (int64_t lane = 0; lane < lanes; lane++) sum += values[lane];
  return sum;
}

}  // namespace sqnn
