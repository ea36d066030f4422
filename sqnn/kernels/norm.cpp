// Batch norms of packed maps: the few numbers per channel by which they act, forward and backward.
#include <cmath>
#include <cstdint>

#include "vectors.h"

using namespace sqnn;

extern "C" int32_t sqnn_spread(const float* y, const float* mean, double* sums, int64_t time, int64_t batch,
                               int64_t channels, int64_t area, int64_t groups, int64_t threads);

namespace {

// The sum over groups of number `at` of `size` each.
double over_groups(const double* sums, int64_t at, int64_t size, int64_t groups) {
  double sum = 0;
  for (int64_t g = 0; g < groups; g++) sum += sums[g * size + at];
  return sum;
}

// As PyTorch's lerp, in single precision.
void follow(float& running, float now, float share) {
  running = share < 0.5f ? running + share * (now - running) : now - (now - running) * (1 - share);
}

}  // namespace

extern "C" {

// Scale and shift [2, channels] by which a norm acts on maps y, and mean, 1 / sqrt(variance + eps) and scale
// [3, channels]. In training mean and variance are those of the maps, and the running ones and `tracked` follow; else
// they are the running ones. `sums` are those of y over the images of each group, [groups, channels], and are overwritten.
int32_t sqnn_norm(const float* y, double* sums, const float* gamma, const float* beta, float* running_mean,
                  float* running_variance, int64_t* tracked, double* statistics, float* affine, int64_t time,
                  int64_t batch, int64_t channels, int64_t area, double eps, double momentum, int32_t training,
                  int64_t groups, int64_t threads) {
  double *mean = statistics, *inverse = mean + channels, *scale = inverse + channels;
  const double count = (double)time * batch * area;
  if (training) {
    for (int64_t c = 0; c < channels; c++) {
      mean[c] = over_groups(sums, c, channels, groups) / count;
      affine[c] = (float)mean[c];
    }
    if (sqnn_spread(y, affine, sums, time, batch, channels, area, groups, threads)) return 1;
    tracked[0]++;
  }
  for (int64_t c = 0; c < channels; c++) {
    double variance = running_variance[c];
    if (training) {
      variance = over_groups(sums, c, channels, groups) / count;
      follow(running_mean[c], (float)mean[c], (float)momentum);
      follow(running_variance[c], (float)(variance * (count / std::max(count - 1, 1.))), (float)momentum);
    } else {
      mean[c] = running_mean[c];
    }
    inverse[c] = 1 / std::sqrt(variance + eps);
    scale[c] = gamma[c] * inverse[c];
    affine[c] = (float)scale[c];
    affine[channels + c] = (float)(beta[c] - scale[c] * mean[c]);
  }
  return 0;
}

// The factors of dy by dz, y and 1, [3, channels], and the gradients of scale and shift of a norm. With z = scale y +
// shift, n = `count` numbers per channel and the sums of dz and dz y [groups, 2, channels]:
// dy = scale (dz - mean(dz) - (y - mean) inverse mean(dz (y - mean) inverse)).
int32_t sqnn_norm_backward(const double* sums, const double* statistics, float* factors, float* g_gamma, float* g_beta,
                           int64_t channels, int64_t count, int64_t groups, int64_t threads) {
  const double *mean = statistics, *inverse = mean + channels, *scale = inverse + channels;
  for (int64_t c = 0; c < channels; c++) {
    const double beta = over_groups(sums, c, 2 * channels, groups);
    const double gamma = (over_groups(sums, channels + c, 2 * channels, groups) - mean[c] * beta) * inverse[c];
    const double slope = -scale[c] * inverse[c] * gamma / count;
    factors[c] = (float)scale[c];
    factors[channels + c] = (float)slope;
    factors[2 * channels + c] = (float)(-scale[c] * beta / count - slope * mean[c]);
    g_gamma[c] = (float)gamma;
    g_beta[c] = (float)beta;
  }
  return 0;
}

// The sum of `size` numbers of each group.
int32_t sqnn_add_groups(const float* parts, float* total, int64_t size, int64_t groups, int64_t threads) {
  std::copy(parts, parts + size, total);
  for (int64_t g = 1; g < groups; g++)
    for (int64_t k = 0; k < size; k++) total[k] += parts[g * size + k];
  return 0;
}

}  // extern "C"
