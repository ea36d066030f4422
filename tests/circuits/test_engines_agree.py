"""Three independent ways to evaluate a circuit give the same values and the same gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from kronecker import oracle, random_angles, random_circuits
from torch.testing import assert_close

from circuits import ENTANGLERS, DataReupload, ReuploadLayer, make_engine
from circuits.engines.lightcone import choose_method

VALUE, GRADIENT = 1e-10, 1e-8


def value_and_gradients(evaluate, circuit, seed, batch):
    inputs, weights = random_angles(circuit, seed, batch)
    out = evaluate(inputs, weights)
    # A fixed random combination of all outputs: its gradient sees every output.
    mix = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed + 1), dtype=out.dtype)
    return out.detach(), torch.autograd.grad((out * mix).sum(), (inputs, weights))


def assert_agree(name, theirs, ours):
    """Values and gradients [inputs, weights] of the light cone against those of the engine `name`."""
    assert_close(ours[0], theirs[0], atol=VALUE, rtol=0, msg=lambda m: f"value against {name}: {m}")
    for one, other in zip(ours[1], theirs[1], strict=True):
        assert_close(one, other, atol=GRADIENT, rtol=0, msg=lambda m: f"gradient against {name}: {m}")


@settings(max_examples=100)
@given(drawn=random_circuits())
def test_lightcone_equals_pennylane_and_kronecker_products(drawn) -> None:
    circuit, seed = drawn
    ours = value_and_gradients(make_engine("lightcone", circuit), circuit, seed, batch=2)
    others = {
        "pennylane": make_engine("pennylane", circuit),
        "kronecker": lambda inputs, weights: oracle(circuit, inputs, weights),
    }
    for name, evaluate in others.items():
        assert_agree(name, value_and_gradients(evaluate, circuit, seed, batch=2), ours)


LARGE = [
    ("closed form", 11, 2),
    ("Pauli paths", 9, 3),
    ("Pauli paths", 11, 4),
    ("windows", 14, 5),
    ("register", 9, 5),
]


@pytest.mark.parametrize("entangler", ["ring", "line", "brick"])
@pytest.mark.parametrize(("method", "n_qubits", "n_blocks"), LARGE)
def test_each_method_on_a_large_register(method: str, n_qubits: int, n_blocks: int, entangler: str) -> None:
    circuit = DataReupload(n_qubits, n_blocks, entangler)
    assert choose_method(circuit) == method, "this circuit was meant to be evaluated in another way"
    ours, theirs = (
        value_and_gradients(make_engine(e, circuit), circuit, 7, batch=3) for e in ("lightcone", "pennylane")
    )
    assert_agree("pennylane", theirs, ours)


@settings(max_examples=20)
@given(drawn=random_circuits(max_qubits=5, max_blocks=4))
def test_gradients_equal_finite_differences(drawn) -> None:
    circuit, seed = drawn
    inputs, weights = random_angles(circuit, seed, batch=2)
    assert torch.autograd.gradcheck(make_engine("lightcone", circuit), (inputs, weights), eps=1e-6, atol=1e-7)


@pytest.mark.parametrize("entangler", ENTANGLERS)
@pytest.mark.parametrize("n_blocks", [1, 2, 3, 4])
def test_second_derivatives_equal_finite_differences(entangler: str, n_blocks: int) -> None:
    circuit = DataReupload(4, n_blocks, entangler)
    inputs, weights = random_angles(circuit, 3, batch=1)
    assert torch.autograd.gradgradcheck(make_engine("lightcone", circuit), (inputs, weights), eps=1e-6, atol=1e-6)


@pytest.fixture
def double_by_default():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double_by_default")
@pytest.mark.parametrize(("device", "method"), [("lightning.qubit", "adjoint"), ("default.qubit", "parameter-shift")])
def test_other_pennylane_devices_and_gradients_agree(device: str, method: str) -> None:
    circuit = DataReupload(4, 3)
    engine = make_engine("pennylane", circuit, device=device, diff_method=method)
    ours = value_and_gradients(make_engine("lightcone", circuit), circuit, 5, batch=2)
    assert_agree(f"{device}, {method}", value_and_gradients(engine, circuit, 5, batch=2), ours)


@settings(max_examples=60)
@given(drawn=random_circuits(max_qubits=8, max_blocks=5))
def test_what_the_circuit_cannot_feel_has_no_gradient(drawn) -> None:
    """The last RZ of the last block commutes with Z: the weights counted as dead are dead, on every engine."""
    circuit, seed = drawn
    _, (_, weight_gradient) = value_and_gradients(make_engine("lightcone", circuit), circuit, seed, batch=4)
    assert_close(weight_gradient[-1, :, 2], torch.zeros(circuit.n_qubits, dtype=torch.float64), atol=1e-12, rtol=0)
    assert circuit.n_weights - circuit.n_effective_weights == circuit.n_qubits


@pytest.mark.parametrize("n_blocks", [1, 2, 3])
@pytest.mark.parametrize("entangler", ["ring", "line"])
def test_a_wire_outside_the_cone_changes_nothing(n_blocks: int, entangler: str) -> None:
    circuit = DataReupload(9, n_blocks, entangler)
    inputs, weights = random_angles(circuit, 1, batch=2)
    gradient = torch.autograd.grad(make_engine("pennylane", circuit)(inputs, weights)[:, 4].sum(), inputs)[0]
    reached = gradient.reshape(2, 9, 3).abs().amax((0, 2)) > 1e-12
    assert reached.tolist() == [abs(wire - 4) < n_blocks for wire in range(9)]


def test_layer_keeps_its_weights_when_the_engine_changes() -> None:
    layer = ReuploadLayer(5, 3).double()
    other = layer.with_engine("pennylane")
    inputs = torch.randn(2, 3, 15, dtype=torch.float64)
    assert other.weights is layer.weights
    assert_close(other(inputs), layer(inputs), atol=VALUE, rtol=0)
    with torch.no_grad():
        layer.weights.add_(0.3)
    assert_close(other(inputs), layer(inputs), atol=VALUE, rtol=0)
    other(inputs).sum().backward()
    assert layer.weights.grad is not None
    assert layer.weights.grad.abs().max() > 0
    assert list(layer.state_dict()) == list(other.state_dict()) == ["weights"]


def test_samples_do_not_see_their_batch_mates() -> None:
    layer = ReuploadLayer(9, 3).double()
    inputs = torch.randn(6, 27, dtype=torch.float64)
    alone = torch.cat([layer(row) for row in inputs.split(1)])
    assert_close(layer(inputs), alone, atol=1e-14, rtol=0)


def test_float32_stays_close_to_float64() -> None:
    layer = ReuploadLayer(9, 4)
    inputs = torch.randn(8, 27) * 3
    single = layer(inputs)
    assert single.dtype == torch.float32
    assert_close(single.double(), layer.double()(inputs.double()), atol=2e-6, rtol=0)


def test_building_and_running_engines_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    layer = ReuploadLayer(3, 2, generator=torch.Generator())
    for other in (layer, layer.with_engine("pennylane"), layer.with_engine("lightcone", shots=10)):
        other(torch.zeros(2, 9))
    assert torch.equal(torch.get_rng_state(), before)


def test_parameter_shift_of_the_weights_broadcasts_over_the_batch() -> None:
    """Inputs without a gradient need no execution a sample, and the gradient is the same."""
    circuit = DataReupload(3, 2)
    inputs, weights = random_angles(circuit, 1, batch=4)
    exact = torch.autograd.grad(make_engine("lightcone", circuit)(inputs, weights).sum(), weights)[0]
    engine = make_engine("pennylane", circuit, diff_method="parameter-shift")
    with engine.device.tracker as tracker:
        shifted = torch.autograd.grad(engine(inputs.detach(), weights).sum(), weights)[0]
    assert_close(shifted, exact, atol=GRADIENT, rtol=0)
    assert tracker.totals["simulations"] == 1 + 2 * circuit.n_weights


def test_spsa_repeats_with_its_generator() -> None:
    import numpy as np

    circuit = DataReupload(3, 2)
    inputs, weights = random_angles(circuit, 1, batch=2)

    def gradient(seed: int) -> torch.Tensor:
        options = {"sampler_rng": np.random.default_rng(seed)}
        engine = make_engine("pennylane", circuit, diff_method="spsa", gradient_options=options)
        return torch.autograd.grad(engine(inputs.detach(), weights).sum(), weights)[0]

    assert torch.equal(gradient(0), gradient(0))
    assert not torch.equal(gradient(0), gradient(1))
