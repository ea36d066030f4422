"""The engine pennylane under noise and with shots: the channels are really there, in the right places."""

from __future__ import annotations

import pennylane as qml
import pytest
import torch
from kronecker import random_angles
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from torch.testing import assert_close

from circuits.engines.lightcone import LightConeEngine
from circuits.engines.pennylane import PennyLaneEngine
from circuits.reupload import DataReupload
from noise_models import Noise, chip, depolarizing, from_aer, paper, readout

CIRCUIT = DataReupload(3, 2)


def channels(engine: PennyLaneEngine) -> list[tuple[int, ...]]:
    inputs, weights = random_angles(engine.circuit, 0, batch=2)
    tape = qml.workflow.construct_tape(engine.qnode, level="user")(inputs, weights)
    return [tuple(operation.wires) for operation in tape.operations if operation.name == "QubitChannel"]


@pytest.mark.parametrize(
    ("noise", "count"),
    [
        (depolarizing(0.1, on=("u",)), 12),
        # A product of two one-qubit channels on the wires of each of three CZ gates.
        (depolarizing(0.1, on=("cz",)), 6),
        (depolarizing(0.1, on=("id",)), 6),
        (paper() + readout(0.1), 9),
        (readout(0.1), 3),
    ],
)
def test_every_noisy_instruction_has_its_channel(noise: Noise, count: int) -> None:
    assert len(channels(PennyLaneEngine(CIRCUIT, noise=noise))) == count


def ordered_pair() -> Noise:
    """Noise on one wire's ordered pair, with the two wires of a CZ told apart, and readout of one wire."""
    model = NoiseModel()
    model.add_quantum_error(depolarizing_error(0.2, 1).tensor(depolarizing_error(0.6, 1)), "cz", [0, 1])
    model.add_quantum_error(depolarizing_error(0.4, 2), "cz", [1, 2])
    model.add_readout_error(ReadoutError([[0.95, 0.05], [0.3, 0.7]]), [2])
    return from_aer(model)


@pytest.mark.filterwarnings("ignore:.*cz has no error on:circuits.NoiseWarning")
@pytest.mark.parametrize("diff_method", ["best", "parameter-shift"])
@pytest.mark.parametrize(
    "noise",
    [paper(0.2), depolarizing(0.05) + readout(0.03, 0.2), ordered_pair(), chip("torino", 3, "line")],
    ids=["paper", "depolarizing", "pair", "torino"],
)
def test_default_mixed_is_the_light_cone(noise: Noise, diff_method: str) -> None:
    circuit = DataReupload(3, 2, "line") if noise.couplings else CIRCUIT
    leaves = random_angles(circuit, 1, batch=2)
    mixed = PennyLaneEngine(circuit, noise=noise, diff_method=diff_method)(*leaves)
    exact = LightConeEngine(circuit, noise=noise)(*leaves)
    assert_close(mixed, exact, atol=1e-10, rtol=0)
    if diff_method == "best":
        # Backpropagation; the shift rule is checked where the weights alone need it, which is quicker.
        for ours, theirs in zip(
            torch.autograd.grad(mixed.sum(), leaves), torch.autograd.grad(exact.sum(), leaves), strict=True
        ):
            assert_close(ours, theirs, atol=1e-8, rtol=0)


def test_parameter_shift_on_default_mixed() -> None:
    circuit = DataReupload(2, 2)
    inputs, weights = random_angles(circuit, 1, batch=3)
    noise = depolarizing(0.1) + readout(0.1)
    mixed = PennyLaneEngine(circuit, noise=noise, diff_method="parameter-shift")
    exact = LightConeEngine(circuit, noise=noise)
    ours = torch.autograd.grad(mixed(inputs.detach(), weights).sum(), weights)[0]
    theirs = torch.autograd.grad(exact(inputs.detach(), weights).sum(), weights)[0]
    assert_close(ours, theirs, atol=1e-8, rtol=0)


