"""Calibrated chips: the same channels as Aer's own models of them, on qubits that fit the circuit."""

from __future__ import annotations

import pickle
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from qiskit.circuit import Measure, Parameter
from qiskit.circuit.library import CZGate, UGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import InstructionProperties, Target
from qiskit_aer.noise import NoiseModel, thermal_relaxation_error
from qiskit_ibm_runtime import fake_provider

from noise_models import (
    CHIPS,
    Noise,
    bit_flip,
    chip,
    depolarizing,
    from_aer,
    gate_channel,
    kraus_to_transfer,
    pauli_transfer_matrix,
    readout,
    readout_matrix,
    transfer_to_kraus,
)
from noise_models.calibration import ChipNoise, depolarizing_strength
from noise_models.chips import BACKENDS, chip_name


@pytest.fixture(scope="module")
def torino() -> Noise:
    return chip("torino", 9)


def calibration(noise: Noise) -> ChipNoise:
    (part,) = noise.parts
    assert isinstance(part, ChipNoise)
    return part


def restricted_model(name: str, qubits: tuple[int, ...]) -> NoiseModel:
    """Aer's own model of a chip, asked only for the chosen qubits: a whole chip takes seconds."""
    backend = getattr(fake_provider, BACKENDS[name])()
    whole = backend.target
    target = Target(num_qubits=whole.num_qubits, qubit_properties=whole.qubit_properties, dt=whole.dt)
    two = next(gate for gate in ("cz", "cx", "ecr") if gate in whole.operation_names)
    for gate in ("rz", "sx", "x", "measure", two):
        chosen = {wires: given for wires, given in whole[gate].items() if set(wires) <= set(qubits)}
        target.add_instruction(whole.operation_from_name(gate), chosen)
    return NoiseModel.from_backend(
        SimpleNamespace(version=2, target=target, dt=whole.dt, operation_names=list(target.operation_names))
    )


def same_channels(noise: Noise, model: NoiseModel) -> None:
    """Every gate and wire of the noise has the channel that the model has on the physical qubits."""
    part = calibration(noise)
    for gate in part.gates:
        expected = gate_channel(model, gate.name, [part.qubits[wire] for wire in gate.wires])
        assert expected is not None
        found = gate_channel(noise.aer, gate.name, gate.wires)
        assert found is not None
        assert_allclose(found, expected, atol=1e-7 if len(expected) == 16 else 1e-9)
    properties = getattr(fake_provider, BACKENDS[part.name])().properties()
    for wire, qubit in enumerate(part.qubits):
        found = readout_matrix(noise.aer, wire)
        # Aer's model of a target has the mean alone; the properties of the machine tell the two probabilities.
        assert_allclose((found[0, 1] + found[1, 0]) / 2, readout_matrix(model, qubit)[0, 1], atol=3e-3)
        up, down = (properties.qubit_property(qubit)[f"prob_meas{a}_prep{1 - a}"][0] for a in (1, 0))
        assert_allclose(found, [[1 - up, up], [down, 1 - down]], atol=1e-12)
    listed = {name: len(local) for name, local in model._local_quantum_errors.items() if name in part.basis}
    assert listed == {name: len(local) for name, local in noise.aer._local_quantum_errors.items()}
    assert noise.aer._default_quantum_errors == {}


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("torino", "ring"),
        ("torino", "line"),
        ("fez", "ring"),
        ("marrakesh", "line"),
        ("nighthawk", "ring"),
        ("guadalupe", "ring"),
        ("montreal", "line"),
    ],
)
def test_a_chip_has_the_channels_that_aer_gives_it(name: str, shape: Any) -> None:
    noise = chip(name, 9, shape)
    same_channels(noise, restricted_model(name, calibration(noise).qubits))


def test_the_restricted_model_is_that_of_the_whole_chip() -> None:
    noise = chip("lagos", 4, "line")
    same_channels_of = restricted_model("lagos", tuple(range(7)))
    whole = NoiseModel.from_backend(fake_provider.FakeLagosV2())
    for name in ("sx", "x", "cx"):
        assert whole._local_quantum_errors[name] == same_channels_of._local_quantum_errors[name]
    part = calibration(noise)
    for gate in part.gates:
        error = whole._local_quantum_errors[gate.name][tuple(part.qubits[wire] for wire in gate.wires)]
        assert_allclose(gate_channel(noise.aer, gate.name, gate.wires), pauli_transfer_matrix(error), atol=1e-7)


