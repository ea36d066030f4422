"""A picture of a circuit with the part that one expectation can feel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuits.reupload import DataReupload

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INSIDE, OUTSIDE = "#c8553d", "#c9ced6"
DATA_FACE, WEIGHT_FACE = "#fbe9d7", "#f6d3cb"
BOX, CZ_STEP = 0.62, 0.35
"""Side of a gate's box and distance between columns of CZ gates, where rotations stand 1 apart."""


def reached(circuit: DataReupload, wire: int) -> list[set[int]]:
    """Return for each block the wires whose rotations <Z_wire> depends on: the neighbours' cone, block by block.

    Behind the last block that is `wire` itself; every CZ layer on the way back adds the neighbours.
    Raises ValueError when there is no such wire.
    """
    if not 0 <= wire < circuit.n_qubits:
        raise ValueError(f"wire: got {wire}, expected 0 to {circuit.n_qubits - 1}")
    felt = [{wire}]
    for _ in range(circuit.n_blocks - 1):
        inside = felt[0]
        felt.insert(0, inside | {w for edge in circuit.edges if set(edge) & inside for w in edge})
    return felt


def plot_cone(circuit: DataReupload, wire: int) -> Figure:
    """Draw the circuit, time from left to right, with the gates that <Z_wire> can feel in colour."""
    from matplotlib.patches import Rectangle

    from circuits.plotting import Picture

    n, felt = circuit.n_qubits, reached(circuit, wire)
    layers = _cz_columns(circuit)
    block_width = 2 + CZ_STEP * len(layers) + 0.4
    total = block_width * circuit.n_blocks - CZ_STEP * len(layers)
    figure = Picture(figsize=(max(5.0, 0.62 * total + 1.6), 0.42 * n + 0.9), layout="constrained")
    axes = figure.subplots()
    for w in range(n):
        axes.plot([-0.5, total], [w, w], color=INSIDE if w == wire else OUTSIDE, lw=1, zorder=0)
    for block in range(circuit.n_blocks):
        start = block * block_width
        for w in range(n):
            inside = w in felt[block]
            for column, (text, face) in enumerate((("x", DATA_FACE), ("w", WEIGHT_FACE))):
                corner = (start + column - BOX / 2 + 0.2, w - BOX / 2)
                edge, fill = (INSIDE, face) if inside else (OUTSIDE, "white")
                axes.add_patch(Rectangle(corner, BOX, BOX, zorder=2, edgecolor=edge, facecolor=fill))
                axes.text(start + column + 0.2, w, text, ha="center", va="center", fontsize=8, zorder=3)
        if block == circuit.n_blocks - 1:
            continue
        for column, pairs in enumerate(layers):
            x = start + 2 + CZ_STEP * column
            for pair in pairs:
                colour = INSIDE if set(pair) & felt[block + 1] else OUTSIDE
                axes.plot([x, x], pair, color=colour, marker="o", ms=4, lw=1.2, zorder=1 + (colour == INSIDE))
    axes.set_yticks(range(n), [f"wire {w}" for w in range(n)])
    axes.set_xticks(
        [block * block_width + 0.7 for block in range(circuit.n_blocks)],
        [f"block {block + 1}" for block in range(circuit.n_blocks)],
    )
    axes.text(total + 0.15, wire, f"$\\langle Z_{{{wire}}}\\rangle$", va="center", color=INSIDE)
    axes.set_xlim(-0.7, total + 1.2)
    axes.set_ylim(n - 0.4, -0.6)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(f"{circuit.entangler}, {n} qubits, {circuit.n_blocks} blocks: {len(felt[0])} wires in the cone")
    return figure


def _cz_columns(circuit: DataReupload) -> list[list[tuple[int, int]]]:
    """Return the pairs of one CZ layer in columns of pairs that do not cross in the drawing."""
    columns: list[list[tuple[int, int]]] = []
    for pair in circuit.edges:
        low, high = min(pair), max(pair)
        for column in columns:
            if all(high < min(other) or low > max(other) for other in column):
                column.append(pair)
                break
        else:
            columns.append([pair])
    return columns
