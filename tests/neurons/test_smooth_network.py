"""With the smooth function in place of the spike, gradients are ordinary derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch.testing import assert_close

from sqnn.neurons import LIF, RESETS, Surrogate, lif_sequence, make_surrogate


@dataclass(frozen=True)
class Smooth(Surrogate):
    """Emits the smooth function itself, so that nothing is discontinuous."""

    slope: float = 2.0
    name: ClassVar[str] = "smooth"

    def fire(self, u: torch.Tensor) -> torch.Tensor:
        return self.smooth(u)

    def smooth(self, u: torch.Tensor) -> torch.Tensor:
        return make_surrogate("atan", self.slope).smooth(u)

    def slope_at(self, u: torch.Tensor) -> torch.Tensor:
        return make_surrogate("atan", self.slope).slope_at(u)


@pytest.mark.parametrize("reset", RESETS)
def test_backpropagation_through_time_matches_finite_differences(reset: str) -> None:
    generator = torch.Generator().manual_seed(0)
    currents = torch.randn(4, 1, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    decay = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    threshold = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)

    def network(*inputs: torch.Tensor) -> torch.Tensor:
        current, beta, level = inputs
        return lif_sequence(
            current, decay=beta, threshold=level, reset=reset, surrogate=Smooth(), initial_membrane=0.5
        )[0]

    assert torch.autograd.gradcheck(network, (currents, decay, threshold))


def test_custom_surrogates_run_fused() -> None:
    currents = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    (custom,) = torch.autograd.grad(LIF(surrogate=Smooth())(currents).sum(), currents)
    (named,) = torch.autograd.grad(LIF(surrogate="atan")(currents).sum(), currents)
    assert_close(custom, named)
