"""Ways to differentiate a circuit, each with the number of circuits it executes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from circuits.engines.lightcone import LightConeEngine
from circuits.reupload import DataReupload
from noise_models import Choices

Evaluate = Callable[[Tensor, Tensor], Tensor]
Rule = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, int]]
"""(inputs [batch, 3 n], targets [batch, n], weights [L, n, 3]) -> (gradient [L, n, 3], circuits executed)."""


def mean_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of (outputs - targets)^2 over samples and wires."""
    return (outputs - targets).square().mean()


def differentiate(evaluate: Evaluate, inputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the gradient of the loss with respect to the weights, by whatever rule `evaluate` carries."""
    tracked = weights.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(mean_squared_error(evaluate(inputs, tracked), targets), tracked)
    return gradient


def light_cone(circuit: DataReupload, seed: int) -> Rule:
    """Backpropagation through the light cone; each sample counts as one circuit, though none is executed whole."""
    engine = LightConeEngine(circuit)
    return lambda inputs, targets, weights: (differentiate(engine, inputs, targets, weights), len(inputs))


def _pennylane(
    circuit: DataReupload,
    method: str,
    device: str = "default.qubit",
    *,
    by_sample: bool = False,
    options: Mapping[str, object] | None = None,
) -> Rule:
    import pennylane as qml

    from circuits.engines.pennylane import build_qnode

    qnode = build_qnode(circuit, qml.device(device, wires=circuit.n_qubits), method, options)
    if by_sample:
        qnode = qml.transforms.broadcast_expand(qnode)

    def rule(inputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, int]:
        with qml.Tracker(qnode.device) as tracker:
            gradient = differentiate(lambda x, w: torch.stack(list(qnode(x, w)), dim=-1), inputs, targets, weights)
        return gradient, int(tracker.totals["executions"])

    return rule


def backprop(circuit: DataReupload, seed: int) -> Rule:
    """Backpropagation through PennyLane's default.qubit, the batch as one broadcast execution."""
    return _pennylane(circuit, "backprop")


def adjoint(circuit: DataReupload, seed: int) -> Rule:
    """Adjoint differentiation on lightning.qubit, sample by sample: a second sweep through the state.

    Source: Jones and Gacon, arXiv 2009.02823 (2020).
    """
    return _pennylane(circuit, "adjoint", "lightning.qubit", by_sample=True)


def parameter_shift(circuit: DataReupload, seed: int) -> Rule:
    """Two executions per weight and sample besides the value itself: exact, and possible on hardware.

    Here only weights are differentiated, so the samples can be one broadcast; the tracker still counts each of them.
    Source: Schuld et al., Phys. Rev. A 99, 032331 (2019).
    """
    return _pennylane(circuit, "parameter-shift")


def spsa(circuit: DataReupload, seed: int) -> Rule:
    """Two executions per sample along a random direction of its own: noisy, its mean is the gradient.

    Source: Spall, IEEE Trans. Autom. Control 37, 332 (1992).
    """
    # Left to itself PennyLane draws the directions from fresh entropy, and no run could be repeated.
    directions = {"sampler_rng": np.random.default_rng(seed)}
    return _pennylane(circuit, "spsa", by_sample=True, options=directions)


ALGORITHMS: Choices[Callable[[DataReupload, int], Rule]] = Choices(
    "algorithms",
    {
        "backprop-lightcone": light_cone,
        "backprop-default.qubit": backprop,
        "adjoint-lightning.qubit": adjoint,
        "parameter-shift": parameter_shift,
        "spsa": spsa,
    },
)
