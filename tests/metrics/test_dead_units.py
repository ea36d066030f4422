"""Dead units are counted as a hand count of the network's own spikes and angles says."""

from __future__ import annotations

import pytest
import torch

import sqnn
from circuits import ReuploadLayer
from sqnn.metrics import DeadUnits, dead_units
from sqnn.neurons import LIF


@pytest.fixture(scope="module")
def data() -> sqnn.ImageData:
    return sqnn.load_data("digits").subset(validation=40)


def build(data: sqnn.ImageData, **options: object) -> torch.nn.Module:
    """Return a network whose batch norms know the images, so that its neurons fire."""
    model = sqnn.create_model("sqdr-cnn", data, n_qubits=3, **options)
    with torch.no_grad():
        for _ in range(30):
            model(data.train.floats(slice(100)))
    return model.eval()


def by_part(model: torch.nn.Module, data: sqnn.ImageData) -> dict[str, DeadUnits]:
    return {found.part: found for found in dead_units(model, data.validation)}


def test_channels_that_never_fire_and_angles_that_never_change_are_counted(data: sqnn.ImageData) -> None:
    model = build(data, channels=(4, 8), readout="membrane")
    assert not any(found.dead for found in by_part(model, data).values())
    with torch.no_grad():
        model.frontend.blocks[0].norm.bias[:3] = -1e3  # currents far below the threshold
        model.frontend.linear.weight[2:] = 0  # 7 of 9 angles are their bias
    after = by_part(model, data)
    assert after["frontend.blocks.0.neuron"] == DeadUnits("frontend.blocks.0.neuron", "channels", 3, 4)
    assert after["circuit"] == DeadUnits("circuit", "angles", 7, 9)


def test_the_counts_are_those_of_the_angles_and_of_all_batches(data: sqnn.ImageData) -> None:
    model = build(data, channels=(4, 8), readout="spike")
    images = data.validation.floats()
    with torch.no_grad():
        angles = model.angles(images)
    expected = int((angles.amax(0) == angles.amin(0)).sum())
    found = by_part(model, data)["circuit"]
    assert found.dead == expected
    assert 0 < expected < found.units  # the count could be wrong either way


def test_a_network_without_neurons_and_circuit_has_nothing_to_count(data: sqnn.ImageData) -> None:
    assert dead_units(sqnn.create_model("resnet20", data), data.validation) == []


class Unusual(torch.nn.Module):
    """Neurons without features that give their membranes too, and a circuit that is called by name."""

    def __init__(self) -> None:
        super().__init__()
        self.neuron = LIF()
        self.circuit = ReuploadLayer(1, 1)

    def forward(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        spikes, _ = self.neuron(0.001 * images.flatten(1).T, return_membrane=True)
        return self.circuit(generator=generator, inputs=spikes[:3].T * 0)


def test_neurons_and_circuits_are_watched_however_they_are_called(data: sqnn.ImageData) -> None:
    found = by_part(Unusual(), data)
    assert (found["neuron"].units, found["neuron"].dead) == (
        1,
        1,
    )  # 64 pixels of at most 0.001 stay below the threshold of 1
    assert (found["circuit"].units, found["circuit"].dead) == (3, 3)


def test_the_network_is_left_as_it_was(data: sqnn.ImageData) -> None:
    model = sqnn.create_model("sqdr-cnn", data, channels=(2, 3), n_qubits=3).train()
    dead_units(model, data.validation)
    assert model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
