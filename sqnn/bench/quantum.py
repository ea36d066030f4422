"""Forward plus backward of one circuit on several engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from sqnn.bench.benchmark import Cell, Row, TimedBenchmark, names_of, numbers
from sqnn.bench.peers import PEERS, Pass, Peer, torch_pass
from sqnn.bench.timing import TIMING, take_turns
from sqnn.core import ConfigError, option

if TYPE_CHECKING:
    from circuits import DataReupload

OURS = "sqnn lightcone"
DIRECT = f"{OURS}, value_and_grad"
"""Our engine called as JAX calls its peers: values and gradients from one function, without PyTorch's autograd."""
AGREEMENT = 2e-4
"""Largest difference, as a share of the largest value, of float32 results that still count as the same circuit's."""
MEMORY_LIMIT = 4 * 2**30
"""Bytes of saved states above which a peer's batch is cut into pieces (and the row says so)."""
SINGLE_SAMPLES = 16
"""Largest batch on which engines that run one execution per sample are timed, and on which peers are checked."""
PAPER_BATCH = 128
ROTATIONS_TO_COMPILE = 80
"""Rotations above which a peer that compiles, which takes up to some seconds each, does so for one batch only."""
MOST_BUDGETS = 10
"""Budgets after which a slow engine takes no more turns."""
TURNS_OF_A_BUDGET = 20
"""A fast engine repeats its pass for this part of its budget in each turn, on caches of its own."""
QUBITS, BLOCKS, BATCHES = (2, 4, 9, 12), (1, 2, 3, 6), (1, 16, 128, 1024)
GRID = tuple(product(QUBITS, BLOCKS, ("ring",), BATCHES))
EXTRA = ((9, 4, "ring", 128), (9, 6, "all", 128))
"""Beyond the grid: four blocks on the ring, and six blocks with everything joined."""


@dataclass(frozen=True, kw_only=True)
class QuantumBenchmark(TimedBenchmark):
    """Time forward + backward (float32, gradients of inputs and weights) of our engine and of every installed peer.

    Our engine has two rows on a CPU: through PyTorch's autograd, as in a training, to which every ratio refers, and
    called for values and gradients at once, which is what `jax.value_and_grad` of a jitted peer is.
    Peers are listed in benchmarks/requirements.txt; those that are not installed are left out. Each is checked against
    our engine, values and gradients, before it is timed. What a peer takes to compile is a column of its own.

    Examples:

    sqnn bench quantum --quick

    sqnn bench quantum --qubits 9 --blocks 2,3 --batches 128 --out table.csv
    """

    name = "quantum"
    key = ("n_qubits", "n_blocks", "entangler", "batch")
    columns = (
        *key,
        *("engine", "seconds", "ratio", "note", *TIMING, "samples_per_second", "compile_seconds", "device"),
    )
    shown = "engine seconds:ms samples_per_second:,.0f ratio:.1f compile_seconds:.1f"
    free = ("qubits", "blocks", "batches", "entangler", "peers", "budget")
    quick: ClassVar = {"qubits": "9", "blocks": "2", "batches": "128"}

    qubits: str = option(",".join(map(str, QUBITS)), "numbers of qubits, with commas")
    blocks: str = option(",".join(map(str, BLOCKS)), "numbers of blocks, with commas")
    batches: str = option(",".join(map(str, BATCHES)), "batch sizes, with commas")
    entangler: str = option("ring", "CZ layer between blocks")
    peers: str = option("", "peers that take part, with commas (default: all that are installed)")
    budget: float = option(1.0, "seconds of timing for each engine and circuit", above=0)

    def validate(self) -> None:
        super().validate()
        for name in ("qubits", "blocks", "batches"):
            numbers(name, vars(self)[name])
        for peer in self.chosen():
            if not peer.installed():
                raise ConfigError(f"peers: {peer.name} is not installed; benchmarks/README.md says how")

    def chosen(self) -> list[Peer]:
        return [PEERS.pick(name, "peers", ConfigError) for name in names_of(self.peers)]

    def grid(self) -> list[tuple[int, int, str, int]]:
        """Return qubits, blocks, entangler and batch of each cell, all circuits of one batch size after the other."""
        qubits, blocks, batches = (numbers(name, vars(self)[name]) for name in ("qubits", "blocks", "batches"))
        cells = [(n, depth, self.entangler, batch) for batch, n, depth in product(batches, qubits, blocks)]
        if self.entangler == "ring" and set(cells) == set(GRID):
            cells += EXTRA
        return sorted(cells, key=lambda cell: batches.index(cell[-1]))

    def cells(self) -> Iterator[Cell]:
        from circuits import DataReupload

        peers = self.chosen() or [peer for peer in PEERS.values() if peer.circuit and peer.installed()]
        for n, depth, entangler, batch in self.grid():
            key: Row = {"n_qubits": n, "n_blocks": depth, "entangler": entangler, "batch": batch}
            yield Cell(key, partial(self.compare, DataReupload(n, depth, entangler), batch, peers))

    def title(self, row: Row) -> str:
        return f"{row['n_qubits']} qubits, {row['n_blocks']} blocks, {row['entangler']}, batch {row['batch']}"

    def compare(self, circuit: DataReupload, batch: int, peers: list[Peer]) -> list[Row]:
        """Time our engine and the peers, in turns, on one circuit.

        A ratio between different computations would mean nothing: on a CPU this raises RuntimeError where a peer
        disagrees, and on a GPU, whose libraries round as they like, the peer's row says so in place of a time.
        """
        from circuits import make_engine

        engine = make_engine("lightcone", circuit)
        inputs, weights = draw(circuit, batch, self.device)
        passes: dict[str, Callable[[], object]] = {OURS: torch_pass(engine, inputs, weights).run}
        passes[OURS]()  # compiles the kernels, where no run on this machine did
        notes, compiled = {OURS: repr(engine)}, {}
        if self.device == "cpu":  # elsewhere there are no kernels, and it is the same computation
            passes[DIRECT] = partial(engine.value_and_grad, inputs, weights)
            notes[DIRECT] = ""
        for peer in peers:
            notes[peer.title] = reason = left_out(peer, circuit, batch, self.device)
            if peer.circuit is None or reason:
                continue
            size = piece(peer, circuit, batch)
            parts = [part.detach().requires_grad_() for part in inputs.split(size)]
            pieces = [peer.circuit(circuit, part, weights) for part in parts]
            sample = parts[0] if peer.compiles else parts[0][:SINGLE_SAMPLES].detach().requires_grad_()
            first = pieces[0] if peer.compiles else peer.circuit(circuit, sample, weights)
            difference = disagreement(first, torch_pass(engine, sample, weights))
            if not difference <= AGREEMENT and self.device != "cpu":
                notes[peer.title] = f"differs from ours by {difference:.1e}: not timed"
                continue
            if not difference <= AGREEMENT:
                raise RuntimeError(f"{peer.title} differs from ours by {difference:.1e} on {circuit}, batch {batch}")
            passes[peer.title] = partial(_all, pieces)
            compiled[peer.title] = pieces[0].compile_seconds
            notes[peer.title] = "" if size == batch else f"in pieces of {size}"
        timings = take_turns(
            list(passes.values()),
            self.budget,
            device=self.device,
            turn=self.budget / TURNS_OF_A_BUDGET,
            most=self.budget * MOST_BUDGETS,
        )
        measured = dict(zip(passes, timings, strict=True))
        rows: list[Row] = []
        for name, note in notes.items():
            row: Row = {"engine": name, "note": note, "device": self.device}
            if name in measured:
                timing = measured[name]
                row |= {"seconds": timing.median, "ratio": timing.median / measured[OURS].median, **timing.columns()}
                row |= {"samples_per_second": batch / timing.median, "compile_seconds": compiled.get(name)}
            rows.append(row)
        return rows


