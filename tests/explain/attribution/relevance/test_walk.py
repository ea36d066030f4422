"""The ledger of whole networks, relevance as gradient times input, and its ways through pools."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.explain.attribution.relevance.between import find_between, max_pool_pull
from sqnn.explain.attribution.relevance.rules import RULES
from sqnn.explain.attribution.relevance.walk import BIAS, HANDED_ON, INITIAL, LOST, SHIFT, Walk, walk_back
from sqnn.layers import spiking_cnn
from sqnn.models import create_model
from sqnn.neurons import LIF, Surrogate

TARGET = torch.tensor([0, 1, 2])
NETWORKS: dict[str, dict[str, object]] = {
    "sqdr-cnn": {"channels": (2, 3), "n_qubits": 3},
    "sqdr-cnn spike": {"channels": (2, 3), "n_qubits": 3, "readout": "spike", "neuron": "lif", "reset": "zero"},
    "sqdr-cnn hidden": {"channels": (2,), "n_qubits": 3, "mlp_hidden": (4,), "neuron": "lif", "learn_beta": True},
    "sqdr-separable": {"n_qubits": 3, "timesteps": 4},
    "snn-mlp": {"hidden": (9, 7), "timesteps": 8},
    "snn-mlp membrane": {"hidden": (9,), "recurrent": True, "readout": "membrane", "timesteps": 6},
    "snn-cnn": {"channels": (2, 3), "learn_threshold": True},
    "serial-sqnn": {"channels": (3,), "n_qubits": 3},
    "tiny-cnn": {"channels": (2, 3)},
    "vgg11": {"width_multiplier": 0.05},
}


def network(name: str) -> nn.Module:
    """A small network in float64 with random norms, whose neurons fire and whose biases count."""
    model = create_model(name.partition(" ")[0], image_size=(8, 8), num_classes=3, **NETWORKS[name])
    generator = torch.Generator().manual_seed(1)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.running_mean.copy_(0.1 * torch.randn(part.num_features, generator=generator))
            part.running_var.copy_(0.03 + 0.1 * torch.rand(part.num_features, generator=generator))
            part.bias.data.copy_(0.3 + 0.2 * torch.randn(part.num_features, generator=generator))
        if isinstance(part, nn.Linear):
            part.weight.data *= 3
    return model.double().eval()


def pictures(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, 1, 8, 8, generator=generator, dtype=torch.float64)


def walked(model: nn.Module, rule: str, images: Tensor, epsilon: float = 0.0) -> Walk:
    return walk_back(model, images, TARGET, RULES[rule], epsilon, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_ledger_closes_at_every_layer_for_every_rule(name: str) -> None:
    model, images = network(name), pictures()
    with torch.no_grad():
        plain = model(images, torch.Generator().manual_seed(0)).gather(1, TARGET[:, None])[:, 0]
    inputs = []
    for rule in RULES:
        walk = walked(model, rule, images, epsilon=0.1 if rule == "z+" else 0.0)
        assert torch.allclose(walk.output, plain, rtol=0, atol=1e-12)
        difference = walk.output - walk.reference
        assert difference.abs().min() > 1e-6
        for balance in walk.balances.values():
            assert torch.allclose(sum(balance.values()), difference, rtol=0, atol=1e-9)
        assert walk.at_input.values.abs().max() > 1e-6
        last = list(walk.balances.values())[-1]
        if rule == "z+":
            assert not last[BIAS].any()
            assert not last[SHIFT].any()
        inputs.append(walk.at_input.values)
    spiking = any(isinstance(part, LIF) for part in model.modules())
    assert torch.allclose(*inputs[1:]) is not spiking  # resets have no share
    assert len(walk.balances) >= 2


def test_without_biases_input_and_initial_membrane_are_everything() -> None:
    model = network("snn-cnn")
    with torch.no_grad():
        model.frontend.linear.bias.zero_()
        for block in model.frontend.blocks:
            block.norm.bias.zero_()
            block.norm.running_mean.zero_()
            block.conv.weight.abs_()
        model.frontend.linear.weight.abs_()
    for rule in RULES:
        walk = walked(model, rule, pictures())
        last = list(walk.balances.values())[-1]
        assert torch.allclose(last[HANDED_ON] + last[INITIAL], walk.output - walk.reference, rtol=0, atol=1e-9)
        assert last[HANDED_ON].abs().min() > 1e-6
        assert not last[LOST].any()


@dataclass(frozen=True)
class Secant(Surrogate):
    """The slope s / u of a spike over its membrane, for a threshold of 1."""

    slope: float = 1.0

    def smooth(self, u: Tensor) -> Tensor:
        raise NotImplementedError

    def slope_at(self, u: Tensor) -> Tensor:
        return (u > 0) / (u + 1)


def shared_max_pool(images: Tensor, side: int) -> Tensor:
    """A max pool whose gradient is shared among the largest values, which is how torch differentiates amax."""
    return images.unflatten(-1, (-1, side)).unflatten(-3, (-1, side)).amax((-3, -1))


@pytest.mark.parametrize("name", ["snn-mlp", "snn-mlp membrane", "sqdr-cnn"])
def test_the_signed_rule_is_the_input_times_the_gradient_with_secants(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, images = network(name), pictures()
    walk = walked(model, "signed", images)
    for part in model.modules():
        if isinstance(part, LIF):
            part.surrogate = Secant()
    monkeypatch.setattr(spiking_cnn.F, "max_pool2d", shared_max_pool)
    if name == "sqdr-cnn":
        trains = model.encoder.encode(images).clone().requires_grad_()
        angles = model.config.angle_scale * model.frontend(trains)
        weights = (walk.at_angles.values[0] / angles).detach()
        total = (weights * angles).sum()
    else:
        values = trains = (
            model.encoder.sparse(images, torch.Generator().manual_seed(0)).dense(torch.float64).requires_grad_()
        )
        for layer in model.hidden:
            values, _ = layer(values)
        spikes, membranes = model.output(values)
        mean = membranes.mean(0)
        factor = 1 if name.endswith("membrane") else 1 / (2 + 2 * mean.detach().abs())
        read = factor * mean + (0 if name.endswith("membrane") else spikes.sum(0))
        total = read.gather(1, TARGET[:, None]).sum()
    (gradient,) = torch.autograd.grad(total, trains)
    found = walk.at_input.values.reshape(trains.shape)
    assert torch.allclose(found, gradient * trains, rtol=0, atol=1e-9)
    assert found.abs().max() > 1e-4


@pytest.mark.parametrize("side", [2, 3])
def test_winners_of_a_pool_share_equally(side: int) -> None:
    generator = torch.Generator().manual_seed(side)
    inputs = torch.randint(0, 3, (2, 1, 2, 7, 8), generator=generator).double()
    pooled = F.max_pool2d(inputs.flatten(0, 1), side).unflatten(0, (2, 1))
    multipliers = torch.randn(pooled.shape, generator=generator, dtype=torch.float64)
    found = max_pool_pull(multipliers, inputs, side)
    for place in [(0, 0, 0, 0, 0), (1, 0, 1, 1, 1)]:
        *front, row, column = place
        window = (*front, slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side))
        winners = inputs[window] == inputs[window].max()
        assert torch.allclose(found[window], winners * multipliers[place] / winners.sum())
    assert torch.allclose((found * inputs).sum(), (multipliers * pooled).sum())
    assert not found[..., pooled.shape[-2] * side :, :].any()


def test_what_lies_between_layers_is_recognised_or_not() -> None:
    before = torch.rand(4, 2, 3, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    after = 5 * F.max_pool2d(before.flatten(0, 1), 2).unflatten(0, (4, 2)).mean((-2, -1)).sum(0, keepdim=True)
    pull = find_between(before, after)
    assert pull is not None
    multipliers = torch.randn(1, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.allclose((pull(multipliers) * before).sum(), (multipliers * after).sum())
    assert find_between(before, after + 0.01) is None


def test_sums_of_their_own_sign_count_products_and_not_weights() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.Linear(6, 3)).double()
    images = pictures()
    walk = walked(model, "z+", images)
    hidden, weight = model[:2](images).detach(), model[2].weight.detach()
    assert (hidden < 0).any()
    for image, target in enumerate(TARGET):
        products = weight[target] * hidden[image]
        logit = walk.output[image]
        alike = products.where(products * logit > 0, 0)
        assert torch.allclose(walk.at_layers["1"][0].values[0, image], logit * alike / alike.sum(), atol=1e-12)
    total = sum(list(walk.balances.values())[-1].values())
    assert torch.allclose(total, walk.output, rtol=0, atol=1e-9)
