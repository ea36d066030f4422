"""The engine aer: values, gradients and shots against engines that share no code with it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kronecker import random_angles, random_circuits
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from torch import Tensor
from torch.testing import assert_close

from circuits.engines.aer import AerEngine
from circuits.engines.lightcone import LightConeEngine
from circuits.engines.pennylane import PennyLaneEngine
from circuits.reupload import DataReupload
from noise_models import (
    Noise,
    amplitude_damping,
    bit_flip,
    chip,
    depolarizing,
    from_aer,
    overrotation,
    paper,
    phase_damping,
    phase_flip,
    readout,
    thermal_relaxation,
)

VALUE, GRADIENT = 1e-10, 1e-8
CIRCUIT = DataReupload(3, 2)
PLACES = st.sets(st.sampled_from(["u", "cz", "id"]), min_size=1).map(sorted)
# Aer leaves out terms of a channel below 1e-8, so rates are nothing or well above.
RATE = st.floats(0, 0.4).map(lambda p: p if p > 1e-5 else 0.0)


def local_errors() -> Noise:
    """An Aer model with default and local errors, on a pair in one order, and readout errors a wire."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), "u")
    model.add_quantum_error(depolarizing_error(0.3, 1), "u", [1])
    model.add_quantum_error(depolarizing_error(0.2, 2), "cz", [0, 1])
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.3, 0.7]]), [0])
    return from_aer(model)


PARTS = st.one_of(
    *(st.builds(kind, RATE, PLACES) for kind in (bit_flip, phase_flip, depolarizing, amplitude_damping, phase_damping)),
    st.builds(
        overrotation, st.floats(-0.5, 0.5).map(lambda a: a if abs(a) > 1e-3 else 0.0), st.sampled_from("xyz"), PLACES
    ),
    st.builds(readout, RATE, RATE),
    st.just(thermal_relaxation(1e-4, 8e-5, {"u": 5e-6, "cz": 2e-5})),
    st.just(paper(0.1)),
    st.just(local_errors()),
)
NOISES = st.lists(PARTS, min_size=1, max_size=3).map(lambda parts: sum(parts[1:], parts[0]))


