"""The separable network: its parameters by hand, and its two phases of training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

import sqnn
from sqnn.core import ConfigError
from sqnn.models import SQDRSeparable, SQDRSeparableConfig


def by_hand(channels: tuple[int, ...], kernels: tuple[int, ...], qubits: int, side: int) -> int:
    widths = (*channels, 3 * qubits)
    weights = widths[0] * kernels[0] ** 2 + 2 * widths[0]
    for before, after, kernel in zip(widths, widths[1:], kernels[1:], strict=False):
        weights += before * kernel**2 + before * after + 2 * after
    return weights + widths[-1] * (2 * side + 1) + 6 * qubits + 10 * qubits + 10


def test_parameters_are_those_counted_by_hand() -> None:
    small = sqnn.create_model("sqdr-separable")
    assert sqnn.count(small).total == by_hand((4, 5, 7), (3, 4, 4, 3), 7, 3) == 788
    large = sqnn.create_model("sqdr-separable", channels=(6, 12, 22), n_qubits=9)
    assert sqnn.count(large).total == by_hand((6, 12, 22), (3, 4, 4, 3), 9, 3) == 1947
    fixed = sqnn.create_model("sqdr-separable", channels=(4, 6, 6), n_qubits=8, norm_scale=0.4)
    assert sqnn.count(fixed).total == by_hand((4, 6, 6), (3, 4, 4, 3), 8, 3) - (4 + 6 + 6 + 24) == 800
    recipe = sqnn.create_model("sqdr-separable", **sqnn.RECIPES["sqdr-cnn-2000"].options)
    assert sqnn.count(recipe).total == by_hand((6, 12, 24), (3, 4, 4, 3), 9, 3) - (6 + 12 + 24 + 27) == 1978


def test_a_given_scale_of_the_norms_is_kept_in_training_and_in_a_file(tmp_path: Path) -> None:
    model = sqnn.create_model("sqdr-separable", norm_scale=0.4, timesteps=2)
    images, labels = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.tensor([1, 2, 3, 4])
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for progress in (0.0, 1.0):
        model.learn(images, labels, None, progress)[1].backward()
        optimizer.step()
    sqnn.save_model(model, tmp_path / "model.safetensors")
    loaded = sqnn.load_model(tmp_path / "model.safetensors")
    torch.testing.assert_close(model.eval()(images), loaded.eval()(images), rtol=0, atol=0)
    for stage in loaded.train().frontend.stages:
        values = torch.randn(64, stage.norm.num_features, 5, 5, generator=torch.Generator().manual_seed(1))
        spread = stage.norm(3 * values + 2).std((0, 2, 3), correction=0)
        torch.testing.assert_close(spread, torch.full_like(spread, 0.4), rtol=1e-4, atol=0)
        assert stage.norm.bias.abs().max() > 0


@pytest.mark.parametrize("recipe", ["sqdr-cnn-803", "sqdr-cnn-2000"])
def test_recipes_keep_the_limits_of_their_names(recipe: str) -> None:
    chosen = sqnn.RECIPES[recipe]
    model = sqnn.create_model(chosen.model, **chosen.options)
    assert sqnn.count(model).total <= int(recipe.rsplit("-", 1)[1])


def test_one_stage_is_enough() -> None:
    model = sqnn.create_model("sqdr-separable", channels=(), n_qubits=4)
    assert sqnn.count(model).total == by_hand((), (3,), 4, 26)
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_training_begins_with_rates_and_ends_with_spikes() -> None:
    generator = torch.Generator().manual_seed(0)
    model = SQDRSeparable(SQDRSeparableConfig(analog=0.5, timesteps=3), generator).eval()
    images, labels = torch.rand(4, 1, 28, 28, generator=generator), torch.tensor([1, 2, 3, 4])
    rates = model.classify(model.angles(images, spiking=False))
    spikes = model(images)
    assert not torch.allclose(rates, spikes)
    for progress, wanted in ((0.0, rates), (0.49, rates), (0.5, spikes), (0.99, spikes)):
        logits, loss = model.learn(images, labels, None, progress)
        assert torch.equal(logits, wanted)
        assert torch.equal(loss, F.cross_entropy(wanted, labels))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": (7, 28)}, r"image_size: got \(7, 28\), expected at least 8 x 8 pixels for kernels"),
        ({"kernels": (3, 3)}, r"kernels: got \(3, 3\), expected 4 numbers, one per stage"),
        ({"kernels": ()}, r"kernels: got \(\), expected 4 numbers, one per stage"),
        ({"strides": (1,)}, r"strides: got \(1,\), expected 4 numbers, one per stage"),
        ({"analog": 1.5}, "analog: got 1.5"),
    ],
)
def test_what_builds_no_network_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sqnn.create_model("sqdr-separable", **options)