def test_spare_wires_of_a_chip_are_on_the_device() -> None:
    # Nighthawk's smallest ring has four qubits, one of them spare.
    noise, circuit = chip("nighthawk", 3, "ring"), DataReupload(3, 2)
    leaves = random_angles(circuit, 4, batch=2)
    ours = LightConeEngine(circuit, noise=noise)(*leaves)
    assert noise.n_wires == 4
    assert_close(PennyLaneEngine(circuit, noise=noise)(*leaves), ours, atol=1e-10, rtol=0)
    with pytest.raises(ValueError, match="device: got 3 wires, expected at least 4"):
        PennyLaneEngine(circuit, qml.device("default.mixed", wires=3), noise=noise)


@pytest.mark.parametrize("noise", [None, depolarizing(0.05) + readout(0.02, 0.2)])
def test_shots_are_draws_of_the_exact_values(noise: Noise | None) -> None:
    leaves = random_angles(CIRCUIT, 5, batch=2)
    shots = 4000
    drawn = PennyLaneEngine(CIRCUIT, noise=noise, shots=shots)(*leaves)
    exact = LightConeEngine(CIRCUIT, noise=noise)(*leaves)
    assert ((drawn - exact).abs() <= 4 * ((1 - exact**2).clamp(min=1 / shots) / shots).sqrt()).all()


def test_the_same_generator_gives_the_same_numbers() -> None:
    inputs, weights = random_angles(CIRCUIT, 5, batch=2)

    def run(seed: int) -> torch.Tensor:
        engine = PennyLaneEngine(CIRCUIT, noise=paper(), shots=50, generator=torch.Generator().manual_seed(seed))
        return engine(inputs.detach(), weights.detach())

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


def test_gradients_from_shots_are_parameter_shifts() -> None:
    circuit = DataReupload(2, 1)
    leaves = random_angles(circuit, 5, batch=1)
    drawn = torch.autograd.grad(PennyLaneEngine(circuit, noise=paper(), shots=4000)(*leaves).sum(), leaves)
    exact = torch.autograd.grad(LightConeEngine(circuit, noise=paper())(*leaves).sum(), leaves)
    for ours, theirs in zip(drawn, exact, strict=True):
        assert_close(ours, theirs, atol=4 * (2 / 4000) ** 0.5, rtol=0)


@pytest.mark.parametrize("device", ["default.qubit", "lightning.qubit"])
def test_devices_of_state_vectors_are_refused(device: str) -> None:
    with pytest.raises(ValueError, match=r"expected default\.mixed"):
        PennyLaneEngine(CIRCUIT, device, noise=paper())


def test_the_lightcone_device_takes_the_noise_of_a_layer() -> None:
    circuit = DataReupload(2, 1)
    leaves = random_angles(circuit, 5, batch=2)
    ours = PennyLaneEngine(circuit, "sqnn.lightcone", noise=paper())(*leaves)
    assert_close(ours, LightConeEngine(circuit, noise=paper())(*leaves), atol=1e-10, rtol=0)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="shots: got 0"):
        PennyLaneEngine(CIRCUIT, shots=0)
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), "t")
    with pytest.raises(ValueError, match="no error would ever"):
        PennyLaneEngine(CIRCUIT, noise=from_aer(model))


def test_lost_channels_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """PennyLane inserts nothing, without a word, where no condition matches: that must not pass."""
    monkeypatch.setattr("circuits.engines.pennylane.noisy_qnode.qml.add_noise", lambda qnode, model: qnode)
    with pytest.raises(RuntimeError, match="inserted 0 channels"):
        PennyLaneEngine(CIRCUIT, noise=paper())


def test_without_noise_nothing_changes() -> None:
    engine = PennyLaneEngine(CIRCUIT)
    assert engine.device.name == "default.qubit"
    inputs, weights = random_angles(CIRCUIT, 0, batch=1)
    tape = qml.workflow.construct_tape(engine.qnode, level="user")(inputs, weights)
    assert {operation.name for operation in tape.operations} == {"Rot", "CZ"}
