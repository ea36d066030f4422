"""Homeostasis: thresholds that follow firing rates, scaling of weights, and decay of the weights of active neurons."""

from __future__ import annotations

import torch
from torch import Tensor

from sqnn.core import require
from sqnn.plasticity.checks import finite_tensor, rate_of


@torch.no_grad()
def firing_rates(post: Tensor, *, per_channel: bool = False) -> Tensor:
    """Return the spikes per step of each neuron, a mean over time and batch: `[time, batch, ...]` to `[...]`.

    `per_channel` takes the mean over the positions of `[time, batch, channels, ...]` too, giving `[channels]`.
    """
    post = finite_tensor("post", post)
    require(post.ndim >= 3, "post", list(post.shape), "shape [time, batch, ...]")
    rates = post.to(torch.promote_types(post.dtype, torch.float32)).mean((0, 1))
    return rates.flatten(1).mean(1) if per_channel and rates.ndim > 1 else rates


@torch.no_grad()
def heterosynaptic_decay(weight: Tensor, rates: Tensor, rate: float) -> Tensor:
    """Return dw_j = -rate r_j w_j: weights of a neuron shrink as it fires, `weight` `[out, ...]`, `rates` `[out]`."""
    return _each(rates, weight) * weight * -rate_of("rate", rate)


@torch.no_grad()
def synaptic_scaling(weight: Tensor, rates: Tensor, rate: float, target: float) -> Tensor:
    """Return dw_j = rate (target - r_j) w_j: weights of quiet neurons grow in proportion, those of busy ones shrink.

    `weight` is `[out, ...]`, `rates` are `[out]`; these and `target` are spikes per step.

    Source: Turrigiano et al., Nature 391 (1998).
    """
    return _each(rate_of("target", target) - rates, weight) * weight * rate_of("rate", rate)


@torch.no_grad()
def adapted_thresholds(thresholds: Tensor, rates: Tensor, rate: float, target: float | None = None) -> Tensor:
    """Return theta_j + rate (r_j - target), of the shape of `thresholds` and `rates`.

    Without a target each rate is compared with the mean of all, so that the thresholds' mean stays what it was: neurons
    compete, and do not fall silent together.
    """
    require(thresholds.shape == rates.shape, "rates", list(rates.shape), f"shape {list(thresholds.shape)}")
    wanted = rates.mean() if target is None else rate_of("target", target)
    return thresholds + rate_of("rate", rate) * (rates - wanted)


def _each(rates: Tensor, weight: Tensor) -> Tensor:
    """Return one number per output, lined up with the weight."""
    fits = rates.ndim == 1 and weight.ndim >= 1 and len(rates) == len(weight)
    require(fits, "rates", list(rates.shape), f"shape {list(weight.shape[:1])}, one per output of the weight")
    return rates.view(-1, *(1 for _ in weight.shape[1:]))
