"""Random noisy circuits: the light cone, default.mixed and Aer's density matrix give the same numbers.

Every library model, sums of them, and two calibrated chips; 204 pairs of circuit and noise in the slow form, 36 in the
quick one.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kronecker import random_angles
from noisy import SINGLE, random_noise
from qiskit_aer.noise import NoiseModel, amplitude_damping_error, depolarizing_error

from circuits import DataReupload, compile_circuit, make_engine, resolve_noise
from noise_models import Noise, depolarizing, from_aer

VALUE, GRADIENT = 1e-8, 1e-6
SHOTS = 100_000
CHIPS = ("torino", "fez")
KINDS = (*SINGLE, "sum", *CHIPS)
SEEDS = st.integers(0, 2**31)


@st.composite
def pairs(draw, kind: str) -> tuple[DataReupload, Noise]:
    """A circuit of 1 to 5 qubits and 1 to 3 blocks and noise that touches it."""
    # Chips have no rings of five: a line meets their couplings, and their noise alone.
    entangler = draw(st.sampled_from(["line", "none"] if kind in CHIPS else ["ring", "line", "brick", "all", "none"]))
    circuit = DataReupload(draw(st.integers(1, 5)), draw(st.integers(1, 3)), entangler)
    if kind in CHIPS:
        factor = draw(st.floats(0.1, 3))
        return circuit, factor * resolve_noise(kind, circuit)
    noise = draw(random_noise() if kind == "sum" else SINGLE[kind])
    # Noise on CZ gates alone would touch nothing where there are none, and be refused.
    has_pairs = circuit.n_qubits > 1 and circuit.n_blocks > 1 and entangler != "none"
    if not has_pairs and noise.instructions == {"cz"}:
        noise += depolarizing(0.01, on=("u",))
    return circuit, noise


def value_and_gradients(engine, circuit: DataReupload, seed: int):
    inputs, weights = random_angles(circuit, seed, 1)
    out = engine(inputs, weights)
    mix = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed + 1), dtype=out.dtype)
    return out.detach(), torch.autograd.grad((out * mix).sum(), (inputs, weights))


def check(drawn: tuple[DataReupload, Noise], seed: int) -> None:
    circuit, noise = drawn
    ours, gradients = value_and_gradients(make_engine("lightcone", circuit, noise=noise), circuit, seed)
    aer, shifted = value_and_gradients(make_engine("aer", circuit, noise=noise), circuit, seed)
    inputs, weights = (angles.detach() for angles in random_angles(circuit, seed, 1))
    mixed = make_engine("pennylane", circuit, noise=noise)(inputs, weights)
    assert (ours - aer).abs().max() < VALUE
    assert (ours - mixed).abs().max() < VALUE
    for one, other in zip(gradients, shifted, strict=True):
        assert (one - other).abs().max() < GRADIENT
    generator = torch.Generator().manual_seed(seed)
    shots = make_engine("aer", circuit, noise=noise, shots=SHOTS, generator=generator)(inputs, weights)
    error = ((1 - ours**2).clamp(min=0) / SHOTS).sqrt()
    # One count more than four errors, for values whose spread is less than a shot.
    assert ((shots - ours).abs() <= 4 * error + 2 / SHOTS).all()


@pytest.mark.parametrize("kind", KINDS)
def test_engines_agree_under_noise(kind: str) -> None:
    @settings(max_examples=3)
    @given(drawn=pairs(kind), seed=SEEDS)
    def run(drawn, seed) -> None:
        check(drawn, seed)

    run()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_engines_agree_under_noise_many_times(kind: str) -> None:
    @settings(max_examples=17)
    @given(drawn=pairs(kind), seed=SEEDS)
    def run(drawn, seed) -> None:
        check(drawn, seed)

    run()


# Native gates of ion traps, of IQM's and of other machines (qiskit-on-iqm). Where a basis writes no turn by itself, the
# circuit gets further gates.
NATIVE = {"r": ["cz", "rxx"], "rx": ["rzz"], "u": ["cp", "rxx", "ryy", "rzx", "cu1"]}


@pytest.mark.filterwarnings("ignore::circuits.compile.NoiseWarning")
@pytest.mark.parametrize(("turn", "pair"), [(turn, pair) for turn, pairs in NATIVE.items() for pair in pairs])
def test_native_gates_of_other_machines(turn: str, pair: str) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.07), [turn])
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), [pair])
    circuit, noise = DataReupload(2, 2), from_aer(model)
    assert pair in {step.name for step in compile_circuit(circuit, noise).instructions}
    ours, gradients = value_and_gradients(make_engine("lightcone", circuit, noise=noise), circuit, 5)
    aer, shifted = value_and_gradients(make_engine("aer", circuit, noise=noise), circuit, 5)
    mixed, _ = value_and_gradients(make_engine("pennylane", circuit, noise=noise), circuit, 5)
    ideal, _ = value_and_gradients(make_engine("lightcone", circuit), circuit, 5)
    assert (ours - aer).abs().max() < 1e-10
    assert (ours - mixed).abs().max() < 1e-10
    assert (ours - ideal).abs().max() > 1e-3
    for one, other in zip(gradients, shifted, strict=True):
        assert (one - other).abs().max() < 1e-8
