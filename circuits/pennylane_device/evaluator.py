"""Evaluation of many reads of one circuit: their cones, sorted by shape, each shape run as one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from pennylane.exceptions import DeviceError
from pennylane.measurements import MeasurementProcess
from torch import Tensor

from circuits.pennylane_device.bank import Bank
from circuits.pennylane_device.blocks import amplitudes
from circuits.pennylane_device.cones import Cone, Seeds, find_cone, independent_parts, share_cones
from circuits.pennylane_device.graph import End, TapeGraph
from circuits.pennylane_device.numerics import Precision
from circuits.pennylane_device.program import ConeProgram, layered
from circuits.pennylane_device.reads import AmplitudeRead, PauliRead, Read
from circuits.pennylane_device.register import run_program
from circuits.threads import when_small

AMPLITUDES_AT_ONCE = 1 << 24
"""Cones of one shape run together up to this many amplitudes, 256 MiB in complex128."""


@dataclass(frozen=True)
class Request:
    """A read on the tracks of one end of the circuit; `label` names it in an error."""

    read: Read
    tracks: tuple[int, ...]
    label: Callable[[], str]
    end: End | None = None

    @property
    def seeds(self) -> Seeds:
        """The observable the cone is searched for."""
        return tuple(zip(self.tracks, self.read.masks, strict=True))


def describe(measurement: MeasurementProcess) -> str:
    """Return how an error names a measurement."""
    if measurement.mv is not None:
        return f"{type(measurement).__name__} of mid-circuit measurements"
    return repr(measurement) if len(measurement.wires) <= 8 else f"{type(measurement).__name__} on many wires"


class Evaluator:
    """Evaluate reads of a graph within cones of at most `max_wires` wires.

    Amplitudes of prepared states are taken as they are: where a state lies outside a cone, its squared norm, 1 but for
    rounding and for derivatives by a single amplitude, is a factor of the value.

    Raises DeviceError when a cone is larger.
    """

    def __init__(self, graph: TapeGraph, precision: Precision, batch: int, max_wires: int) -> None:
        self.graph = graph
        self.precision = precision
        self.batch = batch
        self.max_wires = max_wires
        self.used: set[int] = set()
        self._norms: dict[frozenset[int], Tensor] = {}

    def cone(self, request: Request) -> Cone:
        """Return the cone of a request, or say that it is too large."""
        cone = find_cone(self.graph, request.end or self.graph.end, request.seeds)
        if len(cone.tracks) > self.max_wires:
            raise DeviceError(
                f"sqnn.lightcone: {request.label()} depends on {len(cone.tracks)} wires, more than max_wires="
                f"{self.max_wires}; raise max_wires (memory grows as 2**wires), use fewer or more local entangling "
                "layers, or a device for wide cones such as default.tensor"
            )
        return cone

    def parts(self, request: Request) -> list[Request]:
        """Split a request on Pauli words or bits into requests whose cones share no wire."""
        seeds = request.seeds
        cone = find_cone(self.graph, request.end or self.graph.end, seeds)
        split = independent_parts(self.graph, cone, seeds)
        if len(split) == 1:
            return [request]
        place = {track: k for k, track in enumerate(request.tracks)}
        parts = []
        for part in split:
            tracks = tuple(track for track, _ in part)
            if isinstance(request.read, PauliRead):
                read: Read = PauliRead("".join(request.read.letters[place[track]] for track in tracks))
            else:
                read = type(request.read)(len(tracks))
            parts.append(Request(read, tracks, request.label, request.end))
        return parts

    def evaluate(self, requests: Sequence[Request]) -> list[Tensor]:
        """Return [batch, ...] for each request."""
        if not requests:
            return []
        cones = [self.cone(request) for request in requests]
        if self.precision.device.type != "cpu":
            return self._evaluate(requests, cones)
        n_amplitudes = sum(1 << len(tracks) for tracks in {cone.tracks for cone in cones})
        return when_small(2 * self.batch * n_amplitudes, lambda: self._evaluate(requests, cones))

    def _evaluate(self, requests: Sequence[Request], cones: list[Cone]) -> list[Tensor]:
        # Only Pauli words of the circuit's own end may share: bits and states are read from their own cone's wires.
        words = [k for k, r in enumerate(requests) if isinstance(r.read, PauliRead) and r.end is None]
        shared = share_cones(self.graph, self.graph.end, [requests[k].seeds for k in words], [cones[k] for k in words])
        for k, cone in zip(words, shared, strict=True):
            cones[k] = cone
        self.used.update(number for cone in cones for number in cone.nodes)
        bank = Bank(self.graph, self.used, self.precision, self.batch)

        shapes: dict[ConeProgram, dict[Cone, list[int]]] = {}
        slots: dict[Cone, list[int]] = {}
        programs: dict[Cone, ConeProgram] = {}
        for k, cone in enumerate(cones):
            if cone not in programs:
                programs[cone], slots[cone] = layered(self.graph, cone)
            shapes.setdefault(programs[cone], {}).setdefault(cone, []).append(k)

        results: dict[int, Tensor] = {}
        for program, members in shapes.items():
            together = max(1, AMPLITUDES_AT_ONCE // max(1, self.batch << program.n_wires))
            some = list(members)
            for start in range(0, len(some), together):
                chunk = some[start : start + together]
                state = run_program(program, [slots[cone] for cone in chunk], bank)
                results.update(self._read(state, program.n_wires, chunk, members, requests))
        if self.graph.states:
            for k, (request, cone) in enumerate(zip(requests, cones, strict=True)):
                results[k] = self._with_norms(results[k], request.read, cone)
        return [results[k] for k in range(len(requests))]

    def _with_norms(self, value: Tensor, read: Read, cone: Cone) -> Tensor:
        outside = frozenset(self.graph.states).difference(cone.nodes)
        if not outside:
            return value
        norm = self.norm(outside)
        if isinstance(read, AmplitudeRead):
            norm = norm.sqrt()
        return value * norm.reshape([-1] + [1] * (value.ndim - 1))

    def norm(self, nodes: frozenset[int] | None = None) -> Tensor:
        """Return the product of the squared norms of prepared states, of all where none are named; [batch]."""
        chosen = frozenset(self.graph.states) if nodes is None else nodes
        if chosen not in self._norms:
            self.used.update(chosen)
            states = [amplitudes(self.graph.nodes[k].operations[0], self.precision) for k in sorted(chosen)]
            squares = [torch.view_as_real(state).square().sum((0, -1)).expand(self.batch) for state in states]
            self._norms[chosen] = torch.stack(squares).prod(0)
        return self._norms[chosen]

    def _read(
        self,
        state: Tensor,
        n_wires: int,
        cones: list[Cone],
        members: dict[Cone, list[int]],
        requests: Sequence[Request],
    ) -> dict[int, Tensor]:
        """Read every request of these cones, those that ask the same of the same wire numbers together."""
        asked: dict[tuple[Read, tuple[int, ...]], list[tuple[int, int]]] = {}
        for column, cone in enumerate(cones):
            local = {track: wire for wire, track in enumerate(cone.tracks)}
            for k in members[cone]:
                wires = tuple(local[track] for track in requests[k].tracks)
                asked.setdefault((requests[k].read, wires), []).append((column, k))
        results: dict[int, Tensor] = {}
        for (read, wires), places in asked.items():
            columns = [column for column, _ in places]
            part = state
            if columns != list(range(len(cones))):
                where = torch.tensor(columns, device=state.device)
                part = state.reshape(-1, len(cones), self.batch).index_select(1, where).flatten(1)
            out = read(part, wires, n_wires)
            rows = out.reshape(*out.shape[:-1], len(columns), self.batch).movedim((-2, -1), (0, 1)).unbind(0)
            results.update({k: row for (_, k), row in zip(places, rows, strict=True)})
        return results
