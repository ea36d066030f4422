"""Pictures: what they show, where they are drawn, and the fonts they are saved with."""

from __future__ import annotations

import io

import pytest
import torch
from matplotlib.figure import Figure

from circuits import ENTANGLERS, DataReupload
from circuits.diagnostics import (
    effective_parameters,
    entanglement,
    expressibility,
    fourier_spectrum,
    gradient_variance,
)
from circuits.plotting import Picture, plot_circuit, plot_cone

CIRCUIT = DataReupload(3, 2)
PLOTS = {
    "circuit": CIRCUIT.plot,
    "cone": lambda ax=None, title=None: plot_cone(CIRCUIT, 1, ax, title=title),
    "rank": effective_parameters(CIRCUIT, 8).plot,
    "entanglement": entanglement(CIRCUIT, 5).plot,
    "expressibility": expressibility(CIRCUIT, 5).plot,
    "spectrum": fourier_spectrum(CIRCUIT, 1, 2).plot,
    "variance": gradient_variance([2, 3], [1], samples=2, costs=["local"]).plot,
}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize("entangler", ENTANGLERS)
def test_the_picture_holds_every_gate(entangler: str) -> None:
    circuit = DataReupload(5, 3, entangler)
    axes = plot_circuit(circuit).axes[0]
    gates = list(circuit.gates())
    rotations = [gate for gate in gates if gate.name == "Rot"]
    named = [f"x_{{{g.wires[0]}}}" if g.source == "inputs" else f"w_{{{g.block},{g.wires[0]}}}" for g in rotations]
    assert sorted(t for t in texts(axes.figure) if "Rot" in t) == sorted(f"Rot$({name})$" for name in named)
    pairs = [tuple(line.get_ydata()) for line in axes.lines if line.get_marker() == "o"]
    assert sorted(pairs) == sorted(gate.wires for gate in gates if gate.name == "CZ")


def test_the_gates_of_one_column_do_not_cross() -> None:
    axes = plot_circuit(DataReupload(6, 2, "all")).axes[0]
    columns: dict[float, list[tuple[int, int]]] = {}
    for line in axes.lines:
        if line.get_marker() == "o":
            columns.setdefault(line.get_xdata()[0], []).append(tuple(sorted(line.get_ydata())))
    assert len(columns) > 1
    for pairs in columns.values():
        wires = [wire for low, high in pairs for wire in range(low, high + 1)]
        assert len(wires) == len(set(wires))


def test_the_first_blocks_alone() -> None:
    circuit = DataReupload(2, 4)
    assert sum("Rot" in text for text in texts(circuit.plot(blocks=1))) == 4
    assert not any("langle" in text for text in texts(circuit.plot(blocks=1)))
    assert sum("langle" in text for text in texts(circuit.plot())) == 2
    for wrong in (0, 5, 1.5):
        with pytest.raises(ValueError, match=f"blocks: got {wrong}, expected"):
            circuit.plot(blocks=wrong)


@pytest.mark.parametrize("name", PLOTS)
def test_plots_are_drawn_on_given_axes_under_a_given_title(name: str) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert PLOTS[name](ax=right, title="mine") is figure
    assert right.get_title() == "mine"
    assert right.has_data()
    assert not left.has_data()


@pytest.mark.parametrize("name", PLOTS)
def test_pdfs_have_no_type_3_fonts(name: str) -> None:
    picture = PLOTS[name]()
    assert isinstance(picture, Picture)

    def saved(save) -> bytes:
        buffer = io.BytesIO()
        save(picture, buffer, format="pdf")
        return buffer.getvalue()

    assert b"/Subtype /Type3" not in saved(Picture.savefig)
    assert b"/FontFile2" in saved(Picture.savefig)
    # matplotlib's own figures have them, so the search finds what it is for.
    assert b"/Subtype /Type3" in saved(Figure.savefig)


def test_variances_need_axes_for_every_cost() -> None:
    result = gradient_variance([2], [1], samples=2, generator=torch.Generator().manual_seed(0))
    figure = Figure()
    axes = figure.subplots(1, 2)
    assert result.plot(axes) is figure
    assert all(panel.has_data() for panel in axes)
    with pytest.raises(ValueError, match="ax: got 1 axes, expected one per cost: local, global"):
        result.plot(axes[0])
