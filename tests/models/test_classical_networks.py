"""The source networks: traceable, quantised where they say so, no dead kernels, no batch mates, clear refusals."""

from __future__ import annotations

import copy
from collections import Counter

import pytest
import torch
from classical_networks import CLASSIFIERS, NETWORKS, Tracer, batch, build, numbers, settled
from torch import fx, nn
from torch.nn import functional as F
from torch.testing import assert_close

from sqnn.core import ConfigError
from sqnn.models import VGGConfig, model_name
from sqnn.models.initial import kaiming_normal
from sqnn.models.sizes import strides
from sqnn.neurons import QCFS

SIZES = [(8, 8), (9, 13), (28, 28), (32, 32), (64, 70), (224, 224)]


@pytest.mark.parametrize("activation", ["relu", "qcfs"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_traced_network_computes_the_same(name: str, activation: str) -> None:
    model = settled(build(name, (28, 28), activation=activation, thresholds="channel"))
    graph = Tracer().trace(model, concrete_args={"generator": None})
    traced = fx.GraphModule(model, graph)
    images = batch(model)
    # The network lays images out in another order of memory than the bare graph: sums are rounded otherwise.
    assert_close(traced(images, None), model(images), atol=1e-12, rtol=1e-9)
    assert numbers(model(images)).std(0).max() > 0


@pytest.mark.parametrize("thresholds", ["layer", "channel"])
@pytest.mark.parametrize("name", NETWORKS)
def test_quantised_networks_converge_to_the_relu_network(name: str, thresholds: str) -> None:
    """Six more bits halve the error six times, and it ends at 0: nothing but the rounding differs."""
    relu = settled(build(name, (12, 12)))
    images = batch(relu)
    errors = []
    for bits in (10, 16):
        options = {"activation": "qcfs", "timesteps": bits, "thresholds": thresholds, "initial_threshold": 32.0}
        quantised = build(name, (12, 12), **options).double().eval()
        missing, unexpected = quantised.load_state_dict(relu.state_dict(), strict=False)
        assert unexpected == []
        assert {key.rsplit(".", 1)[1] for key in missing} == {"raw_threshold"}
        assert not any(isinstance(layer, nn.ReLU) for layer in quantised.modules())
        errors.append((numbers(quantised(images)) - numbers(relu(images))).abs().max().item())
    assert 0 < errors[1] < errors[0] / 16


@pytest.mark.parametrize("thresholds", ["layer", "channel"])
@pytest.mark.parametrize("name", NETWORKS)
def test_quantised_activations_take_whole_levels(name: str, thresholds: str) -> None:
    model = settled(build(name, activation="qcfs", timesteps=3, thresholds=thresholds, initial_threshold=1.5))
    levels: dict[str, torch.Tensor] = {}
    for key, layer in model.named_modules():
        if isinstance(layer, QCFS):
            with torch.no_grad():
                layer.raw_threshold.add_(
                    torch.linspace(-0.5, 0.5, layer.raw_threshold.numel()).reshape_as(layer.threshold)
                )
            layer.register_forward_hook(
                lambda layer, _, values, key=key: levels.__setitem__(key, values * 7 / layer.threshold_for(values))
            )
    model(batch(model))
    for key, found in levels.items():
        assert_close(found, found.round(), atol=1e-9, rtol=0, msg=key)
        assert found.min() >= 0
        assert found.max() < 7.5
    assert torch.cat([found.flatten() for found in levels.values()]).round().unique().numel() == 8


@pytest.mark.parametrize("name", NETWORKS)
def test_every_activation_is_a_module_of_its_own(name: str) -> None:
    """Only the heads of the detector run on three levels each."""
    model = build(name).eval()
    calls: Counter[str] = Counter()
    for key, layer in model.named_modules():
        if isinstance(layer, nn.ReLU):
            layer.register_forward_hook(lambda *_, key=key: calls.update([key]))
    model(batch(model))
    assert {times for key, times in calls.items() if "head" not in key} == {1}
    assert {times for key, times in calls.items() if "head" in key} == ({3} if name == "retinanet" else set())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_of_every_kernel_sees_the_image(name: str, size: tuple[int, int]) -> None:
    """No kernel is as large as to look at padding alone, and no pool is left to halve one pixel."""
    options = {"patch": {13: 1, 70: 2}.get(size[1], size[0] // 4)} if name == "vit" else {}
    model = build(name, size, width_multiplier=1 / 32, **options)
    blind, small = [], []

    def look(key: str, layer: nn.Module, values: torch.Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            kernel = torch.zeros(1, 1, *layer.kernel_size, requires_grad=True)
            F.conv2d(torch.ones(1, 1, *values.shape[2:]), kernel, None, layer.stride, layer.padding).sum().backward()
            if kernel.grad.min() == 0:
                blind.append(key)
        elif min(values.shape[2:]) < 2:
            small.append(key)

    for key, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d | nn.AvgPool2d):
            layer.register_forward_hook(lambda layer, args, _, key=key: look(key, layer, args[0]))
    numbers(model(batch(model, 2))).sum().backward()
    assert (blind, small) == ([], [])
    assert [key for key, weight in model.named_parameters() if weight.grad is None] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_a_prediction_does_not_depend_on_its_batch_mates(name: str) -> None:
    model = settled(build(name))
    images = batch(model, 5)
    together = numbers(model(images))
    alone = torch.cat([numbers(model(image[None])) for image in images])
    assert_close(alone, together, atol=1e-12, rtol=0)
    assert together.std(0).max() > 0


@pytest.mark.parametrize("name", NETWORKS)
def test_the_generator_alone_draws_the_weights(name: str) -> None:
    with torch.random.fork_rng():
        models = []
        for disturbance, seed in ((1, 3), (2, 3), (3, 4)):
            torch.random.manual_seed(disturbance)
            kind = type(build(name))
            models.append(kind(build(name).config, torch.Generator().manual_seed(seed)))
    first, same, other = (model.state_dict() for model in models)
    assert all(torch.equal(first[key], same[key]) for key in first)
    drawn = [key for key, value in first.items() if value.is_floating_point() and value.std() > 0]
    assert len(drawn) > 5
    assert not any(torch.equal(first[key], other[key]) for key in drawn)


@pytest.mark.parametrize(("kernel", "groups"), [(1, 1), (3, 1), (3, 4), (5, 16)])
def test_initial_convolutions_double_the_power_of_gradients(kernel: int, groups: int) -> None:
    """A ReLU halves it again. The power of 512 or more normal weights is good to 6 %."""
    generator = torch.Generator().manual_seed(0)
    layer = nn.Conv2d(16, 32, kernel, padding=kernel - 1, groups=groups).double()
    kaiming_normal(layer, generator)
    assert layer.bias.count_nonzero() == 0
    images = torch.zeros(20, 16, 10, 10, dtype=torch.float64, requires_grad=True)
    output = layer(images)
    output.backward(torch.randn(output.shape, generator=generator, dtype=torch.float64))
    assert images.grad.square().mean().item() == pytest.approx(2, rel=0.15)


def test_strides_stop_where_fewer_than_two_pixels_would_stay() -> None:
    assert strides(8, [2, 2, 2, 1, 2]) == [2, 2, 1, 1, 1]
    assert strides(9, [1, 2, 2, 2, 2]) == [1, 2, 2, 2, 1]  # 9, 5, 3, 2
    assert strides(224, [2] * 5) == [2] * 5


@pytest.mark.parametrize("kernel", [2, 3])
def test_pools_by_hand(kernel: int) -> None:
    """On five columns 0 .. 4, windows are 01 23 4 or 01 123 34; what lies beyond the edge counts for nothing."""
    images = torch.arange(5.0).expand(1, 1, 5, 5)
    windows = [[0, 1], [2, 3], [4]] if kernel == 2 else [[0, 1], [1, 2, 3], [3, 4]]
    average, largest = (VGGConfig(pooling=pooling).make_pool(kernel)(images)[0, 0] for pooling in ("average", "max"))
    assert average.tolist() == [[sum(window) / len(window) for window in windows]] * 3
    assert largest.tolist() == [[max(window) for window in windows]] * 3


@pytest.mark.parametrize("name", ["vgg11", "mobilenetv2", "vit"])
def test_dropout_acts_in_training_alone(name: str) -> None:
    model = build(name, dropout=0.5)
    images = batch(model)
    with torch.random.fork_rng():
        torch.random.manual_seed(0)
        assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))


def test_the_detector_starts_with_rare_classes() -> None:
    model = build("retinanet", (28, 28), anchors=2).eval()
    classes, boxes = model(batch(model))
    assert_close(classes.sigmoid(), torch.full_like(classes, 0.01), atol=0, rtol=0.2)
    assert boxes.abs().max() < 0.1
    # Maps of 14 x 14, 7 x 7 and 4 x 4 pixels, two anchors each.
    assert classes.shape[1] == boxes.shape[1] == 2 * (196 + 49 + 16)


WRONG = [
    ([[0.5]], r"images: got list, expected a torch tensor"),
    (torch.rand(2, 1, 8, 8), r"images: got shape \[2, 1, 8, 8\], expected \[batch, 3, 8, 8\]"),
    (torch.rand(3, 8, 8), r"images: got shape \[3, 8, 8\], expected \[batch, 3, 8, 8\]"),
    (torch.rand(0, 3, 8, 8), r"images: got 0, expected at least"),
    (torch.rand(2, 3, 8, 8).double(), r"images: got torch.float64, expected the network's torch.float32"),
    (torch.full((2, 3, 8, 8), float("nan")), r"images: got NaN, expected finite values in \[0, 1\]"),
    (torch.full((2, 3, 8, 8), 2.0), r"images: got values in \[2, 2\], expected finite values in \[0, 1\]"),
]


@pytest.mark.parametrize(("images", "message"), WRONG)
@pytest.mark.parametrize("name", ["resnet20", "vit", "retinanet"])
def test_wrong_images_are_refused_by_a_network_and_its_copies(name: str, images: object, message: str) -> None:
    model = build(name)
    for each in (model, copy.deepcopy(model), copy.deepcopy(copy.deepcopy(model)).eval()):
        with pytest.raises(ValueError, match=message):
            each(images)
        with pytest.raises(ValueError, match=message):
            each(images=images)


def test_batch_norms_train_on_two_images_or_more() -> None:
    one = torch.rand(1, 3, 8, 8)
    with pytest.raises(ValueError, match=r"images: got 1, expected at least 2 \(batch norms train on two or more\)"):
        build("vgg11")(one)
    assert torch.isfinite(build("vgg11").eval()(one)).all()
    assert torch.isfinite(build("vit")(one)).all()


MISTAKES = [
    ({"activation": "tanh"}, "activation: got 'tanh', expected one of relu, qcfs"),
    ({"thresholds": "neuron"}, "thresholds: got 'neuron', expected one of layer, channel"),
    ({"timesteps": 0}, "timesteps: got 0, expected a whole number from 1 to 16"),
    ({"timesteps": 17}, "timesteps: got 17, expected a whole number from 1 to 16"),
    ({"initial_threshold": 0.001}, "initial_threshold: got 0.001, expected a number above 0.001"),
    ({"width_multiplier": 0.0}, "width_multiplier: got 0.0, expected a number above 0 and at most 16"),
    ({"width_multiplier": 17}, "width_multiplier: got 17.0, expected a number above 0 and at most 16"),
    ({"size": (7, 8)}, r"image_size: got \(7, 8\), expected at least 8 x 8"),
]
OWN_MISTAKES = [
    ("vgg11", {"pooling": "min"}, "pooling: got 'min', expected one of average, max"),
    ("resnet18", {"pooling": "min"}, "pooling: got 'min', expected one of average, max"),
    ("vgg16", {"dropout": 1.0}, "dropout: got 1.0, expected a number of at least 0 and below 1"),
    ("mobilenetv2", {"dropout": -0.1}, "dropout: got -0.1, expected a number of at least 0 and below 1"),
    (
        "resnet20",
        {"pooling": "max"},
        "pooling: is an option of vgg11, vgg16, resnet18, resnet34, and resnet20 has none",
    ),
    ("vit", {"patch": 3}, "patch: got 3, expected a divisor of the image's height and width, 8 and 8 pixels"),
    ("vit", {"patch": 0}, "patch: got 0, expected a whole number of at least 1"),
    ("vit", {"heads": 0}, "heads: got 0, expected a whole number from 1 to 64"),
    ("vit", {"depth": 65}, "depth: got 65, expected a whole number from 1 to 64"),
    ("retinanet", {"anchors": 0}, "anchors: got 0, expected a whole number from 1 to 64"),
    *((name, options, message) for name in NETWORKS for options, message in MISTAKES),
]


@pytest.mark.parametrize(("name", "options", "message"), OWN_MISTAKES)
def test_mistakes_name_the_field(name: str, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(name, **options)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_configuration_survives_yaml(name: str) -> None:
    config = build(name, activation="qcfs", timesteps=5, thresholds="channel", initial_threshold=2.5).config
    assert type(config).from_yaml(config.to_yaml()) == config


def test_the_detector_is_no_classifier() -> None:
    detector = build("retinanet")
    with pytest.raises(ConfigError, match="model: RetinaNet is not one of"):
        model_name(detector)
