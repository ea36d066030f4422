"""Margins: what an image does without before its label changes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import torch
from explained import Perceptron, images, sqdr
from torch import Tensor, nn

from sqnn.core import ConfigError
from sqnn.explain.attribution import Margins, attribute, robustness_margins
from sqnn.explain.attribution.ablation import CHANGES, _disturbed
from sqnn.explain.attribution.probe import PASSES, Probe
from sqnn.neurons import IF

ablation = import_module("sqnn.explain.attribution.ablation")


def test_a_margin_ends_at_the_first_change_of_the_label() -> None:
    kept = torch.tensor([[[1, 1, 0], [1, 0, 1], [1, 1, 1]]], dtype=torch.bool)
    margins = Margins(kept, (0.1, 0.5, 1.0), "weights", "remove", torch.tensor([9, 9, 9]))
    assert margins.margins.tolist() == [[1.0, 0.1, 0.0]]
    assert margins.margin.tolist() == [1.0, 0.1, 0.0]
    assert len(margins.frame) == 9
    assert margins.plot().axes[0].lines[0].get_ydata()[1:].tolist() == pytest.approx([2 / 3, 2 / 3, 1.0])


def test_spikes_are_taken_from_images_until_the_label_changes() -> None:
    """One neuron and class 0 per pixel against a bias of class 1: the label changes below a known number of pixels."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2)).double()
    model[1].weight.data[:] = torch.tensor([[1.0], [0.0]])
    model[1].bias.data[:] = torch.tensor([0.0, 4.5])
    batch = torch.ones(2, 1, 4, 4, dtype=torch.float64)
    batch[1, 0, 0] = 0
    shares = tuple(k / 16 for k in range(1, 17))
    found = robustness_margins(model, batch, "pixels", shares=shares)
    assert found.entries.tolist() == [16, 12]
    assert found.margins[:, 0].tolist() == [11 / 16] * 3  # 16 - 11 = 5 pixels are more than 4.5
    assert found.margins[:, 1].tolist() == [pytest.approx(9 / 16)] * 3  # round(9 / 16 * 12) = 7 leave 5


@pytest.mark.parametrize("at", ["spikes", "frontend.blocks.0", "weights"])
@pytest.mark.parametrize("change", ["remove", "shuffle", "noise"])
def test_every_place_can_be_disturbed(at: str, change: str) -> None:
    model, batch = sqdr(), images(2)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    once, again = (
        robustness_margins(
            model, batch, at, change, shares=(0.3, 1.0), trials=1, generator=torch.Generator().manual_seed(3)
        )
        for _ in range(2)
    )
    assert torch.equal(once.kept, again.kept)
    assert once.kept.shape == (1, 2, 2)
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


@pytest.mark.parametrize("at", ["pixels", "spikes", "frontend.blocks.0", "weights"])
@pytest.mark.parametrize("change", list(CHANGES))
def test_a_change_changes_what_the_place_holds(at: str, change: str) -> None:
    """Even where all entries that are not silent are 1; a shuffled point has the values that it had."""
    seen: list[tuple[Tensor, Tensor]] = []

    def see(probe: Probe, points: Tensor, rows: Tensor) -> Tensor:
        seen.append((points, probe.point[rows]))
        return probe.plain[rows]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Probe, "logits", see)
        robustness_margins(sqdr(encoding="direct"), images(2), at, change, shares=(0.3, 1.0), trials=1)
    points, before = (torch.cat(parts).flatten(1) for parts in zip(*seen, strict=True))
    changed = (points != before).sum(1)
    entries = (before != 0).sum(1)
    assert len(points) == 4
    assert (changed > 0).all()
    if change == "shuffle":
        assert torch.equal(points.sort(1).values, before.sort(1).values)
    else:
        assert changed.tolist() == [round(share * int(n)) for share, n in zip((0.3, 1.0) * 2, entries, strict=True)]


def test_only_a_few_points_are_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made, sizes = [0], []

    def counting(*arguments: Any) -> Iterator[Tensor]:
        for point in _disturbed(*arguments):
            made[0] += 1
            yield point

    def see(probe: Probe, points: Tensor, rows: Tensor) -> Tensor:
        assert made[0] == sum(sizes) + len(points)
        sizes.append(len(points))
        return probe.plain[rows]

    monkeypatch.setattr(Probe, "logits", see)
    monkeypatch.setattr(ablation, "_disturbed", counting)
    robustness_margins(sqdr(), images(5), "pixels", shares=tuple(k / 50 for k in range(1, 51)), trials=1)
    assert sum(sizes) == 250
    assert max(sizes) == PASSES


def test_all_weights_removed_leave_no_logit() -> None:
    model, batch = Perceptron(IF()), images(2, side=4)
    tensors = attribute(model, batch, 1, "occlusion", "weights")
    assert tensors.axes == ("image", "tensor")
    bias = list(dict(model.named_parameters())).index("readout.bias")
    assert torch.allclose(tensors.values[:, bias], model.readout.bias[1].detach().expand(2))
    layers = attribute(model, batch, 1, "occlusion", "weights", by="layer").values
    assert torch.allclose(layers[:, 1], model(batch)[:, 1])


def test_bad_input_gets_one_line() -> None:
    model, batch = sqdr(), images(1)
    for arguments, message in (
        ({"change": "burn"}, "change: got 'burn', expected one of remove, shuffle, noise"),
        ({"shares": (0.5, 0.2)}, "shares: got"),
        ({"shares": (0.5, 1.2)}, "shares: got"),
        ({"shares": ()}, "shares: got"),
        ({"trials": 0}, "trials: got 0, expected a whole number of at least 1"),
        ({"at": "nowhere"}, "at: got 'nowhere', expected one of"),
    ):
        with pytest.raises(ConfigError, match=message):
            robustness_margins(model, batch, **arguments)
