"""Entangling layers: the pairs of wires that are joined, in the order of their gates, by name or one's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from numbers import Integral
from types import MappingProxyType
from typing import Literal

from noise_models import Choices, brief, did_you_mean

Edge = tuple[int, int]
Edges = tuple[Edge, ...]
Pairs = str | Sequence[Sequence[int]]
"""A name of ENTANGLERS or ALIASES, pairs of wires, or such pairs as text: 0-1,2-3."""
Layout = Literal["none", "line", "ring", "all", "pairs"]
"""What joined wires look like, whatever they are called."""


@dataclass(frozen=True)
class Entangler:
    """The ordered pairs (control, target) for n_qubits wires, and the shape in which a chip's qubits are taken."""

    pairs: Callable[[int], Edges]
    chip: str

    def __call__(self, n_qubits: int) -> Edges:
        return self.pairs(n_qubits)


def line(n_qubits: int) -> Edges:
    """Join neighbours (i, i + 1), with ends."""
    return tuple((i, i + 1) for i in range(n_qubits - 1))


def closing(n_qubits: int) -> Edges:
    """Join the ends of a line; on two wires that CZ would cancel the one that is there."""
    return ((n_qubits - 1, 0),) if n_qubits > 2 else ()


def ring(n_qubits: int) -> Edges:
    """Join neighbours (i, i + 1 mod n)."""
    return line(n_qubits) + closing(n_qubits)


def brick(n_qubits: int) -> Edges:
    """Join the ring's pairs, even ones first: for CZ, whose gates commute, the same unitary in depth two, not n."""
    return line(n_qubits)[0::2] + line(n_qubits)[1::2] + closing(n_qubits)


ENTANGLERS: Choices[Entangler] = Choices(
    "entangler",
    {
        "ring": Entangler(ring, "ring"),
        "line": Entangler(line, "line"),
        "brick": Entangler(brick, "ring"),
        # Of more than three wires it is refused when it is compiled for a chip.
        "all": Entangler(lambda n_qubits: tuple(combinations(range(n_qubits), 2)), "ring"),
        "none": Entangler(lambda n_qubits: (), "line"),
    },
    lambda name: (
        did_you_mean(name, (*ENTANGLERS, *ALIASES)) or "; pairs of one's own are [(0, 1), (2, 3)], or as text 0-1,2-3"
    ),
)
"""n_qubits -> the ordered pairs (control, target) of one entangling layer, each pair of wires once."""
ALIASES: Mapping[str, str] = MappingProxyType({"linear": "line", "circular": "ring", "full": "all"})
"""Other libraries' names of entanglers."""
GATES: Choices[str] = Choices("entangling_gate", {"cz": "CZ", "cnot": "CNOT", "crz": "CRZ"})
"""Gates on a pair (control, target) by name; CRZ has a trainable angle for every pair and layer."""
PAIRS = re.compile(r"\d+-\d+(,\d+-\d+)*")


def named(entangler: Pairs) -> str:
    """Return an entangler as text, in the names of ENTANGLERS: what a circuit, a file and a table hold.

    Raises ValueError on an unknown name, and on pairs that are none or join two wires twice.
    """
    if isinstance(entangler, str):
        text = "".join(entangler.split())
        if not PAIRS.fullmatch(text):
            ENTANGLERS.pick(ALIASES.get(entangler, entangler))
            return ALIASES.get(entangler, entangler)
        entangler = [[int(wire) for wire in pair.split("-")] for pair in text.split(",")]
    pairs = [tuple(pair) for pair in entangler] if _are_pairs(entangler) else []
    if not pairs:
        raise ValueError(f"entangler: got {brief(entangler)}, expected pairs of two wires, such as [(0, 1), (2, 3)]")
    if len({frozenset(pair) for pair in pairs}) < len(pairs):
        raise ValueError(f"entangler: got {brief(entangler)}, expected each two wires once; leave the repetition out")
    return ",".join(f"{a}-{b}" for a, b in pairs)


def _are_pairs(value: object) -> bool:
    if not isinstance(value, Sequence):
        return False
    wires = [tuple(pair) if isinstance(pair, Sequence) else () for pair in value]
    whole = all(isinstance(wire, Integral) and not isinstance(wire, bool) for pair in wires for wire in pair)
    return whole and all(len(pair) == 2 and min(pair) >= 0 and pair[0] != pair[1] for pair in wires)


def entangler_of(entangler: str) -> Entangler:
    """Return the entangler of a text that `named` gave."""
    if entangler in ENTANGLERS:
        return ENTANGLERS[entangler]
    pairs = tuple((int(a), int(b)) for a, b in (pair.split("-") for pair in entangler.split(",")))
    return Entangler(lambda n_qubits: pairs, "line" if all(abs(a - b) == 1 for a, b in pairs) else "ring")


def edges(entangler: str, n_qubits: int) -> Edges:
    """Return the ordered pairs of an entangling layer; ValueError on an unknown name or a wire that is not there."""
    pairs = entangler_of(named(entangler))(n_qubits)
    for pair in pairs:
        if max(pair) >= n_qubits:
            raise ValueError(f"entangler: got the pair {pair}, expected wires below n_qubits = {n_qubits}")
    return pairs


def layout(entangler: str, n_qubits: int) -> Layout:
    """Return what the joined wires look like: a ring of two is a line, one of three joins all and is a ring."""
    joined = {frozenset(edge) for edge in edges(entangler, n_qubits)}
    if not joined:
        return "none"
    shapes: tuple[Layout, ...] = ("line", "ring")
    for shape in shapes:
        if joined == {frozenset(edge) for edge in ENTANGLERS[shape](n_qubits)}:
            return shape
    return "all" if len(joined) == n_qubits * (n_qubits - 1) // 2 else "pairs"
