"""Preparation: activations get levels, pools average if they are to, and everything else stays what it was."""

from __future__ import annotations

import copy

import pytest
import torch
from classical_networks import batch, build, settled
from convertible import draw_images, randomise
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

import sqnn
from sqnn.conversion import ConversionError, convert, prepare, verify
from sqnn.core import ConfigError
from sqnn.models import MobileNetV2, load_model, save_model
from sqnn.neurons import QCFS


class Written(nn.Module):
    """Activations and pools in all the ways that people write them."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(1 if index == 0 else 3, 3, 3, padding=1) for index in range(6))
        self.relu, self.leaky, self.gelu = nn.ReLU(inplace=True), nn.LeakyReLU(), nn.GELU()
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.linear = nn.Linear(27, 4)

    def forward(self, images: Tensor) -> Tensor:
        values = self.relu(self.convs[0](images))
        values = self.pool(self.relu(self.convs[1](values)))
        values = F.relu(self.convs[2](values))
        values = F.max_pool2d(self.leaky(self.convs[3](values)), 2, ceil_mode=True)
        values = self.gelu(self.convs[4](values))
        return self.linear(F.adaptive_max_pool2d(self.convs[5](values).relu(), 3).flatten(1))


def activations(model: nn.Module) -> list[QCFS]:
    return [layer for layer in model.modules() if isinstance(layer, QCFS)]


@pytest.mark.parametrize("pools", ["keep", "average"])
def test_all_activations_are_replaced_and_weights_kept(pools: str) -> None:
    model = randomise(Written(), seed=1)
    prepared = prepare(model, 3, pools=pools)
    assert len(activations(prepared)) == 6
    assert {layer.timesteps for layer in activations(prepared)} == {3}
    kept = {name: value for name, value in prepared.state_dict().items() if "raw_threshold" not in name}
    assert kept.keys() == model.state_dict().keys()
    assert all(torch.equal(kept[name], value) for name, value in model.state_dict().items())
    images = draw_images(4, 1, 12, 12)
    assert verify(prepared, convert(prepared), images).exact


@pytest.mark.parametrize("pools", ["keep", "average"])
def test_the_prepared_network_is_the_one_written_with_levels(pools: str) -> None:
    """Max pools are what they were unless averages are asked for."""
    model = randomise(Written(), seed=1)
    prepared = prepare(model, 3, **({} if pools == "keep" else {"pools": pools}))
    images = draw_images(4, 1, 12, 12)

    def level(values: Tensor) -> Tensor:
        return 4 / 7 * (values * 7 / 4 + 0.5).floor().clamp(0, 7)

    def pooled(values: Tensor, kernel: int, stride: int, padding: int, up: bool) -> Tensor:
        if pools == "keep":
            return F.max_pool2d(values, kernel, stride, padding, ceil_mode=up)
        return F.avg_pool2d(values, kernel, stride, padding, up, count_include_pad=False)

    values = level(model.convs[0](images))
    values = pooled(level(model.convs[1](values)), 3, 2, 1, False)
    values = level(model.convs[2](values))
    values = pooled(level(model.convs[3](values)), 2, 2, 0, True)
    values = level(model.convs[4](values))
    last = F.adaptive_max_pool2d if pools == "keep" else F.adaptive_avg_pool2d
    values = last(level(model.convs[5](values)), 3)
    assert_close(prepared(images), model.linear(values.flatten(1)), atol=1e-6, rtol=0)
    assert values.std() > 0


POOLS = [
    (nn.MaxPool1d(3, 2, 1), lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False), (11,)),
    (nn.MaxPool1d(2, ceil_mode=True), lambda x: F.avg_pool1d(x, 2, ceil_mode=True), (11,)),
    (nn.MaxPool2d(3), lambda x: F.avg_pool2d(x, 3), (10, 11)),
    (nn.MaxPool2d((2, 3), (1, 2), (1, 0)), lambda x: F.avg_pool2d(x, (2, 3), (1, 2), (1, 0), False, False), (10, 11)),
    (nn.MaxPool2d(3, 2, 1, ceil_mode=True), lambda x: F.avg_pool2d(x, 3, 2, 1, True, False), (10, 11)),
    (nn.MaxPool3d(2), lambda x: F.avg_pool3d(x, 2), (4, 5, 6)),
    (nn.AdaptiveMaxPool1d(4), lambda x: F.adaptive_avg_pool1d(x, 4), (11,)),
    (nn.AdaptiveMaxPool2d((3, None)), lambda x: F.adaptive_avg_pool2d(x, (3, None)), (10, 11)),
    (nn.AdaptiveMaxPool3d(2), lambda x: F.adaptive_avg_pool3d(x, 2), (4, 5, 6)),
]


def pool_name(value: object) -> str | None:
    """A name that is the same in every process, which that of a lambda is not."""
    return str(value)[:40] if isinstance(value, nn.Module) else None


@pytest.mark.parametrize(("pool", "average", "sides"), POOLS, ids=pool_name)
def test_pools_average_the_windows_they_took_the_largest_of(pool: nn.Module, average, sides: tuple[int, ...]) -> None:
    prepared = prepare(nn.Sequential(nn.ReLU(), pool), 4, pools="average")
    values = draw_images(2, 3, *sides)
    assert_close(prepared[1](values), average(values), atol=1e-15, rtol=0)
    assert prepared[1](values).shape == pool(values).shape
    assert torch.equal(prepare(nn.Sequential(nn.ReLU(), pool), 4)[1](values), pool(values))


def test_the_original_is_untouched_and_its_class_and_mode_are_kept() -> None:
    model = settled(build("vgg11", (8, 8), pooling="max"))
    before = copy.deepcopy(model)
    for mode in (True, False):
        prepared = prepare(model.train(mode), 5, images=batch(model))
        assert type(prepared) is type(model)
        assert prepared.training is model.training is mode
        assert next(prepared.parameters()).dtype == torch.float64
    assert [type(layer) for layer in model.modules()] == [type(layer) for layer in before.modules()]
    assert all(torch.equal(before.state_dict()[name], value) for name, value in model.state_dict().items())
    assert model.config == before.config


@pytest.mark.parametrize("thresholds", ["layer", "channel"])
@pytest.mark.parametrize("told", ["layer", "channel"])
@pytest.mark.parametrize("name", ["vgg11", "resnet20", "vit"])
def test_a_prepared_network_of_the_package_keeps_its_name(tmp_path, name: str, thresholds: str, told: str) -> None:
    """Its configuration says what became of it, whatever that of the ReLU network said of thresholds."""
    pooling = {"pooling": "max"} if name == "vgg11" else {}
    model = settled(build(name, (8, 8), thresholds=told, **pooling))
    pools = "keep" if told == "layer" else "average"
    calibration = batch(model) if thresholds == "channel" else None
    prepared = prepare(model, 3, thresholds=thresholds, images=calibration, pools=pools)
    wanted = {"activation": "qcfs", "timesteps": 3, "thresholds": thresholds}
    wanted |= {"pooling": "max" if pools == "keep" else "average"} if name == "vgg11" else {}
    assert {key: getattr(prepared.config, key) for key in wanted} == wanted
    loaded = load_model(save_model(prepared, tmp_path / "prepared.safetensors"))
    images = batch(model)
    assert torch.equal(loaded(images), prepared(images))
    assert verify(loaded, convert(loaded), images).exact


def test_thresholds_are_read_off_what_activations_receive() -> None:
    model = randomise(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)))
    images = draw_images(200, 3) * 2 - 1
    inner = [model[:1](images), model[:3](images)]
    for share in (100.0, 90.0):
        layerwise = activations(prepare(model, 4, images=images, percentile=share))
        channelwise = activations(prepare(model, 4, images=images, percentile=share, thresholds="channel"))
        for received, layer, channels in zip(inner, layerwise, channelwise, strict=True):
            positive = received.detach().clamp(min=0)
            expected = positive.flatten().sort().values[int(len(positive.flatten()) * share / 100) - 1]
            each = positive.sort(0).values[int(len(positive) * share / 100) - 1].clamp(min=0.01)
            assert_close(layer.threshold, expected, rtol=1e-6, atol=0)
            assert_close(channels.threshold, each, rtol=1e-6, atol=0)
            assert len(channels.threshold.unique()) > 1


def test_a_quantised_activation_keeps_its_threshold_and_its_channels() -> None:
    model = randomise(nn.Sequential(nn.Linear(3, 5), QCFS(2, channels=5, channel_axis=-1), nn.Linear(5, 4), nn.ReLU()))
    kept, new = activations(prepare(model, 6))
    assert kept.timesteps == new.timesteps == 6
    assert_close(kept.threshold, model[1].threshold, rtol=1e-6, atol=0)
    assert (kept.channels, kept.channel_axis, new.channels) == (5, -1, None)
    assert new.threshold.item() == pytest.approx(4.0)
    tokens = draw_images(7, 2, 3)
    largest = model[0](tokens).clamp(min=0.01).amax((0, 1)).detach()
    inner = model[:3](tokens).clamp(min=0.01)
    # Behind a linear layer a ReLU's channels are its features, unless the tokens of dimension 1 are asked for.
    for asked, expected in (({}, inner.amax((0, 1))), ({"channel_axis": 1}, inner.amax((0, 2)))):
        found = prepare(model, 6, thresholds="channel", images=tokens, percentile=100.0, **asked)
        calibrated, other = activations(found)
        assert_close(calibrated.threshold, largest, rtol=1e-6, atol=0)
        assert_close(other.threshold, expected.detach(), rtol=1e-6, atol=0)


def test_images_of_single_precision_calibrate_a_double_network() -> None:
    model = settled(build("vgg11"))
    images = batch(model)
    one, other = (activations(prepare(model, 4, images=given)) for given in (images, images.float()))
    for ours, theirs in zip(one, other, strict=True):
        assert_close(ours.threshold, theirs.threshold, rtol=1e-5, atol=0)


class Recurrent(nn.Module):
    """Two layers that stay in the way, and others that do not."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU(), nn.InstanceNorm2d(4)
        )
        self.pool = nn.MaxPool2d(2, dilation=2)
        self.other = nn.MaxPool2d(2)
        self.shrink = nn.Softshrink()
        self.last = nn.Linear(16, 3)

    def forward(self, images: Tensor) -> Tensor:
        values = self.shrink(self.shrink(self.other(self.pool(self.features(images)))))
        return self.last(values.flatten(1))


