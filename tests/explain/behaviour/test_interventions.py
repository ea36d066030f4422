"""Interventions: seen by all that follows and by a record, gone after the block, refused where they would not hold."""

from __future__ import annotations

import pytest
import torch
from explained import Small, quantum, small_data

import sqnn
from sqnn.core import ConfigError
from sqnn.explain.behaviour import changed_angles, changed_expectations, changed_spikes


def test_what_follows_sees_the_new_spikes_and_nothing_else_changes() -> None:
    model, images = Small(), small_data().test.floats()
    before = sqnn.record(model, images)
    with changed_spikes(model, "hidden", torch.zeros_like):
        silent = sqnn.record(model, images)
    assert silent["hidden"].spikes.count_nonzero() == 0
    by_hand = model.output(model.second(torch.zeros(4, len(images), 3))).sum(0)
    assert torch.equal(silent.logits, by_hand)
    assert not torch.equal(silent.logits, before.logits)
    assert torch.equal(sqnn.record(model, images).logits, before.logits)


def test_nothing_outlives_an_exception() -> None:
    model, data = Small(), small_data()
    zeros = changed_spikes(model, "hidden", torch.zeros_like)
    with pytest.raises(ZeroDivisionError), zeros, changed_spikes(model, "hidden", lambda spikes: 1 / 0):
        sqnn.record(model, data.test)
    zeros, ones = (changed_spikes(model, "hidden", change) for change in (torch.zeros_like, torch.ones_like))
    with zeros:
        with ones:
            assert sqnn.record(model, data.test)["hidden"].spikes.min() == 1
        assert sqnn.record(model, data.test)["hidden"].spikes.max() == 0
    assert "forward" not in vars(model.hidden)
    circuit = quantum()
    for changed in (changed_angles, changed_expectations):
        with pytest.raises(KeyError), changed(circuit, torch.zeros_like):
            raise KeyError
    assert not circuit.circuit._forward_hooks
    assert not circuit.circuit._forward_pre_hooks


def test_angles_and_expectations_are_replaced() -> None:
    model = quantum()
    images = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with changed_angles(model, torch.zeros_like):
        seen = sqnn.record(model, images, bloch=False)
    assert seen.head is not None
    assert torch.equal(seen.head.angles, torch.zeros(5, 6))
    assert torch.allclose(seen.logits, model.classify(torch.zeros(5, 6)), atol=1e-6)
    with changed_expectations(model, torch.ones_like):
        seen = sqnn.record(model, images, bloch=False)
    assert torch.allclose(seen.logits, model.head(torch.ones(5, 2)), atol=1e-6)


def test_what_cannot_be_changed_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"layer: got 'hiden', expected one of hidden, output; did you mean"):
        changed_spikes(Small(), "hiden", torch.zeros_like).__enter__()
    recurrent = sqnn.create_model("snn-mlp", image_size=(2, 2), hidden=(3,), recurrent=True, timesteps=2)
    with pytest.raises(ConfigError, match=r"layer: got hidden.0, which feeds its spikes back"):
        changed_spikes(recurrent, "hidden.0", torch.zeros_like).__enter__()
    with pytest.raises(ConfigError, match=r"model: got Small, which has no circuit"):
        changed_angles(Small(), torch.zeros_like).__enter__()
