"""Effective parameters: ranks that are known by hand, and those of another rank of another Jacobian."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import qr
from torch import Tensor, nn

import sqnn
from circuits import ReuploadLayer
from sqnn.core import ConfigError
from sqnn.metrics import EffectiveParameters, effective_parameters
from sqnn.metrics.effective import MOST_PARAMETERS

SIDE = 3
INPUTS, HIDDEN, CLASSES = SIDE**2, 4, 3


def images(count: int = 60, seed: int = 0) -> Tensor:
    return torch.randn(count, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def drawn(*layers: nn.Module, seed: int = 1) -> nn.Sequential:
    """A network of these layers whose weights are standard normal."""
    model, generator = nn.Sequential(nn.Flatten(), *layers), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(generator=generator)
    return model


def perceptron(activation: nn.Module) -> nn.Sequential:
    return drawn(nn.Linear(INPUTS, HIDDEN), activation, nn.Linear(HIDDEN, CLASSES))


def size(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def lost_by_a_product() -> int:
    """Directions within W2 W1 x + W2 b1 + b2, whose product has rank CLASSES: all but its entries and b2."""
    return INPUTS * HIDDEN + HIDDEN + HIDDEN * CLASSES + CLASSES - (INPUTS * CLASSES + CLASSES)


def rank_by_differences(model: nn.Module, pictures: Tensor, step: float = 1e-5) -> int:
    """The rank of central differences of the logits, by QR with pivots."""
    model, pictures = model.double().eval(), pictures.double()
    flat = torch.cat([weight.detach().flatten() for weight in model.parameters()])
    columns = []
    with torch.no_grad():
        for number in range(len(flat)):
            pair = []
            for sign in (step, -step):
                moved = flat.clone()
                moved[number] += sign
                torch.nn.utils.vector_to_parameters(moved, model.parameters())
                pair.append(model(pictures).flatten())
            columns.append((pair[0] - pair[1]) / (2 * step))
    torch.nn.utils.vector_to_parameters(flat, model.parameters())
    _, triangle, _ = qr(torch.stack(columns, 1).numpy(), mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(triangle))
    return int((diagonal > 1e-7 * diagonal[0]).sum())


def normed() -> nn.Sequential:
    model = nn.Sequential(nn.Unflatten(1, (1, SIDE, SIDE)), nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Tanh())
    model = drawn(model, nn.Flatten(), nn.Linear(2 * (SIDE - 1) ** 2, CLASSES))
    model.train()(images(seed=4))
    return model


def doubled() -> nn.Sequential:
    """Two hidden units that do the same."""
    model = perceptron(nn.Tanh())
    with torch.no_grad():
        for tensor in (model[1].weight, model[1].bias, model[3].weight.t()):
            tensor[1] = tensor[0]
    return model


@pytest.mark.parametrize(
    ("model", "lost"),
    [
        (perceptron(nn.Tanh()), 0),
        # A unit's inputs times a, its outputs divided by a.
        (perceptron(nn.ReLU()), HIDDEN),
        (perceptron(nn.Identity()), lost_by_a_product()),
        # Weights, bias and outputs of one of the two.
        (doubled(), INPUTS + 1 + CLASSES),
        # Scale of each channel and its bias, which the norm takes away and has.
        (normed(), 2 + 2),
        # The closing RZ of each wire.
        (nn.Sequential(nn.Flatten(), ReuploadLayer(3, 3)), 3),
    ],
    ids=["tanh", "relu", "linear", "doubled", "norm", "circuit"],
)
def test_ranks_are_those_known_by_hand_and_those_of_differences(model: nn.Module, lost: int) -> None:
    effective = effective_parameters(model, images())
    assert (effective.parameters, effective.rank) == (size(model), size(model) - lost)
    assert effective.outputs >= effective.parameters
    assert effective.gap > 1e6
    assert effective.settled
    assert rank_by_differences(model, images()) == effective.rank


def test_the_sqdr_cnn_loses_what_can_be_counted() -> None:
    n, channels = 2, 2
    pictures = sqnn.load_data("digits").subset(train=50, validation=20, test=20).train
    model = sqnn.create_model("sqdr-cnn", seed=3, image_size=(8, 8), num_classes=3, n_qubits=n, channels=(channels,))
    model.frontend.blocks[0].norm.momentum = 1.0
    model.train()(pictures.floats())  # statistics of the norm, so that neurons fire
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    effective = effective_parameters(model, pictures)
    # Scales before norms; the closing RZ; biases of the first and last angle of a wire, which stand beside an RZ.
    assert effective.rank == size(model) - channels - n - 2 * n
    assert effective.settled
    assert effective.gap > 1e6
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert next(model.parameters()).dtype == torch.float32


def test_images_are_added_until_they_add_nothing() -> None:
    # An image sees one direction of the 34 weights before the bottleneck, and all 6 after it; the last layer's weights
    # times h + a are two directions that both move.
    model = drawn(nn.Linear(INPUTS, 3), nn.Tanh(), nn.Linear(3, 1), nn.Tanh(), nn.Linear(1, CLASSES))
    full, few = effective_parameters(model, images()), effective_parameters(model, images(14))
    assert (full.rank, full.settled) == (40, True)
    assert (few.rank, few.outputs, few.settled) == (14 + 6 - 2, 42, False)
    assert str(few).startswith("at least 18 effective of 40 parameters (rank over 42 outputs")


def test_a_pixel_that_is_rarely_there_is_found() -> None:
    pictures = images(200)
    pictures[:150, 0, 0, :2] = 0
    model = drawn(nn.Linear(INPUTS, CLASSES))
    assert effective_parameters(model, pictures[:150]).rank == size(model) - 2 * CLASSES
    assert effective_parameters(model, pictures).rank == size(model)


class Drawing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(INPUTS, CLASSES)

    def forward(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        drawn = torch.rand(pictures.shape, generator=generator, dtype=pictures.dtype)
        return self.linear((pictures * drawn).flatten(1))


def test_draws_repeat() -> None:
    model = Drawing()
    first, second = (effective_parameters(model, images()) for _ in range(2))
    assert (first.rank, first.settled) == (size(model), True)
    assert torch.equal(first.singular_values, second.singular_values)
    other = effective_parameters(model, images(), torch.Generator().manual_seed(5))
    assert not torch.equal(first.singular_values, other.singular_values)


def test_a_gap_is_that_around_the_rank() -> None:
    values = torch.tensor([8.0, 2.0, 1e-9])
    assert EffectiveParameters(2, 3, 6, 1e-6, True, values).gap == pytest.approx(2e9)
    assert EffectiveParameters(3, 3, 6, 1e-12, True, values).gap == float("inf")


class Silent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.zeros(len(pictures), 3)


@pytest.mark.parametrize(
    ("model", "pictures", "message"),
    [
        (perceptron(nn.Tanh()), images(18), r"images: got 18, expected at least 19, so that images x 3 classes are as"),
        (perceptron(nn.Tanh()).requires_grad_(False), images(), "model: got no trainable parameter, expected some"),
        (Silent(), images(), "model: no gradient reaches the weights of Silent, expected a network that is trained"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(9, 401)),
            images(),
            f"got 4,010 .* expected at most {MOST_PARAMETERS:,}",
        ),
        (nn.Sequential(nn.Flatten(), ReuploadLayer(3, 2, shots=50)), images(), "model: draws 50 shots, expected exact"),
        (perceptron(nn.Tanh()), [1], r"images: got \[1\], expected images \[batch, ...\], or a part of a data set"),
        ("runs/one", images(), "model: got str, expected a network"),
    ],
)
def test_what_has_no_rank_is_refused(model: object, pictures: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        effective_parameters(model, pictures)
