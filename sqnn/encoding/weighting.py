"""The linear reading of a spike train: weights times steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def weighted_mean(spikes: Tensor, weights: Sequence[float], total: float) -> Tensor:
    """Return sum_t w_t s_t / total for spikes `[time, batch, *features]`, as `[batch, *features]`.

    One product of a vector and a matrix, in whatever memory format the spikes have, so that nothing of their size is
    made. Where weights and spikes are whole numbers the sum is exact (below 2^24 in float32), and the quotient is the
    only rounding. Half-precision spikes are summed in float32.
    """
    with torch.autocast(spikes.device.type, enabled=False):  # which would round the sums to half precision
        return _weighted_mean(spikes, weights, total)


def _weighted_mean(spikes: Tensor, weights: Sequence[float], total: float) -> Tensor:
    exact = torch.promote_types(spikes.dtype, torch.float32)
    # With dimensions in their order in memory, flattening makes no copy.
    order = sorted(range(1, spikes.ndim), key=spikes.stride, reverse=True)
    rows = spikes.permute(0, *order)
    sums = torch.tensor(weights, dtype=exact, device=spikes.device) @ rows.flatten(1).to(exact)
    # Divided by a tensor: CUDA multiplies by the reciprocal of a Python number, which is not correctly rounded.
    means = sums / torch.tensor(total, dtype=exact, device=spikes.device)
    back = [order.index(dim) for dim in range(1, spikes.ndim)]
    return means.view(rows.shape[1:]).permute(back).to(spikes.dtype)