def gradients(out: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
    """Gradients for an uneven weighting of the outputs, so that no two of them can stand in for each other."""
    weights = torch.linspace(0.3, 1.7, out.numel(), dtype=out.dtype).reshape(out.shape)
    return torch.autograd.grad((weights * out).sum(), leaves)


@pytest.mark.filterwarnings("ignore::circuits.compile.NoiseWarning")
@given(random_circuits(4, 3), NOISES, st.booleans())
@settings(max_examples=60)
def test_aer_agrees_with_pennylane(drawn: tuple[DataReupload, int], noise: Noise, whole_register: bool) -> None:
    circuit, seed = drawn
    leaves = random_angles(circuit, seed, batch=2)
    with pytest.MonkeyPatch.context() as patch:
        # Cones, also on registers so small that the whole of them is less work.
        patch.setattr(AerEngine, "_seconds", lambda engine, program: len(program.reads) - 1)
        engine = AerEngine(circuit, noise=noise, whole_register=whole_register)
    assert len(engine.programs) == (1 if whole_register else circuit.n_qubits)
    aer = engine(*leaves)
    mixed = PennyLaneEngine(circuit, noise=noise)(*leaves)
    assert_close(aer, mixed, atol=VALUE, rtol=0)
    for ours, theirs in zip(gradients(aer, *leaves), gradients(mixed, *leaves), strict=True):
        assert_close(ours, theirs, atol=GRADIENT, rtol=0)


@given(random_circuits(6, 3), st.booleans())
@settings(max_examples=20)
def test_noiseless_aer_is_the_light_cone(drawn: tuple[DataReupload, int], whole_register: bool) -> None:
    circuit, seed = drawn
    leaves = random_angles(circuit, seed, batch=2)
    aer = AerEngine(circuit, whole_register=whole_register)(*leaves)
    exact = LightConeEngine(circuit)(*leaves)
    assert_close(aer, exact, atol=VALUE, rtol=0)
    for ours, theirs in zip(gradients(aer, *leaves), gradients(exact, *leaves), strict=True):
        assert_close(ours, theirs, atol=GRADIENT, rtol=0)


@pytest.mark.parametrize("n_qubits", [1, 7])
def test_total_noise_leaves_nothing(n_qubits: int) -> None:
    circuit = DataReupload(n_qubits, 2)
    inputs, weights = random_angles(circuit, 4, batch=3)
    aer = AerEngine(circuit, noise=depolarizing(1.0, on=["id"]))(inputs, weights)
    assert_close(aer, torch.zeros(3, n_qubits, dtype=torch.float64), atol=VALUE, rtol=0)


@pytest.mark.parametrize("noise", [chip("torino", 3, "line"), 3.0 * chip("fez", 3, "line")])
def test_a_chip_agrees_with_pennylane(noise: Noise) -> None:
    circuit = DataReupload(3, 2, "line")
    leaves = random_angles(circuit, 4, batch=2)
    aer, mixed = AerEngine(circuit, noise=noise)(*leaves), PennyLaneEngine(circuit, noise=noise)(*leaves)
    assert_close(aer, mixed, atol=VALUE, rtol=0)
    for ours, theirs in zip(gradients(aer, *leaves), gradients(mixed, *leaves), strict=True):
        assert_close(ours, theirs, atol=GRADIENT, rtol=0)


def test_a_chip_with_spare_wires_agrees_with_the_light_cone() -> None:
    """A heavy-hex chip has no ring of eleven; the register with its spare wire would take 4^12 numbers a sample."""
    noise = chip("torino", 11, "ring")
    circuit = DataReupload(11, 2)
    leaves = random_angles(circuit, 4, batch=1)
    aer, exact = AerEngine(circuit, noise=noise)(*leaves), LightConeEngine(circuit, noise=noise)(*leaves)
    assert_close(aer, exact, atol=VALUE, rtol=0)


@pytest.mark.parametrize("noise", [paper(0.1), depolarizing(0.05), overrotation(0.2, "y")])
@pytest.mark.parametrize("entangler", ["ring", "brick", "line"])
def test_cones_are_the_whole_register(noise: Noise, entangler: str) -> None:
    """Seven wires, so that cones are smaller than the register, and turns share shifted runs."""
    circuit = DataReupload(7, 2, entangler)
    leaves = random_angles(circuit, 3, batch=1)
    cones = AerEngine(circuit, noise=noise)
    whole = AerEngine(circuit, noise=noise, whole_register=True)
    assert len(whole.programs) == 1
    assert_close(cones(*leaves), whole(*leaves), atol=VALUE, rtol=0)
    for ours, theirs in zip(gradients(cones(*leaves), *leaves), gradients(whole(*leaves), *leaves), strict=True):
        assert_close(ours, theirs, atol=GRADIENT, rtol=0)


def test_the_cone_of_the_papers_noise_has_three_wires() -> None:
    engine = AerEngine(DataReupload(9, 2), noise=paper())
    assert [len(program.wires) for program in engine.programs] == [3] * 9


@pytest.mark.parametrize("wanted", [0, 1])
def test_one_gradient_alone(wanted: int) -> None:
    leaves = random_angles(CIRCUIT, 1, batch=2)
    both = gradients(AerEngine(CIRCUIT, noise=paper())(*leaves), *leaves)[wanted]
    others = [leaf if number == wanted else leaf.detach() for number, leaf in enumerate(leaves)]
    alone = gradients(AerEngine(CIRCUIT, noise=paper())(*others), leaves[wanted])[0]
    assert_close(alone, both, atol=VALUE, rtol=0)


def test_single_precision_and_an_empty_batch() -> None:
    inputs, weights = (leaf.detach().float().requires_grad_() for leaf in random_angles(CIRCUIT, 1, batch=2))
    engine = AerEngine(CIRCUIT, noise=paper())
    out = engine(inputs, weights)
    assert out.dtype == torch.float32
    assert_close(out.double(), engine(inputs.double(), weights.double()), atol=1e-6, rtol=0)
    assert [g.dtype for g in gradients(out, inputs, weights)] == [torch.float32] * 2
    empty = inputs[:0]
    out = engine(empty, weights)
    assert out.shape == (0, 3)
    data, trained = torch.autograd.grad(out.sum(), (empty, weights))
    assert data.shape == (0, 9)
    assert not trained.any()


def test_the_gradient_has_no_gradient() -> None:
    leaves = random_angles(CIRCUIT, 1, batch=1)
    (gradient,) = torch.autograd.grad(AerEngine(CIRCUIT)(*leaves).sum(), leaves[1], create_graph=True)
    with pytest.raises(RuntimeError, match="lightcone"):
        torch.autograd.grad(gradient.sum(), leaves[1])


def test_large_batches_are_cut_into_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    leaves = random_angles(CIRCUIT, 1, batch=7)
    engine = AerEngine(CIRCUIT, noise=depolarizing(0.1))
    whole = engine(*leaves)
    monkeypatch.setattr("circuits.engines.aer.run.MAX_ROWS", 3)
    assert_close(engine(*leaves), whole, atol=1e-14, rtol=0)


def within_errors(drawn: Tensor, exact: Tensor, shots: int, widths: float = 4) -> None:
    """Means of +1 and -1 have the standard error sqrt((1 - <Z>^2) / shots)."""
    error = ((1 - exact**2).clamp(min=1 / shots) / shots).sqrt()
    assert ((drawn - exact).abs() <= widths * error).all()


@pytest.mark.filterwarnings("ignore:.*while other wires have one:circuits.NoiseWarning")
@pytest.mark.parametrize("method", ["density_matrix", "statevector"])
@pytest.mark.parametrize(
    "noise",
    [paper(0.1) + readout(0.05, 0.2), amplitude_damping(0.2) + readout(0.1), local_errors(), readout(0.3, 0.05)],
)
def test_shots_are_draws_of_the_exact_values(noise: Noise, method: str) -> None:
    leaves = random_angles(CIRCUIT, 5, batch=3)
    exact = LightConeEngine(CIRCUIT, noise=noise)(*leaves)
    within_errors(AerEngine(CIRCUIT, noise=noise, shots=2000, method=method)(*leaves), exact, 2000)


def test_shots_without_noise() -> None:
    leaves = random_angles(CIRCUIT, 5, batch=3)
    within_errors(AerEngine(CIRCUIT, shots=4000)(*leaves), LightConeEngine(CIRCUIT)(*leaves), 4000)


@pytest.mark.parametrize("method", ["density_matrix", "statevector"])
def test_wires_are_measured_together(method: str) -> None:
    """The deviations of two wires in a Bell state have the mean product (<Z_0 Z_1> - <Z_0><Z_1>) / shots, not 0."""
    circuit = DataReupload(2, 2)
    half = torch.pi / 2
    inputs = torch.zeros(400, 6, dtype=torch.float64)
    weights = torch.zeros(2, 2, 3, dtype=torch.float64)
    # |++>, CZ, then the second wire back to the computational basis: a Bell state.
    weights[0, :, 1], weights[1, 1, 1] = half, -half
    noise = bit_flip(0.01, on=("id",))
    shots = 16
    out = AerEngine(circuit, noise=noise, shots=shots, method=method)(inputs, weights)
    exact = LightConeEngine(circuit, noise=noise)(inputs[:1], weights)
    correlation = shots * ((out - exact)[:, 0] * (out - exact)[:, 1]).mean()
    # <Z_0 Z_1> is 1 but for a factor 1 - 2p for each of the four flips; 400 samples know it to about 0.06.
    assert 0.7 < abs(float(correlation)) < 1.2


def test_samples_of_one_batch_are_drawn_apart() -> None:
    inputs, weights = random_angles(CIRCUIT, 2, batch=1)
    out = AerEngine(CIRCUIT, noise=paper(), shots=200)(inputs.repeat(6, 1), weights)
    assert len({tuple(row) for row in out.tolist()}) == 6


def test_the_same_generator_gives_the_same_numbers() -> None:
    leaves = random_angles(CIRCUIT, 2, batch=2)

    def run(seed: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed(seed)
        engine = AerEngine(CIRCUIT, noise=paper(), shots=100, generator=generator)
        first, second = engine(*leaves), engine(*leaves)
        assert not torch.equal(first, second)
        return [first, second, *gradients(second, *leaves)]

    before = torch.get_rng_state()
    for ours, again in zip(run(3), run(3), strict=True):
        assert torch.equal(ours, again)
    assert not torch.equal(run(3)[0], run(4)[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_gradients_from_shots_come_near_the_exact_ones() -> None:
    leaves = random_angles(CIRCUIT, 2, batch=1)
    noise = depolarizing(0.02)
    exact = gradients(LightConeEngine(CIRCUIT, noise=noise)(*leaves), *leaves)
    drawn = gradients(AerEngine(CIRCUIT, noise=noise, shots=4000)(*leaves), *leaves)
    for ours, theirs in zip(drawn, exact, strict=True):
        # An entry of the inputs' gradient adds two blocks' differences over three outputs of weight at most 1.7.
        assert_close(ours, theirs, atol=4 * 1.7 * (3 / 4000) ** 0.5, rtol=0)


@pytest.mark.parametrize("name", ["u", "cz", "id"])
def test_errors_on_an_instruction_act(name: str) -> None:
    """A noise model sits on names: a circuit in other gates would run ideal without a word."""
    leaves = random_angles(CIRCUIT, 2, batch=1)
    noisy = AerEngine(CIRCUIT, noise=depolarizing(0.3, on=(name,)))(*leaves)
    assert (noisy - AerEngine(CIRCUIT)(*leaves)).abs().max() > 0.01


@pytest.mark.parametrize("shots", [None, 20_000])
def test_readout_error_acts_on_values_and_shots(shots: int | None) -> None:
    leaves = random_angles(CIRCUIT, 2, batch=2)
    ideal = LightConeEngine(CIRCUIT)(*leaves)
    expected = (1 - 0.1 - 0.3) * ideal + (0.3 - 0.1)
    out = AerEngine(CIRCUIT, noise=readout(0.1, 0.3), shots=shots)(*leaves)
    if shots is None:
        assert_close(out, expected, atol=1e-12, rtol=0)
    else:
        within_errors(out, expected, shots)


def test_noise_that_touches_nothing_is_refused() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), "t")
    with pytest.raises(ValueError, match="no error would ever"):
        AerEngine(CIRCUIT, noise=from_aer(model))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shots": 0}, "shots: got 0"),
        ({"shots": True}, "shots: got True"),
        ({"method": "stabilizer"}, "method: got 'stabilizer', expected one of automatic"),
        ({"method": "statevector", "noise": paper()}, "method: got 'statevector' without shots"),
        ({"memory_budget": 0}, "memory_budget: got 0"),
        ({"noise": paper(), "memory_budget": 512}, "circuit: .* bytes for one density matrix"),
    ],
)
def test_mistakes_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AerEngine(CIRCUIT, **options)  # type: ignore[arg-type]


def test_registers_beyond_the_budget_are_refused_before_they_begin() -> None:
    with pytest.raises(ValueError, match="lightcone"):
        AerEngine(DataReupload(16, 2, "all"), noise=paper())
    assert AerEngine(DataReupload(30, 2), noise=paper()).method == "density_matrix"
    assert AerEngine(DataReupload(16, 2, "all"), noise=paper(), shots=10).method == "statevector"


def test_a_failure_of_aer_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = AerEngine(CIRCUIT, noise=paper())
    # A method that cannot hold these gates.
    engine._runner._simulator.set_options(method="stabilizer")
    with pytest.raises(RuntimeError, match="Aer"):
        engine(*random_angles(CIRCUIT, 1, batch=1))
