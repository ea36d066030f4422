"""Labels out of counts, against counts made by hand."""

from __future__ import annotations

import math

import pytest
import torch

from sqnn.core import ConfigError
from sqnn.plasticity import LabelReadout

COUNTS = torch.tensor([[2.0, 0.0, 1.0], [4.0, 1.0, 0.0], [0.0, 3.0, 3.0]])
LABELS = torch.tensor([0, 0, 1])
# Class 0 was seen twice: mean responses 3, 1/2, 1/2; class 1 once: 0, 3, 3; class 2 never.
SEEN = torch.tensor([[1.0, 2.0, 0.0]])


def readout(kind: str) -> LabelReadout:
    made = LabelReadout(3, 3, kind)
    made.observe(COUNTS, LABELS)
    return made


def test_responses_are_added_up_by_class_and_fade() -> None:
    made = readout("assignment")
    assert made.responses.tolist() == [[6.0, 1.0, 1.0], [0.0, 3.0, 3.0], [0.0, 0.0, 0.0]]
    assert made.images.tolist() == [2.0, 1.0, 0.0]
    assert made.assigned.tolist() == [0, 1, 1]
    fading = LabelReadout(3, 3, forget=0.5)
    for _ in range(2):
        fading.observe(COUNTS, LABELS)
    assert fading.responses[0].tolist() == [9.0, 1.5, 1.5]
    assert fading.images.tolist() == [3.0, 1.5, 0.0]


def test_the_three_readouts_by_hand() -> None:
    # Neuron 0 is of class 0; neurons 1 and 2, with 2 and 0 spikes, are of class 1.
    assert readout("assignment")(SEEN)[0].tolist() == [1.0, 1.0, 0.0]
    # Neuron 0 responds to class 0 alone, neuron 1 by 1/2 against 3: shares 1/7 and 6/7 of its two spikes.
    assert readout("proportion")(SEEN)[0].tolist() == pytest.approx([1 + 2 / 7, 12 / 7, 0.0])
    likely = [[6.5, 1.5, 1.5], [0.5, 3.5, 3.5], [0.5, 0.5, 0.5]]
    expected = [math.log(row[0] / sum(row)) + 2 * math.log(row[1] / sum(row)) for row in likely]
    assert readout("log-likelihood")(SEEN)[0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["assignment", "proportion", "log-likelihood"])
def test_before_anything_was_seen_all_classes_are_equal_or_the_first(kind: str) -> None:
    logits = LabelReadout(3, 3, kind)(SEEN)
    assert torch.isfinite(logits).all()
    assert logits.argmax() == 0


def test_an_unknown_readout_is_named() -> None:
    with pytest.raises(ValueError, match="readout: got 'best', expected one of assignment, proportion, log-likelihood"):
        LabelReadout(3, 3, "best")


def test_responses_neither_grow_nor_vanish_by_themselves() -> None:
    for forget in (0.0, 1.1):
        with pytest.raises(ConfigError, match=f"forget: got {forget}, expected a factor above 0 and at most 1"):
            LabelReadout(3, 3, forget=forget)
