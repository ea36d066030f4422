"""What a torch user does: torch.func, autocast, half precision and empty batches."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane import numpy as pnp
from torch.func import grad, hessian, jacfwd, jacrev, vmap
from torch.testing import assert_close

from circuits.pennylane_device import LightConeDevice

# PyTorch's own, when torch.func is imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*deprecated:DeprecationWarning")

TERMS = qml.dot([0.3, 0.5, -0.2], [qml.X(0) @ qml.Z(1), qml.Y(1), qml.Z(0) @ qml.Z(2)])


def prepared(x):
    qml.StatePrep(x / torch.linalg.vector_norm(x), wires=[1, 0], validate_norm=False)
    qml.CNOT([0, 2])


def blocks(x):
    qml.RX(x[0], 0)
    qml.CRX(x[1], [0, 1])
    qml.ctrl(qml.RY(x[2], 2), control=[0, 1])
    qml.FermionicSWAP(x[3], wires=[0, 2])


def evolutions(x):
    qml.RX(x[0], 0)
    qml.evolve(TERMS, coeff=x[1])
    qml.TrotterProduct(TERMS, x[2])
    qml.exp(qml.X(0) @ qml.Z(1), 1j * x[3])


def idle(x):
    qml.RX(x[0], 0)
    qml.RX(x[1], 5)
    qml.CRY(x[2], [6, 5])
    qml.RX(x[3], 1)


def outputs(operations, x):
    @qml.qnode(LightConeDevice(), interface="torch")
    def circuit():
        operations(x)
        qml.RY(0.3, 1)
        weighted = qml.s_prod(x[3], qml.Z(1)) + qml.X(0)
        return qml.expval(weighted), qml.expval(qml.Z(1) @ qml.X(0)), qml.probs(wires=[1]), qml.var(qml.Y(0))

    return torch.cat([result.reshape(-1) for result in circuit()])


@pytest.mark.parametrize("operations", [prepared, blocks, evolutions, idle])
def test_torch_func_equals_a_loop(operations) -> None:
    rows = torch.tensor([[0.5, 0.7, 0.2, 0.3], [0.6, -0.9, 0.4, 1.2]], dtype=torch.float64)

    def function(x):
        return outputs(operations, x)

    looped = torch.stack([torch.autograd.functional.jacobian(function, row) for row in rows])
    assert looped.abs().sum() > 0
    assert_close(vmap(function)(rows), torch.stack([function(row) for row in rows]))
    assert_close(vmap(jacrev(function))(rows), looped)
    assert_close(jacfwd(function)(rows[0]), looped[0])
    assert_close(vmap(grad(lambda x: function(x).sum()))(rows), looped.sum(1))
    second = torch.autograd.functional.hessian(lambda x: function(x).sum(), rows[0])
    assert_close(hessian(lambda x: function(x).sum())(rows[0]), second)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_autocast_does_not_halve_the_precision(kind) -> None:
    @qml.qnode(LightConeDevice())
    def circuit(x):
        qml.AngleEmbedding(x[..., 1:], [0, 1, 2])
        qml.IsingZZ(x[..., 0], [1, 2])
        qml.FermionicSWAP(x[..., 2], wires=[0, 2])
        qml.RX(x[..., 1], 2)
        return (
            qml.expval(qml.Z(2)),
            qml.expval(qml.Hermitian(np.array([[1, 2j], [-2j, 0]]), 2)),
            qml.probs(wires=[0, 2]),
        )

    x = torch.tensor([[0.3, 0.7, 1.3, 0.0], [0.2, 0.5, 0.1, 0.4]], dtype=kind, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        results = circuit(x)
    tolerance = 1e-6 if kind == torch.float32 else 0.03
    for out, exact in zip(results, circuit(x.detach().double()), strict=True):
        assert out.dtype == torch.float32
        assert_close(out.double(), exact, atol=tolerance, rtol=0)
    results[0].sum().backward()
    assert x.grad.dtype == kind
    assert torch.isfinite(x.grad).all()


EMPTY = {
    "rotation": lambda x, w: (qml.RX(x, 0), qml.RY(w, 1)),
    "state": lambda x, w: (qml.AmplitudeEmbedding(x[:, None].expand(0, 4), [0, 1], normalize=True), qml.RX(w, 0)),
    "block": lambda x, w: (qml.FermionicSWAP(x, [0, 1]), qml.CRot(w, w, x, [0, 1]), qml.IsingZZ(x, [0, 1])),
    "evolution": lambda x, w: (qml.evolve(TERMS, coeff=x), qml.RX(w, 0)),
}


# PennyLane-Lightning #240: an empty shard of a batch.
@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_batch_has_empty_results_and_gradients(name) -> None:
    x = torch.zeros(0, dtype=torch.float64, requires_grad=True)
    w = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)

    @qml.qnode(LightConeDevice())
    def circuit():
        EMPTY[name](x, w)
        qml.RX(0.1, 2)
        return qml.expval(qml.Z(0)), qml.probs(), qml.state(), qml.var(qml.X(1)), qml.density_matrix([0])

    results = circuit()
    assert [tuple(result.shape) for result in results] == [(0,), (0, 8), (0, 8), (0,), (0, 2, 2)]
    (results[0].sum() + results[1].sum()).backward()
    assert w.grad == 0
    assert x.grad.shape == (0,)


def test_an_empty_batch_has_no_shots() -> None:
    @qml.set_shots((2, 3))
    @qml.qnode(LightConeDevice())
    def circuit(x):
        qml.RX(x, 0)
        return qml.expval(qml.Z(0)), qml.sample(wires=[0, 1]), qml.counts(wires=0), qml.probs(wires=[0])

    for (mean, samples, counts, probabilities), shots in zip(circuit(np.zeros(0)), (2, 3), strict=True):
        assert counts == []
        assert (np.shape(mean), np.shape(samples), np.shape(probabilities)) == ((0,), (0, shots, 2), (0, 2))


def test_an_empty_batch_in_numpy() -> None:
    @qml.qnode(LightConeDevice())
    def circuit(x):
        qml.RX(x, 0)
        return qml.expval(qml.Z(0))

    assert circuit(pnp.zeros(0)).shape == (0,)
