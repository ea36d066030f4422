"""The spiking perceptron against its equations, written out one neuron and one step at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

import sqnn
from sqnn.core import ConfigError
from sqnn.encoding import Rate
from sqnn.models import SNNMLP, STEP_READOUTS

SHAPE = {"in_channels": 1, "image_size": (3, 4), "num_classes": 3}


def network(**options) -> SNNMLP:
    model = sqnn.create_model("snn-mlp", **{**SHAPE, "hidden": (6, 5), "timesteps": 8, **options}).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(5)
    return model


def images(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(2)


def loop(model: SNNMLP, trains: list) -> tuple[list, list]:
    """Spikes and membranes [time][class] of one image, by sums of numbers."""
    layers = [*model.hidden, model.output]
    weights = [(layer.linear.weight.tolist(), layer.linear.bias.tolist()) for layer in layers]
    back = [None if layer.recurrent is None else layer.recurrent.weight.tolist() for layer in layers]
    v = [[0.0] * len(bias) for _, bias in weights]
    before = [[0.0] * len(bias) for _, bias in weights]
    spikes, membranes = [], []
    for signal in trains:
        for at, (weight, bias) in enumerate(weights):
            fired, charged = [], []
            for j, row in enumerate(weight):
                current = bias[j] + sum(w * s for w, s in zip(row, signal, strict=True))
                if back[at] is not None:
                    current += sum(w * s for w, s in zip(back[at][j], before[at], strict=True))
                u = 0.9 * v[at][j] + current
                charged.append(u)
                fired.append(float(u > 1))
                v[at][j] = u - fired[-1]
            before[at] = signal = fired
        spikes.append(signal)
        membranes.append(charged)
    return spikes, membranes


@pytest.mark.parametrize("recurrent", [False, True])
def test_outputs_are_those_of_a_loop_over_neurons_and_steps(recurrent: bool) -> None:
    model, shown = network(recurrent=recurrent), images()
    spikes, membranes = model.outputs(shown, seeded())
    trains = Rate(8).sparse(shown, seeded()).dense(torch.float64)
    for image in range(len(shown)):
        expected = loop(model, trains[:, image].tolist())
        assert spikes[:, image].tolist() == expected[0]
        assert_close(membranes[:, image].tolist(), expected[1], atol=1e-10, rtol=0)
    assert 0 < spikes.detach().mean() < 1


def test_the_loss_of_each_readout_is_a_mean_over_steps_and_the_logits_are_those_of_forward() -> None:
    shown, labels = images(), torch.tensor([0, 2, 1, 0])
    for readout in STEP_READOUTS:
        model = network(readout=readout)
        spikes, membranes = model.outputs(shown, seeded())
        logits, loss = model.learn(shown, labels, seeded())
        assert_close(logits, model(shown, seeded()))
        seen, losses, count = {"membrane": membranes, "spikes": spikes}, [], torch.zeros_like(spikes[0])
        for t in range(8):
            count = count + spikes[t]
            at = count if readout == "count" else seen[readout][t]
            exponentials = at.detach().exp()
            losses += [-math.log(exponentials[b, y] / exponentials[b].sum()) for b, y in enumerate(labels)]
        assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-10)
        loss.backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_the_gradient_of_the_membrane_s_loss_is_that_of_finite_differences_where_nothing_fires() -> None:
    """With a threshold that no membrane reaches the last layer is linear, and the loss a smooth function of it."""
    model, shown, labels = network(readout="membrane", hidden=(6,)), images(), torch.tensor([0, 2, 1, 0])
    model.output.neuron._threshold = 1e6
    model.output.neuron.surrogate = type(model.output.neuron.surrogate)(1e6)
    weight, step = model.output.linear.weight, 1e-6
    model.learn(shown, labels, seeded())[1].backward()
    for place in ((0, 0), (1, 3), (2, 5)):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[place] += sign * step
                values.append(model.learn(shown, labels, seeded())[1].item())
                weight[place] -= sign * step
        assert weight.grad[place].item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5, abs=1e-9)


def test_membranes_break_ties_of_counts_and_nothing_else() -> None:
    model = network()
    spikes = torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]])
    membranes = torch.tensor([[[-1e6, 0.3, 1e6]], [[0.0, 0.4, 0.0]], [[0.0, 0.0, 0.0]]])
    logits = model.decide(spikes, membranes)[0]
    assert logits.argsort(descending=True).tolist() == [1, 0, 2]
    assert (logits - spikes.sum(0)[0]).abs().max() <= 0.5
    assert torch.equal(network(readout="membrane").decide(spikes, membranes), membranes.mean(0))


def test_frames_of_recordings_are_shown_one_per_step() -> None:
    model = network(encoding="frames", recurrent=True)
    frames = torch.rand(2, 8, 1, 3, 4, dtype=torch.float64, generator=seeded())
    spikes, _ = model.outputs(frames)
    expected = loop(model, frames[1].flatten(1).tolist())
    assert spikes[:, 1].tolist() == expected[0]


def test_parameters_by_hand() -> None:
    assert sqnn.count(sqnn.create_model("snn-mlp")).total == 784 * 500 + 500 + 500 * 10 + 10
    counted = sqnn.count(network(recurrent=True))
    assert counted.spiking == counted.total == (12 * 6 + 6 + 36) + (6 * 5 + 5 + 25) + (5 * 3 + 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neuron": "snntorch:Leaky"}, "neuron: got 'snntorch:Leaky', expected one that shows its membrane: if or lif"),
        ({"encoding": "phase", "timesteps": 9}, "timesteps: got 9, expected a multiple of planes = 8 (encoding phase)"),
        ({"hidden": (0,)}, "hidden: got 0, expected a whole number of at least 1"),
        ({"readout": "spike"}, "readout: got 'spike', expected one of count, membrane, spikes"),
    ],
)
def test_what_builds_no_network_is_named(options: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sqnn.create_model("snn-mlp", **options)
    assert str(caught.value).startswith(message)


def test_logits_without_hidden_layers_are_those_of_one_layer() -> None:
    model, shown = network(hidden=()), images()
    trains = Rate(8).sparse(shown, seeded()).dense(torch.float64)
    logits = model(shown, seeded())
    for image in range(len(shown)):
        spikes, membranes = (torch.tensor(part) for part in loop(model, trains[:, image].tolist()))
        mean = membranes.mean(0)
        assert_close(logits[image].float(), spikes.sum(0) + mean / (1 + mean.abs()) / 2)
