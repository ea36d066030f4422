"""The source networks against published parameter counts, counts by hand and forward passes written apart from them."""

from __future__ import annotations

import pytest
import torch
from classical_networks import batch, build, numbers, settled
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

import sqnn

IMAGENET = {"size": (224, 224), "num_classes": 1000, "width_multiplier": 1.0}


@pytest.mark.parametrize(
    ("name", "published"), [("resnet18", 11_689_512), ("resnet34", 21_797_672), ("mobilenetv2", 3_504_872)]
)
def test_parameters_are_those_of_torchvision(name: str, published: int) -> None:
    assert sqnn.count(build(name, **IMAGENET)).classical == published


@pytest.mark.parametrize(
    ("name", "published", "channels"),
    [
        ("vgg11", 132_868_840, 64 + 128 + 2 * 256 + 4 * 512),
        ("vgg16", 138_365_992, 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512),
    ],
)
def test_convolutions_of_vgg_are_those_of_torchvision(name: str, published: int, channels: int) -> None:
    """torchvision's batch-normed networks have biases in their convolutions, and dense layers 25088-4096-4096-1000."""
    theirs = 25088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
    ours = 512 * 512 + 512 + 512 * 1000 + 1000
    assert sqnn.count(build(name, **IMAGENET)).classical == published - channels - theirs + ours


def test_parameters_of_resnet20_by_hand() -> None:
    # 269,722 are published with shortcuts without weights; two 1x1 convolutions a -> b have ab + 2b each.
    model = build("resnet20", (32, 32), num_classes=10, width_multiplier=1.0)
    assert sqnn.count(model).classical == 269_722 + 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64


def test_parameters_of_the_transformer_by_hand() -> None:
    # Tokens 64 wide: patches 3 x 4 x 4 x 64 + 64 and 49 positions; a block has two norms, four 64 x 64, 64-128-64.
    block = 2 * 2 * 64 + 4 * (64 * 64 + 64) + (64 * 128 + 128) + (128 * 64 + 64)
    expected = 3 * 16 * 64 + 64 + 49 * 64 + 2 * block + 2 * 64 + 64 * 5 + 5
    assert sqnn.count(build("vit", (28, 28), width_multiplier=1.0)).classical == expected


def test_parameters_of_the_detector_by_hand() -> None:
    # At 1/32, stages have 2, 4, 8 and 16 channels, the pyramid 8; a block a -> b has 9ab + 9bb + 4b, shortcuts ab + 2b.
    pairs = [(2, 2), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 16)]
    blocks = sum(9 * a * b + 9 * b * b + 4 * b + (a * b + 2 * b if a != b else 0) for a, b in pairs)
    stem = 9 * 3 * 2 + 2 * 2
    pyramid = (4 + 8 + 16) * 8 + 3 * 8 + 3 * (9 * 8 * 8 + 8)
    heads = 2 * 2 * (9 * 8 * 8 + 8) + (9 * 8 * 10 + 10) + (9 * 8 * 8 + 8)  # two anchors of 5 classes and 4 numbers
    model = build("retinanet", width_multiplier=1 / 32, anchors=2)
    assert sqnn.count(model).classical == stem + blocks + pyramid + heads


def test_learned_thresholds_are_one_for_a_layer_or_a_channel() -> None:
    # ResNet20: one activation in the stem and two in each of nine blocks, on 16, 32 and 64 channels.
    options = {"num_classes": 10, "width_multiplier": 1.0, "activation": "qcfs"}
    plain = sqnn.count(build("resnet20", (32, 32), **{**options, "activation": "relu"})).classical
    assert sqnn.count(build("resnet20", (32, 32), **options)).classical == plain + 19
    each = sqnn.count(build("resnet20", (32, 32), **options, thresholds="channel")).classical
    assert each == plain + 16 + 6 * (16 + 32 + 64)


class Weights:
    """The weights of a network, taken in the order in which it declares them."""

    def __init__(self, model: nn.Module) -> None:
        self.left = [value for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")]

    def conv_norm(self, x: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
        weight, scale, shift, mean, variance = (self.left.pop(0) for _ in range(5))
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=groups)
        column = (1, -1, 1, 1)
        x = (x - mean.view(column)) / (variance.view(column) + 1e-5).sqrt()
        return x * scale.view(column) + shift.view(column)

    def conv(self, x: Tensor, stride: int = 1) -> Tensor:
        weight, bias = self.left.pop(0), self.left.pop(0)
        return F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2)

    def dense(self, x: Tensor) -> Tensor:
        return x @ self.left.pop(0).T + self.left.pop(0)

    def norm(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        x = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return x * self.left.pop(0) + self.left.pop(0)


def basic_block(weights: Weights, x: Tensor, stride: int, projects: bool) -> Tensor:
    y = weights.conv_norm(weights.conv_norm(x, stride).relu())
    return (y + (weights.conv_norm(x, stride) if projects else x)).relu()


def test_vgg_by_hand() -> None:
    model = settled(build("vgg11", (12, 12)))
    weights, x = Weights(model), batch(model)
    for convolutions, halved in ((1, True), (1, True), (2, True), (2, False), (2, False)):  # 12, 6, 3, 2 pixels
        for _ in range(convolutions):
            x = weights.conv_norm(x).relu()
        if halved:
            height, width = x.shape[2:]
            x = F.pad(x, (0, width % 2, 0, height % 2), value=float("nan"))
            x = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).nanmean((3, 5))
    x = weights.dense(weights.dense(x.mean((2, 3))).relu())
    assert weights.left == []
    assert_close(model(batch(model)), x, atol=1e-11, rtol=0)


