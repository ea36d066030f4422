"""PennyLane's preprocessing of a circuit: the native gates and measurements, and decomposition into them."""

from __future__ import annotations

from collections.abc import Iterable

import pennylane as qml
from pennylane.devices.preprocess import decompose
from pennylane.exceptions import DecompositionUndefinedError
from pennylane.measurements import (
    ClassicalShadowMP,
    CountsMP,
    ExpectationMP,
    MeasurementProcess,
    ProbabilityMP,
    SampleMeasurement,
    StateMeasurement,
    VarianceMP,
)
from pennylane.operation import Operation, Operator
from pennylane.ops import Adjoint, Pow, Projector, QubitUnitary

from circuits.pennylane_device.gates import ONE_QUBIT_GATES, TWO_QUBIT_GATES
from circuits.pennylane_device.observables import has_variance, is_supported

NAME = "sqnn.lightcone"
NATIVE_GATES = ONE_QUBIT_GATES | TWO_QUBIT_GATES | {"CNOT", "SWAP", "GlobalPhase", "QubitUnitary"}


def is_native(operation: Operator) -> bool:
    """Say whether the device takes an operation as it is: a named gate, or any unitary matrix on one wire."""
    if isinstance(operation, QubitUnitary):
        return len(operation.wires) == 1
    if operation.name in NATIVE_GATES:
        return True
    if len(operation.wires) != 1 or not isinstance(operation, Operation) or isinstance(operation, Projector):
        return False
    if isinstance(operation, Pow) and any(qml.math.requires_grad(value) for value in operation.data):
        return False
    if isinstance(operation, Adjoint | Pow) and not is_native(operation.base):
        return False
    return operation.has_matrix


def decompose_once(operation: Operator) -> list[Operator]:
    """Return PennyLane's decomposition, or else that of the operation's matrix if it is constant.

    Raises DecompositionUndefinedError where there is neither.
    """
    if operation.has_decomposition:
        return operation.decomposition()
    constant = not any(qml.math.requires_grad(value) for value in operation.data)
    if isinstance(operation, Operation) and operation.has_matrix and constant and len(operation.wires) > 1:
        return [QubitUnitary(operation.matrix(), wires=operation.wires)]
    raise DecompositionUndefinedError


def native_operations(operations: Iterable[Operator]) -> list[Operator]:
    """Return operations decomposed into native ones."""
    tape = qml.tape.QuantumScript(list(operations))
    (decomposed,), _ = decompose(
        tape,
        stopping_condition=is_native,
        skip_initial_state_prep=False,
        decomposer=decompose_once,
        target_gates=set(NATIVE_GATES),
        name=NAME,
    )
    return decomposed.operations


def is_analytic_measurement(measurement: MeasurementProcess) -> bool:
    """Say whether a measurement has an exact result here."""
    if not isinstance(measurement, StateMeasurement):
        return False
    observable = measurement.obs
    if observable is None:
        return True
    if isinstance(measurement, ExpectationMP):
        return is_supported(observable)
    if isinstance(measurement, VarianceMP):
        return has_variance(observable)
    return isinstance(measurement, ProbabilityMP) and observable.has_diagonalizing_gates


def is_sample_measurement(measurement: MeasurementProcess) -> bool:
    """Say whether a measurement can be drawn with finite shots."""
    if not isinstance(measurement, SampleMeasurement) or isinstance(measurement, ClassicalShadowMP):
        return False
    observable = measurement.obs
    if observable is None:
        return True
    if isinstance(measurement, ExpectationMP) and not observable.has_diagonalizing_gates:
        return is_supported(observable)
    return observable.has_diagonalizing_gates


def is_differentiable_on_device(measurement: MeasurementProcess) -> bool:
    """Say whether the device returns derivatives of a measurement: the real-valued, exact ones."""
    return isinstance(measurement, ExpectationMP | VarianceMP | ProbabilityMP) and not isinstance(measurement, CountsMP)
