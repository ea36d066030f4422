"""The leaky integrate-and-fire equations, one step and a plain loop: the reference for the fused kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from sqnn.core import Choices, Trains, Values
from sqnn.neurons.surrogates import Surrogate

RESETS: Choices[str] = Choices(
    "reset", {"subtract": "lose one threshold", "zero": "fall to zero", "none": "keep the charge"}
)
"""What a spike makes the membrane do."""
RESET_CODES = {"subtract": 0, "zero": 1, "none": 2}
"""Resets, as compiled kernels take them."""


def add_scaled(x: Tensor, y: Tensor, scale: float | Tensor, sign: int = 1, out: Tensor | None = None) -> Tensor:
    """x + sign * scale * y in one pass, for a number or a broadcastable tensor `scale`."""
    if isinstance(scale, Tensor):
        return torch.addcmul(x, y, scale, value=sign, out=out)
    return torch.add(x, y, alpha=sign * scale, out=out)


def fire_and_reset(
    membrane: Values, *, threshold: float | Tensor, reset: str, surrogate: Surrogate, detach_reset: bool
) -> tuple[Values, Values]:
    """Compare the charged `membrane` with the threshold: `(spikes, membrane after the reset)`."""
    spikes = surrogate.fire(membrane - threshold)
    cause = spikes.detach() if detach_reset else spikes
    if reset == "subtract":
        return spikes, add_scaled(membrane, cause, threshold, -1)
    if reset == "zero":
        return spikes, membrane * (1 - cause)
    return spikes, membrane


def lif_step(
    current: Values,
    v: Values,
    *,
    decay: float | Tensor,
    threshold: float | Tensor,
    reset: str,
    surrogate: Surrogate,
    detach_reset: bool = False,
) -> tuple[Values, Values]:
    """Advance leaky integrate-and-fire neurons by one step: `(spikes, next v)`.

    u = decay v + current; s = 1 if u > threshold else 0; then v = u - threshold s ("subtract"),
    u (1 - s) ("zero") or u ("none"). `detach_reset` stops the gradient through s in the reset alone.

    `current`, `v` and both results are `[batch, *features]`, in the units of the threshold. The reset acts
    within the step, so that what is left above the threshold decays too (snnTorch by default subtracts one
    step later, undecayed: the same for decay 1 and for "zero").
    """
    membrane = add_scaled(current, v, decay)
    return fire_and_reset(membrane, threshold=threshold, reset=reset, surrogate=surrogate, detach_reset=detach_reset)


def lif_sequence(
    currents: Trains,
    *,
    decay: float | Tensor,
    threshold: float | Tensor,
    reset: str,
    surrogate: Surrogate,
    detach_reset: bool = False,
    initial_membrane: float = 0.0,
) -> tuple[Trains, Trains]:
    """Run `lif_step` over time: `(spikes, membranes)`, both `[time, batch, *features]`.

    `membranes` are the charged values that were compared with the threshold, before the reset.
    v starts at `initial_membrane` thresholds. Differentiable any number of times.
    """
    v = torch.full_like(currents[0], initial_membrane) * threshold
    spikes, membranes = [], []
    for current in currents.unbind(0):
        membrane = add_scaled(current, v, decay)
        spike, v = fire_and_reset(
            membrane, threshold=threshold, reset=reset, surrogate=surrogate, detach_reset=detach_reset
        )
        spikes.append(spike)
        membranes.append(membrane)
    return torch.stack(spikes), torch.stack(membranes)
