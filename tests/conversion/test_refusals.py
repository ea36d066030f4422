"""What cannot be converted is refused, layer by layer, with the mend."""

from __future__ import annotations

import pytest
import torch
from convertible import draw_images, plain, randomise
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.conversion import ConversionError, convert, verify
from sqnn.core import ConfigError
from sqnn.models import create_model
from sqnn.neurons import QCFS


class Calls(nn.Module):
    """A spiking layer, then whatever a function of its spikes and the images says."""

    def __init__(self, function) -> None:
        super().__init__()
        self.first, self.spikes, self.function = nn.Conv2d(1, 2, 1), QCFS(3), function
        self.lstm, self.token = nn.LSTM(8, 8), nn.Parameter(torch.ones(1, 1, 2))

    def forward(self, images: Tensor) -> Tensor:
        return self.function(self, self.spikes(self.first(images)), images)


def problems(model: nn.Module) -> tuple[str, ...]:
    with pytest.raises(ConversionError) as caught:
        convert(model)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


BATCH = "acts on the batch dimension, where spikes have their time steps; use flatten(1), or sizes that begin -1"
PICKS = "picks from the batch dimension, where spikes have their time steps; keep that dimension whole"
OTHER = "reshapes by the size of another tensor, which has other time steps; use flatten(1)"
SIZE = "takes a size that has the time steps in it; use a number, or the size of what comes before all spikes"
LEVELS = "has no levels that spikes could count; prepare(model, timesteps) puts a QCFS there, then fine-tune"
POOL = "does not commute with spikes; prepare(model, timesteps) puts an average pool there, then fine-tune"
UNKNOWN = "is not known to the conversion; replace it by layers that are, or keep it outside of the network"

SIZES = "computes with a size that has the time steps in it; use a number, or mean over the dimensions"

CALLS = [
    (lambda net, s, x: F.relu(s), f"relu: relu {LEVELS}"),
    (lambda net, s, x: F.gelu(s), f"gelu: gelu {LEVELS}"),
    (lambda net, s, x: F.max_pool2d(s, 2), f"max_pool2d: max_pool2d {POOL}"),
    (lambda net, s, x: net.lstm(s.flatten(2))[0], f"lstm: LSTM {UNKNOWN}"),
    (lambda net, s, x: s**2, f"pow_1: pow {UNKNOWN}"),
    (lambda net, s, x: torch.where(s > 1, s, 0), f"gt: gt {UNKNOWN}"),
    (lambda net, s, x: torch.flatten(s), f"flatten: flatten {BATCH}"),
    (lambda net, s, x: s.flatten(0, 1), f"flatten: flatten {BATCH}"),
    (lambda net, s, x: s.view(5, -1), f"view: view {BATCH}"),
    (lambda net, s, x: s.reshape((5, 32)), f"reshape: reshape {BATCH}"),
    (lambda net, s, x: s.mean(), f"mean: mean {BATCH}"),
    (lambda net, s, x: torch.softmax(s, 0), f"softmax: softmax {BATCH}"),
    (lambda net, s, x: s.permute(dims=(1, 0, 2, 3)), f"permute: permute {BATCH}"),
    (lambda net, s, x: s.reshape(shape=(5, 32)), f"reshape: reshape {BATCH}"),
    (lambda net, s, x: s + x.mean(0), f"mean: mean {BATCH}"),
    (lambda net, s, x: s.sum((0, 2)), f"sum_1: sum {BATCH}"),
    (lambda net, s, x: s.permute(1, 0, 2, 3), f"permute: permute {BATCH}"),
    (lambda net, s, x: s.transpose(0, 1), f"transpose: transpose {BATCH}"),
    (lambda net, s, x: s.squeeze(), f"squeeze: squeeze {BATCH}"),
    (lambda net, s, x: s.unsqueeze(0), f"unsqueeze: unsqueeze {BATCH}"),
    (lambda net, s, x: torch.cat([s, s + s]), f"cat: cat {BATCH}"),
    (lambda net, s, x: s.chunk(2)[0], f"chunk: chunk {BATCH}"),
    (lambda net, s, x: s[0], f"getitem: getitem {PICKS}"),
    (lambda net, s, x: s[1:, 0], f"getitem: getitem {PICKS}"),
    (lambda net, s, x: s.view(x.size(0), -1), f"view: view {OTHER}"),
    (lambda net, s, x: x.view(s.shape[0], -1), f"view: view {OTHER}"),
    (
        lambda net, s, x: F.dropout(s, 0.5),
        "dropout: dropout drops in evaluation too, so that no two passes agree; "
        "use training=self.training, or nn.Dropout",
    ),
    (lambda net, s, x: s.sum((2, 3)) / s.shape[0], f"truediv: truediv {SIZES}"),
    (lambda net, s, x: s.mean((2, 3)) * s.size(0), f"mul: mul {SIZES}"),
    (lambda net, s, x: s.sum((2, 3)) / (s.shape[0] * 2), f"truediv: truediv {SIZES}"),
    (lambda net, s, x: s.view(x.shape[0] * 2, -1), f"view: view {OTHER}"),
    (lambda net, s, x: net.token.expand(s.size(0), -1, -1) * s.mean(3), f"expand: expand {SIZE}"),
    (
        lambda net, s, x: s.T,
        "getattr_1: getattr asks for T, which the conversion does not know; use permute or flatten",
    ),
]


