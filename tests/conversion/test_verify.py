"""The proof is checked: damage is found, in the layer where it is, and every number is counted again by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from convertible import digits_by_hand, draw_images, levels_by_hand, plain, randomise
from torch import Tensor, nn

from sqnn.conversion import SpikingNetwork, SpikingNeuron, convert, verify
from sqnn.core import ConfigError
from sqnn.neurons import QCFS


def images(count: int = 12) -> Tensor:
    return draw_images(count, 1, 4, 4, seed=5)


def convolutions(spiking: SpikingNetwork) -> list[nn.Conv2d]:
    return [layer for layer in spiking.spiking.modules() if isinstance(layer, nn.Conv2d)]


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_one_wrong_weight_is_found_in_its_layer(damaged: int) -> None:
    model = plain(4)
    spiking = convert(model)
    convolutions(spiking)[damaged].weight[0, 0, 1, 1] += 1.0
    found = verify(model, spiking, images())
    assert not found.exact
    assert [layer.mismatches > 0 for layer in found.layers] == [index >= damaged for index in range(3)]
    assert [layer.first > 0 for layer in found.layers].index(True) == damaged
    assert found.layers[damaged].first == found.layers[damaged].mismatches
    assert str(found).startswith("not exact: ")


def test_a_wrong_last_layer_shows_in_the_output_alone() -> None:
    model = plain(4)
    spiking = convert(model)
    (last,) = (layer for layer in spiking.spiking.modules() if isinstance(layer, nn.Linear))
    last.bias[2] += 100.0
    found = verify(model, spiking, images())
    assert found.mismatches == 0
    assert found.output_difference == pytest.approx(400, rel=1e-9)  # a fourth of the bias in every step
    assert found.changed == int((model(images()).argmax(1) != 2).sum()) > 0
    assert not found.exact


def test_whole_biases_on_every_step_are_found_behind_the_first_layer() -> None:
    model = plain(4)
    found = verify(model, convert(model, bias_shift=False), images())
    assert not found.exact
    assert found.layers[0].mismatches == 0
    assert found.layers[1].first > 0


def recount(model: nn.Sequential, spiking: SpikingNetwork, given: Tensor) -> list[dict[str, float]]:
    """Run the source layer by layer, write its levels in binary and compare digit by digit."""
    _, trains = spiking.record(given)
    clean, rows, values = np.ones(len(given), dtype=bool), [], given
    for name, layer in model.named_children():
        before, values = values, layer(values)
        if not isinstance(layer, QCFS):
            continue
        scale = layer.steps / layer.threshold.item()
        levels = levels_by_hand(before.detach().numpy(), layer.threshold.item(), layer.steps)
        wanted = digits_by_hand(levels, layer.timesteps)
        assert trains[name].shape == wanted.shape
        differs = trains[name].numpy() != wanted
        by_image = differs.swapaxes(0, 1).reshape(len(given), -1)
        first = by_image[clean].sum()
        edges = np.abs(before.detach().numpy() * scale + 0.5 - np.round(before.detach().numpy() * scale + 0.5))
        moved = differs.any(0) & clean[:, None, None, None]
        rows.append(
            {
                "neurons": levels[0].size,
                "bits": wanted.size,
                "mismatches": differs.sum(),
                "first": first,
                "edge": edges[moved].max() if moved.any() else 0.0,
                "spikes": trains[name].numpy().sum() / levels.size,
            }
        )
        clean &= ~by_image.any(1)
    return rows


@pytest.mark.parametrize("batch_size", [1, 5, 64])
@pytest.mark.parametrize("size", [0.0, 0.01, 0.3])
def test_every_number_is_the_recount(size: float, batch_size: int) -> None:
    model = plain(3)
    spiking = convert(model)
    convolutions(spiking)[1].weight[1] += size
    given = images()
    found = verify(model, spiking, given, batch_size=batch_size)
    expected = recount(model, spiking, given)
    for layer, row in zip(found.layers, expected, strict=True):
        assert {key: getattr(layer, key) for key in row} == pytest.approx(row, abs=1e-9)
    ours, theirs = spiking(given), model(given)
    assert found.output_difference == pytest.approx((ours - theirs).abs().max().item(), rel=1e-6, abs=1e-14)
    assert found.output_scale == pytest.approx(theirs.abs().max().item())
    assert found.changed == int((ours.argmax(1) != theirs.argmax(1)).sum())
    assert found.bits == sum(row["bits"] for row in expected)
    assert found.mismatches == sum(row["mismatches"] for row in expected)
    assert found.edge == pytest.approx(max(row["edge"] for row in expected), abs=1e-9)
    assert (found.mismatches > 0) == (size > 0)
    total = sum(row["spikes"] * row["neurons"] for row in expected) / sum(row["neurons"] for row in expected)
    assert found.to_dict()["spikes"] == pytest.approx(total)
    assert found.frame["mismatches"].sum() == found.mismatches


def test_rounding_moves_only_what_lies_on_an_edge() -> None:
    """An error of 1e-9 in a bias differs in no bit, or in one whose activation was that near to an edge."""
    model = randomise(nn.Sequential(nn.Linear(3, 4), QCFS(4), nn.Linear(4, 4), QCFS(4), nn.Linear(4, 2)))
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.copy_(model[1].threshold * (torch.arange(4) + 0.5) / 15)
    damaged = convert(model)
    layer = next(layer for layer in damaged.spiking.modules() if isinstance(layer, nn.Linear))
    layer.bias -= 1e-9
    found = verify(model, damaged, draw_images(2, 3))
    assert found.layers[0].first > 0
    assert found.layers[0].edge < 1e-7
    assert found.layers[0].neurons == 4


def test_fewer_planes_are_compared_with_the_first_planes() -> None:
    model = plain(4, hidden=1)
    given = images()
    found = verify(model, convert(model, planes=2), given)
    threshold = model[1].threshold.item()
    currents = model[0](given).detach().numpy()
    levels = levels_by_hand(currents, threshold, 15)
    nearest = np.clip(np.floor(currents * 15 / threshold / 4 + 0.5), 0, 3).astype(int)
    expected = (digits_by_hand(levels, 4)[:2] != digits_by_hand(nearest, 2)).sum()
    assert found.mismatches == expected > 0
    assert found.layers[0].bits == levels.size * 2


def test_logits_that_are_all_off_are_not_exact() -> None:
    """Neither a bit nor a prediction tells; the outputs do."""
    model = plain(4)
    spiking = convert(model)
    (last,) = (layer for layer in spiking.spiking.modules() if isinstance(layer, nn.Linear))
    last.bias += 1e-3
    found = verify(model, spiking, images())
    assert (found.mismatches, found.changed, found.exact) == (0, 0, False)


def test_a_nan_is_the_largest_difference() -> None:
    model = plain(2, hidden=1)
    spiking = convert(model)
    (last,) = (layer for layer in spiking.spiking.modules() if isinstance(layer, nn.Linear))
    last.bias[0] = float("nan")
    found = verify(model, spiking, images())
    assert np.isnan(found.output_difference)
    assert not found.exact


def test_one_number_an_image_has_no_other_choice() -> None:
    model = randomise(nn.Sequential(nn.Linear(3, 4), QCFS(3), nn.Linear(4, 1), nn.Flatten(0)))
    model[3] = nn.Unflatten(1, (1,))
    flat = randomise(nn.Sequential(nn.Linear(3, 4), QCFS(3), Sum()))
    for network in (model, flat):
        found = verify(network, convert(network), draw_images(6, 3))
        assert found.exact
        assert found.changed == 0


class Sum(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return values.sum(1)


def test_mistakes_are_named() -> None:
    model = plain(3)
    spiking = convert(model)
    given = images()
    with pytest.raises(ConfigError, match=r"batch_size: got 0, expected a whole number of at least 1"):
        verify(model, spiking, given, batch_size=0)
    with pytest.raises(ConfigError, match=r"data: got list, expected images \[batch, ...\] or a part of a data set"):
        verify(model, spiking, [1.0])
    with pytest.raises(ConfigError, match=r"data: got shape \[0, .*\], expected at least one image"):
        verify(model, spiking, given[:0])
    with pytest.raises(ConfigError, match=r"spiking: got torch.float64, expected torch.float32 as the model has"):
        verify(plain(3).float(), spiking, given)
    with pytest.raises(ConfigError, match=r"spiking: got 'rate', expected a code of bit planes"):
        verify(model, convert(model, plane_weights=False), given)
    with pytest.raises(ConfigError, match=r"spiking: got 3, expected a conversion of the model's 2 bits"):
        verify(plain(2), spiking, given)
    with pytest.raises(ConfigError, match=r"spiking: got '\w+', expected what convert made of the model"):
        verify(spiking, model, given)
    with pytest.raises(ConfigError, match=r"model: got 'str', expected the source network"):
        verify("model", spiking, given)
    with pytest.raises(ConfigError, match=r"spiking: has other activations than model; convert the model"):
        verify(plain(3, hidden=2), spiking, given)


def neurons(spiking: SpikingNetwork) -> list[SpikingNeuron]:
    return [layer for layer in spiking.spiking.modules() if isinstance(layer, SpikingNeuron)]


def wrong_threshold(spiking: SpikingNetwork) -> None:
    neurons(spiking)[1].threshold[2] *= 1.01


def wrong_bias(spiking: SpikingNetwork) -> None:
    convolutions(spiking)[1].bias[0] += 0.1


def wrong_order(spiking: SpikingNetwork) -> None:
    second, third = convolutions(spiking)[1:]
    for theirs, ours in ((second.weight, third.weight), (second.bias, third.bias)):
        kept = theirs.clone()
        theirs.copy_(ours)
        ours.copy_(kept)


def by_channel() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs in (1, 3, 3):
        layers += [nn.Conv2d(inputs, 3, 3, padding=1), QCFS(4, channels=3)]
    return randomise(nn.Sequential(*layers, nn.Flatten(), nn.Linear(48, 4)), seed=3)


@pytest.mark.parametrize("damage", [wrong_threshold, wrong_bias, wrong_order])
def test_damage_shows_first_in_its_layer(damage: Callable[[SpikingNetwork], None]) -> None:
    model = by_channel()
    spiking = convert(model)
    assert verify(model, spiking, images()).exact
    damage(spiking)
    found = verify(model, spiking, images())
    assert not found.exact
    assert [layer.mismatches > 0 for layer in found.layers] == [False, True, True]
    assert found.layers[1].first == found.layers[1].mismatches


def test_a_model_that_changed_after_its_conversion_is_found() -> None:
    model = plain(4)
    spiking = convert(model)
    with torch.no_grad():
        model[2].weight[0] += 0.5
    found = verify(model, spiking, images())
    assert [layer.first > 0 for layer in found.layers][:2] == [False, True]


def test_a_model_that_leaves_an_activation_out_is_another_network() -> None:
    model = plain(3)
    spiking = convert(model)
    model[1].forward = lambda values: values  # it is no level, and still passes the hook
    assert not verify(model, spiking, images()).exact
    with pytest.raises(ConfigError, match=r"\(3 in spiking, 2 in the model; .* fit is 5 of spiking\)"):
        verify(nn.Sequential(*(layer for place, layer in enumerate(model) if place != 5)), spiking, images())
    longer = nn.Sequential(*list(model)[:6], nn.ReLU(), *list(model)[6:7], nn.Softplus(), *list(model)[7:])
    assert not verify(longer, spiking, images()).exact
