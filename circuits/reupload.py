"""The data re-upload circuit, written once; every engine reads it from here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circuits.entanglers import Edge, edges
from circuits.gate import Gate
from noise_models import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


LARGEST = 100_000
"""Most qubits, and most blocks, of a circuit: far beyond any use, and small enough to be built."""


@dataclass(frozen=True)
class DataReupload:
    """A register of `n_qubits` wires that meets the same data in each of `n_blocks` blocks.

    A block applies on every wire i the data rotation Rot(x_i), then the trainable rotation Rot(w_bi), where
    Rot(phi, theta, omega) = RZ(omega) RY(theta) RZ(phi), all angles in radians. A layer of CZ gates stands between
    two blocks; none follows the last one, where it could not change any <Z_i>. The circuit takes 3 n_qubits data
    angles, wire by wire, and is read as <Z_i> on every wire.

    Raises ValueError when a count is not a positive whole number or the entangler is unknown.

    Source: Perez-Salinas et al., Quantum 4, 226 (2020), for re-uploading; SQDR-CNN (arXiv 2512.03895) for this form.
    """

    n_qubits: int
    n_blocks: int
    entangler: str = "ring"

    def __post_init__(self) -> None:
        for name in ("n_qubits", "n_blocks"):
            object.__setattr__(self, name, whole(name, vars(self)[name], most=LARGEST))
        edges(self.entangler, self.n_qubits)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The pairs of wires joined between two blocks."""
        return edges(self.entangler, self.n_qubits)

    @property
    def n_inputs(self) -> int:
        """Data angles the circuit reads: three per wire."""
        return 3 * self.n_qubits

    @property
    def weight_shape(self) -> tuple[int, int, int]:
        """Shape of the weights: [n_blocks, n_qubits, 3], in radians."""
        return (self.n_blocks, self.n_qubits, 3)

    @property
    def n_weights(self) -> int:
        """Allocated weights: 3 n_qubits n_blocks."""
        return 3 * self.n_qubits * self.n_blocks

    @property
    def n_effective_weights(self) -> int:
        """Weights that can change some <Z_i>: the closing RZ of the last block commutes with Z on its wire."""
        return self.n_weights - self.n_qubits

    def gates(self) -> Iterator[Gate]:
        """List the instructions in the order in which they act."""
        for block in range(self.n_blocks):
            for wire in range(self.n_qubits):
                yield Gate("Rot", (wire,), block, "inputs")
            for wire in range(self.n_qubits):
                yield Gate("Rot", (wire,), block, "weights")
            if block < self.n_blocks - 1:
                for edge in self.edges:
                    yield Gate("CZ", edge, block)

    def draw(self) -> str:
        """Return the circuit as text, with x for data angles and w for weights."""
        from circuits.plotting import draw_text

        return draw_text(self.n_qubits, self.gates())

    def plot(self, ax: Axes | None = None, *, blocks: int | None = None, title: str | None = None) -> Figure:
        """Draw the circuit on `ax` or a new picture: its first `blocks` blocks, all by default."""
        from circuits.plotting import plot_circuit

        return plot_circuit(self, ax, blocks=blocks, title=title)
