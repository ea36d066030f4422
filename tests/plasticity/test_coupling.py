"""A layer with a local term in the gradient of its weights has it there and nowhere else."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from sqnn.plasticity.coupling import Coupled

LAYERS = [
    (nn.Linear(5, 4), (6, 5)),
    (nn.Conv2d(2, 4, 3, 2, 1, groups=2), (3, 2, 7, 6)),
    (nn.Conv1d(2, 4, 3, dilation=2, bias=False), (3, 2, 9)),
]


@pytest.mark.parametrize(("layer", "size"), LAYERS)
def test_a_coupled_layer_changes_the_gradient_of_its_weights_alone(layer: nn.Module, size: tuple[int, ...]) -> None:
    layer, generator = layer.double(), torch.Generator().manual_seed(1)
    inputs = torch.randn(size, generator=generator, dtype=torch.float64, requires_grad=True)
    output = layer(inputs)
    gradient, local = (torch.randn(output.shape, generator=generator, dtype=torch.float64) for _ in range(2))
    wanted = list(torch.autograd.grad(output, [inputs, *layer.parameters()], gradient, retain_graph=True))
    wanted[1] = torch.autograd.grad(output, layer.weight, gradient - local)[0]
    coupled = Coupled(layer, lambda: local)
    coupled.attach()
    again = layer(inputs)
    given = torch.autograd.grad(again, [inputs, *layer.parameters()], gradient)
    coupled.detach()
    assert torch.equal(output, again)
    assert "forward" not in vars(layer)
    for one, other in zip(given, wanted, strict=True):
        assert_close(one, other, atol=1e-12, rtol=0)
