"""Amplitudes, expressibility and entanglement, against PennyLane, Haar's laws and states worked out by hand."""

from __future__ import annotations

import math

import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from kronecker import random_angles, random_circuits
from torch.testing import assert_close

from circuits import ENTANGLERS, DataReupload, make_engine
from circuits.diagnostics import entanglement, expressibility, haar_divergence, meyer_wallach, states


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def haar_states(samples: int, n: int, generator: torch.Generator) -> torch.Tensor:
    drawn = torch.randn(samples, 2**n, generator=generator, dtype=torch.complex128)
    return drawn / drawn.norm(dim=1, keepdim=True)


def pennylane_state(circuit: DataReupload, inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    @qml.qnode(qml.device("default.qubit", wires=circuit.n_qubits))
    def state():
        for gate in circuit.gates():
            if gate.name == "CZ":
                qml.CZ(wires=gate.wires)
            else:
                (wire,) = gate.wires
                angles = inputs.reshape(-1, 3)[wire] if gate.source == "inputs" else weights[gate.block, wire]
                qml.Rot(*angles.tolist(), wires=wire)
        return qml.state()

    return torch.as_tensor(state())


@settings(max_examples=60)
@given(drawn=random_circuits(max_qubits=6, max_blocks=4))
def test_states_are_pennylanes(drawn) -> None:
    circuit, seed = drawn
    inputs, weights = random_angles(circuit, seed, batch=2)
    expected = torch.stack([pennylane_state(circuit, row, weights) for row in inputs])
    assert_close(states(circuit, inputs, weights), expected, atol=1e-10, rtol=0)


@settings(max_examples=40)
@given(drawn=random_circuits(max_qubits=6, max_blocks=4))
def test_gradients_through_states_are_the_light_cones(drawn) -> None:
    circuit, seed = drawn
    inputs, weights = random_angles(circuit, seed, batch=2)
    wire = seed % circuit.n_qubits
    bits = torch.arange(2**circuit.n_qubits) >> (circuit.n_qubits - 1 - wire) & 1
    through_states = states(circuit, inputs, weights).abs().square() @ (1 - 2 * bits).double()
    direct = make_engine("lightcone", circuit)(inputs, weights)[:, wire]
    assert_close(through_states, direct, atol=1e-12, rtol=0)
    ours = torch.autograd.grad(through_states.sum(), (inputs, weights))
    theirs = torch.autograd.grad(direct.sum(), (inputs, weights))
    assert_close(ours, theirs, atol=1e-10, rtol=0)


@pytest.mark.parametrize("entangler", ENTANGLERS)
def test_weights_of_each_samples_own(entangler: str) -> None:
    circuit = DataReupload(4, 3, entangler)
    inputs = torch.randn(5, 12, generator=seeded(), dtype=torch.float64)
    weights = torch.randn(5, 3, 4, 3, generator=seeded(1), dtype=torch.float64)
    alone = torch.cat([states(circuit, x.unsqueeze(0), w) for x, w in zip(inputs, weights, strict=True)])
    assert_close(states(circuit, inputs, weights), alone, atol=1e-14, rtol=0)


@pytest.mark.parametrize(("n", "bins"), [(1, 10), (2, 20), (4, 75)])
def test_haar_random_states_show_the_floor_and_no_more(n: int, bins: int) -> None:
    """The divergence of true Haar samples averages to the stated floor: its mean over runs is within 5 errors."""
    generator = seeded(n)
    runs = []
    for _ in range(60):
        pairs = haar_states(500, n, generator), haar_states(500, n, generator)
        runs.append(haar_divergence((pairs[0].conj() * pairs[1]).sum(1).abs().square(), 2**n, bins))
    measured = torch.tensor([run.divergence for run in runs])
    assert abs(measured.mean() - runs[0].floor) < 5 * measured.std() / math.sqrt(len(runs))
    assert runs[0].floor < 0.1
    assert (measured >= 0).all()


@pytest.mark.parametrize("n", [1, 3, 12])
def test_haar_masses_are_the_integral_of_the_density(n: int) -> None:
    bins, dimension = 8, 2**n
    haar = haar_divergence(torch.zeros(1), dimension, bins).haar
    points = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    density = (dimension - 1) * (1 - points) ** (dimension - 2)
    assert_close(haar, density.reshape(bins, -1).mean(1) / bins, atol=5e-5, rtol=0)
    assert abs(haar.sum() - 1) < 1e-12


def test_divergence_by_hand() -> None:
    """Four fidelities in two bins of a qubit (uniform Haar law): p = (3/4, 1/4), q = (1/2, 1/2)."""
    result = haar_divergence(torch.tensor([0.0, 0.1, 0.49, 1.0]), 2, 2)
    assert result.divergence == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5), abs=1e-12)
    # Binomial(4, 1/2) counts m in each bin: sum over both of E[m/4 ln(m/2)].
    expected = 2 * sum(math.comb(4, m) / 16 * m / 4 * math.log(m / 2) for m in range(1, 5))
    assert result.floor == pytest.approx(expected, abs=1e-12)


def test_a_circuit_that_gives_one_state_is_least_expressible() -> None:
    """Identity blocks leave the data alone: both states of a pair agree, F = 1, KL = (N - 1) ln(bins)."""
    result = expressibility(DataReupload(3, 2), samples=50, bins=40, generator=seeded(), initial="identity-block")
    assert result.divergence == pytest.approx(7 * math.log(40), rel=1e-12)
    assert result.divergence == result.maximum


