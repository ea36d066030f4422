"""Traces of spikes, low-pass filtered forwards and backwards in time."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sqnn.core import Choices, number_of, require

TRACES: Choices[str] = Choices(
    "trace",
    {
        "exponential": "decay exp(-1/tau) per step, exact in continuous time (Brian2, BindsNET)",
        "euler": "decay 1 - 1/tau per step, one step of Euler (SpikingJelly, snnTorch)",
    },
)
"""How a time constant in steps becomes a decay per step."""


def decay_of(tau: float, trace: str = "exponential", name: str = "tau") -> float:
    """Return the share of a trace that stays after one step: exp(-1/tau), or 1 - 1/tau for `trace` "euler".

    `tau` is in time steps; errors call it `name`. Raises ConfigError unless tau is above 0, at least 1 for "euler".
    """
    tau = number_of(name, tau)
    TRACES.pick(trace)
    if trace == "exponential":
        require(0 < tau < math.inf, name, tau, "a finite number of steps above 0")
        return math.exp(-1 / tau)
    require(1 <= tau < math.inf, name, tau, "at least 1 step where trace is 'euler'; 'exponential' takes any")
    return 1 - 1 / tau


@torch.no_grad()
def forward_trace(spikes: Tensor, decay: float, *, included: bool = True, nearest: bool = False) -> Tensor:
    """Trace of the spikes up to each step, `[time, ...]` like `spikes`.

    x(t) = decay x(t-1) + s(t); with `nearest` it is decay x(t-1) (1 - s(t)) + s(t), so that only the latest spike
    is remembered. Without `included` it is the trace before this step, decay x(t-1). Spikes of any type give a trace in
    float32, or in float64.
    """
    return _traced(spikes, decay, included, nearest, False)


@torch.no_grad()
def adjoint_trace(signal: Tensor, decay: float, *, included: bool = True) -> Tensor:
    """Trace of the signal from each step on, backwards in time: the transpose of the all-to-all `forward_trace`.

    y(t) = signal(t) + decay y(t+1), or without `included` only decay y(t+1), so that for any spikes
    sum_t signal(t) forward_trace(spikes)(t) = sum_t adjoint_trace(signal)(t) spikes(t). `[time, ...]` like `signal`.
    """
    return _traced(signal, decay, included, False, True)


def _traced(spikes: Tensor, decay: float, included: bool, nearest: bool, backwards: bool) -> Tensor:
    spikes = spikes.to(torch.promote_types(spikes.dtype, torch.float32))
    out = torch.empty_like(spikes)
    state = torch.zeros_like(spikes[0])
    steps = list(zip(spikes.unbind(0), out.unbind(0), strict=True))
    for spike, here in reversed(steps) if backwards else steps:
        if not included:
            torch.mul(state, decay, out=here)
        if nearest:
            state = torch.addcmul(state, state, spike, value=-1)
        state = torch.add(spike, state, alpha=decay, out=here if included else state)
    return out
