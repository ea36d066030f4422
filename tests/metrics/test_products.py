"""Operations of any network: against counts tap by tap, of converted networks, of every step, and by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pennylane as qml
import pytest
import torch
from convertible import draw_images, plain
from torch import Tensor, nn
from torch.nn import functional as F

import sqnn
from circuits import QuantumLayer, ReuploadLayer
from sqnn.conversion import convert
from sqnn.core import ConfigError
from sqnn.metrics import EVALUATION_SEED, anytime, count_operations, operations

IMAGES = 4


def row(model: nn.Module, images: Tensor, layer: str) -> tuple[float, float, float]:
    """Multiply-accumulates, accumulates and shifts of one layer."""
    found = operations(model, images).frame.set_index("layer").loc[layer]
    return found.multiply_accumulates, found.accumulates, found.shifts


def taps(layer: nn.Conv2d | nn.ConvTranspose2d, counts: np.ndarray) -> float:
    """How often the weights of a layer meet the counts of an image [channels, height, width], tap by tap."""
    channels, height, width = counts.shape
    (kernel, _), (stride, _), (pad, _), (step, _) = layer.kernel_size, layer.stride, layer.padding, layer.dilation
    with torch.no_grad():
        rows, columns = layer(torch.zeros(1, channels, height, width)).shape[2:]
    total = 0.0
    for y, x, dy, dx in itertools.product(range(height), range(width), range(kernel), range(kernel)):
        if isinstance(layer, nn.ConvTranspose2d):
            place = (y * stride + dy * step - pad, x * stride + dx * step - pad)
            reads = 0 <= place[0] < rows and 0 <= place[1] < columns
        else:
            place = (y + pad - dy * step, x + pad - dx * step)
            reads = all(p % stride == 0 and 0 <= p // stride < n for p, n in zip(place, (rows, columns), strict=True))
        total += reads * counts[:, y, x].sum() * layer.out_channels / layer.groups
    return total


LAYERS = [
    nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2),
    nn.Conv2d(2, 3, 2, padding=2, dilation=2, bias=False),
    nn.ConvTranspose2d(2, 6, 3, stride=2, padding=1, groups=2),
]


class Ending(nn.Module):
    """A layer on what `prepare` makes of images, and logits of its means."""

    def __init__(self, layer: nn.Module, prepare=lambda images: images) -> None:
        super().__init__()
        self.layer, self.prepare = layer, prepare

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(self.prepare(images)).flatten(2).mean(2)


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("layer", LAYERS, ids=["groups", "dilated", "transposed"])
def test_convolutions_are_counted_tap_by_tap(layer: nn.Module) -> None:
    images = draws(IMAGES, 2, 5, 6)
    spikes = (images < 0.3).float()
    outputs = float(layer(images[:1]).numel())
    signed = torch.where(images < 0.1, -1.0, spikes)
    heights = spikes * torch.where(images < 0.1, 0.5, 0.125)
    sums = torch.where(images < 0.1, 3 * spikes, spikes)

    def mean(counts: Tensor) -> float:
        return sum(taps(layer, image.numpy()) for image in counts) / IMAGES

    assert 0 < mean(spikes) < mean(torch.ones_like(images))
    model = Ending(layer)
    assert row(model, images, "layer") == (taps(layer, np.ones((2, 5, 6))), 0, 0)
    assert row(model, spikes, "layer") == pytest.approx((0, mean(spikes), 0))
    assert row(model, signed, "layer") == pytest.approx((0, mean(signed.abs()), 0))
    assert row(model, heights, "layer") == pytest.approx((0, mean(spikes), outputs))
    assert row(model, sums, "layer") == pytest.approx((0, mean(sums), 0))
    assert row(model, 0.75 * spikes, "layer")[1] == 0


def test_sources_of_converted_networks_and_converted_networks_agree() -> None:
    model, images = plain(3), draw_images(IMAGES, 1, 4, 4)
    spiking = convert(model, images=images)
    counts = count_operations(spiking, images)
    for name in ("multiply_accumulates", "accumulates"):
        assert operations(model, images).total(name) == counts.source.total(name), name
    assert counts.source.total("multiply_accumulates") > 0
    assert operations(spiking, images) == counts.spiking


@pytest.fixture(scope="module")
def digits() -> sqnn.ImageData:
    return sqnn.load_data("digits").subset(train=20, validation=20, test=40)


@pytest.mark.parametrize("options", [{"hidden": (20,)}, {"hidden": (12, 8), "recurrent": True}])
def test_a_spiking_perceptron_costs_what_its_steps_cost(digits, options: dict[str, object]) -> None:
    model = sqnn.create_model("snn-mlp", digits, timesteps=6, seed=2, **options)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)  # so that many neurons fire
    count, steps = operations(model, digits), anytime(model, digits.test)
    last = steps.frame.iloc[-1]
    assert count.total("accumulates") == pytest.approx(last.accumulates)
    assert count.energy() == pytest.approx(last.energy)
    assert count.total("multiply_accumulates") == 0
    if options["hidden"] == (20,):
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        with torch.no_grad():
            spikes = model.outputs(digits.test.floats(), generator)[0].sum() + steps.hidden[-1].sum()
        assert count.spikes == pytest.approx(float(spikes) / (40 * 30))


def test_competing_neurons_cost_their_inputs_and_their_counts(digits) -> None:
    model = sqnn.create_model("snn-wta", digits, neurons=12, timesteps=5, gain=3.0, seed=1)
    count = operations(model, digits.test)
    trains, currents = model._receive(digits.test.floats(), torch.Generator().manual_seed(EVALUATION_SEED))
    counts = model._counts(*model._compete(currents, most=3))
    assert float(counts.sum()) > 0
    expected = 12 * float(trains.fired.sum()) + 10 * float(counts.sum())
    assert count.total("accumulates") == pytest.approx(expected / 40)
    assert count.total("multiply_accumulates") == 0


def test_bit_planes_are_spikes_and_circuits_stand_apart(digits) -> None:
    model = sqnn.create_model("sqdr-cnn", digits, seed=1, n_qubits=3, channels=(2,))
    count = operations(model, digits.test)
    first = count.frame.set_index("layer").loc["frontend.blocks.0.conv"]
    planes = model.encoder.encode(digits.test.floats()) != 0
    expected = sum(taps(model.frontend.blocks[0].conv, image.numpy()) for image in planes.sum(0)) / 40
    assert first.accumulates == pytest.approx(expected)
    assert (first.multiply_accumulates, first.shifts) == (0, 8 * 2 * 64)
    # Rotations of data and weights on 3 wires in 2 blocks, and a ring of CZ between them.
    assert count.gates == 2 * 3 * 2 + 3
    assert "15 quantum gates (in no energy)" in str(count)
    assert not any(layer.startswith("circuit") for layer in count.frame.layer)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    own = QuantumLayer(qml.StronglyEntanglingLayers, n_qubits=3, n_blocks=2)
    layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), own)
    assert operations(layers, digits.test.floats(slice(3))).gates == 3 + 2 * (3 + 3)
    assert operations(layers, digits.test.floats(slice(3))).total("multiply_accumulates") == 64 * 3


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.memory, self.matrix = nn.LSTM(8, 5, batch_first=True), nn.Parameter(torch.ones(5, 10))

    def forward(self, images: Tensor) -> Tensor:
        rows = images[:, 0] + self.attention(images[:, 0], images[:, 0], images[:, 0], need_weights=False)[0]
        return F.scaled_dot_product_attention(self.memory(rows)[0], rows[..., :5], rows[..., :5])[:, 0] @ self.matrix


def test_products_within_torch_are_counted_too(digits) -> None:
    images = digits.test.floats(slice(6)) * 0.9
    counted = operations(Attending(), images).frame.set_index("layer").multiply_accumulates
    assert counted["attention"] == 4 * 8 * 8 * 8 + 2 * 8 * 8 * 8
    assert counted["memory"] == 8 * (4 * 5) * (8 + 5)
    assert counted["Attending"] == 8 * 8 * 5 * 2 + 5 * 10


def test_a_layer_that_starts_at_zero_multiplies(digits) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    nn.init.zeros_(model[1].weight)
    assert operations(model, digits.test.floats() * 0.9).total("multiply_accumulates") == 640


class Named(nn.Module):
    """A circuit that is called by the name of its argument."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = ReuploadLayer(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(generator=None, inputs=images.flatten(1)[:, :9])