def test_all_that_stays_in_the_way_is_named_at_once_and_nothing_changed() -> None:
    model = Recurrent()
    state, kinds = copy.deepcopy(model.state_dict()), [type(layer) for layer in model.modules()]
    with pytest.raises(ConversionError) as caught:
        prepare(model, 4, images=torch.rand(2, 1, 14, 14), pools="average")
    assert sorted(caught.value.problems) == sorted(
        [
            "features.1: BatchNorm2d has no running statistics to convert; train it with track_running_stats=True",
            'pool: MaxPool2d has dilation 2, which an average pool has not; leave it a max pool with pools="keep"',
        ]
    )
    assert str(caught.value).count("\n") == 1
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert [type(layer) for layer in model.modules()] == kinds


@pytest.mark.parametrize(
    ("layers", "problem"),
    [
        ([nn.ReLU(), nn.Softmax(0)], "1: Softmax acts on the batch dimension, where spikes have their time steps; use"),
        ([nn.ReLU(), nn.MaxPool2d(2, return_indices=True)], "1: MaxPool2d returns indices, which an average pool has"),
        ([nn.Linear(3, 4)], "model: has no activation, so it has nothing that could spike; put a ReLU between"),
    ],
)
def test_what_could_not_be_converted_is_not_prepared(layers: list[nn.Module], problem: str) -> None:
    with pytest.raises(ConversionError) as caught:
        prepare(nn.Sequential(*layers), pools="average")
    (found,) = caught.value.problems
    assert found.startswith(problem)


