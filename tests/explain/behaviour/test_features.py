"""Named features: their numbers against loops, their names and words, and what has none."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from explained import Small, small_data

import sqnn
from circuits import QuantumLayer
from sqnn.core import ConfigError
from sqnn.explain.behaviour import FEATURES, named_features
from sqnn.explain.behaviour.features import measured
from sqnn.explain.recording import HeadRecord, LayerRecord, SpikeRecord
from sqnn.models import SpikingQuantum
from sqnn.neurons import IF

T, B = 5, 3


@pytest.fixture(scope="module")
def drawn() -> SpikeRecord:
    """Random trains of a convolutional layer and of the neurons of two qubits' angles."""
    generator = torch.Generator().manual_seed(0)
    planes = torch.rand(T, B, 2, 4, 5, generator=generator)
    angles = torch.rand(T, B, 6, generator=generator)
    layers = {
        "blocks.0": LayerRecord("blocks.0", (planes < 0.1).float()),
        "output": LayerRecord("output", (angles < 0.3).float()),
    }
    head = HeadRecord(torch.rand(B, 6, generator=generator), torch.rand(B, 2, generator=generator), None, "Z", "output")
    return SpikeRecord(layers, torch.zeros(B, 1, 2, 2), torch.zeros(B, 3), heads={"circuit": head})


def table(drawn: SpikeRecord, kind: str) -> dict[str, list[float]]:
    features = list(FEATURES[kind].features(drawn))
    assert len({feature.name for feature in features}) == len(features)
    values = measured(features, drawn)
    return {feature.name: values[:, number].tolist() for number, feature in enumerate(features)}


def test_counts_windows_and_regions_equal_loops(drawn: SpikeRecord) -> None:
    planes, angles = (drawn.layers[name].spikes.tolist() for name in ("blocks.0", "output"))

    def count(b: int, c: int, steps: range, rows: range, columns: range) -> int:
        return sum(int(planes[t][b][c][y][x]) for t in steps for y in rows for x in columns)

    counts, windows, regions = (table(drawn, kind) for kind in ("counts", "windows", "regions"))
    assert (len(counts), len(windows), len(regions)) == (8, 16, 18)
    for b in range(B):
        assert counts["blocks.0, channel 1"][b] == count(b, 1, range(T), range(4), range(5))
        assert counts["qubit 1, angle theta"][b] == sum(int(angles[t][b][4]) for t in range(T))
        assert windows["blocks.0, channel 0, steps 0 to 1"][b] == count(b, 0, range(2), range(4), range(5))
        assert windows["blocks.0, channel 0, steps 2 to 4"][b] == count(b, 0, range(2, T), range(4), range(5))
        assert regions["blocks.0, channel 1, top left"][b] == count(b, 1, range(T), range(1), range(1))
        assert regions["blocks.0, channel 1, middle right"][b] == count(b, 1, range(T), range(1, 2), range(3, 5))
        nine = [values[b] for name, values in regions.items() if "channel 0" in name]
        assert sum(nine) == counts["blocks.0, channel 0"][b]


def test_first_spikes_and_their_order_equal_loops(drawn: SpikeRecord) -> None:
    angles = drawn.layers["output"].spikes.tolist()
    latency, order = table(drawn, "latency"), table(drawn, "order")
    assert len(order) == 2 + 6 * 5
    for b in range(B):
        first = [next((t for t in range(T) if angles[t][b][unit]), T) for unit in range(6)]
        assert [latency[f"qubit {u // 3}, angle {['phi', 'theta', 'omega'][u % 3]}"][b] for u in range(6)] == first
        assert order["qubit 0, angle phi before qubit 1, angle omega"][b] == (first[0] < first[5])


def test_angles_and_expectations_are_those_of_the_head(drawn: SpikeRecord) -> None:
    assert drawn.head is not None
    assert table(drawn, "angles")["qubit 1, angle phi"] == drawn.head.angles[:, 3].tolist()
    assert table(drawn, "expectations")["qubit 1, <Z>"] == drawn.head.expectations[:, 1].tolist()


def test_only_what_feeds_the_angles_is_named_after_them() -> None:
    """Two layers as wide as the angles: the first is of neurons, the last of angles, and no name is there twice."""
    model = sqnn.create_model("sqdr-cnn", n_qubits=2, image_size=(4, 4), channels=(2,), num_classes=3, readout="spike")
    images = small_images()
    seen = sqnn.record(model, images)
    assert seen.head is not None
    assert (seen.head.observable, seen.head.fed_by) == ("Z", "frontend.output")
    rates = seen["frontend.output"].spikes.mean(0)
    torch.testing.assert_close(model.config.angle_scale * rates, seen.head.angles)
    angles = [f"qubit {qubit}, angle {angle}" for qubit in range(2) for angle in ("phi", "theta", "omega")]
    twin = dataclasses.replace(seen["frontend.output"], name="wide")
    wide = dataclasses.replace(seen, layers={"wide": twin, **seen.layers})
    names = list(table(wide, "counts"))
    assert names[:6] == [f"wide, neuron {unit}" for unit in range(6)]
    assert names[-6:] == angles == list(table(wide, "angles"))
    assert len(set(names)) == len(names)


