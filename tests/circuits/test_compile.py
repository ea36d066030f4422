"""The circuit in a machine's instructions: the same unitary, every noise met, nothing ideal without a word."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kronecker import oracle, random_angles, random_circuits
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Pauli, Statevector, SuperOp, random_quantum_channel
from qiskit.transpiler import CouplingMap
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, QuantumError, ReadoutError, amplitude_damping_error, depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from circuits import (
    DataReupload,
    LightConeEngine,
    NoiseWarning,
    ReuploadLayer,
    compile_circuit,
    make_engine,
    resolve_noise,
)
from noise_models import Noise, chip, depolarizing, from_aer, readout


def aer(*names: str) -> Noise:
    model = NoiseModel()
    for name in names:
        model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2 if name in ("cx", "cz") else 1), [name])
    return from_aer(model)


BASES = [("u", "cz"), ("u3", "cx"), ("rz", "sx", "cz"), ("rz", "sx", "cx"), ("ry", "rz", "cx"), ("sx",), ("id",)]


@settings(max_examples=40)
@given(drawn=random_circuits(max_qubits=4, max_blocks=3), names=st.sampled_from(BASES))
def test_every_basis_writes_the_same_circuit(drawn, names) -> None:
    circuit, seed = drawn
    noise = aer(*names)
    if circuit.n_qubits == 1 or circuit.n_blocks == 1 or circuit.entangler == "none":
        noise = aer(*(name for name in names if name not in ("cx", "cz")))
    inputs, weights = (angles.detach() for angles in random_angles(circuit, seed, 1))
    compiled = compile_circuit(circuit, noise)
    written = compiled.qiskit
    slots = {"x": np.tile(inputs[0].numpy(), circuit.n_blocks), "w": weights.numpy().reshape(-1)}
    bound = written.assign_parameters({p: slots[p.vector.name][p.index] for p in written.parameters})
    probabilities = Statevector(bound).probabilities().reshape((2,) * circuit.n_qubits)
    for wire in range(circuit.n_qubits):
        # Qiskit's first qubit varies fastest.
        axis = circuit.n_qubits - 1 - wire
        zero, one = (probabilities.take(bit, axis).sum() for bit in (0, 1))
        assert zero - one == pytest.approx(float(oracle(circuit, inputs, weights)[0, wire]), abs=1e-9)
    assert noise.instructions <= {step.name for step in compiled.instructions}


@given(drawn=random_circuits(max_qubits=4, max_blocks=3))
@settings(max_examples=20)
def test_every_angle_has_a_slot_of_its_own_in_one_turn(drawn) -> None:
    circuit, _ = drawn
    for noise in (None, aer("rz", "sx")):
        steps = compile_circuit(circuit, noise).instructions
        slots = [slot for step in steps for angle in step.angles for slot, _ in angle.terms]
        assert sorted(slots) == list(range(2 * circuit.n_weights))


@pytest.mark.parametrize(
    ("circuit", "noise"),
    [
        (DataReupload(3, 1), depolarizing(0.1, on=("cz",))),
        (DataReupload(3, 2, "none"), depolarizing(0.1, on=("cz",))),
        (DataReupload(1, 2), aer("cz")),
        (DataReupload(2, 2), Noise()),
    ],
)
def test_noise_that_touches_nothing_is_an_error(circuit: DataReupload, noise: Noise) -> None:
    with pytest.raises(ValueError, match="no error would ever be applied"):
        LightConeEngine(circuit, noise=noise)


def test_errors_on_other_wires_touch_nothing() -> None:
    model = NoiseModel()
    model.add_quantum_error(depolarizing_error(0.1, 1), ["u"], [7])
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [7])
    with pytest.raises(ValueError, match=r"no error would ever be applied; .* wires below 3"):
        compile_circuit(DataReupload(3, 2), from_aer(model))
    with pytest.warns(NoiseWarning, match=r"u has no error on 0, 1, 2, 3, 4, 5, 6, where"):
        assert compile_circuit(DataReupload(8, 2), from_aer(model)).n_wires == 8


def test_readout_alone_is_noise() -> None:
    assert compile_circuit(DataReupload(2, 1), readout(0.1)).n_wires == 2
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    assert compile_circuit(DataReupload(2, 1), from_aer(model)).n_wires == 2


def test_errors_of_an_aer_model_that_never_act_are_named() -> None:
    with pytest.warns(NoiseWarning, match="errors on cx never act"):
        compile_circuit(DataReupload(2, 2), aer("u", "cz", "cx"))


def one_warning(build) -> str:
    """The text of the one NoiseWarning that a call gives."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        build()
    (told,) = [str(item.message) for item in seen if issubclass(item.category, NoiseWarning)]
    return told


