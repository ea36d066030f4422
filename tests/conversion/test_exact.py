"""The claim itself: on random networks every spike is the bit of the source's activation that it stands for."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from classical_networks import NETWORKS, batch, build, numbers, settled
from convertible import IMAGE, SPECS, RandomNetwork, Spec, draw_images, plain, randomise
from hypothesis import given, settings
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from sqnn.conversion import SpikingNeuron, Verification, convert, verify
from sqnn.models import VisionTransformer
from sqnn.neurons import QCFS


def assert_exact(model: nn.Module, images: Tensor, **options: bool) -> Verification:
    """No bit differs, outputs agree to the last digits, and the model is left as it was."""
    before = copy.deepcopy(model.state_dict())
    spiking = convert(model, images=images, **options)
    found = verify(model, spiking, images)
    assert found.mismatches == 0, str(found)
    assert found.exact
    expected = model(images)
    scale = numbers(expected).abs().max().item()
    assert_close(numbers(spiking(images)), numbers(expected), atol=1e-10 * max(1, scale), rtol=0)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    return found


def check_random_networks(count: int) -> None:
    spikes: list[float] = []

    @settings(max_examples=count)
    @given(SPECS)
    def check(spec: Spec) -> None:
        model = RandomNetwork(spec)
        images = 2 * draw_images(3, *IMAGE, seed=spec.seed) - 0.5
        found = assert_exact(model, images, fold_batch_norm=spec.seed % 2 == 1)
        spikes.append(found.spikes / found.timesteps)

    check()
    # Silence would agree with anything.
    assert sum(spikes) / len(spikes) > 0.15


def test_random_networks() -> None:
    check_random_networks(60)


@pytest.mark.slow
def test_many_random_networks() -> None:
    check_random_networks(300)


def lively(name: str, timesteps: int, **options) -> nn.Module:
    """A source network with random weights, norms that have seen two batches, thresholds of various sizes."""
    options = {"activation": "qcfs", "timesteps": timesteps, "initial_threshold": 1.0, **options}
    model = settled(build(name, **options), steps=2)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, QCFS):
                layer.raw_threshold.add_(
                    torch.linspace(-0.5, 0.5, layer.raw_threshold.numel()).view_as(layer.threshold)
                )
        for path, layer in model.named_modules():
            if "_head." in path and isinstance(layer, nn.Conv2d):
                layer.weight *= 50  # the detector's heads start at next to nothing
    return model


@pytest.mark.parametrize("timesteps", [2, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_source_networks(name: str, timesteps: int) -> None:
    model = lively(name, timesteps, thresholds="channel" if timesteps == 2 else "layer")
    found = assert_exact(model, batch(model, 3))
    assert min(layer.spikes for layer in found.layers) > 0
    assert found.spikes > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("timesteps", [1, 3, 6, 8])
@pytest.mark.parametrize("name", NETWORKS)
def test_source_networks_of_other_bits(name: str, timesteps: int) -> None:
    model = lively(name, timesteps, size=(13, 13) if name != "vit" else (12, 12))
    for options in ({}, {"fold_batch_norm": True}):
        assert_exact(model, batch(model, 4), **options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_fused_order_is_the_source_to_the_last_bit(name: str, dtype: torch.dtype) -> None:
    model = lively(name, 3).to(dtype)
    images = batch(model, 3)
    fused = convert(model).using("fused")
    expected = model(images)
    assert torch.equal(numbers(fused(images)), numbers(expected))
    output, spikes = fused.record(images)
    assert torch.equal(numbers(output), numbers(expected))
    found = verify(model, fused, images)
    assert (found.mismatches, found.output_difference, found.order) == (0, 0, "fused")
    assert sum(int(train.sum()) for train in spikes.values()) == round(
        sum(n.spikes * n.neurons for n in found.layers) * 3
    )


class Attention(nn.Module):
    """Softmax, products of two trains, a norm and a gate between layers that spike."""

    def __init__(self, timesteps: int) -> None:
        super().__init__()
        self.embed = nn.Linear(5, 6)
        self.first = QCFS(timesteps, channels=6, channel_axis=-1)
        self.query, self.key, self.value = (nn.Linear(6, 6) for _ in range(3))
        self.second = QCFS(timesteps)
        self.norm = nn.LayerNorm(6)
        self.third = QCFS(timesteps)
        self.gate = nn.Linear(6, 6)
        self.position = nn.Parameter(torch.zeros(4, 6))
        self.last = nn.Linear(6, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        spikes = self.first(self.embed(tokens) + self.position)
        query, key, value = self.query(spikes), self.key(spikes), self.second(self.value(spikes))
        scores = torch.matmul(query, key.transpose(1, 2)) / math.sqrt(6)
        mixed = torch.matmul(F.softmax(scores, dim=-1), value)
        rest = self.third(self.norm(mixed + spikes))
        gated = rest * torch.sigmoid(self.gate(rest))
        return self.last(gated.mean(1)) - 2 * self.last(rest[:, 0])


class Squares(nn.Module):
    """Products of a train with itself, and quotients, of which only that by a number goes step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.one, self.two, self.three = QCFS(3), QCFS(3), QCFS(3)

    def forward(self, values: Tensor) -> Tensor:
        spikes = self.one(self.first(values))
        current = self.second(spikes) / 2
        doubled = self.two(current + current)
        squared = self.three(current * current + 3 / (1 + doubled))
        return self.last(squared) + torch.div(self.last(doubled), 0.5, rounding_mode="floor")


