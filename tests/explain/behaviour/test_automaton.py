"""The automaton of a neuron: equal by search, by L* and on random currents to the neuron itself."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnn.core import ConfigError
from sqnn.explain.behaviour import Automaton, learn_automaton, neuron_automaton
from sqnn.neurons import IF, LIF


@given(
    threshold=st.integers(1, 9),
    start=st.integers(-3, 3),
    reset=st.sampled_from(["subtract", "zero"]),
    word=st.lists(st.integers(0, 9), min_size=1, max_size=40),
)
@settings(max_examples=40, deadline=None)
def test_it_fires_as_the_neuron_does(threshold: int, start: int, reset: str, word: list[int]) -> None:
    neuron = IF(float(threshold), reset, initial_membrane=start / threshold)
    word = [min(current, threshold) for current in word]
    machine = neuron_automaton(neuron, range(threshold + 1))
    spikes = neuron(torch.tensor(word, dtype=torch.float64)[:, None, None])
    assert machine.run(word) == spikes.flatten().int().tolist()
    assert machine.minimal().run(word) == machine.run(word)


def test_states_are_the_membranes_that_are_reached() -> None:
    machine = neuron_automaton(IF(6.0), range(4))
    # Membranes 0 to 6 do not fire; above, 6 are taken away.
    assert machine.membranes is not None
    assert sorted(machine.membranes) == list(range(7))
    assert machine.frame.query("membrane == 6 and input == 2")[["spike", "next"]].values.tolist() == [
        [1, machine.membranes.index(2)]
    ]


def test_states_that_nothing_tells_apart_become_one() -> None:
    # With currents of 0 and 4 a membrane of 1 fires as one of 2 or 3 does: threshold 4, steps of 4.
    machine = Automaton((0, 4), (((0, 0), (1, 0)), ((2, 0), (1, 1)), ((1, 0), (2, 1))), (0, 1, 2))
    assert machine.minimal() == Automaton((0, 4), (((0, 0), (1, 0)), ((1, 0), (1, 1))))
    assert machine.difference(machine.minimal()) is None


def test_a_difference_is_a_shortest_word() -> None:
    sooner, later = neuron_automaton(IF(4.0), (0, 1)), neuron_automaton(IF(6.0), (0, 1))
    assert sooner.difference(later) == [1] * 5
    assert sooner.run([1] * 5) != later.run([1] * 5)
    with pytest.raises(ConfigError, match=r"other: got \[0, 2\], expected the inputs \[0, 1\]"):
        sooner.difference(neuron_automaton(IF(4.0), (0, 2)))


@pytest.mark.parametrize(
    ("neuron", "currents"),
    [
        (IF(6.0), range(4)),
        (IF(5.0, "zero", initial_membrane=0.4), range(4)),
        (IF(9.0, initial_membrane=-1 / 3), (0, 3)),
        (IF(4.0, "zero"), (0, 3, 5)),
    ],
)
def test_learning_finds_what_the_search_does(neuron: LIF, currents: range) -> None:
    pytest.importorskip("aalpy")
    learned, searched = learn_automaton(neuron, currents), neuron_automaton(neuron, currents)
    assert learned == searched.minimal()
    assert learned.difference(searched) is None
    if currents == range(4) and neuron.reset == "subtract":
        assert learned.states == searched.states == 7


@pytest.mark.parametrize(
    ("neuron", "currents", "message"),
    [
        (LIF(0.5), (0, 1), r"neuron: got one that leaks, expected beta = 1"),
        (IF(1.5), (0, 1), r"neuron: got threshold 1.5, expected one whole number"),
        (IF(3.0, initial_membrane=0.5), (0, 1), r"neuron: got a first membrane of 1.5"),
        (IF(3.0), (0, 0.5), r"currents: got 0.5, expected whole numbers"),
        (IF(3.0), (), r"currents: got \[\], expected different whole numbers"),
        (IF(3.0), (0, 4), r"currents: got more than 10,000 membranes"),
        (torch.nn.ReLU(), (0, 1), r"neuron: got ReLU\(\), expected an IF layer"),
    ],
)
def test_what_has_no_automaton_is_refused(neuron: LIF, currents: tuple[int, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        neuron_automaton(neuron, currents)


def test_a_current_that_is_no_input_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"currents: got 7, expected one of 0, 1"):
        neuron_automaton(IF(3.0), (0, 1)).run([7])
