"""Empty batches: two rows are evaluated in their place, and no result of them is kept."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import torch
from pennylane.tape import QuantumScript, QuantumScriptBatch
from pennylane.typing import PostprocessingFn, Result, TensorLike
from torch import Tensor

from circuits.pennylane_device.blocks import as_exponential

_ROWS = 2
"""PennyLane's results of shots drop the batch dimension of a single row."""


@qml.transform
def fill_empty_batch(tape: QuantumScript) -> tuple[QuantumScriptBatch, PostprocessingFn]:
    """Give an empty batch some rows, for PennyLane's matrices and samples need them, and take them from the results."""
    if tape.batch_size != 0:
        return (tape,), lambda results: results[0]
    filled = tape.copy(operations=[as_exponential(operation) or operation for operation in tape.operations])
    values = [_with_rows(value) for value in filled.get_parameters(trainable_only=False)]
    filled = filled.bind_new_parameters(values, list(range(len(values))))
    filled.trainable_params = tape.trainable_params
    return (filled,), lambda results: _without_rows(results[0])


def _with_rows(value: TensorLike) -> TensorLike:
    """Return a parameter [0, ...] with rows of zero angles, of the normalised state 1, 0, 0, ... or of identities."""
    shape = qml.math.shape(value)
    if not shape or shape[0] != 0:
        return value
    row = np.eye(shape[1]) if len(shape) == 3 else np.eye(1, shape[1])[0] if len(shape) == 2 else np.zeros(())
    rows = np.stack([row] * _ROWS)
    if isinstance(value, Tensor):
        return torch.cat([value, torch.as_tensor(rows, dtype=value.dtype, device=value.device)])
    return qml.math.concatenate([value, rows])


def _without_rows(result: Result) -> Result:
    return tuple(_without_rows(part) for part in result) if isinstance(result, tuple) else result[:0]
