"""Pairs of wires that a CZ layer joins, in the order of its gates."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

from noise_models import Choices

Edge = tuple[int, int]
Edges = tuple[Edge, ...]


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
    """Join the ring's pairs, even ones first: the same unitary, since CZ gates commute, in depth two instead of n."""
    return line(n_qubits)[0::2] + line(n_qubits)[1::2] + closing(n_qubits)


ENTANGLERS: Choices[Callable[[int], Edges]] = Choices(
    "entangler",
    {
        "ring": ring,
        "line": line,
        "brick": brick,
        "all": lambda n_qubits: tuple(combinations(range(n_qubits), 2)),
        "none": lambda n_qubits: (),
    },
)
"""n_qubits -> the ordered pairs (control, target) of one entangling layer, each pair of wires once."""


def edges(entangler: str, n_qubits: int) -> Edges:
    """Return the ordered pairs of the named entangling layer; ValueError on an unknown name."""
    return ENTANGLERS.pick(entangler)(n_qubits)
