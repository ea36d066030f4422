"""Noisy expectations of one circuit on several engines, as samples per second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from sqnn.bench.benchmark import Benchmark, Cell, Row
from sqnn.bench.peers import PEERS, Evaluate
from sqnn.bench.timing import TIMING, take_turns
from sqnn.core import ConfigError, option

if TYPE_CHECKING:
    from circuits import DataReupload
    from noise_models import Noise

BATCH = 1024
"""Samples of a call of our exact engine; slower engines get fewer."""
AGREEMENT = 1e-5
"""Largest difference of two exact float32 evaluations of the same noisy circuit."""
STANDARD_ERRORS = 6
"""Largest deviation of an estimate from shots, over all values compared, in standard errors of one shot count."""
LIGHTCONE, AER = "sqnn lightcone", "sqnn aer"


@dataclass(frozen=True, kw_only=True)
class NoiseBenchmark(Benchmark):
    """Time noisy expectations: exact, exact with gradients, and from shots, on every engine that can.

    The library's default.mixed and Aer's density matrix are run the way their documentation shows; qiskit.aer of
    pennylane-qiskit takes part where it is installed. An engine that has not every kind of the noise is left out. Each
    gets a batch that suits it; the ratio is samples per second of the task's first engine over this one's.

    Examples:

    sqnn bench noise

    sqnn bench noise --noise depolarizing:0.01 --qubits 6 --out noise.csv
    """

    name = "noise"
    key = ("task",)
    columns = (
        *("task", "engine", "batch", "seconds", "samples_per_second", "ratio", "note"),
        *(*TIMING, "noise", "n_qubits", "n_blocks", "entangler"),
    )
    shown = "engine batch seconds:ms samples_per_second:,.1f ratio:,.4g"
    free = ("shots", "budget")
    quick: ClassVar = {"qubits": 4, "budget": 0.2}

    noise: str = option("paper", "noise of the circuit")
    qubits: int = option(9, "qubits", least=1)
    blocks: int = option(2, "blocks", least=1)
    entangler: str = option("ring", "CZ layer between blocks")
    shots: int = option(1024, "shots of the third task", least=1)
    budget: float = option(2.0, "seconds of timing for each engine and task", above=0)

    def problem(self) -> tuple[DataReupload, Noise]:
        """Return the circuit and its noise; ConfigError where there is none."""
        from circuits import DataReupload, resolve_noise

        circuit = DataReupload(self.qubits, self.blocks, self.entangler)
        noise = resolve_noise(self.noise, circuit)
        if noise is None:
            raise ConfigError(
                f"noise: got {self.noise!r}, expected noise; sqnn bench quantum times circuits without it"
            )
        return circuit, noise

    def state(self) -> str:
        return str(self.problem()[1])

    def title(self, row: Row) -> str:
        return f"{row['task']}: {self.qubits} qubits, {self.blocks} blocks, {self.entangler}"

    def cells(self) -> Iterator[Cell]:
        from circuits import make_engine

        circuit, noise = self.problem()
        exact = make_engine("lightcone", circuit, noise=noise)
        aer = make_engine("aer", circuit, noise=noise)
        shooting, sampled = (
            make_engine(name, circuit, noise=noise, shots=self.shots, generator=torch.Generator().manual_seed(0))
            for name in ("aer", "lightcone")
        )
        ours: dict[str, tuple[Work, dict[str, tuple[int, Evaluate]]]] = {
            "exact, forward": (_forward, {LIGHTCONE: (BATCH, exact), AER: (64, aer)}),
            "exact, forward + backward": (_both, {LIGHTCONE: (BATCH, exact)}),
            "shots, forward": (_forward, {AER: (64, shooting), LIGHTCONE: (BATCH, sampled)}),
            "shots, gradient of the weights": (_weights, {AER: (4, shooting)}),
        }
        for task, (work, engines) in ours.items():
            shots = self.shots if task.startswith("shots") else None
            left_out: dict[str, str] = {}
            for peer in PEERS.values():
                if not (peer.noisy and peer.installed() and task in (peer.noisy_batches or {})):
                    continue
                if noise.has_readout and not peer.readout:
                    left_out[peer.title] = "left out: it has no readout errors"
                else:
                    engines[peer.title] = (peer.noisy_batches or {})[task], peer.noisy(circuit, noise, shots)
            tolerance = STANDARD_ERRORS / self.shots**0.5 if shots else AGREEMENT
            label = f"{self.shots:,} {task}" if shots else task
            measure = partial(self.compare, circuit, exact, work, engines, tolerance, str(noise), left_out)
            yield Cell({"task": label}, measure)

    def compare(
        self,
        circuit: DataReupload,
        exact: Evaluate,
        work: Work,
        engines: dict[str, tuple[int, Evaluate]],
        tolerance: float,
        noise: str,
        left_out: Mapping[str, str],
    ) -> list[Row]:
        """Time one task on all engines in turns, float32; those left out have a row that says why.

        Raises RuntimeError where values differ from the exact ones: ratios between different computations would mean
        nothing.
        """
        generator = torch.Generator().manual_seed(0)
        weights = (torch.rand(circuit.weight_shape, generator=generator) * 6).requires_grad_()
        calls = []
        for name, (batch, engine) in engines.items():
            inputs = (torch.rand(batch, circuit.n_inputs, generator=generator) * 6).requires_grad_()
            with torch.no_grad():
                difference = (engine(inputs, weights) - exact(inputs, weights)).abs().max().item()
            if not difference <= tolerance:
                raise RuntimeError(f"{name} differs from lightcone by {difference:.1e} on {circuit}")
            calls.append(partial(work, engine, inputs, weights))
        timings = take_turns(calls, self.budget)
        batches = [batch for batch, _ in engines.values()]
        rates = [batch / timing.median for batch, timing in zip(batches, timings, strict=True)]
        common: Row = {"noise": noise, "n_qubits": circuit.n_qubits, "n_blocks": circuit.n_blocks}
        common["entangler"] = circuit.entangler_name
        rows: list[Row] = [
            {
                "engine": name,
                "batch": batch,
                "seconds": timing.median,
                "samples_per_second": rate,
                "ratio": rates[0] / rate,
                **timing.columns(),
                **common,
            }
            for name, batch, timing, rate in zip(engines, batches, timings, rates, strict=True)
        ]
        return rows + [{"engine": name, "note": note, **common} for name, note in left_out.items()]


Work = Callable[[Evaluate, Tensor, Tensor], object]
"""What a task does with an engine, inputs and weights."""


def _forward(engine: Evaluate, inputs: Tensor, weights: Tensor) -> object:
    with torch.no_grad():
        return engine(inputs, weights)


def _weights(engine: Evaluate, inputs: Tensor, weights: Tensor) -> object:
    """Differentiate the weights alone, by parameter shifts: every shifted circuit is run with the same shots."""
    return torch.autograd.grad(engine(inputs.detach(), weights).sum(), weights)


def _both(engine: Evaluate, inputs: Tensor, weights: Tensor) -> object:
    return torch.autograd.grad(engine(inputs, weights).sum(), (inputs, weights))
