// The two-block circuit read in Z, forward and backward, where every weight is an added angle or a constant of its wire.
//
// The formulas are those of circuits/engines/lightcone/two_blocks.py. Samples lie side by side in each vector; the
// values of a group of them, of all wires, stay in the nearest cache.
#include <cmath>
#include <cstdint>

#include "angles.h"

using namespace sqnn;

namespace {

enum Layout { NONE_JOINED = 0, LINE = 1, RING = 2 };
// Groups whose gradients of the weights are summed in vectors, before they go on in double precision.
constexpr int64_t TOGETHER = 16;
// Gradients of the weights per wire: w1_phi, w1_theta, w1_omega, w2_phi, and the two parts of w2_theta.
constexpr int SUMS = 6;

// The weights of a wire.
struct Wire {
  float w1_phi, w2_phi, w1_omega, c1, s1, c2, s2;
};

std::vector<Wire> wires_of(const float* weights, int64_t n) {
  std::vector<Wire> wires(n);
  for (int64_t i = 0; i < n; i++) {
    const float *first = weights + 3 * i, *second = first + 3 * n;
    wires[i] = {first[0],           second[0],           first[2],           std::cos(first[1]),
                std::sin(first[1]), std::cos(second[1]), std::sin(second[1])};
  }
  return wires;
}

// What the formulas name, of a wire for the samples of a group.
struct Values {
  Vector cos_a1, cos_a2, cos_b, cos, sin_a1, sin_a2, sin_b, sin;
  Vector p, x, y, u, v, k, m, tilted, read, plane;
};

struct Circuit {
  int64_t n, layout;
  float largest;
  std::vector<Wire> wires;

  Circuit(const float* weights, int64_t n, int64_t layout)
      : n(n), layout(layout), largest(largest_of(weights, 6 * n)), wires(wires_of(weights, n)) {}
};

// The wires of a group of samples. `z` and `pulled` have two places more at either end, for the neighbours' neighbours.
struct Group {
  const Circuit& c;
  Vectors angles, z, pulled;
  std::vector<Values> values;

  explicit Group(const Circuit& c) : c(c), angles(3 * c.n), z(c.n + 4), pulled(c.n + 4), values(c.n) {}

  void evaluate(const float* inputs, int64_t lanes) {
    const int64_t row = 3 * c.n;
    const bool wild = c.largest + largest_of(inputs, lanes * row) > LARGEST;
    if (lanes < LANES) std::fill(angles.begin(), angles.end(), Vector{});
    for (int64_t lane = 0; lane < lanes; lane++)
      for (int64_t k = 0; k < row; k++) ((float*)angles.data())[k * LANES + lane] = inputs[lane * row + k];
    for (int64_t i = 0; i < c.n; i++) wild ? evaluate_wire<true>(i) : evaluate_wire<false>(i);
    surround(z, 1);
  }

  template <bool WILD>
  void evaluate_wire(int64_t i) {
    const Wire& w = c.wires[i];
    Values& f = values[i];
    const Vector phi = angles[3 * i], theta = angles[3 * i + 1], omega = angles[3 * i + 2];
    cosine_and_sine<WILD>(omega + w.w1_phi, f.cos_a1, f.sin_a1);
    cosine_and_sine<WILD>(omega + w.w2_phi, f.cos_a2, f.sin_a2);
    cosine_and_sine<WILD>(phi + w.w1_omega, f.cos_b, f.sin_b);
    cosine_and_sine<WILD>(theta, f.cos, f.sin);
    f.p = f.sin * f.cos_a1;
    f.y = f.sin * f.sin_a1;
    f.x = w.s1 * f.cos + w.c1 * f.p;
    z[i + 2] = w.c1 * f.cos - w.s1 * f.p;
    f.u = f.x * f.cos_b - f.y * f.sin_b;
    f.v = f.x * f.sin_b + f.y * f.cos_b;
    f.k = w.s2 * f.cos_a2;
    f.m = w.s2 * f.sin_a2;
    f.tilted = -(w.c2 * f.sin + f.k * f.cos);
    f.read = w.c2 * f.cos - f.k * f.sin;
    f.plane = f.tilted * f.u + f.m * f.v;
  }

  // Give the wires at the ends their neighbours: those of a ring's other end, or `outside`.
  void surround(Vectors& row, float outside) const {
    for (int64_t i : {(int64_t)-2, (int64_t)-1, c.n, c.n + 1})
      row[i + 2] = c.layout == RING ? row[(i % c.n + c.n) % c.n + 2] : all(outside);
  }

  Vector product(int64_t i) const { return c.layout == NONE_JOINED ? all(1) : z[i + 1] * z[i + 3]; }

  // <Z> of each wire [lanes, n].
  void read(float* out, int64_t lanes) const {
    for (int64_t i = 0; i < c.n; i++) {
      const Vector value = values[i].read * z[i + 2] + product(i) * values[i].plane;
      for (int64_t lane = 0; lane < lanes; lane++) out[lane * c.n + i] = value[lane];
    }
  }

