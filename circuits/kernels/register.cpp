// Circuits of Rot and CZ gates, read in Z: forward, and backward by the adjoint method. The state is that of a register
// of a few wires, or of the window of wires around each wire that its value depends on.
//
// A block turns wire i by Rot(x_i), three data angles, then by Rot(w_i), with Rot(phi, theta, omega) = RZ(omega)
// RY(theta) RZ(phi); CZ gates stand between blocks. The state after the first block is a product, and the last block
// turns what is read in place of the state. Samples lie side by side in each vector. With psi and lambda the state and the
// gradient of the value for it, an angle whose rotation has the axis v after its wire's gate has the gradient v . J,
// J = Im <lambda| (X, Y, Z) |psi>, and both states are turned back gate by gate.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "angles.h"

using namespace sqnn;

namespace {

// The gate [[a, -conj(b)], [b, conj(a)]] of a wire in a block, and cosines and sines of its five angles, from the first
// that acts: x_phi, x_theta, x_omega + w_phi, w_theta, w_omega.
struct Gate {
  Vector a_re, a_im, b_re, b_im;
  Vector cosine[5], sine[5];
};

struct Axis {
  Vector x, y, z;
};

// Turn a vector about z (even angles) or y by an angle of a gate, or back.
inline Axis turned(Axis v, const Gate& gate, int angle, bool back) {
  const Vector c = gate.cosine[angle], s = back ? -gate.sine[angle] : gate.sine[angle];
  if (angle % 2 == 0) return {c * v.x - s * v.y, s * v.x + c * v.y, v.z};
  return {c * v.x + s * v.z, v.y, c * v.z - s * v.x};
}

// Cosine and sine of half an angle, of one sample each or of all.
template <class Number>
struct Half {
  Number cosine, sine;
};

Half<float> half_of(float angle) { return {std::cos(angle * 0.5f), std::sin(angle * 0.5f)}; }

Half<Vector> half_of(Vector angle, bool wild) {
  Half<Vector> half;
  if (wild)
    cosine_and_sine<true>(angle * 0.5f, half.cosine, half.sine);
  else
    cosine_and_sine<false>(angle * 0.5f, half.cosine, half.sine);
  return half;
}

struct Circuit {
  int64_t n, blocks, own;  // `own` is the distance from a block's data angles to those of the next
  const float* weights;    // [blocks, n, 3]
  float largest;
  std::vector<Half<float>> w_theta, w_omega;  // [blocks, n]

  Circuit(const float* weights, int64_t n, int64_t blocks, bool scaled)
      : n(n), blocks(blocks), own(scaled ? 3 * n : 0), weights(weights), largest(largest_of(weights, 3 * n * blocks)) {
    for (int64_t at = 0; at < blocks * n; at++) {
      w_theta.push_back(half_of(weights[3 * at + 1]));
      w_omega.push_back(half_of(weights[3 * at + 2]));
    }
  }
  int64_t n_inputs() const { return own ? blocks * own : 3 * n; }
};

// Signs of a layer of CZ gates among the wires of a state.
std::vector<float> signs_of(int64_t wires, const int64_t* edges, int64_t n_edges) {
  std::vector<float> signs((int64_t)1 << wires);
  for (int64_t k = 0; k < (int64_t)signs.size(); k++) {
    int64_t joined = 0;
    for (int64_t e = 0; e < n_edges; e++) joined += (k >> edges[2 * e]) & (k >> edges[2 * e + 1]) & 1;
    signs[k] = joined % 2 ? -1 : 1;
  }
  return signs;
}

// Wires whose state is followed, and what is read: the wire at the place `centre`, or all where that is negative.
struct Window {
  std::vector<int64_t> wires;
  int64_t size, centre;
  const float* signs;

  // Whether the value depends on the gate of a place in a block that `later` blocks follow.
  bool sees(int64_t place, int64_t later) const {
    return centre < 0 || (place <= centre + later && place >= centre - later);
  }
};

// One window of all wires, or with a `reach` above 0 one around each wire of a line or ring. One block needs no state.
struct Windows {
  std::vector<float> signs;
  std::vector<Window> all;
  int64_t largest = 0;

