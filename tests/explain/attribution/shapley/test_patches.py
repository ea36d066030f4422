"""Shapley values of patches: exact ones by their definition, and all of a linear network."""

from __future__ import annotations

import pytest
import torch
from explained import images, sqdr
from games import shapley_by_definition
from torch import Tensor
from torch.nn import functional as F

from sqnn.explain.attribution import attribute
from sqnn.models import create_model


def by_patch(values: Tensor, side: int) -> Tensor:
    return side**2 * F.avg_pool2d(values.sum(1, keepdim=True), side).flatten(1)


@pytest.mark.parametrize("within", ["difference", "equal"])
def test_few_patches_have_the_values_of_the_definition(within: str) -> None:
    model, batch = sqdr(), images(2)
    found = attribute(model, batch, 1, "shapley", side=3, within=within)

    def worth(coalition: tuple[int, ...]) -> float:
        shown = torch.zeros_like(batch[1:])
        for patch in coalition:
            rows, columns = (slice(3 * k, 3 * k + 3) for k in divmod(patch, 2))
            shown[..., rows, columns] = batch[1:, :, rows, columns]
        return model(shown)[0, 1].item()

    with torch.no_grad():
        expected = shapley_by_definition(worth, 4)
    assert torch.allclose(by_patch(found.values, 3)[1], expected, rtol=0, atol=1e-12)
    assert expected.abs().max() > 1e-3
    assert found.completeness_error.max() < 1e-12


@pytest.mark.parametrize("permutations", [1, 3])
def test_a_linear_network_gives_weights_times_differences(permutations: int) -> None:
    model = create_model("logistic", image_size=(6, 6), in_channels=2).double()
    batch, baseline = images(2, channels=2), images(1, seed=5, channels=2)[0]
    found = attribute(model, batch, 3, "shapley", side=1, permutations=permutations, baseline=baseline)
    products = model.linear.weight[3].detach().view(2, 6, 6) * (batch - baseline)
    assert torch.allclose(found.values.sum(1), products.sum(1), rtol=0, atol=1e-12)


def test_a_patch_that_is_the_baseline_has_no_share_and_others_share_by_their_difference() -> None:
    batch = images(1)
    batch[..., :3, :3] = 0
    batch[..., 5, 5] = 0
    found = attribute(sqdr(), batch, 0, "shapley", side=3)
    assert not found.values[..., :3, :3].any()
    assert found.values[..., 5, 5] == 0
    shares = found.values[0, 0, 3:, 3:] / found.values[0, 0, 3:, 3:].sum()
    inked = batch[0, 0, 3:, 3:]
    assert torch.allclose(shares, inked / inked.sum(), atol=1e-12)


def test_an_image_that_is_the_baseline_and_a_window_that_does_not_fit() -> None:
    blank = torch.zeros(1, 1, 6, 6, dtype=torch.float64)
    assert not attribute(sqdr(), blank, 0, "shapley").values.any()
    with pytest.raises(ValueError, match="side: got 7, expected at most 6"):
        attribute(sqdr(), blank, 0, "shapley", side=7)


def test_the_same_seed_draws_the_same_permutations() -> None:
    model, batch = sqdr(), images(1)
    first, again = (
        attribute(model, batch, 0, "shapley", side=1, permutations=1, generator=torch.Generator().manual_seed(4))
        for _ in range(2)
    )
    other = attribute(model, batch, 0, "shapley", side=1, permutations=1, generator=torch.Generator().manual_seed(5))
    assert torch.equal(first.values, again.values)
    assert not torch.equal(first.values, other.values)
