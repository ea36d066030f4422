"""What a quantum function of a user's own takes, does, measures and returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from noise_models import brief, whole


def shapes_of(function: Callable[..., Any], weight_shapes: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights, which are the arguments of the function beside its first, `inputs`."""
    if not isinstance(weight_shapes, Mapping):
        raise ValueError(
            f"weight_shapes: got a {type(weight_shapes).__name__}, expected a mapping such as {{'weights': (2, 3)}}"
        )
    names = list(inspect.signature(function).parameters)
    missing = [name for name in names[1:] if name not in weight_shapes]
    unknown = [name for name in weight_shapes if name not in names[1:]]
    if not names or names[0] != "inputs" or missing or unknown:
        raise ValueError(
            f"weight_shapes: got {', '.join(map(str, weight_shapes)) or 'none'} for f({', '.join(names)}), expected a "
            "function f(inputs, weights, ...) whose first argument is called inputs, and a shape for each of the others"
        )
    for name, size in weight_shapes.items():
        if isinstance(size, str):
            raise ValueError(f"weight_shapes[{name!r}]: got {size!r}, expected whole numbers such as (2, 3)")
    shapes = {name: tuple(size) if isinstance(size, Sequence) else (size,) for name, size in weight_shapes.items()}
    return {name: tuple(whole(f"weight_shapes[{name!r}]", side) for side in shape) for name, shape in shapes.items()}


def gates_in(tape: Any) -> int:
    """Return how many gates on one or two wires a circuit has; templates are taken apart."""
    import pennylane as qml

    def stop(operation: Any) -> bool:
        return len(operation.wires) <= 2 and not type(operation).__module__.startswith("pennylane.templates")

    (plain,), _ = qml.transforms.decompose(tape, stopping_condition=stop)
    return len(plain.operations)


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
