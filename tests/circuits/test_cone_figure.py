"""The cone that the picture colours is the cone that gradients feel."""

from __future__ import annotations

import pytest
import torch
from kronecker import random_angles
from matplotlib.colors import to_hex

from circuits import ENTANGLERS, DataReupload, make_engine
from circuits.cone import cone_wires
from circuits.plotting import plot_cone
from circuits.plotting.circuit import ACCENT


@pytest.mark.parametrize("entangler", ENTANGLERS)
@pytest.mark.parametrize("n_blocks", [1, 2, 3])
def test_the_cone_is_where_gradients_are(entangler: str, n_blocks: int) -> None:
    circuit = DataReupload(7, n_blocks, entangler)
    inputs, weights = random_angles(circuit, 1, batch=2)
    for wire in (0, 3):
        expectation = make_engine("pennylane", circuit)(inputs, weights)[:, wire].sum()
        felt = torch.autograd.grad(expectation, weights)[0].abs().amax(-1) > 1e-10
        found = [set(row.nonzero().flatten().tolist()) for row in felt]
        assert found == cone_wires(circuit, wire)


def test_the_picture_colours_the_boxes_of_the_cone() -> None:
    circuit = DataReupload(6, 3)
    boxes = plot_cone(circuit, 2).axes[0].patches
    coloured = [to_hex(box.get_edgecolor()) == ACCENT for box in boxes]
    # Two boxes a wire and block: the data rotation and the trainable one.
    assert sum(coloured) == 2 * sum(map(len, cone_wires(circuit, 2)))


def test_a_wire_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="wire: got 6, expected 0 to 5"):
        plot_cone(DataReupload(6, 2), 6)
