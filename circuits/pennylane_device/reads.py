"""Reads of a cone's amplitudes [2^wires, columns]; the columns stay the last dimension."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.pennylane_device.gates import ANY, X, Y, Z
from circuits.pennylane_device.register import leading

_MASK = {"X": X, "Y": Y, "Z": Z, "0": Z, "1": Z}
_QUARTER_TURNS = (1, 1j, -1, -1j)


@dataclass(frozen=True)
class PauliRead:
    """The expectation of a word, one letter per wire: X, Y, Z, or 0 and 1 for the projector onto a bit; [columns]."""

    letters: str

    @property
    def masks(self) -> tuple[int, ...]:
        """What the observable holds on each of its wires."""
        return tuple(_MASK[letter] for letter in self.letters)

    def __call__(self, state: Tensor, wires: tuple[int, ...], n_wires: int) -> Tensor:
        places = {wire: n_wires - 1 - wire for wire in wires}
        rows = torch.arange(1 << n_wires, device=state.device)
        for letter, wire in zip(self.letters, wires, strict=True):
            if letter in "01":
                rows = rows[(rows >> places[wire]) & 1 == int(letter)]
        parity, flipped = torch.zeros_like(rows), 0
        for letter, wire in zip(self.letters, wires, strict=True):
            if letter in "YZ":
                parity ^= (rows >> places[wire]) & 1
            if letter in "XY":
                flipped |= 1 << places[wire]
        signs = (1 - 2 * parity).to(state.real.dtype)
        kept = state if len(rows) == len(state) else state.index_select(0, rows)
        if not flipped:
            return signs @ torch.view_as_real(kept).square().sum(-1)
        # Y = i X Z: with b the bits, P|b> = i^(number of Y) (-1)^(parity of b) |b ^ flipped>.
        other = state.index_select(0, rows ^ flipped)
        overlap = (other.conj() * kept * signs.unsqueeze(-1)).sum(0)
        return (overlap * _QUARTER_TURNS[self.letters.count("Y") % 4]).real


@dataclass(frozen=True)
class ProbabilityRead:
    """The distribution of `n_wires` bits, [2^n_wires, columns]."""

    n_wires: int

    @property
    def masks(self) -> tuple[int, ...]:
        """Bits are functions of Z."""
        return (Z,) * self.n_wires

    def __call__(self, state: Tensor, wires: tuple[int, ...], n_wires: int) -> Tensor:
        weights = torch.view_as_real(leading(state, wires, n_wires)[0]).square().sum(-1)
        return weights.reshape(1 << self.n_wires, 1 << (n_wires - self.n_wires), state.shape[-1]).sum(1)


@dataclass(frozen=True)
class AmplitudeRead:
    """The cone's state, the wires asked for in front; [2^wires of the cone, columns]."""

    n_wires: int

    @property
    def masks(self) -> tuple[int, ...]:
        """A state holds every observable."""
        return (ANY,) * self.n_wires

    def __call__(self, state: Tensor, wires: tuple[int, ...], n_wires: int) -> Tensor:
        return leading(state, wires, n_wires)[0]


Read = PauliRead | ProbabilityRead | AmplitudeRead
