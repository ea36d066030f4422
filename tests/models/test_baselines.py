"""Networks to compare with: their sizes by hand, and their equations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

import sqnn
from sqnn.core import ConfigError
from sqnn.layers import AnalogCNN, SpikingCNN


def images(side: int = 8, channels: int = 2) -> Tensor:
    drawing = torch.Generator().manual_seed(1)
    return torch.rand(4, channels, side, side, dtype=torch.float64, generator=drawing)


def test_parameters_by_hand() -> None:
    # Convolutions 9 (1x3 + 3x4 + 4x13), norms 2 (3 + 4 + 13), linear 13 x 10 + 10: as many with spikes and without.
    by_hand = 9 * (3 + 12 + 52) + 2 * 20 + 140
    assert by_hand <= 803
    assert sqnn.count(sqnn.create_model("snn-cnn")).to_dict() == {
        **{"spiking": by_hand, "quantum": 0, "quantum_effective": 0, "classical": 0},
        **{"total": by_hand, "effective": by_hand},
    }
    assert sqnn.count(sqnn.create_model("tiny-cnn")).classical == by_hand
    large = sqnn.count(sqnn.create_model("snn-cnn", channels=(32, 64, 128))).total
    assert large == 9 * (32 + 32 * 64 + 64 * 128) + 2 * 224 + 1290
    assert sqnn.count(sqnn.create_model("logistic")).total == 784 * 10 + 10
    assert sqnn.count(sqnn.create_model("logistic", side=8, in_channels=3)).total == 3 * 64 * 10 + 10


def test_logistic_regression_reads_the_pixels_or_the_means_of_squares_of_them() -> None:
    sizes = {"in_channels": 2, "image_size": (8, 8), "num_classes": 3}
    whole = sqnn.create_model("logistic", **sizes).double()
    weight = whole.linear.weight.reshape(3, 2, 8, 8)
    assert_close(whole(images()), torch.einsum("kchw,bchw->bk", weight, images()) + whole.linear.bias)
    pooled = sqnn.create_model("logistic", side=4, **sizes).double()
    means = images().reshape(4, 2, 4, 2, 4, 2).mean((3, 5))
    weight = pooled.linear.weight.reshape(3, 2, 4, 4)
    assert_close(pooled(images()), torch.einsum("kchw,bchw->bk", weight, means) + pooled.linear.bias)


def test_the_spiking_classifier_is_the_front_end_of_the_sqdr_cnn_with_logits_for_angles() -> None:
    sizes = {"in_channels": 2, "image_size": (8, 8), "channels": (3, 4)}
    classifier = sqnn.create_model("snn-cnn", num_classes=12, **sizes).double().eval()
    other = sqnn.create_model("sqdr-cnn", n_qubits=4, angle_scale=1.0, **sizes).double().eval()
    other.frontend.load_state_dict(classifier.frontend.state_dict())
    assert_close(classifier(images()), other.angles(images()))


def test_the_small_cnn_is_its_equation_in_training_mode() -> None:
    model = sqnn.create_model("tiny-cnn", in_channels=2, image_size=(8, 8), channels=(3, 4), num_classes=3).double()
    values = images()
    for block in model.cnn.blocks:
        values = F.conv2d(values, block[0].weight, padding=1)
        mean, variance = values.mean((0, 2, 3), True), values.var((0, 2, 3), unbiased=False, keepdim=True)
        values = ((values - mean) / (variance + block[1].eps).sqrt()).clamp(min=0)
        values = values.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).amax((3, 5))
    expected = values.mean((2, 3)) @ model.cnn.linear.weight.T + model.cnn.linear.bias
    assert_close(model.train()(images()), expected)


def test_front_ends_with_spikes_and_without_have_the_same_weights() -> None:
    spiking = SpikingCNN(2, (3, 4), 5, lambda channels: torch.nn.Identity(), "membrane")
    shapes = [list(p.shape) for p in spiking.parameters()]
    assert shapes == [list(p.shape) for p in AnalogCNN(2, (3, 4), 5).parameters()]


def test_only_sides_that_are_longer_are_averaged() -> None:
    model = sqnn.create_model("logistic", image_size=(10, 8), side=9, num_classes=2).double()
    assert model.linear.in_features == 9 * 8
    shown = torch.rand(1, 1, 10, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    rows = (shown[:, :, :-1] + shown[:, :, 1:]) / 2  # of ten rows, nine windows of two
    assert_close(model(shown), rows.flatten(1) @ model.linear.weight.T + model.linear.bias)
    with pytest.raises(ConfigError, match="side: got 0, expected a whole number from 1 to 1,024"):
        sqnn.create_model("logistic", side=0)


@pytest.mark.parametrize("name", ["tiny-cnn", "logistic"])
def test_images_out_of_range_are_refused(name: str) -> None:
    model = sqnn.create_model(name, image_size=(8, 8))
    with pytest.raises(ValueError, match="images: "):
        model(torch.full((2, 1, 8, 8), 1.5))
