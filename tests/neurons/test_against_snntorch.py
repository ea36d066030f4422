"""Step by step against `snntorch.Leaky`, wherever the two state the same dynamics.

snnTorch's default subtracts the threshold one step late and undecayed: the same as here for beta = 1, and for
any beta with reset "zero" or "none". With `reset_delay=False` it subtracts within the step, as here, as long
as no membrane is left above the threshold after its reset.
"""

from __future__ import annotations

import pytest
import snntorch
import torch
from torch.testing import assert_close

from sqnn.neurons import LIF, make_surrogate


def currents(low: float, high: float) -> torch.Tensor:
    draws = torch.rand(40, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (low + (high - low) * draws).requires_grad_()


def peer(currents: torch.Tensor, beta: float, threshold: float, reset: str, delay: bool) -> torch.Tensor:
    layer = snntorch.Leaky(
        beta,
        threshold,
        spike_grad=make_surrogate("fast_sigmoid", 4.0).snntorch(),
        reset_mechanism=reset,
        reset_delay=delay,
    ).double()
    membrane, spikes = torch.zeros_like(currents[0]), []
    for current in currents:
        spike, membrane = layer(current, membrane)
        spikes.append(spike)
    return torch.stack(spikes).double()


def agree(leaf: torch.Tensor, beta: float, threshold: float, reset: str, *, delay: bool, detach_reset: bool) -> None:
    surrogate = make_surrogate("fast_sigmoid", 4.0)
    ours = LIF(beta, threshold, reset, surrogate, detach_reset=detach_reset)(leaf)
    theirs = peer(leaf, beta, threshold, reset, delay)
    assert 0.1 < ours.mean().item() < 0.9
    assert torch.equal(ours, theirs)
    weights = torch.linspace(-1, 1, leaf.numel(), dtype=torch.float64).view_as(leaf)
    (our_grad,) = torch.autograd.grad((weights * ours).sum(), leaf)
    (their_grad,) = torch.autograd.grad((weights * theirs).sum(), leaf)
    # snnTorch's spikes are float32, so its gradients are rounded to that on the way.
    assert_close(our_grad, their_grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("beta", "threshold", "reset"),
    [
        (0.9, 1.0, "zero"),
        (0.6, 0.7, "zero"),
        (0.5, 1.0, "none"),
        (1.0, 1.0, "subtract"),
        (1.0, 2.3, "subtract"),
    ],
)
def test_delayed_reset_is_the_same_with_a_detached_reset(beta: float, threshold: float, reset: str) -> None:
    agree(currents(-0.4, 1.6), beta, threshold, reset, delay=True, detach_reset=True)


@pytest.mark.parametrize(("beta", "threshold"), [(0.9, 1.0), (0.5, 0.8)])
def test_immediate_soft_reset_is_the_same_with_an_attached_reset(beta: float, threshold: float) -> None:
    agree(currents(-0.2, threshold), beta, threshold, "subtract", delay=False, detach_reset=False)


def test_delayed_soft_reset_differs_when_neurons_leak() -> None:
    leaf = currents(-0.4, 1.6)
    assert not torch.equal(LIF(0.7)(leaf), peer(leaf, 0.7, 1.0, "subtract", True))