def test_gates_of_a_circuit_that_is_called_by_name_are_counted(digits) -> None:
    assert operations(Named(), digits.test.floats(slice(3))).gates == 2 * 3 * 2 + 3


class Failing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = ReuploadLayer(3, 1)

    def forward(self, images: Tensor) -> Tensor:
        self.inner(images.flatten(1)[:, :9])
        raise RuntimeError("on purpose")


def test_no_hook_survives_an_error_and_input_is_checked(digits) -> None:
    model = Failing()
    with pytest.raises(RuntimeError, match="on purpose"):
        operations(model, digits.test)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    with pytest.raises(ConfigError, match=r"data: got shape \[0, 1, 8, 8\], expected at least one image"):
        operations(model, torch.zeros(0, 1, 8, 8))
    with pytest.raises(ConfigError, match="model: got str, expected a network"):
        operations("sqdr-cnn", digits.test)
    with pytest.raises(ConfigError, match="batch_size: got 0, expected a whole number of at least 1"):
        operations(model, digits.test, batch_size=0)


def test_what_inputs_are_is_settled_over_all_batches() -> None:
    """The first image's means over pairs are whole, the second's are not: the products of both are of numbers."""
    model = nn.Sequential(nn.AvgPool1d(2), nn.Flatten(), nn.Linear(2, 3, bias=False))
    images = torch.tensor([[[1.0, 1.0, 0.0, 0.0]], [[0.75, 0.0, 0.0, 0.75]]])
    counts = [operations(model, images, batch_size=size) for size in (1, 2)]
    assert [count.total("multiply_accumulates") for count in counts] == [6.0, 6.0]
    assert [count.total("accumulates") for count in counts] == [0.0, 0.0]
