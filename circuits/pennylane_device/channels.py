"""Noise channels as gates on wires of their own, which begin in |0> and are never read.

A channel E(rho) = sum_k K_k rho K_k^dagger is what a unitary U |0>|psi> = sum_k |k> K_k|psi> leaves on its wires. The
expectations are those of the mixed state, exactly; a cone grows by the wires of each channel in it, and a channel
outside of it costs nothing.

Source: Stinespring's dilation; Nielsen & Chuang, Quantum Computation and Quantum Information, section 8.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import numpy as np
import pennylane as qml
from pennylane.exceptions import DeviceError
from pennylane.measurements import StateMP
from pennylane.measurements.state import DensityMatrixMP
from pennylane.operation import Channel, Operator
from pennylane.tape import QuantumScript, QuantumScriptBatch
from pennylane.typing import PostprocessingFn, TensorLike
from pennylane.wires import Wires

from noise_models import brief, kraus_to_transfer, transfer_to_kraus

Fresh = Iterator[str]
"""Labels of wires that nothing else uses."""


@qml.transform
def dilate_channels(tape: QuantumScript) -> tuple[QuantumScriptBatch, PostprocessingFn]:
    """Replace every channel by gates on fresh wires; raises DeviceError where a state vector is asked for under noise.

    The parameters of `GATES` are differentiable where they are above 0; those of other channels are fixed numbers, and
    a DeviceError says so.
    """
    if any(isinstance(operation, Channel) for operation in tape.operations):
        if any(isinstance(m, StateMP) and not isinstance(m, DensityMatrixMP) for m in tape.measurements):
            raise DeviceError("sqnn.lightcone: got qml.state() under noise, expected qml.density_matrix(wires)")
        taken = set(tape.wires)
        fresh = (label for k in range(len(taken), 2**62) if (label := f"channel {k}") not in taken)
        operations: list[Operator] = []
        for operation in tape.operations:
            if isinstance(operation, Channel):
                operations += GATES.get(operation.name, _from_kraus)(operation, fresh)
            else:
                operations.append(operation)
        tape = tape.copy(operations=operations)
    return (tape,), lambda results: results[0]


def _rate(channel: Channel) -> TensorLike:
    """Return the probability of a channel; raises ValueError where it is none."""
    rate = channel.parameters[-1]
    if not qml.math.is_abstract(rate):
        numbers = np.asarray(qml.math.to_numpy(rate))
        if not np.all((numbers >= 0) & (numbers <= 1)):
            raise ValueError(f"{channel.name}: got {brief(rate)}, expected a probability in [0, 1]")
    return rate


def _angle(probability: TensorLike) -> TensorLike:
    """Return the angle of RY|0> = sqrt(1 - p)|0> + sqrt(p)|1>."""
    return 2 * qml.math.arcsin(qml.math.sqrt(probability))


def _flip(gate: Callable[..., Operator]) -> Callable[[Channel, Fresh], list[Operator]]:
    """Return the dilation of a gate that acts with probability p."""

    def flip(channel: Channel, fresh: Fresh) -> list[Operator]:
        coin = next(fresh)
        return [qml.RY(_angle(_rate(channel)), coin), gate(wires=[coin, *channel.wires])]

    return flip


def _pauli_error(channel: Channel, fresh: Fresh) -> list[Operator]:
    coin = next(fresh)
    word = channel.hyperparameters.get("operators", channel.parameters[0])
    gates = {"X": qml.CNOT, "Y": qml.CY, "Z": qml.CZ}
    controlled = [
        gates[letter](wires=[coin, wire]) for letter, wire in zip(word, channel.wires, strict=True) if letter != "I"
    ]
    return [qml.RY(_angle(_rate(channel)), coin), *controlled]


def _depolarizing(channel: Channel, fresh: Fresh) -> list[Operator]:
    """Two coins: X where the first is 1, Z where the second is; both are 1 as often as either one alone, p / 3."""
    p = _rate(channel)
    x, z, (wire,) = next(fresh), next(fresh), channel.wires
    alone = qml.RY(_angle(p / 3 / (1 - 2 * p / 3)), z)
    return [
        qml.RY(_angle(2 * p / 3), x),
        qml.CRY(np.pi / 2, [x, z]),
        qml.X(x),
        qml.ctrl(alone, x),
        qml.X(x),
        qml.CNOT([x, wire]),
        qml.CZ([z, wire]),
    ]


def _phase_damping(channel: Channel, fresh: Fresh) -> list[Operator]:
    return [qml.CRY(_angle(_rate(channel)), [*channel.wires, next(fresh)])]


def _amplitude_damping(channel: Channel, fresh: Fresh) -> list[Operator]:
    photon, (wire,) = next(fresh), channel.wires
    return [qml.CRY(_angle(_rate(channel)), [wire, photon]), qml.CNOT([photon, wire])]


def _from_kraus(channel: Channel, fresh: Fresh) -> list[Operator]:
    if any(qml.math.requires_grad(value) for value in channel.data):
        raise DeviceError(
            f"sqnn.lightcone: got {channel.name} with parameters that are trained, expected fixed ones; trained are "
            f"those of {', '.join(GATES)}"
        )
    kraus = [np.asarray(qml.math.toarray(matrix), dtype=complex) for matrix in channel.kraus_matrices()]
    if any(matrix.ndim != 2 for matrix in kraus):
        raise DeviceError(f"sqnn.lightcone: got {channel.name} with a batch of parameters, expected one set of them")
    if len(kraus[0]) == 2:
        kraus = transfer_to_kraus(kraus_to_transfer(kraus))  # no more of them than the channel needs
    coins = [next(fresh) for _ in range((len(kraus) - 1).bit_length())]
    size = len(kraus[0])
    isometry = np.zeros((size << len(coins), size), dtype=complex)
    isometry[: size * len(kraus)] = np.concatenate(kraus)
    # The other columns act on what never is there: any that complete a unitary will do.
    left, _, _ = np.linalg.svd(isometry)
    unitary = np.concatenate([isometry, left[:, size:]], axis=1)
    return [qml.QubitUnitary(unitary, Wires([*coins, *channel.wires]))]


GATES: Mapping[str, Callable[[Channel, Fresh], list[Operator]]] = MappingProxyType(
    {
        "BitFlip": _flip(qml.CNOT),
        "PhaseFlip": _flip(qml.CZ),
        "DepolarizingChannel": _depolarizing,
        "AmplitudeDamping": _amplitude_damping,
        "PhaseDamping": _phase_damping,
        "PauliError": _pauli_error,
    }
)
"""Channels by PennyLane's names as gates whose angles follow from the parameter; others are taken by their matrices."""
