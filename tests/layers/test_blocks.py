"""Spiking blocks with real-valued ends, and their sum with ordinary ones."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

from sqnn.encoding import BitPlane, FixedRange, Latency, Rate, RunningRange, make_decoder
from sqnn.layers import (
    AnalogConv,
    EncodeDecode,
    FusionBlock,
    SpikingConv,
    SpikingDense,
    SpikingResidual,
    SpikingStack,
)
from sqnn.neurons import LIF


def neuron(channels: int) -> LIF:
    return LIF(0.5)


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in float64, its kernels drawn from a generator of its own; norms keep weight 1 and bias 0."""
    generator = source(seed)
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def wrap(block: nn.Module, surrogate: str = "sigmoid-sine", planes: int = 8, decoding: str = "weight") -> EncodeDecode:
    encoder = BitPlane(planes, surrogate=surrogate)
    return EncodeDecode(block, encoder, make_decoder(decoding, encoder), FixedRange(-1.0, 3.0))


@given(levels=st.lists(st.integers(0, 255), min_size=1, max_size=20))
def test_nothing_between_encoder_and_decoder_is_the_identity_on_every_level(levels: list[int]) -> None:
    values = torch.tensor(levels, dtype=torch.float64) / 255 * 4 - 1
    assert_close(wrap(nn.Identity())(values), (values + 1) / 4, atol=1e-12, rtol=0)


def test_values_outside_the_range_are_held_at_its_ends() -> None:
    values = torch.tensor([-7.0, -1.0, 3.0, 100.0])
    assert torch.equal(wrap(nn.Identity())(values), torch.tensor([0.0, 0.0, 1.0, 1.0]))


def test_the_straight_through_gradient_is_that_of_the_range() -> None:
    values = torch.tensor([-7.0, 0.3, 2.9, 100.0], dtype=torch.float64, requires_grad=True)
    wrap(nn.Identity(), "straight-through")(values).sum().backward()
    assert_close(values.grad, torch.tensor([0.0, 0.25, 0.25, 0.0], dtype=torch.float64))


@pytest.mark.parametrize("surrogate", ["sigmoid-sine", "tanh-sine", "fourier-sine"])
def test_the_gradient_is_the_finite_difference_of_the_smooth_planes(surrogate: str) -> None:
    """A linear block behind the encoder: its input's gradient is that of the smooth planes under the same weights."""
    generator = source()
    encoder = BitPlane(6, surrogate=surrogate, rescaling="none")
    weights = torch.rand(6, dtype=torch.float64, generator=generator)
    values = torch.rand(50, dtype=torch.float64, generator=generator).requires_grad_()
    block = EncodeDecode(Weigh(weights), encoder, make_decoder("rate", encoder), FixedRange())
    block(values).sum().backward()

    def smooth(u: Tensor) -> Tensor:
        planes = torch.stack([encoder.surrogate.smooth(u, k, 6) for k in range(1, 7)])
        return (weights @ planes) / 6

    step = 1e-7
    inner = values.detach()
    assert_close(values.grad, (smooth(inner + step) - smooth(inner - step)) / (2 * step), atol=1e-6, rtol=1e-6)


class Weigh(nn.Module):
    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, trains: Tensor) -> Tensor:
        return trains * self.weights.view(-1, *(1 for _ in trains.shape[1:]))


def test_pooling_every_step_equals_pooling_the_decoded_sum() -> None:
    torch_source = source(1)
    conv = drawn(SpikingConv(2, 3, neuron))
    values = torch.rand(4, 2, 7, 6, dtype=torch.float64, generator=torch_source) * 3
    pool = nn.AvgPool2d(2, ceil_mode=True)
    inside = wrap(SpikingStack([conv], [pool]))(values)
    outside = pool(wrap(SpikingStack([conv], [nn.Identity()]))(values))
    assert inside.abs().sum() > 0
    assert_close(inside, outside, atol=1e-14, rtol=0)