def test_what_a_circuit_of_ones_own_reads_is_an_input() -> None:
    import pennylane as qml

    def circuit(inputs: torch.Tensor, weights: torch.Tensor) -> object:
        qml.RX(inputs[0] + inputs[1], 0)
        qml.RY(inputs[2] * weights[0], 0)
        return qml.expval(qml.PauliX(0))

    layer = QuantumLayer(circuit, {"weights": 1}, 3)
    model = sqnn.create_model("sqdr-cnn", circuit=layer, image_size=(4, 4), channels=(2,), num_classes=3)
    seen = sqnn.record(model, small_images())
    assert list(table(seen, "angles")) == ["input 0", "input 1", "input 2"]
    assert list(table(seen, "expectations")) == ["expectation 0"]
    assert not any("angle" in name for name in table(seen, "counts"))


def test_neurons_before_a_linear_layer_are_no_angles() -> None:
    frontend = torch.nn.Sequential(torch.nn.Flatten(2), torch.nn.Linear(16, 6), IF())
    model = SpikingQuantum(frontend, features=6, num_classes=2, timesteps=3, n_qubits=2)
    seen = sqnn.record(model, small_images())
    (name,) = seen.layers
    assert list(table(seen, "counts")) == [f"{name}, neuron {unit}" for unit in range(6)]
    assert list(table(seen, "angles"))[4] == "qubit 1, angle theta"


def small_images() -> torch.Tensor:
    return torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("kind", "above", "most", "words"),
    [
        ("counts", 2.5, math.inf, "3 or more spikes"),
        ("counts", 0.5, math.inf, "a spike or more"),
        ("counts", -math.inf, 2.5, "at most 2 spikes"),
        ("counts", -math.inf, 0.5, "no spike"),
        ("counts", 0.5, 1.5, "exactly 1 spike"),
        ("regions", 2.5, 7.5, "3 to 7 spikes"),
        ("latency", 2.5, math.inf, "no spike before step 3"),
        ("latency", -math.inf, 2.5, "first spike at step 2 or sooner"),
        ("latency", 1.5, 3.5, "first spike at steps 2 to 3"),
        ("latency", -math.inf, 0.5, "first spike at step 0"),
        ("order", 0.5, math.inf, "true"),
        ("order", -math.inf, 0.5, "false"),
        ("angles", 0.5, math.inf, "more than 0.5 rad"),
        ("angles", -math.inf, -1.25, "at most -1.25 rad"),
        ("expectations", -0.5, 0.25, "from -0.5 to 0.25"),
    ],
)
def test_intervals_in_words(kind: str, above: float, most: float, words: str) -> None:
    assert FEATURES[kind].words(above, most) == words


def test_a_table_is_that_of_one_record_of_all_images() -> None:
    model, images = Small(), small_data(train=260).train
    whole = sqnn.record(model, images.floats())
    given = named_features(model, images, ["counts", "latency"])
    assert torch.equal(given.values, measured(given.features, whole))
    assert torch.equal(given.answers, whole.predictions)
    assert given.of_kinds(["latency"]).features == given.features[6:]
    one = named_features(model, images, ["counts"], layers=["output"])
    assert torch.equal(one.values, given.values[:, 3:6])
    assert [feature.name for feature in one.features] == [f"output, neuron {unit}" for unit in range(3)]


@pytest.mark.parametrize(
    ("kinds", "layers", "message"),
    [
        (["spikes"], None, r"features: got 'spikes', expected one of counts, windows"),
        (
            ["angles"],
            None,
            r"features: got 'angles', expected one that the network has: counts, windows, ",
        ),
        (["regions"], None, r"features: got 'regions'"),
        (["counts"], ["hiden"], r"layers: got 'hiden', expected one of hidden, output; did you mean 'hidden'"),
    ],
)
def test_what_is_not_there_is_refused(kinds: list[str], layers: list[str] | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        named_features(Small(), small_data(20).train, kinds, layers)


def test_a_table_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqnn.explain.behaviour.features.MOST_BYTES", 4 * 6 * 20 - 1)
    with pytest.raises(ConfigError, match=r"features: got 6 of 20 images, a table of"):
        named_features(Small(), small_data(20).train, ["counts"])
    assert named_features(Small(), small_data(19).train, ["counts"]).values.shape == (19, 6)


def test_a_network_without_spikes_has_no_features() -> None:
    plain = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    with pytest.raises(ConfigError, match=r"expected one that the network has: none, without spikes or a circuit"):
        named_features(plain, small_data(20).train, ["counts"])
