"""Evaluation of one preprocessed tape, to torch tensors that carry gradients or to NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from pennylane.tape import QuantumScript
from pennylane.typing import Result, TensorLike
from torch import Tensor

from circuits.pennylane_device.analytic import analytic_results
from circuits.pennylane_device.evaluator import Evaluator
from circuits.pennylane_device.graph import TapeGraph
from circuits.pennylane_device.numerics import common_precision
from circuits.pennylane_device.observables import check_hermitian
from circuits.pennylane_device.sampling import sampled_results
from circuits.pennylane_device.wires import with_all_wires


def run_tape(tape: QuantumScript, max_wires: int, rng: np.random.Generator) -> tuple[list[Tensor] | None, Result]:
    """Return (tensors, None) of an exact evaluation, one per measurement, or (None, result) with finite shots.

    Raises DeviceError on an observable that is not Hermitian.
    """
    for measurement in tape.measurements:
        if measurement.obs is not None:
            check_hermitian(measurement.obs, drawn=bool(tape.shots))
    tape = with_all_wires(tape)
    precision = common_precision(tape.get_parameters(trainable_only=False))
    batch = 1 if tape.batch_size is None else tape.batch_size
    # Autocast would halve the precision of matrix products.
    with torch.autocast(precision.device.type, enabled=False):
        evaluator = Evaluator(TapeGraph(tape.operations), precision, batch, max_wires)
        if tape.shots:
            return None, sampled_results(tape, evaluator, rng)
        results = analytic_results(tape, evaluator)
        return _with_unused(results, tape, evaluator), None


def _with_unused(results: list[Tensor], tape: QuantumScript, evaluator: Evaluator) -> list[Tensor]:
    """Attach the trainable parameters that no cone holds, so that their gradients are zeros instead of missing."""
    used = {id(operation) for k in evaluator.used for operation in evaluator.graph.nodes[k].operations}
    idle = [value for operation in tape.operations if id(operation) not in used for value in _trainable(operation.data)]
    if not idle:
        return results
    zero = torch.cat([value.real.flatten().to(evaluator.precision.device) for value in idle])[:0].sum()
    return [result + zero for result in results]


def _trainable(values: Iterable[TensorLike]) -> list[Tensor]:
    return [value for value in values if isinstance(value, Tensor) and value.requires_grad]


def as_numpy(results: Iterable[Tensor]) -> list[NDArray[np.number]]:
    """Return NumPy scalars and arrays."""
    return [result.detach().cpu().resolve_conj().numpy()[()] for result in results]
