"""Simulation of a program on many registers, columns of amplitudes [2^wires, columns]; wire 0 is the leading bit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from circuits.pennylane_device.bank import Bank
from circuits.pennylane_device.gates import diagonal_exponent
from circuits.pennylane_device.program import ConeProgram, Diagonal


def bits(n_wires: int, wire: int, device: torch.device) -> Tensor:
    """Return the bit of `wire` in each basis state, [2^n_wires]."""
    return (torch.arange(1 << n_wires, device=device) >> (n_wires - 1 - wire)) & 1


def run_program(program: ConeProgram, slots: Sequence[Sequence[int]], bank: Bank) -> Tensor:
    """Return amplitudes [2^n_wires, cones * batch]; `slots[k]` are the nodes of cone k in the program's order."""
    columns = len(slots) * bank.batch
    by_place = [list(nodes) for nodes in zip(*slots, strict=True)]
    place = 0
    state: Tensor | None = None
    for layer in program.layers:
        gates = {wire: bank.matrices(by_place[place + k]) for k, wire in enumerate(layer.runs)}
        place += len(layer.runs)
        if state is None:
            # The first layer acts on |0...0>, so it only sets a product state.
            state = _product_state(program.n_wires, gates, columns, bank)
        else:
            for wire, gate in gates.items():
                state = apply_one_qubit(state, wire, gate)
        if layer.diagonals:
            state = _apply_diagonals(state, program.n_wires, layer.diagonals, by_place[place:], bank)
            place += len(layer.diagonals)
    return _product_state(program.n_wires, {}, columns, bank) if state is None else state


def _product_state(n_wires: int, gates: dict[int, Tensor], columns: int, bank: Bank) -> Tensor:
    rest = torch.tensor([[1.0], [0.0]], dtype=bank.precision.complex, device=bank.precision.device)
    state = torch.ones(1, columns, dtype=bank.precision.complex, device=bank.precision.device)
    for wire in range(n_wires):
        qubit = gates[wire][:, 0] if wire in gates else rest
        state = (state.unsqueeze(1) * qubit).reshape(-1, columns)
    return state


def apply_one_qubit(state: Tensor, wire: int, gate: Tensor) -> Tensor:
    """Apply entries [2, 2, columns] to one wire of [2^wires, columns]."""
    zero, one = state.reshape(1 << wire, 2, -1, state.shape[-1]).unbind(1)
    (a, b), (c, d) = gate.unbind(0)
    return torch.stack([a * zero + b * one, c * zero + d * one], dim=1).reshape(state.shape)


def _apply_diagonals(
    state: Tensor, n_wires: int, diagonals: Sequence[Diagonal], by_place: Sequence[list[int]], bank: Bank
) -> Tensor:
    exponents, angles = [], []
    parity = torch.zeros(1 << n_wires, dtype=torch.int64, device=state.device)
    for (name, one, two), nodes in zip(diagonals, by_place, strict=False):
        first, second = bits(n_wires, one, state.device), bits(n_wires, two, state.device)
        if name == "CZ":
            parity ^= first & second
        else:
            exponents.append(diagonal_exponent(name, first, second).to(bank.precision.real))
            angles.append(bank.angles(nodes))
    signs = (1 - 2 * parity).to(bank.precision.real).unsqueeze(-1)
    if not exponents:
        return state * signs
    total = torch.stack(exponents, dim=1) @ torch.stack(angles)
    return state * torch.complex(signs * torch.cos(total), signs * torch.sin(total))
