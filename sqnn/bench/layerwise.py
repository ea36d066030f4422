"""Time and memory of hybrid networks beside their twins of one kind, and of fusion blocks beside public peers."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch

from sqnn.bench.layerwise_memory import peak_mib
from sqnn.bench.layerwise_workloads import (
    BLOCK,
    OURS,
    PUBLISHED,
    STEP,
    HybridSetting,
    Workload,
    build,
    convolutions,
    refusal,
)
from sqnn.bench.peers.layerwise import Peer, installed_peers
from sqnn.training import keep_freed_memory

MIN_ROUNDS = 5
"""Repetitions of each workload, however long they take."""
MAX_ROUNDS = 1000

Measure = Callable[[Sequence[Workload], HybridSetting, str], Sequence[float | None]]
"""Peak memory of workloads in MiB, as `peak_mib` gives it."""


@dataclass(frozen=True)
class HybridTiming:
    """One network or block: median milliseconds of a step, and its peak memory; or, in `note`, why there are none.

    `ratio` is its median over that of the row named `against`, out of the same alternating repetitions: for a training
    step the network without spikes, for a block ours with the same surrogate. `inputs` and `outputs` are
    batch x channels x height x width; `surrogate` is the gradient of the bit planes, empty where nothing is encoded.
    """

    task: str
    name: str
    surrogate: str
    inputs: str
    outputs: str
    parameters: int | None
    milliseconds: float | None
    against: str
    ratio: float | None
    peak_mib: float | None
    device: str
    threads: int
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a mapping."""
        return asdict(self)


def compare_hybrid(
    setting: HybridSetting,
    *,
    budget: float = 2.0,
    device: str = "cpu",
    peers: Mapping[str, Peer] | None = None,
    measure: Measure | None = peak_mib,
) -> Iterator[list[HybridTiming]]:
    """Yield one list of rows for the training step of whole networks, then one for each convolutional fusion block.

    Float32, forward and backward; see `build` for what a step is. The workloads of a list take turns, so that whatever
    else the machine does hits all alike, for about `budget` seconds each and at least five turns. Blocks are compared
    with the surrogate that our network has by default and with the one that the peers have. `measure` (None: no memory)
    comes afterwards. On the CPU the process keeps memory that is freed, as it does in training.

    Raises RuntimeError where a peer's block has other parameters than ours: a ratio would mean nothing.
    """
    peers = installed_peers() if peers is None else peers
    keep_freed_memory()
    hybrid = setting.network("hybrid")
    default = hybrid.config.gradient_surrogate
    twins = [Workload(STEP, OURS, "", "ann"), Workload(STEP, OURS, default), Workload(STEP, OURS, default, "snn")]
    yield _rows([*twins, *(Workload(STEP, peer, PUBLISHED) for peer in peers)], setting, budget, device, peers, measure)
    for number in range(len(convolutions(setting))):
        surrogates = dict.fromkeys((default, PUBLISHED))
        workloads = [
            Workload(BLOCK, maker, surrogate, number=number)
            for surrogate in surrogates
            for maker in (OURS, *peers)
            if maker == OURS or surrogate in peers[maker].surrogates
        ]
        rows = _rows(workloads, setting, budget, device, peers, measure)
        _check_parameters(rows)
        yield rows


def alternating_medians(
    calls: Sequence[Callable[[], object]],
    budget: float,
    *,
    wait: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Return the median seconds of each call; all calls take turns until they have taken `budget` seconds each.

    A first turn of all only warms up. `wait` runs before each reading of the clock: what the call started has to end.
    """
    for call in calls:
        call()
    seconds: list[list[float]] = [[] for _ in calls]
    rounds = 0
    while rounds < MIN_ROUNDS or (sum(map(sum, seconds)) < budget * len(calls) and rounds < MAX_ROUNDS):
        for call, times in zip(calls, seconds, strict=True):
            wait()
            start = clock()
            call()
            wait()
            times.append(clock() - start)
        rounds += 1
    return [statistics.median(times) for times in seconds]


def _rows(
    workloads: Sequence[Workload],
    setting: HybridSetting,
    budget: float,
    device: str,
    peers: Mapping[str, Peer],
    measure: Measure | None,
) -> list[HybridTiming]:
    """Measure the workloads in turns; a ratio is to the first of them, among blocks to the first of its surrogate."""
    reasons = {workload: refusal(workload, setting) for workload in workloads}
    built = {s: build(s, setting, device, peers) for s in workloads if not reasons[s]}
    wait = partial(torch.cuda.synchronize, device) if device.startswith("cuda") else _nothing
    medians = alternating_medians([b.step for b in built.values()], budget, wait=wait)
    seconds = dict(zip(built, medians, strict=True))
    peaks = dict(zip(built, measure(list(built), setting, device), strict=True)) if measure else {}
    rows = []
    for workload in workloads:
        base = next(s for s in workloads if workload.task == STEP or s.surrogate == workload.surrogate)
        made, took = built.get(workload), seconds.get(workload)
        rows.append(
            HybridTiming(
                task=workload.task,
                name=workload.name,
                surrogate=workload.surrogate,
                inputs=_shape(made.inputs) if made else "",
                outputs=_shape(made.outputs) if made else "",
                parameters=made.parameters if made else None,
                milliseconds=took * 1e3 if took else None,
                against=base.name,
                ratio=took / seconds[base] if took else None,
                peak_mib=peaks.get(workload),
                device=device,
                threads=torch.get_num_threads(),
                note=reasons[workload],
            )
        )
    return rows


def _check_parameters(rows: Sequence[HybridTiming]) -> None:
    ours = rows[0]
    for row in rows:
        if row.parameters not in (None, ours.parameters):
            raise RuntimeError(f"{row.name} has {row.parameters} parameters, {ours.name} has {ours.parameters}")


def _shape(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def _nothing() -> None:
    pass