# qiskit-on-iqm #75: errors for one order or for some pairs only.
@pytest.mark.parametrize("options", [{}, {"shots": 10}, {"engine": "aer"}, {"engine": "aer", "shots": 10}])
def test_a_gate_that_is_noisy_in_places_is_named_with_its_clean_places(options) -> None:
    model = NoiseModel()
    for pair in ([0, 1], [1, 0], [1, 2], [2, 1], [0, 3]):
        model.add_quantum_error(depolarizing_error(0.2, 2), "cz", pair)
    for wire in (0, 2):
        model.add_quantum_error(depolarizing_error(0.1, 1), "u", [wire])
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [1])
    told = one_warning(lambda: ReuploadLayer(4, 2, noise=model, **options))
    assert "cz has no error on (2, 3), (3, 0)" in told
    assert "u has no error on 1, 3" in told
    assert "measure has no error on 0, 2, 3" in told
    assert "(0, 1)" not in told


def test_a_device_on_a_ring_is_noisy_in_places() -> None:
    model = NoiseModel.from_backend(GenericBackendV2(5, coupling_map=CouplingMap.from_line(5), seed=1))
    told = one_warning(lambda: ReuploadLayer(5, 2, noise=model))
    assert "cx has no error on (4, 0)" in told
    assert "errors on x never act" in told


def test_what_is_noisy_everywhere_or_nowhere_is_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", NoiseWarning)
        compile_circuit(DataReupload(3, 2), aer("u"))
        compile_circuit(DataReupload(3, 2, "line"), chip("lagos", 3, "line"))
        compile_circuit(DataReupload(3, 2), from_aer(NoiseModel()))


def test_a_model_without_errors_is_no_noise() -> None:
    x = torch.rand(2, 9, generator=torch.Generator().manual_seed(3))
    seeded = torch.Generator().manual_seed
    clean = ReuploadLayer(3, 2, generator=seeded(0))(x)
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0, 1), ["sx"])
    for engine in ("lightcone", "aer", "pennylane"):
        for noise in (model, from_aer(model), 0 * aer("rz", "sx", "cx")):
            assert torch.allclose(
                ReuploadLayer(3, 2, noise=noise, engine=engine, generator=seeded(0))(x), clean, atol=1e-6
            )


def measured(sort: str) -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["u"])
    model.add_all_qubit_readout_error(ReadoutError([[0.95, 0.05], [0.1, 0.9]]))
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.3), "measure")
    if sort == "any":
        model.add_quantum_error(QuantumError(random_quantum_channel(2, 2, seed=4)), "measure", [1], warnings=False)
    return model


# IBM's guide "Build noise models": errors on reset, measure and gates in one model.
@pytest.mark.parametrize("sort", ["damping", "any"])
def test_an_error_on_measure_acts_before_the_reading(sort: str) -> None:
    """Against the density matrix that Aer evolves, the channel, and the confusion of the bit."""
    circuit, model = DataReupload(2, 2), measured(sort)
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), "reset")
    inputs, weights = (angles.detach() for angles in random_angles(circuit, 8, 1))
    compiled = compile_circuit(circuit, from_aer(model))
    slots = {"x": np.tile(inputs[0].numpy(), 2), "w": weights.numpy().reshape(-1)}
    bound = compiled.qiskit.assign_parameters({p: slots[p.vector.name][p.index] for p in compiled.qiskit.parameters})
    bound.save_density_matrix()
    state = AerSimulator(method="density_matrix", noise_model=model).run(bound).result().data()["density_matrix"]
    for wire in range(2):
        error = model._local_quantum_errors["measure"].get((wire,)) if sort == "any" else None
        state = state.evolve(SuperOp(error or amplitude_damping_error(0.3)), [wire])
    z = np.array([np.real(state.expectation_value(Pauli("Z"), [wire])) for wire in range(2)])
    expected = torch.tensor(0.05 + 0.85 * z)
    for engine in ("lightcone", "aer", "pennylane"):
        exact = make_engine(engine, circuit, noise=from_aer(model))(inputs, weights)[0]
        assert torch.allclose(exact, expected, atol=1e-10)
    drawn = make_engine("aer", circuit, noise=from_aer(model), shots=40_000)(inputs, weights)[0]
    assert torch.allclose(drawn, expected, atol=0.025)
    if sort == "any":
        with pytest.raises(ValueError, match="observable: got X, expected Z or ZZ"):
            LightConeEngine(circuit, "X", noise=from_aer(model))


