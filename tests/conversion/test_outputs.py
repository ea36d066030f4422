"""Outputs of two networks are compared: numbers by their difference, everything else by equality."""

from __future__ import annotations

import math

import pytest
import torch

from sqnn.conversion.outputs import Outputs
from sqnn.core import ConfigError

LOGITS = torch.tensor([[0.1, 0.7], [0.9, 0.2], [0.3, 0.4]])
BOXES = torch.tensor([[1e6, 2e6]])


def compared(ours: object, theirs: object, images: int = 3) -> Outputs:
    outputs = Outputs(theirs, images)
    outputs.compare_forms(ours, theirs)
    outputs.add(ours, theirs, images)
    return outputs


@pytest.mark.parametrize(
    "beside",
    [None, 3, 2.5, "cat", True, torch.float64, BOXES, torch.arange(3), torch.tensor(2.0)],
    ids=str,
)
def test_what_is_no_tensor_of_images_is_compared_for_equality(beside: object) -> None:
    # fangwei123456/spikingjelly #410 and #432: detectors return anchors, sizes and absent outputs
    assert compared((beside, LOGITS), (beside, LOGITS)).share == 0
    for other in ("dog", 4, torch.zeros(7, 2), LOGITS[:2]):
        assert compared((other, LOGITS), (beside, LOGITS)).share == math.inf


def test_predictions_are_those_of_the_first_output_with_one_row_per_image() -> None:
    moved = LOGITS.flip(1)
    assert compared((None, BOXES, moved), (None, BOXES, LOGITS)).changed == 3
    assert compared((BOXES, "a", LOGITS), (BOXES + 1, "b", LOGITS)).changed == 0
    assert compared(torch.tensor([1, 0, 1]), torch.tensor([1, 1, 0])).changed == 2
    assert compared(LOGITS[:2], LOGITS).changed == 3


def test_each_output_has_a_scale_of_its_own() -> None:
    found = compared((LOGITS + 0.5, BOXES), (LOGITS, BOXES))
    assert found.share == pytest.approx(0.5)
    assert found.scale == 2e6
    assert compared((LOGITS, BOXES + 1), (LOGITS, BOXES)).share == pytest.approx(5e-7)
    assert compared((LOGITS, torch.tensor(10**9)), (LOGITS, torch.tensor(10**9 + 1))).share == math.inf


def test_infinite_outputs_excuse_nothing() -> None:
    masked = LOGITS.clone()
    masked[0, 0] = -math.inf
    assert compared(masked, masked).share == 0
    assert compared(masked + 0.25, masked).share == pytest.approx(0.25)
    assert compared(LOGITS, masked).share == math.inf
    assert math.isnan(compared(LOGITS * math.nan, LOGITS).share)


def test_another_number_of_outputs_is_another_network() -> None:
    with pytest.raises(ConfigError, match="spiking: gives 1 outputs beside the model's 2; convert the model"):
        compared(LOGITS, (LOGITS, LOGITS))
