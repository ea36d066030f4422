"""The contract of one source of noise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from noise_models.channels import Transfer

Channels = dict[tuple[str, tuple[int, ...] | None], Transfer]
"""The channel after an instruction on given wires, or on any wires (None).

A single wire beside a two-qubit instruction stands for that wire of it, whatever the other one is.
"""
Readouts = dict[int | None, Transfer]
"""P(read j | true i) in row i, column j, of a given wire, or of any wire (None)."""


@dataclass(frozen=True)
class Part(ABC):
    """One source of noise: its channels, its readout errors, how it scales, and how it is stored.

    Channels are Pauli transfer matrices R_jk = tr(P_j E(P_k)) / d in the order I, X, Y, Z.
    """

    kind: ClassVar[str]
    """The name of its kind in JSON; text may spell it with dashes."""

    @property
    @abstractmethod
    def instructions(self) -> tuple[str, ...]:
        """Gate instructions on which noise is declared."""

    @property
    def basis(self) -> tuple[str, ...] | None:
        """Instruction names that a circuit must be written in; None if any set that holds `instructions` will do."""
        return None

    @abstractmethod
    def channels(self) -> Channels:
        """Return the channels after instructions."""

    def readouts(self) -> Readouts:
        """Return the readout errors."""
        return {}

    def check_register(self, n_qubits: int, n_wires: int) -> None:
        """Raise ValueError where this noise names wires that `n_qubits`, or `n_wires` with spare ones, do not have."""
        return

    def states_wires(self, name: str) -> bool:
        """Whether this noise states particular wires on which it acts after an instruction, or on `measure`."""
        return False

    @property
    def schedule(self) -> Hashable:
        """What the times of its gates are told by; None where wires that wait for others suffer nothing."""
        return None

    def duration(self, name: str, wires: tuple[int, ...]) -> float:
        """Return how long an instruction takes in seconds, 0 without a schedule."""
        return 0.0

    def waiting(self, wire: int, seconds: float) -> Transfer | None:
        """Return the channel of a wire that waits for so long; None without a schedule and for no noise."""
        return None

    @abstractmethod
    def scaled(self, factor: float) -> Part:
        """Return this noise at `factor` times its strength."""

    def summary(self) -> dict[str, str]:
        """Return its properties by name, as a notebook shows them."""
        return {"acts on": ", ".join(self.instructions) or "measurements"}

    def to_json(self) -> dict[str, object]:
        """Return the kind and the fields as JSON can hold them."""
        return {"kind": self.kind, **vars(self)}

    @classmethod
    def from_json(cls, fields: Mapping[str, object]) -> Self:
        """Return the part with the fields that `to_json` wrote; raises ValueError if they are not physical."""
        return cls(**fields)