def test_pools_that_no_average_stands_for_are_kept_by_default() -> None:
    """Dilation and the places of the largest values (as SegNet's decoders take them) belong to max pools."""

    class Unpooling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.pool, self.unpool = nn.ReLU(), nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)

        def forward(self, images: Tensor) -> Tensor:
            pooled = self.pool(self.relu(images - 0.3))
            return F.max_pool2d(self.unpool(pooled[0], pooled[1]), 2, 1, 0, 2)

    images = draw_images(2, 3, 8, 8) * 3
    prepared = prepare(Unpooling(), 4, images=images)
    for layer in activations(prepared):
        layer.set_threshold(4.0)
    largest, places = F.max_pool2d(QCFS(4)(images - 0.3).detach(), 2, return_indices=True)
    expected = F.max_pool2d(F.max_unpool2d(largest, places, 2), 2, 1, dilation=2)
    assert_close(prepared(images), expected)
    with pytest.raises(ConversionError) as caught:
        prepare(Unpooling(), 4, images=images, pools="average")
    one, other = caught.value.problems
    assert one.startswith("pool: MaxPool2d returns indices, which an average pool has not; ")
    assert "has dilation 2, which an average pool has not; " in other


MISTAKES = [
    ({"timesteps": 0}, "timesteps: got 0, expected a whole number from 1 to 16"),
    ({"pools": "max"}, "pools: got 'max', expected one of keep, average"),
    ({"timesteps": 17}, "timesteps: got 17, expected"),
    ({"thresholds": "neuron"}, "thresholds: got 'neuron', expected one of layer, channel"),
    ({"thresholds": "channel"}, "images: got none, expected a tensor of images to read thresholds from"),
    ({"images": [1.0]}, "images: got list, expected a tensor of images"),
    ({"images": torch.rand(2, 1, 8, 8), "percentile": 0.0}, "percentile: got 0.0, expected above 0 and at most 100"),
]


