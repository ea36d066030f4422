"""What reaches the values from the gradients of their spikes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from sqnn.encoding import (
    RESCALINGS,
    BitPlane,
    Encoder,
    FourierSine,
    Latency,
    PlaneSurrogate,
    Rate,
    SigmoidSine,
    StraightThrough,
    TanhSine,
    WeightedPhase,
    make_decoder,
    rescaling_factors,
)
from sqnn.encoding.base import emit_spikes
from sqnn.encoding.planes import plane_gradient

SURROGATES: list[PlaneSurrogate] = [
    SigmoidSine(),
    SigmoidSine(4.0, hold=False),
    TanhSine(2.0),
    FourierSine(),
    StraightThrough(),
]
each = pytest.mark.parametrize("surrogate", SURROGATES, ids=repr)
by = pytest.mark.parametrize("rescaling", RESCALINGS)


def values(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def incoming(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def smooth_planes(surrogate: PlaneSurrogate, unit: Tensor, planes: int) -> Tensor:
    return torch.stack([surrogate.smooth(unit, plane, planes) for plane in range(1, planes + 1)])


@each
@by
@pytest.mark.parametrize("shape", [(6,), (2, 3), (2, 3, 2, 2)])
@pytest.mark.parametrize("planes", [1, 3, 8, 16])
def test_the_gradient_is_that_of_the_smooth_planes(
    surrogate: PlaneSurrogate, rescaling: str, shape: tuple[int, ...], planes: int
) -> None:
    unit, received = values(*shape), incoming(planes, *shape)
    spikes = BitPlane(planes, surrogate=surrogate, rescaling=rescaling).emit(unit)
    (found,) = torch.autograd.grad(spikes, unit, received)
    factors = torch.tensor(rescaling_factors(rescaling, surrogate, planes), dtype=torch.float64)
    weighted = received * factors.view(-1, *(1 for _ in shape))
    # Paper's single plane has the factor 0: then the function is constant.
    (expected,) = torch.autograd.grad((smooth_planes(surrogate, unit, planes) * weighted).sum(), unit)
    assert_close(found, expected, atol=1e-8 * surrogate.peak(planes, planes), rtol=1e-7)


@each
@pytest.mark.parametrize("planes", [1, 4])
def test_gradcheck_with_the_smooth_planes_in_the_place_of_spikes(surrogate: PlaneSurrogate, planes: int) -> None:
    def smooth(unit: Tensor) -> Tensor:
        return smooth_planes(surrogate, unit, planes)

    def pull(grads: Tensor, unit: Tensor) -> Tensor:
        return plane_gradient(grads, unit, surrogate, (1.0,) * planes)

    def emit(unit: Tensor) -> Tensor:
        return emit_spikes(unit, smooth, pull)

    assert torch.autograd.gradcheck(emit, (values(2, 3, seed=4),), eps=1e-7, atol=1e-4)
    assert torch.autograd.gradgradcheck(emit, (values(2, 3, seed=4),), eps=1e-7, atol=1e-3, rtol=1e-3)


@by
@pytest.mark.parametrize("surrogate", [SigmoidSine(), SigmoidSine(hold=False)], ids=repr)
def test_the_decoded_slope_is_the_closed_form(surrogate: SigmoidSine, rescaling: str) -> None:
    # By hand for two planes: Q = 3, weights 2 and 1, half periods 2 and 1.
    unit = torch.tensor([0.07, 0.2, 0.41, 0.5, 0.66, 0.83, 0.98], dtype=torch.float64, requires_grad=True)
    encoder = BitPlane(2, surrogate=surrogate, rescaling=rescaling)
    (found,) = torch.autograd.grad(make_decoder("weight", encoder)(encoder.emit(unit)).sum(), unit)
    factors = {"none": (1, 1), "order": (1, 0.5), "paper": (1, 0)}[rescaling]
    place = 3 * unit.detach() + 0.5
    expected = torch.zeros_like(place)
    for weight, factor, half in ((2, factors[0], 2), (1, factors[1], 1)):
        held = place.clamp(half / 2, 4 - half / 2) if surrogate.hold else place
        theta = torch.pi * held / half
        at = torch.sigmoid(10 * theta.sin())
        expected += weight / 3 * factor * -10 * (torch.pi * 3 / half) * theta.cos() * at * (1 - at)
    assert_close(found, expected, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("rescaling", ["order", "none"])
@pytest.mark.parametrize("planes", [1, 5, 8])
def test_straight_through_and_decoding_by_weight_are_the_identity(planes: int, rescaling: str) -> None:
    encoder = BitPlane(planes, surrogate="straight-through", rescaling=rescaling)
    unit, received = values(3, 4), incoming(3, 4)
    (found,) = torch.autograd.grad(make_decoder("weight", encoder)(encoder.emit(unit)), unit, received)
    assert_close(found, received)


def test_the_paper_gives_the_last_plane_no_gradient_and_the_order_does() -> None:
    unit = values(20)
    last = torch.zeros(8, 20, dtype=torch.float64)
    last[-1] = 1
    paper, order = (
        torch.autograd.grad(BitPlane(rescaling=name).emit(unit), unit, last)[0] for name in ("paper", "order")
    )
    assert not paper.any()
    assert order.abs().max() > 1


@pytest.mark.parametrize(
    "encoder",
    [BitPlane(surrogate="detached"), WeightedPhase(), Latency(8), Rate(8), Rate(8, surrogate="detached")],
    ids=repr,
)
def test_detached_spikes_are_constants(encoder: Encoder) -> None:
    assert not encoder.emit(values(2, 3), torch.Generator()).requires_grad


@each
@pytest.mark.parametrize(("weighted", "gain"), [(True, 1.0), (True, 2.5), (False, 1.0)])
def test_phase_spreads_the_planes_over_periods_and_heights(
    surrogate: PlaneSurrogate, weighted: bool, gain: float
) -> None:
    unit, received = values(2, 5), incoming(12, 2, 5)
    encoder = WeightedPhase(12, 4, weighted=weighted, gain=gain, surrogate=surrogate)
    (found,) = torch.autograd.grad(encoder.emit(unit), unit, received)
    heights = [gain * 2.0**-k if weighted else 1.0 for k in range(1, 5)]
    per_plane = sum(received[4 * period : 4 * period + 4] for period in range(3))
    per_plane = per_plane * torch.tensor(heights, dtype=torch.float64).view(4, 1, 1)
    (expected,) = torch.autograd.grad(BitPlane(4, surrogate=surrogate).emit(unit), unit, per_plane)
    assert_close(found, expected)


def test_rate_hands_every_step_through() -> None:
    unit, received = values(2, 5), incoming(6, 2, 5)
    encoder = Rate(6, surrogate="straight-through")
    spikes = encoder.emit(unit, torch.Generator().manual_seed(0))
    assert torch.equal(spikes, Rate(6).emit(unit, torch.Generator().manual_seed(0)))
    (found,) = torch.autograd.grad(encoder.decode(spikes), unit, received[0], retain_graph=True)
    assert_close(found, received[0])
    (found,) = torch.autograd.grad(spikes, unit, received)
    assert_close(found, received.sum(0))


@pytest.mark.parametrize("timesteps", [2, 3, 8])
def test_latency_has_the_gradient_of_its_hats(timesteps: int) -> None:
    unit, received = values(3, 40), incoming(timesteps, 3, 40)
    encoder, last = Latency(timesteps, surrogate="straight-through"), timesteps - 1
    levels = torch.arange(last, -1, -1, dtype=torch.float64).view(-1, 1, 1)
    hats = (1 - (unit * last - levels).abs()).clamp_min(0)
    assert_close(hats.sum(0), torch.ones_like(unit))
    (expected,) = torch.autograd.grad(hats, unit, received)
    (found,) = torch.autograd.grad(encoder.emit(unit), unit, received)
    assert_close(found, expected)


@pytest.mark.parametrize("timesteps", [2, 5, 8])
def test_latency_decoded_by_weight_has_slope_one_on_levels_too(timesteps: int) -> None:
    unit = torch.linspace(0, 1, 4 * timesteps - 3, dtype=torch.float64).requires_grad_()
    encoder = Latency(timesteps, surrogate="straight-through")
    spikes = encoder.emit(unit)
    assert torch.equal(spikes, Latency(timesteps).emit(unit))
    (found,) = torch.autograd.grad(make_decoder("weight", encoder)(spikes).sum(), unit)
    assert_close(found, torch.ones_like(unit))


@pytest.mark.parametrize(
    "encoder",
    [BitPlane(), WeightedPhase(16, 8, surrogate="tanh-sine"), Latency(8, surrogate="straight-through")],
    ids=repr,
)
def test_only_the_values_are_kept_for_the_backward_pass(encoder: Encoder) -> None:
    unit, kept = values(4, 3), []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda t: t):
        encoder.emit(unit).sum()
    assert kept == [unit.numel()]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("name", ["sigmoid-sine", "fourier-sine", "straight-through"])
def test_lower_precision_gives_close_gradients_of_its_own_dtype(dtype: torch.dtype, name: str) -> None:
    low = values(50).detach().to(dtype).requires_grad_()
    exact = low.detach().double().requires_grad_()
    encoder = BitPlane(surrogate=name)
    (found,) = torch.autograd.grad(encoder.emit(low).sum(), low)
    (expected,) = torch.autograd.grad(encoder.emit(exact).sum(), exact)
    assert found.dtype == dtype
    assert_close(found.double(), expected, rtol=1e-2, atol=1e-3 * encoder.surrogate.peak(1, 8))


def test_the_memory_format_does_not_change_a_gradient() -> None:
    plain = values(2, 3, 4, 5)
    last = plain.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    received = incoming(8, 2, 3, 4, 5)
    found = [torch.autograd.grad(BitPlane().emit(unit), unit, received)[0] for unit in (plain, last)]
    assert_close(found[0], found[1])
