"""Any Pauli words of any entangling gate, from one state vector of the whole register."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from circuits.engines.lightcone import statevector
from circuits.engines.lightcone.windows import fused_gates
from circuits.observables import Word
from circuits.reupload import DataReupload
from circuits.shapes import Expectations, Inputs, Weights


def word_expectations(circuit: DataReupload, inputs: Inputs, weights: Weights, words: Sequence[Word]) -> Expectations:
    """Return the expectations [batch, words]."""
    state = register_state(circuit, inputs, weights)
    probability = torch.view_as_real(state).square().sum(-1)
    return torch.stack([_expectation(circuit.n_qubits, state, probability, word) for word in words], dim=1)


def register_state(circuit: DataReupload, inputs: Inputs, weights: Tensor) -> Tensor:
    """Return the amplitudes [2^n, batch] after all blocks; wire 0 is the most significant bit."""
    first, *later = fused_gates(circuit, inputs, weights)
    state = statevector.product_state(zip(*first, strict=True))
    for block, (a, b) in enumerate(later):
        state = entangled(circuit, state, inputs, block)
        for wire in range(circuit.n_qubits):
            state = statevector.apply_gate(state, wire, (a[wire], b[wire]))
    return state


def entangled(circuit: DataReupload, state: Tensor, inputs: Tensor, block: int) -> Tensor:
    """Apply the entangling layer after a block to a state [2^n, batch]."""
    n, edges = circuit.n_qubits, circuit.edges
    if circuit.entangling_gate == "cz":
        return state * statevector.cz_signs(n, edges, dtype=inputs.dtype, device=state.device).unsqueeze(-1)
    index = torch.arange(1 << n, device=state.device)
    if circuit.entangling_gate == "cnot":
        # The amplitude that ends at an index: each CNOT is its own inverse, so the layer is undone from its end.
        for control, target in reversed(edges):
            index = index ^ (_bit(index, n, control) << (n - 1 - target))
        return state[index]
    if not edges:
        return state
    # CRZ(a) = exp(-i a/2 f) with f = 1 or -1 by the target's bit where the control is 1, and 0 elsewhere.
    signs = torch.stack([_bit(index, n, c) * (1 - 2 * _bit(index, n, t)) for c, t in edges], dim=1).to(inputs.dtype)
    first = circuit.n_inputs - circuit.n_couplings + block * len(edges)
    angles = signs @ inputs[:, first : first + len(edges)].t() / 2
    return state * torch.complex(torch.cos(angles), -torch.sin(angles))


def _bit(index: Tensor, n: int, wire: int) -> Tensor:
    return (index >> (n - 1 - wire)) & 1


def _expectation(n: int, state: Tensor, probability: Tensor, word: Word) -> Tensor:
    """Return <P> [batch] of one word: P|k> = i^y (-1)^(bits of k under Y and Z) |k with bits under X and Y flipped>."""
    signed = [wire for wire, letter in word if letter != "X"]
    signs = statevector.z_signs(n, signed, dtype=probability.dtype, device=state.device)
    flip = sum(1 << (n - 1 - wire) for wire, letter in word if letter != "Z")
    if not flip:
        return signs @ probability
    index = torch.arange(1 << n, device=state.device) ^ flip
    overlap = signs.to(state.dtype) @ (state[index].conj() * state)
    # Re(i^y z), y the number of Y in the word.
    return (overlap.real, -overlap.imag, -overlap.real, overlap.imag)[sum(letter == "Y" for _, letter in word) % 4]
