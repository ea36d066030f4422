"""The circuit as a description: its gates, its counts, its picture, its beginnings, its refusals."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from circuits import ENTANGLERS, INITIALS, DataReupload, ReuploadLayer, initial_weights, make_engine
from circuits.entanglers import edges
from circuits.rotations import rot_spinor, rotation_matrix


@given(n=st.integers(1, 12), entangler=st.sampled_from(list(ENTANGLERS)))
def test_each_pair_is_joined_once(n: int, entangler: str) -> None:
    pairs = [frozenset(edge) for edge in edges(entangler, n)]
    assert len(pairs) == len(set(pairs))
    assert all(len(pair) == 2 and pair <= set(range(n)) for pair in pairs)
    ring = n - 1 if n <= 2 else n
    assert len(pairs) == {"ring": ring, "line": n - 1, "brick": ring, "all": n * (n - 1) // 2, "none": 0}[entangler]


def test_brick_layers_share_no_wire() -> None:
    brick = edges("brick", 8)
    for layer in (brick[:4], brick[4:]):
        assert len({wire for edge in layer for wire in edge}) == 8


@given(n=st.integers(1, 6), blocks=st.integers(1, 4), entangler=st.sampled_from(list(ENTANGLERS)))
def test_every_wire_meets_data_and_weights_once_a_block(n: int, blocks: int, entangler: str) -> None:
    circuit = DataReupload(n, blocks, entangler)
    gates = list(circuit.gates())
    rotations = [g for g in gates if g.name == "Rot"]
    assert len(rotations) == 2 * n * blocks
    assert len(gates) - len(rotations) == len(circuit.edges) * (blocks - 1)
    for source in ("inputs", "weights"):
        places = [(g.block, g.wires[0]) for g in rotations if g.source == source]
        assert sorted(places) == [(b, w) for b in range(blocks) for w in range(n)]
    assert gates[-1].name == "Rot", "an entangler behind the last block could not change <Z>"


def test_paper_circuit_counts() -> None:
    circuit = DataReupload(9, 2)
    assert (circuit.n_weights, circuit.n_effective_weights, circuit.n_inputs) == (54, 45, 27)


def test_drawing() -> None:
    assert DataReupload(3, 2, "line").draw() == (
        "0: ─Rot(x0)─Rot(w0,0)─●───Rot(x0)─Rot(w1,0)─┤ <Z>\n"
        "1: ─Rot(x1)─Rot(w0,1)─●─●─Rot(x1)─Rot(w1,1)─┤ <Z>\n"
        "2: ─Rot(x2)─Rot(w0,2)───●─Rot(x2)─Rot(w1,2)─┤ <Z>"
    )


@given(angles=st.tuples(*[st.floats(-7, 7)] * 3))
def test_so3_matrix_is_the_spinors_rotation(angles: tuple[float, float, float]) -> None:
    """R_jk = 1/2 tr(s_j U s_k U^dagger) ties the two forms of a rotation together."""
    from kronecker import PAULI

    row = torch.tensor(angles, dtype=torch.float64)
    a, b = rot_spinor(row)
    u = torch.stack([torch.stack([a, -b.conj()]), torch.stack([b, a.conj()])])
    axes = [PAULI[k] for k in "XYZ"]
    expected = torch.tensor([[(j @ u @ k @ u.conj().T).trace().real / 2 for k in axes] for j in axes])
    assert_close(rotation_matrix(row.cos(), row.sin()), expected.double(), atol=1e-12, rtol=0)


SAMPLES = (200, 50, 3)
UNIFORM_STD = 2 * math.pi / math.sqrt(12)
TRUNCATED_STD = math.pi / 2 * 0.8796  # a normal cut at two standard deviations keeps 0.8796 of its width
EXPECTED = {  # mean, standard deviation, smallest and largest value, from each distribution's definition
    "uniform": (math.pi, UNIFORM_STD, 0, 2 * math.pi),
    "truncated-normal": (math.pi, TRUNCATED_STD, 0, 2 * math.pi),
    "half-normal": (math.sqrt(2 / math.pi), math.sqrt(1 - 2 / math.pi), 0, 2 * math.pi),
    "small-angle": (0, 0.1, -1, 1),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_initial_weights_follow_their_distribution(name: str) -> None:
    drawn = initial_weights(name, SAMPLES, torch.Generator().manual_seed(0)).flatten()
    mean, std, low, high = EXPECTED[name]
    assert abs(drawn.mean() - mean) < 5 * std / math.sqrt(len(drawn))
    assert abs(drawn.std() / std - 1) < 0.02
    assert low <= drawn.min() <= drawn.max() <= high


def test_identity_block_leaves_only_the_data() -> None:
    """With every trainable rotation the identity, the circuit is the one without them."""
    layer = ReuploadLayer(4, 3, initial="identity-block").double()
    inputs = torch.randn(3, 12, dtype=torch.float64)
    assert layer.weights.abs().max() > 0.1
    bare = make_engine("pennylane", layer.circuit)(inputs, torch.zeros_like(layer.weights))
    assert_close(layer(inputs), bare, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", INITIALS)
def test_initial_weights_come_from_the_generator_alone(name: str) -> None:
    def draw(seed: int) -> torch.Tensor:
        return initial_weights(name, (2, 3, 3), torch.Generator().manual_seed(seed))

    before = torch.get_rng_state()
    assert torch.equal(draw(4), draw(4))
    assert not torch.equal(draw(4), draw(5))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DataReupload(0, 1), "n_qubits: got 0"),
        (lambda: DataReupload(10**12, 1), "n_qubits: got 1000000000000, expected a whole number from 1 to 100,000"),
        (lambda: DataReupload(1, 100_001), "n_blocks: got 100001, expected a whole number from 1 to 100,000"),
        (lambda: DataReupload(2, 1.5), "n_blocks: got 1.5"),
        (lambda: DataReupload(2, 1, "star"), "entangler: got 'star', expected one of ring"),
        (lambda: ReuploadLayer(2, 1, initial="zero"), "initial: got 'zero', expected one of uniform"),
        (lambda: ReuploadLayer(2, 1, engine="fast"), "engine: got 'fast', expected one of lightcone"),
        (lambda: ReuploadLayer(2, 1, device="default.qubit"), "lightcone takes observable, .*, got device"),
        (lambda: ReuploadLayer(2, 1, observable="W"), "observable: got 'W', expected one of Z, X"),
        (lambda: ReuploadLayer(2, 1, "none", observable="ZZ"), "observable: got ZZ for .*, which joins no wires"),
        (lambda: ReuploadLayer(2, 1, shots=0), "shots: got 0"),
        (lambda: ReuploadLayer(40, 20), "amplitudes per sample, expected at most"),
        (lambda: ReuploadLayer(2, 1)(torch.zeros(3, 6).half()), "inputs: got torch.float16"),
        (lambda: ReuploadLayer(2, 1)(torch.zeros(3, 6).numpy()), "inputs: got ndarray"),
        (lambda: ReuploadLayer(2, 1, memory_budget=0), "memory_budget: got 0"),
        (lambda: ReuploadLayer(2, 1, engine="pennylane", device="nope.qubit"), "no device 'nope.qubit'"),
        (lambda: ReuploadLayer(2, 1, engine="pennylane", diff_method="magic"), "diff_method: got 'magic'"),
        (
            lambda: ReuploadLayer(2, 1, engine="pennylane", device="lightning.qubit", diff_method="backprop"),
            "does not fit",
        ),
        (lambda: ReuploadLayer(2, 1)(torch.zeros(3, 5)), "3 n_qubits = 6"),
        (lambda: ReuploadLayer(2, 1)(torch.full((3, 6), torch.nan)), "inputs: .*finite"),
        (lambda: ReuploadLayer(2, 1)(torch.zeros(3, 6, dtype=torch.long)), "inputs: .*float"),
    ],
)
def test_refusals_name_what_is_wrong(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