OLD = ("almaden", "boeblingen", "burlington", "cambridge", "essex", "johannesburg", "london", "poughkeepsie")
OLD += ("rochester", "singapore")
DIRECTED = ("brisbane", "cusco", "kawasaki", "kyiv", "kyoto", "osaka", "peekskill", "quebec", "sherbrooke")


@pytest.mark.parametrize("name", [name for name in CHIPS if name not in ("armonk", "kyoto")])
def test_every_listed_chip_has_a_line_of_three(name: str) -> None:
    noise = chip(name, 3, "line")
    assert noise.couplings == {(0, 1), (1, 2)} or noise.couplings == {(0, 1), (1, 2), (0, 2)}
    one = ("u1", "u2", "u3") if name in OLD else ("rz", "sx", "x")
    two = "cz" if name in CHIPS[:5] else "ecr" if name in DIRECTED else "cx"
    assert noise.basis == (*one, two) or (name == "cairo" and set(noise.basis) <= {*one, "cx", "ecr"})
    assert noise.has_readout
    assert not noise.aer.is_ideal()


def test_the_chips_are_all_that_the_package_has() -> None:
    there = {name for name in vars(fake_provider) if name.startswith("Fake") and name != "FakeProviderForBackendV2"}
    assert set(BACKENDS.values()) == there
    assert all(chip_name(name) in CHIPS for name in there)
    with pytest.raises(ValueError, match="expected at most 1, the qubits of armonk"):
        chip("armonk", 2)
    assert chip("armonk", 1).n_wires == 1
    # All two-qubit gates of this calibration have error 1.
    with pytest.raises(ValueError, match="got a line of 2, expected at most 1"):
        chip("kyoto", 2)


# Aer #1815: the machines of 127 qubits have ECR gates, each in one direction.
def test_an_ecr_machine_has_its_gates_in_their_directions() -> None:
    noise = chip("ibm_sherbrooke", 4, "line")
    part = calibration(noise)
    target = fake_provider.FakeSherbrooke().target
    pairs = [gate for gate in part.gates if gate.name == "ecr"]
    assert len(pairs) == 3
    for gate in pairs:
        assert gate.error == target["ecr"][tuple(part.qubits[wire] for wire in gate.wires)].error
    same_channels(noise, restricted_model("sherbrooke", part.qubits))


def test_a_backend_is_a_chip() -> None:
    assert chip(fake_provider.FakeManilaV2(), 3, "line") == chip("ibmq_manila", 3, "line")
    backend = GenericBackendV2(5, ["u", "cz"], seed=3)
    noise = chip(backend, 4)
    assert noise.basis == ("u", "cz")
    model = NoiseModel.from_backend(backend)
    part = calibration(noise)
    for gate in part.gates:
        expected = gate_channel(model, gate.name, [part.qubits[wire] for wire in gate.wires])
        assert_allclose(gate_channel(noise.aer, gate.name, gate.wires), expected, atol=1e-7)
    back = Noise.from_json(noise.to_json())
    assert back == noise
    assert "calibrated" not in repr(back)


def test_a_calibration_of_ones_own_is_a_chip() -> None:
    target = GenericBackendV2(4, seed=3).target
    noise, same = chip(target, 3, "line"), chip(SimpleNamespace(target=target, name="mine"), 3, "line")
    assert noise * 1.0 == Noise((replace(calibration(same), name=calibration(noise).name),))
    # An edited error of a reading is the one that counts, not that of the machine that it came from.
    edited = fake_provider.FakeManilaV2()
    edited.target["measure"][(2,)].error = 0.25
    part = calibration(chip(edited, 5, "line"))
    wires = {qubit: wire for wire, qubit in enumerate(part.qubits)}
    assert part.readout[wires[2]] == (0.25, 0.25)
    assert part.readout[wires[3]][0] < part.readout[wires[3]][1]


def test_a_chip_without_the_ring_is_routed_on_a_line() -> None:
    routed = chip("manila", 4, routed=True)
    assert routed.routed
    assert routed.couplings == {(0, 1), (1, 2), (2, 3)}
    assert Noise.from_json(routed.to_json()) == routed
    assert Noise.from_json(routed.to_json()).routed
    # A ring that is there is taken, and needs no routing.
    assert chip("yorktown", 3, routed=True) == chip("yorktown", 3)