@pytest.mark.parametrize(("options", "message"), MISTAKES)
def test_mistakes_are_named(options: dict, message: str) -> None:
    model = sqnn.create_model("mobilenetv2", image_size=(8, 8), width_multiplier=0.1)
    assert isinstance(model, MobileNetV2)
    with pytest.raises(ConfigError, match=message):
        prepare(model, **options)


class Gated(nn.Module):
    """A convolution, then whatever a function makes of its output, then a ReLU: images [batch, 1, 5, 5]."""

    def __init__(self, function) -> None:
        super().__init__()
        self.convolution, self.function, self.gate = nn.Conv2d(1, 4, 1), function, nn.Conv2d(1, 4, 1)

    def forward(self, images: Tensor) -> Tensor:
        return F.relu(self.function(self.convolution(images), self.gate(images)))


@pytest.mark.parametrize(
    "function",
    [
        lambda y, gate: F.group_norm(y, 2),
        lambda y, gate: torch.sigmoid(gate) * y,
        lambda y, gate: y * torch.sigmoid(gate),
        lambda y, gate: torch.tanh(y) + 1,
    ],
)
def test_channels_of_images_are_found_through_what_keeps_their_place(function) -> None:
    model = randomise(Gated(function))
    images = draw_images(30, 1, 5, 5)
    (activation,) = activations(prepare(model, 3, thresholds="channel", images=images, percentile=100.0))
    received = model.function(model.convolution(images), model.gate(images)).detach()
    assert_close(activation.threshold, received.clamp(min=0.01).amax((0, 2, 3)), rtol=1e-6, atol=0)
    assert activation.channel_axis == 1


SWISHES = {
    "operator": lambda y, gate: y * torch.sigmoid(y),
    "gate first": lambda y, gate: y.sigmoid() * y,
    "module": lambda y, gate: torch.mul(y, nn.Sigmoid()(y)),
    "in place": lambda y, gate: y.mul_(y.sigmoid()),
}


