"""Compiled stages that are trained by their rates, against the same stages in double precision."""

from __future__ import annotations

import copy
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sqnn.kernels import evaluating_by_kernels, kernels, rate_stages, stage_rates
from sqnn.layers import RateTrainedStage, SeparableCNN, kernels_for
from sqnn.layers.separable import SeparableConv
from sqnn.neurons import IF, LIF

pytestmark = pytest.mark.skipif(kernels().library is None, reason=kernels().line)


def front_end(
    widths: tuple[int, ...] = (3, 4),
    kernels: tuple[int, ...] = (3, 2),
    strides: tuple[int, ...] = (1, 2),
    *,
    channels: int = 2,
    sides: tuple[int, int] = (9, 8),
    timesteps: int = 4,
    scale: float | None = None,
    seed: int = 0,
) -> SeparableCNN:
    generator = torch.Generator().manual_seed(seed)
    network = SeparableCNN(channels, sides, widths, kernels, strides, timesteps, scale)
    network.reset_parameters(generator)
    with torch.no_grad():
        for stage in network.stages:
            if scale is None:
                stage.norm.weight.uniform_(0.3, 1.5, generator=generator)
            stage.norm.bias.uniform_(-0.3, 0.6, generator=generator)
    return network.train()


class Watched(nn.Module):
    """Neurons that note how near their membranes come to the threshold."""

    def __init__(self, neuron: IF, seen: list[float]) -> None:
        super().__init__()
        self.neuron, self.seen = neuron, seen

    def forward(self, currents: Tensor) -> Tensor:
        spikes, membranes = self.neuron(currents, return_membrane=True)
        self.seen.append(float((membranes - self.neuron.threshold).abs().min()))
        return spikes


def watch(network: SeparableCNN) -> list[float]:
    """Note how near the network comes to where a rounding changes its rates or their slopes by more than itself."""
    seen: list[float] = []
    for stage in network.stages:
        stage.neuron = Watched(stage.neuron, seen)
        stage.norm.register_forward_hook(
            lambda _, __, z: seen.append(float((z.detach() * (z.detach() - 1)).abs().min()))
        )
    return seen


@given(
    timesteps=st.integers(1, 5),
    spiking=st.booleans(),
    batch=st.integers(1, 35),
    sides=st.tuples(st.integers(5, 10), st.integers(5, 10)),
    channels=st.integers(1, 3),
    stages=st.lists(st.tuples(st.integers(1, 13), st.integers(1, 5), st.integers(1, 2)), min_size=1, max_size=3),
    scale=st.sampled_from([None, 0.4]),
    seed=st.integers(0, 2**20),
)
def test_kernels_agree_with_double_precision(
    timesteps: int,
    spiking: bool,
    batch: int,
    sides: tuple[int, int],
    channels: int,
    stages: list[tuple[int, int, int]],
    scale: float | None,
    seed: int,
) -> None:
    widths, kernels, strides = (tuple(each) for each in zip(*stages, strict=True))
    high, wide = sides
    for kernel, stride in zip(kernels, strides, strict=True):
        high, wide = (high - kernel) // stride + 1, (wide - kernel) // stride + 1
    # A batch norm needs more than one number per channel.
    assume(min(high, wide) >= 1 and batch * high * wide > 4)
    options: dict[str, Any] = {"channels": channels, "sides": sides, "timesteps": timesteps, "scale": scale}
    network = front_end(widths, kernels, strides, seed=seed, **options)
    exact = copy.deepcopy(network).double()
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(batch, channels, *sides, generator=generator).requires_grad_()
    exact_images = images.detach().double().requires_grad_()
    seen = watch(exact)
    wanted = exact.rates(exact_images, spiking)
    assume(min(seen) > 1e-5)
    rates = network.rates(images, spiking)
    assert "Unpack" in type(rates.grad_fn.next_functions[0][0]).__name__
    torch.testing.assert_close(rates.double(), wanted, rtol=0, atol=1e-5)

    gradient = torch.randn(wanted.shape, generator=generator)
    (wanted * gradient).sum().backward()
    (rates * gradient).sum().backward()
    pairs = [(images, exact_images), *zip(network.stages.parameters(), exact.stages.parameters(), strict=True)]
    for own, reference in pairs:
        assert own.grad is not None
        assert reference.grad is not None
        size = float(reference.grad.abs().max()) + float(gradient.abs().sum()) * 1e-3
        torch.testing.assert_close(own.grad.double(), reference.grad, rtol=0, atol=2e-4 * size)
    for own, reference in zip(network.stages.buffers(), exact.stages.buffers(), strict=True):
        torch.testing.assert_close(own.double(), reference.double(), rtol=1e-5, atol=1e-6)


