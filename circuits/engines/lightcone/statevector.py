"""Fused batched amplitudes: one 2x2 matrix per wire and block, one sign vector per CZ layer.

A register of w wires is a complex tensor [2^w, columns]: wire 0 is the most significant bit, and the innermost
dimension runs over independent columns (samples, or samples times windows), so every operation works on long
contiguous rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from circuits.engines.transforms import transformed
from circuits.entanglers import Edge
from circuits.rotations import Spinor


class _ApplyGate(torch.autograd.Function):
    """Apply [[a, -b*], [b, a*]] to one wire; the backward pass applies its adjoint, and can be differentiated."""

    @staticmethod
    def forward(ctx, state: Tensor, a: Tensor, b: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(state, a, b)
        out = torch.empty_like(state)
        zero, one = state[:, 0], state[:, 1]
        torch.mul(zero, a, out=out[:, 0]).addcmul_(one, b.conj(), value=-1)
        torch.mul(zero, b, out=out[:, 1]).addcmul_(one, a.conj())
        return out

    @staticmethod
    def backward(ctx, grad: Tensor):  # type: ignore[no-untyped-def,override]
        state, a, b = ctx.saved_tensors
        grad_state = _ApplyGate.apply(grad, a.conj(), -b)
        (s0, s1), (g0, g1) = state.unbind(1), grad.unbind(1)
        grad_a = (s0.conj() * g0 + s1 * g1.conj()).sum((0, 1))
        grad_b = (s0.conj() * g1 - s1 * g0.conj()).sum((0, 1))
        return grad_state, grad_a, grad_b


def apply_gate(state: Tensor, wire: int, gate: Spinor) -> Tensor:
    """Apply one SU(2) gate, its entries [columns], to `wire` of state [2^w, columns]."""
    split = _split(state, wire)
    a, b = gate
    if transformed(split, a, b):
        zero, one = split.unbind(1)
        out = torch.stack([a * zero - b.conj() * one, b * zero + a.conj() * one], dim=1)
    else:
        out = _ApplyGate.apply(split, a.resolve_conj(), b.resolve_conj())
    return out.reshape(state.shape)


def _split(state: Tensor, wire: int) -> Tensor:
    """View [2^w, columns] as [wires before, this wire, wires after, columns]."""
    rows, columns = state.shape
    return state.reshape(1 << wire, 2, rows >> (wire + 1), columns)


def product_state(spinors: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the product of one-qubit states, each given by its two amplitudes [columns]; shape [2^w, columns]."""
    state: Tensor | None = None
    for a, b in spinors:
        qubit = torch.stack([a, b])
        state = qubit if state is None else (state.unsqueeze(1) * qubit).flatten(0, 1)
    if state is None:
        raise ValueError("spinors: got none, expected at least one wire")
    return state


def cz_signs(n_wires: int, pairs: Sequence[Edge], *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the diagonal, entries 1 and -1, [2^n_wires], of CZ gates on `pairs`."""
    index = torch.arange(1 << n_wires, device=device)
    parity = torch.zeros_like(index)
    for i, j in pairs:
        parity ^= (index >> (n_wires - 1 - i)) & (index >> (n_wires - 1 - j)) & 1
    return (1 - 2 * parity).to(dtype)


def z_signs(n_wires: int, wires: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the diagonal, entries 1 and -1, [2^n_wires], of the product of Z on `wires`."""
    index = torch.arange(1 << n_wires, device=device)
    parity = torch.zeros_like(index)
    for wire in wires:
        parity ^= (index >> (n_wires - 1 - wire)) & 1
    return (1 - 2 * parity).to(dtype)


def bloch_vector(state: Tensor, wire: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return (<X>, <Y>, <Z>) of `wire`, each [columns]."""
    zero, one = _split(state, wire).unbind(1)
    coherence = 2 * (zero.conj() * one).sum((0, 1))
    squared = _split(torch.view_as_real(state).square().sum(-1), wire).sum((0, 2))
    return coherence.real, coherence.imag, squared[0] - squared[1]