def test_a_backend_without_relaxation_times_has_errors_alone() -> None:
    target = Target(num_qubits=2)
    errors = InstructionProperties(error=0.01)
    target.add_instruction(UGate(*map(Parameter, "abc")), {(0,): errors, (1,): errors})
    target.add_instruction(CZGate(), {(1, 0): InstructionProperties(error=0.03)})
    target.add_instruction(Measure(), {(0,): errors, (1,): errors})
    noise = chip(SimpleNamespace(target=target, name="mine"), 2)  # type: ignore[arg-type]
    assert_allclose(np.diag(gate_channel(noise.aer, "u", (0,))), [1, 0.98, 0.98, 0.98], atol=1e-12)
    # An infinite time is stored as well.
    assert Noise.from_json(noise.to_json()) == noise


@pytest.mark.parametrize("spelling", ["ibmq_16_melbourne", "FakeMelbourneV2", "fake_melbourne", "ibmq_melbourne"])
def test_a_number_in_a_name_is_no_part_of_it(spelling: str) -> None:
    assert chip_name(spelling) == "melbourne"
    assert chip_name("ibmqx2") == "yorktown"
    assert chip_name("ibmq_guadalupe") == "guadalupe"


def test_a_ring_has_its_spare_wires_on_the_way_back(torino: Noise) -> None:
    part = calibration(torino)
    assert torino.n_wires == 12
    assert torino.couplings == {*((i, i + 1) for i in range(11)), (0, 11)}
    target = fake_provider.FakeTorino().target
    for a, b in torino.couplings:
        assert (part.qubits[a], part.qubits[b]) in target["cz"]


@pytest.mark.parametrize(("n_qubits", "n_wires"), [(1, 1), (2, 2), (3, 12), (12, 12), (13, 20)])
def test_sizes_of_rings_on_a_heavy_hexagonal_chip(n_qubits: int, n_wires: int) -> None:
    assert chip("torino", n_qubits).n_wires == n_wires


def test_sizes_of_rings_on_other_lattices() -> None:
    assert chip("nighthawk", 3).n_wires == 4
    assert chip("nighthawk", 9).n_wires == 10
    assert chip("yorktown", 3).n_wires == 3


@pytest.mark.parametrize("name", ["torino", "marrakesh"])
def test_broken_couplers_are_avoided(name: str) -> None:
    part = calibration(chip(name, 20, "line"))
    assert all(gate.error < 1 for gate in part.gates)
    assert len(set(part.qubits)) == 20


def test_relaxation_is_truncated_to_what_is_physical() -> None:
    """Qubits of many calibrations report T2 > 2 T1."""
    part = calibration(chip("nighthawk", 20, "line"))
    assert all(t2 <= 2 * t1 for t1, t2 in zip(part.t1, part.t2, strict=True))


@pytest.mark.parametrize("spelling", ["torino", "FakeTorino", "ibm_torino", "fake_torino", " Torino "])
def test_spellings_of_a_chip(spelling: str) -> None:
    assert chip_name(spelling) == "torino"


def test_a_backends_own_name_will_do() -> None:
    assert chip("FakeManilaV2", 3, "line") == chip("manila", 3, "line")


def test_the_choice_is_always_the_same(torino: Noise) -> None:
    assert chip("torino", 9) == torino
    assert hash(chip("torino", 9)) == hash(torino)


def test_a_chip_is_stored_without_its_package(torino: Noise) -> None:
    half = 0.5 * torino + bit_flip(0.1, on="id")
    assert Noise.from_json(half.to_json()) == half
    assert pickle.loads(pickle.dumps(half)) == half
    assert "fake" not in half.to_json().lower()


def test_a_chip_says_what_it_is(torino: Noise) -> None:
    assert repr(0.5 * torino) == (
        "<torino qubits [36, 29, 30, 31, 32, 33, 37, 52, 51, 50, 49, 48], calibrated 2025-02-26> * 0.5"
    )


def infidelity(trace: float, n_wires: int) -> float:
    """Average gate infidelity 1 - (d F_pro + 1) / (d + 1) of a channel, F_pro = tr(R) / d^2."""
    d = 2**n_wires
    return 1 - (trace / d + 1) / (d + 1)


