"""What Aer makes of a noise: simulated density matrices against channels applied by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.quantum_info import PTM, DensityMatrix, SuperOp
from qiskit_aer import AerSimulator

from noise_models import (
    Noise,
    amplitude_damping,
    bit_flip,
    depolarizing,
    gate_channel,
    overrotation,
    paper,
    phase_damping,
    phase_flip,
    readout,
    thermal_relaxation,
)

WIRES = 3


def circuit() -> QuantumCircuit:
    """Two blocks of rotations on a line, an `id` at the end of each."""
    out = QuantumCircuit(WIRES)
    for block in range(2):
        for wire in range(WIRES):
            out.u(1.0 + wire, 0.3 - block, 0.2 * wire + 0.5, wire)
        if block == 0:
            out.cz(0, 1)
            out.cz(2, 1)
        out.id(range(WIRES))
    return out


def simulated(noise: Noise) -> np.ndarray:
    measured = circuit()
    measured.save_density_matrix()
    result = AerSimulator(method="density_matrix").run(measured, noise_model=noise.aer).result()
    return np.asarray(result.data(0)["density_matrix"])


def by_hand(noise: Noise) -> np.ndarray:
    state = DensityMatrix.from_label("0" * WIRES)
    written = circuit()
    for step in written.data:
        wires = [written.find_bit(qubit).index for qubit in step.qubits]
        state = state.evolve(step.operation, wires)
        transfer = gate_channel(noise.aer, step.operation.name, wires)
        if transfer is not None:
            state = state.evolve(SuperOp(PTM(transfer)), wires)
    return np.asarray(state.data)


@pytest.mark.parametrize(
    "noise",
    [
        Noise(),
        bit_flip(0.1),
        phase_flip(0.1, on="cz"),
        depolarizing(0.2, on="id"),
        amplitude_damping(0.3, on="id"),
        phase_damping(0.2, on="u"),
        thermal_relaxation(1e-4, 1.8e-4, {"u": 1e-5, "cz": 3e-5}),
        thermal_relaxation(1e-4, 0.5e-4, {"u": 1e-5, "cz": 3e-5}),
        overrotation(0.3, "y"),
        paper(0.1) + depolarizing(0.05) + amplitude_damping(0.1) + overrotation(0.1),
    ],
    ids=repr,
)
def test_aer_applies_the_channels_of_a_noise(noise: Noise) -> None:
    assert_allclose(simulated(noise), by_hand(noise), atol=1e-10)


def test_depolarizing_after_every_block_shrinks_a_polarised_wire() -> None:
    """One wire in |0>, two blocks of nothing: <Z> = (1 - p)^2."""
    still = QuantumCircuit(1)
    still.id(0)
    still.id(0)
    still.save_density_matrix()
    result = AerSimulator(method="density_matrix").run(still, noise_model=depolarizing(0.1, on="id").aer).result()
    state = np.asarray(result.data(0)["density_matrix"])
    assert_allclose(np.real(state[0, 0] - state[1, 1]), 0.9**2, atol=1e-12)


def test_bit_flips_on_both_wires_of_a_cz() -> None:
    """|00> after CZ: each wire flipped with probability p on its own."""
    pair = QuantumCircuit(2)
    pair.cz(0, 1)
    pair.save_probabilities()
    result = AerSimulator(method="density_matrix").run(pair, noise_model=bit_flip(0.2, on="cz").aer).result()
    assert_allclose(result.data(0)["probabilities"], [0.64, 0.16, 0.16, 0.04], atol=1e-12)


def test_a_reading_is_wrong_as_often_as_stated() -> None:
    """|0> and |1> read 20,000 times each, within five standard deviations."""
    shots, p01, p10 = 20_000, 0.05, 0.2
    model = (readout(0.02, 0.1) + readout(p01, p10)).aer
    expected = np.array([[0.98, 0.02], [0.1, 0.9]]) @ [[1 - p01, p01], [p10, 1 - p10]]
    for bit in (0, 1):
        bits = QuantumCircuit(1, 1)
        if bit:
            bits.x(0)
        bits.measure(0, 0)
        counts = AerSimulator(seed_simulator=7).run(bits, noise_model=model, shots=shots).result().get_counts()
        p = expected[bit, 1]
        assert abs(counts.get("1", 0) / shots - p) < 5 * np.sqrt(p * (1 - p) / shots)
