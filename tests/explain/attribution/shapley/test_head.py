"""Exact Shapley values of a quantum head: against their definition on the whole circuit, and by their axioms."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from explained import images, sqdr
from games import shapley_by_definition
from torch import Tensor, nn

from circuits import QuantumLayer
from sqnn.explain.attribution import attribute
from sqnn.explain.attribution.shapley import head_relevance, head_values
from sqnn.models import OwnCircuitSQDRCNN


def drawn(count: int, width: int, seed: int = 0) -> Tensor:
    return 2 * torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_definition(model: nn.Module, angles: Tensor, target: int, baseline: Tensor, size: int) -> Tensor:
    """Values of players of `size` angles each, every coalition run through circuit and head of the network."""

    players = len(angles) // size
    every = [coalition for count in range(players + 1) for coalition in combinations(range(players), count)]
    flags = torch.tensor([[angle // size in coalition for angle in range(len(angles))] for coalition in every])
    with torch.no_grad():
        worths = model.classify(torch.where(flags, angles, baseline))[:, target].tolist()
    return shapley_by_definition(dict(zip(every, worths, strict=True)).__getitem__, players)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"entangler": "line", "n_blocks": 3, "entangling_gate": "cnot"},
        {"observable": "X0 Z2, Y1", "data_scaling": "block"},
        {"mlp": False, "noise": "amplitude_damping:0.05"},
        {"mlp_hidden": (4,)},
    ],
)
def test_angles_have_the_values_of_the_definition(options: dict[str, object]) -> None:
    model = sqdr(**{"num_classes": 2, **options})
    angles, baseline = drawn(2, 9), drawn(2, 9, seed=1)
    found = head_values(model, angles, torch.tensor([0, 1]), baseline, False)
    expected = by_definition(model, angles[1], 1, baseline[1], 1)
    assert torch.allclose(found.values[1], expected, rtol=0, atol=1e-12)
    assert expected.abs().max() > 1e-2


@pytest.mark.parametrize("options", [{"n_qubits": 5}, {"n_qubits": 5, "mlp_hidden": (4,)}])
def test_qubits_have_the_values_of_the_definition(options: dict[str, object]) -> None:
    model = sqdr(**options)
    angles, nothing = drawn(1, 15), torch.zeros(1, 15).double()
    found = head_values(model, angles, torch.tensor([2]), nothing, True)
    assert torch.allclose(found.values[0], by_definition(model, angles[0], 2, nothing[0], 3), rtol=0, atol=1e-12)


def test_the_values_of_27_angles_add_up_and_take_three_groups_of_cones() -> None:
    model = sqdr(n_qubits=9)
    angles, target = drawn(4, 27), torch.tensor([0, 1, 2, 0])
    found = head_values(model, angles, target, torch.zeros_like(angles), False)
    with torch.no_grad():
        change = model.classify(angles) - model.classify(torch.zeros_like(angles))
    assert torch.allclose(found.values.sum(1), change.gather(1, target[:, None])[:, 0], rtol=0, atol=1e-12)
    # Cones of seven angles; wires 0, 3, 6 and so on share samples; two more are f(x) and f(baseline).
    assert found.samples == 4 * (3 * 2**7 + 2)


def test_an_angle_outside_the_cone_has_no_share_and_equal_wires_have_equal_ones() -> None:
    model = sqdr(n_qubits=9, mlp=False)
    with torch.no_grad():
        model.circuit.weights.copy_(model.circuit.weights[:, :1])
    same = drawn(1, 3).repeat(1, 9)
    found = head_values(model, same, torch.tensor([0]), torch.zeros_like(same), False).values.view(9, 3)
    assert not found[2:8].any()
    assert found[0].all()
    assert torch.allclose(found[1], found[8], rtol=0, atol=1e-12)


def test_values_are_linear_in_the_head() -> None:
    model, angles = sqdr(), drawn(1, 9)
    nothing = torch.zeros_like(angles)
    rows = [head_values(model, angles, torch.tensor([k]), nothing, False).values for k in range(2)]
    with torch.no_grad():
        model.head[0].weight[2] = 2 * model.head[0].weight[0] - model.head[0].weight[1]
    found = head_values(model, angles, torch.tensor([2]), nothing, False).values
    assert torch.allclose(found, 2 * rows[0] - rows[1], rtol=0, atol=1e-12)


def test_a_hidden_layer_hands_back_the_whole_difference() -> None:
    model, angles, target = sqdr(n_qubits=6, mlp_hidden=(4,)), drawn(3, 18), torch.tensor([0, 1, 2])
    found = head_relevance(model, angles, target)
    assert torch.allclose(found.values.sum(1), found.output - found.reference, rtol=0, atol=1e-12)
    assert found.values.any()


def test_the_verb_gives_them_for_images_of_a_network_in_single_precision() -> None:
    model, batch = sqdr().float(), images(2).float()
    angles = attribute(model, batch, 1, "shapley", "angles")
    qubits = attribute(model, batch, 1, "shapley", "qubits")
    assert angles.values.shape == (2, 9)
    assert qubits.axes == ("image", "qubit")
    expected = head_values(model, model.angles(batch).detach(), torch.tensor([1, 1]), torch.zeros(2, 9), True)
    assert torch.equal(qubits.values, expected.values)
    assert angles.completeness_error.max() < 1e-12
    assert torch.allclose(angles.output.float(), model(batch)[:, 1], atol=1e-5)
    assert angles.groupby("qubit").values.shape == (2, 3)


@pytest.mark.parametrize(
    ("options", "at", "message"),
    [
        ({"shots": 10}, "angles", "shots: got 10, expected exact expectations: model.with_engine"),
        ({"n_qubits": 6, "mlp_hidden": (4,)}, "angles", "at: got angles, of which 18 together make one expectation"),
        ({"n_qubits": 7, "entangler": "all", "n_blocks": 3}, "angles", "take at='qubits'"),
    ],
)
def test_what_has_no_exact_values_is_refused(options: dict[str, object], at: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attribute(sqdr(**options), images(1), 0, "shapley", at)


def test_a_circuit_of_ones_own_has_exact_angles_and_no_qubits() -> None:
    import pennylane as qml

    def circuit(inputs: Tensor, weights: Tensor) -> list[object]:
        for wire in range(2):
            qml.RY(inputs[..., wire], wire)
        qml.CRX(weights[0], [0, 1])
        qml.RZ(inputs[..., 2], 1)
        return [qml.expval(qml.Z(0)), qml.expval(qml.X(1))]

    model = OwnCircuitSQDRCNN(sqdr().config, QuantumLayer(circuit, {"weights": 1}, 3)).double().eval()
    angles, nothing, target = drawn(1, 3), torch.zeros(1, 3).double(), torch.tensor([1])
    found = head_values(model, angles, target, nothing, False)
    assert torch.allclose(found.values[0], by_definition(model, angles[0], 1, nothing[0], 1), rtol=0, atol=1e-12)
    assert attribute(model, images(2), 1, "relevance").completeness_error.max() < 1e-12
    with pytest.raises(ValueError, match="at: got qubits for a circuit of one's own"):
        head_values(model, angles, target, nothing, True)
