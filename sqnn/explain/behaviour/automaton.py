"""The finite automaton of a neuron on whole numbers, by search over its membranes or learned from its spikes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from sqnn.core import ConfigError, brief, counted, is_whole, require
from sqnn.explain.behaviour.interventions import Tabled
from sqnn.neurons import LIF, lif_step

if TYPE_CHECKING:
    import pandas as pd

MOST_STATES = 10_000
"""Membranes after which the search for more of them stops."""
Move = tuple[int, int]
"""The next state, and the spike (0 or 1) on the way there."""


@dataclass(frozen=True, repr=False)
class Automaton(Tabled):
    """A Mealy machine: in each state it takes one of `inputs`, answers 0 or 1 (a spike), and goes to the next state.

    `moves[state][i]` is what input i brings, as (next state, spike). State 0 is the first, and the others are numbered
    in the order in which a breadth-first search meets them: two machines of the same states and inputs are equal
    exactly if they behave alike and neither has states to spare. `membranes` are those after the reset, by state; None
    where a state stands for several, or was learned.
    """

    inputs: tuple[int, ...]
    moves: tuple[tuple[Move, ...], ...]
    membranes: tuple[int, ...] | None = None

    @property
    def states(self) -> int:
        """How many states there are."""
        return len(self.moves)

    def run(self, currents: Sequence[int]) -> list[int]:
        """Return the spikes for a sequence of inputs; ConfigError on a current that is none of them."""
        state, spikes = 0, []
        for current in currents:
            require(current in self.inputs, "currents", current, f"one of {', '.join(map(str, self.inputs))}")
            state, spike = self.moves[state][self.inputs.index(current)]
            spikes.append(spike)
        return spikes

    def minimal(self) -> Automaton:
        """Return the smallest machine that behaves alike: states that nothing tells apart become one (Moore 1956)."""
        groups = [0] * self.states
        while True:
            signs = [tuple((groups[to], spike) for to, spike in row) for row in self.moves]
            # A state's own group stays in its sign, so that groups are only ever divided.
            known = {sign: number for number, sign in enumerate(dict.fromkeys(zip(groups, signs, strict=True)))}
            divided = [known[sign] for sign in zip(groups, signs, strict=True)]
            if len(known) == len(set(groups)):
                break
            groups = divided
        first = {group: state for state, group in reversed(list(enumerate(groups)))}

        def follow(group: int) -> list[Move]:
            return [(groups[to], spike) for to, spike in self.moves[first[group]]]

        return Automaton(self.inputs, explore(groups[0], follow)[1])

    def difference(self, other: Automaton) -> list[int] | None:
        """Return a shortest sequence of inputs at whose last one the spikes differ; None where none does.

        Raises ConfigError where the machines take other inputs.
        """
        require(self.inputs == other.inputs, "other", list(other.inputs), f"the inputs {list(self.inputs)}")
        before: dict[tuple[int, int], tuple[int, ...]] = {(0, 0): ()}
        left = deque(before)
        while left:
            mine, its = pair = left.popleft()
            rows = zip(self.inputs, self.moves[mine], other.moves[its], strict=True)
            for current, (my_next, my_spike), (its_next, its_spike) in rows:
                word = (*before[pair], current)
                if my_spike != its_spike:
                    return list(word)
                if (my_next, its_next) not in before:
                    before[my_next, its_next] = word
                    left.append((my_next, its_next))
        return None

    @property
    def frame(self) -> pd.DataFrame:
        """One row per state and input: membrane (where known), input, spike, next state."""
        import pandas as pd

        rows = [
            {"state": state, "input": current, "spike": spike, "next": to}
            for state, row in enumerate(self.moves)
            for current, (to, spike) in zip(self.inputs, row, strict=True)
        ]
        table = pd.DataFrame(rows)
        if self.membranes is not None:
            table.insert(1, "membrane", [self.membranes[state] for state in table.state])
        return table

    def to_dict(self) -> dict[str, object]:
        """Return inputs, moves and membranes as plain values."""
        return {
            "inputs": list(self.inputs),
            "moves": [[list(move) for move in row] for row in self.moves],
            "membranes": None if self.membranes is None else list(self.membranes),
        }

    def __repr__(self) -> str:
        return f"Automaton({counted(self.states, 'state')}, inputs {', '.join(map(str, self.inputs))})"


def explore(
    start: Hashable, follow: Callable[..., Sequence[tuple[Hashable, int]]], most: int = MOST_STATES
) -> tuple[list[Hashable], tuple[tuple[Move, ...], ...]]:
    """Return what is reached from `start` in the order of a breadth-first search, and the moves between its numbers.

    `follow(state)` are the next state and the spike of each input. Raises ConfigError after `most` states.
    """
    numbers = {start: 0}
    moves: list[tuple[Move, ...]] = []
    order = [start]
    for state in order:
        row = []
        for reached, spike in follow(state):
            if reached not in numbers:
                if len(numbers) == most:
                    raise ConfigError(
                        f"currents: got more than {most:,} membranes of the neuron, expected fewer; give currents from "
                        "0 to the threshold, below which no charge piles up, or a larger most_states"
                    )
                numbers[reached] = len(numbers)
                order.append(reached)
            row.append((numbers[reached], spike))
        moves.append(tuple(row))
    return order, tuple(moves)


def neuron_automaton(neuron: LIF, currents: Iterable[int], most_states: int = MOST_STATES) -> Automaton:
    """Return the automaton of an integrate-and-fire neuron on whole currents, one state per membrane that it reaches.

    u = v + I, a spike where u > threshold, then v = u - threshold (reset "subtract"), 0 ("zero") or u ("none"), in
    whole numbers. Raises ConfigError where the neuron leaks, its threshold or first membrane or a current is no whole
    number, and where more than `most_states` membranes are reached.
    """
    threshold, start = _whole_neuron(neuron)
    inputs = _whole_currents(currents)

    def follow(v: int) -> list[tuple[int, int]]:
        charged = [v + current for current in inputs]
        after = {"subtract": lambda u: u - threshold, "zero": lambda u: 0, "none": lambda u: u}[neuron.reset]
        return [(after(u), 1) if u > threshold else (u, 0) for u in charged]

    membranes, moves = explore(start, follow, most_states)
    return Automaton(inputs, moves, tuple(v for v in membranes if isinstance(v, int)))


def learn_automaton(neuron: LIF, currents: Iterable[int], most_states: int = MOST_STATES) -> Automaton:
    """Return the smallest automaton of a neuron, learned by L* from the spikes that the layer answers currents with.

    Every question is a run of `neuron` in float64. A guess is compared with the neuron along all pairs of a state and a
    membrane that it reaches, so that the result is exact. Raises ConfigError as `neuron_automaton`, and RuntimeError
    where aalpy is not installed.

    Source: Angluin, Inf. Comput. 75 (1987); AALpy, Muskardin et al., Innov. Syst. Softw. Eng. 18 (2022).
    """
    try:
        from aalpy.base import SUL, Oracle  # type: ignore[import-not-found]
        from aalpy.learning_algs import run_Lstar  # type: ignore[import-not-found]
    except ModuleNotFoundError as error:
        raise RuntimeError("learn_automaton: needs aalpy; pip install 'sqnn[explain]'") from error
    threshold, start = _whole_neuron(neuron)
    inputs = _whole_currents(currents)
    neuron_automaton(neuron, inputs, most_states)  # a neuron of endless membranes has no end here either

    class System(SUL):  # type: ignore[misc]
        """The neuron, which answers a word of currents at once."""

        def query(self, word: tuple[int, ...]) -> list[int]:
            self.num_queries += 1
            self.num_steps += len(word)
            with torch.no_grad():
                spikes = neuron(torch.tensor(word or (0,), dtype=torch.float64)[:, None, None])
            return [int(spike) for spike in spikes.flatten()][: len(word)]

        def pre(self) -> None: ...
        def post(self) -> None: ...
        def step(self, letter: int) -> int:
            raise NotImplementedError  # `query` answers whole words

    class Walk(Oracle):  # type: ignore[misc]
        """Walks guess and neuron side by side."""

        def find_cex(self, hypothesis: object) -> tuple[int, ...] | None:
            first = hypothesis.initial_state  # type: ignore[attr-defined]
            seen = {(first.state_id, float(start))}
            left: deque[tuple[Any, float, tuple[int, ...]]] = deque([(first, float(start), ())])
            while left:
                state, v, word = left.popleft()
                before = torch.full((len(inputs),), v, dtype=torch.float64)
                fired, after = lif_step(
                    torch.tensor(inputs, dtype=torch.float64),
                    before,
                    decay=1.0,
                    threshold=float(threshold),
                    reset=neuron.reset,
                    surrogate=neuron.surrogate,
                )
                for letter, spike, reached in zip(inputs, fired.tolist(), after.tolist(), strict=True):
                    longer = (*word, letter)
                    if state.output_fun[letter] != int(spike):
                        return longer
                    to = state.transitions[letter]
                    if (to.state_id, reached) not in seen:
                        seen.add((to.state_id, reached))
                        left.append((to, reached, longer))
            return None

    system = System()
    learned = run_Lstar(list(inputs), system, Walk(list(inputs), system), "mealy", print_level=0)
    by_name = {state.state_id: state for state in learned.states}

    def follow(name: str) -> list[tuple[str, int]]:
        state = by_name[name]
        return [(state.transitions[letter].state_id, state.output_fun[letter]) for letter in inputs]

    return Automaton(inputs, explore(learned.initial_state.state_id, follow)[1])


def _whole_neuron(neuron: object) -> tuple[int, int]:
    """Return threshold and first membrane; ConfigError unless they are whole and nothing leaks."""
    require(isinstance(neuron, LIF), "neuron", neuron, "an IF layer, such as sqnn.neurons.IF(threshold=7.0)")
    assert isinstance(neuron, LIF)
    beta, threshold = torch.as_tensor(neuron.beta), torch.as_tensor(neuron.threshold, dtype=torch.float64)
    if beta.ndim or float(beta) != 1:
        raise ConfigError("neuron: got one that leaks, expected beta = 1 (IF): leaks leave the whole numbers")
    if threshold.ndim or not float(threshold).is_integer():
        raise ConfigError(f"neuron: got threshold {brief(neuron.threshold)}, expected one whole number for all")
    start = neuron.initial_membrane * float(threshold)
    if not start.is_integer():
        raise ConfigError(f"neuron: got a first membrane of {start:g}, expected a whole number (see initial_membrane)")
    return int(threshold), int(start)


def _whole_currents(currents: Iterable[int]) -> tuple[int, ...]:
    inputs = tuple(currents)
    for current in inputs:
        require(is_whole(current), "currents", current, "whole numbers, such as range(4)")
    require(len(inputs) > 0 and len(set(inputs)) == len(inputs), "currents", list(inputs), "different whole numbers")
    return tuple(int(current) for current in inputs)
