"""The wires of measurements that name none: all of the circuit's, in default.qubit's order."""

from __future__ import annotations

import pennylane as qml
from pennylane.devices.preprocess import decompose, validate_device_wires
from pennylane.operation import Operator
from pennylane.tape import QuantumScript, QuantumScriptBatch
from pennylane.typing import PostprocessingFn
from pennylane.wires import Wires

from circuits.pennylane_device.preprocess import decompose_once, is_native


def standard_wires(tape: QuantumScript) -> Wires:
    """Return all wires of a circuit: 0, 1, ... where these are its labels, and otherwise in the order of their use.

    Wires that are measured only come last.
    """
    acted = Wires.all_wires([operation.wires for operation in tape.operations])
    read = [wire for wire in tape.wires if wire not in acted]
    n, total = len(acted), len(acted) + len(read)
    if set(acted) == set(range(n)) and set(read) == set(range(n, total)):
        return Wires(range(total))
    return acted + Wires(read)


def with_all_wires(tape: QuantumScript, circuit: QuantumScript | None = None) -> QuantumScript:
    """Return the tape with all wires of `circuit`, by default the tape itself, where a measurement names none."""
    if all(measurement.obs is not None or measurement.wires for measurement in tape.measurements):
        return tape
    bare = QuantumScript([], tape.measurements)
    (filled,), _ = validate_device_wires(bare, standard_wires(circuit or tape))
    return tape.copy(measurements=filled.measurements)


@qml.transform
def name_all_wires(tape: QuantumScript) -> tuple[QuantumScriptBatch, PostprocessingFn]:
    """Name the wires of measurements of all wires before a decomposition can lose one, as default.qubit sees them."""
    if with_all_wires(tape) is not tape:
        (circuit,), _ = decompose(tape, stopping_condition=_keeps_its_wires, decomposer=decompose_once)
        tape = with_all_wires(tape, circuit)
    return (tape,), lambda results: results[0]


def _keeps_its_wires(operation: Operator) -> bool:
    return is_native(operation) or operation.has_matrix or operation.has_sparse_matrix
