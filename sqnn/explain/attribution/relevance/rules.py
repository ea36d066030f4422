"""Rules of relevance: how a neuron, or a weighted sum, divides what arrives among what it was made of.

Whatever arrives at x is written R = g x, g its multiplier; a rule says which multipliers the summands of x have. Write
s_t for a spike, u_t for the membrane that was compared with the threshold h, I_t for the current, d for the decay, v_0
for the initial membrane, and R_t for what arrives at s_t. A neuron that fired has u_t > h > 0, so that nothing is
divided by zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sqnn.core import Choices
from sqnn.neurons import LIF


@dataclass(frozen=True)
class RelevanceRule:
    """One rule: whether resets hand on relevance, and whether only summands of the sum's own sign do, biases never."""

    title: str
    resets: bool
    own_sign: bool


RULES: Choices[RelevanceRule] = Choices(
    "rule",
    {
        "z+": RelevanceRule("shares of the positive currents, biases have none", resets=False, own_sign=True),
        "signed": RelevanceRule(
            "shares of the membrane; a reset takes its share from the earlier spike", True, own_sign=False
        ),
        "drive": RelevanceRule(
            "shares of the leaky sum of all currents; resets have none", resets=False, own_sign=False
        ),
    },
)
"""What relevance is divided by.

- `signed`: u_t = I_t + d (u_(t-1) - h s_(t-1)) term by term (LRP-0). It equals input times gradient where every spike
  has the slope s_t / u_t in place of the surrogate's.
- `drive`: D_t = I_t + d D_(t-1), D_0 = v_0, the membrane without its resets.
- `z+`: the same sum of the positive parts of all products of weights and spikes, and of v_0 where it is positive.

Source: Bach et al., PLoS ONE 10 (2015), for LRP-0; Montavon et al., Pattern Recognition 65 (2017), for z+.
"""


@dataclass(frozen=True)
class Shares:
    """What neurons make of what arrives: `multipliers` [time, batch, ...] of the currents, or of their positive parts.

    `initial`, `stabiliser` and `lost` [batch, ...] are relevance of the initial membrane, what a stabiliser kept back,
    and what arrived where there was nothing to hand it on to.
    """

    multipliers: Tensor
    initial: Tensor
    stabiliser: Tensor
    lost: Tensor


@dataclass(frozen=True)
class Trains:
    """What a layer of neurons did, [time, batch, ...]; `positive` are the positive parts of the currents."""

    spikes: Tensor
    membranes: Tensor
    currents: Tensor
    positive: Tensor | None = None


Feedback = Callable[[Tensor], Tensor]
"""From the multipliers of the currents of one step to those of the spikes that were fed back into it."""


def neuron_shares(
    rule: RelevanceRule,
    neuron: LIF,
    trains: Trains,
    arriving: Tensor,
    at_membranes: Tensor | None = None,
    feedback: Feedback | None = None,
    epsilon: float = 0.0,
) -> Shares:
    """Divide the relevance `arriving` at spikes [time, batch, ...] among currents and the initial membrane.

    `at_membranes` are multipliers of the membranes, where these are read themselves: under `signed` and `drive` all
    their summands have shares, resets too. `feedback` is given where spikes are fed back one step later. `epsilon` is
    added to every denominator.
    """
    decay, threshold = (_column(value, trains.currents) for value in (neuron.beta, neuron.threshold))
    start = torch.full_like(trains.currents[0], neuron.initial_membrane) * threshold
    if rule.own_sign:
        start = start.clamp(min=0)
    sums = (
        trains.membranes if rule.resets else _leaky(trains.positive if rule.own_sign else trains.currents, start, decay)
    )
    drawn = arriving
    if rule.own_sign and at_membranes is not None:
        drawn, at_membranes = arriving + at_membranes * trains.membranes, None
    nothing = torch.zeros_like(start)
    stabiliser, lost = nothing.clone(), nothing.clone()
    # Multipliers of the membrane before a step, owed to spikes and to membranes that are read.
    by_spikes, by_membranes = nothing, nothing
    multipliers = torch.empty_like(trains.currents)
    for t in reversed(range(len(trains.currents))):
        spikes, due = trains.spikes[t], drawn[t]
        if feedback is not None and t + 1 < len(multipliers):
            due = due + feedback(multipliers[t + 1]) * spikes
        resetting = by_spikes + by_membranes if rule.resets else by_membranes
        if neuron.reset == "subtract":
            due = due - threshold * resetting * spikes
        elif neuron.reset == "zero":
            by_membranes = by_membranes * (1 - spikes)
            by_spikes = by_spikes * (1 - spikes) if rule.resets else by_spikes
        alive = sums[t] > 0
        divided = torch.where(alive, due / torch.where(alive, sums[t] + epsilon, 1), 0)
        lost += torch.where(alive, 0, due)
        stabiliser += divided * epsilon
        by_spikes = divided + by_spikes
        by_membranes = by_membranes if at_membranes is None else at_membranes[t] + by_membranes
        multipliers[t] = by_spikes + by_membranes
        by_spikes, by_membranes = decay * by_spikes, decay * by_membranes
    return Shares(multipliers, (by_spikes + by_membranes) * start, stabiliser, lost)


def activation_shares(rule: RelevanceRule, sums: Tensor, arriving: Tensor, epsilon: float = 0.0) -> Shares:
    """Divide what arrives at the outputs of activations without time among the sums they acted on, or positive parts.

    An output above zero has a sum above zero. All tensors are [1, batch, ...].
    """
    alive = sums > 0
    divided = torch.where(alive, arriving / torch.where(alive, sums + epsilon, 1), 0)
    lost = torch.where(alive, 0, arriving)
    return Shares(divided, torch.zeros_like(sums[0]), (divided * epsilon)[0], lost[0])


def _leaky(currents: Tensor | None, start: Tensor, decay: float | Tensor) -> Tensor:
    if currents is None:
        raise ValueError("positive: got None, expected the positive parts of the currents for a rule of them")
    sums, value = torch.empty_like(currents), start
    for t, current in enumerate(currents):
        value = decay * value + current
        sums[t] = value
    return sums


def _column(value: float | Tensor, currents: Tensor) -> float | Tensor:
    """Return a number, or one for each channel in a shape that lines up with a step [batch, channels, ...]."""
    if not isinstance(value, Tensor) or value.ndim == 0:
        return value
    return value.to(currents.dtype).view(-1, *(1 for _ in currents.shape[3:]))