@pytest.mark.parametrize(("function", "problem"), CALLS, ids=[problem.split(":")[0] for _, problem in CALLS])
def test_calls_that_do_not_let_spikes_through(function, problem: str) -> None:
    assert problem in problems(Calls(function))


ALLOWED = [
    lambda net, s, x: s.flatten(1),
    lambda net, s, x: torch.flatten(s, start_dim=1),
    lambda net, s, x: s.view(-1, 32),
    lambda net, s, x: s.view(s.size(0), -1),
    lambda net, s, x: s.reshape(s.shape[0], 32),
    lambda net, s, x: s.mean((2, 3)),
    lambda net, s, x: s.permute(0, 2, 3, 1).sum(-1),
    lambda net, s, x: s.sum((2, 3)) / (s.shape[2] * 4),
    lambda net, s, x: s.sum((2, 3)) / s.size(3),
    lambda net, s, x: s[:, 1],
    lambda net, s, x: s.chunk(2, dim=1)[1] - s[:, :1],
    lambda net, s, x: torch.cat([s, s / 2, x], dim=1),
    lambda net, s, x: F.interpolate(s, scale_factor=2) * 3,
    lambda net, s, x: net.token.expand(x.size(0), -1, -1) * s.mean(3).transpose(1, 2),
    lambda net, s, x: F.max_pool2d(x, 2),
    lambda net, s, x: s.squeeze(1) + F.dropout(s, 0.5, net.training),
]


@pytest.mark.parametrize("function", ALLOWED)
def test_calls_that_do(function) -> None:
    model = randomise(Calls(function))
    images = draw_images(5, 1, 4, 4)
    spiking = convert(model)
    found = verify(model, spiking, images)
    assert found.exact
    assert found.output_difference < 1e-12
    assert found.output_scale > 0.1


def test_every_layer_has_one_line_and_all_are_told() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.BatchNorm2d(3, track_running_stats=False),
        QCFS(3),
        nn.MaxPool2d(2),
        nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU()),
        nn.Flatten(0),
        nn.Softplus(),
    )
    assert problems(model) == (
        "1: BatchNorm2d has no running statistics to convert; train it with track_running_stats=True",
        f"3: MaxPool2d {POOL}",
        f"4.1: ReLU {LEVELS}",
        f"5: Flatten {BATCH}",
        f"6: Softplus {UNKNOWN}",
    )


def test_activations_of_unlike_bits() -> None:
    model = nn.Sequential(nn.Linear(3, 4), QCFS(3), nn.Linear(4, 4), QCFS(4), nn.Linear(4, 4), QCFS(2))
    assert problems(model) == (
        "3: QCFS has 4 bits, expected 3 as the first one has; prepare(model, 3)",
        "5: QCFS has 2 bits, expected 3 as the first one has; prepare(model, 3)",
    )


class Branching(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images if images.sum() > 0 else -images


class TwoInputs(nn.Module):
    def forward(self, images: Tensor, mask: Tensor) -> Tensor:
        return images * mask


class Optional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), QCFS(3), nn.Linear(4, 2))

    def forward(self, images: Tensor, unused: Tensor | None = None) -> Tensor:
        return self.layers(images)


