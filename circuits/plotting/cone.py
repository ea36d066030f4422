"""A picture of a circuit with the causal cone of one expectation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuits.cone import cone_wires
from circuits.plotting.circuit import ACCENT, plot_circuit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from circuits.reupload import DataReupload


def plot_cone(circuit: DataReupload, wire: int, ax: Axes | None = None, *, title: str | None = None) -> Figure:
    """Draw the circuit, time from left to right, with the gates that <Z_wire> depends on in colour."""
    cone = cone_wires(circuit, wire)
    if title is None:
        size = f"{circuit.n_qubits} qubits, {circuit.n_blocks} blocks"
        title = f"{circuit.entangler_name}, {size}: {len(cone[0])} wires in the cone"
    figure = plot_circuit(circuit, ax, title=title, cone=cone)
    axes = figure.axes[0] if ax is None else ax
    axes.texts[wire].set_color(ACCENT)
    return figure
