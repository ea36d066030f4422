"""Noisy expectations of one circuit on several engines, side by side in one process, as samples per second."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from circuits.engines import make_engine
from circuits.reupload import DataReupload
from noise_models import Noise
from sqnn.bench.peers import noise as noisy_peers
from sqnn.bench.quantum import median_seconds

Evaluate = Callable[[Tensor, Tensor], Tensor]
AGREEMENT = 1e-5
"""Largest difference of two exact float32 evaluations of the same noisy circuit."""
STANDARD_ERRORS = 6
"""Largest deviation of an estimate from shots, over all values compared, in standard errors of one shot count."""
PENNYLANE_SHOTS = "PennyLane qiskit.aer, one by one"


@dataclass(frozen=True)
class NoisyTiming:
    """One engine at one task; `ratio` is samples per second of the task's first engine over this one's."""

    task: str
    engine: str
    batch: int
    seconds: float
    samples_per_second: float
    ratio: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a mapping."""
        return asdict(self)


def compare_noisy(
    circuit: DataReupload, noise: Noise, *, batch: int = 1024, shots: int = 1024, budget: float = 2.0
) -> Iterator[NoisyTiming]:
    """Time four tasks, float32: values exact, with gradients, from shots, and the weights' gradient from shots.

    Each engine gets a batch that suits it (`batch` samples for `lightcone`, fewer for those that take a second over a
    few) and is compared by samples per second. Before it is timed, its values are checked against `lightcone`'s.
    Raises RuntimeError where they differ: ratios between different computations would mean nothing.
    """
    exact = make_engine("lightcone", circuit, noise=noise)
    forward: dict[str, tuple[int, Evaluate]] = {
        "sqnn lightcone": (batch, exact),
        "sqnn aer": (64, make_engine("aer", circuit, noise=noise)),
        "Aer density matrix, SaveExpectationValue": (16, noisy_peers.aer_expectation_values(circuit, noise)),
    }
    yield from _compare("exact, forward", forward, circuit, exact, _forward, AGREEMENT, budget)
    backward: dict[str, tuple[int, Evaluate]] = {
        "sqnn lightcone": (batch, exact),
        "default.mixed, one by one": (1, noisy_peers.default_mixed_one_by_one(circuit, noise)),
    }
    yield from _compare("exact, forward + backward", backward, circuit, exact, _both, AGREEMENT, budget)
    shooting = make_engine("aer", circuit, noise=noise, shots=shots)
    sampled: dict[str, tuple[int, Evaluate]] = {
        "sqnn aer": (64, shooting),
        "sqnn lightcone": (batch, make_engine("lightcone", circuit, noise=noise, shots=shots)),
    }
    shifted: dict[str, tuple[int, Evaluate]] = {"sqnn aer": (4, shooting)}
    if importlib.util.find_spec("pennylane_qiskit"):
        peer = noisy_peers.pennylane_qiskit_shots(circuit, noise, shots)
        sampled[PENNYLANE_SHOTS] = (4, peer)
        shifted[PENNYLANE_SHOTS] = (1, peer)
    tolerance = STANDARD_ERRORS / shots**0.5
    yield from _compare(f"{shots:,} shots, forward", sampled, circuit, exact, _forward, tolerance, budget)
    task = f"{shots:,} shots, gradient of the weights"
    yield from _compare(task, shifted, circuit, exact, _weights, tolerance, budget)


def _compare(
    task: str,
    engines: dict[str, tuple[int, Evaluate]],
    circuit: DataReupload,
    exact: Evaluate,
    work: Callable[[Evaluate, Tensor, Tensor], object],
    tolerance: float,
    budget: float,
) -> Iterator[NoisyTiming]:
    first: float | None = None
    generator = torch.Generator().manual_seed(0)
    weights = (torch.rand(circuit.weight_shape, generator=generator) * 6).requires_grad_()
    for name, (batch, engine) in engines.items():
        inputs = (torch.rand(batch, circuit.n_inputs, generator=generator) * 6).requires_grad_()
        with torch.no_grad():
            difference = (engine(inputs, weights) - exact(inputs, weights)).abs().max().item()
        if difference > tolerance:
            raise RuntimeError(f"{name} differs from lightcone by {difference:.1e} on {circuit}")
        seconds = median_seconds(partial(work, engine, inputs, weights), budget)
        rate = batch / seconds
        first = rate if first is None else first
        yield NoisyTiming(task, name, batch, seconds, rate, first / rate)


def _forward(engine: Evaluate, inputs: Tensor, weights: Tensor) -> object:
    with torch.no_grad():
        return engine(inputs, weights)


def _weights(engine: Evaluate, inputs: Tensor, weights: Tensor) -> object:
    """Differentiate the weights alone, by parameter shifts: every shifted circuit is run with the same shots."""
    return torch.autograd.grad(engine(inputs.detach(), weights).sum(), weights)


def _both(engine: Evaluate, inputs: Tensor, weights: Tensor) -> object:
    return torch.autograd.grad(engine(inputs, weights).sum(), (inputs, weights))
