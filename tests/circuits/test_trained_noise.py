"""Noise of trained strengths: values of the fixed noise, gradients against differences, and a fit that finds them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from circuits import DataReupload, LightConeEngine, ReuploadLayer
from circuits.engines.heisenberg import TrainedNoise
from noise_models import Noise, parse_noise

NOISES = {
    "bit-flip:0.05": [0.05],
    "phase-flip:0.1,wires=[0,2]+readout:0.02,0.05": [0.1],
    "depolarizing:0.03,on=id+overrotation:0.1,axis=y": [0.03, 0.1],
    "two-qubit-depolarizing:0.04+amplitude-damping:0.06+two-qubit-depolarizing:0.02,wires=[0-1]": [0.06],
    "phase-damping:0.2+thermal-relaxation:2us,1us,u=20ns,cz=90ns,measure=50ns,idle=true+bit-flip:0.02,on=cz": [
        0.2,
        0.02,
    ],
    "overrotation:0.2,x,on=cz+depolarizing:0.1": [0.2, 0.1],
}
QUICK = [text for text in NOISES if "on=cz" in text]
CIRCUITS = [DataReupload(3, 3, "brick"), DataReupload(3, 2, "line"), DataReupload(3, 1, "none")]


def angles(circuit: DataReupload) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(2)
    inputs = torch.rand(3, circuit.n_inputs, generator=draw, dtype=torch.float64) * 3
    return inputs, torch.rand(circuit.weight_shape, generator=draw, dtype=torch.float64) * 3


def fixed(circuit: DataReupload, noise: Noise, observable: str) -> Callable[[Tensor], Tensor]:
    """The mean of what the engine gives under fixed noise, as a function of the strengths."""
    inputs, weights = angles(circuit)
    parts = TrainedNoise(noise)
    return lambda s: LightConeEngine(circuit, observable, noise=parts.noise_at(s))(inputs, weights).pow(2).sum()


@pytest.mark.parametrize(
    ("text", "circuit"),
    [
        *((text, CIRCUITS[1]) for text in NOISES if text in QUICK),
        *(pytest.param(text, CIRCUITS[1], marks=pytest.mark.slow) for text in NOISES if text not in QUICK),
        *(pytest.param(text, CIRCUITS[0], marks=pytest.mark.slow) for text in NOISES),
    ],
)
def test_values_and_slopes_are_those_of_the_fixed_noise(text: str, circuit: DataReupload) -> None:
    check(circuit, text, "X" if "id" in text else "Z")


@pytest.mark.parametrize(
    ("circuit", "observable"),
    [
        (DataReupload(3, 2, "line"), "ZZ, X0 Y2, Z"),
        (DataReupload(3, 2, [(0, 1), (2, 1)], "cnot", "block"), "Z"),
        (DataReupload(3, 2, "line", "crz", "added"), "Y1 Z2, X"),
    ],
)
def test_several_observables_other_gates_and_scaled_data(circuit: DataReupload, observable: str) -> None:
    check(circuit, "depolarizing:0.1+amplitude-damping:0.06,on=cz+two-qubit-depolarizing:0.02", observable)


def check(circuit: DataReupload, text: str, observable: str) -> None:
    noise, given = parse_noise(text), NOISES.get(text, [0.1, 0.06])
    engine = LightConeEngine(circuit, observable, noise=noise, trained_noise=True)
    strengths = torch.tensor(given, dtype=torch.float64, requires_grad=True)
    assert engine.trained is not None
    assert engine.trained.start == given
    inputs, weights = (tensor.requires_grad_() for tensor in angles(circuit))
    value = engine(inputs, weights, strengths=strengths).pow(2).sum()
    other = LightConeEngine(circuit, observable, noise=noise)(inputs, weights).pow(2).sum()
    assert_close(value, other, rtol=1e-10, atol=0)
    slopes, *ours = torch.autograd.grad(value, (strengths, inputs, weights))
    for one, same in zip(ours, torch.autograd.grad(other, (inputs, weights)), strict=True):
        assert_close(one, same, rtol=0, atol=1e-10)
    at, h = fixed(circuit, noise, observable), 2e-4
    for number, slope in enumerate(slopes):
        step = torch.zeros_like(strengths)
        step[number] = h
        near, far = (float(at(strengths.detach() + k * step) - at(strengths.detach() - k * step)) for k in (1, 2))
        assert float(slope) == pytest.approx((8 * near - far) / (12 * h), rel=1e-6, abs=1e-8)
        assert abs(float(slope)) > 1e-3


def test_a_slope_at_no_noise_is_that_of_the_first_little() -> None:
    circuit = CIRCUITS[1]
    for text in ("depolarizing:0", "phase-damping:0"):
        engine = LightConeEngine(circuit, noise=parse_noise(text), trained_noise=True)
        zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(engine(*angles(circuit), strengths=zero).pow(2).sum(), zero)
        at, h = fixed(circuit, parse_noise(text), "Z"), 1e-4
        none, near, far = (float(at(zero.detach() + k * h)) for k in (0, 1, 2))
        assert float(slope) == pytest.approx((4 * near - far - 3 * none) / (2 * h), rel=1e-4)


@pytest.mark.slow
def test_all_derivatives_of_both_orders() -> None:
    circuit = CIRCUITS[2]
    noise = parse_noise("amplitude-damping:0.1+overrotation:0.3,x")
    engine = LightConeEngine(circuit, noise=noise, trained_noise=True, memory_budget=1)
    inputs, weights = (tensor.requires_grad_() for tensor in angles(circuit))
    strengths = torch.tensor([0.1, 0.3], dtype=torch.float64, requires_grad=True)
    call = lambda x, w, s: engine(x[:1], w, strengths=s)  # noqa: E731
    assert torch.autograd.gradcheck(call, (inputs, weights, strengths))
    assert torch.autograd.gradgradcheck(call, (inputs, weights, strengths))


@pytest.mark.slow
def test_a_fit_finds_the_strengths_of_the_noise_that_made_the_data() -> None:
    layer = ReuploadLayer(
        3, 2, noise="amplitude-damping:0.02+depolarizing:0.02+readout:0.03", trained_noise=True
    ).double()
    truth = layer.with_noise("amplitude-damping:0.15+depolarizing:0.06+readout:0.03")
    assert truth.strengths is None
    assert truth.weights is layer.weights
    inputs = torch.rand(20, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 6
    told = truth(inputs).detach()
    optimizer = torch.optim.LBFGS([layer.strengths], max_iter=40, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = 100 * (layer(inputs) - told).square().mean()
        value.backward()
        return value

    optimizer.step(loss)
    assert_close(layer.strengths.detach().abs(), torch.tensor([0.15, 0.06], dtype=torch.float64), atol=1e-4, rtol=0)
    for engine in ("lightcone", "aer"):
        other = layer.with_engine(engine)
        assert other.strengths is None
        assert_close(other(inputs[:4]), layer(inputs[:4]), atol=1e-7, rtol=0)


def test_a_layer_trains_strengths_factors_and_couplings_together() -> None:
    """Slopes of every parameter against the same layer under fixed noise on another engine."""
    options = {"entangling_gate": "crz", "data_scaling": "block", "observable": "Z, Z0 Z2"}
    layer = ReuploadLayer(3, 2, "line", noise="bit-flip:0.1+readout:0.02", trained_noise=True, **options).double()
    inputs = torch.rand(2, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 6
    other, names = layer.with_engine("pennylane"), ("weights", "scales", "couplings")
    assert [*dict(layer.named_parameters())] == [*names, "strengths"]
    assert_close(layer(inputs), other(inputs), atol=1e-7, rtol=0)
    ours, theirs = (
        torch.autograd.grad(one(inputs).pow(2).sum(), [vars_of[name] for name in names])
        for one in (layer, other)
        for vars_of in [dict(layer.named_parameters())]
    )
    for one, same in zip(ours, theirs, strict=True):
        assert_close(one, same, atol=1e-6, rtol=0)
    for kept in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert set(kept.state_dict()) == {*names, "strengths"}
        assert torch.equal(kept(inputs), layer(inputs))
        assert str(kept.noise) == str(layer.noise)


def test_a_strength_beyond_what_is_physical_is_its_mirror_image() -> None:
    layer = ReuploadLayer(2, 2, noise="bit-flip:0.1+overrotation:0.2,z+amplitude-damping:0.1", trained_noise=True)
    assert str(layer.noise) == "bit_flip(0.1) + overrotation(0.2, 'z') + amplitude_damping(0.1)"
    layer = layer.double()
    with torch.no_grad():
        layer.strengths.copy_(torch.tensor([-0.25, -0.5, 1.5]))
    assert str(layer.noise) == "bit_flip(0.25) + overrotation(-0.5, 'z') + amplitude_damping(0.5)"
    inputs = torch.rand(3, 6, dtype=torch.float64)
    assert_close(layer(inputs), layer.with_noise(layer.noise)(inputs), atol=1e-12, rtol=0)
    (beyond,) = torch.autograd.grad(layer(inputs).sum(), layer.strengths)
    with torch.no_grad():
        layer.strengths.copy_(torch.tensor([0.25, -0.5, 0.5]))
    (within,) = torch.autograd.grad(layer(inputs).sum(), layer.strengths)
    assert_close(beyond, within * torch.tensor([-1, 1, -1]), atol=1e-12, rtol=0)
    assert bool((within.abs() > 1e-6).all())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "trained_noise: got True without noise"),
        ({"noise": "readout:0.1"}, r"trained_noise: got readout\(0.1\), expected a kind of one qubit with a strength"),
        ({"noise": "paper", "engine": "aer"}, "engine: aer takes .*, got trained_noise"),
    ],
)
def test_what_has_no_strength_to_train_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReuploadLayer(2, 2, trained_noise=True, **options)
