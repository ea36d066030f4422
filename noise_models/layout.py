"""Lines and rings of a coupling graph with the least total cost."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

Edge = tuple[int, int]

BEAM = 24
"""Partial lines kept at each qubit: twice as many gave no better line of up to 20 qubits on any chip tried."""
STEPS_PER_START = 10_000
"""Steps of a ring search from one qubit, never reached by rings of up to 20 qubits on a heavy-hexagonal chip."""
MAX_STEPS = 2_000_000
"""Steps of a whole ring search, a few seconds, after which it stops."""


@dataclass(frozen=True)
class CouplingGraph:
    """A coupling graph: the cost of each qubit, and of each coupling (a, b), a < b."""

    qubits: dict[int, float]
    couplings: dict[Edge, float]
    neighbours: dict[int, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        joined: dict[int, list[int]] = {qubit: [] for qubit in self.qubits}
        for a, b in self.couplings:
            joined[a].append(b)
            joined[b].append(a)
        # The cheapest coupling first: cheap rings are found early, and cut off the search for others.
        for qubit, others in joined.items():
            others.sort(key=lambda other: (self.cost(qubit, other), other))
        object.__setattr__(self, "neighbours", joined)

    def cost(self, a: int, b: int) -> float:
        """Return the cost of a coupling."""
        return self.couplings[min(a, b), max(a, b)]


def best_line(graph: CouplingGraph, length: int) -> tuple[int, ...]:
    """Return the cheapest line of at most `length` qubits that the search finds; shorter only if it finds none as long.

    A beam search that keeps the cheapest partial lines at every qubit, so that no part of the chip is dropped early.
    """
    lines: list[tuple[float, tuple[int, ...]]] = sorted((cost, (qubit,)) for qubit, cost in graph.qubits.items())
    for _ in range(length - 1):
        longer = sorted(
            (cost + graph.cost(line[-1], there) + graph.qubits[there], (*line, there))
            for cost, line in lines
            for there in graph.neighbours[line[-1]]
            if there not in line
        )
        count: Counter[int] = Counter()
        survivors = []
        for cost, line in longer:
            count[line[-1]] += 1
            if count[line[-1]] <= BEAM:
                survivors.append((cost, line))
        if not survivors:
            break
        lines = survivors
    return min(lines)[1] if lines else ()


def best_ring(graph: CouplingGraph, length: int) -> tuple[int, ...]:
    """Return the cheapest ring of the smallest length that holds `length` qubits, or () if the search finds none.

    Qubits beyond `length` are spare: they follow the others on the way back to the first, and only their couplings
    have a cost. Of all rotations of a ring the cheapest is taken, whose spare qubits are the most expensive run.
    """
    taken = 0
    for size in range(length, len(graph.qubits) + 1):
        search = RingSearch(graph, size, size - length)
        taken += search.run()
        if search.best:
            return search.best
        if taken > MAX_STEPS:
            break
    return ()


class RingSearch:
    """Depth-first search of all rings of one size, cut off as soon as a ring cannot become the cheapest."""

    def __init__(self, graph: CouplingGraph, size: int, spare: int) -> None:
        self.graph = graph
        self.size = size
        self.spare = spare
        self.steps = 0
        self.best: tuple[int, ...] = ()
        self.best_cost = float("inf")
        # Spare qubits have no cost, and which ones they are is known only at the end.
        self.qubit_cost = dict.fromkeys(graph.qubits, 0.0) if spare else graph.qubits
        self.least = min(graph.couplings.values(), default=0.0) + min(self.qubit_cost.values(), default=0.0)

    def run(self) -> int:
        """Search from every qubit and return the steps taken; rings through an earlier start are known already."""
        taken = 0
        for start in sorted(self.graph.qubits):
            away = self._distances(start)
            if len(away) >= self.size:
                self.steps = 0
                self._extend([start], {start}, self.qubit_cost[start], away)
                taken += self.steps
        return taken

    def _distances(self, start: int) -> dict[int, int]:
        """Return how far each qubit after `start` is from it."""
        away = {start: 0}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            for there in self.graph.neighbours[here]:
                if there > start and there not in away:
                    away[there] = away[here] + 1
                    queue.append(there)
        return away

    def _extend(self, path: list[int], seen: set[int], cost: float, away: dict[int, int]) -> None:
        if self.steps >= STEPS_PER_START:
            return
        self.steps += 1
        here, left = path[-1], self.size - len(path)
        if left == 0:
            # Either way round is the same ring.
            if path[0] in self.graph.neighbours[here] and path[1] < here:
                self._record(path)
            return
        for there in self.graph.neighbours[here]:
            if there in seen or away.get(there, self.size) > left:
                continue
            reached = cost + self.graph.cost(here, there) + self.qubit_cost[there]
            if reached + (left - 1) * self.least >= self.best_cost:
                continue
            path.append(there)
            seen.add(there)
            self._extend(path, seen, reached, away)
            path.pop()
            seen.remove(there)

    def _record(self, path: list[int]) -> None:
        used = self.size - self.spare
        couplings = sum(self.graph.cost(a, b) for a, b in zip(path, path[1:] + path[:1], strict=True))
        turns = (path[i:] + path[:i] for i in range(self.size))
        both = [way for turn in turns for way in (turn, turn[:1] + turn[:0:-1])]
        cost, ring = min((sum(self.graph.qubits[q] for q in way[:used]) + couplings, tuple(way)) for way in both)
        if (cost, ring) < (self.best_cost, self.best):
            self.best_cost, self.best = cost, ring
