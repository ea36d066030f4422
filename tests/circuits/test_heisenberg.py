"""Exact noisy expectations: against density matrices, in the limits, and on the cone the noise leaves."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kronecker import random_angles, random_circuits
from noisy import noisy_oracle, random_noise
from torch.testing import assert_close

from circuits import DataReupload, LightConeEngine, ReuploadLayer, compile_circuit
from circuits.engines.heisenberg.cones import find_cone
from circuits.engines.heisenberg.steps import KetStep
from circuits.engines.heisenberg.timeline import make_timeline
from noise_models import (
    amplitude_damping,
    bit_flip,
    depolarizing,
    overrotation,
    paper,
    phase_damping,
    readout,
    thermal_relaxation,
)


def gradients(evaluate, circuit, seed):
    inputs, weights = random_angles(circuit, seed, 2)
    out = evaluate(inputs, weights)
    mix = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed + 1), dtype=out.dtype)
    return out.detach(), torch.autograd.grad((out * mix).sum(), (inputs, weights))


@settings(max_examples=60)
@given(drawn=random_circuits(max_qubits=4, max_blocks=3), noise=random_noise(), observable=st.sampled_from("ZXY"))
def test_values_and_gradients_are_those_of_the_density_matrix(drawn, noise, observable) -> None:
    circuit, seed = drawn
    engine = LightConeEngine(circuit, observable, noise=noise)
    ours = gradients(engine, circuit, seed)
    theirs = gradients(lambda x, w: noisy_oracle(circuit, noise, x, w, observable), circuit, seed)
    assert_close(ours[0], theirs[0], atol=1e-10, rtol=0)
    for one, other in zip(ours[1], theirs[1], strict=True):
        assert_close(one, other, atol=1e-8, rtol=0)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), noise=random_noise(), entangler=st.sampled_from(["ring", "line", "brick", "all"]))
def test_pairs_are_those_of_the_density_matrix(seed: int, noise, entangler: str) -> None:
    circuit = DataReupload(4, 2, entangler)
    inputs, weights = random_angles(circuit, seed, 2)
    ours = LightConeEngine(circuit, "ZZ", noise=noise)(inputs, weights)
    assert_close(ours, noisy_oracle(circuit, noise, inputs, weights, "ZZ"), atol=1e-10, rtol=0)


@settings(max_examples=30)
@given(drawn=random_circuits(max_qubits=7, max_blocks=3))
def test_noise_of_strength_zero_is_the_noiseless_circuit(drawn) -> None:
    circuit, seed = drawn
    ideal = gradients(LightConeEngine(circuit), circuit, seed)
    still = gradients(LightConeEngine(circuit, noise=depolarizing(0.0)), circuit, seed)
    assert_close(still[0], ideal[0], atol=1e-12, rtol=0)
    for one, other in zip(still[1], ideal[1], strict=True):
        assert_close(one, other, atol=1e-10, rtol=0)


@pytest.mark.parametrize("entangler", ["ring", "line"])
@pytest.mark.parametrize("n_qubits", [4, 5, 9])
def test_the_closing_edge_of_a_chip_is_bridged_without_changing_the_circuit(n_qubits: int, entangler: str) -> None:
    layer = ReuploadLayer(n_qubits, 2, entangler).double()
    inputs = random_angles(layer.circuit, 3, 2)[0]
    on_chip = layer.with_noise("torino*0")
    assert on_chip.noise.n_wires == (12 if entangler == "ring" else n_qubits)
    assert_close(on_chip(inputs), layer(inputs), atol=1e-10, rtol=0)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_depolarizing_once_a_block_shrinks_one_block_by_its_factor(seed: int) -> None:
    circuit = DataReupload(3, 1)
    inputs, weights = random_angles(circuit, seed, 4)
    ideal = LightConeEngine(circuit)(inputs, weights)
    noisy = LightConeEngine(circuit, noise=depolarizing(0.3, on=("id",)))(inputs, weights)
    assert_close(noisy, 0.7 * ideal, atol=1e-12, rtol=0)


def wires_met(circuit: DataReupload, noise, wire: int) -> set[int]:
    timeline = make_timeline(compile_circuit(circuit, noise), noise)
    cone = find_cone(timeline, (wire,), ((3,),))
    return {step.each[0] for step in cone.steps if isinstance(step, KetStep)}


KEEPS_THE_CONE = [
    bit_flip(0.1),
    depolarizing(0.1),
    amplitude_damping(0.1),
    phase_damping(0.1),
    thermal_relaxation(1e-4, 1e-4, {"u": 1e-6, "cz": 1e-5}),
    paper(0.1) + readout(0.05),
]


@pytest.mark.parametrize("noise", KEEPS_THE_CONE, ids=repr)
@pytest.mark.parametrize("n_blocks", [2, 3, 4])
def test_incoherent_noise_keeps_the_cone(noise, n_blocks: int) -> None:
    circuit = DataReupload(12, n_blocks, "ring")
    reach = n_blocks - 1
    for wire in (0, 5, 11):
        assert wires_met(circuit, noise, wire) == {(wire + step) % 12 for step in range(-reach, reach + 1)}


def test_a_coherent_error_after_cz_spreads_along_a_ring_but_not_along_bricks() -> None:
    noise = overrotation(0.1)
    # In a ring each CZ waits for the one before it: going back in time from wire 5, every earlier edge is passed.
    assert wires_met(DataReupload(12, 2, "ring"), noise, 5) == {0, 1, 2, 3, 4, 5, 6}
    assert wires_met(DataReupload(12, 2, "brick"), noise, 5) <= {3, 4, 5, 6, 7}


def test_a_cone_beyond_the_limit_is_refused_and_names_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"noise: <Z> of .* Pauli coefficients .* use the engine aer"):
        LightConeEngine(DataReupload(12, 4, "ring"), noise=overrotation(0.1))


def test_noise_of_a_border_gate_still_counts() -> None:
    circuit = DataReupload(9, 2, "line")
    inputs, weights = random_angles(circuit, 0, 2)
    noise = depolarizing(0.2, on=("cz",))
    # The observable on wire 4 grows to 3 and 5; the CZ of (2, 3) stands before that of (3, 4) and cancels, its noise
    # does not: without that gate the value is another.
    shorter = DataReupload(6, 2, "line")
    whole = LightConeEngine(circuit, noise=noise)(inputs, weights)[:, 4]
    cut = LightConeEngine(shorter, noise=noise)(inputs[:, 9:], weights[:, 3:])[:, 1]
    assert (whole - cut).abs().max() > 1e-3
    ideal = LightConeEngine(circuit)(inputs, weights)
    ideal_cut = LightConeEngine(shorter)(inputs[:, 9:], weights[:, 3:])
    assert_close(ideal[:, 4], ideal_cut[:, 1], atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("noise", "dead"),
    [
        (depolarizing(0.1), 3),
        (amplitude_damping(0.1), 3),
        (overrotation(0.2, "z"), 3),
        (overrotation(0.2), 0),
        (overrotation(0.2, "y", on=("id",)), 0),
    ],
)
def test_effective_weights_are_those_with_a_gradient(noise, dead: int) -> None:
    layer = ReuploadLayer(3, 2).double().with_noise(noise)
    layer(random_angles(layer.circuit, 5, 16)[0].detach()).pow(2).sum().backward()
    felt = int((layer.weights.grad.abs() > 1e-12).sum())
    assert layer.n_effective_weights == felt == layer.circuit.n_weights - dead


def test_pieces_of_a_batch_give_the_same_values_and_gradients() -> None:
    circuit = DataReupload(6, 3)
    noise = amplitude_damping(0.1) + readout(0.02)
    whole = gradients(LightConeEngine(circuit, noise=noise), circuit, 1)
    pieces = gradients(LightConeEngine(circuit, noise=noise, memory_budget=1), circuit, 1)
    assert_close(pieces[0], whole[0], atol=1e-14, rtol=0)
    for one, other in zip(pieces[1], whole[1], strict=True):
        assert_close(one, other, atol=1e-12, rtol=0)


def test_single_precision_stays_close_and_an_empty_batch_is_empty() -> None:
    circuit = DataReupload(5, 3)
    inputs, weights = random_angles(circuit, 1, 3)
    engine = LightConeEngine(circuit, noise=paper(0.1))
    assert_close(engine(inputs.float(), weights.float()).double(), engine(inputs, weights), atol=1e-5, rtol=0)
    assert engine(inputs[:0], weights).shape == (0, 5)


def test_second_derivatives() -> None:
    circuit = DataReupload(3, 2)
    engine = LightConeEngine(circuit, noise=amplitude_damping(0.1))
    inputs, weights = random_angles(circuit, 1, 1)
    assert torch.autograd.gradgradcheck(engine, (inputs.requires_grad_(), weights.requires_grad_()))


def test_shots_lie_around_the_exact_value() -> None:
    circuit = DataReupload(4, 2)
    noise = amplitude_damping(0.1) + readout(0.05)
    inputs, weights = random_angles(circuit, 1, 8)
    exact = LightConeEngine(circuit, noise=noise)(inputs, weights)
    shots = 100_000
    sampled = LightConeEngine(circuit, noise=noise, shots=shots)(inputs, weights)
    error = ((1 - exact**2) / shots).sqrt()
    assert ((sampled - exact).abs() < 4 * error).all()
    assert (sampled != exact).any()
