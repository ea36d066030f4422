"""Random noise, and noisy circuits evaluated with nothing but Kraus operators on the whole density matrix."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st
from kronecker import IDENTITY, PAULI, exponential, kron_all, observables, on_wires
from torch import Tensor

import noise_models as library
from circuits import DataReupload
from noise_models import Noise, kraus_operators


def noisy_oracle(circuit: DataReupload, noise: Noise, inputs: Tensor, weights: Tensor, observable: str = "Z") -> Tensor:
    """Expectations [batch, ...] under Aer errors on `u`, `cz`, `id` (the end of a block) and the readout."""
    model = noise.aer
    n = circuit.n_qubits
    rows = []
    for angles in inputs.reshape(-1, n, 3):
        rho = torch.zeros(2**n, 2**n, dtype=torch.complex128)
        rho[0, 0] = 1
        block = 0
        for gate in circuit.gates():
            if gate.block != block:
                rho = _end_block(model, rho, n)
                block = gate.block
            if gate.name == "CZ":
                projector = (IDENTITY - PAULI["Z"]) / 2
                matrix = on_wires(n, {}) - 2 * on_wires(n, dict.fromkeys(gate.wires, projector))
                rho = _channel(model, "cz", gate.wires, matrix @ rho @ matrix.conj().T, n)
                continue
            (wire,) = gate.wires
            phi, theta, omega = angles[wire] if gate.source == "inputs" else weights[gate.block, wire]
            rot = on_wires(n, {wire: exponential("Z", omega) @ exponential("Y", theta) @ exponential("Z", phi)})
            rho = _channel(model, "u", gate.wires, rot @ rho @ rot.conj().T, n)
        rho = _end_block(model, rho, n)
        rows.append(torch.stack([torch.trace(matrix @ rho).real for matrix in _read(model, circuit, observable)]))
    return torch.stack(rows)


def _end_block(model, rho: Tensor, n: int) -> Tensor:
    for wire in range(n):
        rho = _channel(model, "id", (wire,), rho, n)
    return rho


def _channel(model, name: str, wires: tuple[int, ...], rho: Tensor, n: int) -> Tensor:
    error = model._local_quantum_errors.get(name, {}).get(wires, model._default_quantum_errors.get(name))
    if error is None:
        return rho
    total = torch.zeros_like(rho)
    for operator in kraus_operators(error):
        matrix = _embedded(torch.tensor(operator).contiguous(), wires, n)
        total = total + matrix @ rho @ matrix.conj().T
    return total


def _embedded(operator: Tensor, wires: tuple[int, ...], n: int) -> Tensor:
    """Qiskit's operator (first wire fastest) on the register (wire 0 slowest)."""
    if len(wires) == 1:
        return on_wires(n, {wires[0]: operator})
    order = [wires[1], wires[0], *(wire for wire in range(n) if wire not in wires)]
    whole = torch.kron(operator, torch.eye(2 ** (n - 2), dtype=operator.dtype)).reshape((2,) * (2 * n))
    places = [order.index(wire) for wire in range(n)]
    return whole.permute(*places, *(n + place for place in places)).reshape(2**n, 2**n)


def _read(model, circuit: DataReupload, observable: str) -> list[Tensor]:
    """The observables as misread bits make them: P -> (1 - p01 - p10) P + (p10 - p01) on each wire."""
    n = circuit.n_qubits
    if model._default_readout_error is None:
        return observables(circuit, observable)
    (_, p01), (p10, _) = model._default_readout_error.probabilities
    single = {name: (1 - p01 - p10) * matrix + (p10 - p01) * IDENTITY for name, matrix in PAULI.items()}
    if observable == "ZZ":
        return [on_wires(n, dict.fromkeys(edge, single["Z"])) for edge in circuit.edges]
    return [kron_all([single[observable] if w == wire else IDENTITY for w in range(n)]) for wire in range(n)]


PLACES = st.sets(st.sampled_from(["u", "cz", "id"]), min_size=1).map(lambda names: tuple(sorted(names)))
# Aer leaves out terms of a channel below 1e-8, so strengths are nothing or well above.
RATES = st.floats(0, 0.5).map(lambda p: p if p > 1e-5 else 0.0)
TIMES = st.floats(0, 1e-4).map(lambda t: t if t > 1e-8 else 0.0)
ANGLES = st.floats(-math.pi, math.pi).map(lambda angle: angle if abs(angle) > 1e-3 else 0.0)


@st.composite
def relaxations(draw) -> Noise:
    t1 = draw(st.floats(1e-5, 1e-3))
    t2 = t1 * draw(st.floats(0.1, 2))
    return library.thermal_relaxation(t1, t2, {"u": draw(TIMES), "cz": draw(TIMES)})


SINGLE: dict[str, st.SearchStrategy[Noise]] = {
    "bit_flip": st.builds(library.bit_flip, RATES, PLACES),
    "phase_flip": st.builds(library.phase_flip, RATES, PLACES),
    "depolarizing": st.builds(library.depolarizing, RATES, PLACES),
    "amplitude_damping": st.builds(library.amplitude_damping, RATES, PLACES),
    "phase_damping": st.builds(library.phase_damping, RATES, PLACES),
    "thermal_relaxation": relaxations(),
    "readout": st.builds(library.readout, RATES, RATES),
    "overrotation": st.builds(library.overrotation, ANGLES, st.sampled_from(["x", "y", "z"]), PLACES),
    "paper": st.builds(library.paper, RATES),
}


def random_noise(max_parts: int = 3) -> st.SearchStrategy[Noise]:
    """One to `max_parts` library models, one after the other, the gates never without noise."""
    parts = st.lists(st.one_of(*SINGLE.values()), min_size=1, max_size=max_parts)
    return parts.map(lambda found: sum(found, Noise())).filter(lambda noise: {"u", "id"} & noise.instructions)