  Windows(int64_t n, int64_t blocks, const int64_t* edges, int64_t n_edges, int64_t reach, bool ring) {
    if (blocks == 1 || reach == 0) {
      if (blocks > 1) signs = signs_of(n, edges, n_edges);
      Window window = {std::vector<int64_t>(n), (int64_t)signs.size(), -1, signs.data()};
      for (int64_t i = 0; i < n; i++) window.wires[i] = i;
      all.push_back(window);
    } else {
      // Neighbours are joined: the signs of a shorter chain are the first of those of a longer one.
      std::vector<int64_t> chain;
      for (int64_t i = 0; i < 2 * reach; i++) chain.push_back(i), chain.push_back(i + 1);
      signs = signs_of(2 * reach + 1, chain.data(), 2 * reach);
      for (int64_t wire = 0; wire < n; wire++) {
        Window window = {{}, 0, 0, signs.data()};
        for (int64_t i = wire - reach; i <= wire + reach; i++) {
          if (!ring && (i < 0 || i >= n)) continue;
          if (i == wire) window.centre = (int64_t)window.wires.size();
          window.wires.push_back((i + n) % n);
        }
        window.size = (int64_t)1 << window.wires.size();
        all.push_back(window);
      }
    }
    for (const Window& window : all) largest = std::max(largest, window.size);
  }
};

// Turn a gate further, by RZ (even angles: by (cos - i sin, cos + i sin) of half an angle) or RY (odd: it mixes a and b).
template <class Number>
void extend(Gate& gate, int angle, const Half<Number>& half) {
  const Vector c = Vector{} + half.cosine, s = Vector{} + half.sine;
  const Vector a_re = gate.a_re, a_im = gate.a_im, b_re = gate.b_re, b_im = gate.b_im;
  gate.cosine[angle] = c * c - s * s;
  gate.sine[angle] = 2 * c * s;
  if (angle % 2) {
    gate.a_re = c * a_re - s * b_re, gate.a_im = c * a_im - s * b_im;
    gate.b_re = s * a_re + c * b_re, gate.b_im = s * a_im + c * b_im;
  } else {
    gate.a_re = c * a_re + s * a_im, gate.a_im = c * a_im - s * a_re;
    gate.b_re = c * b_re - s * b_im, gate.b_im = c * b_im + s * b_re;
  }
}

// Gates of all blocks for a group of samples. Data that is not scaled is the same in every block.
void make_gates(std::vector<Gate>& gates, const Circuit& c, const float* inputs, int64_t lanes) {
  const int64_t row = c.n_inputs();
  const bool wild = c.largest + largest_of(inputs, lanes * row) > LARGEST;
  for (int64_t i = 0; i < c.n; i++) {
    Half<Vector> phi, theta;
    Vector omega = Vector{};
    for (int64_t b = 0; b < c.blocks; b++) {
      if (b == 0 || c.own) {
        Vector angles[3] = {};
        for (int64_t lane = 0; lane < lanes; lane++)
          for (int k = 0; k < 3; k++) angles[k][lane] = inputs[lane * row + b * c.own + 3 * i + k];
        phi = half_of(angles[0], wild), theta = half_of(angles[1], wild), omega = angles[2];
      }
      const int64_t at = b * c.n + i;
      Gate& gate = gates[at];
      gate.a_re = all(1), gate.a_im = gate.b_re = gate.b_im = Vector{};
      extend(gate, 0, phi);
      extend(gate, 1, theta);
      extend(gate, 2, half_of(omega + c.weights[3 * at], wild));
      extend(gate, 3, c.w_theta[at]);
      extend(gate, 4, c.w_omega[at]);
    }
  }
}

// Call `act` with the places of both amplitudes of each pair that differ in a wire.
template <class Act>
inline void each_pair(int64_t size, int64_t wire, Act act) {
  const int64_t step = (int64_t)1 << wire;
  for (int64_t high = 0; high < size; high += 2 * step)
    for (int64_t low = high; low < high + step; low++) act(low, low + step);
}

void turn(Vector* re, Vector* im, int64_t size, int64_t wire, const Gate& gate, bool back) {
  const Vector a_re = gate.a_re, a_im = back ? -gate.a_im : gate.a_im;
  const Vector b_re = back ? -gate.b_re : gate.b_re, b_im = back ? -gate.b_im : gate.b_im;
  each_pair(size, wire, [&](int64_t p, int64_t q) {
    const Vector p_re = re[p], p_im = im[p], q_re = re[q], q_im = im[q];
    re[p] = a_re * p_re - a_im * p_im - b_re * q_re - b_im * q_im;
    im[p] = a_re * p_im + a_im * p_re - b_re * q_im + b_im * q_re;
    re[q] = b_re * p_re - b_im * p_im + a_re * q_re + a_im * q_im;
    im[q] = b_re * p_im + b_im * p_re + a_re * q_im - a_im * q_re;
  });
}

void join(Vector* re, Vector* im, const Window& window) {
  for (int64_t k = 0; k < window.size; k++) re[k] *= window.signs[k], im[k] *= window.signs[k];
}

// The state that the last block acts on, where it is not the first.
void prepare(Vector* re, Vector* im, const Circuit& c, const Window& window, const std::vector<Gate>& gates) {
  if (c.blocks == 1) return;
  const int64_t wires = (int64_t)window.wires.size();
  re[0] = all(1), im[0] = Vector{};
  for (int64_t i = 0; i < wires; i++) {
    const Gate& gate = gates[window.wires[i]];
    const int64_t half = (int64_t)1 << i;
    for (int64_t k = 0; k < half; k++) {
      const Vector x = re[k], y = im[k];
      re[k + half] = gate.b_re * x - gate.b_im * y;
      im[k + half] = gate.b_re * y + gate.b_im * x;
      re[k] = gate.a_re * x - gate.a_im * y;
      im[k] = gate.a_re * y + gate.a_im * x;
    }
  }
  join(re, im, window);
  for (int64_t b = 1; b + 1 < c.blocks; b++) {
    for (int64_t i = 0; i < wires; i++)
      if (window.sees(i, c.blocks - 1 - b)) turn(re, im, window.size, i, gates[b * c.n + window.wires[i]], false);
    join(re, im, window);
  }
}

Axis bloch(const Vector* re, const Vector* im, int64_t size, int64_t wire) {
  Axis r = {};
  each_pair(size, wire, [&](int64_t p, int64_t q) {
    r.x += re[p] * re[q] + im[p] * im[q];
    r.y += re[p] * im[q] - im[p] * re[q];
    r.z += re[p] * re[p] + im[p] * im[p] - re[q] * re[q] - im[q] * im[q];
  });
  return {2 * r.x, 2 * r.y, r.z};
}

// Im <lambda| (X, Y, Z) |psi> on a wire.
Axis overlap(const Vector* l_re, const Vector* l_im, const Vector* re, const Vector* im, int64_t size, int64_t wire) {
  Axis j = {};
  each_pair(size, wire, [&](int64_t p, int64_t q) {
    j.x += l_re[p] * im[q] - l_im[p] * re[q] + l_re[q] * im[p] - l_im[q] * re[p];
    j.y += l_re[q] * re[p] + l_im[q] * im[p] - l_re[p] * re[q] - l_im[p] * im[q];
    j.z += l_re[p] * im[p] - l_im[p] * re[p] - l_re[q] * im[q] + l_im[q] * re[q];
  });
  return j;
}

// Gradients of the five angles of a gate for J of its wire, added to those of its wire's data and weights.
void add(const Gate& gate, Axis j, int64_t lanes, float* g_inputs, int64_t row, double* g_weights) {
  Vector found[5];
  for (int k = 4; k >= 0; k--) {
    found[k] = k % 2 ? j.y : j.z;
    j = turned(j, gate, k, true);
  }
  for (int k = 0; k < 3; k++) g_weights[k] += sum_of(found[k + 2], lanes);
  if (g_inputs == nullptr) return;
  for (int k = 0; k < 3; k++)
    for (int64_t lane = 0; lane < lanes; lane++) g_inputs[lane * row + k] += found[k][lane];
}

inline void gather(Axis& sum, Axis j) { sum.x += j.x, sum.y += j.y, sum.z += j.z; }

// One window of one group of samples.
struct Follow {
  const Circuit& c;
  const Window& window;
  const std::vector<Gate>& gates;
  Vector *re, *im;

