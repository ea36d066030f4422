"""The exact engine beyond <Z>: other observables, shots, pieces of a batch, compilation, large registers."""

from __future__ import annotations

import math
import subprocess
import sys

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kronecker import oracle, random_angles, random_circuits
from torch.testing import assert_close

from circuits import ENTANGLERS, DataReupload, ReuploadLayer, make_engine
from circuits.engines.lightcone import choose_method
from circuits.engines.lightcone import engine as lightcone

METHODS = {  # every way of evaluation, on circuits small enough for the oracle
    "closed form": DataReupload(5, 2),
    "Pauli paths": DataReupload(5, 3, "line"),
    "windows": DataReupload(4, 4, "none"),
    "register": DataReupload(5, 4, "all"),
}


def both(circuit: DataReupload, observable: str, seed: int):
    engine = make_engine("lightcone", circuit, observable=observable)
    results = []
    for evaluate in (engine, lambda x, w: oracle(circuit, x, w, observable)):
        inputs, weights = random_angles(circuit, seed, batch=2)
        out = evaluate(inputs, weights)
        mix = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=out.dtype)
        results.append((out.detach(), *torch.autograd.grad((out * mix).sum(), (inputs, weights))))
    return results


@settings(max_examples=120)
@given(drawn=random_circuits(max_qubits=6, max_blocks=5), observable=st.sampled_from(["X", "Y", "ZZ"]))
def test_observables_equal_the_oracle(drawn, observable: str) -> None:
    circuit, seed = drawn
    if observable == "ZZ" and not circuit.edges:
        with pytest.raises(ValueError, match=r"observable: got ZZ for .*, which joins no wires"):
            make_engine("lightcone", circuit, observable=observable)
        return
    for ours, theirs in zip(*both(circuit, observable, seed), strict=True):
        assert_close(ours, theirs, atol=1e-9, rtol=0)


@pytest.mark.parametrize("entangler", ["ring", "line", "brick"])
def test_pair_windows_equal_the_oracle(entangler: str) -> None:
    circuit = DataReupload(8, 2, entangler)
    assert choose_method(circuit, "ZZ") == "windows"
    for ours, theirs in zip(*both(circuit, "ZZ", 4), strict=True):
        assert_close(ours, theirs, atol=1e-9, rtol=0)


@pytest.mark.parametrize(
    ("circuit", "observable"), [(METHODS["register"], "Z"), (METHODS["windows"], "Z"), (DataReupload(8, 2), "ZZ")]
)
def test_pieces_of_a_batch_equal_the_whole(circuit: DataReupload, observable: str) -> None:
    results = []
    for budget in (2**31, 1):
        engine = make_engine("lightcone", circuit, observable=observable, memory_budget=budget)
        inputs, weights = random_angles(circuit, 2, batch=5)
        out = engine(inputs, weights)
        results.append((out.detach(), *torch.autograd.grad(out.sin().sum(), (inputs, weights))))
    for whole, pieces in zip(*results, strict=True):
        assert_close(pieces, whole, atol=1e-13, rtol=0)