@pytest.mark.parametrize("swish", SWISHES.values(), ids=SWISHES)
def test_a_product_with_its_own_sigmoid_is_a_silu(swish) -> None:
    images = draw_images(6, 1, 5, 5)
    written, known = (randomise(Gated(function)) for function in (swish, lambda y, gate: F.silu(y)))
    prepared, twin = (prepare(model, 4, images=images).eval() for model in (written, known))
    assert [len(activations(prepared)), len(activations(twin))] == [2, 2]
    assert_close(prepared(images), twin(images), rtol=0, atol=0)
    spiking = convert(prepared, images=images)
    for network in (written, prepared):
        assert verify(network, spiking, images).exact
    gated = prepare(randomise(Gated(lambda y, gate: y * torch.sigmoid(gate))), 4, images=images)
    assert len(activations(gated)) == 1


def test_images_of_another_size_after_a_change_of_precision() -> None:
    layers = nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    prepared = prepare(randomise(nn.Sequential(*layers, nn.Linear(2, 3))).float(), 3, images=draw_images(4, 1, 4, 4))
    spiking, images = convert(prepared, images=draw_images(4, 1, 4, 4)).double(), draw_images(3, 1, 6, 6)
    assert_close(spiking(images), prepared.double()(images), rtol=0, atol=1e-5)


def test_channels_that_were_moved_have_to_be_named() -> None:
    model = randomise(Gated(lambda y, gate: y.permute(0, 2, 3, 1)))
    images = draw_images(30, 1, 5, 5)
    with pytest.raises(ConfigError, match=r"channel_axis: got None, expected the dimension .* after permute"):
        prepare(model, 3, thresholds="channel", images=images)
    (activation,) = activations(prepare(model, 3, thresholds="channel", images=images, channel_axis=-1))
    assert len(activation.threshold) == 4
    with pytest.raises(ConfigError, match=r"channel_axis: got 5, expected a dimension of relu's input \[30, 5, 5, 4\]"):
        prepare(model, 3, thresholds="channel", images=images, channel_axis=5)
    for wrong in (0, 1.5):
        with pytest.raises(ConfigError, match=f"channel_axis: got {wrong}, expected a dimension after 0"):
            prepare(model, 3, thresholds="channel", images=images, channel_axis=wrong)


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Sequential(nn.ReLU(), nn.ReLU())], ids=["class", "graph"])
def test_every_layer_stays_in_training_or_evaluation(activation: nn.Module) -> None:
    """Batch norms that are frozen for fine-tuning do not thaw."""
    if isinstance(activation, nn.Sequential):
        activation[1] = activation[0]
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2).eval(), activation, nn.BatchNorm2d(2))
    prepared = prepare(model, 3, images=draw_images(4, 1, 4, 4).float())
    assert isinstance(prepared, nn.Sequential) is not isinstance(activation, nn.Sequential)
    assert prepared.training
    assert [prepared.get_submodule(path).training for path in "013"] == [True, False, True]


def test_functional_dropout_still_drops_in_training() -> None:
    class Dropping(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            return F.relu(F.dropout(values, 0.25, self.training))

    model = Dropping()
    values = torch.ones(1, 4000)
    prepared = prepare(model.train(), 4)
    assert (prepared(values) == 0).double().mean().item() == pytest.approx(0.25, abs=0.05)
    assert_close(prepared.eval()(values), QCFS(4)(values))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.tensor(1.0), r"images: got shape \[\], expected a tensor of images"),
        (torch.ones(2, 1, 8, 8, dtype=torch.uint8), "images: got torch.uint8, expected floating point numbers"),
        (torch.ones(2, 1, 8, 8), r"images: got shape \[2, 1, 8, 8\], expected \[batch, 3, 8, 8\]"),
        (torch.full((2, 1, 8, 8), torch.nan), "images: got NaN or infinite values"),
        (torch.full((2, 3, 8, 8), 255.0), r"images: .*expected .*\[0, 1\]"),
    ],
)
def test_images_that_the_network_would_refuse_do_not_calibrate(given: Tensor, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        prepare(build("vgg11", (8, 8)).float(), 4, images=given)