def test_a_factor_scales_errors_durations_and_readout(torino: Noise) -> None:
    half = 0.5 * torino
    part = calibration(torino)
    assert_allclose(readout_matrix(half.aer, 3)[0, 1], readout_matrix(torino.aer, 3)[0, 1] / 2, atol=1e-15)
    for gate in part.gates:
        for noise, factor in ((torino, 1.0), (half, 0.5)):
            transfer = gate_channel(noise.aer, gate.name, gate.wires)
            assert transfer is not None
            time = factor * gate.duration
            traces = [
                np.trace(pauli_transfer_matrix(thermal_relaxation_error(part.t1[wire], part.t2[wire], time)))
                for wire in gate.wires
            ]
            # Relaxation alone can be worse than the gate error that was measured.
            expected = max(factor * gate.error, infidelity(float(np.prod(traces)), len(gate.wires)))
            assert infidelity(float(np.trace(transfer)), len(gate.wires)) == pytest.approx(expected, rel=1e-6)
    assert (0 * torino).aer.is_ideal()
    assert 2 * half == torino


def test_depolarizing_makes_up_the_rest_of_a_gate_error() -> None:
    assert depolarizing_strength(0.01, np.eye(4)) == pytest.approx(0.02)
    assert depolarizing_strength(0.01, np.eye(16)) == pytest.approx(0.04 / 3)
    assert depolarizing_strength(1.0, np.eye(4)) == pytest.approx(4 / 3)
    assert depolarizing_strength(0.0, np.diag([1, 0.9, 0.9, 0.9])) == 0


def test_a_chip_adds_up_with_noise_on_its_own_gates(torino: Noise) -> None:
    both = torino + depolarizing(0.1, on=("sx", "cz")) + readout(0.05)
    for name, wires in (("sx", (2,)), ("cz", (3, 2))):
        before = gate_channel(torino.aer, name, wires)
        assert before is not None
        one = np.diag([1, 0.9, 0.9, 0.9])
        after = np.kron(one, one) if name == "cz" else one
        assert_allclose(gate_channel(both.aer, name, wires), after @ before, atol=1e-12)
        assert_allclose(kraus_to_transfer(transfer_to_kraus(after @ before)), after @ before, atol=1e-12)
    expected = readout_matrix(torino.aer, 1) @ [[0.95, 0.05], [0.05, 0.95]]
    assert_allclose(readout_matrix(both.aer, 1), expected, atol=1e-12)
    assert both.basis == torino.basis


def test_the_end_of_a_block_is_a_part_of_every_basis(torino: Noise) -> None:
    assert torino.basis == ("rz", "sx", "x", "cz")
    assert torino.instructions == {"sx", "x", "cz"}
    assert (torino + bit_flip(0.1, on="id")).basis == ("rz", "sx", "x", "cz", "id")


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda: chip("torino", 134), "n_qubits: got 134, expected at most 133, the qubits of torino"),
        (lambda: chip("torino", 0), "n_qubits: got 0, expected a whole number of at least 1"),
        (lambda: chip("torino", 2.0), "n_qubits: got 2.0, expected a whole number of at least 1"),  # type: ignore[arg-type]
        (lambda: chip("torino", 4, "star"), "shape: got 'star', expected one of ring, line"),  # type: ignore[arg-type]
        (lambda: chip("torin", 4), "name: got 'torin', expected a chip (noise_models.CHIPS); did you mean 'torino'?"),
        (
            lambda: chip("lagos", 6, "line"),
            "n_qubits: got a line of 6, expected at most 5: the longest line found on lagos",
        ),
        (
            lambda: chip("manila", 4),
            "n_qubits: got a ring of 4, but manila has no ring at all; "
            "expected shape='line', which goes up to 4 and more",
        ),
        (
            lambda: chip("guadalupe", 13),
            "n_qubits: got a ring of 13, but the longest ring found on guadalupe has 12 qubits; "
            "expected shape='line', which goes up to 13 and more",
        ),
        (
            lambda: 500 * chip("guadalupe", 1),
            "readout of guadalupe at 500 times its strength: got 1.2, expected a probability in [0, 1]",
        ),
        (
            lambda: chip("manila", 1) + depolarizing(0.1),
            "on: got u, cz, which the circuits of <manila qubits [3], calibrated 2024-05-27> never hold, "
            "expected names among rz, sx, x, cx, id",
        ),
        (
            lambda: chip("manila", 1) + chip("manila", 1),
            "noise: got two chips, expected at most one: a circuit runs on one chip",
        ),
        (
            lambda: chip("manila", 1) + from_aer(depolarizing(0.1).aer),
            "on: got u, cz, which the circuits of <manila qubits [3], calibrated 2024-05-27> never hold, "
            "expected names among rz, sx, x, cx, id",
        ),
    ],
)
def test_what_a_chip_cannot_do_is_said_in_one_line(build: Any, line: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole line is compared
        build()
    assert str(caught.value) == line
