"""The gradient of a spike is the derivative of the stated smooth function, and snnTorch's."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sqnn.neurons import SURROGATES, Surrogate, make_surrogate

BOTH_SLOPES = [make_surrogate(name) for name in SURROGATES] + [
    make_surrogate(name, slope) for name, slope in [("atan", 5.0), ("fast_sigmoid", 3.0), ("sigmoid", 4.0)]
]
each = pytest.mark.parametrize("surrogate", BOTH_SLOPES, ids=repr)


def backward(spike: object, u: torch.Tensor) -> torch.Tensor:
    leaf = u.clone().requires_grad_()
    spike(leaf).sum().backward()  # type: ignore[operator]
    assert leaf.grad is not None
    return leaf.grad


@each
def test_gradient_is_the_derivative_of_the_smooth_function(surrogate: Surrogate) -> None:
    # An even count leaves out 0, where the derivative of fast_sigmoid has a kink.
    u, h = torch.linspace(-2, 2, 400, dtype=torch.float64), 1e-6
    finite = (surrogate.smooth(u + h) - surrogate.smooth(u - h)) / (2 * h)
    assert_close(backward(surrogate.fire, u), finite, atol=1e-7, rtol=1e-6)
    assert surrogate.smooth(torch.zeros(1)).item() == 0.5


@each
def test_gradient_and_spikes_are_those_of_snntorch(surrogate: Surrogate) -> None:
    u = torch.linspace(-2, 2, 401, dtype=torch.float64)
    peer = surrogate.snntorch()
    assert_close(backward(surrogate.fire, u), backward(peer, u), rtol=1e-9, atol=1e-12)
    assert torch.equal(surrogate.fire(u), peer(u).double())


@each
def test_fires_strictly_above_threshold(surrogate: Surrogate) -> None:
    tiny = torch.finfo(torch.float64).tiny
    u = torch.tensor([-1.0, -tiny, 0.0, tiny, 1.0], dtype=torch.float64)
    spikes = surrogate.fire(u)
    assert spikes.tolist() == [0, 0, 0, 1, 1]
    assert spikes.dtype == torch.float64


@each
def test_second_derivative_is_right(surrogate: Surrogate) -> None:
    u = torch.linspace(-1.9, 2, 40, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(surrogate.fire(u).sum(), u, create_graph=True)
    if surrogate.name == "straight_through_estimator":
        assert not first.requires_grad  # a constant slope
        return
    (expected,) = torch.autograd.grad(surrogate.slope_at(u).sum(), u)
    (second,) = torch.autograd.grad(first.sum(), u)
    assert_close(second, expected)


def test_sigmoid_stays_finite_where_snntorch_overflows() -> None:
    surrogate, u = make_surrogate("sigmoid"), torch.tensor([-4.0, -100.0])
    assert backward(surrogate.snntorch(), u).isnan().all()
    assert_close(backward(surrogate.fire, u), torch.zeros(2))


def test_bad_names_and_slopes_are_refused() -> None:
    with pytest.raises(ValueError, match="surrogate: got 'box', expected one of atan, fast_sigmoid"):
        make_surrogate("box")
    with pytest.raises(ValueError, match=r"slope: got -1\.0"):
        make_surrogate("atan", -1.0)
    with pytest.raises(ValueError, match=r"slope: got 2\.0, expected 1"):
        make_surrogate("straight_through_estimator", 2.0)
    with pytest.raises(ValueError, match="beside a ready"):
        make_surrogate(make_surrogate("atan"), 2.0)
