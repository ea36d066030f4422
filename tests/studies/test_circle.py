"""The circle problem: its points, its costs, its trainings and their picture."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from sqnn.studies import CircleStudy, plot_circle, run_study
from sqnn.studies.circle.study import RADIUS, CircleCell, CircleClassifier, circle_points, fidelity, weighted_fidelity

QUICK = {"n_blocks": (1, 2), "data_scaling": ("added",), "seeds": 2, "starts": 2, "steps": 15, "test": 500}


@pytest.fixture(scope="module")
def rows():
    return run_study(CircleStudy(**QUICK), progress=False)


def test_half_of_the_square_lies_in_the_circle() -> None:
    points = circle_points(20_000, torch.Generator().manual_seed(0))
    assert points.places.abs().max() <= 1
    inside = points.places.square().sum(1) < 2 / math.pi
    assert torch.equal(points.inside, inside.long())
    assert abs(float(points.inside.double().mean()) - 0.5) < 4 * 0.5 / math.sqrt(20_000)
    assert pytest.approx(2) == math.pi * RADIUS**2


def test_costs_by_hand() -> None:
    fidelities = torch.tensor([[[0.8], [0.2]], [[0.3], [0.7]]], dtype=torch.float64)
    classes, weights = torch.tensor([0, 0]), torch.tensor([[2.0], [0.5]], dtype=torch.float64)
    assert fidelity(fidelities, classes, weights).item() == pytest.approx(1 - (0.8 + 0.3) / 2)
    squares = ((1.6 - 1) ** 2 + 0.1**2, (0.6 - 1) ** 2 + 0.35**2)
    assert weighted_fidelity(fidelities, classes, weights).item() == pytest.approx(sum(squares) / 4)


@pytest.mark.parametrize("n_qubits", [1, 2])
def test_a_classifier_is_the_circuit_of_the_paper(n_qubits: int) -> None:
    """One block, Rot(t0, t1 + s1 x1, t2 + s2 x2) on |0>: F_0 = cos^2((t1 + s1 x1) / 2) on every wire."""
    model = CircleClassifier(CircleCell("added", "fidelity", n_qubits, 1, 0), torch.Generator().manual_seed(0))
    places = circle_points(7, torch.Generator().manual_seed(1)).places
    layer = model.layer
    angle = layer.weights[0, :, 1] + layer.scales[0, :, 1] * places[:, :1]
    assert_close(model(places)[:, 0], torch.cos(angle / 2).square(), atol=1e-12, rtol=0)
    assert_close(model(places).sum(1), torch.ones(7, n_qubits, dtype=torch.float64), atol=1e-12, rtol=0)
    assert model.n_parameters == 5 * n_qubits


def test_two_layers_enclose_what_one_cannot(rows) -> None:
    """One layer sees one coordinate: at best a band of the square, 0.79 of it; two reach over 0.85."""
    by_blocks = rows.frame.groupby("n_blocks").test_accuracy.max()
    assert by_blocks[1] < 0.82
    assert by_blocks[2] > 0.85
    assert rows.frame.parameters.tolist() == [7, 7, 12, 12]
    summary = rows.summary()
    assert summary["mean"].tolist() == pytest.approx(rows.frame.groupby("n_blocks").test_accuracy.mean().tolist())


def test_the_same_seed_gives_the_same_row(rows) -> None:
    study = CircleStudy(**QUICK)
    again = study.measure(study.cells()[0])
    first = rows.frame.iloc[0]
    for name in ("test_accuracy", "validation_accuracy", "loss", "evaluations"):
        assert again[name] == first[name]


def test_the_picture_has_every_training(rows) -> None:
    (axes,) = plot_circle(rows.frame, title="mine").axes
    mean, dots = axes.lines[:2]
    assert mean.get_ydata().tolist() == pytest.approx(rows.summary()["mean"].tolist())
    assert dots.get_ydata().tolist() == rows.frame.test_accuracy.tolist()
    assert axes.get_title() == "mine"
    with pytest.raises(ValueError, match="bands: got 't'"):
        plot_circle(rows.frame, bands="t")