  // The gradient of z through the products of its neighbours, which are `pulled`.
  Vector through(int64_t i) const {
    return c.layout == NONE_JOINED ? Vector{} : pulled[i + 3] * z[i + 4] + pulled[i + 1] * z[i];
  }
};

}  // namespace

extern "C" {

// <Z> [batch, n] of inputs [batch, 3 n] and weights [2, n, 3].
int32_t sqnn_two_blocks(const float* inputs, const float* weights, float* out, int64_t batch, int64_t n, int64_t layout,
                        int64_t groups, int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    const Circuit c(weights, n, layout);
    Group group(c);
    for (int64_t g = first; g < last; g++) {
      const int64_t lanes = lanes_of(g, batch);
      group.evaluate(inputs + g * LANES * 3 * n, lanes);
      group.read(out + g * LANES * n, lanes);
    }
  });
}

// Gradients of the inputs and of the weights for that of <Z> [batch, n], which is 1 where `grad` is null, and <Z>
// itself; `g_inputs` and `out` may be null.
int32_t sqnn_two_blocks_backward(const float* grad, const float* inputs, const float* weights, float* g_inputs,
                                 float* g_weights, float* out, int64_t batch, int64_t n, int64_t layout, int64_t groups,
                                 int64_t threads) {
  const int64_t parts = (groups + TOGETHER - 1) / TOGETHER;
  std::vector<double> sums;
  std::vector<Wire> wires;
  try {
    sums.resize(parts * n * SUMS);
    wires = wires_of(weights, n);
  } catch (...) {
    return 1;
  }
  const int32_t failed = share(parts, threads, [&](int64_t first, int64_t last) {
    const Circuit c(weights, n, layout);
    Group group(c);
    Vectors together(n * SUMS), given(n);
    for (int64_t part = first; part < last; part++) {
      std::fill(together.begin(), together.end(), Vector{});
      for (int64_t g = part * TOGETHER; g < std::min(groups, (part + 1) * TOGETHER); g++) {
        const int64_t lanes = lanes_of(g, batch);
        group.evaluate(inputs + g * LANES * 3 * n, lanes);
        if (out != nullptr) group.read(out + g * LANES * n, lanes);
        for (int64_t i = 0; i < n; i++) {
          given[i] = gradient_of(grad, g * LANES * n + i, n, lanes);
          group.pulled[i + 2] = given[i] * group.values[i].plane;
        }
        group.surround(group.pulled, 0);
        for (int64_t i = 0; i < n; i++) {
          const Values& f = group.values[i];
          const Wire& w = c.wires[i];
          const Vector g_plane = given[i] * group.product(i), g_read = given[i] * group.z[i + 2];
          const Vector g_z = group.through(i) + given[i] * f.read;
          const Vector g_u = g_plane * f.tilted, g_v = g_plane * f.m;
          const Vector g_tilted = g_plane * f.u, g_m = g_plane * f.v;
          const Vector g_x = g_u * f.cos_b + g_v * f.sin_b, g_y = g_v * f.cos_b - g_u * f.sin_b;
          const Vector g_p = w.c1 * g_x - w.s1 * g_z;
          const Vector g_k = -(g_tilted * f.cos + g_read * f.sin);
          const Vector g_cos = w.s1 * g_x + w.c1 * g_z + w.c2 * g_read - g_tilted * f.k;
          const Vector g_sin = g_p * f.cos_a1 + g_y * f.sin_a1 - w.c2 * g_tilted - g_read * f.k;
          const Vector b = g_v * f.u - g_u * f.v, a1 = g_y * f.p - g_p * f.y, a2 = g_m * f.k - g_k * f.m;
          Vector* sum = together.data() + i * SUMS;
          sum[0] += a1;
          sum[1] += g_x * group.z[i + 2] - g_z * f.x;
          sum[2] += b;
          sum[3] += a2;
          sum[4] += g_k * f.cos_a2 + g_m * f.sin_a2;
          sum[5] += g_tilted * f.sin - g_read * f.cos;
          if (g_inputs == nullptr) continue;
          const Vector theta = g_sin * f.cos - g_cos * f.sin, omega = a1 + a2;
          float* to = g_inputs + g * LANES * 3 * n + 3 * i;
          for (int64_t lane = 0; lane < lanes; lane++, to += 3 * n)
            to[0] = b[lane], to[1] = theta[lane], to[2] = omega[lane];
        }
      }
      for (int64_t k = 0; k < n * SUMS; k++) sums[part * n * SUMS + k] = sum_of(together[k], LANES);
    }
  });
  for (int64_t i = 0; i < n; i++) {
    double total[SUMS] = {};
    for (int64_t part = 0; part < parts; part++)
      for (int k = 0; k < SUMS; k++) total[k] += sums[(part * n + i) * SUMS + k];
    float *first = g_weights + 3 * i, *second = first + 3 * n;
    for (int k = 0; k < 3; k++) first[k] = (float)total[k];
    second[0] = (float)total[3];
    second[1] = (float)(wires[i].c2 * total[4] + wires[i].s2 * total[5]);
    second[2] = 0;
  }
  return failed;
}

}  // extern "C"
