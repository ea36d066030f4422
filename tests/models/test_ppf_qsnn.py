"""The parallel network: two branches on one image, and their proportion."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

import sqnn
from sqnn.models import PPFQSNN

SMALL = {"image_size": (6, 8), "channels": (2, 3), "n_qubits": 4, "num_classes": 3, "encoding": "phase"}
LABELS = torch.tensor([0, 1, 2, 0])


def network(**options) -> PPFQSNN:
    return sqnn.create_model("ppf-qsnn", **{**SMALL, **options}).double()


def images(channels: int = 1) -> Tensor:
    return torch.rand(4, channels, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def branches(model: PPFQSNN, shown: Tensor) -> tuple[Tensor, Tensor]:
    rates = model.frontend(model.encoder.encode(shown))
    spiking = F.linear(rates, model.classifier.weight, model.classifier.bias)
    head = model.quantum.head[0]
    return spiking, F.linear(model.quantum.circuit(model.quantum.angles(shown)), head.weight, head.bias)


@pytest.mark.parametrize("mixing", [0.0, 0.7, -3.0, 40.0, -40.0])
def test_logits_are_the_branches_in_proportion(mixing: float) -> None:
    model = network().eval()
    with torch.no_grad():
        model.mixing.fill_(mixing)
    p = 1 / (1 + math.exp(-mixing))
    spiking, quantum = branches(model, images())
    assert not torch.allclose(spiking, quantum)
    assert_close(model(images()), p * spiking + (1 - p) * quantum)
    assert model.proportion.item() == pytest.approx(p)


def test_a_wire_reads_a_column_of_cells_from_top_to_bottom() -> None:
    model = network(in_channels=2, angle_scale=2.0)
    shown = images(channels=2)
    angles = model.quantum.angles(shown)
    for image in range(4):
        for wire in range(4):
            for row in range(3):
                cell = shown[image, :, 2 * row : 2 * row + 2, 2 * wire : 2 * wire + 2]
                assert angles[image, 3 * wire + row].item() == pytest.approx(2 * sum(cell.flatten().tolist()) / 8)


def test_recordings_reach_both_branches() -> None:
    model = network(in_channels=2, encoding="frames", timesteps=5).eval()
    frames = torch.rand(4, 5, 2, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    expected = network(in_channels=2).quantum.angles(frames.mean(1))
    assert_close(model.quantum.angles(frames), expected)
    assert not torch.equal(model(frames), model(frames.flip(1)))


def test_one_step_trains_both_branches_and_the_proportion() -> None:
    """In the code published with the paper a second optimiser takes the place of that of the spiking branch."""
    model = network().train()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model.learn(images(), LABELS)[1].backward()
    dead = model.quantum.circuit.weights.grad[-1, :, 2]
    assert not dead.any(), "the closing turn changes nothing"
    optimizer.step()
    assert [name for name, p in model.named_parameters() if torch.equal(p, before[name])] == []


def test_the_gradient_of_the_proportion_is_that_of_a_difference() -> None:
    model, step = network().eval(), 1e-5
    model.learn(images(), LABELS)[1].backward()
    losses = []
    for sign in (1, -1):
        with torch.no_grad():
            model.mixing += sign * step
            losses.append(model.learn(images(), LABELS)[1].item())
            model.mixing -= sign * step
    assert model.mixing.grad.item() == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-6)


def test_spikes_are_drawn_from_the_generator_by_default() -> None:
    model = sqnn.create_model("ppf-qsnn", image_size=(8, 8), channels=(2, 3), n_qubits=3).eval()
    shown = torch.full((4, 1, 8, 8), 0.4)
    one, same, other = (model(shown, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    with pytest.raises(ValueError, match="generator"):
        model(shown)


def test_parameters_by_hand() -> None:
    # Convolutions 378, norms 28, classifier 90; circuit 54, head 100, and the proportion.
    counted = sqnn.count(sqnn.create_model("ppf-qsnn"))
    assert (counted.spiking, counted.quantum, counted.classical) == (378 + 28 + 90, 54, 101)
    assert sqnn.count(network(mlp=False)).classical == 1


def test_a_noise_sweep_sees_the_whole_of_it() -> None:
    data = sqnn.load_data("digits").subset(32, 16, 24)
    model = sqnn.create_model("ppf-qsnn", data, channels=(2, 3), n_qubits=3, encoding="phase").eval()
    with torch.no_grad():
        model.mixing.fill_(-40.0)
    sweep = sqnn.noise_sweep(model, data, noise="depolarizing", strength=(0.0, 0.75), workers=0)
    shown = data.test.floats()
    ideal = (model(shown).argmax(1) == data.test.labels).double().mean().item()
    blind = (model.quantum.head[0].bias.argmax() == data.test.labels).double().mean().item()
    assert sweep["accuracy"].tolist() == pytest.approx([ideal, blind])
