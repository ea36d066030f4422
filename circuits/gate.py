"""One instruction of a circuit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Gate:
    """`Rot` takes its three angles from `source` at [block, wire] (data angles do not differ by block), `CZ` none."""

    name: Literal["Rot", "CZ"]
    wires: tuple[int, ...]
    block: int
    source: Literal["inputs", "weights"] | None = None
