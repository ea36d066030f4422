"""Parameters of the SQDR-CNN against counts made by hand."""

from __future__ import annotations

from typing import ClassVar

import pytest
from torch import nn

import sqnn
from sqnn.core import ConfigError


def by_hand(c: int, widths: tuple[int, ...], n: int, blocks: int, classes: int, hidden: tuple[int, ...] = ()) -> dict:
    """3x3 convolutions without bias, two numbers a channel for each norm, 3n angles with bias, 3nL weights, an MLP."""
    spiking, before = 0, c
    for width in widths:
        spiking += 9 * before * width + 2 * width
        before = width
    spiking += before * 3 * n + 3 * n
    classical, before = 0, n
    for width in (*hidden, classes):
        classical += before * width + width
        before = width
    return {
        "spiking": spiking,
        "quantum": 3 * n * blocks,
        "quantum_effective": 3 * n * blocks - n,
        "classical": classical,
    }


def parts(**options) -> dict:
    counted = sqnn.count(sqnn.create_model("sqdr-cnn", **options)).to_dict()
    assert counted["total"] == counted["spiking"] + counted["quantum"] + counted["classical"]
    assert counted["effective"] == counted["spiking"] + counted["quantum_effective"] + counted["classical"]
    return {name: counted[name] for name in ("spiking", "quantum", "quantum_effective", "classical")}


def test_the_papers_network_has_803_parameters() -> None:
    # Convolutions 1x9x2 + 2x9x4 + 4x9x8 = 378; norms 2 (2 + 4 + 8) = 28; linear 8 x 27 + 27 = 243; together 649.
    counted = sqnn.count(sqnn.create_model("sqdr-cnn"))
    assert (counted.spiking, counted.quantum, counted.quantum_effective, counted.classical) == (649, 54, 45, 100)
    assert (counted.total, counted.effective) == (803, 794)


def test_three_channels_for_cifar() -> None:
    # Convolutions 3x9x6 + 6x9x12 + 12x9x24 = 3402; norms 2 (6 + 12 + 24) = 84; linear 24 x 27 + 27 = 675.
    assert parts(in_channels=3, image_size=(32, 32)) == {
        "spiking": 3402 + 84 + 675,
        "quantum": 54,
        "quantum_effective": 45,
        "classical": 100,
    }


def test_without_the_head() -> None:
    assert parts(mlp=False, n_qubits=10) == by_hand(1, (2, 4, 8), 10, 2, 10) | {"classical": 0}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"channels": (4, 8, 18)}, by_hand(1, (4, 8, 18), 9, 2, 10)),
        ({"channels": (5,), "n_qubits": 4, "n_blocks": 3, "num_classes": 2}, by_hand(1, (5,), 4, 3, 2)),
        ({"mlp_hidden": (16, 12)}, by_hand(1, (2, 4, 8), 9, 2, 10, (16, 12))),
        ({"readout": "membrane", "timesteps": 16}, by_hand(1, (2, 4, 8), 9, 2, 10)),
        ({"n_qubits": 1, "n_blocks": 1}, by_hand(1, (2, 4, 8), 1, 1, 10)),
    ],
)
def test_other_sizes_follow_the_formula(options: dict, expected: dict) -> None:
    assert parts(**options) == expected


def test_learned_neurons_add_one_value_a_channel_each() -> None:
    # Neurons sit on 2, 4 and 8 channels, and on the 27 features of the spiking readout.
    plain = parts(neuron="lif")["spiking"]
    assert parts(neuron="lif", readout="spike", learn_beta=True)["spiking"] == plain + 2 + 4 + 8 + 27
    both = parts(neuron="lif", learn_beta=True, learn_threshold=True, readout="membrane")
    assert both["spiking"] == plain + 2 * (2 + 4 + 8)


def test_frozen_parameters_are_not_counted() -> None:
    model = sqnn.create_model("sqdr-cnn")
    model.circuit.requires_grad_(False)
    counted = sqnn.count(model)
    assert (counted.quantum, counted.quantum_effective, counted.total) == (0, 0, 749)


def test_a_parameter_of_no_part_is_refused() -> None:
    model = sqnn.create_model("sqdr-cnn")
    model.stray = model.circuit
    model.stray_layer = type(model.head[0])(2, 2)
    with pytest.raises(ValueError, match="declares no part for its parameter stray"):
        sqnn.count(model)


def test_a_network_without_declared_parts_is_classical() -> None:
    counted = sqnn.count(nn.Linear(2, 2))
    assert (counted.classical, counted.total) == (6, 6)


class Branches(nn.Module):
    """A stage of two branches, one of which holds a module called as a part that stands further left."""

    def __init__(self) -> None:
        super().__init__()
        self.ann = nn.Conv2d(2, 3, 3)  # 2 x 9 x 3 + 3 = 57
        self.snn = nn.ModuleDict({"linear": nn.Linear(5, 4), "ann": nn.BatchNorm1d(4)})  # 24 and 8


class Nested(nn.Module):
    """Parts within a list; nothing but their own names tells their kind."""

    parts: ClassVar[dict[str, str]] = {"ann": "classical", "snn": "spiking", "classifier": "classical"}

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([Branches(), Branches()])
        self.classifier = nn.Linear(4, 10)  # 50


def test_a_part_may_stand_within_a_list() -> None:
    counted = sqnn.count(Nested())
    assert (counted.classical, counted.spiking, counted.quantum) == (2 * 57 + 50, 2 * (24 + 8), 0)
    assert counted.total == counted.effective == sum(p.numel() for p in Nested().parameters())


def test_a_nested_parameter_of_no_part_is_refused() -> None:
    model = Nested()
    model.stages.append(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"model: Nested declares no part for its parameter stages\.2\.weight"):
        sqnn.count(model)


@pytest.mark.parametrize("name", sqnn.MODELS)
def test_every_parameter_of_every_network_belongs_to_a_part(name: str) -> None:
    model = sqnn.create_model(name, image_size=(8, 8))
    assert sqnn.count(model).total == sum(p.numel() for p in model.parameters())


def test_head_narrower_than_the_classes_is_refused() -> None:
    with pytest.raises(ConfigError, match="n_qubits: got 9, expected at least num_classes = 10 where mlp is off"):
        sqnn.create_model("sqdr-cnn", mlp=False)