def test_a_fusion_block_adds_and_one_branch_stands_alone() -> None:
    ann, snn = drawn(AnalogConv(1, 2)).eval(), wrap(drawn(SpikingConv(1, 2, neuron)).eval())
    values = torch.rand(3, 1, 5, 5, dtype=torch.float64, generator=source())
    both, one, other = FusionBlock(ann, snn)(values), FusionBlock(ann, None)(values), FusionBlock(None, snn)(values)
    assert one.abs().sum() > 0
    assert other.abs().sum() > 0
    assert_close(both, one + other, atol=0, rtol=0)
    with pytest.raises(ValueError, match="ann, snn: got None twice"):
        FusionBlock(None, None)


@pytest.mark.parametrize(
    ("block", "shape"),
    [
        (lambda: SpikingConv(2, 3, neuron), (2, 6, 5)),
        (lambda: SpikingConv(2, 3, neuron, stride=2), (2, 6, 5)),
        (lambda: SpikingResidual(2, 3, neuron, stride=2), (2, 6, 5)),
        (lambda: SpikingResidual(2, 2, neuron), (2, 6, 5)),
        (lambda: SpikingDense(4, 3, neuron), (4,)),
    ],
)
def test_a_call_leaves_nothing_behind(block, shape: tuple[int, ...]) -> None:
    """Two calls agree, a second backward pass works, and other samples of the batch do not matter in evaluation."""
    torch_source = source(2)
    wrapped = wrap(drawn(block()))
    values = torch.rand(5, *shape, dtype=torch.float64, generator=torch_source) * 4 - 1
    for _ in range(20):  # the norms' running statistics settle
        wrapped(values).sum().backward()
    wrapped.eval()
    first = wrapped(values)
    wrapped(values.flip(0) * 0.5)
    assert torch.equal(wrapped(values), first)
    alone = torch.cat([wrapped(value[None]) for value in values])
    assert first.abs().sum() > 0
    assert_close(alone, first, atol=1e-12, rtol=0)


def test_a_residual_block_adds_spikes_to_its_shortcut() -> None:
    torch_source = source(3)
    block = drawn(SpikingResidual(2, 2, neuron)).eval()
    trains = (torch.rand(8, 3, 2, 4, 4, dtype=torch.float64, generator=torch_source) < 0.5).double()
    assert_close(block(trains), block.second(block.first(trains)) + trains, atol=0, rtol=0)
    assert set(block(trains).unique().tolist()) <= {0.0, 1.0, 2.0}


def test_random_encoders_follow_their_generator() -> None:
    encoder = Rate(8, surrogate="straight-through")
    dense = drawn(SpikingDense(4, 3, neuron))
    block = EncodeDecode(dense, encoder, make_decoder("weight", encoder), FixedRange()).eval()
    values = torch.rand(6, 4, generator=source(), dtype=torch.float64)
    assert torch.equal(block(values, source(5)), block(values, source(5)))
    assert not torch.equal(block(values, source(5)), block(values, source(6)))
    with pytest.raises(ValueError, match="generator: got None"):
        block(values)


def test_latency_and_a_running_range_train_a_block() -> None:
    """A dense spiking block learns to tell two rows apart through an encoder of another kind."""
    encoder = Latency(6, surrogate="straight-through")
    before = nn.Linear(2, 4)
    block = EncodeDecode(SpikingDense(4, 1, neuron), encoder, make_decoder("weight", encoder), RunningRange())
    with torch.no_grad():
        for number, p in enumerate([*before.parameters(), *block.parameters()]):
            p.copy_(torch.empty_like(p).uniform_(-1, 1, generator=source(number)))
    values, wanted = torch.tensor([[0.1, 0.9], [0.8, 0.2]] * 8), torch.tensor([[0.0], [1.0]] * 8)
    optimizer = torch.optim.Adam([*before.parameters(), *block.parameters()], 0.05)
    start = None
    for _ in range(60):
        loss = (block(before(values)) - wanted).square().mean()
        start = loss.item() if start is None else start
        optimizer.zero_grad()
        loss.backward()
        assert before.weight.grad is not None
        optimizer.step()
    assert start is not None
    assert loss.item() < 0.2 * start
