// The two-block circuit read in Z, forward and backward, where every weight is an added angle or a constant of its wire.
//
// The formulas are those of circuits/engines/lightcone/two_blocks.py. Pairs of an image and a wire lie side by side in each
// vector, and a few hundred of them are worked on at a time, so that all of their values stay in the nearest cache.
#include <cmath>
#include <cstdint>

#include "angles.h"

using namespace sqnn;

namespace {

enum Layout { NONE_JOINED = 0, LINE = 1, RING = 2 };
constexpr int64_t PAIRS = 512;

// Values of some images, each of n wires; `rows` of them are [pairs].
struct Some {
  int64_t n, images, vectors, layout;
  float added;
  Vectors w1_phi, w2_phi, w1_omega, c1, s1, c2, s2;
  Vectors phi, theta, omega, grad;
  Vectors cos_a1, cos_a2, cos_b, cos, sin_a1, sin_a2, sin_b, sin;
  Vectors p, x, y, z, u, v, k, m, tilted, read, plane, product, through;
  std::vector<float> near, pulled;

  Some(const float* weights, int64_t n, int64_t batch, int64_t layout)
      : n(n), layout(layout), added(largest_of(weights, 6 * n)), near(n + 4), pulled(n + 4) {
    images = std::min(batch, std::max<int64_t>(1, PAIRS / n));
    vectors = (images * n + LANES - 1) / LANES;
    for (Vectors* row : {&w1_phi, &w2_phi, &w1_omega, &c1, &s1, &c2, &s2, &phi, &theta, &omega, &grad, &cos_a1, &cos_a2,
                         &cos_b, &cos, &sin_a1, &sin_a2, &sin_b, &sin, &p, &x, &y, &z, &u, &v, &k, &m, &tilted, &read,
                         &plane, &product, &through})
      row->assign(vectors, Vector{});
    for (int64_t e = 0; e < images * n; e++) {
      const float *first = weights + e % n * 3, *second = first + 3 * n;
      at(w1_phi)[e] = first[0], at(w1_omega)[e] = first[2], at(w2_phi)[e] = second[0];
      at(c1)[e] = std::cos(first[1]), at(s1)[e] = std::sin(first[1]);
      at(c2)[e] = std::cos(second[1]), at(s2)[e] = std::sin(second[1]);
    }
  }

  static float* at(Vectors& row) { return (float*)row.data(); }

  // Everything up to `plane`, of `count` images.
  void evaluate(const float* inputs, int64_t count) {
    if (added + largest_of(inputs, 3 * count * n) > LARGEST)
      evaluate_some<true>(inputs, count);
    else
      evaluate_some<false>(inputs, count);
  }

  template <bool WILD>
  void evaluate_some(const float* inputs, int64_t count) {
    for (int64_t e = 0; e < count * n; e++)
      at(phi)[e] = inputs[3 * e], at(theta)[e] = inputs[3 * e + 1], at(omega)[e] = inputs[3 * e + 2];
    for (int64_t i = 0; i * LANES < count * n; i++) {
      cosine_and_sine<WILD>(omega[i] + w1_phi[i], cos_a1[i], sin_a1[i]);
      cosine_and_sine<WILD>(omega[i] + w2_phi[i], cos_a2[i], sin_a2[i]);
      cosine_and_sine<WILD>(phi[i] + w1_omega[i], cos_b[i], sin_b[i]);
      cosine_and_sine<WILD>(theta[i], cos[i], sin[i]);
      p[i] = sin[i] * cos_a1[i];
      y[i] = sin[i] * sin_a1[i];
      x[i] = s1[i] * cos[i] + c1[i] * p[i];
      z[i] = c1[i] * cos[i] - s1[i] * p[i];
      u[i] = x[i] * cos_b[i] - y[i] * sin_b[i];
      v[i] = x[i] * sin_b[i] + y[i] * cos_b[i];
      k[i] = s2[i] * cos_a2[i];
      m[i] = s2[i] * sin_a2[i];
      tilted[i] = -(c2[i] * sin[i] + k[i] * cos[i]);
      read[i] = c2[i] * cos[i] - k[i] * sin[i];
      plane[i] = tilted[i] * u[i] + m[i] * v[i];
    }
    for (int64_t b = 0; b < count; b++) {
      const float* own = surrounded(near, at(z) + b * n, 1);
      for (int64_t i = 0; i < n; i++) at(product)[b * n + i] = layout == NONE_JOINED ? 1 : own[i - 1] * own[i + 1];
    }
  }

  // The values of the wires of an image, with two more at either end: those of a ring's other end, or `outside`.
  const float* surrounded(std::vector<float>& place, const float* values, float outside) const {
    for (int64_t i = -2; i < n + 2; i++)
      place[i + 2] = i >= 0 && i < n ? values[i] : layout == RING ? values[((i % n) + n) % n] : outside;
    return place.data() + 2;
  }

