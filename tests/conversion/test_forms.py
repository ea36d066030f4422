"""Converted networks and proofs print in one line; whole numbers may be NumPy's."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from classical_networks import batch, build, settled
from convertible import draw_images, plain
from torch import nn

from sqnn.conversion import convert, convert_rate, plane_code, prepare, rate_code, verify
from sqnn.conversion.match import sites_of
from sqnn.encoding import BitPlane, FourierSine, Latency, WeightedPhase
from sqnn.neurons import QCFS


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return settled(build("vgg11", activation="qcfs", timesteps=3))


def test_a_converted_network_is_one_line(model: nn.Module) -> None:
    neurons = sum(isinstance(module, QCFS) for module in model.modules())
    layers = sum(isinstance(module, nn.Conv2d | nn.Linear) for module in model.modules())
    counts = f"3 time steps, {layers} linear layers, {neurons} layers of neurons"
    assert repr(convert(model)) == f"SpikingNetwork(vgg11: exact, {counts}, order layer)"
    fused = convert(model).using("fused")
    assert repr(fused) == f"SpikingNetwork(vgg11: exact, {counts}, order fused)"
    fewer = repr(convert(model, planes=2))
    assert fewer.startswith("SpikingNetwork(vgg11: 2 of 3 bit planes, 2 time steps, ")
    assert "rate, learned thresholds, 5 time steps" in repr(convert_rate(model, 5))


def test_a_notebook_shows_the_threshold_of_every_layer_of_neurons(model: nn.Module) -> None:
    spiking = convert(model)
    page = spiking._repr_html_()
    assert repr(spiking) in page
    for path, threshold in spiking.thresholds.items():
        assert f"<td>{path}</td><td>{threshold.item():.4g}</td>" in page
    channels = settled(build("vgg11", activation="qcfs", timesteps=3, thresholds="channel"))
    assert convert(channels)._repr_html_().count("one per channel") == len(spiking.thresholds)


def test_a_proof_is_one_line(model: nn.Module) -> None:
    proof = verify(model, convert(model), batch(model, 4))
    assert repr(proof) == str(proof)
    assert repr(proof).startswith("exact: 0 of ")
    assert "\n" not in repr(proof)


def test_whole_numbers_of_numpy_are_whole_numbers(model: nn.Module) -> None:
    three = np.int64(3)
    assert plane_code(three, three) == plane_code(3, 3)
    assert rate_code(np.int32(5)) == rate_code(5)
    assert all(type(weight) is int for weight in (*plane_code(three).weights, plane_code(three).steps))
    assert QCFS(three).steps == 7
    assert BitPlane(np.int64(4)).weights == BitPlane(4).weights
    assert WeightedPhase(np.int64(8), np.int64(4)).weights == WeightedPhase(8, 4).weights
    assert Latency(np.int8(6)).step == Latency(6).step
    assert FourierSine(np.int64(3)).wave_peak == FourierSine(3).wave_peak
    images = batch(model, 4)
    assert verify(model, convert(model, planes=three), images, batch_size=np.int64(2)).exact
    assert torch.equal(prepare(model, three)(images), prepare(model, 3)(images))


def test_a_copy_by_pickle_gives_the_same() -> None:
    resnet = settled(build("resnet20", activation="qcfs", timesteps=2))
    for model, given in ((resnet, batch(resnet, 7)), (plain(3), draw_images(7, 1, 4, 4))):
        spiking = convert(model, images=given)
        copied = pickle.loads(pickle.dumps(spiking))
        assert torch.equal(copied(given), spiking(given))
        assert len(copied(given)) == 7
        twice = pickle.loads(pickle.dumps(copied))
        for one in (copied, twice, copy.deepcopy(copied)):
            assert one.thresholds.keys() == spiking.thresholds.keys()
            assert all(torch.equal(one.thresholds[path], spiking.thresholds[path]) for path in spiking.thresholds)
            assert [site.path for site in sites_of(one)] == [site.path for site in sites_of(spiking)]


class IntoNewMemory(nn.Module):
    """A network that writes activations into memory of each kind that nobody has written."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu, self.last = nn.Linear(12, 6), nn.ReLU(), nn.Linear(36, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.first(images.flatten(1)))
        like, new, plain = torch.empty_like(y), y.new_empty(y.shape), torch.empty(y.shape, dtype=y.dtype)
        like.copy_(y)
        new[:] = 2 * y
        torch.mul(y, 3, out=plain)
        columns = torch.empty_strided(y.shape, (1, len(y)), dtype=y.dtype)  # the strides know the number of images
        rows = y.new_empty_strided(y.shape, y.stride())
        permuted = torch.empty_permuted(y.shape, (1, 0), dtype=y.dtype)
        others = columns, rows, permuted
        for number, memory in enumerate(others, 4):
            memory.copy_(number * y)
        return self.last(torch.cat([like, new, plain, *others], 1))


@pytest.mark.parametrize("filled", [False, True])
def test_memory_that_nobody_has_written_does_not_decide(filled: bool) -> None:
    """PyTorch's deterministic mode fills it with NaN; without, it holds whatever was there."""
    torch.manual_seed(0)
    model, images = IntoNewMemory().double(), torch.rand(7, 3, 2, 2, dtype=torch.float64)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(filled)
    try:
        source = prepare(model, 3, images=images)
        report = verify(source, convert(source, images=images), images)
    finally:
        torch.use_deterministic_algorithms(before)
    assert (report.mismatches, report.changed) == (0, 0)
    assert report.bits == 7 * 6 * 3
