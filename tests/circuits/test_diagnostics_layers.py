"""Diagnostics of layers: what they say of a re-upload circuit written in PennyLane is what they say of ours."""

from __future__ import annotations

import math

import pennylane as qml
import pytest
import torch
from torch.testing import assert_close

from circuits import DataReupload, QuantumLayer, ReuploadLayer
from circuits.diagnostics import (
    effective_parameters,
    entanglement,
    expressibility,
    fourier_spectrum,
    gradient_variance,
    states,
)

CIRCUIT = DataReupload(2, 2)


def reupload(inputs, weights):
    for block in range(2):
        for wire in range(2):
            qml.Rot(*(inputs[..., 3 * wire + k] for k in range(3)), wire)
            qml.Rot(*weights[block, wire], wire)
        if block == 0:
            qml.CZ([0, 1])


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(4)


@pytest.fixture(scope="module")
def own() -> QuantumLayer:
    return QuantumLayer(reupload, {"weights": (2, 2, 3)}, 6)


def test_an_own_circuit_has_the_rank_and_the_states_of_ours(own: QuantumLayer) -> None:
    """Layers draw data and weights as descriptions do, so that the numbers are the same."""
    ours, theirs = effective_parameters(CIRCUIT, generator=seeded()), effective_parameters(own, 8, seeded())
    assert (theirs.raw, theirs.counted, theirs.rank) == (12, 12, ours.rank)
    layer = ReuploadLayer(2, 2)
    measures = lambda c: expressibility(c, 20, 10, seeded()).divergence, lambda c: entanglement(c, 20, seeded()).mean
    for measure in measures:
        assert measure(own) == pytest.approx(measure(CIRCUIT), abs=1e-10)
        assert measure(layer) == pytest.approx(measure(CIRCUIT), abs=1e-10)


def test_an_own_circuit_has_the_spectrum_and_the_gradients_of_ours(own: QuantumLayer) -> None:
    ours, theirs = fourier_spectrum(CIRCUIT, 1, 3, seeded()), fourier_spectrum(own, 1, 3, seeded(), n_blocks=2)
    assert_close(theirs.coefficients, ours.coefficients, atol=1e-10, rtol=0)
    options = {"samples": 6, "weight": (0, 0, 1)}
    one = gradient_variance([2], [2], generator=seeded(), **options)
    other = gradient_variance([2], [2], generator=seeded(), make=lambda n, blocks: own, **options)
    for cost in ("local", "global"):
        assert_close(other.variance[cost], one.variance[cost], atol=1e-10, rtol=0)


@pytest.mark.parametrize(("gate", "rank"), [("cnot", 15), ("crz", 18)])
def test_rank_of_other_gates(gate: str, rank: int) -> None:
    found = effective_parameters(ReuploadLayer(3, 2, entangling_gate=gate), 16, seeded())
    assert (found.counted, found.rank) == (rank, rank)


def test_factors_are_directions_of_their_own_and_shared_turns_are_not() -> None:
    """In one rotation per block, the angles of RZ gates that meet over a CZ add up: (L - 1) n directions fewer."""
    block = effective_parameters(ReuploadLayer(2, 2, data_scaling="block"), 24, seeded())
    assert (block.raw, block.counted, block.rank) == (24, 20, 20)
    added = effective_parameters(ReuploadLayer(2, 2, data_scaling="added"), 24, seeded())
    assert (added.raw, added.counted, added.rank) == (24, 16, 16 - 2)


def test_states_of_a_scaled_layer_are_those_of_its_gates() -> None:
    layer = ReuploadLayer(2, 3, entangling_gate="crz", data_scaling="added").double()
    layer.scales.data.normal_(generator=seeded())
    inputs = torch.randn(3, 6, generator=seeded(), dtype=torch.float64)
    amplitudes = layer.states(inputs)
    assert_close(amplitudes, states(layer.circuit, layer.engine_inputs(inputs), layer.weights), atol=1e-12, rtol=0)
    probability = amplitudes.abs().square()
    z = torch.stack([probability[:, :2].sum(1), probability[:, ::2].sum(1)], dim=1) * 2 - 1
    assert_close(z, layer(inputs), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda own: expressibility(torch.nn.Linear(2, 2)), "circuit: got Linear, expected a DataReupload, a Reupload"),
        (lambda own: fourier_spectrum(own, 1), "n_blocks: got None, expected how often"),
        (lambda own: fourier_spectrum(own, 6, n_blocks=1), "input_index: got 6, expected 0 to 5"),
        (lambda own: fourier_spectrum(ReuploadLayer(2, 2, data_scaling="block"), 1), "data_scaling: got factors"),
        (
            lambda own: gradient_variance([2], [2], make=lambda n, b: own, weight=12),
            "weight: got 12, expected a number",
        ),
        (lambda own: effective_parameters(own, 2), "inputs_count: got 2, expected at least 6"),
    ],
)
def test_what_does_not_fit_is_said(own: QuantumLayer, call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(own)


def test_circuits_of_ones_own_can_lose_their_gradients() -> None:
    """One block of RY on every wire: Var of the product of cosines is (1/2)^n, by hand."""

    def make(n: int, blocks: int) -> QuantumLayer:
        def function(inputs, weights):
            for wire in range(n):
                qml.RY(inputs[..., 0] * 0 + weights[wire], wire)

        return QuantumLayer(function, {"weights": n}, 1)

    found = gradient_variance([1, 2], [1], samples=60, generator=seeded(), make=make, weight=0)
    for column, n in enumerate((1, 2)):
        error = 5 * float(found.error["global"][0, column])
        assert math.isclose(float(found.variance["global"][0, column]), 0.5**n, abs_tol=error)