def test_resnet20_by_hand() -> None:
    model = settled(build("resnet20", (16, 16)))
    weights, x = Weights(model), batch(model)
    x = weights.conv_norm(x).relu()
    for stage in range(3):
        for block in range(3):
            changes = stage > 0 and block == 0
            x = basic_block(weights, x, 2 if changes else 1, changes)
    x = weights.dense(x.mean((2, 3)))
    assert weights.left == []
    assert_close(model(batch(model)), x, atol=1e-11, rtol=0)


def test_resnet18_on_a_large_image_by_hand() -> None:
    model = settled(build("resnet18", (64, 64), pooling="max"), steps=1)
    weights, x = Weights(model), batch(model)
    x = F.max_pool2d(weights.conv_norm(x, 2).relu(), 3, 2, 1)
    for stage in range(4):
        for block in range(2):
            changes = stage > 0 and block == 0
            x = basic_block(weights, x, 2 if changes else 1, changes)
    assert x.shape[2:] == (2, 2)  # a thirty-second
    x = weights.dense(x.mean((2, 3)))
    assert weights.left == []
    assert_close(model(batch(model)), x, atol=1e-11, rtol=0)


def test_mobilenet_by_hand() -> None:
    model = settled(build("mobilenetv2", (32, 32)))
    weights, x = Weights(model), batch(model)
    x = weights.conv_norm(x).relu()
    for stage, (blocks, stride) in enumerate(zip((1, 2, 3, 4, 3, 3, 1), (1, 1, 2, 2, 1, 2, 1), strict=True)):
        for block in range(blocks):
            y = x if stage == 0 else weights.conv_norm(x).relu()
            y = weights.conv_norm(y, stride if block == 0 else 1, groups=y.shape[1]).relu()
            y = weights.conv_norm(y)
            x = x + y if block > 0 or y.shape == x.shape else y
    x = weights.dense(weights.conv_norm(x).relu().mean((2, 3)))
    assert weights.left == []
    assert_close(model(batch(model)), x, atol=1e-11, rtol=0)


def test_the_transformer_by_hand() -> None:
    model = settled(build("vit", (8, 12), heads=2, depth=1, width_multiplier=0.25))  # two heads of 4 channels
    weights, images = Weights(model), batch(model)
    position, kernel, bias = (weights.left.pop(0) for _ in range(3))
    patches = [images[:, :, i : i + 4, j : j + 4].flatten(1) for i in (0, 4) for j in (0, 4, 8)]
    x = torch.stack(patches, 1) @ kernel.flatten(1).T + bias + position
    inner = weights.norm(x).relu()
    query, key, value = weights.dense(inner), weights.dense(inner), weights.dense(inner).relu()
    heads = []
    for head in (slice(0, 4), slice(4, 8)):
        scores = torch.einsum("bic,bjc->bij", query[..., head], key[..., head]) / 2
        shares = scores.exp() / scores.exp().sum(-1, keepdim=True)
        heads.append(torch.einsum("bij,bjc->bic", shares, value[..., head]))
    x = x + weights.dense(torch.cat(heads, -1).relu())
    x = x + weights.dense(weights.dense(weights.norm(x).relu()).relu())
    x = weights.dense(weights.norm(x.mean(1)))
    assert weights.left == []
    assert_close(model(images), x, atol=1e-11, rtol=0)


def test_the_detector_by_hand() -> None:
    model = settled(build("retinanet", (12, 16), anchors=2))
    weights, x = Weights(model), batch(model)
    x = weights.conv_norm(x).relu()
    maps = []
    for stage in range(4):
        for block in range(2):
            changes = stage > 0 and block == 0
            x = basic_block(weights, x, 2 if changes else 1, changes)
        maps.append(x)
    # 6 x 8, 3 x 4 and 2 x 2 pixels: a pixel takes what lies at the same share of height and width.
    merged = [weights.conv(each) for each in maps[1:]]
    merged[1] = merged[1] + merged[2][:, :, [0, 0, 1]][..., [0, 0, 1, 1]]
    merged[0] = merged[0] + merged[1][:, :, [0, 0, 1, 1, 2, 2]][..., [0, 0, 1, 1, 2, 2, 3, 3]]
    levels = [weights.conv(each) for each in merged]
    found = []
    for values in (5, 4):
        head = Weights(nn.Module())
        rows = []
        for level in levels:
            head.left = weights.left[:6]
            y = head.conv(head.conv(head.conv(level).relu()).relu())
            height, width = y.shape[2:]
            for i in range(height):
                for j in range(width):
                    rows += [y[:, :values, i, j], y[:, values:, i, j]]
        weights.left = weights.left[6:]
        found.append(torch.stack(rows, 1))
    assert weights.left == []
    assert model.map_sizes == [(6, 8), (3, 4), (2, 2)]
    assert_close(numbers(model(batch(model))), numbers(tuple(found)), atol=1e-11, rtol=0)
