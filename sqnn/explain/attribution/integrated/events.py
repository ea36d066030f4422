"""Where the spikes of a layer change while its currents go in a straight line from one train to another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

TIE = 1e-12
"""Membranes this close to the threshold count as on it, and positions this close together as one."""


@dataclass(frozen=True, eq=False)
class Events:
    """The changes of the spikes of a layer for the currents I + a D, 0 <= a <= 1, in the order of a.

    Event k happens at `positions[k]`: neuron `neurons[k]` crosses its threshold at step `steps[k]`, and fires as
    `trains[k]` [time] from there on. `slopes[k]` is the derivative of its membrane by a, and `shares[k]` [time] that of
    its membrane by its current of each step. `first` and `last` [time, neurons] are the spikes at a = 0 and 1.
    """

    positions: Tensor
    neurons: Tensor
    steps: Tensor
    slopes: Tensor
    shares: Tensor
    trains: Tensor
    first: Tensor
    last: Tensor

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def groups(self) -> Tensor:
        """The number of the group of each event: those at one position happen at once."""
        apart = self.positions.diff() > TIE
        return torch.cat([apart.new_zeros(min(1, len(self))), apart]).long().cumsum(0)

    def spikes(self, a: float) -> Tensor:
        """Return the spikes [time, neurons] after all events at positions up to a."""
        spikes = self.first.clone()
        for k in range(int((self.positions <= a).sum())):
            spikes[:, self.neurons[k]] = self.trains[k]
        return spikes


@dataclass(frozen=True)
class Dynamics:
    """u_t = beta v_(t-1) + I_t with v_0 = `initial`, a spike where u_t > threshold, and then the reset."""

    threshold: Tensor
    beta: Tensor
    initial: Tensor
    reset: str

    def of(self, neurons: Tensor) -> Dynamics:
        """Return the dynamics of some neurons."""
        return Dynamics(self.threshold[neurons], self.beta[neurons], self.initial[neurons], self.reset)

    def after(self, membrane: Tensor, spikes: Tensor, lost: Tensor | float) -> Tensor:
        """Return a membrane after the reset, where a spike takes `lost` off it."""
        if self.reset == "subtract":
            return membrane - lost * spikes
        return membrane * (1 - spikes) if self.reset == "zero" else membrane

    def run(self, start: Tensor, direction: Tensor, a: Tensor, strict: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Return spikes, p and q [time, neurons] for the currents start + a direction: the membranes are p + a q.

        On the threshold, a neuron fires where its membrane is about to rise, and not at all with `strict`.
        """
        p, q = self.initial, torch.zeros_like(self.initial)
        trains: list[list[Tensor]] = [[], [], []]
        for current, change in zip(start, direction, strict=True):
            p, q = current + self.beta * p, change + self.beta * q
            above = p + a * q - self.threshold
            fires = above > 0
            if not strict:
                fires = torch.where(above.abs() <= TIE * self.threshold, q > TIE * self.threshold, fires)
            spikes = fires.to(p.dtype)
            for train, value in zip(trains, (spikes, p, q), strict=True):
                train.append(value)
            p, q = self.after(p, spikes, self.threshold), self.after(q, spikes, 0.0)
        return torch.stack(trains[0]), torch.stack(trains[1]), torch.stack(trains[2])


def events_between(start: Tensor, end: Tensor, dynamics: Dynamics) -> Events:
    """Return the events for currents on the line from `start` to `end`, both [time, neurons], in float64.

    Between events the spikes of a neuron are fixed, its membranes are p + a q, and the next event is at the smallest
    (threshold - p) / q beyond a: exact, without a grid.
    """
    count = start.shape[1]
    zeros = start.new_zeros(count)
    direction = end - start
    first = dynamics.run(start, direction, zeros, strict=True)[0]
    last = dynamics.run(end, torch.zeros_like(end), zeros, strict=True)[0]
    spikes, active, a = first.clone(), torch.arange(count, device=start.device), zeros.clone()
    found: list[tuple[Tensor, ...]] = []

    def move(neurons: Tensor, positions: Tensor, after: Tensor) -> None:
        """Note the events of neurons whose spikes at a position differ from those before it."""
        changed = (after != spikes[:, neurons]).any(0)
        neurons, positions, after = neurons[changed], positions[changed], after[:, changed]
        step = (after != spikes[:, neurons]).int().argmax(0)
        share = _shares(after, step, dynamics.of(neurons))
        found.append((positions, neurons, step, (share * direction[:, neurons]).sum(0), share.t(), after.t()))
        spikes[:, neurons] = after

    while len(active):
        some = dynamics.of(active)
        after, p, q = some.run(start[:, active], direction[:, active], a[active], strict=False)
        move(active, a[active], after)
        crossing = (some.threshold - p) / q
        comes = torch.where(after > 0, q < 0, q > 0) & (q.abs() > TIE * some.threshold) & (crossing > a[active])
        following = torch.where(comes, crossing, torch.inf).amin(0)
        goes_on = following < 1
        active = active[goes_on]
        a[active] = following[goes_on]
    move(torch.arange(count, device=start.device), zeros + 1, last)
    parts = [torch.cat(part) for part in zip(*found, strict=True)]
    order = parts[0].argsort(stable=True)
    positions, neurons, steps, slopes, shares, trains = (part[order] for part in parts)
    return Events(positions, neurons, steps, slopes, shares, trains, first, last)


def _shares(spikes: Tensor, step: Tensor, dynamics: Dynamics) -> Tensor:
    """Return the derivative of the membrane at `step` [n] by the current of each step, [time, n]."""
    shares = torch.zeros_like(spikes)
    factor = torch.ones_like(dynamics.beta)
    for t in reversed(range(len(spikes))):
        kept = 1 - spikes[t] if dynamics.reset == "zero" else torch.ones_like(factor)
        factor = torch.where(t < step, factor * dynamics.beta * kept, torch.ones_like(factor))
        shares[t] = torch.where(t <= step, factor, 0.0)
    return shares