def test_tiles_of_a_batch_equal_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for smallest in (1000, 2):
        monkeypatch.setattr(lightcone, "SMALLEST_TILE", smallest)
        monkeypatch.setattr(lightcone, "TILE_BYTES", 1)
        inputs, weights = random_angles(METHODS["register"], 2, batch=5)
        out = make_engine("lightcone", METHODS["register"])(inputs, weights)
        results.append((out.detach(), *torch.autograd.grad(out.sin().sum(), (inputs, weights))))
    for whole, tiles in zip(*results, strict=True):
        assert_close(tiles, whole, atol=1e-13, rtol=0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
@pytest.mark.parametrize("method", METHODS)
def test_compiles_without_graph_breaks(
    method: str, dtype: torch.dtype, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What checks shapes while tests run is no part of the engine, and cannot be compiled.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    circuit = METHODS[method]
    assert choose_method(circuit) == method
    layer = ReuploadLayer(circuit.n_qubits, circuit.n_blocks, circuit.entangler).to(dtype)
    inputs = random_angles(circuit, 0, batch=3)[0].detach().to(dtype).requires_grad_()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    out = compiled(inputs)
    assert_close(out, layer(inputs), atol=tolerance, rtol=0)
    gradient = torch.autograd.grad(out.sum(), (inputs, layer.weights))
    for ours, theirs in zip(gradient, torch.autograd.grad(layer(inputs).sum(), (inputs, layer.weights)), strict=True):
        assert_close(ours, theirs, atol=tolerance, rtol=0)


NOISY = """
import torch
from circuits import ReuploadLayer
layer = ReuploadLayer(3, 3, noise="amplitude-damping:0.1+readout:0.02,p10=0.05").double()
inputs = torch.randn(2, 9, dtype=torch.float64)
out = torch.compile(layer, fullgraph=True, backend="aot_eager")(inputs)
torch.testing.assert_close(out, layer(inputs), atol=1e-12, rtol=0)
ours, theirs = (torch.autograd.grad(values.sum(), layer.weights)[0] for values in (out, layer(inputs)))
torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)
"""


def test_compiles_without_graph_breaks_under_noise() -> None:
    """In an interpreter of its own: what checks shapes while tests run cannot be compiled."""
    done = subprocess.run([sys.executable, "-c", NOISY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_shots_scatter_around_the_exact_value_as_they_must() -> None:
    circuit = DataReupload(6, 3)
    inputs, weights = random_angles(circuit, 0, batch=200)
    exact = make_engine("lightcone", circuit)(inputs, weights)
    shots = 1000
    engine = make_engine("lightcone", circuit, shots=shots, generator=torch.Generator().manual_seed(3))
    sampled = engine(inputs, weights)
    errors = (sampled - exact) / ((1 - exact**2).clamp(min=1e-12) / shots).sqrt()
    assert errors.abs().max() < 5.5
    assert abs(errors.std() - 1) < 5 / math.sqrt(2 * errors.numel())
    counts = (sampled + 1) * shots / 2
    assert_close(counts, counts.round(), atol=1e-9, rtol=0)


def test_shots_are_reproducible_and_keep_the_exact_gradient() -> None:
    circuit = DataReupload(4, 2)
    inputs, weights = random_angles(circuit, 0, batch=3)

    def sampled(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return make_engine("lightcone", circuit, shots=100, generator=generator)(inputs, weights)

    assert torch.equal(sampled(1), sampled(1))
    assert not torch.equal(sampled(1), sampled(2))
    exact = torch.autograd.grad(make_engine("lightcone", circuit)(inputs, weights).sum(), weights)
    assert torch.equal(torch.autograd.grad(sampled(1).sum(), weights)[0], exact[0])


@pytest.mark.parametrize("n_blocks", [2, 3, 4, 5])
@pytest.mark.parametrize("entangler", ["ring", "line"])
def test_hundreds_of_wires_repeat_a_small_register(n_blocks: int, entangler: str) -> None:
    """Where every wire gets the same angles, every window is alike, however long the ring: a law that needs no peer."""
    small, large = DataReupload(11, n_blocks, entangler), DataReupload(300, n_blocks, entangler)
    generator = torch.Generator().manual_seed(0)
    data = torch.rand(2, 1, 3, generator=generator, dtype=torch.float64) * 6
    weights = torch.rand(n_blocks, 1, 3, generator=generator, dtype=torch.float64) * 6

    def evaluate(circuit: DataReupload) -> torch.Tensor:
        n = circuit.n_qubits
        return make_engine("lightcone", circuit)(data.expand(2, n, 3).reshape(2, -1), weights.expand(-1, n, 3))

    middle = evaluate(small)[:, 5:6]
    interior = evaluate(large)[:, n_blocks:-n_blocks]
    assert_close(interior, middle.expand_as(interior), atol=1e-12, rtol=0)


@pytest.mark.parametrize("entangler", ENTANGLERS)
def test_every_method_accepts_an_empty_batch(entangler: str) -> None:
    for blocks in (1, 2, 3, 5):
        layer = ReuploadLayer(5, blocks, entangler)
        assert layer.with_engine("pennylane")(torch.zeros(0, 15)).shape == (0, 5)
        out = layer(torch.zeros(0, 15))
        assert out.shape == (0, 5)


@pytest.mark.parametrize("observable", ["Z", "X", "Y", "ZZ"])
@pytest.mark.parametrize("n_blocks", [2, 3])
def test_dead_weights_are_those_without_a_gradient(observable: str, n_blocks: int) -> None:
    layer = ReuploadLayer(5, n_blocks, observable=observable).double()
    out = layer(torch.randn(20, 15, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    out.square().sum().backward()
    assert int((layer.weights.grad.abs() > 1e-12).sum()) == layer.n_effective_weights
