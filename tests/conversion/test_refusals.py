"""What cannot be converted is refused, layer by layer, with the mend."""

from __future__ import annotations

import re

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
        self.lstm, self.token = nn.LSTM(16, 8), nn.Parameter(torch.ones(1, 1, 2))

    def forward(self, images: Tensor) -> Tensor:
        return self.function(self, self.spikes(self.first(images)), images)


HERE = re.compile(r" \((test_refusals|functional)\.py:\d+\)")


def problems(model: nn.Module, images: Tensor | None = None) -> tuple[str, ...]:
    """The lines of the refusal, without the places in this file that they name."""
    with pytest.raises(ConversionError) as caught:
        convert(model, images=images)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return tuple(HERE.sub("", problem) for problem in caught.value.problems)


BATCH = "acts on the batch dimension, where spikes have their time steps; use flatten(1), or sizes that begin -1"
FRONT = "has its images in another dimension than the first; put them there before an activation and at the end"
LEVELS = "has no levels that spikes could count; prepare(model, timesteps) puts a QCFS there, then fine-tune"
CALLS = [
    (lambda net, s, x: F.relu(s), f"relu: relu {LEVELS}"),
    (lambda net, s, x: F.gelu(s), f"gelu: gelu {LEVELS}"),
    (lambda net, s, x: net.lstm(s.flatten(2))[0], f"lstm: lstm {BATCH}"),
    (lambda net, s, x: s.view(5, -1), "model: Calls does not run (shape '[5, -1]' is invalid"),
    (lambda net, s, x: s.view(3, -1), f"view: view {BATCH}"),
    (lambda net, s, x: s.view(-1, 48), f"view: view {BATCH}"),
    (lambda net, s, x: s.mean(), f"mean: mean {BATCH}"),
    (lambda net, s, x: torch.softmax(s, 0), f"softmax: softmax {BATCH}"),
    (lambda net, s, x: s.permute(dims=(1, 0, 2, 3)), f"permute: permute {FRONT}"),
    (lambda net, s, x: s + x.mean(0), f"mean: mean {BATCH}"),
    (lambda net, s, x: s.sum((0, 2)), f"sum_1: sum {BATCH}"),
    (lambda net, s, x: s.permute(1, 0, 2, 3), f"permute: permute {FRONT}"),
    (lambda net, s, x: s.transpose(0, 1), f"transpose: transpose {FRONT}"),
    (lambda net, s, x: s.squeeze(), "squeeze: squeeze takes the dimension of the images too"),
    (lambda net, s, x: s.unsqueeze(0), f"unsqueeze: unsqueeze {FRONT}"),
    (lambda net, s, x: torch.cat([s, s + s]), f"cat: cat {BATCH}"),
    (lambda net, s, x: s.chunk(2)[0], f"chunk: chunk {BATCH}"),
    (lambda net, s, x: s[0], f"getitem: getitem {BATCH}"),
    (lambda net, s, x: s[1:, 0], f"getitem: getitem {BATCH}"),
    (
        lambda net, s, x: F.dropout(s, 0.5),
        "dropout: dropout drops in evaluation too, so that no two passes agree; "
        "use training=self.training, or nn.Dropout",
    ),
    (lambda net, s, x: s.sum((2, 3)).T, f"getattr_1: getattr {FRONT}"),
    (lambda net, s, x: s.sum((2, 3)) / s.shape[0], f"div: div {BATCH}"),
    (
        lambda net, s, x: s + torch.rand_like(s),
        "rand_like: rand_like draws random numbers",
    ),
]


@pytest.mark.parametrize(("function", "problem"), CALLS, ids=[problem.split(":")[0] for _, problem in CALLS])
def test_calls_that_do_not_let_spikes_through(function, problem: str) -> None:
    found = problems(Calls(function), draw_images(5, 1, 4, 4).float())
    assert any(line.startswith(problem) for line in found), found


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
    lambda net, s, x: F.max_pool2d(x, 2) + F.avg_pool2d(s, 2),
    lambda net, s, x: F.max_pool2d(s, 2),
    lambda net, s, x: torch.flatten(s),
    lambda net, s, x: s.flatten(0, 1),
    lambda net, s, x: s.squeeze(1) + F.dropout(s, 0.5, net.training),
    lambda net, s, x: s**2,
    lambda net, s, x: torch.where(s > 0.2, s, 0),
    lambda net, s, x: s.view(x.size(0), -1),
    lambda net, s, x: x.view(s.shape[0], -1) + s[:, 0].flatten(1),
    lambda net, s, x: s.view(x.shape[0] * 2, -1).view(-1, 32),
    lambda net, s, x: net.token.expand(s.size(0), -1, -1) * s.mean(3).transpose(1, 2),
    lambda net, s, x: F.pad(s, (1, 1)) + F.pad(x, (1, 1), value=2.0),
    lambda net, s, x: s.mT,
    lambda net, s, x: F.avg_pool2d(s, 4).squeeze((2, 3)),
    lambda net, s, x: s.permute(1, 0, 2, 3).unbind(0)[1] + s.transpose(0, 1)[0],
]


@pytest.mark.parametrize("function", ALLOWED)
def test_calls_that_do(function) -> None:
    model = randomise(Calls(function))
    images = draw_images(5, 1, 4, 4)
    spiking = convert(model, images=images)
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
        nn.Flatten(),
        nn.Softplus(),
    )
    assert problems(model) == (
        "1: BatchNorm2d has no running statistics to convert; train it with track_running_stats=True",
        f"4.1: ReLU {LEVELS}",
        f"6: Softplus {LEVELS}",
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
    assert problem.startswith(
        "model reads numbers of the images (bool); keep branches and numbers that depend on the im"
    )


def test_a_layer_that_the_network_does_not_own_keeps_its_weights() -> None:
    outside = randomise(nn.Linear(4, 4))
    model = randomise(Calls(lambda net, s, x: outside(s)))
    images = draw_images(5, 1, 4, 4)
    assert verify(model, convert(model, images=images), images).exact


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


def test_a_twin_without_spikes_is_not_said_to_spike() -> None:
    (line,) = problems(
        create_model("has8-vgg", in_channels=1, image_size=(8, 8), num_classes=3, variant="ann", width=1)
    )
    assert line.startswith("model: got HAS8VGG, which is no source network; take one of vgg11, vgg16")
