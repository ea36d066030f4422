"""Device-provided derivatives for interfaces that hold NumPy parameters: torch autograd inside the device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from pennylane.tape import QuantumScript
from pennylane.typing import Result
from torch import Tensor

from circuits.pennylane_device.execution import as_numpy, run_tape


def _with_leaves(tape: QuantumScript) -> tuple[QuantumScript, list[Tensor]]:
    """Return the tape on fresh torch leaves, and these leaves, one per trainable parameter."""
    leaves = [torch.tensor(np.asarray(value)).requires_grad_() for value in tape.get_parameters()]
    return tape.bind_new_parameters(leaves, tape.trainable_params), leaves


def vector_jacobian_product(
    tape: QuantumScript, cotangents: Result, max_wires: int, rng: np.random.Generator
) -> tuple[NDArray[np.number], ...]:
    """Return sum_k cotangent_k d result_k / d parameter, one array per trainable parameter, in one backward pass."""
    bound, leaves = _with_leaves(tape)
    results, _ = run_tape(bound, max_wires, rng)
    assert results is not None
    weights = (cotangents,) if len(results) == 1 and _holds(cotangents, results[0]) else tuple(cotangents)
    total = sum(
        (result * torch.as_tensor(np.asarray(weight), dtype=result.dtype).reshape(result.shape)).sum()
        for result, weight in zip(results, weights, strict=True)
    )
    return tuple(as_numpy(_gradients(total, leaves, last=True)))


def _holds(cotangents: Result, result: Tensor) -> bool:
    """Say whether a single measurement's cotangent came bare, and not in a tuple of one."""
    return not isinstance(cotangents, tuple | list) or np.shape(cotangents) == tuple(result.shape)


def jacobian(tape: QuantumScript, max_wires: int, rng: np.random.Generator) -> tuple[list[NDArray[np.number]], Result]:
    """Return the results and d result / d parameter, nested as PennyLane nests them: measurements, then parameters."""
    bound, leaves = _with_leaves(tape)
    results, _ = run_tape(bound, max_wires, rng)
    assert results is not None
    rows = []
    for result in results:
        flat = result.reshape(-1)
        gradients = [_gradients(entry, leaves, last=False) for entry in flat]
        stacked = [
            torch.stack(column).reshape(result.shape + leaf.shape)
            if column
            else leaf.new_zeros(result.shape + leaf.shape)
            for column, leaf in zip(
                zip(*gradients, strict=True) if gradients else [()] * len(leaves), leaves, strict=True
            )
        ]
        entries = tuple(as_numpy(stacked))
        rows.append(entries[0] if len(entries) == 1 else entries)
    return as_numpy(results), rows[0] if len(rows) == 1 else tuple(rows)


def _gradients(value: Tensor | int, leaves: list[Tensor], last: bool) -> list[Tensor]:
    if not leaves or not isinstance(value, Tensor) or not value.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    gradients = torch.autograd.grad(value, leaves, retain_graph=not last, allow_unused=True)
    # d/dx - i d/dy for a complex x + iy, as autograd and jax have it; torch has the conjugate.
    return [torch.zeros_like(leaf) if g is None else g.conj() for g, leaf in zip(gradients, leaves, strict=True)]