def draw(circuit: DataReupload, batch: int, device: str, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Return random inputs and weights of a circuit, in radians, always the same."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(batch, circuit.n_inputs, generator=generator) * 6
    weights = torch.rand(circuit.weight_shape, generator=generator) * 6
    return inputs.to(device, dtype).requires_grad_(), weights.to(device, dtype).requires_grad_()


def disagreement(one: Pass, other: Pass) -> float:
    """Return the largest difference of values and gradients, as a share of the largest number where that is above 1."""
    pairs = zip(one.results(), other.results(), strict=True)
    return max(float((a - b).abs().max() / b.abs().max().clamp(min=1)) for a, b in pairs)


def left_out(peer: Peer, circuit: DataReupload, batch: int, device: str) -> str:
    """Return why a peer is not timed on a circuit, or nothing."""
    if peer.circuit is None:
        return "evaluates no circuit without noise"
    if peer.single and batch > SINGLE_SAMPLES:
        return f"one execution per sample: timed up to a batch of {SINGLE_SAMPLES}"
    if not peer.computes_on(device):
        return "computes on no GPU here" if callable(peer.cpu_only) else "runs on the CPU"
    if peer.compiles and rotations(circuit) > ROTATIONS_TO_COMPILE and batch != PAPER_BATCH:
        return f"{rotations(circuit)} rotations: compiled for a batch of {PAPER_BATCH} only"
    return ""


def piece(peer: Peer, circuit: DataReupload, batch: int) -> int:
    """Return the largest piece of the batch, halved as often as needed, whose states fit the memory limit."""
    states = peer.states * rotations(circuit) + len(circuit.edges)
    while batch > 1 and states * 2**circuit.n_qubits * batch * 8 > MEMORY_LIMIT:
        batch = (batch + 1) // 2
    return batch


def rotations(circuit: DataReupload) -> int:
    """Return the number of rotations of a circuit."""
    return sum(gate.name == "Rot" for gate in circuit.gates())


def _all(pieces: list[Pass]) -> None:
    for part in pieces:
        part.run()
