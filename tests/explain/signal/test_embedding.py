"""Maps, groups and selectivity: planted ones are found."""

from __future__ import annotations

import math

import pytest
import torch

from sqnn.explain.signal import embed

LABELS = torch.arange(3).repeat(10)


def tuned() -> torch.Tensor:
    """Neurons 0-3 fire for class 0 early, 4-7 for class 2 late, 8 for all, 9 never."""
    spikes = torch.zeros(6, 30, 10)
    spikes[:2, LABELS == 0, :4] = 1
    spikes[3:, LABELS == 2, 4:8] = 1
    spikes[0, :, 8] = 1
    spikes[5, 0, 3] = 1  # neurons of a group need not be equal
    return spikes


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_neurons_of_one_role_form_a_group_and_prefer_its_class(method: str) -> None:
    made = embed(tuned(), LABELS, method=method)
    groups = made.groups.tolist()
    assert len(set(groups[:4])) == len(set(groups[4:8])) == 1
    assert len({groups[0], groups[4], groups[8], groups[9]}) == 4
    assert made.preferred is not None
    assert made.preferred.tolist() == [0] * 4 + [2] * 4 + [0, -1]
    assert made.selectivity is not None
    assert made.selectivity[:9].tolist() == [1.0] * 8 + [0.0]
    assert math.isnan(made.selectivity[9])
    assert made.silhouette > 0.7
    assert made.points.shape == (10, 2)
    if method == "pca":
        near = torch.cdist(made.points, made.points)
        assert float(near[:3, :3].max()) < float(near[:4, 4:8].min())


def test_one_class_selects_nothing() -> None:
    made = embed(tuned()[:, LABELS == 0], torch.zeros(10, dtype=torch.long))
    assert made.preferred is not None
    assert made.preferred.tolist() == [0, 0, 0, 0, -1, -1, -1, -1, 0, -1]
    assert made.selectivity is not None
    assert made.selectivity.isnan().all()
    made.plot()


def test_principal_components_keep_distances_in_a_plane() -> None:
    spikes = torch.zeros(1, 4, 4)
    spikes[0] = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]])
    made = embed(spikes, of="images", groups=2)
    whole = torch.cdist(spikes[0].double(), spikes[0].double())
    torch.testing.assert_close(torch.cdist(made.points, made.points), whole)
