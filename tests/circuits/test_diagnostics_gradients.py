"""Gradient variances against values worked out by hand; ranks of the Jacobian against counted weights."""

from __future__ import annotations

import math

import pennylane as qml
import pytest
import torch
from torch.testing import assert_close

from circuits import ENTANGLERS, DataReupload, make_engine
from circuits.diagnostics import effective_parameters, gradient_variance, weight_jacobian
from circuits.diagnostics.barren_plateau import global_gradients, local_gradients
from circuits.diagnostics.draws import random_inputs, random_weights


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# One block: <Z> = cos(t) z - sin(t) (cos(p) x - sin(p) y), weights (p, t, .), data Bloch vector (x, y, z) with uniform
# polar and azimuthal angle: E z^2 = 1/2, E x^2 = E y^2 = 1/4. So Var d/dt = 1/2 E z^2 + 1/2 E x^2 = 3/8,
# Var d/dp = E sin^2(t) E x^2 = 1/8, and with t = 0 Var d/dt = E x^2 = 1/4. The last RZ does nothing.
ONE_BLOCK = [("uniform", 1, 3 / 8), ("uniform", 0, 1 / 8), ("uniform", 2, 0), ("identity-block", 1, 1 / 4)]


@pytest.mark.parametrize(("initial", "angle", "expected"), ONE_BLOCK)
def test_one_block_local_variance_by_hand(initial: str, angle: int, expected: float) -> None:
    outside = gradient_variance([3], [1], "ring", initial, 5, seeded(), costs=["local"], weight=(0, 1, angle))
    assert outside.variance["local"].item() == 0, "the cost reads wire 0, and one block joins nothing"
    result = gradient_variance([1, 3], [1], "ring", initial, 1000, seeded(), costs=["local"], weight=(0, 0, angle))
    assert ((result.variance["local"] - expected).abs() <= 5 * result.error["local"] + 1e-25).all()


def test_one_block_global_variance_by_hand() -> None:
    """The other wires multiply by E <Z>^2 = 1/2 E z^2 + 1/2 E x^2 = 3/8 each."""
    result = gradient_variance([1, 2, 3], [1], samples=20_000, generator=seeded(), costs=["global"])
    expected = torch.tensor([[3 / 8, (3 / 8) ** 2, (3 / 8) ** 3]], dtype=torch.float64)
    assert ((result.variance["global"] - expected).abs() < 5 * result.error["global"]).all()
    assert result.decay("global").item() == pytest.approx(3 / 8, rel=0.05)


@pytest.mark.parametrize("entangler", ENTANGLERS)
def test_both_costs_against_pennylane(entangler: str) -> None:
    circuit, weight = DataReupload(4, 3, entangler), (1, 0, 1)
    inputs, weights = random_inputs(circuit, 3, seeded()), random_weights(circuit, 3, "uniform", seeded(1))
    observables = {
        local_gradients: qml.PauliZ(0),
        global_gradients: qml.prod(*[qml.PauliZ(wire) for wire in range(4)]),
    }
    for measure, observable in observables.items():

        @qml.qnode(qml.device("default.qubit", wires=4), interface="torch", diff_method="backprop")
        def cost(x, w, observable=observable):
            for gate in circuit.gates():
                if gate.name == "CZ":
                    qml.CZ(wires=gate.wires)
                else:
                    (wire,) = gate.wires
                    qml.Rot(
                        *(x[3 * wire : 3 * wire + 3] if gate.source == "inputs" else w[gate.block, wire]), wires=wire
                    )
            return qml.expval(observable)

        expected = []
        for x, w in zip(inputs, weights, strict=True):
            tracked = w.clone().requires_grad_()
            expected.append(torch.autograd.grad(cost(x, tracked), tracked)[0][weight])
        assert_close(measure(circuit, inputs, weights, weight), torch.stack(expected), atol=1e-10, rtol=0)


