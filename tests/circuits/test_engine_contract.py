"""The contract of an engine: anybody can write one, and a call's generator serves that call alone."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator

import jaxtyping
import numpy as np
import pytest
import torch
from kronecker import oracle, random_angles
from torch import Tensor
from torch.testing import assert_close

from circuits import ENGINES, DataReupload, Engine, ReuploadLayer, make_engine
from noise_models import Noise, depolarizing

CIRCUIT = DataReupload(3, 2)
SHOTS = {"shots": 50}


class Kronecker(Engine):
    """Dense matrices by Kronecker products, exact or with shots."""

    name = "kronecker"

    def __init__(self, circuit: DataReupload, *, observable: str = "Z", shots: int | None = None) -> None:
        super().__init__(circuit, observable=observable, shots=shots)

    def __call__(self, inputs: Tensor, weights: Tensor, generator: torch.Generator | None = None) -> Tensor:
        exact = oracle(self.circuit, inputs, weights, self.observable)
        if self.shots is None:
            return exact
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        chance = ((1 + exact) / 2).clamp(0, 1).expand(self.shots, *exact.shape)
        return 2 * torch.bernoulli(chance, generator=generator).mean(0) - 1


@pytest.mark.parametrize("observable", ["Z", "X", "ZZ"])
def test_an_engine_of_ones_own_is_an_engine(observable: str) -> None:
    inputs, weights = random_angles(CIRCUIT, 3, batch=2)
    toy, ours = (make_engine(engine, CIRCUIT, observable=observable) for engine in (Kronecker, "lightcone"))
    assert_close(toy(inputs, weights), ours(inputs, weights), atol=1e-10, rtol=0)
    for one, other in zip(
        *(torch.autograd.grad(engine(inputs, weights).cos().sum(), (inputs, weights)) for engine in (toy, ours)),
        strict=True,
    ):
        assert_close(one, other, atol=1e-8, rtol=0)


def test_a_layer_takes_an_engine_of_ones_own() -> None:
    inputs = random_angles(CIRCUIT, 3, batch=2)[0].detach()
    layer = ReuploadLayer(3, 2, engine=Kronecker).double()
    other = layer.with_engine("lightcone")
    assert other.weights is layer.weights
    assert_close(layer(inputs), other(inputs), atol=1e-10, rtol=0)
    assert isinstance(other.with_engine(Kronecker, shots=20).with_noise(None).engine, Kronecker)
    with pytest.raises(ValueError, match="engine: kronecker takes observable, shots, got noise"):
        layer.with_noise("depolarizing:0.1")


def test_a_class_without_a_call_is_no_engine() -> None:
    class Unfinished(Engine):
        name = "unfinished"

    with pytest.raises(TypeError, match="__call__"):
        make_engine(Unfinished, CIRCUIT)


@pytest.mark.parametrize("engine", [3, None, int, "fast"])
def test_what_is_no_engine_is_refused(engine) -> None:
    with pytest.raises(ValueError, match=r"engine: got .*, expected one of lightcone, pennylane, aer"):
        make_engine(engine, CIRCUIT)


@pytest.mark.parametrize("device", ["default.qubit", "default.mixed", "lightning.qubit"])
def test_a_pennylane_device_is_told_from_an_engine(device: str) -> None:
    with pytest.raises(ValueError, match=r"expected one of .*engine='pennylane', device='" + re.escape(device)):
        make_engine(device, CIRCUIT)
    with pytest.raises(ValueError, match="that is a PennyLane device"):
        ReuploadLayer(3, 2, engine=device)
    assert make_engine("pennylane", CIRCUIT, device=device).device.name == device


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_keeps_the_contract(name: str) -> None:
    engine = make_engine(name, CIRCUIT, noise=depolarizing(0.1), shots=20)
    inputs, weights = random_angles(CIRCUIT, 3, batch=2)
    assert isinstance(engine, Engine)
    assert (engine.name, engine.circuit, engine.noise, engine.shots) == (name, CIRCUIT, depolarizing(0.1), 20)
    assert engine.observable == "Z"
    out = engine(inputs, weights)
    assert (out.shape, out.dtype) == ((2, 3), torch.float64)
    assert engine(inputs[:0], weights).shape == (0, 3)
    assert "<Z>, 20 shots, under depolarizing(0.1)" in repr(engine)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("noise", [None, depolarizing(0.1)])
def test_one_call_for_values_and_gradients(name: str, noise: Noise | None) -> None:
    if name == "runtime" and noise is None:
        pytest.skip("it has no exact values")
    engine = make_engine(name, CIRCUIT, noise=noise, **(SHOTS if name == "runtime" else {}))
    inputs, weights = random_angles(CIRCUIT, 3, batch=2)
    seed = torch.Generator().manual_seed
    for grad in (None, torch.tensor([[0.3, -1.0, 2.0], [0.0, 1.5, -0.2]], dtype=torch.float64)):
        values = engine(inputs, weights, seed(1))
        given = torch.ones_like(values) if grad is None else grad
        wanted = values.detach(), *torch.autograd.grad(values, (inputs, weights), given)
        with torch.no_grad():
            found = engine.value_and_grad(inputs, weights, grad, seed(1))
        for one, other in zip(found, wanted, strict=True):
            assert not one.requires_grad
            assert_close(one, other, atol=1e-12, rtol=0)
    assert inputs.grad is weights.grad is None
    with pytest.raises(ValueError, match=r"grad: got shape \[2, 2\], expected \[2, 3\]"):
        engine.value_and_grad(inputs, weights, torch.ones(2, 2))


SHAPES = """
import torch
from circuits import DataReupload, ENGINES, make_engine
for name in ENGINES:
    engine = make_engine(name, DataReupload(3, 2), **({"shots": 5} if name == "runtime" else {}))
    for x, w in (((4, 8), (2, 3, 3)), ((9,), (2, 3, 3)), ((4, 9), (3, 3, 3)), ((4, 9), (2, 3, 2)), ((4, 9), (2, 4, 3))):
        for call in (engine, engine.value_and_grad):
            try:
                print(name, call(torch.ones(x), torch.ones(w)))
            except ValueError as error:
                assert "got shape" in str(error) and "expected [" in str(error), error
