"""Forward plus backward of one circuit on several engines, side by side in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from circuits.engines import make_engine
from circuits.reupload import DataReupload
from sqnn.bench.peers.quantum import Evaluate, installed_peers

OURS = "sqnn lightcone"
AGREEMENT = 2e-4
"""Largest difference of two float32 evaluations that still counts as the same circuit."""
MEMORY_LIMIT = 4 * 2**30
"""Bytes of saved states above which a peer's batch is cut into pieces (and the row says so)."""
SINGLE_SAMPLE_LIMIT = 16
"""Largest batch on which engines that run one execution a sample are timed."""
ONE_EXECUTION_A_SAMPLE = ("lightning.qubit, adjoint", "default.qubit, one by one")
STATES_A_ROTATION = {"default.qubit, broadcast": 2, "DeepQuantum": 2, "TensorCircuit-NG": 3}
"""States that a peer keeps for the backward pass of one rotation, as far as its memory use shows."""


@dataclass(frozen=True)
class Timing:
    """One engine on one circuit and batch: median seconds of a forward and backward pass, or why there is none.

    `ratio` is the engine's median over ours in the same run; above 1 means ours is faster.
    """

    n_qubits: int
    n_blocks: int
    entangler: str
    batch: int
    engine: str
    seconds: float | None
    ratio: float | None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a mapping."""
        return asdict(self)


def compare(
    circuit: DataReupload,
    batch: int,
    *,
    budget: float = 2.0,
    device: str = "cpu",
    peers: dict[str, Callable[[DataReupload], Evaluate]] | None = None,
) -> Iterator[Timing]:
    """Time our engine, then each peer, on one circuit; float32, gradients of inputs and weights.

    Each engine is checked against ours, called once more to warm up its backward pass, and then timed for about
    `budget` seconds, at least once. Raises RuntimeError where a peer disagrees, since a
    ratio between different computations would mean nothing.
    """
    peers = installed_peers() if peers is None else peers
    generator = torch.Generator().manual_seed(0)
    inputs = (torch.rand(batch, circuit.n_inputs, generator=generator) * 6).to(device).requires_grad_()
    weights = (torch.rand(circuit.weight_shape, generator=generator) * 6).to(device).requires_grad_()
    ours: Evaluate = make_engine("lightcone", circuit)
    reference = ours(inputs, weights).detach()
    base = median_seconds(partial(_pass, ours, inputs, weights), budget, device)
    where = (circuit.n_qubits, circuit.n_blocks, circuit.entangler, batch)
    yield Timing(*where, OURS, base, 1.0, repr(ours))
    for name, make in peers.items():
        reason = _left_out(name, circuit, batch, device)
        if reason:
            yield Timing(*where, name, None, None, reason)
            continue
        peer = make(circuit)
        size = _piece(name, circuit, batch)
        difference = (peer(inputs[:size], weights).detach() - reference[:size]).abs().max().item()
        if difference > AGREEMENT:
            raise RuntimeError(f"{name} differs from ours by {difference:.1e} on {circuit}, batch {batch}")
        seconds = median_seconds(partial(_pass, peer, inputs, weights, size), budget, device)
        note = "" if size == batch else f"in pieces of {size}"
        yield Timing(*where, name, seconds, seconds / base, note)


def median_seconds(call: Callable[[], object], budget: float, device: str = "cpu") -> float:
    """Return the median duration of a call, repeated for about `budget` seconds; the first call only warms up."""
    _timed(call, device)
    times = [_timed(call, device)]
    while sum(times) < budget and len(times) < 1000:
        times.append(_timed(call, device))
    return statistics.median(times)


def _pass(evaluate: Evaluate, inputs: Tensor, weights: Tensor, size: int | None = None) -> object:
    if size is None or size >= inputs.shape[0]:
        return torch.autograd.grad(evaluate(inputs, weights).sum(), (inputs, weights))
    parts = [part.detach().requires_grad_() for part in inputs.split(size)]
    gradients = [torch.autograd.grad(evaluate(part, weights).sum(), (part, weights)) for part in parts]
    return torch.cat([g for g, _ in gradients]), sum(g for _, g in gradients)


def _timed(call: Callable[[], object], device: str) -> float:
    _wait(device)
    start = time.perf_counter()
    call()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def _left_out(name: str, circuit: DataReupload, batch: int, device: str) -> str:
    """Return why a peer is not timed here, or nothing."""
    if name in ONE_EXECUTION_A_SAMPLE and batch > SINGLE_SAMPLE_LIMIT:
        return f"one execution a sample: timed up to a batch of {SINGLE_SAMPLE_LIMIT}"
    if name.startswith("lightning") and device != "cpu":
        return "runs on the CPU"
    return ""


def _piece(name: str, circuit: DataReupload, batch: int) -> int:
    """Return the largest piece of the batch, halved as often as needed, whose states fit the memory limit."""
    states = STATES_A_ROTATION.get(name, 0) * sum(gate.name == "Rot" for gate in circuit.gates()) + len(circuit.edges)
    while batch > 1 and states * 2**circuit.n_qubits * batch * 8 > MEMORY_LIMIT:
        batch = (batch + 1) // 2
    return batch
