"""Noise read from a user's own Aer model: kept as channels, compared by value, written to JSON exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from noise_models import checks
from noise_models.channels import Transfer, instruction_channels, transfer_to_kraus
from noise_models.part import Channels, Part, Readouts

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel

Rows = tuple[tuple[float, ...], ...]

NOT_GATES = ("measure", "reset", "delay", "initialize")
ONE_QUBIT_GATES = (
    *("u", "u1", "u2", "u3", "p", "r", "rx", "ry", "rz"),
    *("x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "t", "tdg"),
)
TWO_QUBIT_GATES = ("cz", "cx", "ecr", "cy", "cp", "csx", "cu", "cu1", "cu3", "swap", "rxx", "ryy", "rzz", "rzx")
UNIVERSAL: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in ("u", "u3", "r", "rz sx", "p sx", "u1 sx", "rz ry", "rz rx", "rx ry", "u1 rx", "p ry", "u1 ry")
)
"""Sets of one-qubit gates that make every rotation."""


@dataclass(frozen=True)
class Imported(Part):
    """The gate and readout errors of an Aer model: (name, wires or None, transfer matrix), (wire or None, matrix)."""

    errors: tuple[tuple[str, tuple[int, ...] | None, Rows], ...]
    readout: tuple[tuple[int | None, Rows], ...]
    kind = "aer"

    def __post_init__(self) -> None:
        for name, wires, rows in self.errors:
            where = f"{name} on {'any wires' if wires is None else wires}"
            size = len(rows)
            if size not in (4, 16) or any(len(row) != size for row in rows):
                raise ValueError(
                    f"model: got an error with a transfer matrix of {size} rows after {where}, "
                    "expected 4 or 16 each way: one or two qubits"
                )
            matrix = np.array(rows)
            if not np.allclose(matrix[0], np.eye(len(matrix))[0], atol=1e-8):
                raise ValueError(f"model: got an error after {where} that changes the trace, expected a channel")
            transfer_to_kraus(matrix)
        for _, rows in self.readout:
            checks.stochastic("model", rows)

    def __repr__(self) -> str:
        names = ", ".join(sorted({name for name, _, _ in self.errors} | ({"measure"} if self.readout else set())))
        return f"from_aer(<NoiseModel on {names or 'nothing'}>)"

    @property
    def instructions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name, _, _ in self.errors if name not in NOT_GATES))

    @property
    def basis(self) -> tuple[str, ...]:
        """The noisy gates, and noiseless ones if those alone do not make every circuit."""
        return complete_basis(self.instructions)

    def channels(self) -> Channels:
        return {(name, wires): np.array(rows) for name, wires, rows in self.errors}

    def readouts(self) -> Readouts:
        return {wire: np.array(rows) for wire, rows in self.readout}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        errors = tuple((str(name), _wires(wires), _rows(rows)) for name, wires, rows in fields["errors"])
        readout = (
            (None if wire is None else checks.whole("wire", wire, 0), _rows(rows)) for wire, rows in fields["readout"]
        )
        return cls(errors, tuple(readout))

    def scaled(self, factor: float) -> Self:
        """Return this noise itself at factor 1; an Aer model does not say what other factors mean."""
        if factor != 1:
            raise ValueError(
                f"factor: got {factor!r}, expected 1 for noise read from an Aer model, which has no strength to scale; "
                "in a sweep give strength=1, or build it from library kinds or a chip instead"
            )
        return self


def complete_basis(names: Iterable[str]) -> tuple[str, ...]:
    """Return instruction names, with these among them, in which every circuit of rotations and CZ can be written.

    The project's own bases come first. Otherwise the given one-qubit gates are enough if they make every rotation, and
    rz, sx and x are added if they do not; cz is added if there is no two-qubit gate.
    """
    noisy = tuple(dict.fromkeys(names))
    for basis in checks.BASES:
        if set(noisy) <= set(basis):
            return basis
    one = tuple(name for name in noisy if name in ONE_QUBIT_GATES)
    two = tuple(name for name in noisy if name in TWO_QUBIT_GATES)
    if not any(gates <= set(one) for gates in UNIVERSAL):
        one = tuple(dict.fromkeys((*one, "rz", "sx", "x")))
    return (*one, *(two or ("cz",)), "id")


def read_model(model: NoiseModel) -> Imported:
    """Return what an Aer model declares; raises ValueError if it holds what no engine here can reproduce."""
    from qiskit_aer.noise import NoiseModel, RelaxationNoisePass

    if not isinstance(model, NoiseModel):
        raise ValueError(f"model: got {type(model).__name__}, expected a qiskit_aer NoiseModel")
    for name in (*model._default_quantum_errors, *model._local_quantum_errors):
        if name == "measure":
            raise ValueError("model: got a quantum error on 'measure', expected a ReadoutError for measurements")
    for item in model._custom_noise_passes:
        # Relaxation during delays does not occur: the circuits here have no delays.
        if not isinstance(item, RelaxationNoisePass):
            raise ValueError(f"model: got the custom pass {type(item).__name__}, expected errors on instructions only")
    channels = instruction_channels(model)
    # A device's idle gates are not ends of blocks, which is what `id` means in the circuits here.
    of_device = any(noise.qubits is not None and noise.instruction not in ("id", *NOT_GATES) for noise in channels)
    errors = [
        (noise.instruction, noise.qubits, _rows(noise.transfer))
        for noise in channels
        if not (of_device and noise.instruction == "id" and noise.qubits is not None)
    ]
    readout: list[tuple[int | None, Rows]] = []
    if model._default_readout_error is not None:
        readout.append((None, _rows(model._default_readout_error.probabilities)))
    for wires, error in model._local_readout_errors.items():
        if len(wires) != 1:
            raise ValueError(f"model: got a readout error on qubits {wires}, expected readout errors of single qubits")
        readout.append((wires[0], _rows(error.probabilities)))
    return Imported(tuple(errors), tuple(readout))


def _wires(wires: list[int] | None) -> tuple[int, ...] | None:
    return None if wires is None else tuple(checks.whole("wires", wire, 0) for wire in wires)


def _rows(matrix: Transfer | list[list[float]]) -> Rows:
    return tuple(tuple(checks.number("model", value) for value in row) for row in matrix)