@given(batch=st.integers(1, 20), spiking=st.booleans(), seed=st.integers(0, 2**20))
def test_evaluation_agrees_with_double_precision(batch: int, spiking: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    network = front_end(seed=seed).eval()
    for stage in network.stages:
        stage.norm.running_mean.uniform_(-0.3, 0.3, generator=generator)
        stage.norm.running_var.uniform_(0.5, 2, generator=generator)
    exact, images = copy.deepcopy(network).double(), torch.rand(batch, 2, 9, 8, generator=generator)
    buffers = [each.clone() for each in network.buffers()]
    seen = watch(exact)
    with torch.no_grad():
        wanted = exact.rates(images.double(), spiking)
        assume(min(seen) > 1e-5)
        with evaluating_by_kernels(), patch("sqnn.layers.separable.stage_rates", wraps=stage_rates) as called:
            rates = network.rates(images, spiking)
    called.assert_called_once()
    torch.testing.assert_close(rates.double(), wanted, rtol=0, atol=1e-5)
    assert all(torch.equal(one, other) for one, other in zip(network.buffers(), buffers, strict=True))


@pytest.mark.parametrize("spiking", [True, False])
def test_threads_change_no_bit(spiking: bool) -> None:
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        try:
            network = front_end()
            generator = torch.Generator().manual_seed(0)
            images = torch.rand(70, 2, 9, 8, generator=generator).requires_grad_()
            rates = network.rates(images, spiking)
            (rates * torch.randn(rates.shape, generator=generator)).sum().backward()
        finally:
            torch.set_num_threads(1)
        results.append([rates.detach(), images.grad, *(each.grad for each in network.stages.parameters())])
    for others in results[1:]:
        assert all(torch.equal(one, other) for one, other in zip(results[0], others, strict=True))


def test_training_takes_the_kernels_and_everything_else_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bool] = []

    def counted(*arguments: Any) -> Tensor | None:
        found = stage_rates(*arguments)
        calls.append(found is not None)
        return found

    monkeypatch.setattr("sqnn.layers.separable.stage_rates", counted)
    network, images = front_end(), torch.rand(5, 2, 9, 8, generator=torch.Generator().manual_seed(0))
    network(images)
    assert calls == [True]
    with torch.no_grad():
        network(images)
        network.eval()(images)
    with evaluating_by_kernels():
        network(images)
    network.train().double()(images.double())
    network.float().stages[1].norm.eval()
    network(images)
    network.train().stages[0].register_forward_hook(lambda *seen: None)
    network(images)
    assert calls == [True]


@pytest.mark.parametrize(
    "change",
    [
        lambda stage: setattr(stage, "neuron", LIF(learn_beta=True)),
        lambda stage: setattr(stage, "conv", nn.Conv2d(2, 3, 3)),
        lambda stage: setattr(stage, "conv", nn.Conv2d(2, 3, 3, padding=1, bias=False)),
        lambda stage: setattr(stage, "conv", nn.Conv2d(2, 3, 3, stride=(1, 2), bias=False)),
        lambda stage: setattr(stage, "conv", SeparableConv(2, 3, 6)),
        lambda stage: setattr(stage, "norm", nn.BatchNorm2d(3, track_running_stats=False)),
        lambda stage: setattr(stage, "norm", nn.InstanceNorm2d(3)),
    ],
    ids=["neuron", "bias", "padding", "two strides", "large window", "no statistics", "another norm"],
)
def test_other_stages_are_left_to_pytorch(change: Any) -> None:
    network = front_end()
    assert kernels_for(network) == f"layers, {kernels().line}"
    change(network.stages[0])
    assert kernels_for(network) == f"neurons, {kernels().line}"


def test_what_does_not_fit_is_left_to_pytorch() -> None:
    network = front_end()
    with pytest.raises(RuntimeError, match="channels"):
        network.rates(torch.ones(2, 3, 9, 8))
    with pytest.raises(RuntimeError, match=r"[Kk]ernel size"):
        network.rates(torch.ones(2, 2, 2, 8))


