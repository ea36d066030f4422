"""What a network, a neuron and an encoder state of themselves is enough to be built, described and refused."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from toys import Toy, ToyConfig, register

import sqnn
from sqnn.core import Choices, ConfigError
from sqnn.encoding import ENCODERS, PLANE_SURROGATES, BitPlane, Encoder
from sqnn.models import MODELS, PARTS, HAS8VGGConfig, Network, SQDRCNNConfig, config_of, model_name
from sqnn.neurons import IF, LIF, NEURONS, NeuronConfig


@pytest.mark.parametrize("name", MODELS)
def test_every_network_states_what_the_contract_asks_for(name: str) -> None:
    network = MODELS[name]
    assert issubclass(network, Network)
    model = sqnn.create_model(name, in_channels=1, image_size=(8, 8), num_classes=3)
    assert type(model.config) is network.config_class
    assert config_of(model) is model.config
    assert set(network.parts.values()) <= set(PARTS)
    assert sqnn.count(model).total == sum(p.numel() for p in model.parameters())
    logits = model.eval()(torch.zeros(2, 1, 8, 8), torch.Generator().manual_seed(0))
    assert logits.shape == (2, 3)


@pytest.mark.parametrize("name", MODELS)
def test_a_larger_value_of_the_scale_field_makes_a_larger_network(name: str) -> None:
    network = MODELS[name]
    if network.scale_field is None:
        pytest.skip("states no such field")

    # Small values of the kinds that there are: a tuple of widths, a number, or a factor on all widths.
    default = getattr(network.config_class(), network.scale_field)
    small: float | tuple[int, ...] = 0.1 if isinstance(default, float) else 4
    if network.scale_field in ("channels", "hidden"):
        small = (4, 4)

    def size(factor: int) -> int:
        value = tuple(factor * width for width in small) if isinstance(small, tuple) else factor * small
        shape = {"in_channels": 1, "image_size": (8, 8), "num_classes": 3}
        return sqnn.count(sqnn.create_model(name, **shape, **{network.scale_field: value})).total

    assert size(2) > size(1)


def test_every_network_and_its_scale_field_stand_in_the_guide() -> None:
    page = (Path(__file__).parents[2] / "docs" / "guide" / "networks.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `") and line.count(" | ") == 3]
    stated = {name: row[2] for row in rows for name in re.findall(r"`([\w-]+)`", row[0])}
    assert stated == {name: f"`{network.scale_field}`" for name, network in MODELS.items()}
    for row in rows:
        if row[3][0].isdigit():
            (name,) = re.findall(r"`([\w-]+)`", row[0])
            assert row[3].startswith(f"{sqnn.count(sqnn.create_model(name)).total:,}")


def test_a_class_that_states_nothing_is_told_all_that_it_lacks() -> None:
    class Bare(Network):
        pass

    class Silent(Network):
        config_class = ToyConfig
        parts: ClassVar[dict[str, str]] = {}

    with pytest.raises(TypeError, match="Bare: states no config_class, parts, forward; see"):
        Bare(ToyConfig())
    with pytest.raises(TypeError, match="Silent: states no forward; see"):
        Silent(ToyConfig())


def test_a_part_of_no_kind_is_refused_where_the_class_is_defined() -> None:
    with pytest.raises(TypeError, match="parts: Odd says 'optical' of lens, expected one of spiking, "):
        type("Odd", (Network,), {"parts": {"lens": "optical"}})


def test_a_network_takes_no_other_networks_configuration() -> None:
    with pytest.raises(ConfigError, match="config: got SQDRCNNConfig, expected ToyConfig for Toy"):
        Toy(SQDRCNNConfig(), torch.Generator())  # type: ignore[arg-type]


def test_a_network_of_ones_own_is_one_class_and_one_name(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    register(monkeypatch)
    model = sqnn.create_model("toy", in_channels=1, image_size=(4, 4), num_classes=3, seed=5)
    sqnn.save_model(model, tmp_path / "toy.safetensors")
    again = sqnn.load_model(tmp_path / "toy.safetensors")
    assert type(again) is Toy
    assert again.config == model.config


def test_what_has_no_circuit_and_no_configuration() -> None:
    assert config_of(nn.Linear(2, 2)) is None
    with pytest.raises(ConfigError, match="model: Linear is not one of sqdr-cnn"):
        model_name(nn.Linear(2, 2))


class Quiet(IF):
    """A neuron of one's own, which learns nothing."""

    options: ClassVar[tuple[str, ...]] = ("threshold",)


