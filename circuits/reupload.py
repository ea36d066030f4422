"""The data re-upload circuit, written once; every engine reads it from here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal, cast

from circuits.entanglers import GATES, Edge, Layout, Pairs, edges, layout, named
from circuits.gate import Gate
from noise_models import Choices, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MOST_QUBITS_OR_BLOCKS = 100_000
"""Most qubits, and most blocks, of a circuit: far beyond any use, and small enough to be built."""
SCALINGS: Choices[str] = Choices(
    "data_scaling",
    {
        "none": "every block reads the data as they are: Rot(x_i), then Rot(w_bi)",
        "block": "every block has factors of its own for the data: Rot(s_bi x_i), then Rot(w_bi)",
        "added": "the same in one rotation, as published: Rot(w_bi + s_bi x_i)",
    },
)
"""What a block does with the data, by name."""


@dataclass(frozen=True, repr=False)
class DataReupload:
    """A register of `n_qubits` wires that meets the same data in each of `n_blocks` blocks.

    A block applies on every wire i the data rotation Rot(x_i), then the trainable rotation Rot(w_bi), where
    Rot(phi, theta, omega) = RZ(omega) RY(theta) RZ(phi), all angles in radians. A layer of entangling gates stands
    between two blocks; none follows the last one, where CZ gates could not change any <Z_i>. The circuit takes
    3 n_qubits data angles, wire by wire.

    `entangler` is a name of ENTANGLERS (or linear, circular, full), or pairs of wires; `entangling_gate` one of GATES.
    With `data_scaling` (SCALINGS) each block multiplies the data by trainable factors first, angle by angle.

    What an engine reads are `n_inputs` numbers per sample: the data angles, those of every block where they are
    scaled, and after them the angles of the CRZ gates; and the weights.

    Raises ValueError when a count is not a positive whole number, a name is unknown or a pair does not fit.

    Source: Perez-Salinas et al., Quantum 4, 226 (2020), for re-uploading (`added` is their equation for a layer);
    SQDR-CNN (arXiv 2512.03895) for this form.
    """

    n_qubits: int
    n_blocks: int
    entangler: Pairs = "ring"
    entangling_gate: str = "cz"
    data_scaling: str = "none"
    edges: tuple[Edge, ...] = field(init=False, repr=False, compare=False)
    """The pairs of wires joined between two blocks."""
    layout: Layout = field(init=False, repr=False, compare=False)
    """What the joined wires look like, whatever the entangler is called."""

    def __post_init__(self) -> None:
        for name in ("n_qubits", "n_blocks"):
            object.__setattr__(self, name, whole(name, vars(self)[name], most=MOST_QUBITS_OR_BLOCKS))
        object.__setattr__(self, "entangler", named(self.entangler))
        GATES.pick(self.entangling_gate)
        SCALINGS.pick(self.data_scaling)
        object.__setattr__(self, "edges", edges(self.entangler_name, self.n_qubits))
        object.__setattr__(self, "layout", layout(self.entangler_name, self.n_qubits))

    def __repr__(self) -> str:
        values = ((one.name, vars(self)[one.name], one.default) for one in fields(self) if one.init)
        shown = [f"{name}={value!r}" for name, value, default in values if value != default or name == "entangler"]
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def entangler_name(self) -> str:
        """The entangler as text: a name of ENTANGLERS, or pairs as in 0-1,2-3."""
        return cast(str, self.entangler)

    @property
    def scales_data(self) -> bool:
        """Whether each block has data angles of its own."""
        return self.data_scaling != "none"

    @property
    def n_angles(self) -> int:
        """Data angles that a sample has: three per wire."""
        return 3 * self.n_qubits

    @property
    def n_couplings(self) -> int:
        """Angles of CRZ gates: one per pair and entangling layer."""
        return len(self.edges) * (self.n_blocks - 1) if self.entangling_gate == "crz" else 0

    @property
    def n_inputs(self) -> int:
        """Numbers per sample that an engine reads: data angles, by block where they are scaled, and couplings."""
        return self.n_angles * (self.n_blocks if self.scales_data else 1) + self.n_couplings

    @property
    def weight_shape(self) -> tuple[int, int, int]:
        """Shape of the weights: [n_blocks, n_qubits, 3], in radians."""
        return (self.n_blocks, self.n_qubits, 3)

    @property
    def n_weights(self) -> int:
        """Allocated weights: 3 n_qubits n_blocks."""
        return 3 * self.n_qubits * self.n_blocks

    @property
    def n_parameters(self) -> int:
        """All trainable numbers: weights, couplings and factors of the data."""
        return self.n_weights * (2 if self.scales_data else 1) + self.n_couplings

    @property
    def n_effective_weights(self) -> int:
        """Trainable numbers that can change some <Z_i>.

        The closing RZ of the last block commutes with Z on its wire, and where data are scaled the first RZ of the
        circuit does nothing to |0>.
        """
        dead = {"none": 1, "block": 2, "added": 4}[self.data_scaling]
        return self.n_parameters - dead * self.n_qubits

    def gates(self) -> Iterator[Gate]:
        """List the instructions in the order in which they act."""
        sources: tuple[Literal["inputs", "weights", "both"], ...] = ("inputs", "weights")
        if self.data_scaling == "added":
            sources = ("both",)
        name = cast(Literal["CZ", "CNOT", "CRZ"], GATES[self.entangling_gate])
        for block in range(self.n_blocks):
            for source in sources:
                for wire in range(self.n_qubits):
                    yield Gate("Rot", (wire,), block, source)
            if block < self.n_blocks - 1:
                for number, edge in enumerate(self.edges, block * len(self.edges)):
                    yield Gate(name, edge, block, coupling=number if name == "CRZ" else None)

    def draw(self) -> str:
        """Return the circuit as text, with x for data angles and w for weights."""
        from circuits.plotting import draw_text

        return draw_text(self.n_qubits, self.gates())

    def plot(self, ax: Axes | None = None, *, blocks: int | None = None, title: str | None = None) -> Figure:
        """Draw the circuit on `ax` or a new picture: its first `blocks` blocks, all by default."""
        from circuits.plotting import plot_circuit

        return plot_circuit(self, ax, blocks=blocks, title=title)