def test_a_window_for_all_channels_is_spread_as_pytorch_spreads_it() -> None:
    network, images = front_end(), torch.rand(3, 2, 9, 8, generator=torch.Generator().manual_seed(0))
    conv = network.stages[1].conv
    shared = conv.depthwise.detach()[:1].clone()
    conv.depthwise = nn.Parameter(shared.expand(3, -1, -1).clone())
    wanted = network.rates(images)
    conv.depthwise = nn.Parameter(shared)
    torch.testing.assert_close(network.rates(images), wanted, rtol=0, atol=1e-6)


def test_what_is_no_number_is_not_hidden() -> None:
    network = front_end()
    with torch.no_grad():
        network.stages[1].conv.pointwise[0, 0] = torch.nan
    assert network.rates(torch.ones(4, 2, 9, 8), spiking=False).isnan().any()


def test_one_number_per_channel_is_refused_as_pytorch_refuses_it() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        front_end((3,), (9,), (1,), sides=(9, 9)).rates(torch.ones(1, 2, 9, 9))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        front_end((3,), (3,), (1,), sides=(3, 3)).rates(torch.ones(1, 2, 3, 3))


def test_one_stage_by_hand() -> None:
    """Two images of one pixel: the norm's mean, the cut at one and the slope inside, on paper."""
    stage = RateTrainedStage(nn.Conv2d(1, 1, 1, bias=False), 1, 4)
    network = front_end((1,), (1,), (1,), channels=1, sides=(1, 1))
    network.stages[0] = stage.train()
    with torch.no_grad():
        stage.conv.weight.fill_(2.0)
        stage.norm.eps = 0.0
        stage.norm.weight.fill_(0.375)
        stage.norm.bias.fill_(0.75)
    images = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1)
    # y = 0 and 2, z = 0.75 -+ 0.375: the first is inside, the second is cut.
    rates = network.rates(images, spiking=False)
    assert rates.flatten().tolist() == [0.375, 1.0]
    rates.sum().backward()
    assert stage.norm.bias.grad.tolist() == [1.0]
    assert stage.norm.weight.grad.tolist() == [-1.0]
    assert stage.norm.running_mean.tolist() == pytest.approx([0.1])
    with torch.no_grad():
        stage.norm.bias.fill_(0.7)
    # z = 0.325: the membrane is 0.825, 1.15 and a spike, 0.475, 0.8. z = 1.075 fires at each of the four steps.
    assert network.rates(images, spiking=True).flatten().tolist() == [0.25, 1.0]


@pytest.mark.parametrize("spiking", [False, True])
def test_a_checkpoint_that_computes_again_has_the_same_gradients(spiking: bool) -> None:
    images = torch.rand(6, 2, 9, 8, generator=torch.Generator().manual_seed(0))
    gradients = []
    for again in (False, True):
        network = front_end()
        rates = checkpoint(network, images, spiking, use_reentrant=False) if again else network(images, spiking)
        rates.sum().backward()
        gradients.append([each.grad for each in network.parameters()])
    assert all(torch.equal(one, two) for one, two in zip(*gradients, strict=True))


def test_kernels_have_the_threads_of_pytorch_which_has_one_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[tuple[int, int]] = set()
    call = rate_stages.call

    def noted(name: str, groups: int, threads: int, *given: Any) -> None:
        seen.add((threads, torch.get_num_threads()))
        call(name, groups, threads, *given)

    monkeypatch.setattr(rate_stages, "call", noted)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        front_end()(torch.rand(6, 2, 9, 8), True).sum().backward()
        assert torch.get_num_threads() == 3
        monkeypatch.setattr(rate_stages, "norm_of", refusing)
        with pytest.raises(MemoryError):
            front_end()(torch.rand(6, 2, 9, 8), True)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert seen == {(3, 1)}


def test_no_operation_on_whole_maps_comes_between_the_kernels() -> None:
    """PyTorch's workers, which such a one would wake in the backward pass, keep their cores for a while after it."""
    rates = front_end().rates(torch.rand(6, 2, 9, 8).requires_grad_(), True)
    names, node = [], rates.grad_fn
    while node is not None and not node.name().endswith("AccumulateGrad"):
        names.append(node.name())
        node = next((before for before, _ in node.next_functions if before is not None), None)
    views = {"SqueezeBackward1", "UnsqueezeBackward0"}
    assert {name for name in names if name not in views} == {"UnpackBackward", "_StagesBackward", "PackBackward"}


def refusing(*given: Any) -> None:
    raise MemoryError
