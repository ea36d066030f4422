"""Tiny neurons that are called as those of each spiking library are, and that keep their state as those do.

All integrate without leak, fire above 1 and lose 1. Their classes say that they are of the library, which is how a
library is recognised: none needs to be installed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sqnn.neurons import make_surrogate

SURROGATE = make_surrogate("fast_sigmoid", 4.0)


def step(current: Tensor, membrane: Tensor | float) -> tuple[Tensor, Tensor]:
    charged = membrane + current
    spikes = SURROGATE.fire(charged - 1)
    return spikes, charged - spikes


def run(currents: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes and membranes [time, batch, features]: what every neuron here gives for these currents."""
    membrane: Tensor | float = 0.0
    steps = []
    for current in currents:
        spikes, membrane = step(current, membrane)
        steps.append((spikes, membrane))
    spikes, membranes = zip(*steps, strict=True)
    return torch.stack(spikes), torch.stack(membranes)


class Kept(nn.Module):
    """A neuron whose membrane outlives a call, and a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.membrane: Tensor | float = 0.0

    def advance(self, current: Tensor) -> tuple[Tensor, Tensor]:
        spikes, self.membrane = step(current, self.membrane)
        return spikes, self.membrane

    def forget(self) -> None:
        self.membrane = 0.0


class Leaky(Kept):
    """snnTorch: one step per call, (spikes, membrane) where `output` says so."""

    __module__ = "snntorch.stand_in"

    def __init__(self, output: bool = False) -> None:
        super().__init__()
        self.output = output

    def forward(self, current: Tensor) -> Any:
        spikes, membrane = self.advance(current)
        return (spikes, membrane) if self.output else spikes

    def reset_mem(self) -> None:
        self.forget()


class IFNode(Kept):
    """SpikingJelly: one step per call in mode s, all steps in mode m."""

    __module__ = "spikingjelly.activation_based.stand_in"

    def __init__(self, step_mode: str = "s") -> None:
        super().__init__()
        self.step_mode = step_mode

    def forward(self, currents: Tensor) -> Tensor:
        if self.step_mode == "s":
            return self.advance(currents)[0]
        return torch.stack([self.advance(current)[0] for current in currents])

    def reset(self) -> None:
        self.forget()


class LIFCell(nn.Module):
    """Norse: (spikes, state) of (current, state)."""

    __module__ = "norse.torch.stand_in"

    def forward(self, current: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return step(current, 0.0 if state is None else state)


class SNN(nn.Module):
    """Norse: the base of modules that take all steps at once."""

    __module__ = "norse.torch.stand_in"

    def forward(self, currents: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        spikes, membranes = run(currents)
        return spikes, membranes[-1]


class SequentialState(nn.Sequential):
    """Norse: states of its parts as one list."""

    __module__ = "norse.torch.stand_in"

    def forward(self, values: Tensor, state: list[Any] | None = None) -> tuple[Tensor, list[Any]]:
        state = [None] * len(self) if state is None else state
        for number, part in enumerate(self):
            if isinstance(part, LIFCell | SNN):
                values, state[number] = part(values, state[number])
            else:
                values = part(values)
        return values, state


class IAFSqueeze(Kept):
    """sinabs: all steps of all images as one dimension, the steps of one image in a row."""

    __module__ = "sinabs.stand_in"

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size, self.num_timesteps = batch_size, -1

    def forward(self, rows: Tensor) -> Tensor:
        steps = rows.unflatten(0, (self.batch_size, self.num_timesteps)).transpose(0, 1)
        return torch.stack([self.advance(current)[0] for current in steps]).transpose(0, 1).flatten(0, 1)

    def reset_states(self) -> None:
        self.forget()
