"""Rotations and CZ gates in the instructions of many machines: the same unitaries, whatever the basis."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from kronecker import oracle, random_angles
from qiskit.quantum_info import Operator, Statevector, random_unitary
from qiskit_aer.noise import NoiseModel, depolarizing_error

from circuits import DataReupload, NoiseWarning, compile_circuit
from circuits.basis import CZ, FIXED, Writer, euler, rotation
from circuits.transfer import make_gate
from noise_models import ENTANGLERS, Noise, from_aer
from noise_models.gates import ONE_QUBIT_GATES, SYMMETRIC, UNIVERSAL

TWO_QUBIT = (*ENTANGLERS, "swap", "iswap", "crz", "cu3", "csx", "cy", "dcx")
ONE_QUBIT = [
    *("u", "u3", "u2", "r", "rx ry", "rz sx x", "p sx x", "u1 sx", "u1 u2", "u1 u2 u3", "rz ry", "p ry", "u1 ry"),
    *("rz rx", "p rx", "u1 rx", "rx", "ry", "sx", "h rz sx", "u rz sx", "u2 rz", "r rz", "rz ry sx", "sx sxdg"),
]


def aer(names: str) -> Noise:
    model = NoiseModel()
    for name in names.split():
        model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2 if name in TWO_QUBIT else 1), [name])
    return from_aer(model)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """1 for unitaries that are equal up to a phase."""
    return abs(np.vdot(one, other)) / len(one)


@pytest.mark.parametrize("name", ENTANGLERS)
def test_every_entangler_makes_a_cz(name: str) -> None:
    before, angles, after = CZ[name]
    gate = Operator(make_gate(name, angles)).data
    # Qiskit's first qubit varies fastest.
    made = np.kron(after[1], after[0]) @ gate @ np.kron(before[1], before[0])
    assert overlap(made, np.diag([1, 1, 1, -1])) == pytest.approx(1, abs=1e-12)
    back = Operator(make_gate(name, angles).power(1)).reverse_qargs().data
    assert (overlap(back, gate) == pytest.approx(1, abs=1e-12)) == (name in SYMMETRIC)


def test_gates_without_angles_are_qiskits() -> None:
    for name, unitary in FIXED.items():
        assert overlap(Operator(make_gate(name, ())).data, unitary) == pytest.approx(1, abs=1e-12)
        assert overlap(rotation(*euler(unitary)), unitary) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("names", [*ONE_QUBIT, *(" ".join(sorted(gates)) for gates in UNIVERSAL)])
def test_constant_rotations_are_written_in_every_basis(names: str) -> None:
    noise = aer(names)
    special = [*FIXED.values(), *(rotation(p, t, o) for p, t, o in itertools.product((0, 0.3, np.pi), repeat=3))]
    for unitary in [*special, *(random_unitary(2, seed=seed).data for seed in range(4))]:
        writer = Writer(noise, 1)
        writer.fixed(0, unitary)
        steps = writer.finish()
        made = np.eye(2)
        for step in steps:
            assert step.name in noise.basis
            made = Operator(make_gate(step.name, [angle.offset for angle in step.angles])).data @ made
        assert overlap(made, unitary) == pytest.approx(1, abs=1e-12)
        assert len(steps) <= 5


# Qiskit Aer #1107: bases of p, u1 and sx. A line, where a sign left over by a CZ does not meet its like.
@pytest.mark.parametrize("names", [*ONE_QUBIT, *(f"u {two}" for two in TWO_QUBIT), "p sx ecr", "r rzz", "u1 u2 cx ecr"])
@pytest.mark.filterwarnings("ignore::circuits.NoiseWarning")
def test_every_basis_writes_every_circuit(names: str) -> None:
    noise = aer(names)
    for circuit in (DataReupload(3, 2, "line"), DataReupload(3, 3, "all")):
        inputs, weights = (angles.detach() for angles in random_angles(circuit, 5, 1))
        compiled = compile_circuit(circuit, noise)
        assert {step.name for step in compiled.instructions} <= {*noise.basis} - {"id"}
        slots = {"x": np.tile(inputs[0].numpy(), circuit.n_blocks), "w": weights.numpy().reshape(-1)}
        written = compiled.qiskit
        bound = written.assign_parameters({p: slots[p.vector.name][p.index] for p in written.parameters})
        state = Statevector(bound)
        z = [sum((1, -1)[bit] * p for bit, p in enumerate(state.probabilities([wire]))) for wire in range(3)]
        assert torch.allclose(torch.tensor(z), oracle(circuit, inputs, weights)[0], atol=1e-10)


@pytest.mark.parametrize("gate", [gate for gate in ONE_QUBIT_GATES if gate in FIXED and gate not in ("sx", "h")])
def test_a_gate_that_no_rotation_is_made_of_never_acts(gate: str) -> None:
    with pytest.raises(ValueError, match="no error would ever be applied"):
        compile_circuit(DataReupload(2, 2), aer(gate))


# Qiskit Aer #1107 and public builders of models that list swap beside cx and cz.
@pytest.mark.parametrize("name", sorted(set(TWO_QUBIT) - set(ENTANGLERS)))
def test_a_two_qubit_gate_that_no_cz_is_made_of_never_acts(name: str) -> None:
    with pytest.warns(NoiseWarning, match=f"errors on {name} never act"):
        compiled = compile_circuit(DataReupload(3, 2), aer(f"u {name}"))
    assert {step.name for step in compiled.instructions} == {"u", "cz"}


def test_rotations_that_cancel_are_not_written() -> None:
    # The H between two CX gates that share their target.
    names = [step.name for step in compile_circuit(DataReupload(3, 2, "all"), aer("u3 cx")).instructions]
    assert names.count("cx") == 3
    assert names.count("u3") == 12 + 4


def test_a_directed_gate_is_taken_in_the_direction_that_has_an_error() -> None:
    model = NoiseModel()
    model.add_quantum_error(depolarizing_error(0.1, 2), "ecr", [1, 0])
    model.add_quantum_error(depolarizing_error(0.1, 2), "cx", [1, 2])
    pairs = [
        (step.name, step.wires)
        for step in compile_circuit(DataReupload(3, 2, "line"), from_aer(model)).instructions
        if len(step.wires) == 2
    ]
    assert pairs == [("ecr", (1, 0)), ("cx", (1, 2))]
