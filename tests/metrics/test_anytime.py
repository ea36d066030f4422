"""Answers after every step: the last is the evaluation's, operations are counted by hand, and margins are chosen."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import sqnn
from sqnn.core import ConfigError
from sqnn.metrics import EVALUATION_SEED, Anytime, StoppingRule, anytime, predict_logits, wilson_interval
from sqnn.metrics.anytime import wilson_low


@pytest.fixture(scope="module")
def digits() -> sqnn.ImageData:
    return sqnn.load_data("digits").subset(train=20, validation=60, test=80)


def network(digits: sqnn.ImageData, **options: object) -> nn.Module:
    model = sqnn.create_model("snn-mlp", digits, timesteps=6, seed=2, **options)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)  # so that many neurons fire
    return model


@pytest.mark.parametrize(
    "options", [{"hidden": (20,)}, {"hidden": ()}, {"hidden": (12, 8), "recurrent": True}, {"readout": "membrane"}]
)
def test_the_last_answer_is_that_of_the_evaluation(digits, options: dict[str, object]) -> None:
    model = network(digits, **options)
    result = anytime(model, digits.test)
    logits = predict_logits(model, digits.test)
    assert torch.equal(result.right[-1], logits.argmax(1) == digits.test.labels)
    assert result.accuracy[-1] == pytest.approx(sqnn.evaluate(model, digits).accuracy, abs=1e-7)
    assert len(set(result.accuracy)) > 1
    assert not any(part._forward_hooks for part in model.modules())


@pytest.mark.parametrize("recurrent", [False, True])
def test_operations_are_a_weight_for_a_spike(digits, recurrent: bool) -> None:
    model = network(digits, hidden=(12, 8), recurrent=recurrent)
    result = anytime(model, digits.test)
    generator = torch.Generator().manual_seed(EVALUATION_SEED)
    trains = model.encoder.sparse(digits.test.floats(), generator).dense()
    fans, synaptic, hidden = (12, 8, 10), torch.zeros(6, 80), torch.zeros(6, 80)
    with torch.no_grad():
        for number, layer in enumerate([*model.hidden, model.output]):
            synaptic += fans[number] * trains.sum(2)
            trains = layer(trains)[0]
            if layer is not model.output:
                hidden += trains.sum(2)
                if recurrent:
                    synaptic[1:] += fans[number] * trains[:-1].sum(2)
    assert float(hidden.sum()) > 100
    assert torch.equal(result.synaptic, synaptic.cumsum(0).double())
    assert torch.equal(result.hidden, hidden.cumsum(0).double())
    last = result.frame.iloc[-1]
    assert last.accumulates == pytest.approx(float(synaptic.sum()) / 80)
    assert last.energy == pytest.approx(0.9 * last.accumulates)


def test_values_that_are_no_spikes_count_once_for_a_weight(digits) -> None:
    model = network(digits, hidden=(12,), encoding="direct")
    result = anytime(model, digits.test)
    inputs = (digits.test.floats().flatten(1) != 0).sum(1)
    assert torch.equal(result.synaptic[0] - 10 * result.hidden[0], 12 * inputs.double())


def of(margins: list[list[float]], right: list[list[int]]) -> Anytime:
    zeros: Tensor = torch.tensor(margins).double()
    return Anytime(torch.tensor(right) == 1, zeros, 10 * zeros, zeros)


def test_an_image_stops_where_its_margin_is_large_enough() -> None:
    tested = of([[1, 5, 0], [3, 0, 1], [2, 2, 1]], [[0, 1, 0], [1, 0, 1], [0, 0, 1]])
    stopped = tested.stopped(StoppingRule(0.9, (4.0, 3.0, math.inf)))
    assert stopped.steps == pytest.approx((2 + 1 + 3) / 3)
    assert stopped.accuracy == 1.0
    assert stopped.hidden_spikes == pytest.approx((3 + 5 + 1) / 3)
    with pytest.raises(ConfigError, match="rule: got 2, expected margins of 3 steps"):
        tested.stopped(StoppingRule(0.9, (1.0, 1.0)))


def test_the_margin_is_the_smallest_that_is_right_often_enough() -> None:
    # 200 images are right with margin 3, 200 of 220 with margin 2, and half of those with margin 1.
    margins = [3.0] * 200 + [2.0] * 220 + [1.0] * 100
    right = [1] * 200 + [1] * 200 + [0] * 20 + [1, 0] * 50
    validation = of([margins], [right])
    assert StoppingRule.of(validation, 0.97).margins == (3.0,)
    assert StoppingRule.of(validation, 0.9).margins == (2.0,)
    assert StoppingRule.of(validation, 0.8).margins == (1.0,)
    assert StoppingRule.of(validation, 0.999).margins == (math.inf,)
    for confidence in (1, math.nan):
        with pytest.raises(ConfigError, match=f"confidence: got {float(confidence)}, expected a share of right"):
            StoppingRule.of(validation, confidence)
    with pytest.raises(ConfigError, match=r"margins: got .*nan.*, expected a number per step"):
        StoppingRule(0.9, (1.0, math.nan))
    with pytest.raises(ConfigError, match="rule: got None, expected a StoppingRule"):
        validation.stopped(None)


def test_a_network_without_steps_is_refused(digits) -> None:
    with pytest.raises(ConfigError, match="model: got SQDRCNN, expected snn-mlp"):
        anytime(sqnn.create_model("sqdr-cnn", digits), digits.test)


@pytest.mark.parametrize(("hits", "number"), [(0, 5), (50, 50), (199, 200), (8_123, 10_000)])
def test_the_lower_end_is_that_of_the_interval(hits: int, number: int) -> None:
    low = wilson_low(torch.tensor([hits], dtype=torch.float64), torch.tensor([number], dtype=torch.float64))
    assert low.item() == pytest.approx(wilson_interval(hits / number, number)[0], abs=1e-12)
