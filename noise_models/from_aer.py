"""Noise read from a user's own Aer model: kept as channels, compared by value, written to JSON exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from noise_models import checks
from noise_models.channels import Transfer, pauli_transfer_matrix, transfer_to_kraus
from noise_models.gates import complete_basis
from noise_models.part import Channels, Part, Readouts

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel

Rows = tuple[tuple[float, ...], ...]

NOT_GATES = ("measure", "reset", "delay", "initialize")


@dataclass(frozen=True)
class Imported(Part):
    """The gate and readout errors of an Aer model: (name, wires or None, transfer matrix), (wire or None, matrix).

    `elsewhere` names the instructions that have errors on other wires than were asked for, or on more than two.
    """

    errors: tuple[tuple[str, tuple[int, ...] | None, Rows], ...]
    readout: tuple[tuple[int | None, Rows], ...]
    elsewhere: tuple[str, ...] = ()
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
            if name == "measure" and size != 4:
                raise ValueError(f"model: got an error of two qubits after {where}, expected errors of single qubits")
        for _, rows in self.readout:
            checks.stochastic("model", rows)

    def __repr__(self) -> str:
        known = {name for name, _, _ in self.errors}.union(self.elsewhere, ("measure",) if self.readout else ())
        names = ", ".join(sorted(known))
        return f"from_aer(<NoiseModel on {names or 'nothing'}>)"

    @property
    def instructions(self) -> tuple[str, ...]:
        names = (*(name for name, _, _ in self.errors), *self.elsewhere)
        return tuple(dict.fromkeys(name for name in names if name not in NOT_GATES))

    @property
    def is_ideal(self) -> bool:
        """Whether the model has no errors at all: Aer drops those of strength 0."""
        return not (self.errors or self.readout or self.elsewhere)

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
        return cls(errors, tuple(readout), tuple(str(name) for name in fields.get("elsewhere", ())))

    def to_json(self) -> dict[str, object]:
        return {name: value for name, value in super().to_json().items() if name != "elsewhere" or value}

    def scaled(self, factor: float) -> Self:
        """Return this noise with `factor` times the probability of every error: E becomes (1 - factor) id + factor E.

        So Pauli errors and misread bits scale as those of the library do. ValueError where that is no channel, which no
        factor up to 1 makes.
        """

        def scaled(rows: Rows) -> Rows:
            ideal = np.eye(len(rows))
            return _rows(ideal + factor * (np.array(rows) - ideal))

        if factor == 1:
            return self
        try:
            return replace(
                self,
                errors=tuple((name, wires, scaled(rows)) for name, wires, rows in self.errors),
                readout=tuple((wire, scaled(rows)) for wire, rows in self.readout),
            )
        except ValueError as error:
            raise ValueError(
                f"factor: got {factor!r}, at which {self} is no noise ({error}); expected a number from 0 to 1, or one "
                "above 1 at which all probabilities stay within 1"
            ) from None


def read_model(model: NoiseModel, n_qubits: int | None = None) -> Imported:
    """Return what an Aer model declares; raises ValueError if it holds what no engine here can reproduce.

    Of the errors on particular qubits only those below `n_qubits` are read, if it is given.
    """
    from qiskit_aer.noise import NoiseModel, RelaxationNoisePass

    if not isinstance(model, NoiseModel):
        raise ValueError(f"model: got {type(model).__name__}, expected a qiskit_aer NoiseModel")
    for item in model._custom_noise_passes:
        # Relaxation during delays does not occur: the circuits here have no delays.
        if not isinstance(item, RelaxationNoisePass):
            raise ValueError(f"model: got the custom pass {type(item).__name__}, expected errors on instructions only")
    local = [(name, tuple(wires), e) for name, each in model._local_quantum_errors.items() for wires, e in each.items()]
    # A device's idle gates are not ends of blocks, which is what `id` means in the circuits here.
    if any(name not in ("id", *NOT_GATES) for name, _, _ in local):
        local = [(name, wires, error) for name, wires, error in local if name != "id"]
    declared = [*((name, None, error) for name, error in model._default_quantum_errors.items()), *local]
    near = [
        (name, wires, error) for name, wires, error in declared if error.num_qubits <= 2 and _below(wires, n_qubits)
    ]
    elsewhere = {name for name, _, _ in declared} - {name for name, _, _ in near}
    errors = tuple((name, wires, _rows(pauli_transfer_matrix(error))) for name, wires, error in near)
    readout: list[tuple[int | None, Rows]] = []
    if model._default_readout_error is not None:
        readout.append((None, _rows(model._default_readout_error.probabilities)))
    for wires, error in model._local_readout_errors.items():
        if len(wires) != 1:
            raise ValueError(f"model: got a readout error on qubits {wires}, expected readout errors of single qubits")
        if _below(wires, n_qubits):
            readout.append((wires[0], _rows(error.probabilities)))
        else:
            elsewhere.add("measure")
    return Imported(errors, tuple(readout), tuple(sorted(elsewhere)))


def _below(wires: tuple[int, ...] | None, n_qubits: int | None) -> bool:
    return wires is None or n_qubits is None or max(wires) < n_qubits


def _wires(wires: list[int] | None) -> tuple[int, ...] | None:
    return None if wires is None else tuple(checks.whole("wires", wire, 0) for wire in wires)


def _rows(matrix: Transfer | list[list[float]]) -> Rows:
    return tuple(tuple(checks.number("model", value) for value in row) for row in matrix)
