"""Checks of what a quantum function of a user's own measures and returns."""

from __future__ import annotations

from typing import Any

from noise_models import brief


def check_returned(returned: object, measured: int) -> None:
    """Raise ValueError unless a function returned its measurements, or nothing and has none."""
    import pennylane as qml

    parts = list(returned) if isinstance(returned, list | tuple) else [] if returned is None else [returned]
    wrong = next((part for part in parts if not isinstance(part, qml.measurements.MeasurementProcess)), None)
    if wrong is not None:
        mend = "qml.expval of it" if isinstance(wrong, qml.operation.Operator) else "qml.expval, qml.var or qml.probs"
        raise ValueError(f"circuit: returns {brief(wrong)}, expected measurements, alone or in one list; return {mend}")
    if measured > len(parts):
        raise ValueError(f"circuit: makes {measured} measurements and returns {len(parts)}, expected all; return them")


def check_touched(tape: Any) -> None:
    """Raise ValueError where a wire is measured that no gate acts on: it gives one number for all data and weights."""
    touched = {wire for operation in tape.operations for wire in operation.wires}
    alone = [wire for measurement in tape.measurements for wire in measurement.wires if wire not in touched]
    if alone:
        raise ValueError(
            f"circuit: measures the wire {brief(alone[0])}, on which no gate acts, expected one of "
            f"{brief(sorted(touched, key=str))}"
        )