def test_errors_on_measure_alone_are_noise() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.1), "measure")
    x = torch.zeros(1, 6)
    clean, noisy = (
        ReuploadLayer(2, 2, noise=noise, generator=torch.Generator().manual_seed(0)) for noise in (None, model)
    )
    z = clean(x)
    assert torch.allclose(noisy(x), 0.1 + 0.9 * z, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*errors on x never act:circuits.NoiseWarning")
def test_of_a_whole_device_only_the_wires_of_the_circuit_are_read() -> None:
    # Qiskit Aer #1815 and #1655: a layer of three qubits under the model of a machine.
    model = NoiseModel.from_backend(GenericBackendV2(12, coupling_map=CouplingMap.from_line(12), seed=2))
    noise = ReuploadLayer(3, 2, "line", noise=model).noise
    assert noise is not None
    wires = {wires for part in noise.parts for _, wires in part.channels()}
    assert wires == {(0,), (1,), (2,), (0, 1), (1, 0), (1, 2), (2, 1)}
    whole = compile_circuit(DataReupload(3, 2, "line"), from_aer(model))
    assert compile_circuit(DataReupload(3, 2, "line"), noise).instructions == whole.instructions


@pytest.mark.parametrize("entangler", ["ring", "all", "brick"])
def test_a_backend_without_the_ring_has_its_gates_routed(entangler: str) -> None:
    circuit = DataReupload(4, 2, entangler)
    noise = resolve_noise(FakeManilaV2(), circuit)
    steps = compile_circuit(circuit, noise).instructions
    assert all(noise.has_gate(step.name, step.wires) for step in steps if len(step.wires) == 2)
    inputs, weights = (angles.detach() for angles in random_angles(circuit, 6, 1))
    silent = make_engine("aer", circuit, noise=0 * noise)(inputs, weights)
    assert torch.allclose(silent, oracle(circuit, inputs, weights), atol=1e-9)


@pytest.mark.parametrize("name", ["sherbrooke", "cairo", "almaden"])
def test_every_sort_of_machine_has_the_ideal_circuit_at_no_strength(name: str) -> None:
    circuit = DataReupload(3, 2, "line")
    inputs, weights = (angles.detach() for angles in random_angles(circuit, 2, 2))
    noise = chip(name, 3, "line")
    steps = compile_circuit(circuit, noise).instructions
    assert all(noise.has_gate(step.name, step.wires) for step in steps if len(step.wires) == 2)
    silent = LightConeEngine(circuit, noise=0 * noise)(inputs, weights)
    assert torch.allclose(silent, oracle(circuit, inputs, weights), atol=1e-9)
    assert (LightConeEngine(circuit, noise=noise)(inputs, weights) - silent).abs().max() > 1e-3


def test_a_chip_with_too_few_wires_or_the_wrong_shape_is_refused() -> None:
    three = chip("torino", 3, "line")
    with pytest.raises(ValueError, match=r"noise: .* has 3 wires, expected at least 4"):
        compile_circuit(DataReupload(4, 2, "line"), three)
    with pytest.raises(ValueError, match="wires 2 and 0 are neither coupled nor joined over spare wires"):
        compile_circuit(DataReupload(3, 2, "ring"), three)
    with pytest.raises(ValueError, match="neither coupled"):
        ReuploadLayer(4, 2, "all").with_noise("torino")


def test_more_qubits_than_the_chip_has() -> None:
    with pytest.raises(ValueError, match=r"n_qubits: got 200, expected at most 133"):
        ReuploadLayer(200, 2, "line").with_noise("torino")