  // The gradient of z through the products of its neighbours, which get `grad` times `plane`.
  void pull(int64_t count) {
    for (int64_t b = 0; b < count; b++) {
      const float* own = surrounded(near, at(z) + b * n, 1);
      for (int64_t i = 0; i < n; i++) at(through)[b * n + i] = at(grad)[b * n + i] * at(plane)[b * n + i];
      const float* given = surrounded(pulled, at(through) + b * n, 0);
      for (int64_t i = 0; i < n; i++)
        at(through)[b * n + i] = layout == NONE_JOINED ? 0 : given[i + 1] * own[i + 2] + given[i - 1] * own[i - 2];
    }
  }
};

}  // namespace

extern "C" {

// <Z> [batch, n] of inputs [batch, 3 n] and weights [2, n, 3].
int32_t sqnn_two_blocks(const float* inputs, const float* weights, float* out, int64_t batch, int64_t n, int64_t layout) {
  return share(1, 1, [=](int64_t, int64_t) {
    Some some(weights, n, batch, layout);
    for (int64_t b = 0; b < batch; b += some.images) {
      const int64_t count = std::min(some.images, batch - b);
      some.evaluate(inputs + b * 3 * n, count);
      float *read = some.at(some.read), *z = some.at(some.z), *product = some.at(some.product), *plane = some.at(some.plane);
      for (int64_t e = 0; e < count * n; e++) out[b * n + e] = read[e] * z[e] + product[e] * plane[e];
    }
  });
}

// Gradients of the inputs, where `g_inputs` is not null, and of the weights, for that of <Z> [batch, n].
int32_t sqnn_two_blocks_backward(const float* grad, const float* inputs, const float* weights, float* g_inputs,
                              float* g_weights, int64_t batch, int64_t n, int64_t layout) {
  return share(1, 1, [=](int64_t, int64_t) {
    Some f(weights, n, batch, layout);
    std::vector<double> sums(6 * n);
    Vectors a1(f.vectors), a2(f.vectors), b_(f.vectors), theta(f.vectors), first(f.vectors), inner(f.vectors),
        outer(f.vectors);
    for (int64_t b = 0; b < batch; b += f.images) {
      const int64_t count = std::min(f.images, batch - b), pairs = count * n;
      f.evaluate(inputs + b * 3 * n, count);
      std::copy(grad + b * n, grad + b * n + pairs, f.at(f.grad));
      f.pull(count);
      for (int64_t i = 0; i * LANES < pairs; i++) {
        const Vector g = f.grad[i], g_plane = g * f.product[i], g_read = g * f.z[i];
        const Vector g_z = f.through[i] + g * f.read[i];
        const Vector g_u = g_plane * f.tilted[i], g_v = g_plane * f.m[i];
        const Vector g_tilted = g_plane * f.u[i], g_m = g_plane * f.v[i];
        const Vector g_x = g_u * f.cos_b[i] + g_v * f.sin_b[i], g_y = g_v * f.cos_b[i] - g_u * f.sin_b[i];
        const Vector g_p = f.c1[i] * g_x - f.s1[i] * g_z;
        const Vector g_k = -(g_tilted * f.cos[i] + g_read * f.sin[i]);
        const Vector g_cos = f.s1[i] * g_x + f.c1[i] * g_z + f.c2[i] * g_read - g_tilted * f.k[i];
        const Vector g_sin = g_p * f.cos_a1[i] + g_y * f.sin_a1[i] - f.c2[i] * g_tilted - g_read * f.k[i];
        b_[i] = g_v * f.u[i] - g_u * f.v[i];
        a1[i] = g_y * f.p[i] - g_p * f.y[i];
        a2[i] = g_m * f.k[i] - g_k * f.m[i];
        theta[i] = g_sin * f.cos[i] - g_cos * f.sin[i];
        first[i] = g_x * f.z[i] - g_z * f.x[i];
        inner[i] = g_k * f.cos_a2[i] + g_m * f.sin_a2[i];
        outer[i] = g_tilted * f.sin[i] - g_read * f.cos[i];
      }
      const float* found[] = {f.at(a1), f.at(first), f.at(b_), f.at(a2), f.at(inner), f.at(outer)};
      for (int row = 0; row < 6; row++)
        for (int64_t e = 0; e < count; e++)
          for (int64_t i = 0; i < n; i++) sums[row * n + i] += found[row][e * n + i];
      if (g_inputs == nullptr) continue;
      float* to = g_inputs + b * 3 * n;
      for (int64_t e = 0; e < pairs; e++) {
        to[3 * e] = f.at(b_)[e];
        to[3 * e + 1] = f.at(theta)[e];
        to[3 * e + 2] = f.at(a1)[e] + f.at(a2)[e];
      }
    }
    for (int64_t i = 0; i < n; i++) {
      float *to = g_weights + 3 * i, *second = to + 3 * n;
      for (int row = 0; row < 3; row++) to[row] = (float)sums[row * n + i];
      second[0] = (float)sums[3 * n + i];
      second[1] = (float)(f.at(f.c2)[i] * sums[4 * n + i] + f.at(f.s2)[i] * sums[5 * n + i]);
      second[2] = 0;
    }
  });
}

}  // extern "C"
