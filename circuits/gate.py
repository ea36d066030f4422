"""One instruction of a circuit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Gate:
    """A rotation `Rot`, or an entangling gate on (control, target).

    A Rot takes its three angles from the data of its wire, from the weights at [block, wire], or from the sum of the
    two. A CRZ has an angle of its own, number `coupling` of the circuit; CZ and CNOT have none.
    """

    name: Literal["Rot", "CZ", "CNOT", "CRZ"]
    wires: tuple[int, ...]
    block: int
    source: Literal["inputs", "weights", "both"] | None = None
    coupling: int | None = None