"""


def test_angles_of_another_circuit_are_refused_by_every_engine() -> None:
    """In a process of its own, where nobody checks the annotations of shapes before the engine does."""
    found = subprocess.run([sys.executable, "-c", SHAPES], capture_output=True, text=True, check=True)
    assert found.stdout == ""


@pytest.mark.parametrize("name", ENGINES)
def test_what_is_no_angle_is_refused_by_every_engine(name: str) -> None:
    engine = make_engine(name, CIRCUIT, **(SHOTS if name == "runtime" else {}))
    inputs, weights = (each.detach() for each in random_angles(CIRCUIT, 3, batch=2))
    for given, said in ((inputs.long(), "got torch.int64"), (inputs.numpy(), "got ndarray, Tensor")):
        for call in (engine, engine.value_and_grad):
            with pytest.raises(ValueError, match=said), unchecked():
                call(given, weights)
    with pytest.raises(ValueError, match=r"grad: got float, expected a tensor \[2, 3\]"), unchecked():
        engine.value_and_grad(inputs, weights, 1.0)


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
    """Nobody checks the annotations of shapes before the engine does."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def test_one_call_goes_through_no_transform_and_no_trained_noise() -> None:
    inputs, weights = (each.detach() for each in random_angles(CIRCUIT, 3, batch=2))
    engine = make_engine("lightcone", CIRCUIT)
    for dtype in (torch.float32, torch.float64):
        with pytest.raises(ValueError, match="value_and_grad: got tensors that torch"):
            torch.func.vmap(engine.value_and_grad, (0, None))(inputs.to(dtype)[:, None], weights.to(dtype))
    trained = make_engine("lightcone", CIRCUIT, noise=depolarizing(0.05), trained_noise=True)
    with pytest.raises(ValueError, match="value_and_grad: got an engine whose noise is trained"):
        trained.value_and_grad(inputs, weights)
    strengths = torch.tensor([0.2], dtype=torch.float64)
    assert not torch.equal(trained(inputs, weights, strengths=strengths), trained(inputs, weights))
    with pytest.raises(ValueError, match=r"strengths: got shape \[5\], expected \[1\]"):
        trained(inputs, weights, strengths=torch.ones(5))
    for fixed in (engine, make_engine("lightcone", CIRCUIT, noise=depolarizing(0.05))):
        with pytest.raises(ValueError, match="strengths: got some, and the noise is fixed"):
            fixed(inputs, weights, strengths=strengths)


