"""Simulation of a program on many registers, columns of amplitudes [2^wires, columns]; wire 0 is the leading bit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from circuits.pennylane_device.bank import Bank
from circuits.pennylane_device.gates import diagonal_exponent
from circuits.pennylane_device.program import BlockShape, ConeProgram, Diagonal


def bits(n_wires: int, wire: int, device: torch.device) -> Tensor:
    """Return the bit of `wire` in each basis state, [2^n_wires]."""
    return (torch.arange(1 << n_wires, device=device) >> (n_wires - 1 - wire)) & 1


def run_program(program: ConeProgram, slots: Sequence[Sequence[int]], bank: Bank) -> Tensor:
    """Return amplitudes [2^n_wires, cones * batch]; `slots[k]` are the nodes of cone k in the program's order."""
    columns = len(slots) * bank.batch
    by_place = [list(nodes) for nodes in zip(*slots, strict=True)]
    place = len(program.states)
    prepared = {wires: bank.states(by_place[k]) for k, wires in enumerate(program.states)}
    state: Tensor | None = None
    for layer in program.layers:
        gates = {wire: bank.matrices(by_place[place + k]) for k, wire in enumerate(layer.runs)}
        place += len(layer.runs)
        if state is None:
            # On a wire in |0>, the first layer only sets a factor of a product state.
            state = _product_state(program.n_wires, prepared, gates, columns, bank)
            gates = {wire: gates[wire] for wires in prepared for wire in wires if wire in gates}
        for wire, gate in gates.items():
            state = apply_one_qubit(state, wire, gate)
        if layer.diagonals:
            state = _apply_diagonals(state, program.n_wires, layer.diagonals, by_place[place:], bank)
            place += len(layer.diagonals)
        for k, block in enumerate(layer.blocks):
            state = _apply_block(state, program.n_wires, block, bank.blocks(by_place[place + k]))
        place += len(layer.blocks)
    return _product_state(program.n_wires, prepared, {}, columns, bank) if state is None else state


def _product_state(
    n_wires: int, prepared: dict[tuple[int, ...], Tensor], gates: dict[int, Tensor], columns: int, bank: Bank
) -> Tensor:
    """Return prepared states times |0>, or what a gate makes of it, on all other wires."""
    rest = torch.tensor([[1.0], [0.0]], dtype=bank.precision.complex, device=bank.precision.device)
    state = torch.ones(1, columns, dtype=bank.precision.complex, device=bank.precision.device)
    factors = dict(prepared)
    taken = {wire for wires in prepared for wire in wires}
    for wire in range(n_wires):
        if wire not in taken:
            factors[(wire,)] = gates[wire][:, 0] if wire in gates else rest
    for factor in factors.values():
        state = (state.unsqueeze(1) * factor).reshape(len(state) * len(factor), columns)
    return _in_order(state, [wire for wires in factors for wire in wires])


def _in_order(state: Tensor, wires: list[int]) -> Tensor:
    """Return the state with the leading bits `wires` put back in their places."""
    if wires == sorted(wires):
        return state
    places = sorted(range(len(wires)), key=wires.__getitem__)
    by_bit = state.reshape([2] * len(wires) + [state.shape[-1]])
    return by_bit.permute(*places, len(wires)).reshape(state.shape)


def apply_one_qubit(state: Tensor, wire: int, gate: Tensor) -> Tensor:
    """Apply entries [2, 2, columns] to one wire of [2^wires, columns]."""
    zero, one = state.reshape(1 << wire, 2, len(state) >> (wire + 1), state.shape[-1]).unbind(1)
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


def leading(state: Tensor, wires: Sequence[int], n_wires: int) -> tuple[Tensor, list[int]]:
    """Return the state with `wires` as the leading bits, and the wires in their new order."""
    order = [*wires, *(k for k in range(n_wires) if k not in wires)]
    if order == sorted(order):
        return state, order
    return state.reshape([2] * n_wires + [state.shape[-1]]).permute(*order, n_wires).reshape(state.shape), order


def _apply_block(state: Tensor, n_wires: int, block: BlockShape, matrix: Tensor) -> Tensor:
    """Apply entries [size, size, columns or 1] where the controls, first of the block's wires, have their values."""
    values, wires = block
    turned, order = leading(state, wires, n_wires)
    size, columns = len(matrix), state.shape[-1]
    by_control = turned.reshape(1 << len(values), size, len(state) >> len(wires), columns)
    chosen = sum(value << k for k, value in enumerate(reversed(values)))
    before = by_control[chosen]
    if matrix.shape[-1] == 1 and columns != 1:
        after = (matrix[..., 0] @ before.flatten(1)).reshape(before.shape)
    else:
        after = torch.einsum("ijc,jrc->irc", matrix, before)
    if values:
        after = torch.cat([by_control[:chosen], after.unsqueeze(0), by_control[chosen + 1 :]])
    return _in_order(after.reshape(state.shape), order)
