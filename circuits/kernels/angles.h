// Cosines and sines of a vector of angles at a time.
#pragma once
#include <cmath>
#include <cstdint>

#include "vectors.h"

namespace sqnn {

constexpr float LARGEST = 8192;

// Cosine and sine, to a rounding or two of angles up to LARGEST; WILD ones are left to the library of C.
template <bool WILD>
inline void cosine_and_sine(Vector angle, Vector& cosine, Vector& sine) {
  if (WILD) {
    for (int lane = 0; lane < LANES; lane++) cosine[lane] = std::cos(angle[lane]), sine[lane] = std::sin(angle[lane]);
    return;
  }
  const Vector quarters = angle * (float)(2 / M_PI);
  const Mask turn = __builtin_convertvector(quarters + choose(quarters < 0, all(-0.5f), all(0.5f)), Mask);
  const Vector q = __builtin_convertvector(turn, Vector);
  // pi / 2 in three parts, of which the first two are short: their products with q are exact.
  const Vector x = ((angle - q * 1.5703125f) - q * 4.837512969970703125e-4f) - q * 7.549789948768648e-8f;
  const Vector s = x * x;
  const Vector odd = x + x * s * (-1 / 6.f + s * (1 / 120.f + s * (-1 / 5040.f + s * (1 / 362880.f))));
  const Vector even =
      1 + s * (-0.5f + s * (1 / 24.f + s * (-1 / 720.f + s * (1 / 40320.f + s * (-1 / 3628800.f)))));
  const Mask swapped = (turn & 1) != 0, below = (turn & 2) != 0, left = ((turn + 1) & 2) != 0;
  sine = choose(swapped, even, odd);
  cosine = choose(swapped, odd, even);
  sine = choose(below, -sine, sine);
  cosine = choose(left, -cosine, cosine);
}

inline float largest_of(const float* angles, int64_t count) {
  Vector largest = Vector{};
  int64_t e = 0;
  for (; e + LANES <= count; e += LANES) {
    const Vector angle = *(const Vector*)(angles + e), size = choose(angle < 0, -angle, angle);
    largest = choose(size > largest, size, largest);
  }
  float found = 0;
  for (; e < count; e++) found = std::max(found, std::fabs(angles[e]));
  for (int lane = 0; lane < LANES; lane++) found = std::max(found, largest[lane]);
  return found;
}

}  // namespace sqnn
