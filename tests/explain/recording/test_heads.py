"""The head's record: angles that the circuit read, expectations that it gave, and the state of each wire."""

from __future__ import annotations

import pytest
import torch
from kronecker import oracle
from torch import Tensor, nn
from torch.testing import assert_close

import sqnn
from circuits import DataReupload, QuantumLayer, ReuploadLayer
from sqnn.core import ConfigError
from sqnn.explain import record, recorder

DIGITS = sqnn.load_data("digits")
IMAGES = DIGITS.test.floats(slice(4))


@pytest.mark.parametrize(
    ("gate", "scaling"), [("cz", "none"), ("cz", "block"), ("cnot", "added"), ("crz", "none"), ("crz", "block")]
)
def test_bloch_vectors_are_those_of_the_whole_state(gate: str, scaling: str) -> None:
    draw = torch.Generator().manual_seed(2)
    layer = ReuploadLayer(3, 3, entangling_gate=gate, data_scaling=scaling, generator=draw).double()
    if scaling != "none":
        nn.init.uniform_(layer.scales, 0.5, 2, generator=draw)
    angles = torch.randn(2, 9, generator=draw, dtype=torch.float64)
    with recorder(layer) as seen:
        expectations = layer(angles)
    (head,) = seen.heads.values()
    assert torch.equal(head.angles, angles)
    assert torch.equal(head.expectations, expectations)
    assert_close(head.bloch[-1, ..., 2], expectations, atol=1e-12, rtol=0)
    whole, inputs = layer.circuit, layer.engine_inputs(angles)
    for blocks in (1, 2, 3):
        part = DataReupload(3, blocks, entangling_gate=gate, data_scaling=scaling)
        first = list(part.gates())
        assert list(whole.gates())[: len(first)] == first  # the whole circuit passes through this state
        data = inputs[:, : part.n_inputs - part.n_couplings]
        couplings = inputs[:, whole.n_inputs - whole.n_couplings :][:, : part.n_couplings]
        wanted = oracle(part, torch.cat([data, couplings], 1), layer.weights, "X, Y, Z").unflatten(1, (3, 3))
        assert_close(head.bloch[blocks - 1], wanted.transpose(1, 2), atol=1e-12, rtol=0)


def test_the_head_holds_what_the_circuit_read_and_gave() -> None:
    model = sqnn.create_model("sqdr-cnn", DIGITS, n_qubits=3, channels=(3, 4))
    head = record(model.eval(), IMAGES, batch_size=2).head
    with torch.no_grad():
        assert_close(head.angles, model.angles(IMAGES))
        logits = model(IMAGES)
        assert_close(model.head(head.expectations), logits)
    assert head.bloch.shape == (2, 4, 3, 3)
    assert_close(head.bloch[-1, ..., 2], head.expectations)


def test_shots_and_noise_are_the_networks_own_and_the_vectors_exact() -> None:
    model = sqnn.create_model("sqdr-cnn", DIGITS, n_qubits=3, channels=(3, 4)).eval()
    noisy = model.with_noise("depolarizing:0.05+readout:0.02", shots=100)
    found = record(noisy, IMAGES, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        assert torch.equal(found.logits, noisy(IMAGES, torch.Generator().manual_seed(4)))
    assert_close(found.head.bloch, record(model, IMAGES).head.bloch)
    assert not torch.allclose(found.head.expectations, record(model, IMAGES).head.expectations, atol=1e-3)


def test_a_branch_and_a_circuit_of_ones_own_are_found() -> None:
    branch = sqnn.create_model("ppf-qsnn", DIGITS, n_qubits=3, channels=(3, 4)).eval()
    found = record(branch, IMAGES)
    assert list(found.heads) == ["quantum.circuit"]
    assert torch.equal(found.head.angles, branch.quantum.angles(IMAGES))

    def circuit(inputs: Tensor, weights: Tensor) -> None:
        import pennylane as qml

        for wire in range(2):
            qml.RX(inputs[..., wire], wires=wire)
            qml.RY(weights[wire], wires=wire)

    own = QuantumLayer(circuit, {"weights": 2}, n_inputs=2)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2), own)
    head = record(network, IMAGES).head
    with torch.no_grad():
        assert torch.equal(head.angles, network[:2](IMAGES))
        assert torch.equal(head.expectations, network(IMAGES))
    assert head.bloch is None


def test_a_circuit_too_large_for_vectors_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(circuit: ReuploadLayer, angles: Tensor) -> Tensor:
        raise ValueError("n_qubits: got a cone of 40 wires")

    monkeypatch.setattr("sqnn.explain.recording.hooks.bloch_vectors", refuse)
    layer = ReuploadLayer(2, 1)
    message = "bloch: got True, expected False for this circuit: n_qubits: got a cone"
    with pytest.raises(ConfigError, match=message), recorder(layer):
        layer(torch.zeros(1, 6))
    with recorder(layer, bloch=False) as seen:
        layer(torch.zeros(1, 6))
    assert seen.heads[""].bloch is None


def test_a_network_without_vectors_asked_for_has_none() -> None:
    model = sqnn.create_model("sqdr-cnn", DIGITS, n_qubits=3, channels=(3, 4))
    assert record(model, IMAGES, bloch=False).head.bloch is None
