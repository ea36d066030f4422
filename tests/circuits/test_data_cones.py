"""Data angles that an expectation can depend on: those whose derivatives are not zero, and no others."""

from __future__ import annotations

import pytest
import torch

from circuits import ReuploadLayer


def dependence(layer: ReuploadLayer) -> list[tuple[int, ...]]:
    """The angles by which the derivative of an expectation is not zero at one of two random points."""
    points = torch.randn(2, layer.n_inputs, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    largest = torch.stack([torch.autograd.functional.jacobian(layer, point).abs() for point in points]).amax(0)
    return [tuple((row > 1e-9).nonzero()[:, 0].tolist()) for row in largest]


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, [7] * 5),  # three angles of the wire, and two of each neighbour, whose first RZ turns |0>
        ({"n_blocks": 1}, [2] * 5),
        ({"n_blocks": 3}, [13] * 5),
        ({"entangler": "line"}, [5, 7, 7, 7, 5]),
        ({"entangler": "all", "data_scaling": "block"}, [11] * 5),
        ({"entangling_gate": "cnot"}, [11, 7, 9, 11, 11]),
        ({"entangling_gate": "crz"}, [7] * 5),
        ({"observable": "X0 Z2, Y1"}, [12, 7]),
    ],
)
def test_the_cones_are_the_angles_with_a_derivative(options: dict[str, object], sizes: list[int]) -> None:
    layer = ReuploadLayer(**{"n_qubits": 5, "n_blocks": 2, **options}, generator=torch.Generator().manual_seed(3))
    cones = layer.double().data_cones()
    assert cones == dependence(layer)
    assert [len(cone) for cone in cones] == sizes


@pytest.mark.parametrize(
    "options", [{"noise": "amplitude_damping:0.1"}, {"noise": "torino"}, {"data_scaling": "added"}]
)
def test_cones_that_are_wider_hold_all_angles_with_a_derivative(options: dict[str, object]) -> None:
    layer = ReuploadLayer(5, 2, **options, generator=torch.Generator().manual_seed(3)).double()
    for cone, needed in zip(layer.data_cones(), dependence(layer), strict=True):
        assert set(needed) <= set(cone)
        assert set(cone) <= set(range(15))
        assert len(cone) <= 9
