"""Expectations from batched state vectors: of the window around each wire or pair, or of the whole register.

Work that no observable needs is left out: block 1 acts on |0...0>, so it only sets a product state; block b of a window
acts on the wires within L - b of its centre; for a single wire, block L merely turns the axis that is read.
"""

from __future__ import annotations

import torch
from torch import Tensor

from circuits.engines.lightcone import statevector
from circuits.engines.lightcone.frames import by_block, with_idle_wires
from circuits.reupload import DataReupload
from circuits.rotations import Spinor, compose, half_angle_spinor, pauli_row, rot_spinor
from circuits.shapes import Expectations, Inputs, Weights


def state_wires(circuit: DataReupload, method: str, observable: str) -> tuple[int, int]:
    """Return how many amplitudes a sample has, and how many states one evaluation keeps for its backward pass.

    The observable "" stands for any words.
    """
    n, blocks = circuit.n_qubits, circuit.n_blocks
    pair = observable in ("ZZ", "")
    if method in ("register", "words"):
        return 2**n, (blocks - 2 + pair) * (n + 1) + n + 2
    width = 2 * blocks - 1 + pair if circuit.edges else 1
    return n * 2**width, sum(2 * (blocks - block) + 2 + pair for block in range(2, blocks + 1)) + width + 2


def fused_gates(circuit: DataReupload, inputs: Inputs, weights: Tensor) -> list[Spinor]:
    """Return for each block the product Rot(w) Rot(x), entries [n_qubits, batch]; weights may be each sample's own."""
    data = by_block(circuit, inputs, lambda block: _spinor(block, circuit.n_qubits))
    a, b = rot_spinor(weights.unsqueeze(2) if weights.ndim == 3 else weights.permute(1, 2, 0, 3))
    return [compose((a[block], b[block]), data[block]) for block in range(circuit.n_blocks)]


def _spinor(block: Tensor, n: int) -> Spinor:
    return half_angle_spinor(*(block.t() / 2).reshape(n, 3, block.shape[0]).unbind(1))


def register_expectations(circuit: DataReupload, inputs: Inputs, weights: Weights, observable: str) -> Expectations:
    """Return the expectations from one state vector of all wires."""
    n = circuit.n_qubits
    gates = fused_gates(circuit, inputs, weights)
    a, b = gates[0]
    state = statevector.product_state(zip(a, b, strict=True))
    signs = statevector.cz_signs(n, circuit.edges, dtype=a.real.dtype, device=a.device).unsqueeze(-1)
    pair = observable == "ZZ"
    for a, b in gates[1:] if pair else gates[1:-1]:
        state = state * signs
        for wire in range(n):
            state = statevector.apply_gate(state, wire, (a[wire], b[wire]))
    if pair:
        probability = torch.view_as_real(state).square().sum(-1)
        parities = [statevector.z_signs(n, edge, dtype=a.real.dtype, device=a.device) for edge in circuit.edges]
        return (torch.stack(parities) @ probability).t()
    if circuit.n_blocks > 1:
        state = state * signs
    reads = [statevector.bloch_vector(state, wire) for wire in range(n)]
    x, y, z = (torch.stack(part) for part in zip(*reads, strict=True))
    return _read(gates[-1], x, y, z, observable)


def window_expectations(circuit: DataReupload, inputs: Inputs, weights: Weights, observable: str) -> Expectations:
    """Return the expectations from windows side by side: column i * batch + s is sample s around wire i.

    The window of a pair (i, i + 1) reaches one wire further to the right.
    """
    blocks, entangled, pair = circuit.n_blocks, bool(circuit.edges), int(observable == "ZZ")
    radius = blocks - 1 if entangled else 0
    idle = radius + pair if circuit.layout == "line" else 0
    gates = [
        (with_idle_wires(a, idle, a.new_tensor(1.0)), with_idle_wires(b, idle, b.new_tensor(0.0)))
        for a, b in fused_gates(circuit, inputs, weights)
    ]
    wires, batch = gates[0][0].shape
    width = 2 * radius + 1 + pair
    state = statevector.product_state(_column(gates[0], offset) for offset in range(-radius, radius + 1 + pair))
    for block in range(1, blocks):
        side = min(blocks - block, radius)
        pairs = [(k, k + 1) for k in range(radius - side, radius + side + pair)]
        if pairs:
            signs = statevector.cz_signs(width, pairs, dtype=state.real.dtype, device=state.device)
            state = state * signs.unsqueeze(-1)
        if block < blocks - 1 or pair:
            inner = side - 1 if entangled else 0
            for offset in range(-inner, inner + 1 + pair):
                state = statevector.apply_gate(state, radius + offset, _column(gates[block], offset))
    if pair:
        signs = statevector.z_signs(width, (radius, radius + 1), dtype=state.real.dtype, device=state.device)
        both = (signs @ torch.view_as_real(state).square().sum(-1)).reshape(wires, batch)
        n = circuit.n_qubits
        return both[[a if (a + 1) % n == b else b for a, b in circuit.edges]].t()
    x, y, z = (part.reshape(wires, batch) for part in statevector.bloch_vector(state, radius))
    return _read(gates[-1], x, y, z, observable)[:, : circuit.n_qubits]


def _column(gate: Spinor, offset: int) -> Spinor:
    """Return a gate of every window, `offset` wires right of its centre, as entries [wires * batch]."""
    a, b = gate
    return torch.roll(a, -offset, 0).reshape(-1), torch.roll(b, -offset, 0).reshape(-1)


def _read(gate: Spinor, x: Tensor, y: Tensor, z: Tensor, axis: str) -> Tensor:
    """Return <P> [batch, n] after a last gate from the Bloch vectors before it, each [n, batch]."""
    qx, qy, qz = pauli_row(gate, axis)
    return (qx * x + qy * y + qz * z).t()
