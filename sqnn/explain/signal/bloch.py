"""Bloch spheres of a quantum head: the state of each qubit after each block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from sqnn.core import ConfigError, counted
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import image_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SIDE, TILT = math.radians(30), math.radians(20)
"""From where the spheres are looked at: turned about z from x towards y, and from above."""
APART = 2.5
"""Distance between the centres of two spheres, in radii."""


@runtime_checkable
class HasBloch(Protocol):
    """The record of a head, with Bloch vectors `[n_blocks, batch, n_qubits, 3]`."""

    @property
    def bloch(self) -> Tensor | None:
        """<X>, <Y>, <Z> of each qubit after each block."""


@dataclass(frozen=True, repr=False, eq=False)
class BlochSpheres(Signal):
    """Bloch vectors of one image, `vectors` `[n_blocks, n_qubits, 3]`: <X>, <Y>, <Z> of each qubit after each block."""

    size: ClassVar[tuple[float, float]] = (9.0, 2.2)
    vectors: Tensor

    @property
    def lengths(self) -> Tensor:
        """The length `[n_blocks, n_qubits]` of each vector: 1 for a pure qubit, 0 for one that knows nothing alone."""
        return self.vectors.norm(dim=-1)

    @property
    def entropies(self) -> Tensor:
        """The entropy in bits `[n_blocks, n_qubits]` of each qubit; of a pure state without noise, its entanglement."""
        shares = (1 + torch.stack((self.lengths, -self.lengths))) / 2
        return torch.special.entr(shares.clamp(0, 1)).sum(0) / math.log(2)

    @property
    def frame(self) -> pd.DataFrame:
        """One row per block and qubit: x, y, z, length, entropy."""
        import pandas as pd

        blocks, qubits = self.vectors.shape[:2]
        x, y, z = self.vectors.reshape(-1, 3).T.tolist()
        return pd.DataFrame(
            {
                "block": [block for block in range(blocks) for _ in range(qubits)],
                "qubit": [*range(qubits)] * blocks,
                "x": x,
                "y": y,
                "z": z,
                "length": self.lengths.flatten().tolist(),
                "entropy": self.entropies.flatten().tolist(),
            }
        )

    def draw(self, axes: Axes) -> None:
        """Draw a sphere per qubit seen from one side, with its path through the blocks and an arrow to the last."""
        from matplotlib.patches import Circle, Ellipse

        across, up = _seen(self.vectors.double())
        for qubit in range(self.vectors.shape[1]):
            middle = APART * qubit
            axes.add_patch(Circle((middle, 0), 1, fill=False, color="grey", lw=0.8))
            axes.add_patch(Ellipse((middle, 0), 2, 2 * math.sin(TILT), fill=False, color="lightgrey", lw=0.6))
            axes.plot([middle, middle], [-math.cos(TILT), math.cos(TILT)], ":", color="lightgrey", lw=0.8)
            axes.plot((middle + across[:, qubit]).tolist(), up[:, qubit].tolist(), ".-", color="C0", ms=4, lw=0.8)
            head = (middle + float(across[-1, qubit]), float(up[-1, qubit]))
            axes.annotate("", head, (middle, 0), arrowprops={"arrowstyle": "->", "color": "C3", "lw": 1.4})
            axes.text(middle, -1.35, str(qubit), ha="center", va="top", fontsize=8)
        axes.text(0, 1.08, "|0>", ha="center", va="bottom", fontsize=7)
        axes.set_xlim(-1.3, APART * (self.vectors.shape[1] - 1) + 1.3)
        axes.set_ylim(-1.8, 1.4)
        axes.set_aspect("equal")
        axes.set_axis_off()

    def summary(self) -> str:
        """Say of how many qubits, and how mixed they are at the end."""
        blocks, qubits = self.vectors.shape[:2]
        mixed = float(self.entropies[-1].mean())
        counts = f"{counted(qubits, 'qubit')}, {counted(blocks, 'block')}"
        return f"{counts}, mean entropy of a qubit at the end {mixed:.3g} bits"


def bloch_spheres(head: HasBloch | Tensor, image: int = 0) -> BlochSpheres:
    """Return the Bloch vectors of one image from the record of a head, or from `[n_blocks, batch, n_qubits, 3]`.

    Raises ConfigError where the network has no quantum head, and on an image that is not there.
    """
    vectors = head if isinstance(head, Tensor) else head.bloch if isinstance(head, HasBloch) else None
    if vectors is None:
        raise ConfigError(f"head: got {type(head).__name__}, expected that of a circuit of blocks, record.head")
    if vectors.ndim != 4 or vectors.shape[-1] != 3:
        raise ConfigError(f"head: got shape {list(vectors.shape)}, expected [n_blocks, batch, n_qubits, 3]")
    return BlochSpheres(vectors=vectors.detach().cpu()[:, image_of(image, vectors.shape[1])])


def _seen(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Project vectors `[..., 3]` onto the picture: (to the right, up)."""
    x, y, z = vectors.unbind(-1)
    towards = x * math.cos(SIDE) + y * math.sin(SIDE)
    return y * math.cos(SIDE) - x * math.sin(SIDE), z * math.cos(TILT) - towards * math.sin(TILT)
