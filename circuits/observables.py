"""Observables: Pauli words on wires of a circuit, and the names of whole families of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from noise_models import Choices, brief, did_you_mean

OBSERVABLES: Choices[int] = Choices(
    "observable",
    {"Z": 1, "X": 1, "Y": 1, "ZZ": 2},
    lambda name: did_you_mean(name, OBSERVABLES) or ", or words such as X0 Z2, several of them with commas",
)
"""Families of Pauli words and the number of wires of each word: every wire, or every pair that the entangler joins."""
Word = tuple[tuple[int, str], ...]
"""X, Y or Z on each of some wires, in their order."""
Observable = str | Sequence[str]
"""One observable or several: names of families and words, with commas where they are one text."""


class Register(Protocol):
    """Wires 0, 1, ... and the pairs of them that are joined."""

    @property
    def n_qubits(self) -> int: ...
    @property
    def edges(self) -> tuple[tuple[int, int], ...]: ...


LETTER = re.compile(r"([XYZ])(\d+)")
WORD = re.compile(r"([XYZ]\d+[ *@]*)+")


def observable_text(observable: Observable) -> str:
    """Return an observable, or several, as one text."""
    parts = observable.split(",") if isinstance(observable, str) else list(observable)
    if not parts or not all(isinstance(part, str) and part.strip() for part in parts):
        raise ValueError(f"observable: got {brief(observable)}, expected one of {', '.join(OBSERVABLES)}, or several")
    return ", ".join(" ".join(part.split()) for part in parts)


def words_of(observable: Observable, circuit: Register) -> tuple[Word, ...]:
    """Return the words that are read, one per column of the result.

    A family stands for its words on all wires, or on all pairs of `circuit.edges`: "Z, X0 Y2" are n + 1 columns.
    Raises ValueError on an unknown name, a wire that is not there or is named twice, and on pairs where none are.
    """
    words: list[Word] = []
    for name in observable_text(observable).split(", "):
        if WORD.fullmatch(name):
            words.append(_word(name, circuit.n_qubits))
        elif OBSERVABLES.pick(name) == 1:
            words += [((wire, name),) for wire in range(circuit.n_qubits)]
        elif circuit.edges:
            words += [tuple((wire, "Z") for wire in edge) for edge in circuit.edges]
        else:
            raise ValueError(f"observable: got ZZ for {circuit}, which joins no wires, expected words such as Z0 Z1")
    return tuple(words)


def _word(name: str, n_qubits: int) -> Word:
    letters = sorted((int(wire), letter) for letter, wire in LETTER.findall(name))
    wires = [wire for wire, _ in letters]
    if len(set(wires)) < len(wires) or wires[-1] >= n_qubits:
        raise ValueError(f"observable: got {name!r}, expected each wire once, and wires below n_qubits = {n_qubits}")
    return tuple(letters)


def letters_of(words: Sequence[Word]) -> set[str]:
    """Return the Pauli operators that words are made of."""
    return {letter for word in words for _, letter in word}