@pytest.mark.parametrize("name", ["lightcone", "aer"])
def test_the_generator_of_a_call_serves_that_call_alone(name: str) -> None:
    inputs, weights = random_angles(CIRCUIT, 3, batch=2)
    engine, apart = (make_engine(name, CIRCUIT, **SHOTS, generator=torch.Generator().manual_seed(0)) for _ in range(2))

    def call(seed: int) -> list[Tensor]:
        out = engine(inputs, weights, torch.Generator().manual_seed(seed))
        return [out, *torch.autograd.grad(out.sum(), (inputs, weights))]

    first, again, other = call(1), call(1), call(2)
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[0], other[0])
    # What the engine draws by itself is what it would have drawn without those calls.
    assert torch.equal(engine(inputs, weights), apart(inputs, weights))


@pytest.mark.parametrize("name", ["lightcone", "aer", "runtime"])
def test_a_call_draws_what_an_engine_with_that_generator_draws(name: str) -> None:
    inputs, weights = random_angles(CIRCUIT, 3, batch=2)
    owner = make_engine(name, CIRCUIT, **SHOTS, generator=torch.Generator().manual_seed(5))
    passed = make_engine(name, CIRCUIT, **SHOTS)(inputs, weights, torch.Generator().manual_seed(5))
    assert torch.equal(owner(inputs, weights), passed)


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "runtime"])
def test_exact_values_need_no_generator(name: str) -> None:
    inputs, weights = random_angles(CIRCUIT, 3, batch=2)
    generator = torch.Generator().manual_seed(5)
    before = generator.get_state()
    engine = make_engine(name, CIRCUIT)
    assert torch.equal(engine(inputs, weights, generator), engine(inputs, weights))
    assert torch.equal(generator.get_state(), before)


def test_a_device_that_cannot_be_seeded_refuses_a_generator() -> None:
    inputs, weights = random_angles(CIRCUIT, 3, batch=2)
    with pytest.raises(ValueError, match="generator: got one for shots on a PennyLane device"):
        make_engine("pennylane", CIRCUIT, **SHOTS)(inputs, weights, torch.Generator())


def test_in_a_layer_such_a_device_keeps_its_own_seed() -> None:
    """The generator of a network also serves its encoder, so a layer does not refuse it."""
    inputs = random_angles(CIRCUIT, 3, batch=2)[0].detach()
    layer = ReuploadLayer(3, 2).double().with_engine("pennylane", **SHOTS)
    generator = torch.Generator().manual_seed(5)
    before = generator.get_state()
    layer(inputs, generator)
    assert torch.equal(generator.get_state(), before)


def test_printing_a_layer_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ideal = ReuploadLayer(3, 2)
    noisy = ideal.with_noise("torino")

    def refuse(*_):
        raise AssertionError("a circuit was compiled to be printed")

    monkeypatch.setattr("circuits.compile.compile_circuit", refuse)
    monkeypatch.setattr("circuits.compile.Writer", refuse)
    assert "weights=18 (15 effective)" in repr(ideal)
    assert "LightConeEngine(<Z>, exact)" in repr(ideal)
    assert "LightConeEngine(<Z>, exact, under <torino" in repr(noisy)
    assert "weights=18" in repr(noisy)


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    circuit = DataReupload(np.int64(3), np.int32(2))
    assert repr(circuit) == repr(CIRCUIT)
    assert [type(n) for n in (circuit.n_qubits, circuit.n_blocks)] == [int, int]
    assert make_engine("lightcone", circuit, shots=np.int64(7)).shots == 7
