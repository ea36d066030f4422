"""Laws of the whole network: seeds, state, batches, engines, readouts."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

import sqnn
from sqnn.models.create import build, model_class, model_name


def images(batch: int = 5, channels: int = 1, side: int = 8, seed: int = 0) -> Tensor:
    return torch.rand(batch, channels, side, side, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def small(seed: int = 0, **options) -> nn.Module:
    sizes = {"image_size": (8, 8), "channels": (3, 5), "n_qubits": 4, "num_classes": 3}
    return sqnn.create_model("sqdr-cnn", seed=seed, **{**sizes, **options}).double()


def warmed(**options) -> nn.Module:
    """A network whose batch norms have seen images: its running statistics are not the trivial ones."""
    model = small(**options)
    for step in range(4):
        model(images(16, seed=10 + step), torch.Generator().manual_seed(step))
    return model.eval()


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_weights_are_drawn_from_the_seed_alone() -> None:
    torch.rand(3)
    before = torch.get_rng_state()
    first = small(seed=3)
    assert torch.equal(torch.get_rng_state(), before), "drawing weights moved the global generator"
    torch.rand(7)
    assert same_weights(first, small(seed=3))
    assert not same_weights(first, small(seed=4))


def test_every_drawn_weight_depends_on_the_seed() -> None:
    one, other = small(seed=1), small(seed=2)
    names = [name for name, p in one.named_parameters() if "norm" not in name]
    equal = [name for name in names if torch.equal(one.get_parameter(name), other.get_parameter(name))]
    assert equal == []


def test_convolutions_and_linear_layers_start_within_pytorchs_bounds() -> None:
    model = sqnn.create_model("sqdr-cnn", channels=(16, 32, 64), mlp_hidden=(64,))
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            assert layer.weight.abs().max() <= bound
            # A uniform draw of this many values comes close to its ends, and spreads as bound / sqrt 3.
            assert layer.weight.abs().max() > 0.8 * bound
            assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.25)


@pytest.mark.parametrize("encoding", ["direct", "latency", "phase", "rate"])
def test_nothing_survives_a_call(encoding: str) -> None:
    model = warmed(encoding=encoding)
    first = model(images(), torch.Generator().manual_seed(1))
    model(images(seed=5), torch.Generator().manual_seed(2))
    assert torch.equal(model(images(), torch.Generator().manual_seed(1)), first)


def test_the_rate_encoding_draws_from_the_given_generator() -> None:
    model = warmed(encoding="rate", timesteps=4)
    one, other = (model(images(), torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert not torch.equal(one, other)
    with pytest.raises(ValueError, match="generator"):
        model(images())


def test_two_backward_passes_in_a_row_give_the_same_gradients() -> None:
    model = warmed()
    gradients = []
    for _ in range(2):
        model.zero_grad()
        model(images()).square().sum().backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
    for first, second in zip(*gradients, strict=True):
        assert torch.equal(first, second)
    assert all(gradient.abs().max() > 0 for gradient in gradients[0])


def test_predictions_do_not_depend_on_batch_mates() -> None:
    model = warmed()
    together = model(images(6))
    alone = torch.cat([model(image) for image in images(6).split(1)])
    assert_close(together, alone, atol=1e-12, rtol=0)
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    assert_close(model(images(6)[order]), together[order], atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mlp": False, "n_blocks": 3},
        {"readout": "membrane", "entangler": "all", "neuron": "lif", "learn_beta": True},
    ],
)
def test_engines_agree_through_the_whole_network(options: dict) -> None:
    model = small(**options).train()
    other = model.with_engine("pennylane")
    results = []
    for network in (model, other):
        logits = network(images())
        gradients = torch.autograd.grad(
            F.cross_entropy(logits, torch.tensor([0, 1, 2, 0, 1])), list(model.parameters())
        )
        results.append((logits, gradients))
    (ours, our_gradients), (theirs, their_gradients) = results
    assert_close(ours, theirs, atol=1e-10, rtol=0)
    for one, two in zip(our_gradients, their_gradients, strict=True):
        assert_close(one, two, atol=1e-9, rtol=0)


def test_engines_agree_in_single_precision() -> None:
    model = sqnn.create_model("sqdr-cnn").eval()
    pictures = images(3, side=28).float()
    assert_close(model(pictures), model.with_engine("pennylane")(pictures), atol=1e-5, rtol=0)


def test_another_engine_shares_the_weights_and_leaves_the_first_alone() -> None:
    model = warmed()
    other = model.with_engine("pennylane")
    assert type(other.circuit.engine) is not type(model.circuit.engine)
    assert all(a is b for a, b in zip(model.parameters(), other.parameters(), strict=True))
    with torch.no_grad():
        model.circuit.weights.add_(0.7)
    assert_close(other(images()), model(images()), atol=1e-10, rtol=0)


def test_angles_are_what_the_circuit_reads() -> None:
    model = warmed(n_qubits=6)
    angles = model.angles(images())
    assert angles.shape == (5, 18)
    assert model.circuit.circuit.n_inputs == 18
    assert_close(model(images()), model.head(model.circuit(angles)), atol=0, rtol=0)


def test_every_image_turns_some_angle() -> None:
    angles = warmed(readout="membrane").angles(images(6))
    assert (angles.std(0) > 1e-6).all(), "an angle that no image moves carries nothing"


def test_the_angle_scale_is_the_angle_of_a_full_readout() -> None:
    plain, scaled = (warmed(readout="spike", angle_scale=scale) for scale in (1.0, 3.0))
    assert_close(scaled.angles(images()), 3 * plain.angles(images()), atol=1e-12, rtol=0)
    rates = plain.angles(images())
    assert (rates >= 0).all()
    assert (rates <= 1).all()
    assert_close(rates * 8, (rates * 8).round(), atol=1e-12, rtol=0)


def test_without_a_head_the_first_expectations_are_the_logits() -> None:
    model = warmed(mlp=False, logit_scale=2.5)
    assert model.head is None
    assert_close(model(images()), 2.5 * model.circuit(model.angles(images()))[:, :3], atol=0, rtol=0)


def test_hidden_layers_of_the_head_alternate_with_rectifiers() -> None:
    model = warmed(mlp_hidden=(7, 6))
    hidden = model.circuit(model.angles(images()))
    first, second, last = (layer for layer in model.head if isinstance(layer, nn.Linear))
    expected = last(F.relu(second(F.relu(first(hidden)))))
    assert_close(model(images()), expected, atol=0, rtol=0)


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 3, 8, 8), (5, 1, 8, 9), (1, 8, 8)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"images: got shape .*, expected \[batch, 1, 8, 8\]"):
        small()(torch.zeros(shape))


def test_names_and_classes_belong_together() -> None:
    assert model_name(small()) == "sqdr-cnn"
    assert model_class("sqdr-cnn") is type(small())
    assert same_weights(build("sqdr-cnn", small(seed=5).config, seed=5).double(), small(seed=5))
    with pytest.raises(sqnn.core.ConfigError, match="model: got 'mlp', expected one of sqdr-cnn"):
        sqnn.create_model("mlp")
    with pytest.raises(sqnn.core.ConfigError, match=r"model: got \['sqdr-cnn'\], expected one of"):
        sqnn.create_model(["sqdr-cnn"])  # type: ignore[arg-type]
    with pytest.raises(sqnn.core.ConfigError, match="model: Linear is not one of sqdr-cnn"):
        model_name(nn.Linear(1, 1))


def test_the_data_give_the_shape() -> None:
    data = sqnn.load_data("digits")
    config = sqnn.create_model("sqdr-cnn", data).config
    assert (config.in_channels, config.image_size, config.num_classes) == (1, (8, 8), 10)
    with pytest.raises(sqnn.core.ConfigError, match=r"image_size: is taken from the data \(\(8, 8\)\)"):
        sqnn.create_model("sqdr-cnn", data, image_size=(28, 28))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 1, 28, 28).double(), "images: got torch.float64, expected the network's torch.float32"),
        (torch.zeros(1, 1, 28, 28).numpy(), "images: got ndarray, expected a torch tensor"),
    ],
)
def test_images_of_another_type_are_refused(images: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sqnn.create_model("sqdr-cnn")(images)
    with pytest.raises(ValueError, match="data: got str, expected an ImageData"):
        sqnn.create_model("sqdr-cnn", data="digits")


@pytest.mark.parametrize("device", ["default.qubit", "lightning.qubit"])
def test_a_device_of_pennylane_taken_for_an_engine_is_named(device: str) -> None:
    hint = f"; that is a PennyLane device: engine='pennylane', device={device!r}"
    model = sqnn.create_model("sqdr-cnn")
    for call in (
        lambda: model.with_engine(device),
        lambda: model.with_noise("paper", engine=device),
        lambda: sqnn.create_model("sqdr-cnn", engine=device),
        lambda: sqnn.STUDIES["noise-sweep"](engine=device),
    ):
        with pytest.raises(ValueError, match=f"^engine: got '{device}', expected one of .*{re.escape(hint)}$"):
            call()


def test_a_noise_without_a_name_is_refused_everywhere() -> None:
    model = sqnn.create_model("sqdr-cnn")
    for call in (lambda: model.with_noise(""), lambda: sqnn.create_model("sqdr-cnn", noise=" ")):
        with pytest.raises(ValueError, match=r"^noise: got '.*', expected kinds such as"):
            call()
    assert model.with_noise("none").circuit.noise is None
    assert model.with_noise(None).circuit.noise is None
