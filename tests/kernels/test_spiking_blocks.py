"""Compiled spiking blocks against the same layers in PyTorch and in double precision."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.kernels import evaluating_by_kernels, packed, pooled_rates, rule_of, spiking_blocks
from sqnn.kernels.library import kernels
from sqnn.layers import SpikingCNN
from sqnn.neurons import IF, LIF, ATan, FastSigmoid, make_surrogate

pytestmark = pytest.mark.skipif(kernels().library is None, reason=kernels().line)


def front_end(
    widths: tuple[int, ...], channels: int, make: Callable[[int], nn.Module], generator: torch.Generator
) -> SpikingCNN:
    """A front-end whose convolutions add up multiples of 1/8 without rounding."""
    network = SpikingCNN(channels, widths, 5, make, readout="membrane").train()
    with torch.no_grad():
        for block in network.blocks:
            weight = block.conv.weight
            weight.copy_(torch.randint(-8, 9, weight.shape, generator=generator) / 8)
            block.norm.weight.uniform_(0.3, 1.5, generator=generator)
            block.norm.bias.uniform_(-0.3, 0.6, generator=generator)
    return network


def in_pytorch(network: SpikingCNN, trains: Tensor, nearest: list[float]) -> Tensor:
    """The mean spikes of the last block; how near a membrane came to its threshold is put into `nearest`."""
    for block in network.blocks:
        currents = block.norm(block.conv(trains.flatten(0, 1))).unflatten(0, trains.shape[:2])
        spikes, membranes = block.neuron(currents, return_membrane=True)
        nearest.append(float((membranes - block.neuron.threshold).detach().abs().min()))
        trains = F.max_pool2d(spikes.flatten(0, 1), 2).unflatten(0, trains.shape[:2])
    return trains.mean((-2, -1))


def parts(network: SpikingCNN) -> list[Any]:
    return [(b.conv, b.norm, rule_of(b.conv, b.norm, b.neuron)) for b in network.blocks]


@given(
    time=st.integers(1, 5),
    batch=st.integers(1, 35),
    sides=st.tuples(st.integers(4, 9), st.integers(4, 9)),
    channels=st.integers(1, 3),
    widths=st.lists(st.integers(1, 11), min_size=1, max_size=2).map(tuple),
    reset=st.sampled_from(["subtract", "zero", "none"]),
    detach=st.booleans(),
    beta=st.sampled_from([1.0, 0.9, 0.5]),
    threshold=st.sampled_from([0.7, 1.0]),
    initial=st.sampled_from([0.0, 0.5]),
    slope=st.sampled_from([1.0, 2.0]),
    seed=st.integers(0, 2**20),
)
def test_kernels_agree_with_double_precision(
    time: int,
    batch: int,
    sides: tuple[int, int],
    channels: int,
    widths: tuple[int, ...],
    reset: str,
    detach: bool,
    beta: float,
    threshold: float,
    initial: float,
    slope: float,
    seed: int,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    options: dict[str, Any] = {"reset": reset, "detach_reset": detach, "initial_membrane": initial}
    options["surrogate"] = ATan(slope)
    network = front_end(widths, channels, lambda width: LIF(beta, threshold, **options), generator)
    trains = torch.randint(0, 2, (time, batch, channels, *sides), generator=generator).float().requires_grad_()
    exact, exact_trains = copy.deepcopy(network).double(), trains.detach().double().requires_grad_()
    assume(min(sides) >= 2 ** len(widths))
    gradient = torch.randn(time, batch, widths[-1], generator=generator)

    nearest: list[float] = []
    wanted = in_pytorch(exact, exact_trains, nearest)
    # A membrane at its threshold fires or not by rounding alone.
    assume(min(nearest) > 1e-4)
    rates = pooled_rates(trains, parts(network))
    assert rates is not None
    torch.testing.assert_close(rates.double(), wanted, rtol=0, atol=1e-6)

    (wanted * gradient).sum().backward()
    (rates * gradient).sum().backward()
    pairs = [(trains, exact_trains), *zip(network.blocks.parameters(), exact.blocks.parameters(), strict=True)]
    for own, reference in pairs:
        assert own.grad is not None
        assert reference.grad is not None
        scale = float(reference.grad.abs().max()) + float(gradient.abs().sum()) * 1e-3
        torch.testing.assert_close(own.grad.double(), reference.grad, rtol=0, atol=2e-4 * scale)
    for own, reference in zip(network.blocks.buffers(), exact.blocks.buffers(), strict=True):
        torch.testing.assert_close(own.double(), reference.double(), rtol=1e-5, atol=1e-6)


@given(batch=st.integers(1, 20), time=st.integers(1, 3), seed=st.integers(0, 2**20))
def test_evaluation_agrees_with_double_precision(batch: int, time: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    network = front_end((3, 4), 2, lambda width: IF(), generator).eval()
    for block in network.blocks:
        block.norm.running_mean.uniform_(-0.3, 0.3, generator=generator)
        block.norm.running_var.uniform_(0.5, 2, generator=generator)
    trains = torch.randint(0, 2, (time, batch, 2, 8, 9), generator=generator).float()
    nearest: list[float] = []
    with torch.no_grad():
        wanted = in_pytorch(copy.deepcopy(network).double(), trains.double(), nearest)
        assume(min(nearest) > 1e-4)
        with evaluating_by_kernels(), patch("sqnn.layers.spiking_cnn.pooled_rates", wraps=pooled_rates) as called:
            rates = network.rates(trains)
    called.assert_called_once()
    torch.testing.assert_close(rates.double(), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("batch", "widths", "sides"), [(50, (3, 4), (11, 9)), (17, (1,), (2, 5)), (96, (8, 9), (4, 6))]
)
def test_threads_change_no_bit(batch: int, widths: tuple[int, ...], sides: tuple[int, int]) -> None:
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        try:
            generator = torch.Generator().manual_seed(0)
            network = front_end(widths, 2, lambda width: IF(), generator)
            trains = torch.rand(3, batch, 2, *sides, generator=generator).round().requires_grad_()
            rates = pooled_rates(trains, parts(network))
            assert rates is not None
            (rates * torch.randn(rates.shape, generator=generator)).sum().backward()
        finally:
            torch.set_num_threads(1)
        results.append([rates.detach(), trains.grad, *(each.grad for each in network.blocks.parameters())])
    for others in results[1:]:
        assert all(torch.equal(one, other) for one, other in zip(results[0], others, strict=True))


def test_training_takes_the_kernels_and_everything_else_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(trains: Tensor, blocks: Any) -> Tensor | None:
        rates = pooled_rates(trains, blocks)
        calls.append(rates is not None)
        return rates

    monkeypatch.setattr("sqnn.layers.spiking_cnn.pooled_rates", counted)
    generator = torch.Generator().manual_seed(0)
    network = front_end((2, 3), 1, lambda width: IF(), generator)
    trains = torch.rand(2, 20, 1, 8, 8, generator=generator).round()
    network(trains)
    assert calls == [True]
    with torch.no_grad():
        network(trains)
    network.eval()(trains)
    assert calls == [True]
    network.train().double()(trains.double())
    hook = network.float().blocks[1].neuron.register_forward_hook(lambda *seen: None)
    network(trains)
    assert calls == [True]
    hook.remove()
    network(trains)
    assert calls == [True, True]


@pytest.mark.parametrize(
    ("shape", "widths"),
    [((1, 2, 3, 8, 8), (2,)), ((1, 2, 2, 8, 8), (2,)), ((1, 2, 1, 4, 8), (2, 2, 2)), ((1, 0, 1, 8, 8), (2,))],
    ids=["too many channels", "too few", "too few pixels", "no image"],
)
def test_what_does_not_fit_is_left_to_pytorch(shape: tuple[int, ...], widths: tuple[int, ...]) -> None:
    channels = {3: 1, 2: 3}.get(shape[2], shape[2])
    network = front_end(widths, channels, lambda width: IF(), torch.Generator().manual_seed(0))
    assert pooled_rates(torch.ones(shape), parts(network)) is None


def test_frozen_norms_other_devices_and_hooks_on_all_modules_are_left_to_pytorch() -> None:
    conv, norm = nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)
    trains = torch.ones(1, 2, 1, 4, 4)
    block = (conv, norm, rule_of(conv, norm, IF()))
    assert pooled_rates(trains, [block]) is not None
    assert rule_of(conv, copy.deepcopy(norm).eval(), IF()) is None
    assert rule_of(copy.deepcopy(conv).to("meta"), norm, IF()) is None
    assert pooled_rates(trains.to("meta"), [block]) is None
    with torch.device("meta"):  # where new tensors lie by default
        rates = pooled_rates(trains.requires_grad_(), [block])
        assert rates is not None
        rates.sum().backward()
    trains = trains.detach()
    with torch.autograd.forward_ad.dual_level():
        assert pooled_rates(trains, [block]) is None
    hook = nn.modules.module.register_module_forward_hook(lambda *seen: None)
    try:
        assert pooled_rates(trains, [block]) is None
    finally:
        hook.remove()
    assert pooled_rates(trains, [block]) is not None


def test_the_variance_of_a_large_mean_is_not_lost() -> None:
    conv, norm = nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.BatchNorm2d(1)
    with torch.no_grad():
        conv.weight.zero_()[0, 0, 1, 1] = 1
    trains = 100 + 0.1 * torch.randn(2, 64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert pooled_rates(trains, [(conv, norm, rule_of(conv, norm, IF()))]) is not None
    wanted = 0.9 + 0.1 * trains.double().var()
    torch.testing.assert_close(norm.running_var.double().item(), wanted.item(), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    "neuron",
    [
        LIF(learn_beta=True),
        LIF(threshold=torch.tensor([1.0, 2.0])),
        LIF(surrogate=FastSigmoid()),
        LIF(surrogate=make_surrogate("sigmoid")),
        LIF(fused=False),
    ],
    ids=str,
)
def test_other_neurons_are_left_to_pytorch(neuron: nn.Module) -> None:
    conv, norm = nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)
    assert rule_of(conv, norm, IF()) is not None
    assert rule_of(conv, norm, neuron) is None
    for other in (nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(1, 2, 5, padding=2, bias=False), conv.double()):
        assert rule_of(other, norm, IF()) is None
    assert rule_of(nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2, momentum=None), IF()) is None


def test_kernels_have_the_threads_of_pytorch_which_has_one_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's workers, once woken for an operation on whole maps, would keep their cores for a while after it."""
    seen: set[tuple[int, int]] = set()
    call = packed.call

    def noted(name: str, groups: int, threads: int, *given: Any) -> None:
        if name not in ("sqnn_norm_backward", "sqnn_add_groups"):  # a few numbers per channel
            seen.add((threads, torch.get_num_threads()))
        call(name, groups, threads, *given)

    for module in (packed, spiking_blocks):
        monkeypatch.setattr(module, "call", noted)
    network = front_end((2, 3), 1, lambda width: IF(), torch.Generator().manual_seed(0))
    trains = (torch.rand(3, 5, 1, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        rates = network.rates(trains)
        rates.square().sum().backward()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert seen == {(3, 1)}
    names, node = [], rates.grad_fn
    while node is not None:
        names.append(node.name())
        node = node.next_functions[0][0]
    assert names == ["_RatesBackward", "_BlockBackward", "_BlockBackward"]


def test_large_pages_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    network = front_end((2, 3), 1, lambda width: IF(), torch.Generator().manual_seed(0))
    trains = (torch.rand(4, 70, 1, 28, 28, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    calls, results, kernel = [], [], packed.kernels().call

    class Noted:
        lanes = packed.kernels().lanes

        def call(self, name: str, *given: Any) -> None:
            calls.append(name)
            kernel(name, *given)

    for large in (2**62, 1):
        monkeypatch.setattr(packed, "LARGE", large)
        monkeypatch.setattr(packed, "kernels", Noted)
        copied = copy.deepcopy(network)
        rates = copied.rates(trains)
        rates.square().sum().backward()
        results.append([rates.detach(), *(each.grad for each in copied.blocks.parameters())])
        assert ("sqnn_take_large_pages" in calls) == (large == 1)
    assert all(map(torch.equal, *results))


def test_a_gradient_of_the_gradient_is_refused() -> None:
    network = front_end((2,), 1, lambda width: IF(), torch.Generator().manual_seed(0))
    trains = torch.ones(2, 3, 1, 4, 4).requires_grad_()
    rates = pooled_rates(trains, parts(network))
    assert rates is not None
    (gradient,) = torch.autograd.grad(rates.square().sum(), trains, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_the_slope_of_the_surrogate_reaches_a_weight_by_hand() -> None:
    """One image, one step, one pixel of each window: the whole chain on paper."""
    conv, norm = nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.BatchNorm2d(1, eps=0.0).train()
    with torch.no_grad():
        conv.weight.zero_()[0, 0, 1, 1] = 1
    trains = torch.zeros(1, 1, 1, 2, 2)
    trains[..., 0, 0] = 1
    rates = pooled_rates(trains, [(conv, norm, rule_of(conv, norm, IF()))])
    assert rates is not None
    rates.sum().backward()
    # y = 1, 0, 0, 0: z = (y - 1/4) / sqrt(3/16) = sqrt(3) at the first pixel, which fires.
    slope = 1 / (1 + (math.pi * (math.sqrt(3) - 1)) ** 2)
    assert rates.item() == 1
    assert norm.bias.grad.item() == pytest.approx(slope, rel=1e-5)
    assert norm.weight.grad.item() == pytest.approx(slope * math.sqrt(3), rel=1e-5)
    # Scaling all of y changes nothing after the norm.
    assert conv.weight.grad[0, 0, 1, 1].item() == pytest.approx(0, abs=1e-6)
