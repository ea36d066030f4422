"""A picture of a circuit: its rotations as boxes, its entangling layers as lines, time from left to right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from noise_models import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circuits.reupload import DataReupload

LINE, FAINT, ACCENT = "#3d4451", "#c9ced6", "#c8553d"
DATA_FACE, WEIGHT_FACE = "#fbe9d7", "#dbe7f3"
BOX, ROTATION_STEP, CZ_STEP, MARGIN = (1.3, 0.66), 1.55, 0.4, 0.45
"""Width and height of a box, distances between columns of boxes and of CZ gates, and room on both sides of a block
boundary, where wires stand 1 apart."""
TARGETS: Mapping[str, str] = MappingProxyType({"cnot": "P", "crz": "s"})
"""Marks of a target that is none of a CZ."""
INCHES = 0.44
"""Inches per unit of length."""


def plot_circuit(
    circuit: DataReupload,
    ax: Axes | None = None,
    *,
    blocks: int | None = None,
    title: str | None = None,
    cone: Sequence[set[int]] | None = None,
) -> Figure:
    """Draw the first `blocks` blocks of a circuit, all by default, on `ax` or a new picture.

    A box Rot(x_i) reads the data angles of wire i, a box Rot(w_b,i) the weights [b, i], Rot(s_b,i x_i) scaled data.
    Lines with two dots are CZ gates, those with a cross at the target CNOT, with a square CRZ; dotted lines are block
    boundaries. With a `cone`, the wires per block that an expectation depends on, what lies outside is drawn faint.
    Raises ValueError where `blocks` is not between 1 and n_blocks.
    """
    from matplotlib.patches import Rectangle

    from circuits.plotting.picture import panel

    n = circuit.n_qubits
    shown = circuit.n_blocks if blocks is None else whole("blocks", blocks)
    if shown > circuit.n_blocks:
        raise ValueError(f"blocks: got {shown}, expected at most n_blocks = {circuit.n_blocks}")
    columns = _cz_columns(circuit)
    boxes = 1 if circuit.data_scaling == "added" else 2
    rotations = boxes * ROTATION_STEP
    width = rotations + CZ_STEP * len(columns) + 2 * MARGIN
    total = width * shown if shown < circuit.n_blocks else width * (shown - 1) + rotations + MARGIN
    figure, axes = panel(ax, (INCHES * (total + 2.4), INCHES * (n + 1.2)), title)
    for wire in range(n):
        axes.plot([0, total], [wire, wire], color=LINE, lw=0.8, zorder=0)
        end = f"$\\langle Z_{{{wire}}}\\rangle$" if shown == circuit.n_blocks else "$\\cdots$"
        axes.text(total + 0.15, wire, end, ha="left", va="center", fontsize=8)
    for block in range(shown):
        start = block * width + MARGIN
        for wire in range(n):
            inside = cone is None or wire in cone[block]
            data = f"s_{{{block},{wire}}}x_{{{wire}}}" if circuit.scales_data else f"x_{{{wire}}}"
            weights = f"w_{{{block},{wire}}}"
            labels = [(data, DATA_FACE), (weights, WEIGHT_FACE)] if boxes == 2 else [(f"{weights}+{data}", DATA_FACE)]
            for column, (angles, face) in enumerate(labels):
                x = start + column * ROTATION_STEP
                edge = FAINT if not inside else LINE if cone is None else ACCENT
                corner = (x, wire - BOX[1] / 2)
                axes.add_patch(Rectangle(corner, *BOX, zorder=2, edgecolor=edge, facecolor=face if inside else "white"))
                colour = LINE if inside else FAINT
                text = f"Rot$({angles})$"
                axes.text(x + BOX[0] / 2, wire, text, ha="center", va="center", fontsize=7, color=colour, zorder=3)
        if block == circuit.n_blocks - 1:
            continue
        for column, pairs in enumerate(columns):
            x = start + rotations + CZ_STEP * column
            for pair in pairs:
                met = cone is None or bool(set(pair) & cone[block + 1])
                colour = FAINT if not met else LINE if cone is None else ACCENT
                ends = [0, 1] if circuit.entangling_gate == "cz" else [0]
                axes.plot([x, x], pair, color=colour, marker="o", ms=3.5, lw=1.1, markevery=ends, zorder=1 + met)
                if circuit.entangling_gate != "cz":
                    mark = TARGETS[circuit.entangling_gate]
                    axes.plot(x, pair[1], color=colour, marker=mark, ms=6, zorder=1 + met)
        axes.axvline((block + 1) * width, color=FAINT, ls=":", lw=1, zorder=0)
    axes.set_yticks(range(n), [f"wire {wire}" for wire in range(n)])
    axes.set_xticks(
        [block * width + MARGIN + ROTATION_STEP - 0.1 for block in range(shown)],
        [f"block {block}" for block in range(shown)],
    )
    axes.set_xlim(-0.1, total + 1.3)
    axes.set_ylim(n - 0.4, -0.6)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8)
    return figure


def _cz_columns(circuit: DataReupload) -> list[list[tuple[int, int]]]:
    """Return the pairs of one CZ layer in columns of pairs that do not cross in the drawing."""
    columns: list[list[tuple[int, int]]] = []
    if circuit.entangling_gate == "cnot":
        return [[pair] for pair in circuit.edges]  # in their order, which matters
    for pair in circuit.edges:
        low, high = min(pair), max(pair)
        for column in columns:
            if all(high < min(other) or low > max(other) for other in column):
                column.append(pair)
                break
        else:
            columns.append([pair])
    return columns
