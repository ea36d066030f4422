"""Compiled circuits against PyTorch in double precision, which takes other ways to the same values."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses import FakeTensorMode

from circuits import DataReupload, ReuploadLayer
from circuits.engines.lightcone import LightConeEngine
from circuits.engines.lightcone.compiled import kernel_of
from circuits.kernels import Register, TwoBlocks, is_plain, is_watched, kernels, own, register, two_blocks
from circuits.threads import ONE_THREAD_WORK

pytestmark = pytest.mark.skipif(kernels().library is None, reason=kernels().line)


def drawn(batch: int, n: int, size: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = size * (2 * torch.rand(batch, 3 * n, generator=generator) - 1)
    return inputs.requires_grad_(), (6 * torch.rand(2, n, 3, generator=generator) - 3).requires_grad_()


@given(
    batch=st.integers(1, 90),
    n=st.integers(1, 12),
    entangler=st.sampled_from(["ring", "line", "none"]),
    size=st.sampled_from([0.1, 4.0, 700.0, 1e5]),
    seed=st.integers(0, 2**20),
)
def test_it_agrees_with_double_precision(batch: int, n: int, entangler: str, size: float, seed: int) -> None:
    circuit = DataReupload(n_qubits=n, n_blocks=2, entangler=entangler)
    inputs, weights = drawn(batch, n, size, seed)
    exact_inputs, exact_weights = (each.detach().double().requires_grad_() for each in (inputs, weights))
    assert kernel_of(circuit) == TwoBlocks(circuit.layout)
    engine = LightConeEngine(circuit)
    out, wanted = engine(inputs, weights), engine(exact_inputs, exact_weights)
    # An angle plus a weight is rounded to 24 bits before its cosine is taken.
    rounding = 8e-7 + 4 * (size + 3) * 2.0**-24
    torch.testing.assert_close(out.double(), wanted, rtol=0, atol=rounding)

    gradient = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed + 1))
    (out * gradient).sum().backward()
    (wanted * gradient).sum().backward()
    assert (type(out.grad_fn).__name__, type(wanted.grad_fn).__name__) == ("_CompiledBackward", "_TwoBlocksBackward")
    most = float(gradient.abs().max())
    torch.testing.assert_close(inputs.grad.double(), exact_inputs.grad, rtol=0, atol=6 * most * rounding)
    torch.testing.assert_close(weights.grad.double(), exact_weights.grad, rtol=0, atol=6 * most * rounding * batch)
    check_one_call(engine, inputs, weights, gradient, (wanted, exact_inputs.grad, exact_weights.grad), rounding)


def check_one_call(
    engine: LightConeEngine,
    inputs: torch.Tensor,
    weights: torch.Tensor,
    grad: torch.Tensor,
    wanted: tuple[torch.Tensor, ...],
    rounding: float,
) -> None:
    """Values and gradients of one call are those in double precision."""
    most = float(grad.abs().sum(1).max())
    bounds = rounding, 6 * most * rounding, 6 * most * rounding * len(inputs)
    for one, other, bound in zip(engine.value_and_grad(inputs, weights, grad), wanted, bounds, strict=True):
        assert not one.requires_grad
        torch.testing.assert_close(one.double(), other.detach(), rtol=0, atol=bound)
    ones = engine.value_and_grad(inputs, weights, torch.ones_like(grad))
    assert all(map(torch.equal, engine.value_and_grad(inputs, weights), ones))


ENTANGLERS = ["ring", "line", "all", "brick", "none", "0-2,1-2"]


@settings(max_examples=60)
@given(
    batch=st.integers(1, 40),
    n=st.integers(3, 7),
    blocks=st.integers(1, 5),
    entangler=st.sampled_from(ENTANGLERS),
    scaling=st.sampled_from(["none", "block", "added"]),
    size=st.sampled_from([4.0, 1e5]),
    budget=st.sampled_from([1, 2**30]),
    seed=st.integers(0, 2**20),
)
def test_circuits_of_any_depth_agree_with_double_precision(
    batch: int, n: int, blocks: int, entangler: str, scaling: str, size: float, budget: int, seed: int
) -> None:
    circuit = DataReupload(n_qubits=n, n_blocks=blocks, entangler=entangler, data_scaling=scaling)
    engine = LightConeEngine(circuit, memory_budget=budget)
    generator = torch.Generator().manual_seed(seed)
    inputs = (size * (2 * torch.rand(batch, circuit.n_inputs, generator=generator) - 1)).requires_grad_()
    weights = (6 * torch.rand(blocks, n, 3, generator=generator) - 3).requires_grad_()
    exact_inputs, exact_weights = (each.detach().double().requires_grad_() for each in (inputs, weights))
    out, wanted = engine(inputs, weights), engine(exact_inputs, exact_weights)
    rounding = 3e-6 + 8 * blocks * (size + 3) * 2.0**-24
    torch.testing.assert_close(out.double(), wanted, rtol=0, atol=rounding)

    gradient = torch.randn(out.shape, generator=generator)
    (out * gradient).sum().backward()
    (wanted * gradient).sum().backward()
    most = float(gradient.abs().sum(1).max())
    torch.testing.assert_close(inputs.grad.double(), exact_inputs.grad, rtol=0, atol=6 * most * rounding)
    torch.testing.assert_close(weights.grad.double(), exact_weights.grad, rtol=0, atol=6 * most * rounding * batch)
    check_one_call(engine, inputs, weights, gradient, (wanted, exact_inputs.grad, exact_weights.grad), rounding)


@pytest.mark.parametrize(
    ("n", "blocks", "entangler", "reach"),
    [
        (50, 1, "all", 0),
        (9, 2, "ring", 1),
        (9, 3, "ring", 2),
        (30, 4, "line", 3),
        (9, 5, "ring", 0),
        (4, 3, "ring", 0),
        (12, 4, "all", 0),
    ],
)
def test_windows_are_taken_where_they_are_smaller(n: int, blocks: int, entangler: str, reach: int) -> None:
    circuit = DataReupload(n_qubits=n, n_blocks=blocks, entangler=entangler)
    kernel = kernel_of(circuit)
    assert kernel is not None
    assert getattr(kernel, "reach", 1) == reach  # a closed form sees the nearest wires
    assert LightConeEngine(circuit).takes_kernels


@pytest.mark.parametrize(
    "options",
    [
        {"n_qubits": 13, "n_blocks": 3, "entangler": "all"},
        {"n_qubits": 4, "n_blocks": 3, "entangling_gate": "cnot"},
        {"n_qubits": 4, "n_blocks": 2, "entangling_gate": "cnot"},
        {"n_qubits": 4, "n_blocks": 2, "entangling_gate": "crz"},
        {"n_qubits": 4, "n_blocks": 2, "entangler": "all"},
        {"n_qubits": 4, "n_blocks": 2, "entangler": [(0, 1), (2, 3)]},
    ],
)
def test_large_registers_and_other_gates_are_left_to_pytorch(options: dict[str, Any]) -> None:
    circuit = DataReupload(**options)
    assert kernel_of(circuit) is None
    assert not LightConeEngine(circuit).takes_kernels


@pytest.mark.parametrize("n_blocks", [1, 2, 3, 5])
@pytest.mark.parametrize("batch", [3, 90])
def test_threads_change_no_bit(n_blocks: int, batch: int) -> None:
    kernel = kernel_of(DataReupload(n_qubits=8, n_blocks=n_blocks))
    inputs, weights = drawn(batch, 8, 4.0, 0)[0].detach(), torch.linspace(-3, 3, 24 * n_blocks).reshape(-1, 8, 3)
    grad = torch.linspace(-1, 1, 8 * batch).reshape(batch, 8)
    results = []
    for threads in (1, 2, 3, 40):
        out, states = kernel.values(inputs, weights, True, threads)
        both = torch.empty_like(out)
        kernel.gradients(grad, inputs, weights, states=None, needs_inputs=True, values=both, threads=threads)
        results.append(
            (out, both, *kernel.gradients(grad, inputs, weights, states=states, needs_inputs=True, threads=threads))
        )
    for others in results[1:]:
        assert all(torch.equal(one, other) for one, other in zip(results[0], others, strict=True))


def test_states_are_kept_for_a_gradient_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, values = [], Register.values

    def noted(kernel: Register, inputs: torch.Tensor, weights: torch.Tensor, keep: bool, threads: int) -> object:
        kept.append(keep)
        return values(kernel, inputs, weights, keep, threads)

    monkeypatch.setattr(Register, "values", noted)
    layer = ReuploadLayer(3, 3, entangler="all")
    inputs = torch.ones(2, 9)
    with torch.no_grad():
        layer(inputs)
    layer(inputs)
    layer.engine.memory_budget = 1
    layer(inputs)
    layer.weights.requires_grad_(False)
    layer(inputs)
    assert kept == [False, True, False, False]


@pytest.mark.parametrize("n_blocks", [1, 2, 3])
def test_gradients_of_inputs_or_weights_alone_and_of_a_batch(n_blocks: int) -> None:
    engine = LightConeEngine(DataReupload(n_qubits=3, n_blocks=n_blocks))
    inputs, _ = drawn(4, 3, 4.0, 0)
    weights = torch.linspace(-3, 3, 9 * n_blocks).reshape(n_blocks, 3, 3).requires_grad_()
    both = torch.autograd.grad(engine(inputs, weights).sum(), (inputs, weights))
    assert torch.equal(torch.autograd.grad(engine(inputs, weights.detach()).sum(), inputs)[0], both[0])
    assert torch.equal(torch.autograd.grad(engine(inputs.detach(), weights).sum(), weights)[0], both[1])
    if n_blocks == 3:  # nor does the state vector of PyTorch's own path take a batch of gradients
        return
    batch = torch.eye(12).reshape(12, 4, 3)
    (rows,) = torch.autograd.grad(engine(inputs, weights), inputs, batch, is_grads_batched=True)
    torch.testing.assert_close(rows.sum(0), both[0], rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("n_blocks", [1, 2, 3])
def test_traces_default_devices_and_views_get_the_same_values(n_blocks: int) -> None:
    layer = ReuploadLayer(3, n_blocks)
    inputs = drawn(20, 3, 4.0, 0)[0].detach()
    wanted = layer(inputs).detach()
    traced = torch.jit.trace(layer, inputs, check_trace=False)
    torch.testing.assert_close(traced(inputs).detach(), wanted, rtol=0, atol=1e-5)
    with torch.device("meta"):
        layer(inputs).sum().backward()
    assert layer.weights.grad.device.type == "cpu"
    assert torch.equal(layer(inputs.t().contiguous().t()), wanted)
    torch.testing.assert_close(layer(torch._neg_view(-inputs)), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_blocks", [1, 2, 3])
def test_a_gradient_that_torch_negates_lazily_is_read_as_what_it_is(n_blocks: int) -> None:
    layer = ReuploadLayer(3, n_blocks)
    inputs, given = drawn(20, 3, 4.0, 0)[0], torch.linspace(-1, 1, 60).reshape(20, 3)
    wanted = torch.autograd.grad(layer(inputs), (inputs, layer.weights), given)
    found = torch.autograd.grad(layer(inputs), (inputs, layer.weights), torch._neg_view(-given))
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("n_blocks", [1, 2, 3])
def test_small_batches_are_computed_in_one_thread(monkeypatch: pytest.MonkeyPatch, n_blocks: int) -> None:
    engine = LightConeEngine(DataReupload(n_qubits=4, n_blocks=n_blocks))
    small, large = drawn(3, 4, 4.0, 0)[0], drawn(1 + ONE_THREAD_WORK // engine._numbers, 4, 4.0, 0)[0]
    weights = torch.linspace(-3, 3, 12 * n_blocks).reshape(n_blocks, 4, 3).requires_grad_()
    used, library = [], own.call

    def noted(name: str, *rest: Any, threads: int) -> None:
        used.append(threads)
        library(name, *rest, threads=threads)

    for module in (two_blocks, register):
        monkeypatch.setattr(module, "call", noted)
    torch.set_num_threads(2)
    try:
        for inputs in (small, large):
            torch.autograd.grad(engine(inputs, weights).sum(), (inputs, weights))
            engine.value_and_grad(inputs, weights)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert used == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_blocks", [1, 2, 3])
@given(wires=st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_any_words_of_z_are_columns_of_z(n_blocks: int, dtype: torch.dtype, wires: list[int]) -> None:
    circuit = DataReupload(n_qubits=4, n_blocks=n_blocks)
    inputs = drawn(3, 4, 4.0, 0)[0].detach().to(dtype).requires_grad_()
    weights = torch.linspace(-3, 3, 12 * n_blocks, dtype=dtype).reshape(n_blocks, 4, 3).requires_grad_()
    engine, whole = LightConeEngine(circuit, [f"Z{wire}" for wire in wires]), LightConeEngine(circuit)
    wanted = whole(inputs, weights)[:, wires]
    found = engine(inputs, weights)
    assert torch.equal(found, wanted)
    grad = torch.linspace(-1, 1, found.numel(), dtype=dtype).reshape(found.shape)
    gradients = torch.autograd.grad(wanted, (inputs, weights), grad)
    for one, other in zip(engine.value_and_grad(inputs, weights, grad), (wanted, *gradients), strict=True):
        torch.testing.assert_close(one, other.detach(), rtol=0, atol=2e-6)


@pytest.mark.parametrize("n_blocks", [1, 2, 3])
def test_gradients_given_in_any_way_and_without_autograd(n_blocks: int) -> None:
    engine = LightConeEngine(DataReupload(n_qubits=3, n_blocks=n_blocks))
    inputs = drawn(4, 3, 4.0, 0)[0].detach()
    weights = torch.linspace(-3, 3, 9 * n_blocks).reshape(n_blocks, 3, 3)
    grad = torch.linspace(-1, 1, 12).reshape(4, 3)
    wanted = engine.value_and_grad(inputs, weights, grad)
    ways = [grad.double(), torch._neg_view(-grad), grad.t().contiguous().t()]
    for found in [*(engine.value_and_grad(inputs, weights, way) for way in ways)]:
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=2e-6)
    even = torch.full((), 0.5).expand(4, 3)
    ones = engine.value_and_grad(inputs, weights)
    for one, other in zip(engine.value_and_grad(inputs, weights, even)[1:], ones[1:], strict=True):
        torch.testing.assert_close(one, other / 2, rtol=0, atol=2e-6)
    for tensors in ((inputs, weights), (inputs.double(), weights.double())):
        with torch.inference_mode():
            found = engine.value_and_grad(*(each.clone() for each in tensors), grad.to(tensors[0].dtype))
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one.float(), other, rtol=0, atol=2e-5)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda engine: pickle.loads(pickle.dumps(engine))])
def test_a_copy_of_an_engine_evaluates_by_itself(copied: Any) -> None:
    engine = LightConeEngine(DataReupload(n_qubits=3, n_blocks=3))
    other = copied(engine)
    inputs, weights = drawn(4, 3, 4.0, 0)[0], torch.linspace(-3, 3, 27).reshape(3, 3, 3)
    assert torch.equal(other(inputs, weights), engine(inputs, weights))
    assert other._compiled.evaluate.func.__self__ is other


def test_tensors_without_numbers_in_memory_are_left_to_pytorch() -> None:
    engine = LightConeEngine(DataReupload(n_qubits=3, n_blocks=2))
    inputs, weights = drawn(4, 3, 4.0, 0)[0].detach(), torch.linspace(-3, 3, 18).reshape(2, 3, 3)
    zeros, nothing = torch._efficientzerotensor((4, 3)), torch._efficientzerotensor((4, 9))
    values, *gradients = engine.value_and_grad(inputs, weights, zeros)
    torch.testing.assert_close(values, engine(inputs, weights), rtol=0, atol=2e-6)
    assert not any(gradient.any() for gradient in gradients)
    torch.testing.assert_close(engine(nothing, weights), engine(torch.zeros(4, 9), weights), rtol=0, atol=2e-6)
    freed = inputs.clone()
    freed.untyped_storage().resize_(0)
    assert not is_plain(freed)
    assert not is_plain(inputs.to_sparse())
    assert not is_plain(FakeTensorMode().from_tensor(inputs))
    assert is_plain(inputs)


def test_rows_do_not_depend_on_their_batch() -> None:
    circuit = DataReupload(n_qubits=5, n_blocks=2)
    inputs, weights = drawn(300, 5, 4.0, 0)
    engine = LightConeEngine(circuit)
    together = engine(inputs, weights)
    alone = torch.cat([engine(row[None], weights) for row in inputs])
    assert torch.equal(together, alone)


def test_values_that_are_known() -> None:
    """Without rotations of the data, two blocks of RY(theta) on one wire are cos of the sum of both angles."""
    circuit = DataReupload(n_qubits=1, n_blocks=2)
    angles = torch.tensor([0.0, math.pi / 2, -2.5, 9000.0])
    weights = torch.zeros(2, 1, 3)
    weights[0, 0, 1] = 0.25
    found = LightConeEngine(circuit)(torch.stack([torch.zeros(4), angles, torch.zeros(4)], 1), weights)
    # RY of the data acts in both blocks.
    wanted = torch.cos(2 * angles.double() + 0.25)
    torch.testing.assert_close(found[:, 0].double(), wanted, rtol=0, atol=2e-6)


def test_no_number_stays_no_number_in_its_own_row() -> None:
    circuit = DataReupload(n_qubits=3, n_blocks=2)
    inputs, weights = drawn(20, 3, 4.0, 0)
    spoiled = inputs.detach().clone()
    spoiled[7, 4] = math.nan
    spoiled[9, 0] = math.inf
    engine = LightConeEngine(circuit)
    found, clean = engine(spoiled, weights), engine(inputs, weights)
    touched = torch.tensor([7, 9])
    assert found[touched].isnan().any(1).all()
    others = torch.ones(20, dtype=torch.bool)
    others[touched] = False
    torch.testing.assert_close(found[others], clean[others], rtol=0, atol=2e-6)


@pytest.mark.parametrize("n_blocks", [1, 2, 3])
def test_a_gradient_of_the_gradient_goes_through_pytorch(n_blocks: int) -> None:
    engine = LightConeEngine(DataReupload(n_qubits=3, n_blocks=n_blocks))
    inputs, _ = drawn(4, 3, 4.0, 0)
    weights = torch.linspace(-3, 3, 9 * n_blocks).reshape(n_blocks, 3, 3)
    exact = inputs.detach().double().requires_grad_()
    seconds = []
    for each, same in ((inputs, weights), (exact, weights.double())):
        (first,) = torch.autograd.grad(engine(each, same).sum(), each, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), each)
        seconds.append(second.double())
    torch.testing.assert_close(*seconds, rtol=0, atol=1e-4)


def test_whoever_watches_is_seen() -> None:
    assert not is_watched()
    with torch.autograd.forward_ad.dual_level():
        assert is_watched()
    with torch.autocast("cpu"):
        assert is_watched()
