"""Twins of the SQDR-CNN: their size by hand, the closed form by matrices, what is fixed and what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

import sqnn
from circuits import DataReupload, LightConeEngine
from sqnn.core import ConfigError
from sqnn.models import CORES, Trigonometric

SMALL = {"image_size": (8, 8), "channels": (2, 3), "n_qubits": 3, "num_classes": 3}


def twin(seed: int = 0, **options) -> nn.Module:
    return sqnn.create_model("sqdr-twin", seed=seed, **{**SMALL, **options}).double()


def images(count: int = 4) -> Tensor:
    return torch.rand(count, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


# The front-end: convolutions 9 (1x2 + 2x4 + 4x8) = 378, norms 2 (2 + 4 + 8) = 28, then 8 f + f for f emitted numbers.
FRONT = 378 + 28
BY_HAND = {
    "circuit": (FRONT + 9 * 27) + 54 + (9 * 10 + 10),
    "linear": (FRONT + 9 * 16) + (16 * 9 + 9) + (9 * 10 + 10),
    "mlp": (FRONT + 9 * 11) + (11 * 9 + 9) + (9 * 9 + 9) + (9 * 10 + 10),
    "trigonometric": (FRONT + 9 * 27) + 7 * 9 + (9 * 10 + 10),
    "random-circuit": (FRONT + 9 * 30) + 0 + (10 * 10 + 10),
    "identity": (FRONT + 9 * 20) + (20 * 10 + 10),
}


@pytest.mark.parametrize("core", CORES)
def test_parameters_by_hand_and_within_three_percent_of_the_papers(core: str) -> None:
    for front_end, kind in (("spiking", "spiking"), ("ann", "classical")):
        counted = sqnn.count(sqnn.create_model("sqdr-twin", core=core, front_end=front_end))
        assert counted.total == BY_HAND[core]
        assert abs(counted.total - 803) <= 0.03 * 803
        head = {"circuit": 54 + 100, "linear": 253, "mlp": 298, "trigonometric": 163, "random-circuit": 110}
        front = counted.total - head.get(core, 210)
        assert (counted.spiking if kind == "spiking" else 0) == (front if kind == "spiking" else 0)
        assert counted.quantum == (54 if core == "circuit" else 0)


@pytest.mark.parametrize("core", [core for core in CORES if core != "circuit"])
def test_other_sizes_are_the_nearest_that_a_whole_width_gives(core: str) -> None:
    sizes = {"in_channels": 3, "image_size": (16, 16), "channels": (4, 9), "n_qubits": 5, "num_classes": 4}
    goal = sqnn.count(sqnn.create_model("sqdr-cnn", **sizes)).total
    chosen = sqnn.count(sqnn.create_model("sqdr-twin", core=core, **sizes)).total
    others = {
        width: sqnn.count(sqnn.create_model("sqdr-twin", core=core, core_width=width, **sizes)).total
        for width in range(1, 22)
    }
    assert chosen in others.values()
    assert abs(chosen - goal) == min(abs(size - goal) for size in others.values())


def test_pairs_of_wires_of_ones_own_keep_the_qubits() -> None:
    for core, part in (("random-circuit", "circuit"), ("trigonometric", "core")):
        model = sqnn.create_model("sqdr-twin", core=core, entangler=[(0, 2), (1, 2)], **SMALL)
        assert model.frontend.linear.out_features == 9
        if part == "core":
            assert model.core.neighbours.tolist() == [[2, 3], [2, 3], [0, 1]]


def rotated(*turns: tuple[str, float]) -> Tensor:
    """The product of turns in space, the last one acting first."""
    product = torch.eye(3, dtype=torch.float64)
    for axis, angle in turns:
        c, s = math.cos(angle), math.sin(angle)
        product = product @ (turn_z(c, s) if axis == "z" else tilt(c, s))
    return product


def turn_z(c: float, s: float) -> Tensor:
    return torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)


def tilt(c: float, s: float) -> Tensor:
    return torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]], dtype=torch.float64)


def by_matrices(layer: Trigonometric, edges: list, angles: Tensor) -> list[float]:
    """The two blocks as turns of Bloch vectors, in which the tilts of the weights have free numbers c and s."""
    n = len(angles) // 3
    first, rows = [], []
    for wire in range(n):
        phi, theta, omega = angles[3 * wire : 3 * wire + 3].tolist()
        a_1, b, a_2 = layer.phases[:, wire].tolist()
        c_1, s_1, c_2, s_2 = layer.coefficients[:, wire].tolist()
        up = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
        first.append(rotated(("z", b)) @ tilt(c_1, s_1) @ rotated(("z", a_1), ("z", omega), ("y", theta)) @ up)
        rows.append(up @ tilt(c_2, s_2) @ rotated(("z", a_2), ("z", omega), ("y", theta), ("z", phi)))
    outputs = []
    for wire, (r, q) in enumerate(zip(first, rows, strict=True)):
        product = math.prod(first[other][2].item() for pair in edges if wire in pair for other in pair if other != wire)
        outputs.append((q[2] * r[2] + (q[0] * r[0] + q[1] * r[1]) * product).item())
    return outputs


@pytest.mark.parametrize("entangler", ["ring", "line", "all", "none", "0-2,2-3"])
def test_the_trigonometric_core_is_the_circuit_at_first_and_a_larger_class_then(entangler: str) -> None:
    drawing = torch.Generator().manual_seed(3)
    circuit = DataReupload(4, 2, entangler)
    weights = 7 * torch.rand(circuit.weight_shape, dtype=torch.float64, generator=drawing)
    angles = 7 * torch.rand(5, circuit.n_angles, dtype=torch.float64, generator=drawing) - 3
    layer = Trigonometric(circuit.edges, weights)
    assert_close(layer(angles), LightConeEngine(circuit)(angles, weights), atol=1e-12, rtol=0)
    with torch.no_grad():
        layer.coefficients.normal_(generator=drawing)
    found = layer(angles)
    assert_close(found.tolist(), [by_matrices(layer, list(circuit.edges), each) for each in angles], atol=1e-10, rtol=0)
    assert found.abs().max() > 1, "no circuit has such expectations"


def test_gradients_of_the_trigonometric_core_are_those_of_finite_differences() -> None:
    drawing = torch.Generator().manual_seed(5)
    circuit = DataReupload(3, 2)
    layer = Trigonometric(circuit.edges, torch.rand(circuit.weight_shape, dtype=torch.float64, generator=drawing))
    angles = torch.rand(2, 9, dtype=torch.float64, generator=drawing).requires_grad_()

    def call(angles: Tensor, phases: Tensor, coefficients: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"phases": phases, "coefficients": coefficients}, angles)

    assert torch.autograd.gradcheck(call, (angles, layer.phases, layer.coefficients))


def test_with_the_circuit_for_a_core_it_is_the_sqdr_cnn() -> None:
    model, original = twin(core="circuit", seed=4), sqnn.create_model("sqdr-cnn", seed=4, **SMALL).double()
    ours, theirs = model.state_dict(), original.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert torch.equal(model(images()), original(images()))
    assert not torch.equal(twin(core="circuit", seed=5)(images()), original(images()))


def test_an_ordinary_front_end_is_convolution_norm_relu_pool_and_average() -> None:
    model = twin(core="identity", front_end="ann").eval()
    values = images()
    for block in model.ann.blocks:
        conv, norm = block[0], block[1]
        values = F.conv2d(values, conv.weight, padding=1) / math.sqrt(1 + norm.eps)
        values = F.max_pool2d(values.clamp(min=0), 2)
    numbers = math.pi * F.linear(values.mean((2, 3)), model.ann.linear.weight, model.ann.linear.bias)
    assert_close(model(images()), F.linear(numbers, model.head[0].weight, model.head[0].bias))


def test_classical_cores_are_their_equations() -> None:
    for core in ("linear", "mlp"):
        model = twin(core=core, mlp=False, num_classes=2).eval()
        numbers = math.pi * model.frontend(model.encoder.encode(images()))
        layers = [model.core] if core == "linear" else [model.core[0], model.core[2]]
        values = F.linear(numbers, layers[0].weight, layers[0].bias)
        if core == "mlp":
            values = torch.tanh(F.linear(values.clamp(min=0), layers[1].weight, layers[1].bias))
        assert_close(model(images()), 5 * values[:, :2])


@pytest.mark.parametrize("core", CORES)
def test_every_trained_number_has_a_gradient_and_nothing_else(core: str) -> None:
    model = twin(core=core, n_qubits=4)
    F.cross_entropy(model(images()), torch.tensor([0, 1, 2, 0])).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == (["circuit.weights"] if core == "random-circuit" else [])
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    assert frozen == (["circuit.weights"] if core == "random-circuit" else [])


def test_the_random_circuit_follows_from_the_seed_and_survives_a_file(tmp_path) -> None:
    model = sqnn.create_model("sqdr-twin", core="random-circuit", **SMALL)
    other = sqnn.create_model("sqdr-twin", core="random-circuit", seed=1, **SMALL)
    assert not torch.equal(model.circuit.weights, other.circuit.weights)
    again = sqnn.load_model(sqnn.save_model(model, tmp_path / "twin.safetensors"))
    assert torch.equal(model.circuit.weights, again.circuit.weights)
    assert not again.circuit.weights.requires_grad
    assert again.circuit.circuit.n_qubits == model.circuit.circuit.n_qubits


def test_recordings_reach_a_spiking_front_end() -> None:
    recordings = torch.rand(2, 5, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    model = twin(encoding="frames", timesteps=5, initial_membrane=0.9)
    logits = model(recordings)
    assert not torch.equal(logits, model(recordings.flip(1)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"core": "bogus"}, "core: got 'bogus', expected one of linear, mlp, trigonometric"),
        ({"noise": "paper"}, "noise: got 'paper', expected the default none with core linear, which is no circuit"),
        ({"core": "identity", "shots": 5}, "shots: got 5, expected the default None with core identity"),
        ({"core": "mlp", "initial": "small-angle"}, "initial: got 'small-angle', expected the default uniform with"),
        ({"core": "trigonometric", "n_blocks": 3}, "n_blocks: got 3, expected 2 with core trigonometric, the closed"),
        ({"core": "trigonometric", "entangling_gate": "crz"}, "entangling_gate: got 'crz', expected cz with core"),
        ({"core": "circuit", "core_width": 4}, "core_width: got 4, expected none: n_qubits says it of the circuit"),
        ({"core_width": 0}, "core_width: got 0, expected a whole number of at least 1"),
        ({"core": "identity", "mlp": False, "core_width": 9}, "core_width: got 9, expected at least num_classes = 10"),
        ({"front_end": "ann", "timesteps": 16}, "timesteps: got 16, expected the default 8 with front_end ann, which"),
        ({"front_end": "ann", "neuron": "lif"}, "neuron: got 'lif', expected the default if with front_end ann"),
        ({"front_end": "ann", "encoding": "frames"}, "encoding: got 'frames', expected the default phase with"),
    ],
)
def test_what_builds_no_twin_is_named(options: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sqnn.create_model("sqdr-twin", **{"n_qubits": 10, **options})
    assert str(caught.value).startswith(message)
