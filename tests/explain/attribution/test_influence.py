"""Influence of spikes: one change at a time, by hand."""

from __future__ import annotations

import pytest
import torch
from explained import Perceptron, images, sqdr
from torch import Tensor, nn

from sqnn.core import ConfigError
from sqnn.explain.attribution import attribute
from sqnn.explain.recording import record
from sqnn.neurons import IF

LAYER = "frontend.blocks.0"


def with_spikes(model: nn.Module, batch: Tensor, trains: Tensor) -> Tensor:
    hook = model.frontend.blocks[0].neuron.register_forward_hook(lambda module, inputs, output: trains)
    try:
        return model(batch)
    finally:
        hook.remove()


@pytest.mark.parametrize(("change", "sign"), [("deletion", -1), ("insertion", 1)])
def test_each_change_is_one_forward_pass(change: str, sign: int) -> None:
    model, batch = sqdr(), images(2)
    found = attribute(model, batch, 1, "influence", LAYER, change=change).values
    spikes = record(model, batch)[LAYER].spikes
    plain = model(batch)[:, 1]
    fired = spikes.transpose(0, 1) != 0
    places = (fired if change == "deletion" else ~fired).nonzero()[:: 7 if change == "deletion" else 149]
    values = []
    for image, step, *rest in places.tolist():
        changed = spikes.clone()
        changed[(step, image, *rest)] = 0.0 if change == "deletion" else 1.0
        gain = with_spikes(model, batch, changed)[image, 1] - plain[image]
        values.append(found[(image, step, *rest)].item())
        assert values[-1] == pytest.approx(sign * gain.item(), abs=1e-12)
    assert any(values)
    assert not found[~fired if change == "deletion" else fired].any()


@pytest.mark.parametrize("steps", [1, -2])
def test_a_spike_is_moved_where_there_is_room(steps: int) -> None:
    model, batch = sqdr(encoding="direct"), images(1)
    found = attribute(model, batch, 1, "influence", LAYER, change="shift", steps=steps).values
    spikes = record(model, batch)[LAYER].spikes
    moved = 0
    for image, step, *rest in (spikes.transpose(0, 1) != 0).nonzero().tolist():
        room = 0 <= step + steps < len(spikes) and not spikes[(step + steps, image, *rest)]
        if not room:
            assert found[(image, step, *rest)] == 0
        elif moved < 12:
            moved += 1
            changed = spikes.clone()
            changed[(step, image, *rest)], changed[(step + steps, image, *rest)] = 0.0, 1.0
            gain = with_spikes(model, batch, changed)[image, 1] - model(batch)[image, 1]
            assert found[(image, step, *rest)].item() == pytest.approx(gain.item(), abs=1e-12)
    assert moved


def test_a_batch_is_its_images_one_by_one() -> None:
    model, batch = sqdr(), images(3)
    together = attribute(model, batch, 1, "influence", LAYER).values
    alone = [attribute(model, image[None], 1, "influence", LAYER).values for image in batch]
    assert together.any()
    assert torch.allclose(together, torch.cat(alone), atol=1e-13)


def test_in_a_linear_readout_it_is_the_weight() -> None:
    model, batch = Perceptron(IF()), images(2, side=4)
    found = attribute(model, batch, 2, "influence", "neuron").values
    spikes = record(model, batch)["neuron"].spikes.transpose(0, 1)
    assert spikes.any()
    assert torch.allclose(found, spikes * model.readout.weight[2], atol=1e-12)
    added = attribute(model, batch, 2, "influence", "neuron", change="insertion").values
    assert torch.allclose(added, (1 - spikes) * model.readout.weight[2], atol=1e-12)


def test_inserted_spikes_of_a_code_have_the_height_of_its_step() -> None:
    model, batch = sqdr(), images(1) * 0.49  # without the brightest plane
    found = attribute(model, batch, 1, "influence", "spikes", change="insertion").values
    for row in range(6):
        planes = model.encoder.encode(batch)
        planes[0, 0, 0, row, 3] = 0.5
        expected = model.classify(model.config.angle_scale * model.frontend(planes)) - model(batch)
        assert found[0, 0, 0, row, 3].item() == pytest.approx(expected[0, 1].item(), abs=1e-12)
    assert found[0, 0, 0, :, 3].any()


def test_bad_input_gets_one_line() -> None:
    with pytest.raises(ConfigError, match=r"most: got 3, expected at least \d+, the changes to make"):
        attribute(sqdr(), images(1), 1, "influence", LAYER, most=3)
    with pytest.raises(ConfigError, match="at: got 'head', expected a place with time"):
        attribute(sqdr(), images(1), 1, "influence", "head")
    with pytest.raises(ConfigError, match="steps: got 0, expected a whole number other than 0"):
        attribute(sqdr(), images(1), 1, "influence", LAYER, change="shift", steps=0)
    with pytest.raises(ConfigError, match="steps: got 2, which has no effect where change is 'deletion'"):
        attribute(sqdr(), images(1), 1, "influence", LAYER, steps=2)
