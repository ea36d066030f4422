"""PennyLane's preprocessing of a circuit: the native gates and measurements, and decomposition into them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import pennylane as qml
from pennylane.devices.preprocess import decompose
from pennylane.exceptions import DecompositionUndefinedError, DeviceError
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
from pennylane.ops import Adjoint, Controlled, Exp, Pow, Projector
from pennylane.tape import QuantumScript, QuantumScriptBatch
from pennylane.typing import PostprocessingFn

from circuits.pennylane_device.blocks import as_exponential, check_unitary, is_block, is_prepared_state, rotations
from circuits.pennylane_device.gates import ONE_QUBIT_GATES, TWO_QUBIT_GATES
from circuits.pennylane_device.observables import MAX_DENSE_WIRES, has_variance, is_drawable, is_supported

NAME = "sqnn.lightcone"
NATIVE_GATES = ONE_QUBIT_GATES | TWO_QUBIT_GATES | {"CNOT", "SWAP", "GlobalPhase", "QubitUnitary"}


def is_native(operation: Operator) -> bool:
    """Say whether the device takes an operation as it is: a named gate, a block, a state, or any one-wire unitary.

    Raises DeviceError on an exponential that is not unitary.
    """
    check_unitary(operation)
    if as_exponential(operation) is not None:
        return False
    if operation.name in NATIVE_GATES or is_prepared_state(operation) or is_block(operation):
        return True
    if len(operation.wires) != 1 or not isinstance(operation, Operation) or isinstance(operation, Projector):
        return False
    if isinstance(operation, Pow) and any(qml.math.requires_grad(value) for value in operation.data):
        return False
    if isinstance(operation, Adjoint | Pow) and not is_native(operation.base):
        return False
    return operation.has_matrix


def decompose_once(operation: Operator) -> list[Operator]:
    """Return PennyLane's decomposition; that of an exponential is exact, with trainable and broadcast parameters.

    Raises DecompositionUndefinedError where there is none.
    """
    exponential = as_exponential(operation)
    if exponential is not None:
        return [exponential]
    if isinstance(operation, Exp):
        return rotations(operation)
    if isinstance(operation, Controlled) and isinstance(operation.base, Exp):
        controls, values = operation.control_wires, operation.control_values
        return [qml.ctrl(gate, controls, control_values=values) for gate in rotations(operation.base)]
    if isinstance(operation, qml.MultiRZ) and len(operation.wires) == 2:
        return [qml.IsingZZ(operation.data[0], operation.wires)]
    if operation.has_decomposition:
        return operation.decomposition()
    raise DecompositionUndefinedError


@qml.transform
def decompose_late_states(tape: QuantumScript) -> tuple[QuantumScriptBatch, PostprocessingFn]:
    """Replace each prepared state whose wires a gate has acted on before by PennyLane's unitary, U|0> = |state>."""
    touched: set[Hashable] = set()
    operations: list[Operator] = []
    for operation in tape.operations:
        if is_prepared_state(operation) and not touched.isdisjoint(operation.wires):
            operations += operation.decomposition()
        else:
            operations.append(operation)
        if operation.name not in ("Barrier", "GlobalPhase", "Identity", "Snapshot"):
            touched.update(operation.wires)
    if any(one is not other for one, other in zip(operations, tape.operations, strict=False)):
        tape = tape.copy(operations=operations)
    return (tape,), lambda results: results[0]


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
    if isinstance(measurement, ExpectationMP | VarianceMP):
        supported = is_supported if isinstance(measurement, ExpectationMP) else has_variance
        if not supported(observable) and len(observable.wires) > MAX_DENSE_WIRES:
            raise DeviceError(
                f"{NAME}: {type(measurement).__name__}: got {type(observable).__name__} on {len(observable.wires)} "
                f"wires, expected at most {MAX_DENSE_WIRES} wires of an observable that is read through its matrix; "
                "write it with Pauli operators (qml.pauli_decompose) and projectors on basis states, of any number "
                "of wires"
            )
        return supported(observable)
    return isinstance(measurement, ProbabilityMP) and observable.has_diagonalizing_gates


def is_sample_measurement(measurement: MeasurementProcess) -> bool:
    """Say whether a measurement can be drawn with finite shots."""
    if not isinstance(measurement, SampleMeasurement) or isinstance(measurement, ClassicalShadowMP):
        return False
    observable = measurement.obs
    if observable is None:
        return True
    return is_drawable(observable) if isinstance(measurement, ExpectationMP) else observable.has_diagonalizing_gates


def is_differentiable_on_device(measurement: MeasurementProcess) -> bool:
    """Say whether the device returns derivatives of a measurement: the real-valued, exact ones."""
    return isinstance(measurement, ExpectationMP | VarianceMP | ProbabilityMP) and not isinstance(measurement, CountsMP)