def test_entanglers_bring_the_states_closer_to_haar() -> None:
    values = {
        entangler: expressibility(DataReupload(3, 3, entangler), 3000, 50, seeded()).divergence
        for entangler in ("none", "line", "all")
    }
    assert values["none"] > 5 * max(values["line"], values["all"])


@pytest.mark.parametrize("n", [2, 3, 5])
def test_meyer_wallach_of_known_states(n: int) -> None:
    basis = torch.eye(2**n, dtype=torch.complex128)
    ghz = (basis[0] + basis[-1]) / math.sqrt(2)
    w = sum(basis[1 << k] for k in range(n)) / math.sqrt(n)
    # One wire of W is 1 with probability 1/n: purity ((n - 1)^2 + 1) / n^2.
    expected = torch.tensor([1, 2 - 2 * ((n - 1) ** 2 + 1) / n**2, 0], dtype=torch.float64)
    assert_close(meyer_wallach(torch.stack([ghz, w, basis[1]])), expected, atol=1e-12, rtol=0)


def test_meyer_wallach_is_the_mean_purity_of_partial_traces() -> None:
    amplitudes = haar_states(6, 4, seeded())
    purities = []
    for wire in range(4):
        matrix = amplitudes.reshape(6, *[2] * 4).movedim(1 + wire, 1).reshape(6, 2, -1)
        reduced = matrix @ matrix.mH
        purities.append((reduced @ reduced).diagonal(dim1=1, dim2=2).sum(1).real)
    assert_close(meyer_wallach(amplitudes), 2 * (1 - torch.stack(purities).mean(0)), atol=1e-12, rtol=0)


@pytest.mark.parametrize("n", [2, 4])
def test_haar_mean_is_that_of_haar_random_states(n: int) -> None:
    values = meyer_wallach(haar_states(4000, n, seeded()))
    stated = entanglement(DataReupload(n, 1), samples=2, generator=seeded()).haar_mean
    assert abs(values.mean() - stated) < 5 * values.std() / math.sqrt(4000)


@pytest.mark.parametrize("circuit", [DataReupload(4, 3, "none"), DataReupload(4, 1), DataReupload(1, 3)])
def test_product_states_are_not_entangled(circuit: DataReupload) -> None:
    assert entanglement(circuit, 20, seeded()).values.abs().max() < 1e-12


@pytest.mark.parametrize(("n", "expected"), [(2, 1 - (3 / 8 + 5 / 8 * 3 / 8)), (5, 1 - (3 / 8 + 5 / 8 * (3 / 8) ** 2))])
def test_two_blocks_of_a_ring_by_hand(n: int, expected: float) -> None:
    """CZ shrinks a wire's XY part by each neighbour's z: |r|^2 = z^2 + (1 - z^2) prod z_j^2, and E z^2 = 3/8.

    E z^2 is that of two rotations with uniform angles: 1/2 E[z_x^2] + 1/2 E[x_x^2] = 1/4 + 1/8.
    """
    result = entanglement(DataReupload(n, 2), 6000, seeded())
    assert abs(result.mean - expected) < 5 * result.std / math.sqrt(6000)


def test_draws_come_from_the_generator_alone() -> None:
    circuit = DataReupload(3, 2)
    before = torch.get_rng_state()
    assert torch.equal(entanglement(circuit, 5, seeded(3)).values, entanglement(circuit, 5, seeded(3)).values)
    assert not torch.equal(entanglement(circuit, 5, seeded(3)).values, entanglement(circuit, 5, seeded(4)).values)
    one, other = (expressibility(circuit, 200, 20, seeded(3)) for _ in range(2))
    assert torch.equal(one.histogram, other.histogram)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: states(DataReupload(2, 1), torch.zeros(3, 5), torch.zeros(1, 2, 3)), "inputs: got shape"),
        (lambda: states(DataReupload(2, 1), torch.zeros(3, 6), torch.zeros(2, 1, 2, 3)), "leading batch of 3"),
        (lambda: meyer_wallach(torch.ones(2, 6)), r"amplitudes: got shape \(2, 6\)"),
        (lambda: entanglement(DataReupload(2, 1), samples=1), "samples: got 1, expected a whole number of at least 2"),
        (lambda: expressibility(DataReupload(2, 1), bins=1), "bins: got 1"),
        (lambda: expressibility(DataReupload(2, 1), initial="zero"), "initial: got 'zero', expected one of uniform"),
    ],
)
def test_refusals(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_pictures_show_the_numbers() -> None:
    spread = expressibility(DataReupload(2, 2), 100, 10, seeded())
    (axes,) = spread.plot().axes
    assert [patch.get_data().values.tolist() for patch in axes.patches] == [
        spread.histogram.tolist(),
        spread.haar.tolist(),
    ]
    assert axes.get_xlabel() == "fidelity of a pair of states"
    tangled = entanglement(DataReupload(2, 2), 100, seeded())
    (axes,) = tangled.plot().axes
    assert sum(patch.get_height() for patch in axes.patches) == 100
    assert f"mean {tangled.mean:.3f}" in [text.get_text() for text in axes.get_legend().get_texts()]
