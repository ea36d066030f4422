"""Motifs and assemblies: what was planted is found, what shuffles keep is kept."""

from __future__ import annotations

import pytest
import torch

from sqnn.explain.signal import NULLS, find_assemblies, spike_motifs


def drawn(seed: int, *shape: int, rate: float = 0.2) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < rate


def test_shuffles_keep_what_they_say() -> None:
    trains = drawn(0, 7, 6, 5, rate=0.4)
    for name, shuffle in NULLS.items():
        made = shuffle(trains, torch.Generator().manual_seed(1))
        assert not torch.equal(made, trains)
        if name in ("steps", "shift"):
            assert torch.equal(made.sum(0), trains.sum(0))
        if name == "shift":
            for image in range(6):
                for neuron in range(5):
                    train = trains[:, image, neuron]
                    turns = [train.roll(lag).tolist() for lag in range(7)]
                    assert made[:, image, neuron].tolist() in turns
        if name == "images":
            for neuron in range(5):
                rows = made[:, :, neuron].T.tolist()
                assert sorted(rows) == sorted(trains[:, :, neuron].T.tolist())


@pytest.mark.parametrize("neurons", [None, [2, 0]])
def test_words_are_counted_as_a_loop_counts_them(neurons: list[int] | None) -> None:
    trains = drawn(2, 6, 4, 3, rate=0.4).float()
    made = spike_motifs(trains, neurons, length=2, shuffles=1, most=100)
    groups = [[0], [1], [2]] if neurons is None else [neurons]
    counts: dict[str, int] = {}
    for image in range(4):
        for group in groups:
            for start in range(5):
                bits = ["".join(str(int(bit)) for bit in trains[start : start + 2, image, one]) for one in group]
                counts["|".join(bits)] = counts.get("|".join(bits), 0) + 1
    assert made.places == sum(counts.values())
    seen = dict(zip(made.frame["word"], made.frame["count"], strict=True))
    assert seen == {word: count for word, count in counts.items() if "1" in word}


def test_a_planted_word_stands_out_and_no_other() -> None:
    trains = drawn(3, 10, 60, 8, rate=0.1)
    for image in range(0, 60, 2):
        trains[2:5, image, :3] = torch.eye(3, dtype=torch.bool)  # neurons 0, 1 and 2 one after the other
    joint = spike_motifs(trains.float(), [0, 1, 2], shuffles=50).frame.set_index("word")
    assert joint.loc["100|010|001", "z"] > 20
    assert joint.loc["100|010|001", "p"] == pytest.approx(1 / 51)
    alone = spike_motifs(drawn(4, 10, 60, 8, rate=0.1).float(), [0, 1, 2], shuffles=50)
    assert float(((alone.counts - alone.expected) / alone.deviation).abs().max()) < 5


def test_planted_assemblies_are_found_and_independent_neurons_form_none() -> None:
    trains = drawn(5, 6, 150, 20, rate=0.1)
    assert find_assemblies(trains.float()).members == []
    for seed, members in ((6, [1, 4, 7, 9]), (7, [2, 3, 12, 15, 18])):
        together = drawn(seed, 6, 150, rate=0.06)
        trains[:, :, members] |= together[:, :, None]
    made = find_assemblies(trains.float())
    assert sorted(made.members) == [(1, 4, 7, 9), (2, 3, 12, 15, 18)]
    torch.testing.assert_close(made.patterns.norm(dim=1), torch.ones(2, dtype=torch.float64))
    # An assembly is active where its neurons fire together, more than where one of them fires alone.
    number = made.members.index((1, 4, 7, 9))
    active = trains[:, :, [1, 4, 7, 9]].sum(2)
    strength = made.activity[..., number]
    assert float(strength[active == 4].min()) > float(strength[active == 1].max())
    assert sum(value > made.threshold for value in made.eigenvalues) == 2
