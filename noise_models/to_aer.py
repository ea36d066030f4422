"""Channels as a Qiskit Aer noise model: composition in time, and errors in the form Aer simulates fastest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np
from qiskit.quantum_info import Kraus, Pauli
from qiskit_aer.noise import NoiseModel, QuantumError, ReadoutError

from noise_models.channels import Transfer, transfer_to_kraus
from noise_models.gates import ENTANGLERS
from noise_models.part import Channels, Part, Readouts

PAULI_PRODUCTS = {1: ["I", "X", "Y", "Z"], 2: [slow + fast for slow in "IXYZ" for fast in "IXYZ"]}
"""Labels in the order of a transfer matrix, the last qubit's Pauli first."""
TOLERANCE = 1e-14
"""Differences below this between two entries of a transfer matrix are rounding."""


def aer_model(parts: Sequence[Part], basis: Iterable[str], pairs: Sequence[tuple[int, ...]] = ()) -> NoiseModel:
    """Return the Aer model of parts that act one after the other, one error per instruction.

    Noise on single wires of two-qubit instructions is stated for `pairs`, the wires of such instructions in order.

    As in Aer, an error for particular wires replaces the one for all wires: if one part names wires and another does
    not, both are composed on those wires.
    """
    model = NoiseModel(basis_gates=list(basis))
    for (name, wires), transfer in compose_channels([part.channels() for part in parts], pairs).items():
        error = quantum_error(transfer)
        if wires is None:
            model.add_all_qubit_quantum_error(error, name, warnings=False)
        else:
            model.add_quantum_error(error, name, wires, warnings=False)
    for wire, matrix in compose_readouts([part.readouts() for part in parts]).items():
        readout = ReadoutError(matrix)
        if wire is None:
            model.add_all_qubit_readout_error(readout, warnings=False)
        else:
            model.add_readout_error(readout, [wire], warnings=False)
    return model


def compose_channels(steps: Sequence[Channels], pairs: Sequence[tuple[int, ...]] = ()) -> Channels:
    """Return the channels of steps that act from the first to the last, those of single wires on each of `pairs`."""
    keys: dict[tuple[str, tuple[int, ...] | None], None] = {}
    for name, wires in (key for step in steps for key in step):
        if is_one_of_two(name, wires):
            keys.update({(name, pair): None for pair in pairs if set(wires or ()) & set(pair)})
        else:
            keys[name, wires] = None
    composed: Channels = {}
    for name, wires in keys:
        transfers = [_channel(step, name, wires) for step in steps]
        composed[name, wires] = reduce(lambda total, r: r @ total, [r for r in transfers if r is not None])
    return composed


def is_one_of_two(name: str, wires: tuple[int, ...] | None) -> bool:
    """Whether a channel is that of a single wire of a two-qubit instruction."""
    return name in ENTANGLERS and wires is not None and len(wires) == 1


def _channel(step: Channels, name: str, wires: tuple[int, ...] | None) -> Transfer | None:
    """Return the channel of a step after an instruction on given wires; None for no noise."""
    channel = step.get((name, wires), step.get((name, None)))
    if channel is not None or wires is None or len(wires) == 1:
        return channel
    # The first wire's Pauli varies fastest.
    fast, slow = (step.get((name, (wire,))) for wire in wires)
    if fast is None and slow is None:
        return None
    return np.kron(np.eye(4) if slow is None else slow, np.eye(4) if fast is None else fast)


def compose_readouts(steps: Sequence[Readouts]) -> Readouts:
    """Return the readout errors of steps that act from the first to the last: the product of stochastic matrices."""
    keys = dict.fromkeys(key for step in steps for key in step)
    composed: Readouts = {}
    for wire in keys:
        matrices = [step.get(wire, step.get(None)) for step in steps]
        composed[wire] = reduce(lambda total, matrix: total @ matrix, [m for m in matrices if m is not None])
    return composed


def quantum_error(transfer: Transfer) -> QuantumError:
    """Return the Aer error of a Pauli transfer matrix [4^n, 4^n], n = 1 or 2.

    Pauli channels become mixtures of Paulis, products become errors wire by wire, anything else at most 4^n Kraus
    operators: forms that Aer samples or turns into a superoperator at once.
    """
    if np.abs(transfer - np.diag(np.diag(transfer))).max() <= TOLERANCE:
        return _pauli_mixture(np.diag(transfer))
    if len(transfer) == 16:
        slow, fast = transfer[::4, ::4], transfer[:4, :4]
        if np.abs(transfer - np.kron(slow, fast)).max() <= TOLERANCE:
            return quantum_error(slow).tensor(quantum_error(fast))
    return QuantumError(Kraus(transfer_to_kraus(transfer)))


def _pauli_mixture(diagonal: Transfer) -> QuantumError:
    """Return the mixture of Paulis of these transfer eigenvalues, whose Walsh-Hadamard transform it is."""
    signs = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])
    labels = PAULI_PRODUCTS[1 if len(diagonal) == 4 else 2]
    matrix = signs if len(diagonal) == 4 else np.kron(signs, signs)
    # Rounding leaves values just below 0 for Paulis that do not occur.
    probabilities = np.clip(matrix @ diagonal / len(diagonal), 0, None)
    probabilities[probabilities < TOLERANCE] = 0
    terms = [(Pauli(label), float(p)) for label, p in zip(labels, probabilities / probabilities.sum(), strict=True)]
    return QuantumError([(pauli, p) for pauli, p in terms if p > 0])