  const Gate& last(int64_t place) const { return gates[(c.blocks - 1) * c.n + window.wires[place]]; }

  // <(X, Y, Z)> of the wire at a place after the last block.
  Axis read(int64_t place) const {
    Axis r = {Vector{}, Vector{}, all(1)};
    if (c.blocks > 1) r = bloch(re, im, window.size, place);
    for (int k = 0; k < 5; k++) r = turned(r, last(place), k, false);
    return r;
  }

  void values(float* out, int64_t lanes) const {
    for (int64_t i = 0; i < (int64_t)window.wires.size(); i++) {
      if (!window.sees(i, 0)) continue;
      const Vector z = read(i).z;
      for (int64_t lane = 0; lane < lanes; lane++) out[lane * c.n + window.wires[i]] = z[lane];
    }
  }

  // Add J of each gate for the gradient of the values, whose row of the first sample begins at `first`; the values go to
  // `out` where it is not null.
  void gradients(const float* grad, int64_t first, float* out, int64_t lanes, Vector* l_re, Vector* l_im,
                 std::vector<Axis>& j) const {
    const int64_t wires = (int64_t)window.wires.size();
    std::fill(l_re, l_re + window.size, Vector{});
    std::fill(l_im, l_im + window.size, Vector{});
    for (int64_t i = 0; i < wires; i++) {
      if (!window.sees(i, 0)) continue;
      const Vector given = gradient_of(grad, first + window.wires[i], c.n, lanes);
      const Axis r = read(i);
      if (out != nullptr)
        for (int64_t lane = 0; lane < lanes; lane++) out[lane * c.n + window.wires[i]] = r.z[lane];
      gather(j[(c.blocks - 1) * c.n + window.wires[i]], {given * r.y, -given * r.x, Vector{}});
      if (c.blocks == 1) continue;
      Axis axis = {Vector{}, Vector{}, all(1)};
      for (int k = 4; k >= 0; k--) axis = turned(axis, last(i), k, true);
      const Vector x = given * axis.x, y = given * axis.y, z = given * axis.z;
      each_pair(window.size, i, [&](int64_t p, int64_t q) {
        l_re[p] += z * re[p] + x * re[q] + y * im[q];
        l_im[p] += z * im[p] + x * im[q] - y * re[q];
        l_re[q] += x * re[p] - y * im[p] - z * re[q];
        l_im[q] += x * im[p] + y * re[p] - z * im[q];
      });
    }
    for (int64_t b = c.blocks - 2; b >= 0; b--) {
      join(re, im, window);
      join(l_re, l_im, window);
      for (int64_t i = wires - 1; i >= 0; i--) {
        if (!window.sees(i, c.blocks - 1 - b)) continue;
        const int64_t at = b * c.n + window.wires[i];
        gather(j[at], overlap(l_re, l_im, re, im, window.size, i));
        if (b == 0) continue;
        turn(re, im, window.size, i, gates[at], true);
        turn(l_re, l_im, window.size, i, gates[at], true);
      }
    }
  }
};

}  // namespace

