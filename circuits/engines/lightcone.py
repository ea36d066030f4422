"""Exact <Z> from each observable's causal cone, batched over samples and wires.

With CZ layers that join neighbours, <Z_i> of a circuit of L blocks depends on the wires within L - 1 of i and on no
other: a gate outside that window meets its own inverse in the Heisenberg picture. The window is a property of the
circuit, so the result is exact. Work that even the window does not need is left out as well:

- one and two blocks have a closed form (`bloch.py`);
- block 1 acts on |0...0>, so it only sets a product state;
- block b of the middle acts on the wires within L - b of i;
- block L acts on wire i alone, where it merely turns the axis that is read.

Where the windows would cost more than the whole register (2 L - 1 >= n, or `all`), one batched state vector of the
register takes their place, with the same short cuts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from circuits.engines import bloch, statevector
from circuits.reupload import DataReupload
from circuits.rotations import Spinor, compose, half_angle_spinor, pauli_z_row, rot_spinor


def window_radius(circuit: DataReupload) -> int | None:
    """Return how many wires on either side of i can reach <Z_i>, or None where the whole register is evaluated."""
    n, blocks = circuit.n_qubits, circuit.n_blocks
    if circuit.entangler == "none" or n == 1:
        return 0
    radius = blocks - 1
    width = 2 * radius + 1
    if circuit.entangler == "all" or width > n:
        return None
    window_gates = sum(2 * (blocks - block) + 1 for block in range(2, blocks)) + 1
    register_gates = n * max(blocks - 2, 1) + n
    # Cost in amplitudes touched: n windows of 2^width against one register of 2^n.
    return radius if window_gates * n * 2**width < register_gates * 2**n else None


class LightConeEngine:
    """Evaluate `engine(inputs, weights) -> <Z>` exactly, with torch autograd.

    `inputs` [batch, 3 n_qubits] and `weights` [n_blocks, n_qubits, 3] in radians, both float32 or both float64, give
    [batch, n_qubits]. Cost O(n) for one or two blocks, O(n 2^(2L-1)) for windows, O(n 2^n) for the whole register.
    """

    name = "lightcone"

    def __init__(self, circuit: DataReupload) -> None:
        self.circuit = circuit
        self.radius = window_radius(circuit)

    def __repr__(self) -> str:
        if self.circuit.n_blocks <= 2:
            how = "closed form"
        elif self.radius is None:
            how = f"register of {self.circuit.n_qubits} wires"
        else:
            how = f"windows of {2 * self.radius + 1} wires"
        return f"LightConeEngine({how})"

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        if self.circuit.n_blocks <= 2:
            return bloch.expectations(self.circuit, inputs, weights)
        gates = self._fused_gates(inputs, weights)
        if self.radius is None:
            return self._register(gates, inputs.shape[0])
        return self._windows(gates, inputs.shape[0], self.radius)

    def _fused_gates(self, inputs: Tensor, weights: Tensor) -> list[Spinor]:
        """Return for each block the product Rot(w) Rot(x), entries [n_qubits, batch]."""
        halves = (inputs.t() / 2).reshape(self.circuit.n_qubits, 3, -1)
        data = half_angle_spinor(*halves.unbind(1))
        a, b = rot_spinor(weights.unsqueeze(2))
        return [compose((a[block], b[block]), data) for block in range(self.circuit.n_blocks)]

    def _register(self, gates: list[Spinor], batch: int) -> Tensor:
        n = self.circuit.n_qubits
        a, b = gates[0]
        state = statevector.product_state(zip(a, b, strict=True))
        signs = statevector.cz_signs(n, self.circuit.edges, dtype=a.real.dtype, device=a.device).unsqueeze(-1)
        for a, b in gates[1:-1]:
            state = state * signs
            for wire in range(n):
                state = statevector.apply_gate(state, wire, (a[wire], b[wire]))
        state = state * signs
        reads = [statevector.bloch_vector(state, wire) for wire in range(n)]
        axes = pauli_z_row(gates[-1])
        terms = [torch.stack(parts) * axis for parts, axis in zip(zip(*reads, strict=True), axes, strict=True)]
        return (terms[0] + terms[1] + terms[2]).t()

    def _windows(self, gates: list[Spinor], batch: int, radius: int) -> Tensor:
        """Evaluate n windows side by side: column i * batch + s holds sample s of the window around wire i."""
        n, blocks = self.circuit.n_qubits, self.circuit.n_blocks

        def column(block: int, offset: int) -> Spinor:
            a, b = gates[block]
            return torch.roll(a, -offset, 0).reshape(-1), torch.roll(b, -offset, 0).reshape(-1)

        state = statevector.product_state(column(0, offset) for offset in range(-radius, radius + 1))
        for block in range(1, blocks):
            state = self._entangle(state, radius, min(blocks - block, radius), batch)
            if block < blocks - 1:
                inner = min(blocks - block - 1, radius)
                for offset in range(-inner, inner + 1):
                    state = statevector.apply_gate(state, radius + offset, column(block, offset))
        x, y, z = (part.reshape(n, batch) for part in statevector.bloch_vector(state, radius))
        qx, qy, qz = pauli_z_row(gates[-1])
        return (qx * x + qy * y + qz * z).t()

    def _entangle(self, state: Tensor, radius: int, reach: int, batch: int) -> Tensor:
        """Apply the CZs between wires within `reach` of the centre; a line has none across its ends."""
        n, width = self.circuit.n_qubits, 2 * radius + 1
        pairs = [(k, k + 1) for k in range(radius - reach, radius + reach)]
        kind = {"dtype": state.real.dtype, "device": state.device}
        if not pairs:
            return state
        if self.circuit.entangler != "line":
            return state * statevector.cz_signs(width, pairs, **kind).unsqueeze(-1)
        rows = []
        for centre in range(n):
            present = [(j, k) for j, k in pairs if centre + j - radius >= 0 and centre + k - radius < n]
            rows.append(statevector.cz_signs(width, present, **kind))
        signs = torch.stack(rows, dim=1).unsqueeze(-1)
        return (state.reshape(-1, n, batch) * signs).reshape(state.shape)