def test_a_neuron_of_ones_own_is_one_class_and_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Choices("neuron", {**NEURONS, "quiet": Quiet})
    monkeypatch.setattr("sqnn.neurons.config.NEURONS", table)
    (field,) = [field for field in dataclasses.fields(NeuronConfig) if field.name == "neuron"]
    monkeypatch.setattr(field, "metadata", {})  # its names are those of the table at import
    layer = NeuronConfig(neuron="quiet", threshold=2.0, learn_beta=False).make_neuron(3)
    assert type(layer) is Quiet
    assert (layer.threshold, layer.initial_membrane) == (2.0, 0.0)
    with pytest.raises(ConfigError, match=r"learn_threshold: got True, expected neuron if or lif \(quiet has none"):
        NeuronConfig(neuron="quiet", learn_threshold=True)
    with pytest.raises(ConfigError, match=r"learn_beta: got True, expected neuron lif \(if has none to learn\)"):
        NeuronConfig(neuron="if", learn_beta=True)


@pytest.mark.parametrize("name", [name for name, kind in NEURONS.items() if "learn_threshold" in kind.options])
def test_a_neuron_is_built_with_each_option_that_it_states(name: str) -> None:
    values = {
        **{"beta": 0.7, "threshold": 1.5, "reset": "zero", "detach_reset": True, "initial_membrane": 0.25},
        **{"surrogate": "sigmoid", "learn_threshold": True},
    }
    layer = NeuronConfig(neuron=name, **values).make_neuron(4)
    assert isinstance(layer, LIF)
    assert layer.beta == (0.7 if "beta" in NEURONS[name].options else 1.0)
    assert isinstance(layer.threshold, Tensor)
    assert layer.threshold.tolist() == pytest.approx([1.5] * 4)
    assert (layer.reset, layer.detach_reset, layer.initial_membrane) == ("zero", True, 0.25)
    assert layer.surrogate.name == "sigmoid"


class Doubled(BitPlane):
    """A code of digits of one's own: every plane twice as high, unless a network asks for the height 1."""

    unit_height: ClassVar[dict[str, float]] = {"height": 1.0}

    def __init__(self, timesteps: int = 8, *, height: float = 2.0, **options: str) -> None:
        super().__init__(timesteps, **options)
        self.height = height


def test_an_encoder_of_ones_own_is_one_class_and_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    table: Choices[type[Encoder]] = Choices("encoder", {**ENCODERS, "doubled": Doubled})
    monkeypatch.setattr("sqnn.models.has8.config.ENCODERS", table)
    (field,) = [field for field in dataclasses.fields(HAS8VGGConfig) if field.name == "encoding"]
    monkeypatch.setattr(field, "metadata", {})
    config = HAS8VGGConfig(encoding="doubled", rescaling="paper", encoding_alpha=3.0)
    encoder = config.make_encoder()
    assert isinstance(encoder, Doubled)
    assert (encoder.height, encoder.rescaling, encoder.surrogate) == (
        1.0,
        "paper",
        PLANE_SURROGATES["sigmoid-sine"].of_steepness(3.0),
    )
    assert config.gradient_surrogate == "sigmoid-sine"


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_takes_exactly_the_surrogates_that_it_states(name: str) -> None:
    kind = ENCODERS[name]
    for surrogate in PLANE_SURROGATES:
        if surrogate in kind.surrogates:
            assert kind(8, surrogate=surrogate).surrogate.name == surrogate
        else:
            with pytest.raises((ValueError, TypeError), match="surrogate"):
                kind(8, surrogate=surrogate)


@pytest.mark.parametrize("name", ENCODERS)
def test_spikes_of_unit_height_are_zeros_and_ones_unless_the_code_sends_values(name: str) -> None:
    kind = ENCODERS[name]
    encoder = kind(8, **kind.unit_height)
    pixels = torch.linspace(0, 1, 37).reshape(1, 37)
    spikes = encoder.encode(pixels, torch.Generator().manual_seed(0))
    levels = set(spikes.unique().tolist())
    assert levels == {0.0, 1.0} if kind.surrogates else torch.equal(spikes[3], pixels)
    if kind.digits:
        values = [spikes[:, 0, i] @ torch.tensor(encoder.weights) / encoder.weight_total for i in range(37)]
        assert torch.allclose(torch.stack(values), pixels[0], atol=1 / 255)