extern "C" {

// <Z> [batch, n] of inputs [batch, n_inputs] and weights [blocks, n, 3]. With a `reach` above 0
// wires are joined to their neighbours, in a ring or a line, and the edges are not looked at. Where `states` is not null,
// the states of the register that the last block acts on are kept there, [groups, 2, 2^n, lanes].
int32_t sqnn_register(const float* inputs, const float* weights, const int64_t* edges, float* out, float* states,
                   int64_t batch, int64_t n, int64_t blocks, int64_t n_edges, int64_t reach, int32_t ring,
                   int32_t scaled, int64_t groups, int64_t threads) {
  return share(groups, threads, [=](int64_t first, int64_t last) {
    const Circuit c(weights, n, blocks, scaled);
    const Windows windows(n, blocks, edges, n_edges, reach, ring);
    const int64_t size = windows.largest;
    std::vector<Gate> gates(blocks * n);
    Vectors own(states == nullptr ? 2 * size : 0);
    for (int64_t g = first; g < last; g++) {
      const int64_t lanes = lanes_of(g, batch);
      Vector* re = states == nullptr ? own.data() : (Vector*)states + g * 2 * size;
      Vector* im = re + size;
      make_gates(gates, c, inputs + g * LANES * c.n_inputs(), lanes);
      for (const Window& window : windows.all) {
        prepare(re, im, c, window, gates);
        Follow{c, window, gates, re, im}.values(out + g * LANES * n, lanes);
      }
    }
  });
}

// Gradients of the inputs and of the weights [blocks, n, 3] for that of <Z> [batch, n], which is 1 where `grad` is null,
// and <Z> itself; `states`, `g_inputs` and `out` may be null.
int32_t sqnn_register_backward(const float* grad, const float* inputs, const float* weights, const int64_t* edges,
                            const float* states, float* g_inputs, float* g_weights, float* out, int64_t batch,
                            int64_t n, int64_t blocks, int64_t n_edges, int64_t reach, int32_t ring, int32_t scaled,
                            int64_t groups, int64_t threads) {
  const int64_t count = blocks * n * 3;
  std::vector<double> sums;
  try {
    sums.resize(groups * count);
  } catch (...) {
    return 1;
  }
  const int32_t failed = share(groups, threads, [&](int64_t first, int64_t last) {
    const Circuit c(weights, n, blocks, scaled);
    const Windows windows(n, blocks, edges, n_edges, reach, ring);
    const int64_t size = windows.largest, row = c.n_inputs();
    std::vector<Gate> gates(blocks * n);
    std::vector<Axis> j(blocks * n);
    Vectors own(4 * size);
    Vector *re = own.data(), *im = re + size, *l_re = im + size, *l_im = l_re + size;
    for (int64_t g = first; g < last; g++) {
      const int64_t lanes = lanes_of(g, batch);
      make_gates(gates, c, inputs + g * LANES * row, lanes);
      std::fill(j.begin(), j.end(), Axis{});
      for (const Window& window : windows.all) {
        if (states == nullptr)
          prepare(re, im, c, window, gates);
        else
          std::memcpy((void*)re, (const Vector*)states + g * 2 * size, 2 * size * sizeof(Vector));
        float* values = out == nullptr ? nullptr : out + g * LANES * n;
        Follow{c, window, gates, re, im}.gradients(grad, g * LANES * n, values, lanes, l_re, l_im, j);
      }
      float* to = g_inputs == nullptr ? nullptr : g_inputs + g * LANES * row;
      if (to != nullptr) std::fill(to, to + lanes * row, 0.f);
      for (int64_t b = 0; b < blocks; b++)
        for (int64_t i = 0; i < n; i++)
          add(gates[b * n + i], j[b * n + i], lanes, to == nullptr ? nullptr : to + b * c.own + 3 * i, row,
              sums.data() + g * count + (b * n + i) * 3);
    }
  });
  for (int64_t k = 0; k < count; k++) {
    double total = 0;
    for (int64_t g = 0; g < groups; g++) total += sums[g * count + k];
    g_weights[k] = (float)total;
  }
  return failed;
}

}  // extern "C"