def test_a_forward_that_depends_on_the_images_cannot_be_traced() -> None:
    (problem,) = problems(Branching())
    assert problem.startswith("model: Branching cannot be traced (symbolically traced variables cannot be used as inp")
    assert problem.endswith(
        "numbers that depend on the images out of forward, or convert the part that holds the layers"
    )


def test_a_layer_that_the_network_does_not_own_cannot_be_traced() -> None:
    outside = nn.Linear(4, 4)
    (problem,) = problems(Calls(lambda net, s, x: outside(s)))
    assert problem.startswith("model: Calls cannot be traced (module is not installed as a submodule)")


def test_a_network_takes_images_alone() -> None:
    assert problems(TwoInputs()) == ("model: TwoInputs takes as inputs images, mask; expected the images alone",)
    model = randomise(Optional())
    assert verify(model, convert(model), draw_images(4, 3)).exact


@pytest.mark.parametrize("model", [nn.Sequential(nn.Linear(3, 4)), nn.Sequential(nn.Flatten(), nn.Softmax(-1))])
def test_a_network_without_activations_has_nothing_that_could_spike(model: nn.Module) -> None:
    assert problems(model) == (
        "model: has no qcfs activation, so it has nothing that could spike; prepare(model, timesteps)",
    )


def test_no_module_is_no_network() -> None:
    assert problems("vgg11") == ("model: got str, expected a network; create_model('vgg11', data) gives one",)


MISTAKES = [
    ({"planes": 0}, "planes: got 0, expected a whole number from 1 to the network's 3"),
    ({"planes": 4}, "planes: got 4, expected a whole number from 1 to the network's 3"),
    ({"planes": 2, "plane_weights": False}, "planes: got 2, expected none where plane_weights is off"),
    ({"bias_shift": False, "plane_weights": False}, "bias_shift: got False, expected true where plane_weights is off"),
]


@pytest.mark.parametrize(("options", "message"), MISTAKES)
def test_choices_that_do_not_go_together(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        convert(plain(3), **options)


def test_weights_that_are_no_numbers_are_named() -> None:
    model = plain(3)
    model[2].weight.data[0, 0, 0, 0] = float("nan")
    assert problems(model) == ("2.weight: has NaN or infinite values, expected finite ones",)


def test_what_spikes_already_is_not_converted() -> None:
    spiking = convert(create_model("resnet20", activation="qcfs", width_multiplier=0.125))
    assert problems(spiking) == ("model: got SpikingNetwork, which spikes already; take an ordinary network",)


@pytest.mark.parametrize("order", ["layer", "fused"])
def test_images_are_checked_as_the_source_checks_them(order: str) -> None:
    model = create_model("resnet20", activation="qcfs", width_multiplier=0.125).eval()
    spiking = convert(model).using(order)
    images = torch.rand(2, 1, 28, 28)
    for wrong in (images * float("nan"), images[..., :16], images + 1, images[0], images.repeat(1, 3, 1, 1)):
        with pytest.raises(ValueError, match="images: got"):
            spiking(wrong)
        with pytest.raises(ValueError, match="images: got"):
            spiking.record(wrong)
    with pytest.raises(ValueError, match="images: got ndarray, expected a tensor"):
        spiking(images.numpy())


class Asserting(nn.Module):
    def __init__(self, raised: type[Exception]) -> None:
        super().__init__()
        self.raised = raised

    def forward(self, values: Tensor) -> Tensor:
        if not isinstance(values, Tensor):
            raise self.raised
        return values


@pytest.mark.parametrize("raised", [AssertionError, NotImplementedError, KeyError, ZeroDivisionError])
def test_a_forward_that_refuses_what_tracing_gives_it_is_told_in_one_line(raised: type[Exception]) -> None:
    (line,) = problems(Asserting(raised))
    assert line.startswith(f"model: Asserting cannot be traced ({raised.__name__}); keep branches")


def test_a_twin_without_spikes_is_not_said_to_spike() -> None:
    (line,) = problems(
        create_model("has8-vgg", in_channels=1, image_size=(8, 8), num_classes=3, variant="ann", width=1)
    )
    assert line.startswith("model: got HAS8VGG, which is no source network; take one of vgg11, vgg16")