@pytest.mark.parametrize(("n_blocks", "small", "large"), [(2, 5, 9), (3, 7, 30)])
def test_local_gradients_do_not_know_the_size_of_the_register(n_blocks: int, small: int, large: int) -> None:
    """With the same angles in the window around wire 0, a longer ring gives the same gradients: no plateau in n."""
    wide, narrow = DataReupload(large, n_blocks), DataReupload(small, n_blocks)
    inputs, weights = random_inputs(wide, 4, seeded()), random_weights(wide, 4, "uniform", seeded(1))
    kept = [wire % large for wire in (*range(small // 2 + 1), *range(-(small // 2), 0))]
    cut = inputs.reshape(4, large, 3)[:, kept].reshape(4, -1)
    expected = local_gradients(narrow, cut, weights[:, :, kept], (0, 0, 1))
    assert_close(local_gradients(wide, inputs, weights, (0, 0, 1)), expected, atol=1e-12, rtol=0)
    assert expected.abs().min() > 1e-6


def test_global_gradients_vanish_with_the_register_and_local_ones_do_not() -> None:
    result = gradient_variance([4, 6, 8], [2], samples=300, generator=seeded())
    assert result.decay("global").item() < 0.6
    assert result.decay("local").item() > 0.85
    assert "global x0." in repr(result)


def test_what_is_too_large_for_amplitudes_is_left_out() -> None:
    result = gradient_variance([2, 20], [2], samples=5, generator=seeded())
    assert result.variance["global"].isnan().tolist() == [[False, True]]
    assert (result.variance["local"] > 0).all()


def test_variances_come_from_the_generator_alone() -> None:
    before = torch.get_rng_state()
    one, same, other = (
        gradient_variance([2], [2], samples=5, generator=seeded(s)).variance["local"] for s in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_variance_picture_shows_the_numbers() -> None:
    result = gradient_variance([1, 2], [1, 2], samples=20, generator=seeded())
    figure = result.plot()
    for axes, cost in zip(figure.axes, result.variance, strict=True):
        drawn = [
            line.get_ydata().tolist() for line in axes.lines if len(line.get_ydata()) == 2 and line.get_marker() == "o"
        ]
        assert drawn == result.variance[cost].tolist()
        assert axes.get_yscale() == "log"
        assert axes.get_xlabel() == "qubits"
    assert "rad" in figure.axes[0].get_ylabel()


@pytest.mark.parametrize("entangler", ENTANGLERS)
@pytest.mark.parametrize(("n", "n_blocks"), [(1, 1), (2, 2), (3, 4), (5, 2), (4, 3)])
def test_rank_is_the_number_of_counted_weights(n: int, n_blocks: int, entangler: str) -> None:
    circuit = DataReupload(n, n_blocks, entangler)
    found = effective_parameters(circuit, generator=seeded())
    assert (found.raw, found.counted) == (3 * n * n_blocks, 3 * n * n_blocks - n)
    assert found.rank == found.counted
    gap = found.singular_values[found.rank - 1] / found.singular_values[found.rank]
    assert gap > 1e6, "the rank hangs on the tolerance"


@pytest.mark.parametrize("entangler", ["ring", "line", "all"])
@pytest.mark.parametrize(("n", "n_blocks"), [(2, 2), (4, 2), (4, 3)])
def test_idle_rotations_lose_a_direction(n: int, n_blocks: int, entangler: str) -> None:
    """With every RY idle, Rot(p, 0, o) = RZ(p + o): two directions a rotation, and in the last block RY's alone."""
    found = effective_parameters(DataReupload(n, n_blocks, entangler), generator=seeded(), initial="identity-block")
    assert found.rank == n * (2 * n_blocks - 1)


@pytest.mark.parametrize(("n_blocks", "a_wire"), [(1, 1), (2, 3), (3, 4), (4, 6), (5, 7)])
def test_a_wire_that_repeats_itself_loses_the_mirrored_ones_too(n_blocks: int, a_wire: int) -> None:
    """Alone, an idle wire applies S^L; reading z of S^L |0> forwards or backwards is the same up to the sign of y.

    So the L - 1 RZ directions between the repetitions fall into mirrored pairs that change <Z> alike.
    """
    found = effective_parameters(DataReupload(3, n_blocks, "none"), generator=seeded(), initial="identity-block")
    assert a_wire == n_blocks + math.ceil((n_blocks - 1) / 2)
    assert found.rank == 3 * a_wire


@pytest.mark.parametrize("n_blocks", [1, 2, 3])
def test_shift_rule_is_the_derivative(n_blocks: int) -> None:
    circuit = DataReupload(3, n_blocks)
    inputs, weights = random_inputs(circuit, 4, seeded()), random_weights(circuit, 1, "uniform", seeded(1))[0]
    engine = make_engine("pennylane", circuit)
    expected = torch.autograd.functional.jacobian(lambda w: engine(inputs, w), weights).reshape(12, -1)
    assert_close(weight_jacobian(circuit, inputs, weights), expected, atol=1e-10, rtol=0)


def test_rank_picture_shows_the_singular_values() -> None:
    found = effective_parameters(DataReupload(2, 2), generator=seeded())
    (axes,) = found.plot().axes
    assert axes.lines[0].get_ydata()[: found.rank].tolist() == found.singular_values[: found.rank].tolist()
    assert axes.get_ylabel() == "singular value (1/rad)"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: gradient_variance([2], [1], costs=["both"]), "costs: got 'both', expected one of local, global"),
        (lambda: gradient_variance([2], [1], samples=1), "samples: got 1"),
        (lambda: gradient_variance([2], [1], weight=(1, 0, 1)), r"weight: got \(1, 0, 1\)"),
        (lambda: gradient_variance([], [1]), "at least one entry"),
        (lambda: gradient_variance([2], [1], entangler="star"), "entangler: got 'star'"),
        (lambda: effective_parameters(DataReupload(2, 2), inputs_count=4), "expected at least 5"),
        (lambda: effective_parameters(DataReupload(2, 2), tolerance=0), "tolerance: got 0"),
    ],
)
def test_refusals(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
