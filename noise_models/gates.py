"""The instruction names of circuits and machines, and how a set of them is made complete."""

from __future__ import annotations

from collections.abc import Iterable

BASES: tuple[tuple[str, ...], ...] = (
    ("u", "cz", "id"),
    ("rz", "sx", "x", "cz", "id"),
    ("rz", "sx", "x", "cx", "id"),
    ("u", "cx", "id"),
)
"""Instruction names that a circuit can be written in: the re-upload circuit's own first, then those of chips."""
MACHINES: tuple[tuple[str, ...], ...] = (*BASES, ("rz", "sx", "x", "ecr", "id"), ("u1", "u2", "u3", "cx", "id"))
"""Instruction names that one circuit can hold: those sets, and the gates of other chips."""
GATES: tuple[str, ...] = ("u", "rz", "sx", "x", "u1", "u2", "u3", "cz", "cx", "ecr", "id")
"""Instruction names that library noise can act on, in the order in which it stores them."""
ONE_QUBIT_GATES = (
    *("u", "u1", "u2", "u3", "p", "r", "rx", "ry", "rz"),
    *("x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "t", "tdg"),
)
ENTANGLERS = ("cz", "cx", "ecr", "cp", "cu1", "rzz", "rxx", "ryy", "rzx")
"""Two-qubit gates, each of which makes a CZ with rotations before and after it; the first that fits is taken."""
SYMMETRIC = ("cz", "cp", "cu1", "rzz", "rxx", "ryy")
"""Entanglers that are the same gate with their wires exchanged."""
UNIVERSAL: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        *("u", "u3", "u2", "r", "rx ry"),
        *("rz sx", "p sx", "u1 sx", "rz ry", "p ry", "u1 ry", "rz rx", "p rx", "u1 rx"),
    )
)
"""Sets of one-qubit gates that make every rotation."""


def complete_basis(names: Iterable[str]) -> tuple[str, ...]:
    """Return instruction names, with these among them, in which every circuit of rotations and CZ can be written.

    The project's own bases come first. Otherwise the given one-qubit gates are enough if they make every rotation; rz
    is added to rx or ry, and rz, sx and x to others. cz is added if there is no entangler. Other two-qubit gates, such
    as swap, are left out: a CZ made of several of them would not be what the machine does.
    """
    noisy = tuple(dict.fromkeys(names))
    for basis in BASES:
        if set(noisy) <= set(basis):
            return basis
    one = tuple(name for name in noisy if name in ONE_QUBIT_GATES)
    two = tuple(name for name in noisy if name in ENTANGLERS)
    if not any(gates <= set(one) for gates in UNIVERSAL):
        missing = ("rz",) if {"rx", "ry"} & set(one) else ("rz", "sx", "x")
        one = tuple(dict.fromkeys((*one, *missing)))
    return (*one, *(two or ("cz",)), "id")
