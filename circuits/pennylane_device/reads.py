"""Reads of a cone's amplitudes [2^wires, columns]; the columns stay the last dimension."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.pennylane_device.gates import ANY, X, Y, Z
from circuits.pennylane_device.register import bits

_MASK = {"X": X, "Y": Y, "Z": Z}
_QUARTER_TURNS = (1, 1j, -1, -1j)


@dataclass(frozen=True)
class PauliRead:
    """The expectation of a Pauli word, one letter of X, Y, Z per wire; [columns]."""

    letters: str

    @property
    def masks(self) -> tuple[int, ...]:
        """What the observable holds on each of its wires."""
        return tuple(_MASK[letter] for letter in self.letters)

    def __call__(self, state: Tensor, wires: tuple[int, ...], n_wires: int) -> Tensor:
        parity = torch.zeros(1 << n_wires, dtype=torch.int64, device=state.device)
        flipped = 0
        for letter, wire in zip(self.letters, wires, strict=True):
            if letter != "X":
                parity ^= bits(n_wires, wire, state.device)
            if letter != "Z":
                flipped |= 1 << (n_wires - 1 - wire)
        signs = (1 - 2 * parity).to(state.real.dtype)
        if not flipped:
            return signs @ torch.view_as_real(state).square().sum(-1)
        # Y = i X Z: with b the bits, P|b> = i^(number of Y) (-1)^(parity of b) |b ^ flipped>.
        other = state.index_select(0, torch.arange(1 << n_wires, device=state.device) ^ flipped)
        overlap = (other.conj() * state * signs.unsqueeze(-1)).sum(0)
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
        weights = torch.view_as_real(_leading(state, wires, n_wires)).square().sum(-1)
        return weights.reshape(1 << self.n_wires, -1, state.shape[-1]).sum(1)


@dataclass(frozen=True)
class AmplitudeRead:
    """The cone's state, the wires asked for in front; [2^wires of the cone, columns]."""

    n_wires: int

    @property
    def masks(self) -> tuple[int, ...]:
        """A state holds every observable."""
        return (ANY,) * self.n_wires

    def __call__(self, state: Tensor, wires: tuple[int, ...], n_wires: int) -> Tensor:
        return _leading(state, wires, n_wires)


Read = PauliRead | ProbabilityRead | AmplitudeRead


def _leading(state: Tensor, wires: tuple[int, ...], n_wires: int) -> Tensor:
    """Return the state with `wires` as the leading bits."""
    order = [*wires, *(k for k in range(n_wires) if k not in wires)]
    if order == sorted(order):
        return state
    return state.reshape([2] * n_wires + [-1]).permute(*order, n_wires).reshape(state.shape)
