"""Competitive STDP: one winner at a time, whose weights move towards the mean trace of its inputs.

Weights stay fixed within a window of all steps and all images, so that a window needs three products: currents of the
inputs, sums of the traces at the winners' spikes, and counts. The order of the images in a batch is of no account.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqnn.core import Choices, Trains
from sqnn.plasticity.checks import rate_of

COMPETITIVE_RULES: Choices[str] = Choices(
    "rule",
    {
        "stdp": "every spike draws its neuron to its inputs; labels are only counted",
        "r-stdp": "neurons have classes, and learn from a teacher, then from wrong decisions",
    },
)
"""How competing neurons learn (`snn-wta`)."""


def winners_of(
    currents: Trains, thresholds: Tensor, decay: float, allowed: Tensor | None = None, most: int = 1
) -> tuple[Tensor, Tensor]:
    """Return who is nearest to firing at each step, and whether it fires: [time, batch, most], numbers and truths.

    v_j <- decay v_j + I_j(t) for `currents` [time, batch, neurons]; of the `most` neurons with the largest
    v_j - thresholds_j those fire where that is above 0, and then all v of their image fall to 0 (lateral inhibition).
    Only neurons that are `allowed` [batch, neurons] take part, if that is given.
    """
    v = torch.zeros_like(currents[0])
    barred = None if allowed is None else ~allowed
    winners, fired = [], []
    for current in currents.unbind(0):
        v = v.mul_(decay).add_(current)
        excess = v - thresholds
        if barred is not None:
            excess.masked_fill_(barred, -torch.inf)
        largest, winner = excess.max(-1, keepdim=True) if most == 1 else excess.topk(most)
        fires = largest > 0
        v.mul_(~fires[:, :1])
        winners.append(winner)
        fired.append(fires)
    return torch.stack(winners), torch.stack(fired)


class Competition(nn.Module):
    """`winners_of` as a part of a network, which a recording of it finds; it has neither weights nor state."""

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay

    def forward(
        self, currents: Tensor, thresholds: Tensor, allowed: Tensor | None = None, most: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Return who is nearest to firing at each step, and whether it fires."""
        return winners_of(currents, thresholds, self.decay, allowed, most)

    def extra_repr(self) -> str:
        return f"decay={self.decay}"


def trace_sums(trains: Trains, winners: Tensor, fired: Tensor, decay: float, neurons: int) -> tuple[Tensor, Tensor]:
    """Return, for each neuron, the sum of the traces of its inputs at its spikes, and how many spikes there were.

    x_i(t) = decay x_i(t-1) + s_i(t) for `trains` s [time, batch, features]: dt = 0 counts. `winners` and `fired` are
    those of `winners_of`; the sums are y^T x, the product of the neurons' spikes y and the traces, [neurons, features].
    """
    traces = torch.empty_like(trains)
    trace = torch.zeros_like(trains[0])
    for t, spikes in enumerate(trains.unbind(0)):
        trace = torch.add(spikes, trace, alpha=decay, out=traces[t])
    step, image, _ = fired.nonzero(as_tuple=True)
    chosen = winners[fired]
    sums = trains.new_zeros(neurons, trains.shape[-1]).index_add_(0, chosen, traces[step, image])
    return sums, torch.bincount(chosen, minlength=neurons).to(trains.dtype)


def unit_rows(weights: Tensor) -> Tensor:
    """Return the rows scaled to Euclidean norm 1; a row of zeros stays one."""
    norms = torch.linalg.vector_norm(weights, dim=-1, keepdim=True)
    return weights / norms.where(norms > 0, torch.ones_like(norms))


def moved(weights: Tensor, sums: Tensor, counts: Tensor, rate: float) -> Tensor:
    """Return the step (1 - (1 - rate)^n_j) (x_j - w_j) towards the mean trace x_j, scaled to norm 1, of n_j spikes.

    It is what n_j steps of that rate make together; a neuron that was silent stays where it is. `weights` and `sums`
    are [neurons, features], `counts` [neurons].
    """
    share = 1 - (1 - rate_of("rate", rate, 1)) ** counts
    return share[:, None] * (unit_rows(sums) - weights)


def balanced(counts: Tensor, groups: Tensor | None = None) -> Tensor:
    """Return how far each neuron's mean count is above that of all, or of its group: zero-mean homeostasis.

    `counts` are [batch, neurons], `groups` the number of the group of each neuron. The differences add up to 0 within
    each group, so that thresholds that follow them never drift together.
    """
    means = counts.mean(0)
    if groups is None:
        return means - means.mean()
    sizes = torch.bincount(groups).to(means.dtype)
    sums = torch.zeros_like(sizes).index_add_(0, groups, means)
    return means - (sums / sizes)[groups]
