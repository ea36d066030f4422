"""The search for lines and rings, against trying everything."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from noise_models.layout import CouplingGraph, best_line, best_ring

costs = st.floats(0.001, 1)


@st.composite
def graphs(draw: Any) -> CouplingGraph:
    """Ladders of two by three qubits with some rungs broken: the corner of a chip."""
    pairs = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]
    broken = draw(st.sets(st.sampled_from(pairs), max_size=2))
    return CouplingGraph(
        {q: draw(costs) for q in range(6)}, {pair: draw(costs) for pair in pairs if pair not in broken}
    )


def total(graph: CouplingGraph, line: tuple[int, ...], used: int, closed: bool) -> float:
    pairs = list(itertools.pairwise(line)) + ([(line[-1], line[0])] if closed else [])
    return sum(graph.cost(a, b) for a, b in pairs) + sum(graph.qubits[q] for q in line[:used])


def walks(graph: CouplingGraph, size: int, closed: bool) -> list[tuple[int, ...]]:
    """Every simple path or ring of a size."""
    found = []
    for order in itertools.permutations(graph.qubits, size):
        pairs = list(itertools.pairwise(order)) + ([(order[-1], order[0])] if closed else [])
        if all((min(pair), max(pair)) in graph.couplings for pair in pairs):
            found.append(order)
    return found


@settings(max_examples=40)
@given(graph=graphs(), size=st.integers(1, 6))
def test_the_line_is_the_cheapest(graph: CouplingGraph, size: int) -> None:
    line = best_line(graph, size)
    everything = walks(graph, size, closed=False)
    if not everything:
        assert len(line) < size
        assert walks(graph, len(line) + 1, closed=False) == []
        return
    assert line in everything
    cheapest = min(total(graph, other, size, False) for other in everything)
    assert abs(total(graph, line, size, False) - cheapest) < 1e-12


@settings(max_examples=40)
@given(graph=graphs(), used=st.integers(3, 6))
def test_the_ring_is_the_cheapest_of_the_smallest_size(graph: CouplingGraph, used: int) -> None:
    ring = best_ring(graph, used)
    everything = next((found for size in range(used, 7) if (found := walks(graph, size, closed=True))), [])
    if not everything:
        assert ring == ()
        return
    assert ring in everything
    cheapest = min(total(graph, other, used, True) for other in everything)
    assert abs(total(graph, ring, used, True) - cheapest) < 1e-12


def test_spare_qubits_are_the_dearest_run() -> None:
    """A square for three qubits: the fourth, on the way back, is the one with the worst readout."""
    pairs = {(0, 1): 0.01, (1, 2): 0.01, (2, 3): 0.01, (0, 3): 0.01}
    ring = best_ring(CouplingGraph({0: 0.1, 1: 0.9, 2: 0.1, 3: 0.1}, pairs), 3)
    assert ring[3] == 1
    assert set(ring[:3]) == {0, 2, 3}
