"""Competing neurons: what each step of learning keeps, and what rewards change."""

from __future__ import annotations

import pytest
import torch

import sqnn
from sqnn.core import ConfigError
from sqnn.models import SNNWTA

SHAPE = {"in_channels": 1, "image_size": (4, 4), "num_classes": 4}


def network(**options) -> SNNWTA:
    return sqnn.create_model("snn-wta", **{**SHAPE, "neurons": 12, "timesteps": 20, "input_norm": 2.0, **options})


def quarters(count: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of four classes: the quarter that is bright, with dim noise elsewhere."""
    labels = torch.arange(count) % 4
    images = 0.2 * torch.rand(count, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    for image, label in zip(images, labels.tolist(), strict=True):
        image[0, 2 * (label // 2) :, 2 * (label % 2) :][:2, :2] += 0.7
    return images, labels


def trained(model: SNNWTA, steps: int = 12) -> SNNWTA:
    generator = torch.Generator().manual_seed(1)
    images, labels = quarters()
    for step in range(steps):
        model.learn(images, labels, generator, step / steps)
    return model


@pytest.mark.parametrize("rule", ["stdp", "r-stdp"])
def test_a_step_keeps_unit_norms_and_the_sum_of_thresholds(rule: str) -> None:
    model = network(rule=rule)
    images, labels = quarters()
    generator = torch.Generator().manual_seed(1)
    for step in range(6):
        logits, loss = model.learn(images, labels, generator, step / 6)
        torch.testing.assert_close(model.weight.norm(dim=1), torch.ones(12))
        groups = model.classes if rule == "r-stdp" else torch.zeros(12, dtype=torch.int64)
        for group in groups.unique():
            assert model.theta[groups == group].sum().item() == pytest.approx(0, abs=1e-6)
        assert logits.shape == (64, 4)
        assert not loss.requires_grad
    assert model.theta.abs().sum() > 0


@pytest.mark.parametrize("readout", ["assignment", "proportion", "log-likelihood"])
@pytest.mark.parametrize("rule", ["stdp", "r-stdp"])
def test_what_is_easy_is_learned_and_read_in_every_way(rule: str, readout: str) -> None:
    model = trained(network(rule=rule, readout=readout, homeostasis=0.003))
    images, labels = quarters()
    assert (model(images, torch.Generator().manual_seed(5)).argmax(1) == labels).float().mean() > 0.9


def test_neurons_of_a_rewarded_network_learn_their_own_class() -> None:
    """A neuron's weights lie on the quarter of its class, and a wrong spike has driven them off the others."""
    model = trained(network(rule="r-stdp", teacher=0.5))
    weights = model.weight.detach().view(12, 2, 2, 2, 2).sum((2, 4)).flatten(1)
    assert torch.equal(weights.argmax(1), model.classes)
    assert torch.equal(model.labels.assigned, model.classes)


def test_under_the_teacher_only_the_right_class_fires() -> None:
    model = network(rule="r-stdp", teacher=1.0)
    images, labels = quarters()
    model.learn(images, labels, torch.Generator().manual_seed(0), 0.5)
    wrong = model.classes != torch.arange(4)[:, None]
    assert model.labels.responses[wrong].sum() == 0
    assert model.labels.responses.sum() > 0


def test_after_the_teacher_only_wrong_decisions_change_weights() -> None:
    """A neuron that answers for another class moves off the image, one of the right class moves to it, others stay."""
    model = trained(network(rule="r-stdp", teacher=0.0, gain=2.0), steps=0)
    other = trained(network(rule="r-stdp", teacher=1.0, gain=2.0))
    model.load_state_dict(other.state_dict())
    images, labels = quarters(4)
    before, theta = model.weight.detach().clone(), model.theta.detach().clone()
    model.learn(images, labels, torch.Generator().manual_seed(0), 0.5)
    torch.testing.assert_close(model.weight.detach(), before)
    model.learn(images[:1], torch.tensor([3]), torch.Generator().manual_seed(0), 0.5)
    image = images[0].flatten() / images[0].norm()
    change = (model.weight.detach() - before) @ image
    assert change[model.classes == 0].max() < 1e-6
    assert change[model.classes == 0].min() < -1e-4
    assert change[model.classes == 3].min() > -1e-6
    assert change[model.classes == 3].max() > 1e-3
    assert change[(model.classes == 1) | (model.classes == 2)].abs().max() < 1e-6
    assert torch.equal(model.theta, theta)


def test_labels_change_no_weight_without_rewards() -> None:
    images, labels = quarters()
    one, other = network(), network()
    for model, given in ((one, labels), (other, labels.flip(0))):
        for step in range(3):
            model.learn(images, given, torch.Generator().manual_seed(step), step / 3)
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.theta, other.theta)
    assert not torch.equal(one.labels.responses, other.labels.responses)


def test_evaluation_changes_nothing_and_takes_as_many_voters_as_asked() -> None:
    model = trained(network())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images, _ = quarters()
    model(images, torch.Generator().manual_seed(0))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    spikes = []
    for voters in (1, 3):
        other = network(voters=voters)
        other.load_state_dict(before)
        _, currents = other._receive(images, torch.Generator().manual_seed(0))
        winners, fired = other._compete(currents, most=voters)
        counts = other._counts(winners, fired)
        assert counts.sum() == fired.sum()
        spikes.append(counts.sum())
    assert spikes[1] > 1.5 * spikes[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "r-stdp", "neurons": 3}, "neurons: got 3, expected at least one for each of the 4 classes"),
        ({"voters": 13}, "voters: got 13, expected at most the 12 neurons"),
        ({"rule": "hebb"}, "rule: got 'hebb', expected one of stdp, r-stdp"),
    ],
)
def test_what_builds_no_network_is_named(options: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        network(**options)
    assert str(caught.value) == message