@pytest.mark.parametrize("timesteps", [2, 4, 8])
def test_islands_compute_on_sums_over_time(timesteps: int) -> None:
    model = randomise(Attention(timesteps), seed=timesteps)
    assert_exact(model, draw_images(6, 4, 5) * 2 - 1)


def test_products_are_islands_unless_with_a_number() -> None:
    model = randomise(Squares())
    images = draw_images(8, 5) * 4 - 2
    assert_exact(model, images)
    decodes = [name for name, _ in convert(model).spiking.named_children() if name.startswith("decode")]
    assert len(decodes) < 7


@pytest.mark.parametrize("postponed", [False, True])
def test_a_folded_norm_is_gone(postponed: bool) -> None:
    model = randomise(
        nn.Sequential(
            nn.Conv2d(1, 3, 3, bias=False),
            nn.BatchNorm2d(3, affine=False),
            QCFS(3),
            nn.Conv2d(3, 4, 3),
            nn.BatchNorm2d(4),
            QCFS(3),
            nn.BatchNorm2d(4),
            nn.Flatten(),
            nn.Linear(4 * 16, 3),
        )
    )
    spiking = convert(model, fold_batch_norm=True, postponed=postponed)
    norms = [layer for layer in spiking.spiking.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 1  # behind spikes, with no convolution to merge it into
    images = draw_images(4, 1, 8, 8)
    assert_close(spiking.source(images), model(images), atol=1e-10, rtol=1e-12)
    if postponed:
        assert_exact(model, images, fold_batch_norm=True)
    else:
        shifted = convert(model, postponed=False)
        assert_close(spiking(images), shifted(images), atol=1e-10, rtol=0)


def test_the_first_layer_acts_once_and_the_others_on_every_step() -> None:
    model = plain(4)
    spiking = convert(model)
    rows: dict[str, int] = {}
    for name, layer in spiking.spiking.named_modules():
        layer.register_forward_hook(lambda _, args, __, name=name: rows.__setitem__(name, len(args[0])))
    spiking.record(draw_images(5, 1, 4, 4))
    layers = dict(spiking.spiking.named_modules())
    takes = [layer.takes_train for layer in layers.values() if isinstance(layer, SpikingNeuron)]
    assert takes == [False, True, True]
    convolutions = [rows[name] for name, layer in layers.items() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert convolutions == [5, 20, 20, 20]


@pytest.mark.parametrize("images", [1, 2, 5, 9])
def test_a_part_of_the_images_goes_through_at_a_time(images: int) -> None:
    """With four steps a layer never holds more than four rows above the images: steps take no memory."""
    model = plain(4)
    spiking = convert(model)
    rows: list[int] = []
    for layer in spiking.spiking.modules():
        layer.register_forward_hook(lambda _, args, __: rows.append(len(args[0])))
    given = draw_images(images, 1, 4, 4)
    assert_close(spiking(given), model(given), atol=1e-12, rtol=0)
    assert max(rows) <= images + 4


def test_what_spikes_follows_the_network_in_training_mode_too() -> None:
    """Dropout and batch statistics belong to training: a conversion has neither."""
    model = randomise(nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), QCFS(3), nn.Dropout(0.5), nn.Linear(6, 3)))
    images = draw_images(8, 5)
    expected = model(images)
    spiking = convert(model.train()).train()
    assert model.training
    assert_close(spiking(images), expected, atol=1e-12, rtol=0)


def test_a_vision_transformer_of_many_heads_keeps_its_channels_last() -> None:
    model = lively("vit", 4, thresholds="channel", heads=2, depth=1)
    assert isinstance(model, VisionTransformer)
    neurons = [layer for layer in convert(model).modules() if isinstance(layer, SpikingNeuron)]
    assert {layer.channel_axis for layer in neurons} == {-1}
    assert_exact(model, batch(model, 3))
